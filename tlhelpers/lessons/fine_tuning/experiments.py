"""What lesson 03 stores: one inspection task, improved knob by knob, and where that stops paying.

Every number is a mean over seeds, and a seed redraws the training, validation and test pictures.
Settings are chosen on the validation pictures of TUNING seeds, which are never measured; the
grids and the choices are on record in 03_tuning.
"""

from __future__ import annotations

import copy
import functools
import math
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from tlhelpers.course.results import SEARCHED, VARIED, experiment, stored
from tlhelpers.data.catalog import load_task, redrawn
from tlhelpers.data.folder import load_folder
from tlhelpers.data.real import real_folder
from tlhelpers.data.task import Split, Task, rows_of_each
from tlhelpers.models.backbones import backbone
from tlhelpers.train.engine import evaluate
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.features import probe
from tlhelpers.transfer.finetune import fine_tune
from tlhelpers.transfer.negative import train_from_scratch
from tlhelpers.transfer.regularisers import l2_sp

NETWORK = "zukan-resnet"
TASK, LABELS = "surfaces", 40
VALID, TEST = 40, 80  # pictures a class
SEEDS, TUNING = range(10), (90, 91)
RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
DEPTHS = {"head": 0, "layer4": 1, "layer3": 2, "layer2": 3, "layer1": 4, "all": "all"}
STEPS = 150  # of the label curves: the same for every count of labels
COUNTS = {"surfaces": (2, 5, 20, 100), "birds": (5, 50)}
MEASURES = ("accuracy", "source", "night")
REAL_COUNTS, REAL_RATES, REAL_SEEDS, REAL_SIZE = (5, 80), (0.003, 0.01, 0.03, 0.1), range(3), 96
# Twelve epochs of 200 pictures: 156 steps. Nothing is chosen on the validation split during a
# run, so that what a setting does shows unhidden.
PLAIN = {"epochs": 12, "batch_size": 16, "valid": False, "progress": False}

DRAWN = {
    "unit": "draws of training, validation and test pictures",
    "seeds": len(SEEDS),
    "labels": f"{LABELS} + {VALID}",
}


# --- the pieces -----------------------------------------------------------------------------


_redrawn = functools.partial(redrawn, valid=VALID, test=TEST)


def flips(images: Tensor, generator: torch.Generator) -> Tensor:
    """The batch (n, 3, height, width), half of it mirrored, and half of it turned upside down.

    A surface has no top and no left. A bird has: see `mirror`.
    """
    for axis in (2, 3):
        shape = (len(images), 1, 1, 1)
        chosen = torch.rand(shape, generator=generator, device=images.device) < 0.5
        images = torch.where(chosen, images.flip(axis), images)
    return images


def mirror(images: Tensor, generator: torch.Generator) -> Tensor:
    """The batch (n, 3, height, width), half of it mirrored left to right."""
    shape = (len(images), 1, 1, 1)
    chosen = torch.rand(shape, generator=generator, device=images.device) < 0.5
    return torch.where(chosen, images.flip(3), images)


def relight(images: Tensor, generator: torch.Generator) -> Tensor:
    """The flipped batch with each picture at 0.4 to 1.2 of its brightness: exercise 03-b."""
    images = flips(images, generator)
    shape = (len(images), 1, 1, 1)
    factor = 0.4 + 0.8 * torch.rand(shape, generator=generator, device=images.device)
    return (images * factor).clamp(0, 255).to(torch.uint8)


AUGMENT: dict[str, Callable] = {"flips": flips, "mirror": mirror, "relight": relight}


class Keeping:
    """How much of the source a tuned network has kept, on source drawings it never saw."""

    def __init__(self, network: nn.Module):
        task = load_task("source", per_class=1, valid_per_class=1, test_per_class=2)
        self.head, self.split = network.fc, task.test

    def source(self, model: nn.Module) -> float:
        """Accuracy on the source with the old head put back."""
        after = extract_features(model, self.split, cache=False)
        right = self.head(after).argmax(1) == self.split.labels
        return right.double().mean().item()


@functools.cache
def _keeping() -> Keeping:
    return Keeping(backbone(NETWORK))


def measure(name: str, labels: int, seed: int, way: str = "tuned", **settings) -> dict[str, float]:
    """One run: {"valid", "accuracy", "source", "night"}, fractions.

    way: "frozen" (a linear probe), "tuned" (from that probe's head, or with head=None a random
    one), or "scratch". settings: options of `fine_tune`; a name of AUGMENT as "augment",
    and "l2_sp" as the strength alpha of that penalty.
    """
    task = _redrawn(name, labels, seed)
    network = backbone(NETWORK)
    start = probe(network, task, seed=seed)
    if way == "frozen":
        model = _with_head(network, start.head)
        return _score(model, task, name, labels, seed)
    options = {**PLAIN, "clip_norm": 1.0, "seed": seed, "read_test": False, **settings}
    if "augment" in options:
        options["augment"] = AUGMENT[options["augment"]]
    if way == "scratch":
        model = train_from_scratch(network, task, **options).model
        return _score(model, task, name, labels, seed)
    if "l2_sp" in options:
        alpha = options.pop("l2_sp")
        options |= {"penalty": lambda model: l2_sp(model, alpha, 0.0), "weight_decay": 0.0}
    fixed = {"head": start.head, "freeze_epochs": 0, "lr_mult": 1.0, "keep_batchnorm": False}
    options = {**fixed, **options}
    model = fine_tune(network, task, **options).model
    return _score(model, task, name, labels, seed)


def _with_head(network: nn.Module, head: nn.Module) -> nn.Module:
    model = copy.deepcopy(network)
    model.fc = head
    return model


def _score(model: nn.Module, task: Task, name: str, labels: int, seed: int) -> dict[str, float]:
    night: Split = _redrawn(name, labels, seed, style="night").test
    return {
        "valid": round(evaluate(model, task.valid), 4),
        "accuracy": round(evaluate(model, task.test), 4),
        "source": round(_keeping().source(model), 4),
        "night": round(evaluate(model, night), 4),
    }


def runs(seeds: Iterable[int] = SEEDS, name: str = TASK, labels: int = LABELS, **settings) -> dict:
    """{"accuracy", "source", "night"}: one number a seed each."""
    found = [measure(name, labels, seed, **settings) for seed in seeds]
    return {key: [one[key] for one in found] for key in MEASURES}


def choose(
    grid: Sequence[Mapping],
    name: str = TASK,
    labels: int = LABELS,
    seeds: Sequence[int] = TUNING,
    **settings,
) -> dict[str, object]:
    """The best of `grid` on the validation pictures of the tuning seeds, with the record of it."""
    scores = []
    for entry in grid:
        found = [measure(name, labels, seed, **settings, **entry)["valid"] for seed in seeds]
        scores.append(round(math.fsum(found) / len(found), 4))
    best = scores.index(max(scores))
    rates = sorted({entry["lr"] for entry in grid})
    return {
        "grid": [dict(entry) for entry in grid],
        "valid": scores,
        "choice": dict(grid[best]),
        "at_the_edge": grid[best]["lr"] in (rates[0], rates[-1]),
    }


def _grid(rates: Sequence[float], clips: Sequence[float | None] = (1.0, None)) -> list[dict]:
    return [{"lr": rate, "clip_norm": clip} for clip in clips for rate in rates]


# --- what is stored -------------------------------------------------------------------------


@experiment("03_rates", **DRAWN, settings=VARIED)
def rates() -> dict:
    """Surfaces, forty labels each: accuracy, source and night over the learning rate.

    {"rates", "frozen", "clipped": [runs a rate], "free": [runs a rate]}; every run starts from the
    head of the linear probe "frozen" and trains all weights at one rate, without augmentation.
    """
    return {
        "task": TASK,
        "labels": LABELS,
        "rates": list(RATES),
        "frozen": runs(way="frozen"),
        "clipped": [runs(lr=rate) for rate in RATES],
        "free": [runs(lr=rate, clip_norm=None) for rate in RATES],
    }


@experiment("03_tuning", **(DRAWN | {"seeds": 2}), settings=SEARCHED)
def tuning() -> dict:
    """The settings of every contender of 03_knobs, chosen alike on validation pictures.

    Scratch may take the higher rates, since it has nothing to lose.
    """
    shared = {"augment": "flips", "epochs": 24}
    return {
        "tuned": choose(_grid((0.01, 0.03, 0.1, 0.3)), **shared),
        "scratch": choose(_grid((0.03, 0.1, 0.3, 1.0)), way="scratch", **shared),
    }


@experiment("03_knobs", **DRAWN, settings="searched in 03_tuning")
def knobs() -> dict:
    """The same task improved step by step; {step: runs}, in the order of the lesson."""
    chosen = {way: record["choice"] for way, record in stored("03_tuning").items()}
    recipe = {**chosen["tuned"], "augment": "flips", "epochs": 24}
    return {
        "frozen": runs(way="frozen"),
        "timid": runs(lr=0.003, clip_norm=None),
        "rate": runs(lr=0.01, clip_norm=None),
        "clip": runs(lr=recipe["lr"]),
        "flips": runs(**{**recipe, "epochs": 12}),
        "recipe": runs(**recipe),
        "random_head": runs(**recipe, head=None),
        "relight": runs(**{**recipe, "augment": "relight"}),
        "scratch": runs(way="scratch", **{**recipe, **chosen["scratch"]}),
    }


SETTINGS: dict[str, dict[str, object]] = {  # how both are trained; the recipe has 24 epochs
    "half": {"epochs": 12},
    "three_times": {"epochs": 72},
    "unclipped": {"clip_norm": None},
    "adamw": {"optimizer": "adamw"},
}
ADAMW_RATES = (0.001, 0.003, 0.01, 0.03)


@experiment("03_stable", **DRAWN, settings=SEARCHED)
def stable() -> dict:
    """Do fine-tuning, the flips and the changed light still win with half and three times the
    budget, unclipped, and with AdamW?

    {setting: runs}, and "scratch_", "plain_" and "relight_" + setting likewise. The last two are
    fine-tuned without flips and with `relight` in their place, at the rate that was chosen with
    flips. "search": {way: record} for AdamW; "verdicts": see `verdicts`. Without clipping both
    ways take the best unclipped rate of 03_tuning.
    """
    tuning, found, searches = stored("03_tuning"), {}, {}
    for way, prefix in (("tuned", ""), ("scratch", "scratch_")):
        recipe = {"way": way, "augment": "flips", "epochs": 24}
        grid = [{"lr": rate, "clip_norm": 1.0} for rate in ADAMW_RATES]
        searches[way] = choose(grid, optimizer="adamw", **recipe)
        rates = {"unclipped": unclipped(tuning[way]), "adamw": searches[way]["choice"]}
        for setting, options in SETTINGS.items():
            chosen = {"epochs": 24, **rates.get(setting, tuning[way]["choice"]), **options}
            found[prefix + setting] = runs(**{**recipe, **chosen})
            if way == "tuned":
                found[f"plain_{setting}"] = runs(**chosen)
                found[f"relight_{setting}"] = runs(augment="relight", **chosen)
    found["plain_as_told"] = runs(epochs=24, **tuning["tuned"]["choice"])
    return {**found, "search": searches, "verdicts": verdicts(stored("03_knobs"), found)}


def unclipped(record: Mapping) -> dict:
    """The best of a search's entries among those whose gradients are not clipped."""
    free = [
        (s, e) for s, e in zip(record["valid"], record["grid"], strict=True) if not e["clip_norm"]
    ]
    return max(free, key=lambda pair: pair[0])[1]


def verdicts(knobs: Mapping, found: Mapping) -> dict[str, dict[str, list[float]]]:
    """{name: {setting: [points a draw]}}: how far fine-tuning with flips is before a rival.

    "tuned": before frozen; "scratch"; "flips": before fine-tuned without them; and "relight": how
    far the changed light is before it, on pictures in dim light. Of 03_knobs, which has more
    draws, the first are taken.
    """
    draws = len(found["plain_as_told"]["accuracy"])
    tuned = {"as_told": knobs["recipe"], **{setting: found[setting] for setting in SETTINGS}}
    light = {s: found.get(f"relight_{s}", knobs["relight"]) for s in tuned}
    pairs = {
        "tuned": (tuned, dict.fromkeys(tuned, knobs["frozen"]), "accuracy"),
        "scratch": (
            tuned,
            {s: found.get(f"scratch_{s}", knobs["scratch"]) for s in tuned},
            "accuracy",
        ),
        "flips": (tuned, {s: found[f"plain_{s}"] for s in tuned}, "accuracy"),
        "relight": (light, tuned, "night"),
    }
    return {
        name: {
            setting: [
                round(100 * (a - b), 2)
                for a, b in zip(
                    high[setting][measured][:draws], low[setting][measured][:draws], strict=True
                )
            ]
            for setting in tuned
        }
        for name, (high, low, measured) in pairs.items()
    }


@experiment("03_depths", **DRAWN, settings="searched in 03_tuning")
def depths() -> dict:
    """{"depths", "runs": [runs a depth]}: the last stages only, or more and more, same recipe."""
    recipe = {**stored("03_tuning")["tuned"]["choice"], "augment": "flips"}
    return {
        "depths": list(DEPTHS),
        "runs": [runs(unfreeze=depth, **recipe) for depth in DEPTHS.values()],
    }


@experiment("03_depths_stable", **DRAWN, settings="searched in 03_stable")
def depths_stable() -> dict:
    """Does training from layer2 on still win with half and three times the budget, unclipped, and
    with AdamW?

    {setting: {depth: runs}}; the rates are those of 03_stable. "verdicts": {name: {setting: [points
    a draw]}}: "layer2" is how far it is before layer4 on the new task, "kept" how far before
    training everything on the source, and "night" likewise on pictures in dim light.
    """
    tuning, search = stored("03_tuning")["tuned"], stored("03_stable")["search"]["tuned"]
    rates = {"unclipped": unclipped(tuning), "adamw": search["choice"]}
    found: dict = {}
    for setting, options in SETTINGS.items():
        epochs = math.ceil(options.get("epochs", 24) / 2)  # 03_depths has 12, not 24
        chosen = rates.get(setting, tuning["choice"]) | options | {"epochs": epochs}
        found[setting] = {
            depth: runs(unfreeze=DEPTHS[depth], augment="flips", **chosen)
            for depth in ("layer4", "layer2", "all")
        }
    told = stored("03_depths")
    by_depth = dict(zip(told["depths"], told["runs"], strict=True))
    pairs = {
        "layer2": ("layer4", "accuracy"),
        "kept": ("all", "source"),
        "night": ("all", "night"),
    }
    return found | {
        "verdicts": {
            name: {
                setting: [
                    round(100 * (a - b), 2)
                    for a, b in zip(
                        of["layer2"][measured],
                        of[rival][measured],
                        strict=True,
                    )
                ]
                for setting, of in ({"as_told": by_depth} | found).items()
            }
            for name, (rival, measured) in pairs.items()
        }
    }


@experiment("03_labels", **(DRAWN | {"labels": "2-100 + 40"}), settings=SEARCHED)
def labels() -> dict:
    """{task: {"labels", "frozen", "tuned": [[accuracy a seed] a count], "lr", "tuning"}}.

    150 steps for every count. The rate of each count is the best of three on the validation
    pictures of a tuning seed.
    """
    found: dict = {}
    for name, counts in COUNTS.items():
        augment = "flips" if name == "surfaces" else "mirror"
        found[name] = {"labels": list(counts), "frozen": [], "tuned": [], "lr": [], "tuning": []}
        classes = load_task(name, 1).num_classes
        for count in counts:
            shared = {"name": name, "labels": count, "augment": augment}
            shared["epochs"] = math.ceil(STEPS / math.ceil(count * classes / 16))
            record = choose(_grid((0.01, 0.03, 0.1), (1.0,)), seeds=TUNING[:1], **shared)
            lr = record["choice"]["lr"]
            found[name]["lr"].append(lr)
            found[name]["tuning"].append(record)
            found[name]["tuned"].append(runs(lr=lr, **shared)["accuracy"])
            frozen = runs(SEEDS, name, count, way="frozen")["accuracy"]
            found[name]["frozen"].append(frozen)
    return found


@experiment("03_ways", **DRAWN, settings=VARIED)
def ways() -> dict:
    """Target against source accuracy over the rates, for every way to go gently.

    {way: {rate: runs}}. "uniform" stands in 03_rates ("clipped"), under the same conditions.
    """
    gently = {
        "discriminative": ((0.1, 0.3), {"lr_mult": 10.0}),
        "gradual": ((0.1, 0.3), {"unfreeze": "gradual"}),
        "l2_sp": ((0.03, 0.1), {"l2_sp": 0.1}),
    }
    return {
        way: {f"{rate:g}": runs(lr=rate, **options) for rate in its_rates}
        for way, (its_rates, options) in gently.items()
    }


@experiment(
    "03_real",
    weights=(),
    unit="draws of training, validation and test photos",
    seeds=3,
    labels="5, 80 + 50",
    settings=SEARCHED,
)
def real() -> dict:
    """Real flowers and ImageNet's MobileNetV2: {"labels", "frozen", "tuned", "lr", "tuning"}.

    As in 03_labels: the head of a linear probe, then all weights for 100 steps in batches of 16,
    gradients clipped, mirrored photos; BatchNorm's memory stays, since a batch of 16 photos is too
    few to renew it. The rate of each count is chosen on the validation photos of a tuning seed.
    Photos that look alike are counted once. Raises StoreError where there are no real data.
    """
    photos = _flowers()
    network = backbone(
        "mobilenet_v2",
        weights=real_folder() / "weights" / "mobilenet_v2_imagenet_dequant.pth",
        size=REAL_SIZE,
    )
    found: dict = {"labels": list(REAL_COUNTS), "frozen": [], "tuned": [], "lr": [], "tuning": []}
    for count in REAL_COUNTS:
        valid = [_real_run(network, photos, count, TUNING[0], rate)[1] for rate in REAL_RATES]
        lr = REAL_RATES[valid.index(max(valid))]
        found["tuning"].append({"grid": {"lr": REAL_RATES}, "valid": valid, "choice": {"lr": lr}})
        runs = [_real_run(network, photos, count, seed, lr) for seed in REAL_SEEDS]
        found["lr"].append(lr)
        found["frozen"].append([frozen for frozen, _, _ in runs])
        found["tuned"].append([tuned for _, _, tuned in runs])
    return found


def _flowers() -> Task:
    """The flowers with all photos in `train`, one of each group that looks alike."""
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(real_folder() / "images" / "flowers5_128.tar") as packed:
            packed.extractall(folder, filter="data")
        task = load_folder(folder, size=REAL_SIZE)
        parts = {"train": task.train, "valid": task.valid, "test": task.test}
        groups = [group for part in parts for group in task.groups[part]]
        rows = torch.tensor([groups.index(group) for group in dict.fromkeys(groups)])
        images = torch.cat([split.inputs for split in parts.values()])[rows]
        labels = torch.cat([split.labels for split in parts.values()])[rows]
    return replace(task, train=Split(images, labels))


def _real_run(
    network: nn.Module, photos: Task, count: int, seed: int, lr: float
) -> tuple[float, float, float]:
    """(test accuracy of the probe, validation and test accuracy of fine-tuning)."""
    everything, generator = photos.train, torch.Generator().manual_seed(seed)
    order = rows_of_each(everything.labels, 150 + count, generator)
    of_class = [order[everything.labels[order] == number] for number in range(photos.num_classes)]
    valid, test, train = (
        everything.subset(torch.cat([rows[part] for rows in of_class]))
        for part in (slice(0, 50), slice(50, 150), slice(150, None))
    )
    task = replace(photos, train=train, valid=valid, test=test)
    start = probe(network, task, seed=seed)
    steps = math.ceil(len(train) / 16)
    tuned = fine_tune(
        network,
        task,
        head=start.head,
        lr=lr,
        epochs=math.ceil(100 / steps),
        batch_size=16,
        clip_norm=1.0,
        augment=mirror,
        keep_batchnorm=True,
        valid=False,
        progress=False,
        seed=seed,
        freeze_epochs=0,
        lr_mult=1.0,
    )
    return tuple(round(value, 4) for value in (start.test_acc, tuned.valid_acc, tuned.test_acc))
