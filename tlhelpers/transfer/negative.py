"""Negative transfer: when the pretrained network makes the target worse than starting fresh.

Wang et al., "Characterizing and Avoiding Negative Transfer", 2019 (arXiv:1811.09751). The gap is
measured, not assumed: scratch has the same architecture, the same budget and a grid of its own as
the transferred network, both searched on the validation split of a seed that is not measured; what
the source gives without any training of the body (the probe) stands beside it.

    gap = accuracy(scratch) - accuracy(transferred) on the test split; above 0: the source harms
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from tlhelpers.data.task import Task, require_task
from tlhelpers.models.surgery import replace_head
from tlhelpers.runtime.device import set_seed
from tlhelpers.train.preprocessing import attach_preprocess
from tlhelpers.transfer.features import probe
from tlhelpers.transfer.finetune import DEFAULTS, FineTuneResult, epochs_for, fine_tune, tune
from tlhelpers.transfer.intervals import Interval, interval
from tlhelpers.transfer.results import Result
from tlhelpers.transfer.search import FINE_TUNE_GRID, SCRATCH_GRID, TUNING_SEEDS, Search, search

RATES = {"image": (0.01, 0.03, 0.1), "text": (3e-4, 1e-3, 3e-3), "sound": (1e-3, 3e-3, 1e-2)}
LONGER = 3  # random weights need more steps than pretrained ones


@dataclass
class NegativeTransferGap(Result):
    """Accuracies and gaps with 95% intervals over seeds; a positive gap means harm."""

    scratch: Interval
    frozen: Interval
    fine_tuned: Interval
    gap_frozen: Interval
    gap_fine_tuned: Interval
    test_reads: int
    scratch_search: Search = field(repr=False)
    fine_tune_search: Search = field(repr=False)

    def to_dict(self) -> dict:
        """The fields, with both searches."""
        searches = {"scratch": self.scratch_search, "fine_tune": self.fine_tune_search}
        return super().to_dict() | {"search": {k: s.to_dict() for k, s in searches.items()}}


def reinitialise(model: nn.Module) -> nn.Module:
    """A copy of `model` with fresh random weights: the scratch twin of a pretrained network.

    It reads its inputs as `model` does.
    """
    from tlhelpers.models.backbones import backbone

    info = getattr(model, "info", None)
    if info is not None:
        return attach_preprocess(backbone(info.name, pretrained=False), model.preprocess)
    twin = copy.deepcopy(model)
    for layer in twin.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    return twin


def train_from_scratch(
    backbone: nn.Module,
    task: Task,
    *,
    lr: float | None = None,
    epochs: int | None = None,
    seed: int = 0,
    read_test: bool = True,
    **options: Any,
) -> FineTuneResult:
    """Train the scratch twin of `backbone` on `task`.

    lr: None tries three on the validation split, as `fine_tune` does. epochs: None passes the
    training split fifteen times, or for at least 180 steps: three times as long as fine-tuning.
    Other options go to `fit`; the defaults are those of `fine_tune`.
    """
    require_task(task)
    options = {**DEFAULTS[task.kind], "seed": seed, **options}
    set_seed(seed)
    start = replace_head(reinitialise(backbone), task.num_classes)
    grid = {"lr": RATES[task.kind] if lr is None else (lr,)}
    return tune(start, task, _everything, grid, epochs, options, read_test, LONGER)


def _everything(model: nn.Module, lr: float) -> tuple[nn.Module, dict]:
    return model, {"lr": lr}


def negative_transfer_gap(
    backbone: nn.Module,
    task: Task,
    *,
    seeds: int = 5,
    epochs: int | None = None,
    scratch_grid: Mapping[str, Sequence] = SCRATCH_GRID,
    fine_tune_grid: Mapping[str, Sequence] = FINE_TUNE_GRID,
    **options: Any,
) -> NegativeTransferGap:
    """Compare `backbone`, frozen and fine-tuned, with its scratch twin on `task`.

    The settings of each contender come from its grid, tried on the validation split with a tuning
    seed, and are then kept for seeds 0 to seeds - 1. epochs: of both; None gives both as many
    steps as `train_from_scratch` takes.
    """
    require_task(task)
    if epochs is None:
        batch = options.get("batch_size", DEFAULTS[task.kind]["batch_size"])
        epochs = LONGER * epochs_for(task, batch)

    shared = {**options, "epochs": epochs}
    fresh = functools.partial(train_from_scratch, backbone, task, **shared)
    tuned = functools.partial(fine_tune, backbone, task, **shared)
    quietly = {"read_test": False}
    seed = TUNING_SEEDS[:1]
    of_scratch = search(functools.partial(fresh, **quietly), scratch_grid, seeds=seed)
    of_tuning = search(functools.partial(tuned, **quietly), fine_tune_grid, seeds=seed)
    scratch = [fresh(seed=s, **of_scratch.chosen).test_acc for s in range(seeds)]
    fine_tuned = [tuned(seed=s, **of_tuning.chosen).test_acc for s in range(seeds)]
    frozen = [probe(backbone, task, seed=s).test_acc for s in range(seeds)]
    return NegativeTransferGap(
        scratch=interval(scratch, share=True),
        frozen=interval(frozen, share=True),
        fine_tuned=interval(fine_tuned, share=True),
        gap_frozen=interval([s - f for s, f in zip(scratch, frozen, strict=True)]),
        gap_fine_tuned=interval([s - f for s, f in zip(scratch, fine_tuned, strict=True)]),
        test_reads=task.test_reads,
        scratch_search=of_scratch,
        fine_tune_search=of_tuning,
    )
