"""`tl bench`: speed, side by side in one run, as ratios with their spread.

    python -m tlhelpers bench                      everything: about five minutes on one core
    python -m tlhelpers bench --only engine probe  these parts only
    python -m tlhelpers bench --quick              tiny sizes: shows that it runs, proves nothing
    python -m tlhelpers bench --gpu --minutes 8 --out gpu     what takes a GPU (bench_gpu.py)

Contenders take turns, round by round, and must first have reached the same loss. Times are CPU
seconds of one thread, which a busy machine stretches less than the clock (part `clock` has the
other: seconds on the clock with all threads, for an idle machine). The whole table goes
to `datasets/results/benchmarks.md`; peers come with `pip install tlhelpers[bench]`.
"""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from tlhelpers.course import bench_gpu, bench_processes, bench_recipe
from tlhelpers.course.bench_table import Row, write_table
from tlhelpers.course.cli import Parser
from tlhelpers.course.contenders import (
    ENGINE,
    INDEXED_LOOP,
    LOADER_LOOP,
    Race,
    contenders,
    silence,
)
from tlhelpers.data.catalog import load_task
from tlhelpers.data.task import Split
from tlhelpers.models.backbones import backbone
from tlhelpers.models.networks import zukan_resnet
from tlhelpers.models.surgery import features_of
from tlhelpers.runtime import device
from tlhelpers.runtime.language import text
from tlhelpers.runtime.places import RESULTS
from tlhelpers.runtime.store import StoreError, require_writable, write_atomic
from tlhelpers.train.engine import fit
from tlhelpers.transfer.extraction import extract_features, stream_features
from tlhelpers.transfer.fewshot import evaluate_episodes, few_shot, sample_episodes
from tlhelpers.transfer.heads import LEARNING_RATES, WEIGHT_DECAYS, Standardizer, fit_heads

FILE = RESULTS / "benchmarks.md"


@dataclass
class Sizes:
    """How much is measured: `--quick` shrinks all of it."""

    rounds: int = 5
    head_steps: int = 400
    network_steps: int = 12
    images: int = 1000
    episodes: int = 600
    embedded: int = 20  # episodes of the loop that embeds anew
    streamed: int = 1_000_000
    photos: int = 1000  # of cats and dogs, to learn from; half as many are held out


QUICK = Sizes(2, 20, 4, 160, 60, 2, 20_000, 40)

_PARTS: dict[str, Callable[[Sizes], Iterator[Row]]] = {}


def part(measure: Callable[[Sizes], Iterator[Row]]) -> Callable[[Sizes], Iterator[Row]]:
    _PARTS[measure.__name__.removeprefix("measure_")] = measure
    return measure


@part
def measure_engine(sizes: Sizes) -> Iterator[Row]:
    """One step of each contender, on a bare linear head and on the small network."""
    generator = torch.Generator().manual_seed(0)

    def race(name: str, make: Callable, steps: int, *shape: int) -> Race:
        inputs = torch.randn(64 * steps, *shape, generator=generator)
        return Race(name, make, inputs, torch.randint(10, (64 * steps,), generator=generator))

    head = race(text("bench.head"), lambda: nn.Linear(256, 10), sizes.head_steps, 256)
    network = race(text("bench.network"), lambda: zukan_resnet(10), sizes.network_steps, 3, 64, 64)
    for one, against_loop, against_peers in ((head, 1.15, 0.9), (network, 1.05, 1.0)):
        seconds = _take_turns(one, sizes.rounds)
        unit, factor = ("µs", 1e6) if one is head else ("ms", 1e3)
        for name, values in seconds.items():
            yield Row(f"{one.name}: {name}", [value * factor for value in values], unit)
        ratios = {
            name: [ours / theirs for ours, theirs in zip(seconds[ENGINE], values, strict=True)]
            for name, values in seconds.items()
        }
        yield Row(f"{one.name}: tl.fit / {LOADER_LOOP}", ratios[LOADER_LOOP], "", against_loop)
        yield Row(f"{one.name}: tl.fit / {INDEXED_LOOP}", ratios[INDEXED_LOOP])
        for name in list(ratios)[3:]:
            yield Row(f"{one.name}: tl.fit / {name}", ratios[name], "", against_peers)


@part
def measure_clock(sizes: Sizes) -> Iterator[Row]:
    """One step on the clock, with as many threads as PyTorch takes by itself."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(64 * sizes.network_steps, 3, 64, 64, generator=generator)
    labels = torch.randint(10, (len(inputs),), generator=generator)
    one = Race(text("bench.clock"), lambda: zukan_resnet(10), inputs, labels)
    before = torch.get_num_threads()
    threads = device.set_threads(os.cpu_count())
    try:
        seconds = _take_turns(one, sizes.rounds, on_the_clock=True)
    finally:
        device.set_threads(before)
    note = text("bench.threads", count=threads)
    for name, values in seconds.items():
        yield Row(f"{one.name}: {name}", [1e3 * value for value in values], "ms", note=note)
    ratios = zip(seconds[ENGINE], seconds[LOADER_LOOP], strict=True)
    yield Row(f"{one.name}: tl.fit / {LOADER_LOOP}", [a / b for a, b in ratios], "", 1.05)


def _take_turns(race: Race, rounds: int, *, on_the_clock: bool = False) -> dict[str, list[float]]:
    """Seconds a step of every contender in every round, after one round that compares."""
    runners = contenders()
    with silence():
        losses = {name: race.final_loss(run(race)) for name, run in runners.items()}
        wanted = losses[LOADER_LOOP]
        for name, loss in losses.items():
            if not math.isclose(loss, wanted, rel_tol=1e-3):
                raise AssertionError(f"{race.name}: {name} ends at {loss}, the loop at {wanted}")
        seconds: dict[str, list[float]] = {name: [] for name in runners}
        for number in range(rounds):
            names = list(runners)
            for name in names[number % len(names) :] + names[: number % len(names)]:
                model = runners[name](race)
                seconds[name].append(model.seconds_per_step(on_the_clock=on_the_clock))
    return seconds


@part
def measure_processes(sizes: Sizes) -> Iterator[Row]:
    """A step of two processes that share a batch, against DistributedDataParallel by hand."""
    found = bench_processes.measure(2 * sizes.network_steps, sizes.rounds)
    ours, theirs = found[ENGINE], found[bench_processes.LOOP]
    name = text("bench.processes")
    for contender, measured in found.items():
        yield Row(f"{name}: {contender}", [1e3 * value for value in measured["seconds"]], "ms")
    ratios = [a / b for a, b in zip(ours["seconds"], theirs["seconds"], strict=True)]
    yield Row(f"{name}: tl.fit / {bench_processes.LOOP}", ratios, "", 1.05)
    if all(theirs["bytes"]):
        ratios = [a / b for a, b in zip(ours["bytes"], theirs["bytes"], strict=True)]
        note = text("bench.sent", size=f"{statistics.median(ours['bytes']) / 1e6:.2f}")
        yield Row(text("bench.bytes"), ratios, "", 1.01, note=note)


@part
def measure_probe(sizes: Sizes) -> Iterator[Row]:
    """Ten epochs of a head: on cached features, and behind a frozen network in the loop."""
    network = backbone("zukan-resnet")
    split = load_task("birds", per_class=sizes.images // 10).train
    features = extract_features(network, split)
    scaled = Standardizer(features)(features)

    def fit_some(rates: Sequence[float], decays: Sequence[float]) -> Callable:
        return lambda: fit_heads(scaled, split.labels, 10, rates, decays)

    def frozen_loop() -> nn.Linear:
        head = nn.Linear(features.shape[1], 10)
        optimizer = torch.optim.SGD(head.parameters(), lr=0.1, momentum=0.9)
        loader = DataLoader(TensorDataset(split.inputs, split.labels), 64, shuffle=True)
        for _ in range(10):
            for images, labels in loader:
                with torch.no_grad():
                    seen = features_of(network, network.preprocess(images))
                optimizer.zero_grad()
                F.cross_entropy(head(seen), labels).backward()
                optimizer.step()
        return head

    one, many, loop, extraction = [], [], [], []
    for _ in range(sizes.rounds):
        one.append(_timed(fit_some([3.0], [1e-4])))
        many.append(_timed(fit_some(LEARNING_RATES, WEIGHT_DECAYS)))
        loop.append(_timed(frozen_loop))
        extraction.append(_timed(lambda: extract_features(network, split, cache=False)))
    by_loop = frozen_loop()(features).argmax(1)
    by_probe = fit_some([3.0], [1e-4])()(scaled)[:, 0].argmax(1)
    hits = [(found == split.labels).double().mean().item() for found in (by_loop, by_probe)]
    if abs(hits[0] - hits[1]) > 0.05:
        raise AssertionError(f"the frozen loop fits {hits[0]:.3f}, the probe {hits[1]:.3f}")
    yield Row(text("bench.extraction"), extraction, "s")
    yield Row(text("bench.frozen_loop"), loop, "s")
    yield Row(text("bench.one_head"), one, "s")
    faster = [a / b for a, b in zip(loop, one, strict=True)]
    yield Row(text("bench.frozen_loop_over_probe"), faster, "", 10, at_least=True)
    dearer = [a / b for a, b in zip(many, one, strict=True)]
    yield Row(text("bench.twenty_heads"), dearer, "", 2)


@part
def measure_recipe(sizes: Sizes) -> Iterator[Row]:
    """Cats and dogs in five epochs on a frozen network, from photos to accuracy."""
    name = text("bench.recipe", count=f"{sizes.photos:,}")
    try:
        recipe = bench_recipe.cats_and_dogs(sizes.photos, sizes.photos // 2)
    except StoreError as error:
        print(f"{name}: {error}")
        return
    runners = bench_recipe.contenders()
    with silence():
        found = {who: run(recipe) for who, run in runners.items()}  # and whoever loads, has loaded
        if max(found.values()) - min(found.values()) > 0.02:
            raise AssertionError(f"the contenders disagree: {found}")
        seconds = {who: [_timed(run, recipe) for _ in range(3)] for who, run in runners.items()}
    for who, values in seconds.items():
        right = text("bench.held_out", share=f"{100 * found[who]:.1f}")
        yield Row(f"{name}: {who}", values, "s", note=right)
    ours, *others = seconds
    bars = {bench_recipe.IN_THE_LOOP: 0.5, bench_recipe.KERAS: 0.5}
    for other in others:
        ratios = [a / b for a, b in zip(seconds[ours], seconds[other], strict=True)]
        yield Row(f"{name}: {ours} / {other}", ratios, "", bars[other])
    if bench_recipe.KERAS in seconds:
        pairs = zip(seconds[bench_recipe.IN_THE_LOOP], seconds[bench_recipe.KERAS], strict=True)
        in_the_loop = f"{name}: {bench_recipe.IN_THE_LOOP} / {bench_recipe.KERAS}"
        yield Row(in_the_loop, [a / b for a, b in pairs], "", 1.0)


@part
def measure_few_shot(sizes: Sizes) -> Iterator[Row]:
    """5-way 5-shot episodes on features, against a loop that embeds every episode anew."""
    network = backbone("zukan-resnet")
    task = load_task("birds", test_per_class=60)
    features = extract_features(network, task.test)
    rows = sample_episodes(task.test.labels, 5, 5, 15, sizes.embedded)

    def embed_anew() -> float:
        right = 0.0
        for episode in rows:  # (5, 20): five supports and fifteen queries of each class
            images = network.preprocess(task.test.inputs[episode.flatten()])
            with torch.no_grad():
                found = features_of(network, images).unflatten(0, episode.shape)
            prototypes, queries = found[:, :5].mean(1), found[:, 5:].flatten(0, 1)
            nearest = torch.cdist(queries, prototypes).argmin(1)
            right += (nearest == torch.arange(5).repeat_interleave(15)).double().mean().item()
        return right / len(rows)

    ours = evaluate_episodes(features, rows, 5, "prototypes").mean().item()
    if abs(embed_anew() - ours) > 0.01:
        raise AssertionError("the two few-shot evaluations disagree")
    whole, anew = [], []
    for _ in range(sizes.rounds):
        whole.append(_timed(lambda: few_shot(features, task, 5, 5, 15, sizes.episodes)))
        anew.append(_timed(embed_anew) * sizes.episodes / sizes.embedded)
    name = text("bench.episodes", count=sizes.episodes)
    yield Row(name, whole, "s", 0.5)
    note = text("bench.from_episodes", count=sizes.embedded)
    yield Row(text("bench.embedding_anew"), anew, "s", note=note)
    faster = [a / b for a, b in zip(anew, whole, strict=True)]
    yield Row(text("bench.few_shot_ratio"), faster, "", 20, at_least=True)


@part
def measure_memory(sizes: Sizes) -> Iterator[Row]:
    """The peak memory of a process of its own that extracts the features of many images."""
    code = f"from tlhelpers.course.bench import stream_images; stream_images({sizes.streamed})"
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"TLHELPERS_CACHE": folder},
        )
    peak, size = map(float, done.stdout.split()[-2:])
    name = text("bench.streamed", count=f"{sizes.streamed:,}")
    yield Row(name, [peak], "GB", 1.0, note=text("bench.file_size", size=f"{size:.2f}"))


def stream_images(count: int) -> None:
    """Prints this process's peak memory and the size of the features, in GB."""

    def draw(rows: torch.Tensor) -> torch.Tensor:
        shade = (rows % 251).to(torch.uint8).view(-1, 1, 1, 1)
        return shade.expand(-1, 3, 8, 8).clone()

    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 128), nn.ReLU(), nn.Linear(128, 2)).eval()
    split = Split(draw, torch.zeros(count, dtype=torch.long))
    features = stream_features(model, split, batch_size=1024)
    read = sum(float(features[start].sum()) for start in range(0, count, 1000))
    if not math.isfinite(read):
        raise AssertionError("the streamed features are not finite")
    print(_peak_memory(), features.nbytes / 1e9)


def _peak_memory() -> float:
    """The most memory this process has held so far, in GB."""
    if Path("/proc/self/status").exists():  # elsewhere a child also counts what its parent held
        words = Path("/proc/self/status").read_text().split()
        return int(words[words.index("VmHWM:") + 1]) / 1e6
    import resource

    unit = 1e9 if sys.platform == "darwin" else 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


@part
def measure_growth(sizes: Sizes) -> Iterator[Row]:
    """How cost grows: at once, twice and four times the images, epochs, classes, episodes."""
    generator = torch.Generator().manual_seed(0)
    network = backbone("zukan-resnet")
    images, classes = sizes.images // 4, 25
    episodes = 5 * sizes.episodes  # fewer take too short a time to be measured well

    def extract(times: int) -> None:
        inputs = torch.zeros(images * times, 3, 64, 64, dtype=torch.uint8)
        extract_features(network, inputs, cache=False)

    def train(times: int) -> None:
        inputs = torch.randn(64 * 20, 256, generator=generator)
        split = Split(inputs, torch.randint(10, (len(inputs),), generator=generator))
        fit(nn.Linear(256, 10), split, epochs=5 * times, progress=False)

    def fit_classes(times: int) -> None:
        labels = torch.arange(2000) % (classes * times)
        features = torch.randn(len(labels), 256, generator=generator) / 16
        fit_heads(features, labels, classes * times)

    def play(times: int) -> None:
        labels = torch.arange(400) % 10
        rows = sample_episodes(labels, 5, 5, 15, episodes * times)
        evaluate_episodes(torch.randn(400, 256, generator=generator), rows, 5, "prototypes")

    cases = {
        text("bench.growth_images", count=images): extract,
        text("bench.growth_epochs", count=5): train,
        text("bench.growth_classes", count=classes): fit_classes,
        text("bench.growth_episodes", count=episodes): play,
    }
    for name, run in cases.items():
        run(1)
        points = {times: min(_timed(run, times) for _ in range(3)) for times in (1, 2, 4)}
        note = ", ".join(f"{times}×: {seconds:.3g} s" for times, seconds in points.items())
        exponent = math.log(points[4] / points[1]) / math.log(4)
        yield Row(name, [exponent], "", 1.15, note=note)


def _timed(run: Callable, *arguments: object) -> float:
    """CPU seconds of one call."""
    started = time.process_time()
    run(*arguments)
    return time.process_time() - started


def main(argv: list[str] | None = None) -> int:
    """`tl bench [--only PART ...] [--rounds N] [--quick]`; status 1 where a bar is missed."""
    parser = Parser("bench")
    parser.add_argument("--only", nargs="+", choices=_PARTS, default=list(_PARTS))
    parser.add_argument("--rounds", type=int, help=text("bench.help_rounds"))
    parser.add_argument("--quick", action="store_true", help=text("bench.help_quick"))
    parser.add_argument("--gpu", action="store_true", help=text("bench.help_gpu"))
    parser.add_argument("--minutes", type=float, default=8.0, help=text("bench.help_minutes"))
    parser.add_argument("--out", type=Path, default=Path("gpu"), help=text("bench.help_out"))
    asked = parser.parse_args(argv)
    if asked.gpu:
        require_writable(asked.out)
        on_gpu = bench_gpu.TINY if asked.quick else bench_gpu.Sizes()
        return bench_gpu.run(asked.out, asked.minutes, on_gpu)
    keeps = not asked.quick and asked.only == list(_PARTS)
    if keeps:
        require_writable(FILE.parent)
    # the repository's datasets/ folder would pass for Hugging Face's package
    sys.path = [place for place in sys.path if place not in ("", os.getcwd())]
    sizes = QUICK if asked.quick else Sizes()
    sizes.rounds = asked.rounds or sizes.rounds
    device.set_threads(1)
    rows = []
    for name in asked.only:
        for row in _PARTS[name](sizes):
            print("  ".join(cell for cell in row.cells() if cell), flush=True)
            rows.append(row)
    if keeps:
        write_atomic(FILE, write_table(rows))
        print(text("bench.written", path=FILE))
    return int(any(row.holds is False for row in rows))
