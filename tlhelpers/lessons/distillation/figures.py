"""Figures of lesson 11: each says its finding in its title and holds every line it mentions.

What stands in __all__ is here for the lesson's cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from tlhelpers.lessons.distillation.onnx_int8 import try_onnx
from tlhelpers.lessons.distillation.steps import (
    in_eight_bits,
    kilobytes,
    kilobytes_in_eight_bits,
    milliseconds,
)
from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.plots import Picture, picture
from tlhelpers.transfer.intervals import interval

__all__ = ["in_eight_bits", "kilobytes", "kilobytes_in_eight_bits", "milliseconds", "try_onnx"]

CHANCE = 0.1  # ten kinds of bird
MEMORY = 512  # kilobytes that the camera has
LOOK: dict[str, dict[str, Any]] = {  # each way in its colour and marker
    "teacher": {"color": figures.BLACK, "marker": "X"},
    "hard": {"color": figures.GREY, "marker": "v"},
    "soft": {"color": figures.ORANGE, "marker": "P"},
    "pseudo": {"color": figures.SKY, "marker": "D"},
    "all": {"color": figures.BLUE, "marker": "o"},
    "labelled": {"color": figures.GREEN, "marker": "^"},
    "tuned": {"color": figures.VERMILION, "marker": "s"},
}
LEGEND = {"fontsize": 9, "frameon": True, "facecolor": "white", "edgecolor": "none"}


def draw_win(ways: Mapping, live: Mapping[str, float]) -> Picture:
    """Labels alone, taught by the teacher, and the teacher. live: today's accuracies by way."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.4, 2.9))
    _rows(axes, ways, ("hard", "all", "teacher"), live)
    axes.plot([], [], "o", color=figures.INK, fillstyle="none", label=text("lesson11.today"))
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    axes.set_title(text("lesson11.win_title", **_means(ways, ("hard", "all"))))
    return picture(figure, text("lesson11.win_alt"))


def draw_ways(ways: Mapping) -> Picture:
    """Every way to teach the student, a row each, with the teacher as the last."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.6, 3.9))
    _rows(axes, ways, ("hard", "soft", "pseudo", "all", "labelled", "teacher"))
    figure.legend(loc="outside lower center", fontsize=9)
    axes.set_title(text("lesson11.ways_title", **_means(ways, ("hard", "soft", "all"))))
    return picture(figure, text("lesson11.ways_alt"))


def draw_colour(found: Mapping) -> Picture:
    """A teacher that reads the sign of the feeder, and students of three pools of pictures."""
    figures.use()
    figure, panels = plt.subplots(1, 2, figsize=(8.2, 3.6), sharey=True)
    names = ("teacher", "kept", "mixed", "none")
    for axes, key in zip(panels, ("kept", "mixed"), strict=True):
        for place, who in enumerate(names):
            span = interval(found[who][key], share=True)
            _upright(axes, place, span, LOOK["teacher" if who == "teacher" else "all"])
        axes.set_xticks(
            range(len(names)), [text(f"lesson11.colour_{who}") for who in names], fontsize=9
        )
        axes.set_xlim(-0.5, len(names) - 0.2)
        axes.set_title(text(f"lesson11.colour_test_{key}"), fontsize=11)
        _chance(axes)
    _percent(panels[0])
    panels[0].set_ylabel(text("lesson11.accuracy_bars"))
    panels[0].legend(loc="lower left", **LEGEND)
    figure.suptitle(text("lesson11.colour_title"), x=0.02, ha="left", fontsize=12)
    return picture(figure, text("lesson11.colour_alt"))


ALTERNATIVES = {  # way -> its look, in the order of the rows
    "teacher": "teacher",
    "int8": "teacher",
    "pruned": "labelled",
    "hard": "hard",
    "tuned": "tuned",
    "all": "all",
    "all_int8": "all",
    "tuned_all": "pseudo",
}


def draw_small(found: Mapping, live: Mapping[str, float]) -> Picture:
    """Accuracy and kilobytes of every way to a small network; live: today's milliseconds."""
    figures.use()
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(8.8, 4.2), gridspec_kw={"width_ratios": [3.2, 1]}
    )
    for row, (way, look) in enumerate(ALTERNATIVES.items()):
        span = interval(found[way]["accuracy"], share=True)
        size = found[way]["kilobytes"]
        inside = {"fillstyle": "full" if size <= MEMORY else "none"}
        figures.mark_mean(left, row, span, across=True, **LOOK[look], **inside)
        says = f"{span.mean:.0%}  {size:,.0f} kB"
        left.text(1.02, row, says, va="center", transform=left.get_yaxis_transform(), fontsize=9)
    names = [text(f"lesson11.small_{way}") for way in ALTERNATIVES]
    left.set_yticks(range(len(names)), names, fontsize=10)
    left.set_ylim(len(names) - 0.5, -0.5)
    left.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    left.set_xlabel(text("lesson11.accuracy_bars"))
    for key, style in (("fits", "full"), ("too_large", "none")):
        label = text(f"lesson11.small_{key}", memory=MEMORY)
        left.plot([], [], "o", color=figures.INK, fillstyle=style, label=label)
    for place, (way, time) in enumerate(live.items()):
        bar = LOOK["all" if way == "student" else way]
        right.bar(place, time, color=bar["color"], width=0.6)
        at = (place, time)
        right.annotate(f"{time:.1f}", at, (0, 4), textcoords="offset points", ha="center")
    ticks = [text(f"lesson11.way_short_{way}") for way in live]
    right.set_xticks(range(len(live)), ticks, fontsize=9)
    right.set_title(text("lesson11.small_live"), fontsize=11)
    right.set_ylim(0, 1.2 * max(live.values()))
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower left", ncols=2, fontsize=9)
    figure.suptitle(text("lesson11.small_title"), x=0.02, ha="left", fontsize=12)
    return picture(figure, text("lesson11.small_alt"))


def draw_real(found: Mapping) -> Picture:
    """The same students on real photographs, of a MobileNetV2."""
    figures.use()
    figure, panels = plt.subplots(1, 2, figsize=(8.2, 3.6), sharey=True)
    ways = ("hard", "soft", "pseudo", "all", "teacher")
    for axes, (name, chance) in zip(panels, (("cats_dogs", 0.5), ("flowers", 0.2)), strict=True):
        for place, way in enumerate(ways):
            _upright(axes, place, interval(found[name][way], share=True), LOOK[way])
        names = [text(f"lesson11.way_short_{way}") for way in ways]
        axes.set_xticks(range(len(ways)), names, fontsize=9)
        axes.set_xlim(-0.5, len(ways) - 0.2)
        axes.set_title(text(f"lesson11.real_{name}"), fontsize=11)
        _chance(axes, chance)
    _percent(panels[0])
    panels[0].set_ylabel(text("lesson11.accuracy_bars"))
    panels[0].legend(loc="lower right", **LEGEND)
    figure.suptitle(text("lesson11.real_title"), x=0.02, ha="left", fontsize=12)
    return picture(figure, text("lesson11.real_alt"))


# --- what they share ------------------------------------------------------------------------


def _rows(
    axes: Axes,
    found: Mapping,
    ways: Sequence[str],
    live: Mapping[str, float] | None = None,
) -> None:
    """A row for each way: the mean accuracy on its interval, the number at the right."""
    for row, way in enumerate(ways):
        span = interval(found[way], share=True)
        figures.mark_mean(axes, row, span, across=True, **LOOK[way])
        axes.text(1.015, row, f"{span.mean:.0%}", va="center", transform=axes.get_yaxis_transform())
        if live and way in live:
            axes.plot(live[way], row, "o", color=figures.INK, fillstyle="none", markersize=11)
    axes.set_yticks(range(len(ways)), [text(f"lesson11.way_{way}") for way in ways])
    axes.set_ylim(len(ways) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.axvline(
        CHANCE, color=figures.INK, linestyle=":", linewidth=1.5, label=text("lesson11.chance")
    )
    axes.set_xlabel(text("lesson11.accuracy_draws", draws=len(found[ways[0]])))


def _upright(axes: Axes, place: float, span: Any, look: Mapping) -> None:
    figures.mark_mean(axes, place, span, **look)
    axes.annotate(
        f"{span.mean:.0%}", (place, span.mean), (7, -4), textcoords="offset points", fontsize=9
    )


def _means(found: Mapping, ways: Sequence[str]) -> dict[str, str]:
    return {way: f"{fmean(found[way]):.0%}" for way in ways}


def _chance(axes: Axes, chance: float = CHANCE) -> None:
    axes.axhline(
        chance, color=figures.INK, linestyle=":", linewidth=1.5, label=text("lesson11.chance")
    )


def _percent(axes: Axes) -> None:
    axes.set_ylim(0, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
