"""The curves of lesson 01: how far each start gets, from two to hundreds of labels a class."""

import functools
from collections.abc import Callable

from tlhelpers.course.results import experiment
from tlhelpers.data.catalog import load_task
from tlhelpers.data.real import PHOTOS, real_photos, small_pixels
from tlhelpers.data.task import Task
from tlhelpers.models.backbones import backbone
from tlhelpers.models.real import mobilenet
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.features import probe
from tlhelpers.transfer.finetune import fine_tune
from tlhelpers.transfer.logistic import logistic_curves
from tlhelpers.transfer.negative import train_from_scratch
from tlhelpers.transfer.search import SCRATCH_GRID, search


@experiment("01_birds")
def birds() -> dict:
    """Ten birds: three starts, from 2 to 50 labels a class."""
    return label_curves("birds", (2, 5, 10, 20, 50), seeds=5)


@experiment("01_pets")
def pets() -> dict:
    """Cats and dogs, up to 200 labels a class: where transfer stops paying."""
    return label_curves("pets", (5, 30, 200), seeds=4, least_epochs=20)


def label_curves(name: str, counts: tuple[int, ...], seeds: int, least_epochs: int = 8) -> dict:
    """{"labels": counts, "probe" | "fine_tune" | "scratch": test accuracy for each count, seed}.

    For each count the learning rates of fine-tuning and scratch come from the same grid, chosen
    on the validation split with a seed that is not measured. All take the same number of steps,
    `least_epochs` or more.
    """
    network = backbone("zukan-resnet")
    curves: dict = {"labels": list(counts), "probe": [], "fine_tune": [], "scratch": []}
    for count in counts:
        first = load_task(name, count, seed=100, test_per_class=100)
        epochs = max(least_epochs, 2000 // len(first.train))  # at least 2,000 pictures are shown
        shared = {"epochs": epochs, "batch_size": 32, "clip_norm": 1.0}
        moving = {"freeze_epochs": 0, "lr_mult": 5, "keep_batchnorm": False}
        tune = functools.partial(fine_tune, network, **moving, **shared)
        fresh = functools.partial(train_from_scratch, network, **shared)
        tune_lr, fresh_lr = choose_rate(tune, first), choose_rate(fresh, first)
        runs: dict[str, list[float]] = {"probe": [], "fine_tune": [], "scratch": []}
        for seed in range(seeds):
            task = load_task(name, count, seed=seed, test_per_class=100)
            runs["probe"].append(probe(network, task, seed=seed).test_acc)
            runs["fine_tune"].append(tune(task, lr=tune_lr, seed=seed).test_acc)
            runs["scratch"].append(fresh(task, lr=fresh_lr, seed=seed).test_acc)
        for start, values in runs.items():
            curves[start].append([round(value, 4) for value in values])
    return curves


def choose_rate(train: Callable, task: Task) -> float:
    """The rate with which `train(task, lr=rate)` does best on the validation split."""
    rates = {"lr": SCRATCH_GRID["lr"]}
    return search(lambda lr: train(task, lr=lr, read_test=False), rates).chosen["lr"]


REAL_LABELS, REAL_SEEDS = (2, 5, 10, 20, 50, 100, 200), 10


@experiment("01_real", weights=())
def real() -> dict:
    """Real photos of cats and dogs, and blood cells: MobileNetV2's features against controls.

    {set: {"photos": n, "classes": n, KIND: {labels a class: [accuracy a draw]}}}, where KIND
    is "imagenet", "random" (the same network, never trained) or "pixels". A draw takes other
    labelled and other test photos (30% of the groups); a head is chosen on the labels alone.
    """
    found: dict = {"unit": "draws of labelled and test photos", "seeds": REAL_SEEDS}
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
