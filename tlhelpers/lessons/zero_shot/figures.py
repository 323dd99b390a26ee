"""Figures of lesson 09: each says its finding in its title and holds every line it mentions.

The steps of the lesson's cells are here as well: captioned birds, and the reader of cards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from torch import Tensor

from tlhelpers.data.task import Task
from tlhelpers.lessons.zero_shot.steps import (
    SEPARATOR,
    captioned_birds,
    describe,
    learn_reader,
)
from tlhelpers.runtime.language import language, text
from tlhelpers.show import figures
from tlhelpers.show.plots import Picture, gallery, picture
from tlhelpers.transfer.generalised import GeneralisedResult, calibrate
from tlhelpers.transfer.intervals import interval

__all__ = ["captioned_birds", "describe", "learn_reader"]

LOOK = {  # each way in its colour and marker
    "zukan": (figures.BLUE, "o"),
    "nearest": (figures.PURPLE, "D"),
    "random": (figures.GREY, "s"),
    "pixels": (figures.ORANGE, "^"),
    "plain": (figures.GREY, "s"),
    "calibrated": (figures.BLUE, "o"),
    "own": (figures.BLUE, "o"),
    "shuffled": (figures.GREY, "s"),
    "sums": (figures.GREY, "--"),
    "means": (figures.BLUE, "-"),
    "labels": (figures.VERMILION, "s"),
    "minilm": (figures.BLUE, "o"),
    "e5": (figures.PURPLE, "v"),
    "tfidf": (figures.BLACK, "X"),
}
LABEL = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}  # readable across a line
LEGEND = {"fontsize": 9, "frameon": True, "facecolor": "white", "edgecolor": "none"}


def attribute_names(task: Task) -> list[str]:
    """The names of the attributes in the reader's language."""
    assert task.attribute_names is not None
    return task.attribute_names[language()]


def ticks(task: Task, of: int) -> str:
    """The attributes that the class `of` has, in the reader's language."""
    has = task.attributes[of] if task.attributes is not None else ()
    names = [name for name, tick in zip(attribute_names(task), has, strict=True) if tick]
    return SEPARATOR[language()].join(names)


def in_this_language(found: Mapping) -> Mapping:
    """What 09_pairs holds for captions in the reader's language."""
    return found[language()]


def draw_found(task: Task, rows: Tensor) -> Picture:
    """Test photos at these rows, each with its species below, five a row."""
    pictures, labels = task.test.batch(rows)
    names = [task.class_names[c] for c in labels.tolist()]
    alt = text("lesson09.found_alt", names=", ".join(names))
    return gallery(pictures, names, alt, columns=5)


def draw_readings(task: Task, readings: Tensor, c: int = 0) -> Picture:
    """What a reader says about photos of class c, attribute by attribute, beside its card."""
    assert task.attributes is not None
    figures.use()
    names, card = attribute_names(task), task.attributes[c]
    of_class = readings[task.test.labels == c]
    means = of_class.mean(0)
    figure, axes = plt.subplots(figsize=(7.4, 3.9))
    for row in range(len(names)):
        values = of_class[:, row]
        axes.plot(values, [row] * len(values), "|", color=figures.ORANGE, markersize=10, alpha=0.5)
        axes.plot(means[row], row, "o", color=figures.VERMILION, markersize=8)
        axes.plot(card[row], row, "s", color=figures.GREEN, fillstyle="none", markersize=12)
    axes.plot([], [], "|", color=figures.ORANGE, label=text("lesson09.reading_one"))
    axes.plot([], [], "o", color=figures.VERMILION, label=text("lesson09.reading_mean"))
    label = text("lesson09.reading_card", name=task.class_names[c])
    axes.plot([], [], "s", color=figures.GREEN, fillstyle="none", label=label)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(-0.8, 2.0)
    axes.set_xlabel(text("lesson09.reading"))
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    ticked = sorted(card.nonzero()[:, 0].tolist(), key=lambda k: abs(means[k] - 1).item())
    title = text("lesson09.reading_title", best=names[ticked[0]], worst=names[ticked[-1]])
    axes.set_title(title)
    return picture(figure, text("lesson09.reading_alt"))


def draw_splits(found: Mapping, live: float | None = None) -> Picture:
    """Five unseen birds by four ways, with all attributes and without those of colour."""
    figures.use()
    ways = ("zukan", "nearest", "random", "pixels")
    figure, panels = plt.subplots(1, 2, figsize=(8.4, 3.1), sharey=True)
    for axes, told in zip(panels, ("all", "shape"), strict=True):
        for row, way in enumerate(ways):
            _across(axes, row, found[told][way], way)
        axes.axvline(0.2, color=figures.INK, linestyle=":", linewidth=1.5)
        axes.set_xlim(0, 1)
        axes.set_ylim(len(ways) - 0.5, -0.5)
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set_title(text(f"lesson09.splits_{told}"), fontsize=11)
        axes.set_xlabel(text("lesson09.accuracy_splits", count=len(found[told]["zukan"])))
    if live is not None:
        _ring(panels[0], live, 0)
    panels[0].plot([], [], "o", color=figures.INK, fillstyle="none", label=text("lesson09.today"))
    panels[0].plot([], [], ":", color=figures.INK, label=text("lesson09.chance_five"))
    panels[0].set_yticks(range(len(ways)), [text(f"lesson09.row_{way}") for way in ways])
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    figure.suptitle(text("lesson09.splits_title"), x=0.02, ha="left", fontsize=12)
    return picture(figure, text("lesson09.splits_alt"))


def draw_all_names(found: Mapping, live: GeneralisedResult | None = None) -> Picture:
    """Seen and unseen birds among all 24 names: without and with calibration, and the trade."""
    figures.use()
    figure, (axes, curve) = plt.subplots(1, 2, figsize=(8.6, 3.7))
    names = ("seen", "unseen", "harmonic")
    for shift, kind in ((-0.13, "plain"), (0.13, "calibrated")):
        colour, marker = LOOK[kind]
        for place, name in enumerate(names):
            span = interval(found[kind][name], share=True)
            label = text(f"lesson09.{kind}") if place == 0 else None
            figures.mark_mean(axes, place + shift, span, color=colour, marker=marker, label=label)
            at, words = (place + shift, span.mean), f"{span.mean:.0%}"
            side = (-9, -4) if shift < 0 else (9, -4)
            where = {"textcoords": "offset points", "ha": "right" if shift < 0 else "left"}
            axes.annotate(words, at, side, fontsize=9, **where)
        for seed in range(len(found["area"])):
            at = found[kind]["unseen"][seed], found[kind]["seen"][seed]
            curve.plot(*at, marker, color=colour, markersize=5, zorder=3)
    for points in _trades(found):
        curve.plot(*zip(*points, strict=True), color=figures.SKY, linewidth=1, alpha=0.5)
    if live is not None:
        for place, name in enumerate(names):
            _ring(axes, place - 0.13, live.plain[name])
            _ring(axes, place + 0.13, getattr(live, name))
    axes.plot([], [], "o", color=figures.INK, fillstyle="none", label=text("lesson09.today"))
    curve.plot([], [], color=figures.SKY, label=text("lesson09.trade"))
    axes.set_xticks(range(3), [text(f"lesson09.all_{name}") for name in names])
    axes.set_xlim(-0.6, 2.6)
    axes.set_ylabel(text("lesson09.accuracy_bars"))
    curve.set_xlabel(text("lesson09.on_unseen"))
    curve.set_ylabel(text("lesson09.on_seen"))
    for one in (axes, curve):
        one.set_ylim(0, 1)
        one.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    curve.set_xlim(0, 1)
    curve.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    figure.legend(loc="outside lower center", ncols=4, fontsize=9)
    figure.suptitle(text("lesson09.all_title"), x=0.02, ha="left", fontsize=12)
    return picture(figure, text("lesson09.all_alt"))


def _trades(found: Mapping) -> list[list[tuple[float, float]]]:
    """(unseen, seen accuracy) as delta grows from 0, a list a draw: through both of its marks."""
    marks = [
        zip(found[kind]["unseen"], found[kind]["seen"], strict=True)
        for kind in ("plain", "calibrated")
    ]
    curves = zip(found["curve"]["unseen"], found["curve"]["seen"], strict=True)
    trades = []
    for plain, calibrated, curve in zip(*marks, curves, strict=True):
        later = [point for point in zip(*curve, strict=True) if point[0] > plain[0]]
        trades.append(sorted([plain, calibrated, *later], key=lambda at: (at[0], -at[1])))
    return trades


def draw_pairs(found: Mapping, live: tuple[int, float] | None = None) -> Picture:
    """24 birds by a sentence: over the number of pairs, and by the wording of the sentence."""
    figures.use()
    told = in_this_language(found)
    figure, (axes, words) = plt.subplots(1, 2, figsize=(8.8, 3.7))
    for way in ("own", "shuffled"):
        colour, marker = LOOK[way]
        label = text(f"lesson09.{way}")
        figures.error_band(axes, found["counts"], told[way], label, color=colour, marker=marker)
    if live is not None:
        _ring(axes, *live)
    axes.plot([], [], "o", color=figures.INK, fillstyle="none", label=text("lesson09.today"))
    axes.set_xscale("log")
    axes.set_xticks(found["counts"], [f"{count:,}" for count in found["counts"]], fontsize=9)
    axes.minorticks_off()
    axes.set_xlabel(text("lesson09.pairs"))
    axes.set_ylabel(text("lesson09.accuracy"))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.axhline(1 / 24, color=figures.INK, linestyle=":", linewidth=1.5)
    axes.set_ylim(0, 1)
    kinds = ("caption", "list", "frame", "words", "name")
    for row, kind in enumerate(kinds):
        _across(words, row, told["wordings"][kind], "own")
    words.axvline(1 / 24, color=figures.INK, linestyle=":", linewidth=1.5)
    words.plot([], [], ":", color=figures.INK, label=text("lesson09.chance_24"))
    words.set_yticks(range(len(kinds)), [text(f"lesson09.wording_{kind}") for kind in kinds])
    words.set_ylim(len(kinds) - 0.5, -0.5)
    words.set_xlim(0, 1)
    words.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    words.set_xlabel(text("lesson09.accuracy"))
    for one, key in ((axes, "pairs"), (words, "words")):
        one.set_title(text(f"lesson09.{key}_title"), fontsize=11)
    figure.legend(loc="outside lower center", ncols=4, fontsize=9)
    return picture(figure, text("lesson09.pairs_alt"))


def draw_real(found: Mapping) -> Picture:
    """Photos without a label beside photos with a few."""
    figures.use()
    figure, panels = plt.subplots(1, 2, figsize=(7.4, 3.2), sharey=True)
    for axes, name in zip(panels, ("cats_dogs", "ants_bees"), strict=True):
        runs = found["photos"][name]
        counts = [int(count) for count in runs["labels"]]
        colour, marker = LOOK["labels"]
        label = text("lesson09.with_labels")
        values = list(runs["labels"].values())
        figures.error_band(axes, counts, values, label, color=colour, marker=marker)
        for way in ("sums", "means") if name == "cats_dogs" else ("means",):
            colour, line = LOOK[way]
            level = fmean(runs[way])
            axes.axhline(level, color=colour, linestyle=line, label=text(f"lesson09.{way}"))
        axes.axhline(
            0.5, color=figures.INK, linestyle=":", linewidth=1.5, label=text("lesson09.chance")
        )
        axes.set_xscale("log")
        axes.set_xticks(counts, [str(count) for count in counts])
        axes.minorticks_off()
        axes.set_xlabel(text("lesson09.labels_each"))
        axes.set_title(text(f"lesson09.real_{name}"), fontsize=11)
    panels[0].set_ylim(0, 1.02)
    panels[0].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    panels[0].set_ylabel(text("lesson09.accuracy"))
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=9)
    figure.suptitle(text("lesson09.real_title"), x=0.02, ha="left", fontsize=12)
    return picture(figure, text("lesson09.real_alt"))


def draw_texts(found: Mapping) -> Picture:
    """Accuracy on texts by the name of the class (filled) and one sentence about it (hollow)."""
    figures.use()
    texts = found["texts"]
    figure, axes = plt.subplots(figsize=(7.2, 3.4))
    for row, name in enumerate(texts):
        for shift, encoder in ((-0.22, "e5"), (0.0, "minilm"), (0.22, "tfidf")):
            colour, marker = LOOK[encoder]
            for kind, fill in (("name", "full"), ("sentence", "none")):
                look: dict[str, Any] = {"color": colour, "marker": marker, "fillstyle": fill}
                axes.plot(texts[name][encoder][kind], row + shift, linestyle="none", **look)
        chance = [1 / texts[name]["classes"]] * 2
        axes.plot(chance, [row - 0.4, row + 0.4], ":", color=figures.INK, linewidth=1.5)
    for encoder in ("e5", "minilm", "tfidf"):
        colour, marker = LOOK[encoder]
        label = text(f"twins.{encoder}")
        axes.plot([], [], marker, color=colour, linestyle="none", label=label)
    hollow: dict[str, Any] = {"color": figures.INK, "fillstyle": "none", "linestyle": "none"}
    axes.plot([], [], "o", label=text("lesson09.by_sentence"), **hollow)
    axes.plot([], [], ":", color=figures.INK, label=text("lesson09.chance"))
    gap = "" if language() == "ja" else " "
    names = [text(f"lesson09.set_{name}").replace("\n", gap) for name in texts]
    axes.set_yticks(range(len(texts)), names)
    axes.set_ylim(len(texts) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel(text("lesson09.accuracy"))
    axes.set_title(text("lesson09.texts_title"))
    figure.legend(loc="outside lower center", ncols=5, fontsize=9)
    return picture(figure, text("lesson09.texts_alt"))


def draw_each(found: Mapping, task: Task) -> Picture:
    """Each of ten fish left out in turn: how many of the ten photos found show it."""
    figures.use()
    species = list(found["zukan"])
    order = sorted(species, key=lambda name: -fmean(found["zukan"][name]))
    figure, axes = plt.subplots(figsize=(7.0, 3.9))
    for shift, way in ((-0.2, "zukan"), (0.0, "random"), (0.2, "pixels")):
        colour, marker = LOOK[way]
        means = [fmean(found[way][name]) for name in order]
        rows = [row + shift for row in range(len(order))]
        label = text(f"lesson09.way_{way}")
        look = {"color": colour, "linestyle": "none", "marker": marker, "label": label}
        axes.plot(means, rows, **look)
        axes.axvline(fmean(means), color=colour, linewidth=1.2, linestyle="--")
    axes.plot([], [], "--", color=figures.INK, linewidth=1.2, label=text("lesson09.each_mean"))
    axes.axvline(0.1, color=figures.INK, linestyle=":", label=text("lesson09.chance"))
    names = [task.class_names[task.classes["en"].index(name)] for name in order]
    axes.set_yticks(range(len(order)), names)
    axes.set_ylim(len(order) - 0.5, -0.5)
    axes.set_xlim(0, 1.03)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel(text("lesson09.found_share", draws=len(found["zukan"][order[0]])))
    figure.legend(loc="outside lower center", ncols=5, fontsize=9)
    share = fmean(fmean(found["zukan"][name]) for name in species)
    axes.set_title(text("lesson09.each_title", share=f"{share:.0%}"))
    return picture(figure, text("lesson09.each_alt"))


def draw_answers(task: Task, result: GeneralisedResult) -> Picture:
    """How often each name is given, without and with calibration; all birds come equally often."""
    figures.use()
    order = result.is_seen.int().argsort(stable=True, descending=True)
    names = [task.class_names[c] for c in order.tolist()]
    per_class = len(result.labels) / len(names)
    figure, axes = plt.subplots(figsize=(8.6, 4.0))
    for shift, kind, delta in ((-0.2, "plain", 0.0), (0.2, "calibrated", result.delta)):
        answers = calibrate(result.scores, result.is_seen, delta).argmax(1)
        counts = torch.bincount(answers, minlength=len(names))[order]
        places = [place + shift for place in range(len(names))]
        label = text(f"lesson09.{kind}")
        axes.bar(places, counts.tolist(), 0.4, color=LOOK[kind][0], label=label)
    axes.axhline(per_class, color=figures.INK, linestyle=":", label=text("lesson09.answers_true"))
    axes.axvline(int(result.is_seen.sum()) - 0.5, color=figures.VERMILION, linewidth=1.5)
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=9)
    axes.set_ylabel(text("lesson09.answers_count"))
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    axes.set_title(text("lesson09.answers_title"))
    return picture(figure, text("lesson09.answers_alt"))


def draw_attributes(names: Sequence[str], areas: Sequence[float]) -> Picture:
    """How well each attribute is read on birds never seen: area under the ROC curve."""
    figures.use()
    order = sorted(range(len(names)), key=lambda k: -areas[k])
    figure, axes = plt.subplots(figsize=(7.0, 4.0))
    axes.plot([areas[k] for k in order], range(len(order)), "o", color=figures.BLUE, markersize=8)
    axes.axvline(0.5, color=figures.INK, linestyle=":", label=text("lesson09.auc_chance"))
    axes.set_yticks(range(len(order)), [names[k] for k in order])
    axes.set_ylim(len(order) - 0.5, -0.5)
    axes.set_xlim(0, 1.03)
    axes.set_xlabel(text("lesson09.auc"))
    axes.legend(loc="lower left", **LEGEND)
    axes.set_title(text("lesson09.auc_title", best=names[order[0]], worst=names[order[-1]]))
    return picture(figure, text("lesson09.auc_alt"))


def _across(axes: Axes, row: float, runs: Sequence[float], way: str) -> None:
    span = interval(runs, share=True)
    colour, marker = LOOK[way]
    figures.mark_mean(axes, row, span, across=True, color=colour, marker=marker)
    at = (span.mean, row)
    look: dict[str, Any] = {"ha": "center", "fontsize": 9, "bbox": LABEL}
    axes.annotate(f"{span.mean:.0%}", at, (0, 9), textcoords="offset points", **look)


def _ring(axes: Axes, x: float, y: float) -> None:
    axes.plot(x, y, "o", color=figures.INK, fillstyle="none", markersize=12, zorder=4)
