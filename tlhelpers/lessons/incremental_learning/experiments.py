"""The results of lesson 04: what each way of learning on keeps, and how far that can be relied on.

Every seed draws its own training and test pictures. Strengths are chosen on validation pictures
with seeds of their own, at two lengths of training together, so that none is fitted to one stop.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from tlhelpers.course.results import IN_EACH_DRAW, SEARCHED, VARIED, experiment, stored
from tlhelpers.data.catalog import load_task
from tlhelpers.data.real import real_arrays, real_characters, small_pixels
from tlhelpers.data.task import Split, Task
from tlhelpers.models.backbones import backbone
from tlhelpers.models.real import mobilenet
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.features import probe
from tlhelpers.transfer.incremental import IncrementalResult, incremental
from tlhelpers.transfer.learners import METHODS, SCENARIOS
from tlhelpers.transfer.search import search

SEEDS = range(10)
TUNING = (100,)
TESTED = 40  # test pictures of each class
CASES = {  # pictures of each class, those kept of each class and in all, length of training
    "fish": {"classes": 5, "labels": 10, "per_class": 5, "memory": 25, "epochs": 8},
    "birds": {"classes": 10, "labels": 10, "per_class": 5, "memory": 50, "epochs": 8},
    "surfaces": {"classes": 5, "labels": 30, "per_class": 12, "memory": 60, "epochs": 10},
}
LONGER = 3  # times the epochs: the other end of the range in which a verdict must hold
GRID = {  # from 0, where a method is switched off: below there is nothing to try
    "lwf": ("strength", (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)),
    "ewc": ("strength", (0.0, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7)),
    "der": ("alpha", (0.0, 0.003, 0.01, 0.03, 0.1)),
}
COMPARED = (
    "new_head",
    "kept_rows",
    "new_rows_all",
    "new_rows",
    "lwf",
    "ewc",
    "replay",
    "der",
    "icarl",
    "nearest_mean",
    "joint",
)
STABLE = {  # what else is set than in the other runs; "epochs" is a factor here
    "half": {"epochs": 0.5},
    "as_told": {},
    "three_times": {"epochs": LONGER},
    "unclipped": {"clip_norm": None},
    "adamw": {"optimizer": "adamw", "lr": 0.001},
}
OVER_EPOCHS = ("new_rows", "lwf", "ewc", "replay")
EPOCHS = (4, 8, 24)
IN_SCENARIOS = ("kept_rows", "lwf", "ewc", "replay")
REAL = {  # pictures of each class that are learned from, tested and kept for replay; "held": the
    # first pictures, or classes where there are some to spare, by which the rate is chosen
    "clothes": {"steps": (2,) * 5, "labels": 20, "tested": 50, "kept": 5, "held": 100},
    "characters": {"steps": (10,) * 5, "labels": 10, "tested": 10, "kept": 2, "held": 100},
}
REAL_SEEDS, REAL_TUNING = range(10), 100
REAL_GRID = {"lr": (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)}
IN_STREAM = ("new_head", "kept_rows", "lwf", "ewc", "replay", "nearest_mean")

DRAWN = {"unit": "draws of training and test pictures", "seeds": len(SEEDS), "labels": "10 + 40"}


@experiment("04_strengths", **(DRAWN | {"seeds": len(TUNING)}), settings=SEARCHED)
def strengths() -> dict:
    """{task: {method: {"option", "values", "epochs", "old" | "new": [epochs][value][seed],
    "chosen", "at_edge"}}}, accuracies on validation pictures.
    """
    found: dict = {"seeds": list(TUNING)}
    for name in ("fish", "surfaces"):
        once = CASES[name]["epochs"]
        lengths = [once, LONGER * once] if name == "fish" else [once]
        found[name] = {}
        for method, (option, values) in GRID.items():
            asked = [
                [
                    [{"seed": seed, "epochs": epochs, option: value} for seed in TUNING]
                    for value in values
                ]
                for epochs in lengths
            ]
            runs = _nested(asked, lambda o, m=method, n=name: learn(n, m, tested="valid", **o))
            of_value = torch.tensor(_nested(runs, average)).mean((0, 2))
            best = int(of_value.argmax())
            found[name][method] = {
                "option": option,
                "values": list(values),
                "epochs": lengths,
                "old": _nested(runs, lambda run: run["old"]),
                "new": _nested(runs, lambda run: run["new"]),
                "chosen": values[best],
                "at_edge": best == len(values) - 1,
            }
    return found


@experiment("04_methods", **DRAWN, settings="searched in 04_strengths")
def methods() -> dict:
    """Fish, from three to five classes: every method."""
    return compare("fish", COMPARED)


@experiment("04_hard", **(DRAWN | {"labels": "30 + 40"}), settings="searched in 04_strengths")
def hard() -> dict:
    """Surfaces, from three to five classes, where features must change."""
    return compare("surfaces", COMPARED[3:])


@experiment("04_frozen", **(DRAWN | {"labels": "10, 30 + 40"}), settings=IN_EACH_DRAW)
def frozen() -> dict:
    """A head trained on all five classes, the body frozen: {task: [test accuracy, a draw]}.

    Its settings are chosen for each draw, on validation pictures of their own.
    """
    found = {}
    for name in ("fish", "surfaces"):
        drawn = [(redrawn(name, seed), redrawn(name, seed, "valid").test) for seed in SEEDS]
        tasks = [replace(task, valid=valid) for task, valid in drawn]
        network = backbone("zukan-resnet")
        found[name] = [round(probe(network, task).test_acc, 4) for task in tasks]
    return found


@experiment("04_batchnorm", **DRAWN, settings="searched in 04_strengths")
def batchnorm() -> dict:
    """LwF and EWC on fish once more, with BatchNorm left to follow the new pictures."""
    return compare("fish", ("lwf", "ewc"), still_batchnorm=False)


@experiment("04_epochs", **DRAWN, settings="searched in 04_strengths")
def over_epochs() -> dict:
    """Fish, other lengths of both steps: {"old" | "new": [method][epochs][seed]}."""
    runs = [
        [[learn("fish", method, seed, epochs=epochs) for seed in SEEDS] for epochs in EPOCHS]
        for method in OVER_EPOCHS
    ]
    return {
        "task": "fish",
        "seeds": list(SEEDS),
        "epochs": list(EPOCHS),
        "methods": list(OVER_EPOCHS),
        "old": _nested(runs, lambda run: run["old"]),
        "new": _nested(runs, lambda run: run["new"]),
    }


@experiment("04_scenarios", **DRAWN, settings="searched in 04_strengths")
def scenarios() -> dict:
    """Fish in the three scenarios: {"first" | "last": [scenario][method][seed]}.

    class, task: three classes, then two. domain: five classes by day, then faded, then by night.
    first, last: accuracy on what came first and on what came last, after the last step.
    """
    runs = [
        [
            [stream_of("fish", method, seed, scenario=scenario).accuracy[-1] for seed in SEEDS]
            for method in IN_SCENARIOS
        ]
        for scenario in SCENARIOS
    ]
    return {
        "task": "fish",
        "seeds": list(SEEDS),
        "scenarios": list(SCENARIOS),
        "methods": list(IN_SCENARIOS),
        "first": _nested(runs, lambda last: round(last[0].item(), 4)),
        "last": _nested(runs, lambda last: round(last[-1].item(), 4)),
    }


@experiment("04_stable", **(DRAWN | {"labels": "10, 30 + 40"}), settings=VARIED)
def stable() -> dict:
    """Do two verdicts survive other settings? {"verdicts": {name: {setting: [points a draw]}}}.

    "replay": what it keeps of the old fish, before training all rows on new pictures alone.
    "joint": all data before the nearest mean, five kinds of surface.
    """
    compared = {
        "replay": ("fish", "replay", "kept_rows", lambda run: run["old"]),
        "joint": ("surfaces", "joint", "nearest_mean", average),
    }
    found: dict = {name: {} for name in compared}
    for name, (task, better, worse, score) in compared.items():
        for setting, given in STABLE.items():
            options = {**given, "epochs": round(CASES[task]["epochs"] * given.get("epochs", 1))}
            found[name][setting] = []
            for seed in SEEDS:
                one, other = (
                    score(
                        learn(task, method, seed, **({} if method == "nearest_mean" else options))
                    )
                    for method in (better, worse)
                )
                found[name][setting].append(round(100 * (one - other), 2))
    return {"verdicts": found}


@experiment("04_stream", **DRAWN, settings="searched in 04_strengths")
def stream() -> dict:
    """Ten birds in five steps of two: "per_class" [method][seed][step][class]."""
    runs = [
        [stream_of("birds", method, seed, steps=(2,) * 5).per_class.tolist() for seed in SEEDS]
        for method in IN_STREAM
    ]
    return {
        "task": "birds",
        "seeds": list(SEEDS),
        "steps": [2] * 5,
        "classes": redrawn("birds", 0).classes,
        "methods": list(IN_STREAM),
        "per_class": _nested(runs, lambda value: None if value != value else round(value, 4)),
    }


@experiment(
    "04_real",
    weights=(),
    unit="draws of classes and pictures",
    seeds=10,
    labels="10, 20",
    settings=SEARCHED,
)
def real() -> dict:
    """Real pictures on features of a frozen MobileNetV2: what only the output layer forgets.

    {set: {"steps": classes a step, "labels": pictures of a class, METHOD or KIND: {step:
    [accuracy on all classes so far, a draw]}}}. KIND is the nearest mean of other features:
    "random" (the same network, never trained) or "pixels". A draw takes other classes or another
    order of them, and other pictures. "tuning": the rate of each method, chosen on classes or
    pictures that are not measured.
    """
    return {name: _real_set(name, case) for name, case in REAL.items()}


def _real_set(name: str, case: Mapping) -> dict:
    kinds, labels = _real_features(name)

    def curve(kind: str, method: str, **options) -> dict[int, list[float]]:
        runs = [_real_run(kinds[kind], labels, case, method, s, **options) for s in REAL_SEEDS]
        return {step: list(values) for step, values in enumerate(zip(*runs, strict=True), 1)}

    found: dict = {key: case[key] for key in ("steps", "labels", "kept")} | {"tuning": {}}
    for method in ("kept_rows", "replay", "joint"):

        def last(lr: float, method: str = method) -> float:
            return _real_run(kinds["imagenet"], labels, case, method, REAL_TUNING, lr=lr)[-1]

        rates = search(last, REAL_GRID)
        found["tuning"][method] = rates.to_dict()
        found[method] = curve("imagenet", method, **rates.chosen)
    found["nearest_mean"] = curve("imagenet", "nearest_mean")
    return found | {kind: curve(kind, "nearest_mean") for kind in ("random", "pixels")}


def _real_features(name: str) -> tuple[dict[str, Tensor], Tensor]:
    """({kind of features: (n, d)}, labels (n,)) of clothes or characters."""
    drawn = real_arrays("FashionMNIST", 96, 300) if name == "clothes" else real_characters()
    images = drawn.split
    kinds = {
        "imagenet": extract_features(mobilenet(96), images, batch_size=64),
        "random": extract_features(mobilenet(96, pretrained=False), images, batch_size=64),
        "pixels": small_pixels(images.inputs[:, :1], 28),
    }
    return kinds, images.labels


def _real_run(
    features: Tensor, labels: Tensor, case: Mapping, method: str, seed: int, **options
) -> list[float]:
    """Accuracy on all classes so far after each step; only the output layer is trained."""
    width = features.shape[1]
    network = nn.Sequential(nn.LayerNorm(width, elementwise_affine=False), nn.Linear(width, 1))
    network.preprocess = nn.Identity()
    if method != "nearest_mean":
        options |= {"epochs": 20, "batch_size": 16, "progress": False}
    if method == "replay":
        options["per_class"] = case["kept"]
    task = _real_task(features, labels, case, seed)
    run = incremental(network, task, case["steps"], method, seed=seed, **options)
    return [round(row[: i + 1].mean().item(), 4) for i, row in enumerate(run.accuracy)]


def _real_task(features: Tensor, labels: Tensor, case: Mapping, seed: int) -> Task:
    """The classes in an order drawn by `seed`, each with other pictures to learn and be tested.

    REAL_TUNING draws from the part that is held back, all other seeds from the rest.
    """
    generator = torch.Generator().manual_seed(seed)
    held = slice(case["held"]) if seed == REAL_TUNING else slice(case["held"], None)
    classes, count = labels.unique(), sum(case["steps"])
    to_spare = len(classes) > count  # then whole classes are held back, else pictures
    classes = classes[held] if to_spare else classes
    train, test = [], []
    for one in classes[torch.randperm(len(classes), generator=generator)[:count]]:
        rows = (labels == one).nonzero()[:, 0]
        rows = rows if to_spare else rows[held]
        rows = rows[torch.randperm(len(rows), generator=generator)]
        train.append(rows[: case["labels"]])
        test.append(rows[case["labels"] :][: case["tested"]])
    learned, tested = (
        Split(features[torch.cat(part)], torch.arange(count).repeat_interleave(len(part[0])))
        for part in (train, test)
    )
    names = [str(number) for number in range(count)]
    return Task("real", learned, tested, tested, {"en": names, "ja": names})


def compare(name: str, chosen: Sequence[str], **options) -> dict:
    """Three classes, then two more: {"old" | "new" | "bytes" | "seconds": [[a seed] a method]}.

    old, new: test accuracy on the first three and the last two classes, among all five.
    seconds: of processor time for the whole run, tests included. options: other than the case's.
    """
    runs = [[learn(name, method, seed, **options) for seed in SEEDS] for method in chosen]
    return {
        "task": name,
        "seeds": list(SEEDS),
        "settings": CASES[name],
        "tuned": {method: tuned(name, method) for method in chosen if method in GRID},
        "methods": list(chosen),
        **{key: _nested(runs, lambda run, k=key: run[k]) for key in runs[0][0]},
    }


def learn(name: str, method: str, seed: int, **options) -> dict[str, float]:
    """One run from three to five classes."""
    started = time.process_time()
    run = stream_of(name, method, seed, **options)
    return {
        "old": round(run.accuracy[1, 0].item(), 4),
        "new": round(run.accuracy[1, 1].item(), 4),
        "bytes": run.kept_bytes,
        "seconds": round(time.process_time() - started, 2),
    }


def stream_of(
    name: str,
    method: str,
    seed: int,
    *,
    scenario: str = "class",
    steps: Sequence[int] = (3, 2),
    tested: str = "test",
    **options,
) -> IncrementalResult:
    """One run with the settings of its case, strengths as they were chosen."""
    if scenario == "domain":
        task = [redrawn(name, seed, tested, style) for style in ("photo", "faded", "night")]
    else:
        task = redrawn(name, seed, tested)
    own, method = (method == "new_rows_all"), method.removesuffix("_all")
    settings = {"batch_size": 16, "progress": False, **CASES[name], "among_all": own}
    if method in GRID and GRID[method][0] not in options:
        settings |= tuned(name, method)
    settings = {k: v for k, v in settings.items() if k in METHODS[method].options()}
    network = backbone("zukan-resnet")
    settings |= {"scenario": scenario, "seed": seed, **options}
    return incremental(network, task, steps, method, **settings)


def tuned(name: str, method: str) -> dict[str, float]:
    """The option of a method that was chosen on validation pictures; that of fish for birds."""
    found = stored("04_strengths")["fish" if name == "birds" else name][method]
    return {found["option"]: found["chosen"]}


@functools.lru_cache(maxsize=16)
def redrawn(name: str, seed: int, tested: str = "test", style: str = "photo") -> Task:
    """A task whose seed draws training and test pictures alike; "valid" tests on other pictures."""
    labels, classes = CASES[name]["labels"], CASES[name]["classes"]
    task = load_task(name, labels + 2 * TESTED, seed, style=style, classes=range(classes))
    number = torch.arange(len(task.train)) // classes  # of a picture within its class
    first = labels + (TESTED if tested == "test" else 0)
    train = task.train.subset((number < labels).nonzero()[:, 0])
    test = task.train.subset(((number >= first) & (number < first + TESTED)).nonzero()[:, 0])
    return replace(task, train=train, test=test)


def average(run: Mapping[str, float]) -> float:
    """Mean accuracy over five classes, three old and two new."""
    return (3 * run["old"] + 2 * run["new"]) / 5


def _nested(values: list, change: Callable) -> list:
    """The same lists of lists with every entry changed."""
    return [_nested(v, change) if isinstance(v, list) else change(v) for v in values]
