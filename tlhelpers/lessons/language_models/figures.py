"""Figures of lesson 12: a word in its context, learning curves on texts, contenders compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from torch import Tensor

from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.plots import Picture, picture
from tlhelpers.show.twins import draw_twin
from tlhelpers.transfer.intervals import interval

LOOKS = {
    "probe": figures.METHODS["probe"],
    "static": figures.METHODS["static_vectors"],
    "tfidf": figures.METHODS["tfidf"],
}
LANGUAGES = ("en", "ja")
CHANCE = {"enquiries": 1 / 6, "spam": 1 / 2}


def draw_context(similar: Mapping[str, Tensor]) -> Picture:
    """Cosines between the states of one word in four sentences: a grid for each word.

    similar: {word: (4, 4)}; the first two sentences share a subject, and so do the last two.
    """
    figures.use()
    figure, panels = plt.subplots(1, len(similar), figsize=(7.2, 3.3))
    for axes, (word, table) in zip(panels, similar.items(), strict=True):
        axes.imshow(table, vmin=0, vmax=1)
        axes.set_title(word)
        axes.grid(visible=False)
        ticks = [str(number + 1) for number in range(len(table))]
        axes.set_xticks(range(len(table)), ticks)
        axes.set_yticks(range(len(table)), ticks)
        axes.set(xlabel=text("lesson12.sentence"), ylabel=text("lesson12.sentence"))
        for row, values in enumerate(table.tolist()):
            for column, value in enumerate(values):
                ink = figures.INK if value > 0.6 else "white"
                axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=ink)
    return picture(figure, text("lesson12.context_alt"))


def draw_curves(data: Mapping, live: Mapping[str, Mapping], count: int) -> Picture:
    """Accuracy against labels from the stored result; what was measured just now lies on top.

    data: the stored "12_enquiries". live: {language: {strategy: accuracies}} with `count` labels.
    """
    figures.use()
    figure, panels = plt.subplots(1, 2, figsize=(8.0, 4.1), sharey=True)
    for axes, lang in zip(panels, LANGUAGES, strict=True):
        for strategy, look in LOOKS.items():
            runs = [point["splits"] for point in data[lang][strategy]]
            name = text(f"lesson12.{strategy}")
            figures.error_band(axes, data["labels"], runs, name, **look)
            if strategy in live.get(lang, {}):
                now = interval(live[lang][strategy], share=True)
                star = {"marker": "*", "markersize": 15, "markeredgecolor": "w"}
                axes.plot(count, now.mean, color=look["color"], **star)
        axes.axhline(CHANCE["enquiries"], color=figures.GREY, linestyle=":")
        axes.set_xscale("log")
        axes.set_xticks(data["labels"], data["labels"])
        axes.minorticks_off()
        axes.set(title=text(f"lesson12.texts_{lang}"), xlabel=text("lesson12.labels"))
        axes.yaxis.set_major_formatter(PercentFormatter(1))
    panels[0].set_ylabel(text("lesson12.accuracy"))
    panels[0].plot([], [], "k*", markersize=11, label=text("lesson12.live"))
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return picture(figure, text("lesson12.curves_alt"))


def draw_contenders(trained: Mapping, curves: Mapping) -> Picture:
    """Every way to use the texts with ten labels a class, in both languages.

    trained, curves: the stored "12_contenders" and "12_enquiries".
    """
    rows = ("fine_tune", "lora", "probe", "static", "tfidf", "scratch")
    figures.use()
    figure, axes = plt.subplots(figsize=(7.4, 3.6))
    for lang, colour, marker, shift in (
        ("en", figures.BLUE, "o", -0.14),
        ("ja", figures.VERMILION, "s", 0.14),
    ):
        for row, strategy in enumerate(rows):
            label = text(f"lesson12.texts_{lang}") if row == 0 else None
            if strategy in trained[lang]:
                of = trained[lang][strategy]
            else:
                of = curves[lang][strategy][curves["labels"].index(10)]
            _point(axes, row + shift, of, colour, marker, label)
    _finish(axes, [text(f"lesson12.{name}") for name in rows], CHANCE["enquiries"])
    figure.legend(loc="outside upper center", ncols=3)
    return picture(figure, text("lesson12.contenders_alt"))


def draw_across(data: Mapping) -> Picture:
    """Left: English labels tried on Japanese enquiries. Right: spam, within and across.

    data: the stored "12_across".
    """
    figures.use()
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.0, 3.2))
    colours = (figures.BLUE, figures.PURPLE)
    names = ("zukan-bert", "zukan-bert-en")
    for row, (name, colour) in enumerate(zip(names, colours, strict=True)):
        _point(left, row, data["enquiries"][name], colour, "o")
    _finish(left, names, CHANCE["enquiries"], text("lesson12.en_to_ja"))
    kinds = ("en_to_en", "ja_to_ja", "en_to_ja")
    for strategy, shift in (("probe", -0.14), ("tfidf", 0.14)):
        colour, marker = LOOKS[strategy].values()
        for row, kind in enumerate(kinds):
            label = text(f"lesson12.{strategy}") if row == 0 else None
            _point(right, row + shift, data["spam"][kind][strategy], colour, marker, label)
    kind_names = [text(f"lesson12.spam_{kind}") for kind in kinds]
    _finish(right, kind_names, CHANCE["spam"], text("lesson12.spam"))
    figure.legend(*right.get_legend_handles_labels(), loc="outside upper right", ncols=2)
    return picture(figure, text("lesson12.across_alt"))


def draw_real(data: Mapping) -> Picture:
    """Probe and TF-IDF on real texts, ten labels a class."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.2, 2.7))
    for strategy, shift in (("probe", -0.14), ("tfidf", 0.14)):
        colour, marker = LOOKS[strategy].values()
        for row, of in enumerate(data.values()):
            label = text(f"lesson12.{strategy}") if row == 0 else None
            _point(axes, row + shift, of[strategy], colour, marker, label)
    for row, of in enumerate(data.values()):
        chance = 1 / of["classes"]
        axes.plot([chance, chance], [row - 0.35, row + 0.35], ":", color=figures.GREY)
    _finish(axes, [text(f"lesson12.{name}") for name in data], None)
    figure.legend(loc="outside upper center", ncols=2)
    return picture(figure, text("lesson12.real_alt"))


def _point(axes: Axes, row: float, of: Mapping, colour: str, marker: str, label: str | None = None):
    """A mark at the mean on its 95% interval."""
    axes.plot([of["low"], of["high"]], [row, row], color=colour, linewidth=4, alpha=0.5)
    axes.plot(of["mean"], row, marker, color=colour, markersize=8, label=label)


def _finish(axes: Axes, names: Sequence[str], chance: float | None, title: str = "") -> None:
    """Names at the left, percent below, guessing as a dotted line."""
    axes.set_yticks(np.arange(len(names)), names)
    axes.set(xlabel=text("lesson12.accuracy"), xlim=(0, 1.02), ylim=(len(names) - 0.5, -0.5))
    if title:
        axes.set_title(title)
    if chance is not None:
        axes.axvline(chance, color=figures.GREY, linestyle=":")
    axes.xaxis.set_major_formatter(PercentFormatter(1))


def draw_encoders(found: Mapping) -> Picture:
    """Real sentence encoders, the course's BERT and TF-IDF on five sets of texts."""
    sets = ("enquiries_en", "enquiries_ja", "banking77", "clinc150", "livedoor")
    return draw_twin(found, sets, text("lesson12.encoders_title"), text("lesson12.encoders_alt"))
