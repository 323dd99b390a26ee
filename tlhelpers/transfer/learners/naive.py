"""New data only: the usual mistake, the same with the old rows kept, and the frozen control.

McCloskey and Cohen, "Catastrophic Interference in Connectionist Networks", 1989. A network that
is trained on new classes only learns to answer nothing else, because no example says otherwise.
The third learner is a control for every method that holds on to the old network: body and old
rows are frozen, and only the rows of the new classes are trained, against each other.

    L = CE(logits, y);    new_rows: over the new logits only, with a gradient for their rows only
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tlhelpers.models.surgery import freeze, replace_head
from tlhelpers.train.engine import logits_of
from tlhelpers.transfer.learners.base import Trained


@dataclass
class NewHead(Trained):
    """A fresh output layer at every step: the rows of the old classes are thrown away."""

    def grow(self, seen: int) -> None:
        replace_head(self.model, seen)


@dataclass
class KeptRows(Trained):
    """The old rows are kept; only new data is shown."""


@dataclass
class NewRows(Trained):
    """After the first step: frozen body and old rows; the new rows learn.

    among_all: let the new classes compete with the old ones, too.
    """

    among_all: bool = False

    scenarios: ClassVar[tuple[str, ...]] = ("class", "task")

    def begin(self) -> None:
        if self.known:
            freeze(self.model)
            self.fit_options = {**self.fit_options, "weight_decay": 0.0}  # it would move old rows

    def loss(self, model: nn.Module, inputs: Any, labels: Tensor, rows: Tensor) -> Tensor:
        logits = logits_of(model, inputs)
        logits = torch.cat([logits[:, : self.known].detach(), logits[:, self.known :]], 1)
        rivals = self.stream.candidates if self.among_all else self.stream.own_group
        return F.cross_entropy(rivals(logits, labels), labels)
