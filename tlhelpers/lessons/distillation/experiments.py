"""What lesson 11 stores: a small student of a large teacher, on pictures with and without labels.

Every number is a fraction, one a draw. A draw redraws all pictures (labelled, unlabelled,
validation and test), trains a teacher of its own on the labelled ones and starts the students from
other random weights. A student takes as many steps as every other, at the rate that was chosen for
its way of learning on draws of TUNING, and its last weights count. The true labels of unlabelled
pictures are read only where "labelled" says what they would be worth.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tlhelpers.course.results import IN_EACH_DRAW, SEARCHED, experiment
from tlhelpers.data.catalog import load_task, redrawn
from tlhelpers.data.digest import digest
from tlhelpers.data.real import real_photos
from tlhelpers.data.task import Split, Task, rows_of_each
from tlhelpers.lessons.distillation.steps import (
    LABELS,
    AveragedVectors,
    cut_weights,
    finish_cut,
    in_eight_bits,
    kilobytes,
    kilobytes_cut,
    kilobytes_in_eight_bits,
    letters,
    new_student,
    with_mistakes,
    with_signs,
)
from tlhelpers.models.backbones import backbone
from tlhelpers.models.real import mobilenet
from tlhelpers.train.engine import evaluate, fit, logits_of
from tlhelpers.train.predict import predict
from tlhelpers.train.preprocessing import attach_preprocess
from tlhelpers.transfer.distillation import DistillResult, distill
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.finetune import fine_tune
from tlhelpers.transfer.heads import select_head
from tlhelpers.transfer.search import TUNING_SEEDS, Search, search

TEACHER, STUDENT = "zukan-resnet", "zukan-small"
SEEDS = range(10)
TUNING = TUNING_SEEDS
TINY = (8, 8, 12, 16)  # channels of a student of an eighth of the weights
POOL = 60  # unlabelled pictures of each kind of bird
CHOOSING = 40  # validation pictures of each kind in a draw of TUNING
LENGTH = 300  # steps of every student
LENGTHS = (LENGTH // 3, 3 * LENGTH)  # beside LENGTH, for patience
PHOTO_STEPS = 400  # on real photos
GRID = {"lr": (0.1, 0.3, 1.0, 3.0)}  # gradients are clipped at length 1
NAMED = (2, 5, 10, 30)  # labels of each kind
MORE = (0, 5, 20, 60, 200)  # unlabelled pictures of each kind
KEPT = 0.1  # of the teacher's weights after pruning
TEMPERATURES = (1, 16)  # beside that of all others, 4
SMOOTH, WRONG = 0.2, 0.4  # of a label's weight; of the labels
LETTERS = 1200  # unlabelled texts
TEXT_GRID = {"lr": (3e-3, 1e-2, 3e-2, 1e-1, 3e-1)}
DRAWN = {"unit": "draws of all pictures", "labels": "5 + 5"}
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
def world(seed: int, labels: int = LABELS) -> World:
    """As many labels to choose the teacher's rate as to learn from, but on draws of TUNING."""
    valid = CHOOSING if seed in TUNING else labels
    task = redrawn("birds", labels, seed, valid=valid)
    return World(task, unlabelled(seed, POOL), teacher_of(task, seed))


def unlabelled(seed: int, per_class: int) -> Split:
    return load_task("birds", per_class, 3000 + seed).train


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
) -> DistillResult:
    """A student taught in one of WAYS, for LENGTH steps unless told otherwise."""
    pool = here.pool.inputs if way in WITH_POOL else None
    asked: dict[str, Any] = {"max_steps": LENGTH, "unlabelled": pool, "valid": False}
    asked |= {**WAYS[way], **settings, **options}
    student = new_student(seed) if student is None else student
    return distill(here.teacher, student, here.task, seed=seed, progress=False, **asked)


@functools.cache
def searched(way: str) -> Search:
    """The rate of `way`, on the validation pictures of draws that are never measured."""

    def train(seed: int, **settings: Any) -> float:
        return learn(way, world(seed), seed, settings, read_test=False).valid_acc

    return search(train, GRID, seeds=TUNING)


def chosen(way: str) -> dict[str, Any]:
    return searched(way).chosen


@functools.cache
def student_of(way: str, seed: int, labels: int = LABELS) -> DistillResult:
    return learn(way, world(seed, labels), seed, chosen(way))


def together(*parts: Split) -> Split:
    return Split(torch.cat([p.inputs for p in parts]), torch.cat([p.labels for p in parts]))


def rounded(values: Iterable[float]) -> list[float]:
    return [round(value, 4) for value in values]


def columns(rows: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    return {key: rounded(row[key] for row in rows) for key in rows[0]}


# --- what is stored -------------------------------------------------------------------------


@experiment("11_ways", **DRAWN, seeds=10, settings=SEARCHED)
def ways() -> dict:
    """Accuracies a draw: {"teacher", each of WAYS, "labelled" (true labels for the pool as well)},
    "agreement": {way: with the teacher}, and "search": {way: how its rate was chosen}.
    """
    rows, agreement = [], []
    for seed in SEEDS:
        here = world(seed)
        found = {way: student_of(way, seed) for way in WAYS}
        told = replace(here, task=replace(here.task, train=together(here.task.train, here.pool)))
        labelled = learn("hard", told, seed, chosen("pseudo")).test_acc
        row = {way: result.test_acc for way, result in found.items()}
        rows.append({"teacher": found["all"].teacher_acc, **row, "labelled": labelled})
        agreement.append({way: result.agreement for way, result in found.items()})
    record = {way: searched(way).to_dict() for way in WAYS}
    return {**columns(rows), "agreement": columns(agreement), "search": record}


@experiment("11_photos", **DRAWN, seeds=10, **SEARCHED_THERE)
def photos() -> dict:
    """By how many unlabelled pictures there are: {"photos": counts, "all": runs of each count}."""

    def taught(per_class: int, seed: int) -> DistillResult:
        if per_class in (0, POOL):
            return student_of("all" if per_class else "soft", seed)
        pool = unlabelled(seed, per_class).inputs
        return learn("all", world(seed), seed, {**chosen("all"), "unlabelled": pool})

    found = [rounded(taught(per_class, seed).test_acc for seed in SEEDS) for per_class in MORE]
    return {"photos": [10 * per_class for per_class in MORE], "all": found}


@experiment("11_labels", unit=DRAWN["unit"], labels="2-30 + 2-30", seeds=10, **SEARCHED_THERE)
def labels() -> dict:
    """By how many labels of each kind there are, at the rates that were chosen for LABELS of them:
    {"labels", "teacher", "hard", "all": runs of each number}.
    """
    found: dict = {"labels": list(NAMED), "teacher": [], "hard": [], "all": []}
    for count in NAMED:
        taught = {way: [student_of(way, s, count) for s in SEEDS] for way in ("hard", "all")}
        found["teacher"].append(rounded(result.teacher_acc for result in taught["all"]))
        for way, results in taught.items():
            found[way].append(rounded(result.test_acc for result in results))
    return found


@experiment("11_colour", **DRAWN, seeds=10, **SEARCHED_THERE)
def colour() -> dict:
    """A teacher of photos in which a coloured sign gives the bird away, and its students.

    In the labelled pictures each kind of bird has a sign of its own; in the test pictures signs
    are "kept" (as in training) or "mixed". {"teacher": {"kept", "mixed": runs}, and for each pool
    of unlabelled pictures, "none" (no signs), "kept" and "mixed": {"kept", "mixed": runs}}.
    """
    found: dict = {who: [] for who in ("teacher", "none", "kept", "mixed")}
    for seed in SEEDS:
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


@experiment("11_temperature", **DRAWN, seeds=10, settings=SEARCHED)
def temperature() -> dict:
    """Soft answers of other temperatures than 11_ways, on the same pictures and on more:
    {"temperatures", "soft", "all": runs of each temperature, "search": {way: one each}}.
    """
    found: dict = {"temperatures": list(TEMPERATURES), "soft": [], "all": []}
    record: dict = {"soft": [], "all": []}
    for way, T in itertools.product(record, TEMPERATURES):

        def scored(seed: int, way: str = way, T: float = T, **settings: Any) -> float:
            asked = {"temperature": T, "read_test": False}
            return learn(way, world(seed), seed, settings, **asked).valid_acc

        rate = search(scored, GRID, seeds=TUNING)
        runs = [learn(way, world(s), s, rate.chosen, temperature=T) for s in SEEDS]
        found[way].append(rounded(run.test_acc for run in runs))
        record[way].append(rate.to_dict())
    return {**found, "search": record}


@experiment("11_teachers", **DRAWN, seeds=10, **SEARCHED_THERE)
def teachers() -> dict:
    """Teachers of smoothed labels, and of labels of which a share WRONG is wrong: {"smooth":
    {"teacher", "soft", "all"}, "wrong": {"teacher", "all", "hard" (those labels alone)}}.
    """
    rows: dict[str, list] = {"smooth": [], "wrong": []}
    for seed in SEEDS:
        here = world(seed)
        smooth = replace(here, teacher=teacher_of(here.task, seed, loss=_smoothed))
        task = replace(here.task, train=with_mistakes(here.task.train, WRONG, seed))
        wrong = World(task, here.pool, teacher_of(task, seed))
        for one, key, ways in (
            (smooth, "smooth", ("soft", "all")),
            (wrong, "wrong", ("hard", "all")),
        ):
            runs = {way: learn(way, one, seed, chosen(way)) for way in ways}
            row = {way: run.test_acc for way, run in runs.items()}
            rows[key].append({"teacher": runs["all"].teacher_acc, **row})
    return {key: columns(found) for key, found in rows.items()}


def _smoothed(model: nn.Module, inputs: Any, labels: Tensor, _rows: Tensor) -> Tensor:
    """Label smoothing: SMOOTH of each label is spread over all classes alike."""
    return F.cross_entropy(logits_of(model, inputs), labels, label_smoothing=SMOOTH)


@experiment("11_patience", **DRAWN, seeds=10, **SEARCHED_THERE)
def patience() -> dict:
    """Fewer and more steps than in 11_ways: {"steps", "hard", "all": runs of each number}."""
    found: dict = {"steps": list(LENGTHS), "hard": [], "all": []}
    for way, steps in itertools.product(("hard", "all"), LENGTHS):
        runs = [learn(way, world(s), s, {**chosen(way), "max_steps": steps}) for s in SEEDS]
        found[way].append(rounded(run.test_acc for run in runs))
    return found


@experiment("11_gap", **DRAWN, seeds=10, settings=SEARCHED)
def gap() -> dict:
    """A tiny student: {"hard" (labels alone), "all" (of the large teacher), "assistant": runs,
    "parameters": [tiny, small], "search": {way: how its rate was chosen}}.

    The assistant is the taught student of 11_ways, between teacher and tiny student in size
    (Mirzadeh et al., 2020, arXiv:1902.03393); it teaches at the rate of "all".
    """
    tiny = functools.partial(new_student, channels=TINY)

    def scored(way: str, seed: int, **settings: Any) -> float:
        asked = {"student": tiny(seed), "read_test": False}
        return learn(way, world(seed), seed, settings, **asked).valid_acc

    rates = {w: search(functools.partial(scored, w), GRID, seeds=TUNING) for w in ("hard", "all")}
    rows = []
    for seed in SEEDS:
        here = world(seed)
        taught = {way: learn(way, here, seed, rates[way].chosen, tiny(seed)) for way in rates}
        between = replace(here, teacher=student_of("all", seed).model)
        taught["assistant"] = learn("all", between, seed, rates["all"].chosen, tiny(seed))
        rows.append({way: run.test_acc for way, run in taught.items()})
    sizes = [sum(p.numel() for p in model.parameters()) for model in (tiny(), new_student())]
    record = {way: rate.to_dict() for way, rate in rates.items()}
    return {**columns(rows), "parameters": sizes, "search": record}


@experiment("11_alternatives", weights=(TEACHER, STUDENT), **DRAWN, seeds=10, **SEARCHED_THERE)
def alternatives() -> dict:
    """Ways to a small network: {way: {"accuracy": runs, "kilobytes"}}.

    teacher; int8 (its weights in 8 bits); pruned (a tenth of its weights kept, trained on);
    hard, all (students from random weights); all_int8; tuned (zukan-small, fine-tuned on the
    labels); tuned_all (zukan-small, taught with the unlabelled pictures).
    """
    rows: list = []
    size: dict = {}
    small = backbone(STUDENT)
    for seed in SEEDS:
        here = world(seed)
        cut = cut_weights(here.teacher, 1 - KEPT)
        fit(cut, here.task, max_steps=LENGTH // 3, **_AGAIN, seed=seed, progress=False)
        student = student_of("all", seed).model
        networks = {
            "teacher": here.teacher,
            "int8": in_eight_bits(here.teacher),
            "pruned": finish_cut(cut),
            "hard": student_of("hard", seed).model,
            "all": student,
            "all_int8": in_eight_bits(student),
            "tuned": teacher_of(here.task, seed, STUDENT),
            "tuned_all": learn("all", here, seed, tuned_settings(), small, read_test=False).model,
        }
        rows.append({way: evaluate(model, here.task.test) for way, model in networks.items()})
        for way, model in networks.items():
            weigh = {"pruned": kilobytes_cut}.get(way, kilobytes)
            weigh = kilobytes_in_eight_bits if way.endswith("int8") else weigh
            size[way] = round(weigh(model), 1)
    accuracy = columns(rows)
    return {way: {"accuracy": accuracy[way], "kilobytes": size[way]} for way in accuracy}


_AGAIN = {"optimizer": "sgd", "lr": 0.01, "batch_size": 32, "clip_norm": 1.0, "valid_every": 10}


@functools.cache
def tuned_settings() -> dict[str, Any]:
    """The rate at which a pretrained student is taught: its weights are worth smaller steps."""

    def train(seed: int, **settings: Any) -> float:
        asked = {"student": backbone(STUDENT), "read_test": False}
        return learn("all", world(seed), seed, settings, **asked).valid_acc

    return search(train, {"lr": (0.01, 0.03, 0.1, 0.3, 1.0)}, seeds=TUNING[:1]).chosen


@experiment("11_answers", unit="one draw", labels="5 + 5", seeds=1, settings=IN_EACH_DRAW)
def answers() -> dict:
    """What the teacher of draw 0 says of its first test pictures: {"labels", "logits"}, two of
    each kind of bird, and what a student of hard labels says, "hard"."""
    here = world(0)
    shown = here.task.test.subset(torch.arange(20))
    said = {"logits": here.teacher, "hard": student_of("hard", 0).model}
    told = {key: [rounded(row) for row in predict(m, shown).tolist()] for key, m in said.items()}
    return {"labels": shown.labels.tolist(), **told}


# --- texts ----------------------------------------------------------------------------------


@experiment(
    "11_texts",
    weights=("zukan-bert",),
    unit="draws of labelled texts",
    labels="5 + 5",
    seeds=10,
    settings=SEARCHED,
)
def texts() -> dict:
    """zukan-bert, fine-tuned on enquiries, and students that average a vector for each token.

    {language: {"teacher", each of WAYS: accuracies a draw, "search"}, "parameters": [teacher,
    student], "kilobytes": likewise}. Unlabelled: letters to the shop, written by the corpus.
    """
    found: dict = {}
    for lang in ("en", "ja"):
        pool = letters(LETTERS, lang)

        @functools.cache
        def here(seed: int, lang: str = lang, pool: Sequence[str] = pool) -> World:
            valid = 20 if seed in TUNING else LABELS
            task = load_task("enquiries", LABELS, seed, lang=lang, valid_per_class=valid)
            teacher = teacher_of(task, seed, "zukan-bert")
            return World(task, Split(pool, torch.zeros(len(pool))), teacher)

        def learned(way: str, seed: int, here: Callable = here, **settings: Any) -> DistillResult:
            one = here(seed)
            student = AveragedVectors.like(one.teacher, one.task.num_classes, seed)
            return learn(way, one, seed, settings, student)

        def scored(way: str, learned: Callable = learned, **settings: Any) -> float:
            return learned(way, read_test=False, **settings).valid_acc

        rates = {w: search(functools.partial(scored, w), TEXT_GRID, seeds=TUNING) for w in WAYS}
        rows = []
        for seed in SEEDS:
            results = {way: learned(way, seed, **rates[way].chosen) for way in WAYS}
            row = {way: result.test_acc for way, result in results.items()}
            rows.append({"teacher": results["all"].teacher_acc, **row})
        record = {way: rate.to_dict() for way, rate in rates.items()}
        found[lang] = {**columns(rows), "search": record}
    models = (here(SEEDS[0]).teacher, results["all"].model)
    found["parameters"] = [sum(p.numel() for p in model.parameters()) for model in models]
    found["kilobytes"] = [round(kilobytes(model), 1) for model in models]
    return found


# --- real photographs -----------------------------------------------------------------------


@experiment(
    "11_real",
    weights=(),
    unit="draws of labelled, unlabelled and test photos",
    labels="20 + 20",
    seeds=10,
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
    for seed in SEEDS:
        parts = _parts(everything, (20, 20, most, 80), seed)
        names = {"en": photos.classes, "ja": photos.classes}
        task = Task(name, parts[0], parts[1], parts[3], classes=names)
        teacher = Remembered(everything, features, task)
        here = World(task, parts[2], teacher)
        student = new_student(seed, classes=task.num_classes)
        asked = {"max_steps": PHOTO_STEPS, "valid": None}
        found = {way: learn(way, here, seed, {}, student, **asked) for way in WAYS}
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
