"""Fine-tuning: train a pretrained network on, all of it or its last stages, with a new head.

Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification", 2018
(arXiv:1801.06146): first the head alone while the body is frozen, then the body as well, with
learning rates that grow from the first stage to the head (discriminative rates) and, where
asked, one more stage an epoch from the top (gradual unfreezing). LoRA is in `lora.py`.

    rate of stage i of L = lr * lr_mult^(-(L - i) / L), the head (i = L) at lr
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from torch import nn

from tlhelpers.data.task import Task
from tlhelpers.models.surgery import freeze, freeze_batchnorm, head_of, replace_head, stages
from tlhelpers.models.surgery import unfreeze as unfreeze_all
from tlhelpers.runtime.device import set_seed
from tlhelpers.runtime.language import text
from tlhelpers.train.engine import evaluate, fit
from tlhelpers.train.history import History
from tlhelpers.transfer.lora import add_lora
from tlhelpers.transfer.results import Result

# Options of `fine_tune` that suit a small language model and few texts, chosen on validation rows.
FOR_TEXTS = {
    "optimizer": "adamw",
    "epochs": 10,
    "freeze_epochs": 2,
    "lr": 1e-2,
    "body_lr": 5e-4,
    "batch_size": 16,
    "clip_norm": 1.0,
    "valid_every": 5,
}


@dataclass
class FineTuneResult(Result):
    """What one fine-tuning run gave. Accuracies are fractions; `valid_acc` chose the epoch."""

    test_acc: float
    valid_acc: float
    trainable_parameters: int
    seconds: float
    test_reads: int
    model: nn.Module = field(repr=False)
    history: History = field(repr=False)


def fine_tune(
    backbone: nn.Module,
    task: Task,
    *,
    epochs: int = 10,
    freeze_epochs: int = 1,
    lr: float = 0.02,
    lr_mult: float = 10.0,
    body_lr: float | None = None,
    head: nn.Module | None = None,
    keep_batchnorm: bool = False,
    unfreeze: str | int = "all",
    method: str = "full",
    rank: int = 8,
    dropout: float = 0.0,
    optimizer: str | Callable = "sgd",
    penalty: Callable[[nn.Module], Callable] | None = None,
    seed: int = 0,
    read_test: bool = True,
    **fit_options,
) -> FineTuneResult:
    """Give a copy of `backbone` a head for `task`, fine-tune it and read the test split once.

    freeze_epochs: epochs of the new head alone, before the `epochs` of the rest.
    lr, lr_mult: the head learns at `lr`, the first stage `lr_mult` times more slowly.
    body_lr: one rate for the whole body, in place of lr_mult.
    head: a trained head to start from, such as `probe(...).head`, in place of a random one.
    keep_batchnorm: True leaves BatchNorm's running statistics as pre-training left them.
    unfreeze: "all"; "gradual" (one more stage an epoch, from the top); or the number of stages
        counted from the head that are trained (0: the head alone).
    method: "full" or "lora" (of this `rank`; needs no lr_mult).
    penalty: builds the penalty from the model that is about to be trained (see `l2_sp`).
    read_test: False while settings are still being chosen; `test_acc` is then nan.
    Other options go to `fit`. With on_interrupt="keep" Ctrl-C ends the phase and leaves out the
    later ones, and what was learned is measured. Raises ValueError for an unknown method or too
    many stages.
    """
    set_seed(seed)
    model = replace_head(copy.deepcopy(backbone), task.num_classes, dropout=dropout)
    if head is not None:
        getattr(*head_of(model)).load_state_dict(head.state_dict())
    body = [module for _, module in stages(model)][:-1]
    rarely = max(1, epochs // 10)  # validating every epoch would cost more than training
    options = {"optimizer": optimizer, "seed": seed, "valid_every": rarely, **fit_options}
    history = History()

    if method not in ("full", "lora"):
        raise ValueError(text("finetune.method", method=method))

    freeze(model)
    if freeze_epochs:
        history.extend(fit(model, task, epochs=freeze_epochs, lr=lr, **options))
    if method == "lora" and not history.interrupted:
        model = add_lora(model, rank)
        history.extend(fit(model, task, epochs=epochs, lr=lr, **options))
    elif method == "full":
        for depth, phase_epochs in _phases(unfreeze, len(body), epochs):
            if history.interrupted:
                break
            open_stages(model, depth)
            if keep_batchnorm:
                freeze_batchnorm(model)
            options["penalty"] = penalty(model) if penalty else None
            if body_lr is None:
                groups = discriminative_rates(model, lr, lr_mult)
            else:
                groups = head_and_body(model, lr, body_lr)
            history.extend(fit(model, task, epochs=phase_epochs, param_groups=groups, **options))
    return summarise(model, task, history, read_test)


def summarise(model: nn.Module, task: Task, history: History, read_test: bool) -> FineTuneResult:
    """The result of a training run: validation accuracy, and the test split where it is read."""
    return FineTuneResult(
        test_acc=evaluate(model, task.open_test()) if read_test else math.nan,
        valid_acc=evaluate(model, task.valid),
        trainable_parameters=sum(p.numel() for p in model.parameters() if p.requires_grad),
        seconds=history.seconds,
        test_reads=task.test_reads,
        model=model,
        history=history,
    )


def open_stages(model: nn.Module, depth: int) -> None:
    """Train the head and the last `depth` stages of the body; keep the stages below frozen."""
    body = [name for name, _ in stages(model)][:-1]
    if depth >= len(body):
        unfreeze_all(model)
    else:
        freeze(model, to=body[-1 - depth])


def discriminative_rates(model: nn.Module, lr: float, lr_mult: float) -> list[dict]:
    """Parameter groups for `fit`: from lr / lr_mult at the first stage to lr at the head."""
    named = stages(model)
    top = max(len(named) - 1, 1)
    groups = []
    for depth, (_, module) in enumerate(named):
        trainable = [p for p in module.parameters() if p.requires_grad]
        if trainable:
            groups.append({"params": trainable, "lr": lr * lr_mult ** ((depth - top) / top)})
    return groups


def head_and_body(model: nn.Module, lr: float, body_lr: float) -> list[dict]:
    """Two parameter groups for `fit`: the head at `lr`, what else is trained at `body_lr`."""
    *body, (_, head) = [(name, list(part.parameters())) for name, part in stages(model)]
    groups = [
        {"params": head, "lr": lr},
        {"params": [p for _, part in body for p in part if p.requires_grad], "lr": body_lr},
    ]
    return [group for group in groups if group["params"]]


def _phases(unfreeze: str | int, body: int, epochs: int) -> list[tuple[int, int]]:
    """(number of open body stages, epochs) for each phase of training."""
    if unfreeze == "all":
        return [(body, epochs)]
    if unfreeze == "gradual":
        one_each = [(depth, 1) for depth in range(1, min(body, epochs))]
        return [*one_each, (body, epochs - len(one_each))]
    if isinstance(unfreeze, int) and 0 <= unfreeze <= body:
        return [(unfreeze, epochs)]
    raise ValueError(text("finetune.unfreeze", unfreeze=unfreeze, stages=body))
