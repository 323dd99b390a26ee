"""Finding a learning rate: let it grow step by step, and see where the loss falls most steeply.

Smith, "Cyclical Learning Rates for Training Neural Networks", 2015 (arXiv:1506.01186). A copy of
the model is trained for some sixty steps. The loss is smoothed over about ten steps; the sweep
ends where it exceeds four times its minimum.

    rate of step t of T = lowest * (highest / lowest)^(t / T)
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from tlhelpers.data.task import Task, require_task
from tlhelpers.train.engine import cross_entropy, fit
from tlhelpers.transfer.results import Result


@dataclass
class LearningRates(Result):
    """The loss at each tried learning rate, and the rate where it fell most steeply."""

    rates: list[float]
    losses: list[float]
    suggestion: float


def lr_find(
    model: nn.Module,
    task: Task,
    *,
    lowest: float = 1e-5,
    highest: float = 1.0,
    steps: int = 60,
    optimizer: str = "sgd",
    batch_size: int = 32,
    seed: int = 0,
) -> LearningRates:
    """Train a copy for `steps` steps (at least 2) while the rate grows from `lowest` to `highest`.

    Only the training split is read; `model` stays as it is.
    """
    require_task(task)
    losses = []

    def loss(trained: nn.Module, inputs: Any, labels: Tensor, rows: Tensor) -> Tensor:
        value = cross_entropy(trained, inputs, labels, rows)
        losses.append(value.detach())
        return value

    def growth(step: int, steps: int) -> float:
        return (highest / lowest) ** (step / steps)

    fit(
        copy.deepcopy(model),
        task.train,
        max_steps=steps,
        batch_size=batch_size,
        optimizer=optimizer,
        lr=lowest,
        schedule=growth,
        loss=loss,
        keep_best=False,
        seed=seed,
        clip_norm=1.0,
    )
    rates = [lowest * growth(step, steps) for step in range(len(losses))]
    return _steepest(rates, [float(value) for value in losses])


def _steepest(rates: list[float], losses: list[float]) -> LearningRates:
    smooth, running = [], 0.0
    for step, value in enumerate(losses, start=1):
        running = 0.8 * running + 0.2 * value
        smooth.append(running / (1 - 0.8**step))
    lowest = min(range(len(smooth)), key=smooth.__getitem__)
    end = next(
        (i for i in range(lowest, len(smooth)) if not smooth[i] <= 4 * smooth[lowest]), len(smooth)
    )
    fall = [smooth[i + 1] - smooth[i] for i in range(max(lowest, 1))]
    steepest = min(range(len(fall)), key=fall.__getitem__)
    return LearningRates(rates[:end], smooth[:end], suggestion=rates[steepest])
