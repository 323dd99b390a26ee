"""Feature extraction: the backbone stays frozen, and only what reads its features is learned.

Donahue et al., "DeCAF", 2014 (arXiv:1310.1531); Alain and Bengio, "Understanding intermediate
layers using linear classifier probes", 2016 (arXiv:1610.01644). Features are computed once and
cached, so that many heads, or none, can be tried in the time of one pass.

    probe   a linear head, its learning rate and weight decay chosen on the validation split
    knn     no head at all: see `knn.py`
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import nn

from tlhelpers.data.task import Task, require_task
from tlhelpers.transfer.extraction import represent
from tlhelpers.transfer.heads import LEARNING_RATES, WEIGHT_DECAYS, select_head
from tlhelpers.transfer.results import Result


@dataclass
class ProbeResult(Result):
    """head: the chosen nn.Linear, for plain features; grid: one dict for every head tried.

    seconds: in all, with the extraction of features that were not in the cache.
    """

    test_acc: float
    valid_acc: float
    learning_rate: float
    weight_decay: float
    heads: int
    seconds: float
    test_reads: int
    head: nn.Linear = field(repr=False)
    grid: list[dict[str, float]] = field(repr=False)


def probe(
    backbone: nn.Module | str,
    task: Task,
    *,
    learning_rates: Sequence[float] = LEARNING_RATES,
    weight_decays: Sequence[float] = WEIGHT_DECAYS,
    epochs: int = 10,
    batch_size: int = 64,
    seed: int = 0,
    standardize: bool = True,
    read_test: bool = True,
) -> ProbeResult:
    """Fit linear heads on the features of the training split, keep the best on the validation
    split, and read the test split once.

    backbone: a network, or "pixels" as a control. standardize: every feature to mean 0 and the
    same spread, as measured on the training split. read_test: False while something is still
    being chosen; `test_acc` is then nan.
    """
    require_task(task)
    start = time.perf_counter()
    train, valid = (represent(backbone, split, task) for split in (task.train, task.valid))
    head, chosen, grid = select_head(
        train,
        task.train.labels,
        valid,
        task.valid.labels,
        task.num_classes,
        standardize=standardize,
        learning_rates=learning_rates,
        weight_decays=weight_decays,
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
    )
    accuracy = math.nan
    if read_test:
        test = task.open_test()
        right = head(represent(backbone, test, task)).argmax(1) == test.labels
        accuracy = right.double().mean().item()
    return ProbeResult(
        test_acc=accuracy,
        heads=len(grid),
        seconds=time.perf_counter() - start,
        test_reads=task.test_reads,
        head=head,
        grid=grid,
        **chosen,
    )
