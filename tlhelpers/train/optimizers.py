"""Optimizers and learning-rate schedules, by name.

A schedule is a pure function of the step: nothing has to be saved with a checkpoint, and every
process of a distributed run computes the same rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import nn
from torch.optim import Optimizer

from tlhelpers.runtime.language import text

WARM_UP = {"one_cycle": 0.3, "cosine": 0.05, "constant": 0.0}  # share of all steps
WEIGHT_DECAY = {"adamw": 0.01, "sgd": 5e-4}


def build_optimizer(
    model: nn.Module,
    name: str | Callable[[list[dict]], Optimizer],
    lr: float,
    weight_decay: float | None = None,
    param_groups: Iterable[dict] | None = None,
) -> Optimizer:
    """An optimizer of the trainable parameters only.

    name: "adamw", "sgd" (Nesterov, momentum 0.9), or a function of the parameter groups.
    param_groups: dicts with "params" and, where they differ, "lr" and "weight_decay".
    Raises ValueError where nothing can be trained, a parameter is not the model's, or the name is
    unknown.
    """
    groups = [dict(group) for group in param_groups or [{"params": model.parameters()}]]
    for group in groups:
        params = group["params"]
        params = [params] if isinstance(params, torch.Tensor) else params
        group["params"] = [param for param in params if param.requires_grad]
    groups = [group for group in groups if group["params"]]
    own = {id(param) for param in model.parameters()}
    if foreign := sum(id(param) not in own for group in groups for param in group["params"]):
        raise ValueError(text("engine.foreign_parameters", count=foreign))
    if not groups:
        raise ValueError(text("engine.nothing_trainable"))
    return optimizer_of(groups, name, lr, weight_decay)


def optimizer_of(
    groups: list[dict], name: str | Callable, lr: float, weight_decay: float | None = None
) -> Optimizer:
    """The optimizer of this name, of these groups as they are."""
    if callable(name):
        return name(groups)
    if name not in WEIGHT_DECAY:
        raise ValueError(text("engine.unknown", what=name, known=", ".join(WEIGHT_DECAY)))
    decay = WEIGHT_DECAY[name] if weight_decay is None else weight_decay
    if name == "adamw":
        return torch.optim.AdamW(groups, lr=lr, weight_decay=decay, fused=True)
    return torch.optim.SGD(
        groups, lr=lr, momentum=0.9, nesterov=True, weight_decay=decay, fused=True
    )


def build_schedule(
    name: str | Callable[[int, int], float], warmup: float | None = None
) -> Callable[[int, int], float]:
    """A function (step from 0, steps in all) -> factor on the learning rate.

    "one_cycle": up from 1/25 along a cosine in the first 30% of the steps, down to almost 0
    (Smith and Topin, arXiv:1708.07120); "cosine": linear warm-up over 5%, then down to 0
    (Loshchilov and Hutter, arXiv:1608.03983); "constant". warmup: another share of the steps.
    """
    if callable(name):
        return name
    if name not in WARM_UP:
        raise ValueError(text("engine.unknown", what=name, known=", ".join(WARM_UP)))
    share = WARM_UP[name] if warmup is None else warmup

    def factor(step: int, steps: int) -> float:
        rising = share * steps
        if step < rising:
            progress = (step + 1) / (rising + 1)
            return 1 / 25 + 24 / 25 * _rise(progress) if name == "one_cycle" else progress
        if name == "constant":
            return 1.0
        return 1.0 - _rise((step - rising) / max(1.0, steps - rising))

    return factor


def _rise(progress: float) -> float:
    """From 0 to 1 along half a cosine."""
    return (1 - math.cos(math.pi * progress)) / 2
