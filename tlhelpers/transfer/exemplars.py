"""Exemplars: a few pictures of each class that are kept, and the nearest mean of their features.

Rebuffi et al., "iCaRL: Incremental Classifier and Representation Learning", 2017
(arXiv:1611.07725). Herding picks, one after the other, the picture that brings the mean of the
chosen features closest to the mean of the class; a new picture gets the class whose exemplar
mean, on the unit sphere, is nearest.

    p_k = argmin_x || mean(class) - (phi(x) + sum_{j<k} phi(p_j)) / k ||,    phi(x) of length 1
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from tlhelpers.runtime.language import text


def herd(features: Tensor, count: int) -> Tensor:
    """Row numbers of `count` exemplars of one class, best first. features: float (n, d)."""
    if features.ndim != 2 or not 1 <= count <= len(features):
        raise ValueError(text("exemplars.count", count=count, shape=tuple(features.shape)))
    features = F.normalize(features, dim=1)
    centre = features.mean(0)
    chosen, total = [], torch.zeros_like(centre)
    taken = torch.zeros(len(features), dtype=torch.bool)
    for k in range(1, count + 1):
        distance = (centre - (total + features) / k).norm(dim=1)
        best = int(distance.masked_fill(taken, torch.inf).argmin())
        chosen.append(best)
        taken[best] = True
        total = total + features[best]
    return torch.tensor(chosen)


def class_means(features: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Mean feature of each class on the unit sphere, (num_classes, d)."""
    features = F.normalize(features, dim=1)
    counts = torch.bincount(labels, minlength=num_classes)
    if (counts == 0).any():
        raise ValueError(text("exemplars.empty", classes=(counts == 0).nonzero()[:, 0].tolist()))
    sums = torch.zeros(num_classes, features.shape[1]).index_add_(0, labels, features)
    return F.normalize(sums / counts[:, None], dim=1)


def nearest_mean(features: Tensor, means: Tensor) -> Tensor:
    """The class with the nearest mean for each row: LongTensor (n,)."""
    return (F.normalize(features, dim=1) @ means.T).argmax(1)
