"""Negative transfer: when the pretrained network makes the target worse than starting fresh.

Wang et al., "Characterizing and Avoiding Negative Transfer", 2019 (arXiv:1811.09751). The gap is
measured, not assumed: scratch has the same architecture, the same budget and the same grid of
learning rates as the transferred network, each chosen on the validation split; what the
source gives without any training of the body (the probe) stands beside it.

    gap = accuracy(scratch) - accuracy(transferred) on the test split; above 0: the source harms
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from tlhelpers.data.task import Task
from tlhelpers.models.surgery import replace_head
from tlhelpers.runtime.device import set_seed
from tlhelpers.train.engine import fit
from tlhelpers.transfer.features import probe
from tlhelpers.transfer.finetune import FineTuneResult, fine_tune, summarise
from tlhelpers.transfer.intervals import Interval, interval
from tlhelpers.transfer.results import Result

RATES = (0.01, 0.03, 0.1)
# Options of `train_from_scratch` for texts, chosen on validation rows; twice fine-tuning's epochs.
SCRATCH_FOR_TEXTS = {
    "optimizer": "adamw",
    "epochs": 20,
    "lr": 1e-3,
    "batch_size": 16,
    "valid_every": 5,
}


@dataclass
class NegativeTransferGap(Result):
    """Accuracies and gaps with 95% intervals over seeds; a positive gap means harm."""

    scratch: Interval
    frozen: Interval
    fine_tuned: Interval
    gap_frozen: Interval
    gap_fine_tuned: Interval
    scratch_lr: float
    fine_tune_lr: float
    test_reads: int


def reinitialise(model: nn.Module) -> nn.Module:
    """A copy of `model` with fresh random weights: the scratch twin of a pretrained network."""
    from tlhelpers.models.backbones import backbone

    info = getattr(model, "info", None)
    if info is not None:
        return backbone(info.name, pretrained=False)
    twin = copy.deepcopy(model)
    for layer in twin.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    return twin


def train_from_scratch(
    backbone: nn.Module,
    task: Task,
    *,
    lr: float = 0.03,
    epochs: int = 20,
    seed: int = 0,
    read_test: bool = True,
    **options,
) -> FineTuneResult:
    """Train the scratch twin of `backbone` on `task`; options as in `fit`, `read_test` as in
    `fine_tune`."""
    set_seed(seed)
    model = replace_head(reinitialise(backbone), task.num_classes)
    defaults = {"optimizer": "sgd", "clip_norm": 1.0, "batch_size": 32}
    options = {**defaults, "valid_every": max(1, epochs // 10), **options}
    history = fit(model, task, lr=lr, epochs=epochs, seed=seed, **options)
    return summarise(model, task, history, read_test)


def best_rate(train, rates: Sequence[float]) -> float:
    """The learning rate with the best validation accuracy; `train(lr)` returns that accuracy."""
    return max(rates, key=train)


def negative_transfer_gap(
    backbone: nn.Module,
    task: Task,
    *,
    seeds: int = 5,
    epochs: int = 20,
    rates: Sequence[float] = RATES,
    batch_size: int = 32,
    **options,
) -> NegativeTransferGap:
    """Compare `backbone`, frozen and fine-tuned, with its scratch twin on `task`.

    The learning rate of each contender is chosen from `rates` on the validation split with
    seed 0, then kept for seeds 0 to seeds - 1. Gradients are clipped to norm 1 for all.
    """
    shared = {"epochs": epochs, "batch_size": batch_size, "clip_norm": 1.0, **options}

    def fresh(lr: float, **more) -> FineTuneResult:
        result = train_from_scratch(backbone, task, lr=lr, **shared, **more)
        result.history.pass_interrupt_on()
        return result

    def tuned(lr: float, **more) -> FineTuneResult:
        result = fine_tune(backbone, task, freeze_epochs=0, lr=lr, lr_mult=1, **shared, **more)
        result.history.pass_interrupt_on()
        return result

    scratch_lr = best_rate(lambda lr: fresh(lr, read_test=False).valid_acc, rates)
    tune_lr = best_rate(lambda lr: tuned(lr, read_test=False).valid_acc, rates)
    scratch = [fresh(scratch_lr, seed=seed).test_acc for seed in range(seeds)]
    fine_tuned = [tuned(tune_lr, seed=seed).test_acc for seed in range(seeds)]
    frozen = [probe(backbone, task, seed=seed).test_acc for seed in range(seeds)]
    return NegativeTransferGap(
        scratch=interval(scratch, share=True),
        frozen=interval(frozen, share=True),
        fine_tuned=interval(fine_tuned, share=True),
        gap_frozen=interval([s - f for s, f in zip(scratch, frozen, strict=True)]),
        gap_fine_tuned=interval([s - f for s, f in zip(scratch, fine_tuned, strict=True)]),
        scratch_lr=scratch_lr,
        fine_tune_lr=tune_lr,
        test_reads=task.test_reads,
    )
