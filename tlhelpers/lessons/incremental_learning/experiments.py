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

from tlhelpers.course.results import experiment, stored
from tlhelpers.data.catalog import load_task
from tlhelpers.data.task import Task
from tlhelpers.models.backbones import backbone
from tlhelpers.transfer.incremental import IncrementalResult, incremental
from tlhelpers.transfer.learners import METHODS, SCENARIOS

SEEDS = range(5)
TUNING = (100,)
TESTED = 40  # test pictures of each class
CASES = {  # pictures of each class, those kept of each class and in all, length of training
    "fish": {"classes": 5, "labels": 10, "per_class": 5, "memory": 25, "epochs": 8},
    "birds": {"classes": 10, "labels": 10, "per_class": 5, "memory": 50, "epochs": 8},
    "surfaces": {"classes": 5, "labels": 30, "per_class": 12, "memory": 60, "epochs": 10},
}
LONGER = 3  # times the epochs: the other end of the range in which a verdict must hold
GRID = {
    "lwf": ("strength", (0.1, 0.3, 1.0, 3.0, 10.0)),
    "ewc": ("strength", (1e2, 1e3, 1e4, 1e5, 1e6, 1e7)),
    "der": ("alpha", (0.003, 0.01, 0.03, 0.1)),
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
OVER_EPOCHS = ("new_rows", "lwf", "ewc", "replay")
EPOCHS = (4, 8, 24)
IN_SCENARIOS = ("kept_rows", "lwf", "ewc", "replay")
IN_STREAM = ("new_head", "kept_rows", "lwf", "ewc", "replay", "nearest_mean")


@experiment("04_strengths")
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
                "at_edge": best in (0, len(values) - 1),
            }
    return found


@experiment("04_methods")
def methods() -> dict:
    """Fish, from three to five classes: every method."""
    return compare("fish", COMPARED)


@experiment("04_hard")
def hard() -> dict:
    """Surfaces, from three to five classes, where features must change."""
    return compare("surfaces", COMPARED[3:])


@experiment("04_batchnorm")
def batchnorm() -> dict:
    """LwF and EWC on fish once more, with BatchNorm left to follow the new pictures."""
    return compare("fish", ("lwf", "ewc"), still_batchnorm=False)


@experiment("04_epochs")
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


@experiment("04_scenarios")
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


@experiment("04_stream")
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
