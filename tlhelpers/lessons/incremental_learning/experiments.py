"""The results of lesson 04: eight methods from 3 to 5 classes, a harder task, a stream of five."""

import time
from dataclasses import replace

from tlhelpers.course.results import experiment
from tlhelpers.data.catalog import load_task
from tlhelpers.models.backbones import backbone
from tlhelpers.transfer.incremental import incremental
from tlhelpers.transfer.learners import METHODS

SEEDS = range(3)
TRAINING = {"epochs": 8, "batch_size": 16, "per_class": 5, "progress": False}

STRENGTHS = {"lwf": (0.3, 1.0, 5.0, 20.0), "ewc": (1e3, 1e5, 1e6, 1e7)}


@experiment("04_strengths")
def strengths() -> dict:
    """What a method's strength does, on validation pictures and with a seed of its own.

    {method: {"strengths": [...], "old" | "new": [accuracy a strength]}}
    """
    task = load_task("fish", 10, seed=100, classes=range(5))
    task = replace(task, test=task.valid)
    found: dict = {}
    for method, values in STRENGTHS.items():
        runs = [_run(task, (3, 2), method, 100, strength=value)[0] for value in values]
        found[method] = {
            "strengths": list(values),
            "old": [round(run.accuracy[1, 0].item(), 4) for run in runs],
            "new": [round(run.accuracy[1, 1].item(), 4) for run in runs],
        }
    return found


@experiment("04_methods")
def methods() -> dict:
    """Fish, from three to five classes, ten pictures each: every method."""
    return compare("fish", 10, list(METHODS))


@experiment("04_hard")
def hard() -> dict:
    """Surfaces, from three to five classes, fifty pictures each: where features must change.

    Replay keeps twenty of them, and every method that trains gets half as many epochs again.
    """
    chosen = ["nearest_mean", "replay", "joint"]
    return compare("surfaces", 50, chosen, epochs=12, per_class=20)


@experiment("04_batchnorm")
def batchnorm() -> dict:
    """LwF and EWC on fish once more, with BatchNorm left to follow the new pictures."""
    return compare("fish", 10, ["lwf", "ewc"], still_batchnorm=False)


@experiment("04_stream")
def stream() -> dict:
    """Ten birds in five steps of two, ten pictures each."""
    names = ["new_head", "kept_rows", "replay", "nearest_mean"]
    tasks = [load_task("birds", 10, seed, test_per_class=20) for seed in SEEDS]
    per_class = [
        [
            [
                [None if value != value else round(value, 4) for value in step]
                for step in _run(task, (2,) * 5, name, seed)[0].per_class.tolist()
            ]
            for seed, task in zip(SEEDS, tasks, strict=True)
        ]
        for name in names
    ]
    return {
        "task": "birds",
        "steps": [2] * 5,
        "classes": tasks[0].classes,
        "methods": names,
        "per_class": per_class,
    }


def compare(name: str, labels: int, chosen: list[str], **options) -> dict:
    """Three classes, then two more: {"old" | "new" | "bytes" | "seconds": [[a seed] a method]}.

    old, new: test accuracy on the first three and the last two classes, among all five.
    seconds: of processor time for the whole run, tests included. options: other than TRAINING.
    """
    tasks = [load_task(name, labels, seed, classes=range(5)) for seed in SEEDS]
    measured = []
    for method in chosen:
        runs = [
            _run(task, (3, 2), method, seed, **options)
            for seed, task in zip(SEEDS, tasks, strict=True)
        ]
        measured.append(
            {
                "old": [round(run.accuracy[1, 0].item(), 4) for run, _ in runs],
                "new": [round(run.accuracy[1, 1].item(), 4) for run, _ in runs],
                "bytes": [run.kept_bytes for run, _ in runs],
                "seconds": [round(seconds, 2) for _, seconds in runs],
            }
        )
    found = {key: [one[key] for one in measured] for key in ("old", "new", "bytes", "seconds")}
    return {"task": name, "labels": labels, "methods": chosen, **found}


def _run(task, steps, method, seed, **options):
    settings = {**TRAINING, **options, "seed": seed}
    started = time.process_time()
    result = incremental(backbone("zukan-resnet"), task, steps, method, **settings)
    return result, time.process_time() - started
