"""Replay: a few old examples are shown again with the new ones.

Robins, "Catastrophic Forgetting, Rehearsal and Pseudorehearsal", 1995; Chaudhry et al., "On Tiny
Episodic Memories in Continual Learning", 2019 (arXiv:1902.10486). `per_class` examples of each
class, drawn at random when it was new, are kept. They are repeated until they are about as many
as the new ones, as in the paper, whose batches are half new and half old.

    L = mean CE over new examples and repeated old ones
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tlhelpers.transfer.learners.base import Trained, size_of


@dataclass
class Replay(Trained):
    """per_class: examples kept of each class (in the domain scenario: and each step)."""

    per_class: int = 20

    def __post_init__(self) -> None:
        super().__post_init__()
        self.memory = torch.empty(0, dtype=torch.long)

    def rows(self, step: int) -> Tensor:
        new = self.stream.rows(step)
        times = max(1, len(new) // max(len(self.memory), 1))
        return torch.cat([new, self.memory.repeat(times)])

    def end(self, step: int) -> None:
        new = self.stream.rows(step)
        labels = self.stream.train.labels[new]
        generator = torch.Generator().manual_seed(self.seed)
        for c in labels.unique():
            of_class = new[labels == c]
            order = torch.randperm(len(of_class), generator=generator)
            self.memory = torch.cat([self.memory, of_class[order[: self.per_class]]])

    @property
    def kept_bytes(self) -> int:
        return size_of(self.stream.train, self.memory)
