"""Scores of an episode: which class a query belongs to, given a few labelled features.

Snell, Swersky and Zemel, "Prototypical Networks for Few-shot Learning", 2017 (arXiv:1703.05175).
A class is represented by the mean of its labelled features, its prototype; a query gets the class
with the highest score. All episodes are computed as one batch of tensors.

    prototypes  score_c(q) = -||q - p_c||^2, p_c = mean of the support features of class c
    cosine      score_c(q) = <q, p_c> / (||q|| ||p_c||)
    nearest     score_c(q) = -min over the support s of class c of ||q - s||^2
    head        a linear head per episode, trained on its support (Chen et al., "A Closer Look
                at Few-shot Classification", 2019, arXiv:1904.04232)
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tlhelpers.data.task import Split
from tlhelpers.train.engine import fit
from tlhelpers.transfer.extraction import span

HEAD_STEPS = 100


def score_prototypes(support: Tensor, query: Tensor) -> Tensor:
    """Minus the squared distances to the class means.

    support: (episodes, n_way, n_shot, d), query: (episodes, queries, d);
    returns (episodes, queries, n_way). All score functions have this shape.
    """
    return -_squared_distances(query, support.mean(2))


def score_cosine(support: Tensor, query: Tensor) -> Tensor:
    """Cosine of the angle to the class means."""
    return F.normalize(query, dim=-1) @ F.normalize(support.mean(2), dim=-1).mT


def score_nearest(support: Tensor, query: Tensor) -> Tensor:
    """Minus the squared distance to the nearest labelled image of each class."""
    distances = _squared_distances(query, support.flatten(1, 2))
    return -distances.unflatten(2, support.shape[1:3]).amin(3)


def score_head(support: Tensor, query: Tensor) -> Tensor:
    """Logits of linear heads, one an episode, all trained together by the engine.

    The features of an episode are centred and scaled to a mean length of 1, as its support shows.
    """
    episodes, n_way, n_shot, _ = support.shape
    rows = support.flatten(1, 2)
    mean = rows.mean(1, keepdim=True)
    scale = (rows - mean).norm(dim=2).mean(1).clamp_min(1e-12)[:, None, None]
    rows, query = (rows - mean) / scale, (query - mean) / scale
    basis = span(rows)  # what gradient descent from 0 never leaves
    rows, query = rows @ basis, query @ basis
    heads = _EpisodeHeads(episodes, rows.shape[2], n_way)
    target = torch.arange(n_way).repeat_interleave(n_shot)

    def loss(model: nn.Module, inputs: Tensor, _labels: Tensor, episode: Tensor) -> Tensor:
        logits = model(inputs, episode)
        wanted = target.to(logits.device).expand(len(episode), -1)
        return F.cross_entropy(logits.mT, wanted, reduction="none").mean(1).sum()

    fit(
        heads,
        Split(rows, torch.arange(episodes)),
        loss=loss,
        epochs=HEAD_STEPS,
        batch_size=episodes,
        optimizer="sgd",
        lr=1.0,
        weight_decay=1e-3,
        keep_best=False,
        precision="fp32",
        progress=False,
    )
    with torch.no_grad():
        return heads.cpu()(query, torch.arange(episodes))


class _EpisodeHeads(nn.Module):
    """A linear head for each episode: (b, rows, d) of episodes (b,) -> (b, rows, n_way)."""

    preprocess = nn.Identity()

    def __init__(self, episodes: int, d: int, n_way: int):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(episodes, d, n_way))
        self.bias = nn.Parameter(torch.zeros(episodes, 1, n_way))

    def forward(self, inputs: Tensor, episode: Tensor) -> Tensor:
        return inputs @ self.weight[episode] + self.bias[episode]


METHODS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "prototypes": score_prototypes,
    "cosine": score_cosine,
    "nearest": score_nearest,
    "head": score_head,
}


def _squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """||a_i - b_j||^2 within each episode: (e, i, d) and (e, j, d) -> (e, i, j)."""
    return a.square().sum(2)[:, :, None] - 2 * a @ b.mT + b.square().sum(2)[:, None, :]
