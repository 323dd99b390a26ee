"""DER++: replay that also asks for the answers the network once gave.

Buzzega et al., "Dark Experience for General Continual Learning: a Strong, Simple Baseline",
NeurIPS 2020 (arXiv:2004.07211). A memory of fixed size is a uniform sample of all that was ever
trained on (reservoir sampling); with each example lie the logits z that the network gave when it
was put there. Every batch of new data is joined by two batches from the memory:

    L = CE(new) + alpha * mean ||z - h(x')||^2 + beta * CE(h(x''), y'')

The paper's network has its outputs for all classes from the start. This one grows, so z is
compared in the outputs that there were when it was noted. The sum over classes stands in the
paper's equation; its published code takes their mean, so that its alpha is larger by the number of
classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tlhelpers.train.engine import logits_of
from tlhelpers.transfer.learners.base import Trained, size_of


@dataclass
class DERpp(Trained):
    """memory: examples kept in all. alpha, beta: the weights of old answers and old labels."""

    memory: int = 100
    alpha: float = 0.01
    beta: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        classes = len(self.stream.group)
        self.kept = torch.empty(0, dtype=torch.long)  # rows of the stream
        self.answers = torch.empty(0, classes)  # logits; nan where there was no output yet
        self.met = 0
        self.generator = torch.Generator().manual_seed(self.seed)

    def rows(self, step: int) -> Tensor:
        self.arrived = self.stream.rows(step)
        return self.arrived

    def loss(self, model: nn.Module, inputs: Any, labels: Tensor, rows: Tensor) -> Tensor:
        logits = logits_of(model, inputs)
        total = F.cross_entropy(self.stream.candidates(logits, labels), labels)
        if len(self.kept):
            _, old, answers = self._recall(model, len(labels))
            total = total + self.alpha * answer_loss(old, answers)
            old_labels, old, _ = self._recall(model, len(labels))
            total = total + self.beta * F.cross_entropy(
                self.stream.candidates(old, old_labels), old_labels
            )
        self._put(self.arrived[rows.cpu()], logits.detach().cpu())
        return total

    def _recall(self, model: nn.Module, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Labels, logits now and logits then of examples drawn from the memory."""
        drawn = torch.randperm(len(self.kept), generator=self.generator)[:count]
        inputs, labels = self.stream.train.batch(self.kept[drawn])
        device = next(model.parameters()).device
        inputs = inputs.to(device) if isinstance(inputs, Tensor) else inputs
        logits = logits_of(model, self.model.preprocess(inputs))
        return labels.to(device), logits, self.answers[drawn].to(device)

    def _put(self, rows: Tensor, logits: Tensor) -> None:
        """Reservoir sampling (Vitter, 1985): each example met is in it with the same chance."""
        padded = torch.full((len(logits), self.answers.shape[1]), torch.nan)
        padded[:, : logits.shape[1]] = logits
        for row, answer in zip(rows, padded, strict=True):
            self.met += 1
            if len(self.kept) < self.memory:
                self.kept = torch.cat([self.kept, row[None]])
                self.answers = torch.cat([self.answers, answer[None]])
                continue
            place = int(torch.randint(self.met, (1,), generator=self.generator))
            if place < self.memory:
                self.kept[place], self.answers[place] = row, answer

    @property
    def kept_bytes(self) -> int:
        answers = int((~self.answers.isnan()).sum()) * self.answers.element_size()
        return size_of(self.stream.train, self.kept.unique()) + answers


def answer_loss(logits: Tensor, answers: Tensor) -> Tensor:
    """mean over rows of ||z - h||^2; answers (n, classes) may be nan, or wider than logits."""
    answers = answers[:, : logits.shape[1]]
    there = ~answers.isnan()
    moved = torch.where(there, logits - answers.nan_to_num(), 0.0)
    return moved.square().sum(1).mean()
