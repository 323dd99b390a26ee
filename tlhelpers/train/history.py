"""What a training run was: its curves, its best epoch, what it cost and how it ended."""

from __future__ import annotations

import html
import math
from dataclasses import asdict, dataclass, field

from tlhelpers.runtime.language import text


@dataclass
class History:
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

    def to_dict(self) -> dict:
        """All fields as plain Python values."""
        return asdict(self)

    def to_frame(self):
        """One row an epoch, as a pandas DataFrame. Raises ImportError where pandas is absent."""
        try:
            import pandas
        except ImportError as error:
            raise ImportError(text("result.pandas_missing")) from error

        columns = ("train_loss", "valid_loss", "valid_acc", "epoch_steps")
        frame = pandas.DataFrame({name: getattr(self, name) for name in columns})
        return frame.rename_axis("epoch")

    def __str__(self) -> str:
        if self.best_epoch is None:
            return text("history.line", steps=self.steps, seconds=self.seconds)
        return text(
            "history.line_best",
            steps=self.steps,
            seconds=self.seconds,
            epoch=self.best_epoch + 1,
            acc=self.best_acc,
        )

    def _repr_html_(self) -> str:
        names = ("epoch", "train_loss", "valid_loss", "valid_acc")
        head = "".join(f"<th>{text(f'history.{name}')}</th>" for name in names)
        rows = ""
        for epoch in range(len(self.train_loss)):
            style = ' style="font-weight:bold"' if epoch == self.best_epoch else ""
            cells = "".join(f"<td>{getattr(self, name)[epoch]:.3f}</td>" for name in names[1:])
            rows += f"<tr{style}><td>{epoch + 1}</td>{cells}</tr>"
        return f"<table><tr>{head}</tr>{rows}</table><p>{html.escape(str(self))}</p>"
