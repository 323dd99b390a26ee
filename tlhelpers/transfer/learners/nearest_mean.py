"""The nearest class mean on frozen features: nothing is trained, so nothing is forgotten.

Mensink et al., "Distance-Based Image Classification: Generalizing to New Classes at Near-Zero
Cost", TPAMI 2013 (doi:10.1109/TPAMI.2013.83); with pretrained features a baseline that much of
the field does not beat: Janson et al., 2022 (arXiv:2210.04428). One sum of features is kept for
each class; means that grow do not depend on the order in which examples came.

    mu_c = sum_{y = c} phi(x) / || ... ||,    answer = argmax_c phi(x)^T mu_c,    phi of length 1
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from tlhelpers.data.task import Split
from tlhelpers.runtime.language import text
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.learners.base import Learner


@dataclass
class NearestMean(Learner):
    """No options: there is nothing to set."""

    def __post_init__(self) -> None:
        self.model = self.backbone
        self.sums: Tensor | None = None

    def learn(self, step: int) -> None:
        data = self.stream.train.subset(self.stream.rows(step))
        features = F.normalize(extract_features(self.backbone, data), dim=1)
        grown = torch.zeros(self.stream.seen[step], features.shape[1])
        if self.sums is not None:
            grown[: len(self.sums)] = self.sums
        self.sums = grown.index_add_(0, data.labels, features)

    def scores(self, split: Split) -> Tensor:
        return similarity(extract_features(self.backbone, split), F.normalize(self.sums, dim=1))

    @property
    def kept_bytes(self) -> int:
        return 0 if self.sums is None else self.sums.numel() * self.sums.element_size()


def class_means(features: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Mean feature of each class on the unit sphere, (num_classes, d)."""
    features = F.normalize(features, dim=1)
    counts = torch.bincount(labels, minlength=num_classes)
    if (counts == 0).any():
        raise ValueError(text("exemplars.empty", classes=(counts == 0).nonzero()[:, 0].tolist()))
    sums = torch.zeros(num_classes, features.shape[1]).index_add_(0, labels, features)
    return F.normalize(sums / counts[:, None], dim=1)


def similarity(features: Tensor, means: Tensor) -> Tensor:
    """Cosine of each row with each mean of length 1: (n, classes)."""
    return F.normalize(features, dim=1) @ means.T
