"""Lesson 14: what everyday mistakes cost, which method to try next, and the same on real photos."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from torch import Tensor, nn

from tlhelpers.course.results import (
    CROSS_VALIDATED,
    FIXED,
    IN_EACH_DRAW,
    SEARCHED,
    experiment,
    stored,
)
from tlhelpers.data.catalog import load_task
from tlhelpers.data.real import PHOTOS, RealPhotos, real_photos
from tlhelpers.data.task import Split, Task, rows_of_each
from tlhelpers.lessons.your_own_images.photos import SHOTS, animals, photograph
from tlhelpers.models.backbones import backbone
from tlhelpers.models.real import mobilenet
from tlhelpers.train.predict import predict
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.features import probe
from tlhelpers.transfer.finetune import TRIAL, fine_tune
from tlhelpers.transfer.heads import select_head
from tlhelpers.transfer.knn import knn, vote
from tlhelpers.transfer.negative import train_from_scratch
from tlhelpers.transfer.search import Search, search

READERS: dict[str, Callable] = {
    "knn": lambda network, task: knn(network, task, k=1),
    "probe": probe,
}
NETWORK = "zukan-resnet"
TUNING = 100  # the seed on which settings are chosen; what is measured has seeds from 0
DRAWS = 10


@experiment("14_leak", unit="draws of animals", seeds=10, labels="60", settings=IN_EACH_DRAW)
def leak() -> dict:
    """Cats and dogs in 120 scenes: tested by photo, by scene, and on photos of new scenes.

    {"shots": photos of each scene, READER: {"by_photo" | "by_scene" | "new": [[accuracy per seed]
    per count of shots]}}.
    """
    network, shots = backbone(NETWORK), (1, 2, 3, 5, 8)
    found: dict = {"shots": list(shots)}
    for reader, read in READERS.items():
        found[reader] = {way: [] for way in ("by_photo", "by_scene", "new")}
        for count in shots:
            runs = [_leak_once(network, read, count, seed) for seed in range(DRAWS)]
            for way, line in found[reader].items():
                line.append([round(run[way], 4) for run in runs])
    return found


def _leak_once(network: nn.Module, read: Callable, shots: int, seed: int) -> dict[str, float]:
    torch.manual_seed(seed)
    pets = load_task("pets", per_class=60, seed=seed, test_per_class=100)
    scene = torch.arange(120).repeat_interleave(shots)
    photos, labels = photograph(pets.train.inputs[scene]), pets.train.labels[scene]
    found = {}
    for way, rank in (("by_photo", torch.randperm(len(scene))), ("by_scene", torch.randperm(120))):
        rank = rank if way == "by_photo" else rank[scene]
        held = rank > 0.7 * rank.max()
        learned = replace(pets, train=Split(photos[~held], labels[~held]))
        tested = replace(learned, test=Split(photos[held], labels[held]))
        found[way] = read(network, tested).test_acc
    found["new"] = read(network, learned).test_acc
    return found


# --- what a mistake costs -----------------------------------------------------------------

MISTAKES = ("none", "scenes", "copies", "labels", "lopsided", "light")
MISTAKE_DRAWS = 50  # what a wrong label costs is small beside what 24 test animals happen to be


@experiment("14_mistakes", unit="draws of animals", seeds=50, labels="60", settings=IN_EACH_DRAW)
def mistakes() -> dict:
    """One mistake at a time in 360 photos of 120 animals: what the test says, and what is true.

    {READER: {mistake: {"said" | "new" | "cats": [accuracy per draw]}}}. said: on the test part of
    the folder, new: on photos of 200 animals that nobody has seen, cats: on the cats among these.
    scenes: split by photo, not by animal; copies: a fifth of the photos twice under other names;
    labels: a tenth of the animals has the wrong label, in all parts; lopsided: 30 cats, 90 dogs;
    light: all cats were photographed at half the brightness.
    """
    network = backbone(NETWORK)
    found: dict = {reader: {mistake: {} for mistake in MISTAKES} for reader in READERS}
    for seed in range(MISTAKE_DRAWS):
        for mistake in MISTAKES:
            task, new = _with_mistake(mistake, seed)
            for reader, read in READERS.items():
                of_new = read(network, replace(task, test=new))
                cats = read(
                    network, replace(task, test=new.subset((new.labels == 0).nonzero()[:, 0]))
                )
                values = {"said": read(network, task), "new": of_new, "cats": cats}
                for name, result in values.items():
                    found[reader][mistake].setdefault(name, []).append(round(result.test_acc, 4))
    return found


def _with_mistake(mistake: str, seed: int) -> tuple[Task, Split]:
    """The folder with this mistake, split 60/20/20, and the photos of new animals."""
    cats, dogs = (30, 90) if mistake == "lopsided" else (60, 60)
    images, labels, animal = _photographed(cats, dogs, seed)
    group, count = animal, cats + dogs
    generator = torch.Generator().manual_seed(seed)
    if mistake == "scenes":
        group = torch.arange(len(labels))
    if mistake == "copies":
        again = torch.randperm(len(labels), generator=generator)[: len(labels) // 5]
        images, labels = torch.cat([images, images[again]]), torch.cat([labels, labels[again]])
        group = torch.cat([animal, count + torch.arange(len(again))])
    if mistake == "labels":
        wrong = torch.randperm(count, generator=generator)[: count // 10]
        labels = torch.where(torch.isin(animal, wrong), 1 - labels, labels)
    if mistake == "light":
        images = torch.where(labels[:, None, None, None] == 0, images // 2, images)
    return _task(images, labels, group, generator), _new_animals(seed)


def _photographed(cats: int, dogs: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """SHOTS photos of each animal, their labels, and the animals' numbers."""
    images, labels = animals(cats, dogs, seed)
    animal = torch.arange(len(labels)).repeat_interleave(SHOTS)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return photograph(images[animal]), labels[animal], animal


def _new_animals(seed: int) -> Split:
    with torch.random.fork_rng():
        torch.manual_seed(seed + 1000)
        images, labels = animals(100, 100, seed + 1000)
        return Split(photograph(images), labels)


def _task(images: Tensor, labels: Tensor, group: Tensor, generator: torch.Generator) -> Task:
    """Whole groups dealt out at random: 60% to train on, 20% to choose with, 20% to test."""
    count = int(group.max()) + 1
    rank = torch.randperm(count, generator=generator)[group] / count
    train, valid, test = (
        Split(images[part], labels[part])
        for part in (rank < 0.6, (rank >= 0.6) & (rank < 0.8), rank >= 0.8)
    )
    return Task("pets", train, valid, test, {"en": ["cat", "dog"], "ja": ["猫", "犬"]})


@experiment("14_suspects", unit="draws of animals", seeds=10, labels="50", settings=CROSS_VALIDATED)
def suspects() -> dict:
    """How many of 8 wrongly labelled animals are among the 12 (of 100) that the page would show.

    {"wrong", "looked_at", "animals", "found": [animals per draw]}. As on the page: the mean
    probability of an animal's own label, by a logistic regression that has not seen the animal.
    """
    animals_of_each, wrong, most = 50, 8, 12
    network, found = backbone(NETWORK), []
    for seed in range(DRAWS):
        images, labels, animal = _photographed(animals_of_each, animals_of_each, seed)
        count = 2 * animals_of_each
        flipped = torch.randperm(count, generator=torch.Generator().manual_seed(seed))[:wrong]
        labels = torch.where(torch.isin(animal, flipped), 1 - labels, labels)
        shares = cross_val_predict(
            LogisticRegression(C=0.01, max_iter=500, class_weight="balanced"),
            extract_features(network, images),
            labels,
            groups=animal,
            cv=GroupKFold(5),
            method="predict_proba",
        )
        own = torch.tensor(shares)[torch.arange(len(labels)), labels]
        doubts = torch.zeros(count, dtype=own.dtype).index_add(0, animal, own)
        suspected = doubts.argsort()[:most]
        found.append(int(torch.isin(flipped, suspected).sum()))
    return {"wrong": wrong, "looked_at": most, "animals": count, "found": found}


# --- which method next --------------------------------------------------------------------

TRAINED: dict[str, Any] = {"epochs": 12, "progress": False}


@experiment("14_ladder", unit="draws of animals", seeds=10, labels="45 + 15", settings=IN_EACH_DRAW)
def ladder() -> dict:
    """The ways in the order in which to try them, on a mended folder of 75 cats and 75 dogs.

    {way: [accuracy on 200 new animals per draw], "seconds": {way: [...]}}. Each way chooses its own
    settings on the validation part (20% of the animals). more_probe, more_tuned: with 150 of each.
    """
    found: dict = {"seconds": {}}
    for seed in range(DRAWS):
        for count in (75, 150):
            task = _task(*_photographed(count, count, seed), torch.Generator().manual_seed(seed))
            task = replace(task, test=_new_animals(seed))
            for way, read in (LADDER if count == 75 else MORE).items():
                begin = time.perf_counter()
                found.setdefault(way, []).append(round(read(task), 4))
                found["seconds"].setdefault(way, []).append(round(time.perf_counter() - begin, 1))
    return found


def turned(images: Tensor, generator: torch.Generator) -> Tensor:
    """The batch turned and mirrored as in `photograph`, by this generator."""
    with torch.random.fork_rng():
        torch.manual_seed(int(torch.randint(2**31, (1,), generator=generator)))
        return photograph(images)


def _turned_probe(task: Task) -> float:
    """A probe that learns from each photo as it is and from three turned versions of it."""
    generator = torch.Generator().manual_seed(0)
    more = [task.train.inputs, *(turned(task.train.inputs, generator) for _ in range(3))]
    train = Split(torch.cat(more), task.train.labels.repeat(4))
    return probe(backbone(NETWORK), replace(task, train=train)).test_acc


def _tuned(task: Task) -> float:
    return fine_tune(backbone(NETWORK), task, augment=turned, **TRAINED).test_acc


def _scratch(task: Task) -> float:
    """The same network from random weights, with three times the steps."""
    options = TRAINED | {"epochs": 3 * TRAINED["epochs"]}
    return train_from_scratch(backbone(NETWORK), task, augment=turned, **options).test_acc


LADDER: dict[str, Callable[[Task], float]] = {
    "pixels": lambda task: knn("pixels", task).test_acc,
    "knn": lambda task: knn(backbone(NETWORK), task).test_acc,
    "probe": lambda task: probe(backbone(NETWORK), task).test_acc,
    "turned_probe": _turned_probe,
    "fine_tune": _tuned,
    "scratch": _scratch,
}
MORE = {"more_probe": LADDER["probe"], "more_tuned": _tuned}


OTHERWISE: dict[str, dict[str, Any]] = {  # how the body is trained, in place of TRAINED
    "half": {"epochs": TRAINED["epochs"] // 2},
    "adamw": {"optimizer": "adamw"},
    "unclipped": {"clip_norm": None},
    "three_times": {"epochs": 3 * TRAINED["epochs"]},
}
ADAMW_RATES = (0.0003, 0.001, 0.003)


@experiment("14_stable", unit="draws of animals", seeds=10, labels="45 + 15", settings=IN_EACH_DRAW)
def stable() -> dict:
    """The folder of 14_ladder: is fine-tuning only a small step beyond the probe in other settings?

    {"verdicts": {"fine_tune": {setting: [points a draw]}}}, fine-tuned before the probe. Each draw
    chooses its rate on its validation part; AdamW does so among rates of its own.
    """
    told = stored("14_ladder")
    tuned = {"as_told": told["fine_tune"]}
    for setting in OTHERWISE:
        tuned[setting] = [otherwise(setting, seed) for seed in range(DRAWS)]
    points = {
        setting: [round(100 * (a - b), 2) for a, b in zip(runs, told["probe"], strict=False)]
        for setting, runs in tuned.items()
    }
    return {"verdicts": {"fine_tune": points}}


def otherwise(setting: str, seed: int) -> float:
    """The test accuracy of fine-tuning in this setting, with 75 cats and 75 dogs."""
    task = _task(*_photographed(75, 75, seed), torch.Generator().manual_seed(seed))
    task, network = replace(task, test=_new_animals(seed)), backbone(NETWORK)
    options = {**TRAINED, "augment": turned, **OTHERWISE[setting]}
    if setting == "adamw":
        short = options | {"epochs": TRAINED["epochs"] // TRIAL, "read_test": False}
        options |= search(
            lambda lr: fine_tune(network, task, lr=lr, **short), {"lr": ADAMW_RATES}
        ).chosen
    return round(fine_tune(network, task, **options).test_acc, 4)


# --- real photos --------------------------------------------------------------------------

REAL_SIZE = 96
REAL_LABELS = 100  # of each class; 20 more choose the rate
REAL_RATES = {"fine_tune": (0.003, 0.01, 0.03), "scratch": (0.01, 0.03, 0.1)}
REAL_STEPS = {"fine_tune": 100, "scratch": 200}
REAL_BATCH = 16
REAL_DRAWS = 3
FOLDS = 5


@experiment(
    "14_photos",
    weights=(),
    unit="draws of labelled and test photos",
    seeds=3,
    labels="100 + 20",
    settings=SEARCHED,
)
def photos() -> dict:
    """Real cats and dogs, and blood cells, with one architecture: ImageNet's MobileNetV2.

    {"pixels" | "knn" | "probe" | "fine_tune" | "scratch": [accuracy per draw], "lr": {way: rate},
    "search": {way: {"tried": {rate: validation accuracy}, "chosen": rate}}, "cells": {...}}.
    Every way sees the same photos: 100 labels a class, 20 a class to choose with, 200 a class to
    test. Fine-tuning starts from the probe's head, scratch from random weights of the same
    network, with twice the steps; the rate of each is chosen after half its steps on the
    validation photos of a tuning seed; both see mirrored photos. Raises StoreError without the
    folder of real data.
    """
    pets, network = real_photos("cats_dogs"), mobilenet(REAL_SIZE)
    tasks = [_real_task(pets, seed) for seed in range(REAL_DRAWS)]
    found: dict = {"labels": REAL_LABELS, "size": REAL_SIZE, "lr": {}, "search": {}}
    for way, body, read in (
        ("pixels", "pixels", knn),
        ("knn", network, knn),
        ("probe", network, probe),
    ):
        found[way] = [round(read(body, task).test_acc, 4) for task in tasks]
    for way, rates in REAL_RATES.items():
        trial, steps = _real_task(pets, TUNING), REAL_STEPS[way]
        tried = [_train_real(way, trial, TUNING, rate, steps // 2)[0] for rate in rates]
        lr = found["lr"][way] = rates[tried.index(max(tried))]
        record = {f"{rate:g}": round(valid, 4) for rate, valid in zip(rates, tried, strict=True)}
        found["search"][way] = {"tried": record, "chosen": lr}
        found[way] = [_train_real(way, task, s, lr, steps)[1] for s, task in enumerate(tasks)]
    return found | {"cells": _cells()}


REAL_OTHERWISE: dict[str, dict[str, Any]] = {  # scratch, in place of 200 clipped steps of SGD
    "adamw": {"optimizer": "adamw"},
    "three_times": {"steps": 600},
    "half": {"steps": 100},
    "unclipped": {"clip_norm": None},
}
REAL_OTHER_RATES = {"unclipped": (0.003, 0.01, 0.03), "adamw": (0.0003, 0.001, 0.003, 0.01)}


@experiment(
    "14_photos_stable",
    weights=(),
    unit="draws of labelled and test photos",
    seeds=3,
    labels="100 + 20",
    settings=SEARCHED,
)
def photos_stable() -> dict:
    """Real cats and dogs: does scratch stay behind when it is trained in other ways?

    {"verdicts": {"fine_tune": {setting: [points a draw]}}, "scratch": {setting: [accuracy a draw]},
    "search": {setting: record}}. The fine-tuned network and scratch "as_told" are those of
    14_photos. Other lengths keep its rate; without clipping, and with AdamW, scratch chooses anew.
    """
    told = stored("14_photos")
    found: dict = {"scratch": {"as_told": told["scratch"]}, "search": {}}
    for setting in REAL_OTHERWISE:
        lr = told["lr"]["scratch"]
        if setting in REAL_OTHER_RATES:
            chosen = scratch_rate(setting)
            found["search"][setting], lr = chosen.to_dict(), chosen.chosen["lr"]
        found["scratch"][setting] = [scratch_run(setting, s, lr)[1] for s in range(REAL_DRAWS)]
    points = {
        setting: [round(100 * (a - b), 2) for a, b in zip(told["fine_tune"], runs, strict=True)]
        for setting, runs in found["scratch"].items()
    }
    return found | {"verdicts": {"fine_tune": points}}


def scratch_rate(setting: str) -> Search:
    """The search for scratch's rate: a third of the steps, on a seed that is not measured."""
    rates = {"lr": REAL_OTHER_RATES[setting]}
    return search(lambda lr: scratch_run(setting, TUNING, lr, TRIAL)[0], rates)


def scratch_run(setting: str, seed: int, lr: float, shorter: int = 1) -> tuple[float, float]:
    """(validation, test) accuracy of scratch in this setting, with so many times fewer steps."""
    options = {"steps": REAL_STEPS["scratch"], **REAL_OTHERWISE[setting]}
    return real_run("scratch", seed, lr, round(options.pop("steps") / shorter), **options)


def real_run(way: str, seed: int, lr: float, steps: int, **others: Any) -> tuple[float, float]:
    """(validation, test) accuracy on this draw of the real cats and dogs."""
    return _train_real(way, _real_task(real_photos("cats_dogs"), seed), seed, lr, steps, **others)


def _real_task(photos: RealPhotos, seed: int) -> Task:
    """100 photos of each class to train on, 20 to choose with, 200 to test; no two alike."""
    generator = torch.Generator().manual_seed(seed)
    first = torch.tensor(sorted({g: row for row, g in enumerate(photos.groups.tolist())}.values()))
    rows = first[rows_of_each(photos.split.labels[first], 220 + REAL_LABELS, generator)]
    of_class = [rows[photos.split.labels[rows] == c] for c in range(len(photos.classes))]
    test, valid, train = (
        photos.split.subset(torch.cat([rows[part] for rows in of_class]))
        for part in (slice(0, 200), slice(200, 220), slice(220, None))
    )
    names = {lang: photos.classes for lang in ("en", "ja")}
    return Task("cats-dogs", train, valid, test, names)


def _train_real(
    way: str, task: Task, seed: int, lr: float, steps: int, **others: Any
) -> tuple[float, float]:
    """(validation, test) accuracy of fine-tuning, or of the same network from random weights."""
    options: dict[str, Any] = {
        "lr": lr,
        "epochs": -(-steps // -(-len(task.train) // REAL_BATCH)),
        "batch_size": REAL_BATCH,
        "augment": mirror,
        "valid": False,
        "progress": False,
        "seed": seed,
        **others,
    }
    if way == "scratch":
        options |= {"freeze_epochs": 0, "keep_batchnorm": False}
    result = fine_tune(mobilenet(REAL_SIZE, way != "scratch", seed), task, **options)
    return round(result.valid_acc, 4), round(result.test_acc, 4)


def mirror(images: Tensor, generator: torch.Generator) -> Tensor:
    """The batch (n, 3, height, width), half of it mirrored left to right."""
    shape = (len(images), 1, 1, 1)
    chosen = torch.rand(shape, generator=generator, device=images.device) < 0.5
    return torch.where(chosen, images.flip(3), images)


def _cells() -> dict[str, list[float] | int]:
    """Blood cells cut from larger pictures, tested by cell and by picture, in five folds each.

    {"cells": n, "pictures": n, READER_WAY: [accuracy per fold]}.
    """
    cells = real_photos("blood_cells")
    features = extract_features(mobilenet(PHOTOS["blood_cells"][1]), cells.split, batch_size=32)
    found: dict = {"cells": len(cells.groups), "pictures": int(cells.groups.max()) + 1}
    generator = torch.Generator().manual_seed(0)
    for way, groups in (("by_cell", torch.arange(len(cells.groups))), ("by_picture", cells.groups)):
        fold = torch.randperm(int(groups.max()) + 1, generator=generator)[groups] % FOLDS
        for reader in READERS:
            found[f"{reader}_{way}"] = _folds(reader, features, cells.split.labels, fold)
    return found


def _folds(reader: str, features: Tensor, labels: Tensor, fold: Tensor) -> list[float]:
    """One fold tests, the next one chooses, three train."""
    accuracies = []
    for k in range(FOLDS):
        test, valid = fold == k, fold == (k + 1) % FOLDS
        train = ~test & ~valid
        if reader == "knn":
            (answers,) = vote(features[train], labels[train], features[test], [1], "cosine")
        else:
            known = (features[train], labels[train], features[valid], labels[valid])
            head = select_head(*known, int(labels.max()) + 1).head
            with torch.no_grad():
                answers = head(features[test]).argmax(1)
        accuracies.append(round((answers == labels[test]).double().mean().item(), 4))
    return accuracies


CATS, DOGS = slice(281, 286), slice(151, 269)  # of ImageNet's 1,000 classes: 5 and 118


@experiment("14_real", weights=(), unit="photos", seeds=1, labels="none", settings=FIXED)
def real() -> dict:
    """Real cats and dogs without a single label, read off ImageNet's own head.

    {"summed" | "averaged": {"all" | "cat" | "dog": shares of photos that are right}, "photos": n}.
    summed: the probabilities of the 5 cats against those of the 118 dogs; averaged: each sum
    divided by how many classes it has, so that many classes are no advantage.
    """
    photos = real_photos("cats_dogs")
    network, labels = mobilenet(PHOTOS["cats_dogs"][1]), photos.split.labels
    chances = predict(network, photos.split, batch_size=32).softmax(1)
    found: dict = {"photos": len(labels), "unit": "photos"}
    for way, gather in (("summed", Tensor.sum), ("averaged", Tensor.mean)):
        answers = (gather(chances[:, DOGS], 1) > gather(chances[:, CATS], 1)).long()
        right = answers == labels
        found[way] = {"all": round(right.double().mean().item(), 4)}
        for number, name in enumerate(("cat", "dog")):
            found[way][name] = round(right[labels == number].double().mean().item(), 4)
    return found
