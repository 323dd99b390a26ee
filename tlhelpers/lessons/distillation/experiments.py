"""What lesson 11 stores: a small student of a large teacher, on pictures with and without labels.

Every number is a fraction, one a draw. A draw redraws all pictures (labelled, unlabelled,
validation and test), trains a teacher of its own on the labelled ones and starts the students from
other random weights. All contenders take as many steps, at the rate that was chosen for each of
them on another draw. The true labels of unlabelled pictures are read only where "labelled" says
what they would be worth.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from tlhelpers.course.results import IN_EACH_DRAW, SEARCHED, experiment
from tlhelpers.data.catalog import load_task, redrawn
from tlhelpers.data.digest import digest
from tlhelpers.data.real import real_photos
from tlhelpers.data.task import Split, Task, rows_of_each
from tlhelpers.lessons.distillation.steps import (
    cut_weights,
    finish_cut,
    in_eight_bits,
    kilobytes,
    kilobytes_cut,
    kilobytes_in_eight_bits,
    new_student,
    with_signs,
)
from tlhelpers.models.backbones import backbone
from tlhelpers.models.real import mobilenet
from tlhelpers.train.engine import evaluate, fit
from tlhelpers.train.predict import predict
from tlhelpers.train.preprocessing import attach_preprocess
from tlhelpers.transfer.distillation import distill
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.finetune import fine_tune
from tlhelpers.transfer.heads import select_head
from tlhelpers.transfer.search import TUNING_SEEDS, Search, search

TEACHER, STUDENT = "zukan-resnet", "zukan-small"
SEEDS, FEW_SEEDS, THREE_SEEDS, WIDE_SEEDS = range(6), range(5), range(3), range(10)
TUNING = TUNING_SEEDS[:1]
LABELS, POOL = 10, 60  # labelled and unlabelled pictures of each kind of bird
LENGTH = 300  # steps of every student
PHOTO_STEPS = 400  # on real photos
GRID = {"lr": (0.03, 0.1, 0.3)}  # gradients are clipped at length 1
WIDE = {"lr": (*GRID["lr"], 1.0)}
KEPT = 0.1  # of the teacher's weights after pruning
DRAWN = {"unit": "draws of all pictures", "labels": "10 + 20"}
SEARCHED_THERE = {"settings": "searched in 11_ways"}
# what a student learns from: the labels, or the teacher's answers on the same pictures or on more
WAYS: dict[str, dict[str, Any]] = {
    "hard": {"label_weight": 1.0},
    "soft": {},
    "pseudo": {"answers": "hard"},
    "all": {},
}
WITH_POOL = ("pseudo", "all")


# --- the pieces -----------------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """One draw: the task, the unlabelled pictures (their labels for "labelled"), the teacher."""

    task: Task
    pool: Split
    teacher: nn.Module


@functools.lru_cache(maxsize=12)
def world(seed: int) -> World:
    task = redrawn("birds", LABELS, seed)
    pool = load_task("birds", POOL, 3000 + seed).train
    return World(task, pool, teacher_of(task, seed))


def teacher_of(task: Task, seed: int, network: str = TEACHER, **options: Any) -> nn.Module:
    """The large network, fine-tuned on the labelled pictures."""
    asked = {"seed": seed, "read_test": False, "progress": False, **options}
    return fine_tune(backbone(network), task, **asked).model


def learn(
    way: str,
    here: World,
    seed: int,
    settings: Mapping[str, Any],
    student: nn.Module | None = None,
    **options: Any,
) -> Any:
    """A student taught in one of WAYS, for LENGTH steps unless told otherwise."""
    pool = here.pool.inputs if way in WITH_POOL else None
    asked = {"max_steps": LENGTH, "unlabelled": pool, **WAYS[way], **settings, **options}
    student = new_student(seed) if student is None else student
    return distill(here.teacher, student, here.task, seed=seed, progress=False, **asked)


@functools.cache
def searched(way: str) -> Search:
    """The rate of `way`, on the validation pictures of a draw that is never measured."""

    def train(seed: int, **settings: Any) -> Any:
        return learn(way, world(seed), seed, settings, read_test=False)

    return search(train, GRID, seeds=TUNING)


def chosen(way: str) -> dict[str, Any]:
    return searched(way).chosen


def rounded(values: Iterable[float]) -> list[float]:
    return [round(value, 4) for value in values]


def columns(rows: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    return {key: rounded(row[key] for row in rows) for key in rows[0]}


# --- what is stored -------------------------------------------------------------------------


@experiment("11_ways", **DRAWN, seeds=6, settings=SEARCHED)
def ways() -> dict:
    """Accuracies a draw: {"teacher", each of WAYS, "labelled" (true labels for the pool as well)},
    "agreement": {way: with the teacher}, and "search": {way: how its rate was chosen}.
    """
    rows, agreement = [], []
    for seed in SEEDS:
        here = world(seed)
        found = {way: learn(way, here, seed, chosen(way)) for way in WAYS}
        labels = torch.cat([here.task.train.labels, here.pool.labels])
        known = Split(torch.cat([here.task.train.inputs, here.pool.inputs]), labels)
        told = replace(here, task=replace(here.task, train=known))
        labelled = learn("hard", told, seed, chosen("pseudo")).test_acc
        row = {way: result.test_acc for way, result in found.items()}
        rows.append({"teacher": found["all"].teacher_acc, **row, "labelled": labelled})
        agreement.append({way: result.agreement for way, result in found.items()})
    record = {way: searched(way).to_dict() for way in WAYS}
    return {**columns(rows), "agreement": columns(agreement), "search": record}


@experiment("11_wide", **DRAWN, seeds=10, settings=SEARCHED)
def wide() -> dict:
    """Each of WAYS with a rate of 1.0 to choose from as well: accuracies a draw, and "search"."""

    def train(way: str, seed: int, **settings: Any) -> Any:
        return learn(way, world(seed), seed, settings, read_test=False)

    found = {way: search(functools.partial(train, way), WIDE, seeds=TUNING) for way in WAYS}
    rows = [
        {way: learn(way, world(seed), seed, found[way].chosen).test_acc for way in WAYS}
        for seed in WIDE_SEEDS
    ]
    return {**columns(rows), "search": {way: found[way].to_dict() for way in WAYS}}


@experiment("11_colour", **DRAWN, seeds=3, **SEARCHED_THERE)
def colour() -> dict:
    """A teacher of photos in which a coloured sign gives the bird away, and its students.

    In the labelled pictures each kind of bird has a sign of its own; in the test pictures signs
    are "kept" (as in training) or "mixed". {"teacher": {"kept", "mixed": runs}, and for each pool
    of unlabelled pictures, "none" (no signs), "kept" and "mixed": {"kept", "mixed": runs}}.
    """
    found: dict = {who: [] for who in ("teacher", "none", "kept", "mixed")}
    for seed in THREE_SEEDS:
        here = world(seed)
        generator = torch.Generator().manual_seed(seed)

        def mixed(split: Split, generator: torch.Generator = generator) -> Split:
            return with_signs(split, torch.randint(10, (len(split),), generator=generator))

        def kept(split: Split) -> Split:
            return with_signs(split, split.labels)

        task = replace(here.task, train=kept(here.task.train), valid=kept(here.task.valid))
        tests = {"kept": kept(task.test), "mixed": mixed(task.test)}
        teacher = teacher_of(task, seed)
        found["teacher"].append({key: evaluate(teacher, test) for key, test in tests.items()})
        for kind, pool in (
            ("none", here.pool),
            ("kept", kept(here.pool)),
            ("mixed", mixed(here.pool)),
        ):
            one = World(task, pool, teacher)
            model = learn("all", one, seed, chosen("all"), read_test=False).model
            found[kind].append({key: evaluate(model, test) for key, test in tests.items()})
    return {who: columns(rows) for who, rows in found.items()}


@experiment("11_alternatives", weights=(TEACHER, STUDENT), **DRAWN, seeds=3, **SEARCHED_THERE)
def alternatives() -> dict:
    """Ways to a small network: {way: {"accuracy": runs, "kilobytes"}}.

    teacher; int8 (its weights in 8 bits); pruned (a tenth of its weights kept, trained on);
    hard, all (students from random weights); all_int8; tuned (zukan-small, fine-tuned on the
    labels); tuned_all (zukan-small, taught with the unlabelled pictures).
    """
    rows: list = []
    size: dict = {}
    small = backbone(STUDENT)
    for seed in THREE_SEEDS:
        here = world(seed)
        cut = cut_weights(here.teacher, 1 - KEPT)
        fit(cut, here.task, max_steps=LENGTH // 3, **_AGAIN, seed=seed, progress=False)
        student = learn("all", here, seed, chosen("all"), read_test=False).model
        networks = {
            "teacher": here.teacher,
            "int8": in_eight_bits(here.teacher),
            "pruned": finish_cut(cut),
            "hard": learn("hard", here, seed, chosen("hard"), read_test=False).model,
            "all": student,
            "all_int8": in_eight_bits(student),
            "tuned": teacher_of(here.task, seed, STUDENT),
            "tuned_all": learn("all", here, seed, chosen("all"), small, read_test=False).model,
        }
        rows.append({way: evaluate(model, here.task.test) for way, model in networks.items()})
        for way, model in networks.items():
            weigh = {"pruned": kilobytes_cut}.get(way, kilobytes)
            weigh = kilobytes_in_eight_bits if way.endswith("int8") else weigh
            size[way] = round(weigh(model), 1)
    accuracy = columns(rows)
    return {way: {"accuracy": accuracy[way], "kilobytes": size[way]} for way in accuracy}


_AGAIN = {"optimizer": "sgd", "lr": 0.01, "batch_size": 32, "clip_norm": 1.0, "valid_every": 10}


@experiment("11_answers", unit="one draw", labels="10 + 20", seeds=1, settings=IN_EACH_DRAW)
def answers() -> dict:
    """What the teacher of draw 0 says of its first test pictures: {"labels", "logits"}, two of
    each kind of bird, and what a student of hard labels says, "hard"."""
    here = world(0)
    shown = here.task.test.subset(torch.arange(20))
    student = learn("hard", here, 0, chosen("hard"), read_test=False).model
    said = {"logits": here.teacher, "hard": student}
    told = {key: [rounded(row) for row in predict(m, shown).tolist()] for key, m in said.items()}
    return {"labels": shown.labels.tolist(), **told}


# --- real photographs -----------------------------------------------------------------------


@experiment(
    "11_real",
    weights=(),
    unit="draws of labelled, unlabelled and test photos",
    labels="20 + 20",
    seeds=5,
    settings=IN_EACH_DRAW,
)
def real() -> dict:
    """MobileNetV2 (ImageNet) under a linear probe, taught to a small network on real photos.

    {set: {"teacher", "hard", "soft", "pseudo", "all": accuracies, "parameters", "unlabelled"}}.
    """
    return {name: _photos(name, most) for name, most in (("cats_dogs", 700), ("flowers", 280))}


def _photos(name: str, most: int) -> dict:
    photos = real_photos(name)
    large = mobilenet(size=128)
    features = extract_features(large, photos.split)
    small = F.interpolate(photos.split.inputs.float(), 64, mode="bilinear", antialias=True)
    everything = Split(small.round().to(torch.uint8), photos.split.labels)
    rows = []
    for seed in FEW_SEEDS:
        parts = _parts(everything, (20, 20, most, 80), seed)
        names = {"en": photos.classes, "ja": photos.classes}
        task = Task(name, parts[0], parts[1], parts[3], classes=names)
        teacher = Remembered(everything, features, task)
        here = World(task, parts[2], teacher)
        student = new_student(seed, classes=task.num_classes)
        found = {way: learn(way, here, seed, {}, student, max_steps=PHOTO_STEPS) for way in WAYS}
        row = {way: result.test_acc for way, result in found.items()}
        rows.append({"teacher": found["all"].teacher_acc, **row})
    body = sum(p.numel() for p in large.parameters()) - large.classifier[-1].weight.numel()
    return {
        **columns(rows),
        "parameters": [body, found["all"].parameters],
        "unlabelled": len(parts[2]),
    }


class Remembered(nn.Module):
    """A teacher whose features of every photo were read once, at full size: a linear probe.

    Photos (n, 3, 64, 64) are looked up by their contents.
    """

    def __init__(self, everything: Split, features: torch.Tensor, task: Task):
        super().__init__()
        self.row = {digest(photo): row for row, photo in enumerate(everything.inputs)}
        self.features = features
        known, chosen_by = (self.lookup(part.inputs) for part in (task.train, task.valid))
        self.head = select_head(known, task.train.labels, chosen_by, task.valid.labels).head
        attach_preprocess(self, lambda photos: photos)

    def lookup(self, photos: torch.Tensor) -> torch.Tensor:
        return self.features[[self.row[digest(photo)] for photo in photos]]

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        weight = self.head.weight
        return self.head(self.lookup(photos).to(weight.device, weight.dtype))


def _parts(everything: Split, counts: Sequence[int], seed: int) -> list[Split]:
    """Disjoint parts with so many photos of each class."""
    generator = torch.Generator().manual_seed(seed)
    order = rows_of_each(everything.labels, sum(counts), generator)
    of_class = [order[everything.labels[order] == c] for c in everything.labels.unique()]
    ends = [sum(counts[:place]) for place in range(len(counts) + 1)]
    return [
        everything.subset(torch.cat([rows[start:end] for rows in of_class]))
        for start, end in itertools.pairwise(ends)
    ]
