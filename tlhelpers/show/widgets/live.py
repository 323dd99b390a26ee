"""What live runs share: a curve of validation accuracy that grows, and ends when asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import nn

from tlhelpers.data.task import Split
from tlhelpers.runtime.language import text
from tlhelpers.show.figures import PALETTE
from tlhelpers.show.widgets.chart import Chart, percent
from tlhelpers.show.widgets.explorer import View
from tlhelpers.train.engine import evaluate


@dataclass
class LiveCurve:
    """Accuracy on `valid` every few steps of one training after another.

    Passed to `fit` as `after_step`, it shows itself through `watch` and ends the training where
    that says so. steps: how long a training will be.
    """

    valid: Split
    steps: int
    watch: Callable[[View], bool]
    every: int = 5
    curves: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    stopped: bool = False

    def begin(self, name: str) -> LiveCurve:
        """Starts the curve of another training."""
        self.curves[name] = []
        return self

    def __call__(self, step: int, model: nn.Module) -> bool:
        """What `fit` calls after each step; True ends the training."""
        if not self.stopped and step % self.every == 0:
            points = next(reversed(self.curves.values()))
            points.append((step, evaluate(model, self.valid)))
            self.stopped = self.watch(self.view())
        return self.stopped

    def view(self, ended: bool = False) -> View:
        """The curves as far as they are known; `ended` once the last training is over."""
        last = [f"{name} {percent(p[-1][1])}" for name, p in self.curves.items() if p]
        state = "live_stopped" if self.stopped else "live_ended" if ended else "live"
        says = text(f"widget.{state}", values=", ".join(last))
        ticks = [(self.steps * k // 4, str(self.steps * k // 4)) for k in range(5)]
        chart = Chart(
            says,
            (0, self.steps),
            x_label=text("widget.steps"),
            y_label=text("widget.valid_accuracy"),
            x_ticks=ticks,
        )
        for colour, (name, points) in zip(PALETTE, self.curves.items(), strict=False):
            if points:
                chart.line(*zip(*points, strict=True), colour, name)
        return View(chart.svg(), says)
