"""Incremental (continual) learning: something new arrives, the old must stay.

A stream of classes, tasks or domains is learned step by step, and after each step every group met
so far is measured: R[i, j] is the accuracy on group j after step i. The learners, from the usual
mistake to joint training, are in `learners/`, one file each; what R says of them is in
`forgetting.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from tlhelpers.data.task import Task
from tlhelpers.runtime.arguments import require_options
from tlhelpers.runtime.device import set_seed
from tlhelpers.runtime.language import text
from tlhelpers.transfer import forgetting as metrics
from tlhelpers.transfer.learners import METHODS, SCENARIOS, Learner, Stream
from tlhelpers.transfer.learners.base import FIT_OPTIONS, Trained
from tlhelpers.transfer.results import Result


@dataclass
class IncrementalResult(Result):
    """What a stream left behind. Accuracies are fractions, on the test split, read once.

    accuracy: R (steps, steps), R[i, j] on group j after step i; nan above the diagonal.
    per_class: (steps, classes), the same for single classes, nan before a class is met.
    trace: while it learned, (optimiser step, [validation accuracy of each class]).
    kept_bytes: what the next step would need besides the network as it stands now.
    """

    method: str
    scenario: str
    accuracy: Tensor
    per_class: Tensor
    average_accuracy: float
    backward_transfer: float
    forgetting: float
    first_minus_last: float
    seconds: list[float]
    kept_bytes: int
    test_reads: int
    trace: list[tuple[int, list[float]]] = field(default_factory=list, repr=False)
    model: nn.Module | None = field(default=None, repr=False)


def incremental(
    backbone: nn.Module,
    task: Task | Sequence[Task],
    steps: Sequence[int] = (3, 2),
    method: str = "replay",
    *,
    scenario: str = "class",
    seed: int = 0,
    watch: int = 0,
    **options: Any,
) -> IncrementalResult:
    """Learn a stream step by step, and measure after each.

    scenario: "class" or "task": the first sum(steps) classes of `task`, steps[i] of them at step
        i; without and with the knowledge, at the test, of the step that brought a picture's
        class. "domain": `task` is a list of tasks with the same classes, one a step.
    watch: optimiser steps between two looks at validation accuracy, for `trace`; 0 for none.
    options: those of the method (the fields of its class in `learners/`), and for a method that
        trains `epochs`, `batch_size`, `lr`, `lr_mult` and options of `fit`.
    Raises ValueError for an unknown method or scenario, an option that the method ignores, steps
    that do not fit, or a class without examples, before anything is trained; KeyboardInterrupt
    on Ctrl-C: half a stream has no matrix.
    """
    stream = _stream(task, steps, scenario, method)
    allowed = METHODS[method].options() | ({"watch"} if _trains(method) else set())
    require_options(method, [*options, *(["watch"] if watch else [])], allowed)
    set_seed(seed)
    trace: list[tuple[int, list[float]]] = []
    learner = make_learner(backbone, stream, method, seed=seed, **options)
    if watch and isinstance(learner, Trained):
        learner.fit_options.setdefault("after_step", _watcher(learner, watch, trace))
    test = stream.open_test()  # opened once; nothing below chooses anything by it
    count, classes = len(stream.seen), len(stream.group)
    accuracy = torch.full((count, count), torch.nan)
    per_class = torch.full((count, classes), torch.nan)
    seconds = []
    for i in range(count):
        start = time.perf_counter()
        learner.learn(i)
        seconds.append(time.perf_counter() - start)
        right = (learner.predict(test) == test.labels).float()
        for j in range(i + 1):
            accuracy[i, j] = right[stream.steps["test"] == j].mean()
        met = stream.steps["test"] <= i
        values = by_class(right[met], test.labels[met])
        per_class[i, : len(values)] = torch.tensor(values)
    several = count > 1
    return IncrementalResult(
        method=method,
        scenario=scenario,
        accuracy=accuracy,
        per_class=per_class,
        average_accuracy=metrics.average_accuracy(accuracy),
        backward_transfer=metrics.backward_transfer(accuracy) if several else 0.0,
        forgetting=metrics.forgetting(accuracy) if several else 0.0,
        first_minus_last=metrics.first_minus_last(accuracy) if several else 0.0,
        seconds=seconds,
        kept_bytes=learner.kept_bytes,
        test_reads=max(one.test_reads for one in stream.tasks),
        trace=trace,
        model=learner.model,
    )


def make_learner(backbone: nn.Module, stream: Stream, method: str, **options: Any) -> Learner:
    """The learner `method`; what is an option of `fit` is handed on to it."""
    passed = {name: options.pop(name) for name in list(options) if name in FIT_OPTIONS}
    if _trains(method):
        options["fit_options"] = passed
    return METHODS[method](backbone, stream, **options)


def by_class(right: Tensor, labels: Tensor) -> list[float]:
    """The share of right answers (n,) in each class that occurs, in the order of the classes."""
    return [float(right[labels == c].float().mean()) for c in labels.unique()]


def _stream(
    task: Task | Sequence[Task], steps: Sequence[int], scenario: str, method: str
) -> Stream:
    if method not in METHODS:
        raise ValueError(text("incremental.method", method=method, known=", ".join(METHODS)))
    if scenario not in SCENARIOS:
        known = ", ".join(SCENARIOS)
        raise ValueError(text("incremental.scenario", scenario=scenario, known=known))
    if scenario not in METHODS[method].scenarios:
        fits = ", ".join(METHODS[method].scenarios)
        raise ValueError(text("incremental.unfit", method=method, scenario=scenario, fits=fits))
    if (scenario == "domain") == isinstance(task, Task):
        raise ValueError(text("incremental.one_or_several", scenario=scenario))
    if isinstance(task, Task):
        stream = Stream.of_classes(task, steps, scenario)
    else:
        stream = Stream.of_domains(task)
    for one in stream.tasks:
        for name in ("train", "test"):
            counts = torch.bincount(getattr(one, name).labels, minlength=len(stream.group))
            if empty := counts.eq(0).nonzero()[:, 0].tolist():
                raise ValueError(text("incremental.empty", classes=empty, split=name))
    return stream


def _trains(method: str) -> bool:
    return issubclass(METHODS[method], Trained)


def _watcher(
    learner: Trained, every: int, trace: list[tuple[int, list[float]]]
) -> Callable[[int, nn.Module], None]:
    """A hook for `fit` that notes the validation accuracy of each class."""
    valid = learner.stream.valid

    def after_step(step: int, model: nn.Module) -> None:
        if step % every == 0:
            was_training = model.training
            right = learner.predict(valid) == valid.labels
            model.train(was_training)
            done = (trace[-1][0] if trace else 0) + every
            trace.append((done, by_class(right, valid.labels)))

    return after_step
