"""`tl measure`: every figure that the data and model cards promise, measured again and printed.

    python -m tlhelpers measure                   all of them, 10 seeds: about 25 minutes
    python -m tlhelpers measure birds --seeds 3   this group only, with fewer seeds
    python -m tlhelpers measure --sealed          on the sealed seed; prints, stores nothing

Each contender is tuned alike: its learning rate is chosen from one grid on the validation split
with a seed that is not measured, gradients are clipped, the budget is the same. Accuracies are
fractions of the test split, whose pictures each seed draws anew. While the course is being
written nobody looks at the sealed seed: it is measured once for a release, and shows whether the
figures were made to fit the other seeds.
Each group is stored in `datasets/results/bars_<group>.json` and shown on the data cards in
`datasets/zukan`, which this command writes.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from tlhelpers.course.cli import Parser
from tlhelpers.course.data_cards import write_cards
from tlhelpers.course.results import place_of
from tlhelpers.data.catalog import load_task, redrawn
from tlhelpers.data.task import Task
from tlhelpers.models.backbones import backbone
from tlhelpers.runtime import device
from tlhelpers.runtime.language import text
from tlhelpers.runtime.places import RESULTS
from tlhelpers.runtime.stamp import stamp
from tlhelpers.runtime.store import require_writable, write_atomic
from tlhelpers.train.engine import evaluate
from tlhelpers.transfer.features import probe
from tlhelpers.transfer.fewshot import few_shot
from tlhelpers.transfer.finetune import fine_tune
from tlhelpers.transfer.intervals import Interval, interval
from tlhelpers.transfer.negative import reinitialise, train_from_scratch
from tlhelpers.transfer.search import SCRATCH_GRID, TUNING_SEEDS, search
from tlhelpers.transfer.zeroshot import zero_shot

WEIGHTS = ("zukan-paint", "zukan-resnet")
SEALED = 271828
# A logistic regression on a 4 x 4 x 4 colour histogram, 50 pictures a class, must stay below:
COLOUR_LIMITS = {
    "source": 0.06,
    "novel": 0.15,
    "birds": 0.25,
    "birds24": 0.15,
    "fish": 0.35,
    "pets": 0.60,
    "surfaces": 0.35,
    "xray": 0.45,
    "land_use": 0.55,
    "strokes": 0.12,
    "shapes": 0.15,
    "textures": 0.20,
}


@dataclass
class Bar:
    """One promised figure: what was measured, over how many seeds, and the bar it must clear."""

    name: str
    measured: Interval
    at_least: float | None = None
    at_most: float | None = None

    @property
    def holds(self) -> bool:
        above = self.at_least is None or self.measured.mean >= self.at_least
        return above and (self.at_most is None or self.measured.mean <= self.at_most)


_GROUPS: dict[str, Callable[[Sequence[int]], Iterator[Bar]]] = {}


def group(measure: Callable) -> Callable:
    """Registers measure_NAME(seeds) as the group NAME."""
    _GROUPS[measure.__name__.removeprefix("measure_")] = measure
    return measure


@group
def measure_birds(seeds: Sequence[int]) -> Iterator[Bar]:
    """Ten birds, five labels a class."""
    runs = _contenders("zukan-resnet", lambda s: redrawn("birds", 5, s), seeds, epochs=40)
    yield Bar("birds, 5 labels: probe", interval(runs["frozen"], share=True), at_least=0.80)
    yield Bar("birds, 5 labels: fine-tuned", interval(runs["tuned"], share=True), at_least=0.88)
    yield Bar("birds, 5 labels: scratch", interval(runs["scratch"], share=True))
    for name in ("frozen", "tuned"):
        gap = interval(_differences(runs[name], runs["scratch"]))
        yield Bar(f"birds, 5 labels: {name} above scratch", gap, at_least=0.20)


@group
def measure_few_shot(seeds: Sequence[int]) -> Iterator[Bar]:
    """Five birds at a time, from one or five pictures each; another seed has other pictures."""
    network = backbone("zukan-resnet")
    tasks = [redrawn("birds", 1, seed, valid=1, test=60) for seed in seeds]
    for shots, bar in ((1, 0.75), (5, 0.90)):
        runs = [
            few_shot(network, t, 5, shots, seed=s).accuracy.mean
            for s, t in zip(seeds, tasks, strict=True)
        ]
        yield Bar(f"few-shot birds, 5-way {shots}-shot", interval(runs, share=True), at_least=bar)
        pixels = [
            few_shot("pixels", t, 5, shots, seed=s).accuracy.mean
            for s, t in zip(seeds, tasks, strict=True)
        ]
        yield Bar(
            f"few-shot birds, {shots}-shot, raw pixels", interval(pixels, share=True), at_most=0.40
        )


@group
def measure_zero_shot(seeds: Sequence[int]) -> Iterator[Bar]:
    """Twenty-four birds, five of them never seen."""
    task, network = load_task("birds24", per_class=25), backbone("zukan-resnet")
    device.set_seed(0)
    untrained = reinitialise(network)
    good = [zero_shot(network, task, n_unseen=5, seed=s).accuracy for s in seeds]
    random = [zero_shot(untrained, task, n_unseen=5, seed=s).accuracy for s in seeds]
    yield Bar("zero-shot, 5 of 24 birds unseen", interval(good, share=True), at_least=0.80)
    yield Bar("zero-shot, random network", interval(random, share=True))
    yield Bar("zero-shot, above random", interval(_differences(good, random)), at_least=0.15)


@group
def measure_pets(seeds: Sequence[int]) -> Iterator[Bar]:
    """Cats and dogs with 200 labels a class: where scratch catches up.

    Two classes have few validation pictures, so there are a hundred of each to choose by.
    """

    def load(seed: int) -> Task:
        return redrawn("pets", 200, seed, valid=100, test=200)

    runs = _contenders("zukan-resnet", load, seeds, epochs=20)
    yield Bar("pets, 200 labels: probe", interval(runs["frozen"], share=True))
    yield Bar("pets, 200 labels: fine-tuned", interval(runs["tuned"], share=True))
    yield Bar("pets, 200 labels: scratch", interval(runs["scratch"], share=True))
    above = _differences(runs["scratch"], runs["frozen"])
    yield Bar("pets, 200 labels: scratch above probe", interval(above), at_least=0.0)


@group
def measure_paint(seeds: Sequence[int]) -> Iterator[Bar]:
    """A paint sorter's network on surface defects: negative transfer."""
    runs = _contenders("zukan-paint", lambda s: redrawn("surfaces", 100, s), seeds, epochs=15)
    yield Bar("surfaces, 100 labels: paint sorter, probe", interval(runs["frozen"], share=True))
    yield Bar("surfaces, 100 labels: paint sorter, fine-tuned", interval(runs["tuned"], share=True))
    yield Bar("surfaces, 100 labels: scratch", interval(runs["scratch"], share=True))
    for name in ("frozen", "tuned"):
        gap = _differences(runs["scratch"], runs[name])
        yield Bar(f"surfaces: scratch above paint sorter, {name}", interval(gap), at_least=0.08)


@group
def measure_night(seeds: Sequence[int]) -> Iterator[Bar]:
    """Fish learned by day, met by night."""
    day, night = [], []
    for seed in seeds:
        result = fine_tune(backbone("zukan-resnet"), redrawn("fish", 30, seed), seed=seed)
        day.append(result.test_acc)
        dark = redrawn("fish", 30, seed, style="night")
        night.append(evaluate(result.model, dark.open_test()))
    yield Bar("fish by day", interval(day, share=True))
    yield Bar("fish by night", interval(night, share=True))
    yield Bar("fish: drop by night", interval(_differences(day, night)), at_least=0.20)


@group
def measure_digits(seeds: Sequence[int]) -> Iterator[Bar]:
    """scikit-learn's real handwriting."""
    for count in (5, 10):
        load = functools.partial(load_task, "digits", count)
        runs = _contenders("zukan-resnet", load, seeds, epochs=40)
        for name, values in runs.items():
            yield Bar(f"digits, {count} labels: {name}", interval(values, share=True))
        sums = {name: sum(runs[name]) for name in ("frozen", "tuned")}
        best = max(sums, key=sums.__getitem__)
        gap = interval(_differences(runs[best], runs["scratch"]))
        yield Bar(f"digits, {count} labels: {best} above scratch", gap, at_least=0.03)


@group
def measure_colour(seeds: Sequence[int]) -> Iterator[Bar]:
    """How far the mean colours alone would get: no shortcut."""
    for name, limit in COLOUR_LIMITS.items():
        runs = []
        for seed in seeds:
            task = redrawn(name, 50, seed, test=30)
            model = LogisticRegression(max_iter=300)
            model.fit(colour_histogram(task.train.inputs), task.train.labels)
            test = task.open_test()
            runs.append(model.score(colour_histogram(test.inputs), test.labels))
        yield Bar(f"{name}: colour histogram alone", interval(runs, share=True), at_most=limit)


def colour_histogram(images: Tensor, bins: int = 4) -> Tensor:
    """Share of pixels in each of bins^3 colours: uint8 (n, 3, h, w) -> float (n, bins^3)."""
    level = (images.long() * bins) // 256
    cell = (level[:, 0] * bins + level[:, 1]) * bins + level[:, 2]
    return torch.stack([torch.bincount(c.flatten(), minlength=bins**3) for c in cell]) / float(
        images[0, 0].numel()
    )


def _contenders(
    name: str, load: Callable[[int], Task], seeds: Sequence[int], epochs: int
) -> dict[str, list[float]]:
    """Test accuracies of probe, fine-tuning and scratch, equally tuned, one a seed."""
    network = backbone(name)
    shared: dict[str, Any] = {"epochs": epochs, "batch_size": 32, "clip_norm": 1.0}
    moving: dict[str, Any] = {"freeze_epochs": 0, "lr_mult": 1, "keep_batchnorm": False}
    tune: Callable[..., Any] = functools.partial(fine_tune, network, **moving, **shared)
    first = load(TUNING_SEEDS[0])
    fresh: Callable[..., Any] = functools.partial(train_from_scratch, network, **shared)
    rates = {"lr": SCRATCH_GRID["lr"]}
    tuned_lr = search(lambda lr: tune(first, lr=lr, read_test=False), rates).chosen["lr"]
    scratch_lr = search(lambda lr: fresh(first, lr=lr, read_test=False), rates).chosen["lr"]
    runs: dict[str, list[float]] = {"frozen": [], "tuned": [], "scratch": []}
    for seed in seeds:
        task = load(seed)
        runs["frozen"].append(probe(network, task, seed=seed).test_acc)
        runs["tuned"].append(tune(task, lr=tuned_lr, seed=seed).test_acc)
        runs["scratch"].append(fresh(task, lr=scratch_lr, seed=seed).test_acc)
    return runs


def _differences(high: list[float], low: list[float]) -> list[float]:
    return [a - b for a, b in zip(high, low, strict=True)]


def main(argv: list[str] | None = None) -> int:
    """`tl measure [NAME ...] [--seeds N] [--sealed]`: exit code 1 where a bar does not hold."""
    parser = Parser("measure")
    parser.add_argument("names", nargs="*", choices=[*_GROUPS, []], help=text("measure.help_names"))
    parser.add_argument("--seeds", type=int, default=10, help=text("measure.help_seeds"))
    parser.add_argument("--sealed", action="store_true", help=text("measure.help_sealed"))
    asked = parser.parse_args(argv)
    if not asked.sealed:
        require_writable(RESULTS)
    device.set_threads()
    seeds = (SEALED,) if asked.sealed else range(asked.seeds)
    failed = False
    for name in asked.names or _GROUPS:
        started, bars = time.perf_counter(), []
        for bar in _GROUPS[name](seeds):
            bars.append(bar)
            failed |= not bar.holds
            wanted = f">= {bar.at_least}" if bar.at_least is not None else ""
            wanted = f"<= {bar.at_most}" if bar.at_most is not None else wanted
            verdict = ("", "ok" if bar.holds else "FAILS")[bool(wanted)]
            print(f"{bar.name:48} {bar.measured!s:24} {wanted:8} {verdict}", flush=True)
        if asked.sealed:
            continue
        depends_on: dict[str, Any] = {"of": place_of(_GROUPS[name]), "weights": list(WEIGHTS)}
        record = {
            "name": f"bars_{name}",
            "command": f"python -m tlhelpers measure {name} --seeds {asked.seeds}",
            "stamp": stamp(**depends_on),
            "depends_on": depends_on,
            "seconds": round(time.perf_counter() - started, 1),
            "data": [asdict(bar) for bar in bars],
        }
        content = json.dumps(record, indent=1) + "\n"
        write_atomic(RESULTS / f"bars_{name}.json", content.encode())
    if not asked.sealed:
        write_cards()
    return int(failed)
