"""What lesson 08 does to pictures and to a pool of them, in its cells and in its experiments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn

from tlhelpers.data.catalog import load_task
from tlhelpers.data.task import Split, Task
from tlhelpers.train.predict import predict
from tlhelpers.transfer.adaptation.adabn import adabn


def dim(split: Split, light: float) -> Split:
    """The pictures (n, 3, h, w), uint8, under so much of their light."""
    return Split((split.inputs.float() * light).to(torch.uint8), split.labels)


def with_shares(split: Split, shares: Sequence[float], count: int) -> Split:
    """About `count` pictures in which class c has shares[c]; the first of each class are taken."""
    wanted = [max(1, round(share * count)) for share in shares]
    rows = [(split.labels == c).nonzero()[:n, 0] for c, n in enumerate(wanted)]
    return split.subset(torch.cat(rows))


def balanced_adabn(model: nn.Module, pool: Split) -> nn.Module:
    """AdaBN on as many pictures of each class as the unadapted network believes to see."""
    return adabn(model, None, pool.subset(equal_rows(predict(model, pool).argmax(1))))


def equal_rows(answers: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """Rows (k,), drawn with repetition, in which each of the answers (n,) comes equally often."""
    generator = torch.Generator().manual_seed(seed)
    given, counts = answers.unique(return_counts=True)
    size = max(1, int(counts.float().median()))
    drawn = []
    for answer in given:
        rows = (answers == answer).nonzero()[:, 0]
        drawn.append(rows[torch.randint(len(rows), (size,), generator=generator)])
    return torch.cat(drawn)


def swarm_at_dusk(seed: int = 2) -> Task:
    """Fish at half the light of the day, one species at 55%, the other nine at 5% each."""
    many = load_task("fish", 165, seed, test_per_class=165)
    shares = [0.55] + [0.05] * 9
    train, test = (dim(with_shares(part, shares, 300), 0.5) for part in (many.train, many.test))
    return replace(many, train=train, test=test)
