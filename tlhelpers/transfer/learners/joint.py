"""Joint training: all data of all classes at every step, from the pretrained network anew.

Not incremental at all, and what is done where all data may be kept and computing is cheap. It is
the mark against which the others are measured, not a bound: with few examples another method can
be above it.

    L = mean CE over everything that has arrived
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from tlhelpers.models.surgery import replace_head
from tlhelpers.transfer.learners.base import Trained, size_of


@dataclass
class Joint(Trained):
    """Keeps every example for the next step."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.arrived = torch.empty(0, dtype=torch.long)

    def grow(self, seen: int) -> None:
        self.model = replace_head(copy.deepcopy(self.backbone), seen)

    def rows(self, step: int) -> Tensor:
        self.arrived = torch.cat([self.arrived, self.stream.rows(step)])
        return self.arrived

    @property
    def kept_bytes(self) -> int:
        return size_of(self.stream.train, self.arrived)
