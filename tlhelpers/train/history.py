"""What a training run was: its curves, its best epoch, what it cost and how it ended."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from tlhelpers.runtime.language import text
from tlhelpers.runtime.table import Tabular


@dataclass
class History(Tabular):
    """The lists hold one value an epoch; losses in nats, accuracies as fractions.

    An epoch that was not validated has NaN there; without a validation split all are NaN.
    """

    train_loss: list[float] = field(default_factory=list)
    valid_loss: list[float] = field(default_factory=list)
    valid_acc: list[float] = field(default_factory=list)
    epoch_steps: list[int] = field(default_factory=list)  # steps taken by the end of each epoch
    best_epoch: int | None = None  # of the best validation accuracy, counted from 0
    steps: int = 0
    seconds: float = 0.0
    device: str = ""
    precision: str = ""
    batch_size: int = 0
    micro_batch: int = 0  # less than batch_size where the memory did not reach
    resumed_from: int = 0  # the step at which a checkpoint took over
    interrupted: bool = False  # stopped by Ctrl-C
    stopped: str = ""  # why it ended early: "", "interrupted", "loss_not_finite", "after_step"

    @property
    def best_acc(self) -> float:
        """Validation accuracy of the best epoch; NaN where there was none."""
        return math.nan if self.best_epoch is None else self.valid_acc[self.best_epoch]

    def extend(self, later: History) -> None:
        """Adds a training run that went on where this one ended; its best epoch counts now."""
        if later.best_epoch is not None:
            self.best_epoch = len(self.train_loss) + later.best_epoch
        self.epoch_steps += [self.steps + step for step in later.epoch_steps]
        for name in ("train_loss", "valid_loss", "valid_acc"):
            getattr(self, name).extend(getattr(later, name))
        self.steps += later.steps
        self.seconds += later.seconds
        self.interrupted |= later.interrupted
        for name in ("device", "precision", "batch_size", "micro_batch", "stopped"):
            setattr(self, name, getattr(later, name))

    def to_dict(self) -> dict[str, Any]:
        """All fields as plain Python values."""
        return asdict(self)

    def rows(self) -> list[dict[str, Any]]:
        """A row an epoch, counted from 1."""
        columns = ("train_loss", "valid_loss", "valid_acc", "epoch_steps")
        epochs = zip(*(getattr(self, name) for name in columns), strict=True)
        return [
            {"epoch": number, **dict(zip(columns, values, strict=True))}
            for number, values in enumerate(epochs, 1)
        ]

    def notes(self) -> list[str]:
        return [str(self)]

    def __str__(self) -> str:
        """The run in one sentence; a notebook shows its epochs above."""
        if self.best_epoch is None:
            return text("history.line", steps=self.steps, seconds=self.seconds)
        return text(
            "history.line_best",
            steps=self.steps,
            seconds=self.seconds,
            epoch=self.best_epoch + 1,
            acc=self.best_acc,
        )
