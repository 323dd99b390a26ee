"""DANN: train against a critic that tries to tell the domains apart.

Ganin et al., "Domain-Adversarial Training of Neural Networks", JMLR 2016 (arXiv:1505.07818). A
small classifier, the critic, learns from the features which domain a picture is from. On its way
back into the network its gradient is turned round, so that the network learns features from which
the critic cannot tell. The turned gradient is faded in over training, with progress p in 0..1:

    lambda(p) = 2 / (1 + exp(-10 p)) - 1
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tlhelpers.data.task import Split, Task
from tlhelpers.models.surgery import head_of
from tlhelpers.transfer.adaptation.joint import train_together

HIDDEN = 64  # units of the critic


def dann(
    model: nn.Module,
    source: Task,
    pool: Split,
    *,
    strength: float = 1.0,
    lr: float = 0.02,
    epochs: int = 6,
    batch_size: int = 64,
    seed: int = 0,
) -> nn.Module:
    """A copy of `model`, trained on against a critic of domains, then AdaBN."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        critic = Critic(getattr(*head_of(model)).weight.shape[1])
    return train_together(
        model,
        source,
        pool,
        critic,
        strength=strength,
        lr=lr,
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
    )


class TurnGradient(torch.autograd.Function):
    """The identity forwards; backwards the gradient times -factor."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return features.view_as(features)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return -ctx.factor * gradient, None


class Critic(nn.Module):
    """Its loss at telling the domains of features (n, d) and (m, d) apart: cross-entropy in nats.

    The gradient reaches the features turned round, with lambda(progress).
    """

    def __init__(self, d: int):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(d, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))

    def forward(self, source: Tensor, target: Tensor, progress: float) -> Tensor:
        both = TurnGradient.apply(torch.cat([source, target]), fade_in(progress))
        domain = torch.zeros(len(both), device=both.device)
        domain[len(source) :] = 1
        return F.binary_cross_entropy_with_logits(self.layers(both)[:, 0], domain)


def fade_in(progress: float) -> float:
    """2 / (1 + exp(-10 p)) - 1: from 0 at the start to almost 1 at the end."""
    return 2 / (1 + math.exp(-10 * progress)) - 1
