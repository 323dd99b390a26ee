"""The curves of lesson 01: how far each start gets, from two to hundreds of labels a class."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tlhelpers.course.results import CROSS_VALIDATED, SEARCHED, experiment, stored
from tlhelpers.data.catalog import redrawn
from tlhelpers.data.real import PHOTOS, real_photos, small_pixels
from tlhelpers.data.task import Task
from tlhelpers.models.backbones import backbone
from tlhelpers.models.real import mobilenet
from tlhelpers.train.engine import evaluate
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.features import probe
from tlhelpers.transfer.finetune import fine_tune
from tlhelpers.transfer.logistic import logistic_curves
from tlhelpers.transfer.negative import train_from_scratch
from tlhelpers.transfer.search import SCRATCH_GRID, Search, search

UNIT, TUNING = "draws of training, validation and test pictures", 100
STABLE_DRAWS = 10  # as many as 01_steps has
RATES = (*SCRATCH_GRID["lr"], 1.0)  # with few labels scratch chose the highest of the grid
PHOTOS_DRAWN = "draws of labelled and test photos"
_redrawn = functools.partial(redrawn, valid=20, test=100)


@experiment("01_birds", unit=UNIT, seeds=10, labels="2-50 + 20", settings=SEARCHED)
def birds() -> dict:
    """Ten birds: three starts, from 2 to 50 labels a class."""
    return label_curves("birds", (2, 5, 10, 20, 50), seeds=10)


@experiment("01_pets", unit=UNIT, seeds=10, labels="5-200 + 100", settings=SEARCHED)
def pets() -> dict:
    """Cats and dogs, up to 200 labels a class: where a frozen network stops paying."""
    ratios = (1, 5)  # of the head's rate to the first stage's: chosen as the rate is
    sizes = {"valid": 100, "test": 200}  # by 20 pictures of two classes no rate can be chosen
    return label_curves("pets", (5, 30, 200), 10, least_epochs=20, ratios=ratios, sizes=sizes)


def label_curves(
    name: str,
    counts: tuple[int, ...],
    seeds: int,
    least_epochs: int = 8,
    ratios: tuple[int, ...] = (5,),
    sizes: Mapping[str, int] | None = None,
) -> dict:
    """{"labels": counts, "probe" | "fine_tune" | "scratch": test accuracy for each count, seed}.

    A seed redraws training, validation and test pictures. For each count the learning rates of
    fine-tuning and scratch come from the same grid, chosen on the validation pictures of a seed
    that is not measured. All take the same number of steps, `least_epochs` or more. "tuning": what
    was tried for each count, and what was chosen. sizes: of validation and test, a class.
    """
    draw = functools.partial(_redrawn, name, **(sizes or {}))
    network = backbone("zukan-resnet")
    starts = ("probe", "fine_tune", "scratch")
    curves: dict = {"labels": list(counts), **{start: [] for start in starts}, "tuning": []}
    for count in counts:
        first = draw(count, TUNING)
        epochs = max(least_epochs, 2000 // len(first.train))  # at least 2,000 pictures are shown
        shared = {"epochs": epochs, "batch_size": 32, "clip_norm": 1.0}
        moving = {"freeze_epochs": 0, "keep_batchnorm": False}
        tune = functools.partial(fine_tune, network, **moving, **shared)
        fresh = functools.partial(train_from_scratch, network, **shared)
        tuned = choose(tune, first, lr=RATES, lr_mult=ratios)
        alone = choose(fresh, first, lr=RATES)
        runs: dict[str, list[float]] = {start: [] for start in starts}
        for seed in range(seeds):
            task = draw(count, seed)
            runs["probe"].append(probe(network, task, seed=seed).test_acc)
            runs["fine_tune"].append(tune(task, **tuned.chosen, seed=seed).test_acc)
            runs["scratch"].append(fresh(task, **alone.chosen, seed=seed).test_acc)
        for start, values in runs.items():
            curves[start].append([round(value, 4) for value in values])
        curves["tuning"].append({"fine_tune": tuned.to_dict(), "scratch": alone.to_dict()})
    return curves


def choose(train: Callable, task: Task, **grid: Sequence) -> Search:
    """The settings with which `train(task, **settings)` does best on the validation split."""
    return search(lambda **settings: train(task, **settings, read_test=False), grid)


STEPS = {"fine_tune": (10, 30, 60, 180), "scratch": (10, 30, 60, 180, 600)}
STYLES = ("photo", "faded", "night", "sketch")
RUN: dict[str, Any] = {"batch_size": 32, "clip_norm": 1.0, "valid": False, "progress": False}
BEGIN: dict[str, Callable[..., Any]] = {
    "fine_tune": functools.partial(fine_tune, freeze_epochs=0, keep_batchnorm=False),
    "scratch": train_from_scratch,
}
SHIFTED = (("fine_tune", 5, 60), ("scratch", 5, 600), ("scratch", 15, 180))  # labels, steps


@experiment("01_steps", unit=UNIT, seeds=10, labels="5, 15 + 20", settings=SEARCHED)
def steps() -> dict:
    """Ten birds, five labels: accuracy against the length of training, and in another look.

    Each length is a training of its own, with the rate falling to 0 at its end; the two starts
    differ in nothing but the weights of the body. A seed redraws training, validation and test
    pictures. The rate is chosen for each length up to 180 steps on a seed that is not measured;
    the longest training keeps the rate of the length before. "train" is the accuracy on the 50
    training pictures themselves.
    """
    network, seeds = backbone("zukan-resnet"), range(10)
    begin = {start: functools.partial(train, network, **RUN) for start, train in BEGIN.items()}
    found: dict = {"seeds": len(seeds)}
    found |= {start: {} for start in STEPS} | {"tuning": {}, "train": {}, "shift": {}}
    models: dict = {}
    for start, lengths in STEPS.items():
        for length in lengths:
            train = functools.partial(begin[start], epochs=length // 2)
            if length <= 180:
                chosen = choose(train, _redrawn("birds", 5, TUNING), lr=RATES)
                found["tuning"][f"{start}, {length} steps"] = chosen.to_dict()
            runs = [train(_redrawn("birds", 5, seed), **chosen.chosen, seed=seed) for seed in seeds]
            found[start][length] = [round(run.test_acc, 4) for run in runs]
            models[start, 5, length] = [run.model for run in runs]
            found["train"][f"{start}, {length} steps"] = [
                round(evaluate(run.model, _redrawn("birds", 5, seed).train), 4)
                for seed, run in zip(seeds, runs, strict=True)
            ]
    train = functools.partial(begin["scratch"], epochs=36)  # of five batches: 180 steps
    models["scratch", 15, 180] = [
        train(_redrawn("birds", 15, seed), **chosen.chosen, seed=seed).model for seed in seeds
    ]
    for start, labels, length in SHIFTED:
        found["shift"][f"{start}_{labels}"] = {
            style: [
                round(evaluate(model, _redrawn("birds", 5, seed, style=style).test), 4)
                for seed, model in enumerate(models[start, labels, length])
            ]
            for style in STYLES
        }
    return found


LENGTHS = {"as_told": ("60", "180"), "half": ("30", "60"), "three_times": ("180", "600")}
OTHERWISE: dict[str, tuple[dict[str, Any], tuple[float, ...]]] = {  # options and rates of both
    "unclipped": ({"clip_norm": None}, (0.003, *RATES, 3.0)),
    "adamw": ({"optimizer": "adamw"}, (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)),
}


@experiment("01_stable", unit=UNIT, seeds=10, labels="5 + 20", settings=SEARCHED)
def stable() -> dict:
    """Fine-tuned before scratch, which trains three times as long, and frozen before fine-tuned:
    the budgets of 01_steps, without clipping, and with another optimizer.

    {"verdicts": {"fine_tune" | "frozen": {setting: [points a draw]}}, "search": {setting: {start:
    record}}}; above 0 the verdict holds. The rates of the budgets are those of 01_steps, and the
    frozen body is that of 01_birds.
    """
    steps, searches, draws = stored("01_steps"), {}, range(STABLE_DRAWS)
    pairs = {
        name: (steps["fine_tune"][short][:STABLE_DRAWS], steps["scratch"][long][:STABLE_DRAWS])
        for name, (short, long) in LENGTHS.items()
    }
    for name, (_, rates) in OTHERWISE.items():
        found = {
            start: search(lambda lr, s=start, n=name: otherwise(s, n, TUNING, lr)[0], {"lr": rates})
            for start in STEPS
        }
        searches[name] = {start: one.to_dict() for start, one in found.items()}
        tuned, scratch = (
            [otherwise(start, name, seed, found[start].chosen["lr"])[1] for seed in draws]
            for start in STEPS
        )
        pairs[name] = (tuned, scratch)
    curves = stored("01_birds")
    frozen = curves["probe"][curves["labels"].index(5)][:STABLE_DRAWS]
    verdicts = {
        "fine_tune": {name: points(*both) for name, both in pairs.items()},
        "frozen": {name: points(frozen, tuned) for name, (tuned, _) in pairs.items()},
    }
    return {"verdicts": verdicts, "search": searches}


def points(first: Sequence[float], second: Sequence[float]) -> list[float]:
    """How far the first is above the second, in points, draw by draw."""
    return [round(100 * (a - b), 2) for a, b in zip(first, second, strict=True)]


def otherwise(start: str, setting: str, seed: int, lr: float) -> tuple[float, float]:
    """(validation, test) accuracy of a start of 01_steps, 60 or 180 steps, in another setting."""
    length = int(LENGTHS["as_told"][list(STEPS).index(start)])
    options = {**RUN, **OTHERWISE[setting][0], "lr": lr, "seed": seed, "epochs": length // 2}
    result = BEGIN[start](backbone("zukan-resnet"), _redrawn("birds", 5, seed), **options)
    return round(result.valid_acc, 4), round(result.test_acc, 4)


REAL_LABELS, REAL_SEEDS = (2, 5, 10, 20, 50, 100, 200), 10


@experiment(
    "01_real", weights=(), unit=PHOTOS_DRAWN, seeds=10, labels="2-200", settings=CROSS_VALIDATED
)
def real() -> dict:
    """Real photos of cats and dogs, and blood cells: MobileNetV2's features against controls.

    {set: {"photos": n, "classes": n, KIND: {labels a class: [accuracy a draw]}}}, where KIND
    is "imagenet", "random" (the same network, never trained) or "pixels". A draw takes other
    labelled and other test photos (30% of the groups); a head is chosen on the labels alone.
    """
    found: dict = {}
    for name in ("cats_dogs", "blood_cells"):
        photos = real_photos(name)
        split, side = photos.split, PHOTOS[name][1]
        kinds = {
            "imagenet": extract_features(mobilenet(side), split, batch_size=32),
            "random": extract_features(mobilenet(side, pretrained=False), split, batch_size=32),
            "pixels": small_pixels(split.inputs),
        }
        curves = logistic_curves(kinds, split.labels, photos.groups, REAL_LABELS, REAL_SEEDS)
        found[name] = {"photos": len(split), "classes": len(photos.classes), **curves}
    return found
