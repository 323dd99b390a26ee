"""What lesson 06 stores: four sources on four targets, each beside the same network untrained.

Negative transfer is a comparison in which one thing differs, the weights at the start. So every
contender, scratch included, gets the same pictures, steps, augmentation and grid of settings. Every
number is one draw of all pictures, training, validation and test; settings are chosen on the
validation pictures of a TUNING draw that is never measured, and the choices are on record.
"""

from __future__ import annotations

import copy
import functools
import math
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor, nn

from tlhelpers.course.results import CROSS_VALIDATED, SEARCHED, experiment, stored
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
from tlhelpers.models.cards import ModelCard, weights_folder
from tlhelpers.models.pretrain import RECIPES, pretrain
from tlhelpers.models.real import mobilenet
from tlhelpers.runtime.device import set_seed
from tlhelpers.train.engine import evaluate
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.features import probe
from tlhelpers.transfer.finetune import fine_tune
from tlhelpers.transfer.logistic import logistic_curves
from tlhelpers.transfer.negative import reinitialise
from tlhelpers.transfer.search import search
from tlhelpers.transfer.similarity import cka, mmd_score, proxy_a_distance
from tlhelpers.transfer.transferability import transferability

SOURCES = {  # network -> the drawn domain it was trained on
    "zukan-resnet": "source",
    "zukan-shape": "shapes",
    "zukan-texture": "textures",
    "zukan-paint": "paint",
}
SCRATCH = "scratch"  # the same network with random weights, another draw of them for each seed
LABELS, VALID, TEST = 40, 40, 80  # pictures a class
SEEDS, TUNING = range(10), 90
WARNED = range(1)  # the draws on which the early warnings are computed
STEPS, BATCH = 312, 16  # 24 epochs of the 200 pictures of surfaces, as in lesson 03
GRID = {  # what every contender chooses from; gradients are clipped, or left free
    "free 0.03": {"lr": 0.03, "clip_norm": None},
    "free 0.1": {"lr": 0.1, "clip_norm": None},
    "clipped 0.1": {"lr": 0.1, "clip_norm": 1.0},
    "clipped 0.3": {"lr": 0.3, "clip_norm": 1.0},
    "clipped 1.0": {"lr": 1.0, "clip_norm": 1.0},
}
CARELESS = {"lr": 0.003, "clip_norm": 1.0}  # scratch at a rate that suits fine-tuning
DRAWINGS = 120  # of source and target each, to measure how far apart they are
# What may be turned over without becoming another class: a surface and a field have no top, a
# chest can be mirrored, and a sound cannot.
FLIPS = {"surfaces": (2, 3), "land_use": (2, 3), "xray": (3,), "sounds": ()}
TARGETS = tuple(FLIPS)
TUNED = ("surfaces",)  # the targets on which everything is trained, and not the head alone
FIRST = ("conv1", "bn1")  # the first layer, with its BatchNorm


# --- the pieces -----------------------------------------------------------------------------


@functools.lru_cache(maxsize=12)
def redrawn(name: str, seed: int) -> Task:
    """A task whose validation and test pictures follow the seed as well, not only training."""
    task = load_task(name, LABELS, seed)
    fresh = load_task(name, VALID + TEST, 1000 + seed).train
    cut = VALID * task.num_classes  # rows go through the classes in turn
    return replace(
        task,
        valid=fresh.subset(torch.arange(cut)),
        test=fresh.subset(torch.arange(cut, len(fresh))),
    )


def flip(axes: Sequence[int], images: Tensor, generator: torch.Generator) -> Tensor:
    """The batch (n, 3, height, width), half of it turned over along each of `axes`."""
    for axis in axes:
        shape = (len(images), 1, 1, 1)
        chosen = torch.rand(shape, generator=generator, device=images.device) < 0.5
        images = torch.where(chosen, images.flip(axis), images)
    return images


def network_of(start: str | nn.Module, seed: int) -> nn.Module:
    """The weights a run starts from: those of a source, or random ones that follow the seed."""
    if isinstance(start, nn.Module):
        return start
    set_seed(seed)
    return reinitialise(backbone("zukan-resnet")) if start == SCRATCH else backbone(start)


def measure(
    start: str | nn.Module,
    target: str,
    seed: int,
    *,
    steps: int = STEPS,
    renewed: Sequence[str] = (),
    **settings,
) -> dict[str, float]:
    """One run from `start`: {"valid", "accuracy"}, fractions.

    renewed: stages that begin with random weights all the same. settings: options of `fine_tune`.
    Nothing is chosen during a run, so the last step is what counts.
    """
    task, network = redrawn(target, seed), network_of(start, seed)
    if renewed:
        set_seed(seed)
        network, fresh = copy.deepcopy(network), reinitialise(network)
        for stage in renewed:
            getattr(network, stage).load_state_dict(getattr(fresh, stage).state_dict())
    if FLIPS[target]:
        settings["augment"] = functools.partial(flip, FLIPS[target])
    model = fine_tune(
        network,
        task,
        epochs=math.ceil(steps / math.ceil(len(task.train) / BATCH)),
        batch_size=BATCH,
        freeze_epochs=0,
        keep_batchnorm=False,
        valid=False,
        progress=False,
        read_test=False,
        seed=seed,
        **settings,
    ).model
    parts = {"valid": task.valid, "accuracy": task.test}
    return {name: round(evaluate(model, split), 4) for name, split in parts.items()}


def runs(start: str | nn.Module, target: str, **settings) -> list[float]:
    """One test accuracy for each of SEEDS."""
    return [measure(start, target, seed, **settings)["accuracy"] for seed in SEEDS]


def choose(start: str, target: str) -> dict:
    """The record of a search on the tuning draw: {"tried": {name: valid_acc}, "choice"}."""

    def tried(setting: str) -> float:
        return measure(start, target, TUNING, **GRID[setting])["valid"]

    found = search(tried, {"setting": tuple(GRID)})
    scores = {run["setting"]: run["valid_acc"] for run in found.runs}
    return {"tried": scores, "choice": dict(GRID[found.chosen["setting"]])}


def frozen(start: str | nn.Module, target: str) -> list[float]:
    """Test accuracies of linear probes, one for each of SEEDS."""
    found = [probe(network_of(start, s), redrawn(target, s), seed=s).test_acc for s in SEEDS]
    return [round(accuracy, 4) for accuracy in found]


def warnings(source: str, target: str, seed: int) -> dict[str, float]:
    """What can be measured before any transfer, on the training and validation pictures.

    distance, mmd: between drawings of the source and of the target, in the network's features, as
    many of both for every pair. cka: of the features with the labels. logme, leep, probe: see
    `transferability`; random: the probe of the network that never learned.
    """
    task, network = redrawn(target, seed), network_of(source, seed)
    domain = SOURCES[source]
    classes = load_task(domain, 1, valid_per_class=1, test_per_class=1).num_classes
    each = math.ceil(DRAWINGS / classes)
    drawings = load_task(domain, each, 1000 + seed, valid_per_class=1, test_per_class=1).train
    there, here = (
        extract_features(network, split.subset(torch.arange(DRAWINGS)))
        for split in (drawings, task.train)
    )
    features = extract_features(network, task.train)
    answers = nn.functional.one_hot(task.train.labels).float()
    scores = transferability({"": network}, task, ("logme", "leep", "probe")).scores[""]
    untrained = probe(network_of(SCRATCH, seed), task, seed=seed, read_test=False).valid_acc
    return {
        "distance": proxy_a_distance(there, here),
        "mmd": mmd_score(there, here),
        "cka": cka(features, answers),
        **scores,
        "above_random": scores["probe"] - untrained,
    }


# --- what is stored -------------------------------------------------------------------------


@experiment(
    "06_pairs",
    weights=SOURCES,
    unit="draws of training, validation and test pictures",
    seeds=10,
    labels="40 + 40",
    settings=SEARCHED,
)
def pairs() -> dict:
    """Every start on every target, the head alone and everything trained.

    {"frozen": {start: {target: [accuracy a draw]}}, "fine_tuned": the same on TUNED, "tuning":
    {start: {target: record}}, "warnings": {signal: {source: {target: mean over WARNED}}}}. The
    start "scratch" is the zero line of both: a probe on random features, and training from them.
    """
    starts = (SCRATCH, *SOURCES)
    tuning = {start: {target: choose(start, target) for target in TUNED} for start in starts}
    found: dict = {"labels": LABELS, "unit": "draws of all pictures", "draws": len(SEEDS)}
    found["frozen"] = {s: {t: frozen(s, t) for t in TARGETS} for s in starts}
    found["fine_tuned"] = {
        s: {t: runs(s, t, **tuning[s][t]["choice"]) for t in TUNED} for s in starts
    }
    found["warnings"] = {}
    for source in SOURCES:
        for target in TARGETS:
            measured = [warnings(source, target, seed) for seed in WARNED]
            for signal in measured[0]:
                mean = math.fsum(one[signal] for one in measured) / len(measured)
                rows = found["warnings"].setdefault(signal, {})
                rows.setdefault(source, {})[target] = round(mean, 4)
    return {**found, "tuning": tuning}


@experiment(
    "06_remedies",
    weights=("zukan-paint",),
    unit="draws of training, validation and test pictures",
    seeds=10,
    labels="40 + 40",
    settings="searched in 06_pairs",
)
def remedies() -> dict:
    """The paint sorter on surfaces with the settings of 06_pairs, parts of it at random again.

    {"renewed_first": the first layer alone, "kept_first": all but the first layer}.
    """
    settings = stored("06_pairs")["tuning"]["zukan-paint"]["surfaces"]["choice"]
    rest = tuple(f"layer{stage}" for stage in range(1, 5))
    return {
        "renewed_first": runs("zukan-paint", "surfaces", renewed=FIRST, **settings),
        "kept_first": runs("zukan-paint", "surfaces", renewed=rest, **settings),
    }


@experiment(
    "06_stable",
    weights=("zukan-paint", "zukan-resnet"),
    unit="draws of training, validation and test pictures",
    seeds=10,
    labels="40 + 40",
    settings="searched in 06_pairs",
)
def stable() -> dict:
    """Do the harm, and the help of another source, last? {condition: {start: accuracies}}.

    The starts are scratch, the paint sorter and zukan-resnet; the conditions half and three times
    the steps, other clipping, another optimizer and, for scratch alone, a timid rate. "verdicts":
    {name: {condition: [points a draw]}}: "harm", scratch before the paint sorter; "other_source",
    zukan-resnet before scratch.
    """
    tuning = stored("06_pairs")["tuning"]
    starts = (SCRATCH, "zukan-paint", "zukan-resnet")
    chosen = {start: tuning[start]["surfaces"]["choice"] for start in starts}
    conditions = {
        "half": {"steps": STEPS // 2},
        "three_times": {"steps": 3 * STEPS},
        "free": GRID["free 0.03"],
        "clipped": GRID["clipped 0.1"],
        "adamw": {"lr": 0.001, "optimizer": "adamw"},
    }
    found = {
        name: {s: runs(s, "surfaces", **{**chosen[s], **condition}) for s in starts}
        for name, condition in conditions.items()
    }
    verdicts = {
        verdict: {
            name: [round(100 * (a - b), 2) for a, b in zip(of[first], of[second], strict=True)]
            for name, of in found.items()
        }
        for verdict, first, second in (
            ("harm", SCRATCH, "zukan-paint"),
            ("other_source", "zukan-resnet", SCRATCH),
        )
    }
    careless = {SCRATCH: runs(SCRATCH, "surfaces", **CARELESS)}
    return {**found, "careless": careless, "verdicts": verdicts}


@experiment(
    "06_sorters",
    weights=("zukan-paint",),
    unit="paint sorters pretrained anew, each with 10 draws of all pictures",
    seeds=3,
    labels="40 + 40",
    settings="searched in 06_pairs",
)
def sorters() -> dict:
    """Is the harm that of one network? Three paint sorters, the first that of 06_pairs.

    {"source": [accuracy at home a sorter], "frozen" and "fine_tuned": [[accuracy a draw] a sorter],
    "gaps": {"frozen" | "fine_tuned": [mean points below scratch a sorter]}}.
    """
    pairs = stored("06_pairs")
    card = ModelCard.read(weights_folder() / "zukan-paint.json")
    of_first = {way: pairs[way]["zukan-paint"]["surfaces"] for way in ("frozen", "fine_tuned")}
    all_three = [{"source": card.accuracy, **of_first}, *map(another_sorter, (1, 2))]
    found = {what: [one[what] for one in all_three] for what in all_three[0]}
    scratch = {way: fmean(pairs[way][SCRATCH]["surfaces"]) for way in of_first}
    gaps = {
        way: [round(100 * (mean - fmean(accuracies)), 2) for accuracies in found[way]]
        for way, mean in scratch.items()
    }
    return {**found, "gaps": gaps}


def another_sorter(seed: int) -> dict:
    """The paint sorter pretrained from other random weights: {"source", "frozen", "fine_tuned"}."""
    settings = stored("06_pairs")["tuning"]["zukan-paint"]["surfaces"]["choice"]
    with tempfile.TemporaryDirectory() as folder:
        recipe = replace(RECIPES["zukan-paint"], seed=seed)
        card = pretrain("zukan-paint", folder, resume=False, recipe=recipe, progress=False)
        sorter = backbone("zukan-paint", weights=Path(folder) / "zukan-paint.safetensors")
    return {
        "source": card.accuracy,
        "frozen": frozen(sorter, "surfaces"),
        "fine_tuned": runs(sorter, "surfaces", **settings),
    }


# --- the real twin --------------------------------------------------------------------------

REAL_LABELS, REAL_SEEDS = (5, 10, 50), 10
REAL_TARGETS = ("cats_dogs", "ants_bees", "blood_cells", "clothes", "characters")
FEWER = {"characters": (5, 7)}  # labels that every draw of 20 drawings a class can give


@experiment(
    "06_real",
    weights=(),
    unit="draws of labelled and test pictures",
    seeds=10,
    labels="5-50",
    settings=CROSS_VALIDATED,
)
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
        counts = FEWER.get(target, REAL_LABELS)
        curves = logistic_curves(kinds, split.labels, pictures.groups, counts, REAL_SEEDS)
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
