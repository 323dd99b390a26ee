"""What live runs share: a curve of validation accuracy that grows, and ends when asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import nn

from tlhelpers.data.task import Split
from tlhelpers.runtime.language import text
from tlhelpers.show.widgets.chart import Chart, colour, percent
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
    x_label: str = field(default_factory=lambda: text("widget.steps"))
    curves: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    colours: dict[str, str] = field(default_factory=dict)
    stopped: bool = False

    def begin(self, name: str, its_colour: str | None = None) -> LiveCurve:
        """Starts the curve of another training: a method's in its colour of `figures.METHODS`."""
        self.colours[name] = its_colour or colour(len(self.curves))
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
        ticks = range(0, self.steps + 1, _round_step(self.steps))
        chart = Chart(
            says,
            (0, self.steps),
            x_label=self.x_label,
            y_label=text("widget.valid_accuracy"),
            x_ticks=[(step, str(step)) for step in ticks],
        )
        for name, points in self.curves.items():
            if points:
                steps, values = zip(*points, strict=True)
                chart.line(steps, values, self.colours[name], name)
        return View(chart.svg(), says)


def _round_step(steps: int) -> int:
    """1, 2 or 5 times a power of ten, so that at most six ticks stand on an axis up to `steps`."""
    tens = (step * 10**power for power in range(9) for step in (1, 2, 5))
    return next(step for step in tens if steps <= 5 * step)
