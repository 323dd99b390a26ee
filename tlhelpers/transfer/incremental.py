"""Incremental (continual) learning: new classes arrive, the old ones must stay.

A stream of class groups is learned with one growing output layer, and after each step every group
met so far is measured: R[i, j] is the accuracy on group j after step i. Eight learners, from the
usual mistake to the upper bound, are in `learners.py`; what R says of them in `forgetting.py`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from tlhelpers.data.task import Task
from tlhelpers.runtime.device import set_seed
from tlhelpers.runtime.language import text
from tlhelpers.transfer import forgetting as metrics
from tlhelpers.transfer.learners import METHODS, STRENGTH, Settings, by_class
from tlhelpers.transfer.results import Result


@dataclass
class IncrementalResult(Result):
    """What a stream left behind. Accuracies are fractions, on the test split, read once.

    accuracy: R (steps, steps), R[i, j] on group j after step i among all classes met so far;
        nan above the diagonal. per_class: (steps, classes), the same for single classes.
    trace: while it learned, (optimiser step, [validation accuracy of each class]).
    kept_bytes: what had to be stored for the old classes besides the model itself.
    """

    method: str
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
    task: Task,
    steps: list[int] | tuple[int, ...] = (3, 2),
    method: str = "replay",
    *,
    strength: float | None = None,
    seed: int = 0,
    **settings,
) -> IncrementalResult:
    """Learn the first sum(steps) classes of `task` group by group, and measure after each.

    steps: how many classes arrive at each step. Other settings: see `Settings`; what is not
    named there goes to `fit`. Raises ValueError for an unknown method, too many classes, or a class
    without examples, and KeyboardInterrupt on Ctrl-C: half a stream has no matrix.
    """
    if method not in METHODS:
        raise ValueError(text("incremental.method", method=method, known=", ".join(METHODS)))
    if sum(steps) > task.num_classes or min(steps, default=0) < 1:
        raise ValueError(text("incremental.steps", steps=list(steps), classes=task.num_classes))
    set_seed(seed)
    task = task.only_classes(range(sum(steps)))
    for name in ("train", "test"):
        counts = torch.bincount(getattr(task, name).labels, minlength=sum(steps))
        if empty := counts.eq(0).nonzero()[:, 0].tolist():
            raise ValueError(text("incremental.empty", classes=empty, split=name))
    named = {k: settings.pop(k) for k in list(settings) if k in Settings.__dataclass_fields__}
    strength = STRENGTH.get(method, 0.0) if strength is None else strength
    learner = METHODS[method](
        backbone, task, Settings(**named, strength=strength, seed=seed, options=settings)
    )
    test = task.open_test()  # opened once; nothing below chooses anything by it
    group = torch.repeat_interleave(torch.arange(len(steps)), torch.tensor(steps))
    accuracy = torch.full((len(steps), len(steps)), torch.nan)
    per_class = torch.full((len(steps), sum(steps)), torch.nan)
    seconds = []
    for i in range(len(steps)):
        start = time.perf_counter()
        learner.learn((group[task.train.labels] == i).nonzero()[:, 0], sum(steps[: i + 1]))
        seconds.append(time.perf_counter() - start)
        right = (learner.predict(test) == test.labels).float()
        for j in range(i + 1):
            accuracy[i, j] = right[group[test.labels] == j].mean()
        met = torch.tensor(by_class(right, test.labels))[: sum(steps[: i + 1])]
        per_class[i, : len(met)] = met
    several = len(steps) > 1
    return IncrementalResult(
        method=method,
        accuracy=accuracy,
        per_class=per_class,
        average_accuracy=metrics.average_accuracy(accuracy),
        backward_transfer=metrics.backward_transfer(accuracy) if several else 0.0,
        forgetting=metrics.forgetting(accuracy) if several else 0.0,
        first_minus_last=metrics.first_minus_last(accuracy) if several else 0.0,
        seconds=seconds,
        kept_bytes=learner.kept_bytes,
        test_reads=task.test_reads,
        trace=learner.trace,
        model=learner.model,
    )
