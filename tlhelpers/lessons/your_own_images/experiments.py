"""Lesson 14: what near copies do to a test, and the ways of transfer on real photographs."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tlhelpers.course.results import experiment
from tlhelpers.data.catalog import load_task
from tlhelpers.data.folder import FolderTask, load_folder
from tlhelpers.data.real import PHOTOS, real_folder, real_photos
from tlhelpers.data.task import Split, rows_of_each
from tlhelpers.models.backbones import backbone
from tlhelpers.models.real import mobilenet
from tlhelpers.train.predict import predict
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.features import probe
from tlhelpers.transfer.finetune import fine_tune
from tlhelpers.transfer.heads import select_head
from tlhelpers.transfer.knn import knn
from tlhelpers.transfer.negative import train_from_scratch

READERS: dict[str, Callable] = {
    "knn": lambda network, task: knn(network, task, k=1),
    "probe": probe,
}
WEIGHTS = "weights/mobilenet_v2_imagenet_dequant.pth"  # in the folder of real data
FOLDS = 5
LABELS = 200  # of each class, for the ways that train a network; as many as stored in 01_pets
SEEDS = 3


@experiment("14_leak")
def leak() -> dict:
    """Cats and dogs in 120 scenes: tested by photo, by scene, and on photos of new scenes.

    {"shots": photos of each scene, READER: {"by_photo" | "by_scene" | "new": [[accuracy per seed]
    per count of shots]}}.
    """
    network, shots, seeds = backbone("zukan-resnet"), (1, 2, 3, 5, 8), 5
    found: dict = {"shots": list(shots)}
    for reader, read in READERS.items():
        found[reader] = {way: [] for way in ("by_photo", "by_scene", "new")}
        for count in shots:
            runs = [_leak_once(network, read, count, seed) for seed in range(seeds)]
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


def photograph(images: Tensor) -> Tensor:
    """Each picture, uint8 (n, 3, height, width), turned by up to 20 degrees, half of them flipped.

    The `augment` of the lesson's page.
    """
    angle = (torch.rand(len(images)) - 0.5) * 0.7
    flip = torch.where(torch.rand(len(images)) < 0.5, -1.0, 1.0)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros(len(images))
    turn = torch.stack([flip * cos, -sin, zero, flip * sin, cos, zero], 1).view(-1, 2, 3)
    grid = F.affine_grid(turn, images.shape, align_corners=False)
    turned = F.grid_sample(images.float(), grid, padding_mode="reflection", align_corners=False)
    return turned.round().to(torch.uint8)


@experiment("14_photos", weights=())
def photos() -> dict:
    """Real cats and dogs, and blood cells, with ImageNet's MobileNetV2.

    {"photos" | "cells": how many; "all" | "ten" | "cells_all": accuracy of a probe in each of five
    folds, with all labels or ten a class; "probe" | "fine_tune" | "scratch": accuracy with 200
    labels a class, one a seed}. Raises StoreError without the folder of real data.
    """
    real_folder()
    with tempfile.TemporaryDirectory() as folder:
        pets = _unpack("cats_dogs_train_160.tar", Path(folder) / "pets", 150)
        cells = _unpack("blood_cells_96.tar", Path(folder) / "cells", 96)
        pet_features, cell_features = _read(pets, 150), _read(cells, 96)
        return {
            "photos": len(_all(pets)),
            "all": _probe_folds(pets, pet_features),
            "ten": _probe_folds(pets, pet_features, per_class=10),
            "cells": len(_all(cells)),
            "cells_all": _probe_folds(cells, cell_features),
            **_three_ways(pets, pet_features, 150),
        }


def _unpack(archive: str, folder: Path, size: int) -> FolderTask:
    with tarfile.open(real_folder() / "images" / archive) as packed:
        packed.extractall(folder, filter="data")
    return load_folder(folder, size=size)


def _all(task: FolderTask) -> Split:
    """The photos of all three parts as one split."""
    parts = (task.train, task.valid, task.test)
    images = torch.cat([part.inputs for part in parts])
    return Split(images, torch.cat([part.labels for part in parts]))


def _read(task: FolderTask, size: int) -> Tensor:
    network = backbone("mobilenet_v2", weights=real_folder() / WEIGHTS, size=size)
    return extract_features(network, _all(task), batch_size=32)


def _probe_folds(task: FolderTask, features: Tensor, per_class: int | None = None) -> list[float]:
    """One fold tests, the next one chooses, three train; photos of one group stay together."""
    labels = _all(task).labels
    groups = torch.tensor(task.groups["train"] + task.groups["valid"] + task.groups["test"])
    _, number = groups.unique(return_inverse=True)
    order = torch.randperm(int(number.max()) + 1, generator=torch.Generator().manual_seed(0))
    fold = order[number] % FOLDS
    accuracies = []
    for k in range(FOLDS):
        test, valid = fold == k, fold == (k + 1) % FOLDS
        train = (~test & ~valid).nonzero()[:, 0]
        test, valid = test.nonzero()[:, 0], valid.nonzero()[:, 0]
        if per_class is not None:  # ten photos to learn from, ten more to choose with
            train, valid = _some_of_each(labels, train, (per_class, per_class), seed=k)
        accuracies.append(_probe_on(features, labels, train, valid, test))
    return accuracies


def _some_of_each(labels: Tensor, rows: Tensor, counts: tuple[int, ...], seed: int) -> list[Tensor]:
    """Rows drawn from `rows`, for each part so many of each class; no row twice."""
    mixed = rows_of_each(labels[rows], sum(counts), torch.Generator().manual_seed(seed))
    of_class = rows[mixed].view(-1, sum(counts))
    return [part.flatten() for part in of_class.split(counts, 1)]


def _probe_on(
    features: Tensor, labels: Tensor, train: Tensor, valid: Tensor, test: Tensor
) -> float:
    known, wanted = labels[train], labels[valid]
    head = select_head(features[train], known, features[valid], wanted, int(labels.max()) + 1).head
    with torch.no_grad():
        answers = head(features[test]).argmax(1)
    return round((answers == labels[test]).double().mean().item(), 4)


def _three_ways(task: FolderTask, features: Tensor, size: int) -> dict[str, list[float]]:
    """Frozen, fine-tuned for two epochs, and the course's small network from scratch."""
    split = _all(task)
    found: dict[str, list[float]] = {"probe": [], "fine_tune": [], "scratch": []}
    for seed in range(SEEDS):
        every = torch.arange(len(split))
        rows = _some_of_each(split.labels, every, (LABELS, 50, 100), seed)
        found["probe"].append(_probe_on(features, split.labels, *rows))
        train, valid, test = map(split.subset, rows)
        some = replace(task, train=train, valid=valid, test=test)
        network = backbone("mobilenet_v2", weights=real_folder() / WEIGHTS, size=size)
        tuned = fine_tune(network, some, epochs=2, batch_size=32, seed=seed)
        found["fine_tune"].append(round(tuned.test_acc, 4))
        fresh = train_from_scratch(backbone("zukan-resnet"), some, epochs=20, seed=seed)
        found["scratch"].append(round(fresh.test_acc, 4))
    return found


CATS, DOGS = slice(281, 286), slice(151, 269)  # of ImageNet's 1,000 classes: 5 and 118


@experiment("14_real", weights=())
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
