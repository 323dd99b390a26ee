"""What lesson 06 stores: sixteen pairs of source and target, and remedies for one."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import nn

from tlhelpers.course.results import experiment
from tlhelpers.data.catalog import load_task
from tlhelpers.data.real import (
    PHOTOS,
    RealPhotos,
    real_arrays,
    real_characters,
    real_photos,
    small_pixels,
)
from tlhelpers.data.task import Task
from tlhelpers.models.backbones import backbone
from tlhelpers.models.real import mobilenet
from tlhelpers.runtime.device import set_seed
from tlhelpers.train.engine import evaluate
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.features import probe
from tlhelpers.transfer.finetune import FineTuneResult, fine_tune
from tlhelpers.transfer.logistic import logistic_curves
from tlhelpers.transfer.negative import reinitialise, train_from_scratch
from tlhelpers.transfer.regularisers import bss_loss, l2_sp
from tlhelpers.transfer.similarity import cka, mmd, proxy_a_distance
from tlhelpers.transfer.transferability import transferability

SOURCES = {  # network -> what it was trained on
    "zukan-resnet": "source",
    "zukan-shape": "shapes",
    "zukan-texture": "textures",
    "zukan-paint": "paint",
}
TARGETS = ("surfaces", "xray", "land_use", "sounds")
TUNED = ("surfaces",)  # the targets on which the sources are fine-tuned, too
SEEDS = range(3)
LABELS = 30
PICTURES = 1500  # that each run sees, so that every contender has the same budget
RATES = (0.03, 0.1)  # the grid that every contender chooses from
UNTUNED = {  # other ways to train scratch: one too timid, one better than that of the pairs
    "rate_too_low": {"lr": 0.001},
    "not_clipped": {"lr": 0.03, "clip_norm": None},
}
ENTRANCE, UPPER = ("conv1", "bn1"), ("layer1", "layer2", "layer3", "layer4")
PAINT_RATE = 0.1  # what 06_pairs chose for the paint sorter on surfaces

Train = Callable[..., FineTuneResult]  # (network, task, lr, seed, read_test)


def budget(task: Task, pictures: int = PICTURES) -> dict:
    """What all contenders share: epochs, batches, clipping, looks at the validation split."""
    epochs = max(1, pictures // len(task.train))
    return {"epochs": epochs, "batch_size": 32, "clip_norm": 1.0, "valid_every": 2}


def scratch(network: nn.Module, task: Task, lr: float, seed: int, read_test=True, **options):
    """The network's random twin, trained on the task."""
    settings = {**budget(task), "seed": seed, "read_test": read_test, **options}
    return train_from_scratch(network, task, lr=lr, progress=False, **settings)


def tune(network: nn.Module, task: Task, lr: float, seed: int, read_test=True, **options):
    """The network itself, all of it trained at the same rate as its twin would be."""
    moving = {"freeze_epochs": 0, "keep_batchnorm": False}
    settings = {**budget(task), **moving, "seed": seed, "read_test": read_test, **options}
    return fine_tune(network, task, lr=lr, progress=False, **settings)


def tune_renewed(network: nn.Module, task: Task, lr: float, seed: int, renewed: Sequence[str]):
    """`tune` of a copy whose stages `renewed` start from random weights again."""
    set_seed(seed)
    patched, fresh = copy.deepcopy(network), reinitialise(network)
    for name in renewed:
        getattr(patched, name).load_state_dict(getattr(fresh, name).state_dict())
    return tune(patched, task, lr, seed)


def best_runs(
    train: Train, network: nn.Module, tasks: Sequence[Task], rates: Sequence[float] = RATES
) -> tuple[list[float], float]:
    """(test accuracy for each task, rate): the rate is chosen on the first task's validation."""
    first, *others = tasks
    trials = {rate: train(network, first, rate, 0, read_test=False) for rate in rates}
    rate = max(trials, key=lambda tried: trials[tried].valid_acc)
    accuracies = [evaluate(trials[rate].model, first.open_test())]
    for seed, task in enumerate(others, start=1):
        accuracies.append(train(network, task, rate, seed).test_acc)
    return _rounded(accuracies), rate


def warnings(network: nn.Module, domain: str, task: Task) -> dict[str, float]:
    """What can be measured before any transfer, on the training and validation splits.

    distance, mmd: between drawings of the source and of the target, in the network's features.
    cka: of the features with the labels. logme, leep, probe: see `transferability`.
    """
    classes = load_task(domain, 1, valid_per_class=1, test_per_class=1).num_classes
    drawings = load_task(domain, 1, valid_per_class=-(-150 // classes), test_per_class=1).valid
    there, here = extract_features(network, drawings), extract_features(network, task.train)
    answers = nn.functional.one_hot(task.train.labels).float()
    scores = transferability({"": network}, task, ("logme", "leep", "probe")).scores[""]
    return {
        "distance": proxy_a_distance(there, here),
        "mmd": mmd(there, here),
        "cka": cka(here, answers),
        **scores,
    }


@experiment("06_pairs", weights=SOURCES)
def pairs() -> dict:
    """Every source with every target: scratch, frozen and fine-tuned, and the early warnings.

    frozen, fine_tuned (null where not TUNED), rates and warnings are [source][target]. Each
    contender's rate was chosen from RATES with seed 0.
    """
    networks = {name: backbone(name) for name in SOURCES}
    set_seed(0)
    random = backbone("zukan-resnet", pretrained=False)
    found: dict = {"sources": list(SOURCES), "targets": list(TARGETS), "labels": LABELS}
    found |= {"scratch": [], "scratch_rates": [], "random_probe": []}
    by_source = {row: [[] for _ in SOURCES] for row in ("frozen", "fine_tuned", "rates")}
    before: dict[str, list] = {}
    for target in TARGETS:
        tasks = [load_task(target, LABELS, seed) for seed in SEEDS]
        accuracies, rate = best_runs(scratch, networks["zukan-resnet"], tasks)
        found["scratch"].append(accuracies)
        found["scratch_rates"].append(rate)
        scores = transferability({"": random}, tasks[0], ("probe",)).scores[""]
        found["random_probe"].append(scores["probe"])
        for place, (name, network) in enumerate(networks.items()):
            tuned = best_runs(tune, network, tasks) if target in TUNED else (None, None)
            for row, value in zip(("fine_tuned", "rates"), tuned, strict=True):
                by_source[row][place].append(value)
            frozen = [probe(network, task, seed=k).test_acc for k, task in enumerate(tasks)]
            by_source["frozen"][place].append(_rounded(frozen))
            for signal, value in warnings(network, SOURCES[name], tasks[0]).items():
                rows = before.setdefault(signal, [[] for _ in SOURCES])
                rows[place].append(round(value, 4))
    return {**found, **by_source, "warnings": before, "distance": before["distance"]}


@experiment("06_tuning")
def tuning() -> dict:
    """Scratch on surfaces as 06_pairs trains it, but at a low rate, or without clipping."""
    network = backbone("zukan-resnet")
    tasks = [load_task("surfaces", LABELS, seed) for seed in SEEDS]
    return {
        name: _rounded(
            scratch(network, task, seed=seed, **options).test_acc for seed, task in enumerate(tasks)
        )
        for name, options in UNTUNED.items()
    }


@experiment("06_remedies", weights=("zukan-paint",))
def remedies() -> dict:
    """The paint sorter on surfaces: each remedy with the budget, rate and seeds of 06_pairs."""
    network = backbone("zukan-paint")
    tasks = [load_task("surfaces", LABELS, seed) for seed in SEEDS]
    stay = {"penalty": lambda model: l2_sp(model, alpha=0.01, beta=0.01)}
    ways: dict[str, Train] = {
        "no_clipping": functools.partial(tune, lr=PAINT_RATE, clip_norm=None),
        "faster": functools.partial(tune, lr=10 * PAINT_RATE),
        "l2_sp": functools.partial(tune, lr=PAINT_RATE, **stay),
        "bss": functools.partial(tune, lr=PAINT_RATE, loss=bss_loss(eta=0.001)),
        "cut_early": functools.partial(tune_renewed, lr=PAINT_RATE, renewed=UPPER),
        "new_entrance": functools.partial(tune_renewed, lr=PAINT_RATE, renewed=ENTRANCE),
    }
    accuracy = []
    for way in ways.values():
        runs = [way(network, task, seed=seed) for seed, task in enumerate(tasks)]
        accuracy.append(_rounded(run.test_acc for run in runs))
    return {"remedies": list(ways), "accuracy": accuracy, "rate": PAINT_RATE}


def _rounded(values: Iterable[float]) -> list[float]:
    return [round(value, 4) for value in values]


REAL_LABELS, REAL_SEEDS = (5, 10, 50), 10
REAL_TARGETS = ("cats_dogs", "ants_bees", "blood_cells", "clothes", "characters")


@experiment("06_real", weights=())
def real() -> dict:
    """ImageNet's features on near and far real targets, beside the same network never trained.

    {target: {"imagenet" | "random" | "pixels": {labels a class: [accuracy a draw]}}}.
    """
    found: dict = {"unit": "draws of labelled and test pictures", "seeds": REAL_SEEDS}
    for target in REAL_TARGETS:
        pictures, side = _real_target(target)
        split = pictures.split
        kinds = {
            "imagenet": extract_features(mobilenet(side), split, batch_size=64),
            "random": extract_features(mobilenet(side, pretrained=False), split, batch_size=64),
            "pixels": small_pixels(split.inputs),
        }
        curves = logistic_curves(kinds, split.labels, pictures.groups, REAL_LABELS, REAL_SEEDS)
        found[target] = {"pictures": len(split), "classes": len(pictures.classes), **curves}
    return found


def _real_target(name: str) -> tuple[RealPhotos, int]:
    if name == "clothes":
        return real_arrays("FashionMNIST", 96, per_class=150), 96
    if name == "characters":
        drawings = real_characters(64)
        rows = (drawings.split.labels < 20).nonzero()[:, 0]
        split = drawings.split.subset(rows)
        return RealPhotos(split, torch.arange(len(rows)), drawings.classes[:20]), 96
    return real_photos(name), PHOTOS[name][1]
