"""iCaRL: herded exemplars within a fixed budget, distillation, and the nearest exemplar mean.

Rebuffi et al., "iCaRL: Incremental Classifier and Representation Learning", 2017
(arXiv:1611.07725). Every output is a sigmoid of its own; for old classes its target is what the
old network says, on new pictures and exemplars alike. K exemplars are kept in all: with t classes
m = K // t each, so that each new class costs the old ones some of theirs, the last chosen first.
A picture gets the class whose exemplar mean is nearest, which no bias of the output layer moves.

    L   = - sum_{new c} [d log g_c + (1 - d) log(1 - g_c)]         d = 1 where y = c
          - sum_{old c} [q_c log g_c + (1 - q_c) log(1 - g_c)]     q_c of the old network
    p_k = argmin_x || mean(class) - (phi(x) + sum_{j<k} phi(p_j)) / k ||,    phi of length 1
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tlhelpers.data.task import Split
from tlhelpers.runtime.language import text
from tlhelpers.train.engine import logits_of
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.learners.base import Trained, size_of
from tlhelpers.transfer.learners.nearest_mean import class_means, similarity


@dataclass
class ICaRL(Trained):
    """memory: K, the exemplars kept of all classes together."""

    memory: int = 100

    scenarios: ClassVar[tuple[str, ...]] = ("class", "task")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.memory < len(self.stream.group):
            classes = len(self.stream.group)
            raise ValueError(text("incremental.memory", memory=self.memory, classes=classes))
        self.exemplars: list[Tensor] = []  # rows of each class, the most telling first

    def begin(self) -> None:
        self.old = copy.deepcopy(self.model).eval() if self.known else None

    def rows(self, step: int) -> Tensor:
        return torch.cat([self.stream.rows(step), *self.exemplars])

    def loss(self, model: nn.Module, inputs: Any, labels: Tensor, rows: Tensor) -> Tensor:
        before = None
        if self.old is not None:
            with torch.no_grad():
                before = logits_of(self.old, inputs)
        return icarl_loss(logits_of(model, inputs), labels, before)

    def end(self, step: int) -> None:
        count = self.memory // self.known
        self.exemplars = [rows[:count] for rows in self.exemplars]
        new = self.stream.rows(step)
        labels = self.stream.train.labels[new]
        features = extract_features(self.model, self.stream.train.subset(new), cache=False)
        for c in range(len(self.exemplars), self.known):
            of_class = new[labels == c]
            chosen = herd(features[labels == c], min(count, len(of_class)))
            self.exemplars.append(of_class[chosen])

    def scores(self, split: Split) -> Tensor:
        if not self.exemplars:  # asked while the first classes are being learned
            return super().scores(split)
        kept = self.stream.train.subset(torch.cat(self.exemplars))
        features = extract_features(self.model, kept, cache=False)
        means = class_means(features, kept.labels, len(self.exemplars))
        return similarity(extract_features(self.model, split, cache=False), means)

    @property
    def kept_bytes(self) -> int:
        return size_of(self.stream.train, torch.cat(self.exemplars))


def icarl_loss(logits: Tensor, labels: Tensor, before: Tensor | None = None) -> Tensor:
    """Binary cross-entropy, summed over classes, mean over rows.

    logits: (n, classes); before: logits (n, old classes) of the old network, or None.
    """
    targets = F.one_hot(labels, logits.shape[1]).to(logits.dtype)
    if before is not None:
        targets[:, : before.shape[1]] = before.sigmoid()
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="none").sum(1).mean()


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
