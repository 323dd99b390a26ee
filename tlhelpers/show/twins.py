"""The real twin of a lesson's claim: what the same question gives on real data.

Each panel is one real set; a line is one kind of features, with the 95% interval over draws. The
title is the finding, which the lesson words.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.plots import Picture, picture
from tlhelpers.transfer.intervals import interval

A_ROW = 3  # panels side by side: as many as a page shows in a readable size
LOOKS = {  # kind of features -> colour and marker, the same in every lesson
    "imagenet": (figures.BLUE, "o"),
    "zukan": (figures.GREEN, "D"),
    "minilm": (figures.BLUE, "o"),
    "e5": (figures.PURPLE, "v"),
    "tfidf": (figures.BLACK, "X"),
    "random": (figures.GREY, "s"),
    "pixels": (figures.ORANGE, "^"),
}


def draw_twin(
    found: Mapping[str, Mapping],
    sets: Sequence[str],
    title: str,
    alt: str,
    chance: bool = True,
    looks: Mapping[str, tuple[str, str]] = LOOKS,
    counted: str | None = None,
) -> Picture:
    """Accuracy against labels a class on real data, a panel for each of `sets`.

    found: {set: {kind: {labels a class: accuracies}}}, as `NN_real` stores it. chance: draws the
    line of guessing, where a set says its number of classes. looks: {kind: (colour, marker)}.
    counted: what the horizontal axis counts, where that is not labels a class.
    """
    figures.use()
    across = min(len(sets), A_ROW)
    rows = math.ceil(len(sets) / across)
    figure, panels = plt.subplots(rows, across, sharey=True, squeeze=False)
    for axes in panels.flat[len(sets) :]:
        axes.remove()
    drawn: list[Sequence[float]] = []
    for axes, name in zip(panels.flat, sets, strict=False):
        curves = found[name]
        for kind, (colour, marker) in looks.items():
            if kind not in curves:
                continue
            counts = [int(count) for count in curves[kind]]
            runs = list(curves[kind].values())
            drawn += runs
            label = text(f"twins.{kind}")
            figures.error_band(axes, counts, runs, label, color=colour, marker=marker)
        if chance and "classes" in curves:
            axes.axhline(1 / curves["classes"], color=figures.INK, linestyle=":", linewidth=1.2)
        axes.set_xscale("log")
        axes.set_xticks(counts, [str(count) for count in counts], fontsize=10)
        axes.minorticks_off()
        axes.set_title(text(f"twins.set_{name}"), fontsize=10)
        axes.set_xlabel(counted or text("twins.labels"), fontsize=10)
        axes.set_ylim(0, 1.02)
        axes.yaxis.set_major_formatter(PercentFormatter(1))
    for axes in panels[:, 0]:
        axes.set_ylabel(text("twins.accuracy"), fontsize=10)
    handles, names = panels[0][0].get_legend_handles_labels()
    if chance:
        (line,) = panels[0][0].plot([], [], ":", color=figures.INK, linewidth=1.2)
        handles, names = [*handles, line], [*names, text("twins.chance")]
    columns = len(names) if len(sets) > 2 or len(names) == 4 else 3
    height = 0.6 + 2.7 * rows + 0.2 * math.ceil(len(names) / columns)
    figure.set_size_inches(2.4 + 2.2 * across, height)
    # without a patch of its own: a grey one beside a grey line would pass for that line's
    band = {"title": describe_band(drawn), "title_fontsize": 9}
    figure.legend(handles, names, loc="outside lower center", ncols=columns, fontsize=9, **band)
    figure.suptitle(title, fontsize=12, x=0.01, ha="left")
    return picture(figure, alt)


def name_band(axes: Axes, runs: Iterable[Sequence[float]]) -> None:
    """Names the bands of `figures.error_band` in the legend, beside a grey patch."""
    label = describe_band(runs)
    axes.fill_between([], [], color=figures.INK, alpha=0.2, linewidth=0, label=label)


def describe_band(runs: Iterable[Sequence[float]]) -> str:
    """What the bands of `figures.error_band` are, and over how many draws.

    runs: the measurements at each point. A point that was measured once has no band, and does not
    count.
    """
    counts = {len(values) for values in runs if len(values) > 1}
    draws = "–".join(str(count) for count in sorted({min(counts), max(counts)}))
    return text("twins.band", draws=draws)


def draw_settings(
    found: Mapping[str, Mapping],
    title: str,
    alt: str,
    chances: Mapping[str, float],
    names: Mapping[str, str] | None = None,
) -> Picture:
    """Accuracy of each kind of features as points with intervals, a row for each setting.

    found: {kind: {setting: accuracies}}, with as many settings for each kind. chances: the
    accuracy of guessing in each setting, a dotted mark in its row. names: {kind: what the legend
    calls it}, where a lesson has another name for it.
    """
    figures.use()
    kinds = [kind for kind in LOOKS if kind in found]
    settings = list(found[kinds[0]])
    figure, axes = plt.subplots(figsize=(7.2, 0.9 + 0.65 * len(settings)))
    for kind in kinds:
        colour, marker = LOOKS[kind]
        for row, setting in enumerate(settings):
            point = interval(found[kind][setting], share=True)
            label = (names or {}).get(kind, text(f"twins.{kind}")) if row == 0 else None
            look = {"marker": marker, "markersize": 6, "label": label}
            figures.mark_mean(axes, row, point, across=True, color=colour, **look)
            # strokes at the ends: many a bar is no longer than its mark is wide
            caps = {"marker": "|", "markersize": 14, "markeredgewidth": 1.4, "linestyle": "none"}
            axes.plot([point.low, point.high], [row, row], color=colour, **caps)
    for row, setting in enumerate(settings):
        label = text("twins.chance") if row == 0 else None
        mark = [chances[setting]] * 2
        axes.plot(mark, [row - 0.4, row + 0.4], ":", color=figures.INK, label=label)
    axes.set_yticks(range(len(settings)), settings)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlabel(text("twins.accuracy_bars"))
    figure.legend(loc="outside lower center", ncols=3, fontsize=9, markerscale=1.3)
    figure.suptitle(title, fontsize=12, x=0.01, ha="left")
    return picture(figure, alt)
