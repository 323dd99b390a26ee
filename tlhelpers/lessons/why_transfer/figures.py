"""Figures of lesson 01: the three benefits, where they end, and the map of kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import PercentFormatter

from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.plots import Picture, picture
from tlhelpers.show.twins import draw_twin
from tlhelpers.train.history import History
from tlhelpers.transfer.intervals import interval
from tlhelpers.transfer.results import Result

STARTS = ("fine_tune", "probe", "scratch")


@dataclass
class Starts(Result):
    """Test accuracy of each start over the seeds."""

    accuracy: Mapping[str, Sequence[float]]

    def rows(self) -> list[dict]:
        return [
            {"start": text(f"lesson01.{start}"), "accuracy": interval(values, share=True)}
            for start, values in self.accuracy.items()
        ]


def draw_label_curves(
    curves: Mapping, live: Mapping[str, Sequence[float]] | None = None, at: int | None = None
) -> Picture:
    """Accuracy against labels a class: stored runs as bands, runs of today as open marks.

    curves: what experiment 01_birds stores. live: {start: accuracies} measured `at` labels.
    """
    figures.use()
    figure, axes = plt.subplots(figsize=(6.6, 3.8))
    for start in STARTS:
        name = text(f"lesson01.{start}")
        figures.error_band(axes, curves["labels"], curves[start], name, **figures.METHODS[start])
        if live and start in live:
            axes.plot(
                [at] * len(live[start]),
                live[start],
                linestyle="none",
                markersize=10,
                markerfacecolor="none",
                **figures.METHODS[start],
            )
    axes.set_xscale("log")
    axes.set_xticks(curves["labels"], curves["labels"])
    axes.minorticks_off()
    axes.set(xlabel=text("lesson01.labels"), ylabel=text("lesson01.accuracy"), ylim=(0, 1.02))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.legend(loc="lower right")
    first, last = curves["labels"][0], curves["labels"][-1]
    return picture(figure, text("lesson01.curves_alt", first=first, last=last))


def draw_progress(runs: Mapping[str, Sequence[History]]) -> Picture:
    """Validation accuracy while training: {start: one history a seed}."""
    figures.use()
    figure, axes = plt.subplots(figsize=(6.6, 3.4))
    for start, histories in runs.items():
        shown = [i for i, a in enumerate(histories[0].valid_acc) if a == a]  # nan: not validated
        steps = [histories[0].epoch_steps[i] for i in shown]
        values = [[history.valid_acc[i] for history in histories] for i in shown]
        name = text(f"lesson01.{start}")
        figures.error_band(axes, steps, values, name, **figures.METHODS[start])
    axes.set(xlabel=text("lesson01.steps"), ylabel=text("lesson01.valid_accuracy"), ylim=(0, 1.02))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.legend(loc="lower right")
    return picture(figure, text("lesson01.progress_alt"))


def steps_to_reach(accuracy: float, history: History) -> int:
    """Training steps until the validation accuracy first was at least `accuracy`.

    Raises ValueError where it never was.
    """
    for value, steps in zip(history.valid_acc, history.epoch_steps, strict=True):
        if value >= accuracy:
            return steps
    raise ValueError(text("lesson01.never_reached", accuracy=f"{accuracy:.0%}"))


def draw_robustness(scores: Mapping[str, Mapping[str, Sequence[float]]]) -> Picture:
    """Accuracy on spoilt pictures, as points with intervals: {start: {style: accuracies}}."""
    figures.use()
    figure, axes = plt.subplots(figsize=(6.6, 3.2))
    styles = list(next(iter(scores.values())))
    for i, (start, by_style) in enumerate(scores.items()):
        for k, style in enumerate(styles):
            point = interval(by_style[style], share=True)
            place = k + (i - (len(scores) - 1) / 2) * 0.22
            low, high = max(0.0, point.low), min(1.0, point.high)
            look = figures.METHODS[start]
            axes.plot([place, place], [low, high], color=look["color"], linewidth=2)
            label = text(f"lesson01.{start}") if k == 0 else None
            axes.plot(place, point.mean, linestyle="none", markersize=8, label=label, **look)
    axes.set_xticks(range(len(styles)), [text(f"lesson01.style_{style}") for style in styles])
    axes.set(ylabel=text("lesson01.accuracy"), ylim=(0, 1.05))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.legend(loc="upper right")
    return picture(figure, text("lesson01.robustness_alt"))


def draw_kinds() -> Picture:
    """The kinds of transfer as a map: target labels from left to right, change from top down."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.6, 4.3))
    boxes = {  # kind -> (left, bottom, width, height, colour)
        "unsupervised": (0.02, 0.68, 0.36, 0.26, figures.PURPLE),
        "transductive": (0.02, 0.38, 0.36, 0.26, figures.SKY),
        "zero_shot": (0.02, 0.08, 0.36, 0.26, figures.ORANGE),
        "few_shot": (0.42, 0.08, 0.22, 0.86, figures.GREEN),
        "inductive": (0.68, 0.08, 0.30, 0.86, figures.BLUE),
    }
    for kind, (left, bottom, width, height, colour) in boxes.items():
        axes.add_patch(
            FancyBboxPatch(
                (left, bottom),
                width,
                height,
                boxstyle="round,pad=0,rounding_size=0.02",
                facecolor=colour + "22",
                edgecolor=colour,
                linewidth=1.5,
            )
        )
        middle = left + width / 2
        top = bottom + height - 0.075
        axes.text(middle, top, text(f"lesson01.kind_{kind}"), ha="center", fontsize=12)
        about = text(f"lesson01.about_{kind}")
        axes.text(middle, top - 0.035, about, ha="center", va="top", fontsize=9, linespacing=1.5)
    axes.annotate(
        "", (0.99, 0.01), (0.01, 0.01), arrowprops={"arrowstyle": "->", "color": figures.INK}
    )
    for middle, amount in ((0.2, "none"), (0.53, "few"), (0.83, "many")):
        axes.text(middle, -0.045, text(f"lesson01.labels_{amount}"), ha="center", fontsize=10)
    axes.set(xlim=(0, 1), ylim=(-0.07, 0.95))
    axes.axis("off")
    return picture(figure, text("lesson01.kinds_alt"))


def draw_real(found: Mapping) -> Picture:
    """ImageNet's features on real cats and dogs and on blood cells, beside two controls."""
    sets = ("cats_dogs", "blood_cells")
    return draw_twin(found, sets, text("lesson01.real_title"), text("lesson01.real_alt"))
