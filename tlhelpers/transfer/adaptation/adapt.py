"""Adapt a model to a new look of its own classes, without one label of it: `tl.adapt`.

Domain adaptation in the narrow sense: the classes stay, their pictures change (day to night, one
camera to another), and of the target there are pictures only. What is measured is the accuracy on
the target's test split before and after. The pictures to adapt to are the target's training
pictures; its labels are never read, and its test pictures are not among them.
"""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from tlhelpers.data.task import Split, Task, require_task
from tlhelpers.models.surgery import head_of
from tlhelpers.runtime.arguments import require_options
from tlhelpers.runtime.language import text
from tlhelpers.train.predict import evaluate, predict
from tlhelpers.transfer.adaptation.adabn import adabn
from tlhelpers.transfer.adaptation.coral import coral, mean_alignment
from tlhelpers.transfer.adaptation.dann import dann
from tlhelpers.transfer.adaptation.label_shift import correct_priors
from tlhelpers.transfer.adaptation.mmd import mmd_training
from tlhelpers.transfer.adaptation.tent import entropy, tent
from tlhelpers.transfer.results import Result

METHODS: dict[str, Callable[..., nn.Module]] = {
    "adabn": adabn,
    "mean": mean_alignment,
    "coral": coral,
    "mmd": mmd_training,
    "dann": dann,
    "tent": tent,
    "prior": correct_priors,
}
GIVEN = {"model", "source", "pool", "seed"}  # by `adapt` itself; the rest are a method's options


@dataclass
class AdaptResult(Result):
    """before, test_acc: accuracies on the target's test split, before and after; gain: between.

    entropy: of the answers on the unlabelled pictures afterwards, in nats: what can be seen
    without labels. pictures: how many of them there were.
    """

    method: str
    before: float
    test_acc: float
    gain: float
    entropy: float
    pictures: int
    seconds: float
    test_reads: int
    model: nn.Module = field(repr=False)


def adapt(
    model: nn.Module,
    source: Task,
    target: Task,
    *,
    method: str = "adabn",
    seed: int = 0,
    read_test: bool = True,
    **options: Any,
) -> AdaptResult:
    """Adapt a copy of `model`, trained on `source`, to the training pictures of `target`.

    method: a name of METHODS; options are its own (see its file). read_test: False while something
    is still being chosen; `before`, `test_acc` and `gain` are then nan. Raises ValueError, before
    anything is computed, where the method or an option is unknown, the classes differ or the model
    has others, the target has fewer than two training pictures, is the source itself or gives its
    test pictures to adapt to, and where the method needs a BatchNorm that the model lacks.
    """
    for task in (source, target):
        require_task(task)
    _check(model, source, target, method, options)
    begin = time.perf_counter()
    pool = _without_labels(target.train)
    adapted = METHODS[method](model, source, pool, seed=seed, **options)
    seconds = time.perf_counter() - begin
    before = after = math.nan
    if read_test:
        test = target.open_test()
        before, after = evaluate(model, test), evaluate(adapted, test)
    return AdaptResult(
        method=method,
        before=before,
        test_acc=after,
        gain=after - before,
        entropy=entropy(predict(adapted, pool)).item(),
        pictures=len(pool),
        seconds=seconds,
        test_reads=target.test_reads,
        model=adapted,
    )


def _check(
    model: nn.Module, source: Task, target: Task, method: str, options: dict[str, Any]
) -> None:
    if method not in METHODS:
        raise ValueError(text("adaptation.method", method=method, known=", ".join(METHODS)))
    require_options(method, options, inspect.signature(METHODS[method]).parameters.keys() - GIVEN)
    if source.classes["en"] != target.classes["en"]:
        names = {"source": source.class_names, "target": target.class_names}
        shared = set(source.classes["en"]) & set(target.classes["en"])
        key = "adaptation.classes" if shared else "adaptation.disjoint"
        raise ValueError(text(key, **names))
    outputs = getattr(*head_of(model)).weight.shape[0]
    if outputs != source.num_classes:
        raise ValueError(text("adaptation.head", outputs=outputs, classes=source.num_classes))
    if len(target.train) < 2:
        raise ValueError(text("adaptation.too_few", count=len(target.train)))
    pool = target.train.fingerprint
    if pool in (source.train.fingerprint, source.valid.fingerprint, source.test.fingerprint):
        raise ValueError(text("adaptation.same", task=source.name))
    if pool == target.test.fingerprint:
        raise ValueError(text("adaptation.test_pool", task=target.name))


def _without_labels(split: Split) -> Split:
    """The same inputs with every label 0, so that no method can read what it must not know."""
    return Split(split.inputs, torch.zeros(len(split), dtype=torch.long))
