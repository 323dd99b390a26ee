"""How far from the nearest known examples.

Ramaswamy, Rastogi and Shim, "Efficient algorithms for mining outliers from large data sets", SIGMOD
2000; for features of networks: Sun et al., "Out-of-Distribution Detection with Deep Nearest
Neighbors", 2022 (arXiv:2204.06507). Known examples may lie in any number of groups of any shape;
the mean of them all, which may lie where no example is, plays no part.

    s(x) = the mean distance of x to its k nearest known examples
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tlhelpers.transfer.knn import DISTANCES


def nearest_distance(known: Tensor, k: int = 1) -> Callable[[Tensor], Tensor]:
    """From features (m, d) to scores (m,): the mean distance to the k nearest of known (n, d)."""

    def score(features: Tensor) -> Tensor:
        parts = features.split(max(1, DISTANCES // len(known)))
        near = [torch.cdist(part, known).topk(k, largest=False).values.mean(1) for part in parts]
        return torch.cat(near)

    return score
