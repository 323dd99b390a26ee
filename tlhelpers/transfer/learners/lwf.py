"""Learning without forgetting, in its class-incremental form.

Li and Hoiem, "Learning without Forgetting", 2016 (arXiv:1606.09282). The old network is shown the
new pictures, and the new network is asked to give the same answers for the old classes: no old
picture is kept. The paper knows the task at the test. Here, as is usual where it is not known
(Masana et al., arXiv:2010.15277), the new classes compete with each other only ("local"
cross-entropy): against the old ones every new picture would say "none of these".

    L = CE(new logits, y) + strength * T^2 KL(softmax(old / T) || softmax(now / T)),    T = 2
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tlhelpers.models.surgery import freeze_batchnorm
from tlhelpers.train.engine import logits_of
from tlhelpers.transfer.distillation import distillation_loss
from tlhelpers.transfer.learners.base import Trained


@dataclass
class LwF(Trained):
    """strength: weight of the old answers. still_batchnorm: freeze it after the first step."""

    strength: float = 1.0
    temperature: float = 2.0
    still_batchnorm: bool = True

    def begin(self) -> None:
        self.old = copy.deepcopy(self.model).eval() if self.known else None
        if self.known and self.still_batchnorm:
            freeze_batchnorm(self.model)

    def loss(self, model: nn.Module, inputs: Any, labels: Tensor, rows: Tensor) -> Tensor:
        logits = logits_of(model, inputs)
        new = F.cross_entropy(self.stream.own_group(logits, labels), labels)
        if self.old is None:
            return new
        with torch.no_grad():
            before = logits_of(self.old, inputs)
        return new + self.strength * self.keep(logits[:, : self.known], before)

    def keep(self, now: Tensor, before: Tensor) -> Tensor:
        """Distillation over all old classes, or in the task scenario over each old group."""
        if self.stream.scenario != "task":
            return distillation_loss(now, before, self.temperature)
        group = self.stream.group[: self.known].to(now.device)
        return sum(
            distillation_loss(now[:, group == g], before[:, group == g], self.temperature)
            for g in group.unique()
        )
