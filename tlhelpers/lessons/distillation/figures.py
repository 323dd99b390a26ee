"""Figures of lesson 11: each says its finding in its title and holds every line it mentions.

What stands in __all__ is here for the lesson's cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from torch.nn import functional as F

from tlhelpers.data.task import Task
from tlhelpers.lessons.distillation.onnx_int8 import try_onnx
from tlhelpers.lessons.distillation.steps import (
    AveragedVectors,
    in_eight_bits,
    kilobytes,
    kilobytes_in_eight_bits,
    letters,
    milliseconds,
    new_student,
    with_signs,
)
from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.plots import Picture, picture
from tlhelpers.transfer.distillation import TEMPERATURE, distillation_loss
from tlhelpers.transfer.intervals import interval

__all__ = [
    "AveragedVectors",
    "distillation_loss",
    "in_eight_bits",
    "kilobytes",
    "kilobytes_in_eight_bits",
    "letters",
    "milliseconds",
    "new_student",
    "try_onnx",
]

CHANCE = 0.1  # ten kinds of bird
STEPS = 300  # of every student, where nothing else is said
SHOWN, MIXED = (0, 6), (6, 3, 0, 5)  # kinds of bird, two photos each, and their signs mixed up
MEMORY = 512  # kilobytes that the camera has
LOOK: dict[str, dict[str, Any]] = {  # each way in its colour and marker
    "teacher": {"color": figures.BLACK, "marker": "X"},
    "hard": {"color": figures.GREY, "marker": "v"},
    "soft": {"color": figures.ORANGE, "marker": "P"},
    "pseudo": {"color": figures.SKY, "marker": "D"},
    "all": {"color": figures.BLUE, "marker": "o"},
    "labelled": {"color": figures.GREEN, "marker": "^"},
    "tuned": {"color": figures.VERMILION, "marker": "s"},
    "tuned_all": {"color": figures.BLUE, "marker": "s"},
    "pruned": {"color": figures.PURPLE, "marker": "p"},
    "assistant": {"color": figures.VERMILION, "marker": "D"},
}
PAPER = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # behind numbers that a line crosses
LEGEND = {"fontsize": 9, "frameon": True, "facecolor": "white", "edgecolor": "none"}


def draw_win(ways: Mapping, live: Mapping[str, float]) -> Picture:
    """Labels alone, taught by the teacher, and the teacher. live: today's accuracies by way."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.4, 2.9))
    _rows(axes, ways, ("hard", "all", "teacher"), live)
    axes.plot([], [], "o", color=figures.INK, fillstyle="none", label=text("lesson11.today"))
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    title = text("lesson11.win_title", **_means(ways, ("hard", "all")))
    figure.suptitle(title, x=0.02, ha="left", fontsize=12)
    return picture(figure, text("lesson11.win_alt"))


def draw_ways(ways: Mapping) -> Picture:
    """Every way to teach the student, a row each, with the teacher as the last."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.6, 3.9))
    _rows(axes, ways, ("hard", "soft", "pseudo", "all", "labelled", "teacher"))
    look = {"color": LOOK["hard"]["color"], "linestyle": "--", "linewidth": 1.5}
    axes.axvline(fmean(ways["hard"]), **look, label=text("lesson11.amount_line_hard"))
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    title = text("lesson11.ways_title", **_means(ways, ("hard", "soft", "pseudo")))
    figure.suptitle(title, x=0.02, ha="left", fontsize=12)
    return picture(figure, text("lesson11.ways_alt"))


def draw_colour(found: Mapping, task: Task) -> Picture:
    """A teacher of pictures in which a sign gives the bird away, and students of three pools.

    task: birds, of which some are shown with the signs of either test.
    """
    figures.use()
    shape = {"height_ratios": [1, 3.3]}
    figure, (shown, panels) = plt.subplots(2, 2, figsize=(8.2, 4.5), gridspec_kw=shape)
    names = ("teacher", "kept", "mixed", "none")
    rows = torch.cat([torch.where(task.train.labels == kind)[0][:2] for kind in SHOWN])
    birds = task.train.subset(rows)
    signs = {"kept": birds.labels, "mixed": torch.tensor(MIXED)}
    for strip, axes, key in zip(shown, panels, ("kept", "mixed"), strict=True):
        photos = F.pad(with_signs(birds, signs[key]).inputs, (0, 6), value=255)
        strip.imshow(photos.permute(2, 0, 3, 1).flatten(1, 2).numpy())
        strip.axis("off")
        strip.set_title(text(f"lesson11.colour_test_{key}"), fontsize=11)
        for place, who in enumerate(names):
            span = interval(found[who][key], share=True)
            _upright(axes, place, span, LOOK["teacher" if who == "teacher" else "all"])
        axes.set_xticks(
            range(len(names)), [text(f"lesson11.colour_{who}") for who in names], fontsize=9
        )
        axes.set_xlim(-0.5, len(names) - 0.2)
        _chance(axes)
        _percent(axes)
    panels[1].set_yticklabels([])
    draws = len(found["teacher"]["mixed"])
    panels[0].set_ylabel(text("lesson11.accuracy_bars", draws=draws))
    _legend(panels[0], "lower left")
    mixed = _means({who: tests["mixed"] for who, tests in found.items()}, ("teacher", "kept"))
    figure.suptitle(text("lesson11.colour_title", **mixed), x=0.02, ha="left", fontsize=12)
    return picture(figure, text("lesson11.colour_alt"))


def draw_amount(by_labels: Mapping, by_photos: Mapping, ways: Mapping) -> Picture:
    """Left: by the labels of each kind. Right: by the photos without names."""
    figures.use()
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.8, 4.1), sharey=True)
    counts = by_labels["labels"]
    for way in ("all", "teacher", "hard"):
        label = text(f"lesson11.amount_{way}")
        figures.error_band(left, counts, by_labels[way], label, **LOOK[way])
    taught, alone = (list(map(fmean, by_labels[way])) for way in ("all", "hard"))
    gains = [round(100 * (a - b)) for a, b in zip(taught, alone, strict=True)]
    for count, low, gain in zip(counts, alone, gains, strict=True):
        left.annotate(f"+{gain}", (count, low), (3, -16), textcoords="offset points", bbox=PAPER)
    left.set_xscale("log")
    left.set_xticks(counts, [f"{count}" for count in counts])
    left.minorticks_off()
    left.set_xlim(1.7, 38)
    left.set_xlabel(text("lesson11.amount_labels"))
    left.set_title(text("lesson11.amount_by_labels", first=gains[0], last=gains[-1]), fontsize=11)
    many = by_photos["photos"]
    places = range(len(many))  # 0 has no place on a logarithmic axis
    figures.error_band(right, places, by_photos["all"], text("lesson11.taught"), **LOOK["all"])
    for way in ("teacher", "hard"):
        _line(right, ways[way], way)
    right.set_xticks(places, [f"{count:,}" for count in many])
    right.set_xlabel(text("lesson11.amount_photos"))
    some, most = (f"{fmean(by_photos['all'][many.index(count)]):.0%}" for count in (200, 2000))
    right.set_title(text("lesson11.amount_by_photos", some=some, most=most), fontsize=11)
    for axes in (left, right):
        _chance(axes)
        _legend(axes)
    _percent(left)
    left.set_ylabel(text("lesson11.accuracy_bands"))
    return picture(figure, text("lesson11.amount_alt"))


ALTERNATIVES = {  # way -> its look, in the order of the rows
    "teacher": "teacher",
    "int8": "teacher",
    "pruned": "pruned",
    "hard": "hard",
    "tuned": "tuned",
    "all": "all",
    "all_int8": "all",
    "tuned_all": "tuned_all",
}
TIMED = {"teacher": "teacher", "all": "student"}  # way -> who was timed


def draw_small(found: Mapping, live: Mapping[str, float]) -> Picture:
    """Accuracy, kilobytes and milliseconds of every way; live: {"teacher", "student": ms today}."""
    figures.use()
    figure, panels = plt.subplots(
        1, 3, figsize=(8.8, 4.1), sharey=True, gridspec_kw={"width_ratios": [1.7, 1.3, 1]}
    )
    right, size, time = panels
    for row, (way, look) in enumerate(ALTERNATIVES.items()):
        mark, kilobytes_of = LOOK[look], found[way]["kilobytes"]
        span = interval(found[way]["accuracy"], share=True)
        figures.mark_mean(right, row, span, across=True, **mark)
        _at_the_edge(right, row, f"{span.mean:.0%}")
        size.barh(row, kilobytes_of, color=mark["color"], height=0.6)
        _at_the_edge(size, row, f"{kilobytes_of:,.0f}")
        if way in TIMED:
            takes = live[TIMED[way]]
            time.barh(row, takes, color=mark["color"], height=0.6)
        _at_the_edge(time, row, f"{takes:.1f}" if way in TIMED else "–")
    memory = text("lesson11.small_memory", memory=MEMORY)
    size.axvline(MEMORY, color=figures.INK, linestyle=":", linewidth=1.5, label=memory)
    names = [text(f"lesson11.small_{way}") for way in ALTERNATIVES]
    right.set_yticks(range(len(names)), names, fontsize=10)
    right.set_ylim(len(names) - 0.5, -0.5)
    right.set_xlim(0.4, 1.16)
    right.set_xticks((0.4, 0.6, 0.8, 1.0))
    right.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    draws = len(found["teacher"]["accuracy"])
    right.set_xlabel(text("lesson11.accuracy_bars", draws=draws), fontsize=10)
    size.set_xscale("log")
    size.set_xlim(50, 30_000)
    size.set_xticks((100, 1000), ("100", "1,000"))
    size.minorticks_off()
    size.set_xlabel(text("lesson11.small_size"), fontsize=10)
    time.set_xlim(0, 1.5 * max(live.values()))
    time.set_xlabel(text("lesson11.small_live"), fontsize=10)
    figure.legend(*size.get_legend_handles_labels(), loc="outside lower right", fontsize=9)
    figure.suptitle(text("lesson11.small_title"), x=0.02, ha="left", fontsize=12)
    return picture(figure, text("lesson11.small_alt"))


def _at_the_edge(axes: Axes, row: int, says: str) -> None:
    """A number at the right end of its row, where no line crosses it."""
    where: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "ha": "right", "va": "center"}
    axes.text(0.99, row, says, **where, bbox=PAPER, fontsize=9)


def draw_temperature(found: Mapping, ways: Mapping) -> Picture:
    """Accuracy by temperature, on the same photos and on more; ways: 11_ways, of TEMPERATURE."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.4, 3.7))
    draws = slice(len(found["all"][0]))
    for way in ("all", "soft"):
        runs: dict[int, Sequence[float]] = {int(TEMPERATURE): ways[way][draws]}
        _curve(axes, runs | dict(zip(found["temperatures"], found[way], strict=True)), way)
    _line(axes, ways["hard"][draws], "hard")
    axes.set_xlabel(text("lesson11.warm_axis"))
    _chance(axes)
    _percent(axes)
    axes.set_ylabel(text("lesson11.accuracy_bands"))
    _legend(axes)
    axes.set_title(text("lesson11.warm_title"))
    return picture(figure, text("lesson11.warm_alt"))


def draw_patience(
    longer: Mapping,
    ways: Mapping,
    by_size: Mapping[int, float],
    assisted: float,
    today: Mapping[str, float],
) -> Picture:
    """Left: by steps. Right, of one draw: the taught student by its weights.

    ways: 11_ways, of STEPS steps. assisted: the smallest student, taught by an assistant.
    today: the accuracy of the "teacher" of that draw.
    """
    figures.use()
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.8, 4.1), sharey=True)
    draws = slice(len(longer["all"][0]))
    for way in ("all", "hard"):
        runs: dict[int, Sequence[float]] = {STEPS: ways[way][draws]}
        _curve(left, runs | dict(zip(longer["steps"], longer[way], strict=True)), way)
    _line(left, ways["teacher"][draws], "teacher")
    ends = {way: f"{fmean(longer[way][-1]):.0%}" for way in ("all", "hard")}
    most = longer["steps"][-1]
    left.set_title(text("lesson11.patience_by_steps", steps=most, **ends), fontsize=11)
    _curve(right, {size: [accuracy] for size, accuracy in sorted(by_size.items())}, "all")
    smallest = min(by_size)
    ring = {**LOOK["assistant"], "linestyle": "", "fillstyle": "none", "markersize": 12}
    right.plot(smallest, assisted, **ring, label=text("lesson11.assistant"))
    _line(right, [today["teacher"]], "teacher")
    right.set_xlim(smallest / 1.5, max(by_size) * 1.5)
    sizes = {"few": smallest, "many": max(by_size)}
    reach = {"low": f"{by_size[smallest]:.0%}", "high": f"{by_size[max(by_size)]:.0%}"}
    right.set_title(text("lesson11.patience_by_size", **sizes, **reach), fontsize=11)
    for axes, key in ((left, "steps"), (right, "size")):
        axes.set_xlabel(text(f"lesson11.patience_{key}"))
        _chance(axes)
        _legend(axes)
    _percent(left)
    left.set_ylabel(text("lesson11.accuracy_bands"))
    return picture(figure, text("lesson11.patience_alt"))


def _curve(axes: Axes, runs: Mapping[int, Sequence[float]], way: str) -> None:
    """runs: {value of a knob: accuracies}, on a logarithmic axis with those values."""
    values = sorted(runs)
    label = text(f"lesson11.way_{way}")
    figures.error_band(axes, values, [runs[value] for value in values], label, **LOOK[way])
    axes.set_xscale("log")
    axes.set_xticks(values, [f"{value:,}" for value in values])
    axes.minorticks_off()


def draw_teachers(found: Mapping, ways: Mapping) -> Picture:
    """Teachers of right, smoothed and wrong labels, and their students."""
    figures.use()
    figure, axes = plt.subplots(figsize=(8.2, 4.4))
    shown = ("hard", "teacher", "soft", "all")
    count = len(found["wrong"]["all"])
    draws = slice(count)
    kinds = {"right": {way: ways[way][draws] for way in shown}, **found}
    for place, runs in enumerate(kinds.values()):
        for shift, way in enumerate(shown):
            if way in runs:
                at = place + 0.23 * (shift - 1.5)
                _upright(axes, at, interval(runs[way], share=True), LOOK[way])
    for way in shown:
        axes.plot([], [], linestyle="", label=text(f"lesson11.way_{way}"), **LOOK[way])
    axes.set_xticks(range(len(kinds)), [text(f"lesson11.teachers_{kind}") for kind in kinds])
    axes.set_xlim(-0.5, len(kinds) - 0.4)
    axes.set_xlabel(text("lesson11.teachers_axis"))
    _chance(axes)
    _percent(axes)
    axes.set_ylabel(text("lesson11.accuracy_bars", draws=count))
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    axes.set_title(text("lesson11.teachers_title"))
    return picture(figure, text("lesson11.teachers_alt"))


def draw_texts(found: Mapping) -> Picture:
    """zukan-bert and the averaged vectors that it taught, on enquiries in both languages."""
    panels = [(found[lang], 1 / 6, text(f"lesson11.texts_{lang}")) for lang in ("en", "ja")]
    return _side_by_side(panels, "texts")


def draw_real(found: Mapping) -> Picture:
    """The same students on real photographs, of a MobileNetV2."""
    chances = {"cats_dogs": 1 / 2, "flowers": 1 / 5}
    panels = [
        (found[name], chance, text(f"lesson11.real_{name}")) for name, chance in chances.items()
    ]
    return _side_by_side(panels, "real")


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
    axes.set_xlim(0, 1.02)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.axvline(
        CHANCE, color=figures.INK, linestyle=":", linewidth=1.5, label=text("lesson11.chance")
    )
    axes.set_xlabel(text("lesson11.accuracy_draws", draws=len(found[ways[0]])))


def _side_by_side(panels: Sequence[tuple[Mapping, float, str]], key: str) -> Picture:
    """Each way of learning and the teacher: a panel for each (accuracies, guessing, title)."""
    figures.use()
    figure, drawn = plt.subplots(1, 2, figsize=(8.2, 3.6), sharey=True)
    ways = ("hard", "soft", "pseudo", "all", "teacher")
    for axes, (found, chance, title) in zip(drawn, panels, strict=True):
        for place, way in enumerate(ways):
            span = interval(found[way], share=True)
            _upright(axes, place, span, LOOK[way], lift=abs(span.mean - chance) < 0.05)
        names = [text(f"lesson11.{key}_{way}") for way in ways]
        axes.set_xticks(range(len(ways)), names, fontsize=9)
        axes.set_xlim(-0.5, len(ways) - 0.2)
        axes.set_title(title, fontsize=11)
        _chance(axes, chance)
    _percent(drawn[0])
    draws = len(panels[0][0]["teacher"])
    drawn[0].set_ylabel(text("lesson11.accuracy_bars", draws=draws))
    drawn[0].legend(loc="lower right", **LEGEND)
    figure.suptitle(text(f"lesson11.{key}_title"), x=0.02, ha="left", fontsize=12)
    return picture(figure, text(f"lesson11.{key}_alt"))


def _upright(axes: Axes, place: float, span: Any, look: Mapping, lift: bool = False) -> None:
    """lift: the number stands a little higher than its mark, above a line that passes there."""
    figures.mark_mean(axes, place, span, **look)
    axes.annotate(
        f"{span.mean:.0%}",
        (place, span.mean),
        (8, 5 if lift else -4),
        textcoords="offset points",
        bbox=PAPER,
        fontsize=9,
    )


def _means(found: Mapping, ways: Sequence[str]) -> dict[str, str]:
    return {way: f"{fmean(found[way]):.0%}" for way in ways}


def _line(axes: Axes, runs: Sequence[float], way: str) -> None:
    """Labels alone ("hard") or the teacher, as a line across."""
    look = {"color": LOOK[way]["color"], "linestyle": "--" if way == "hard" else "-."}
    axes.axhline(fmean(runs), **look, linewidth=1.5, label=text(f"lesson11.amount_line_{way}"))


def _chance(axes: Axes, chance: float = CHANCE) -> None:
    axes.axhline(
        chance, color=figures.INK, linestyle=":", linewidth=1.5, label=text("lesson11.chance")
    )


def _legend(axes: Axes, loc: str = "lower right") -> None:
    """Above the line for guessing."""
    axes.legend(loc=loc, bbox_to_anchor=(float(loc.endswith("right")), 0.12), **LEGEND)


def _percent(axes: Axes) -> None:
    axes.set_ylim(0, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
