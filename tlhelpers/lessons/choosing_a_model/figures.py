"""Figures of lesson 07: each says its finding in its title and holds every line it mentions.

`regret_by_job` and `lost_when_tuned` are here for the lesson's cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from tlhelpers.data.task import Task
from tlhelpers.lessons.choosing_a_model.mistakes import MISTAKES
from tlhelpers.lessons.choosing_a_model.regret import (
    SCORES,
    lost_when_tuned,
    regret_by_job,
    truths,
)
from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.plots import Picture, gallery, picture
from tlhelpers.transfer.intervals import interval

__all__ = ["lost_when_tuned", "regret_by_job"]

LOOK: dict[str, dict[str, Any]] = {  # every network in its colour and marker
    "zukan-resnet": {"color": figures.BLUE, "marker": "o"},
    "zukan-vgg": {"color": figures.VERMILION, "marker": "s"},
    "zukan-inception": {"color": figures.GREEN, "marker": "^"},
    "zukan-shape": {"color": figures.PURPLE, "marker": "D"},
    "zukan-texture": {"color": figures.ORANGE, "marker": "v"},
    "zukan-paint": {"color": figures.GREY, "marker": "X"},
    "plain": {"color": figures.GREY, "marker": "v"},
    "residual": {"color": figures.BLUE, "marker": "o"},
    "imagenet": {"color": figures.BLUE, "marker": "o"},
    "squeezenet": {"color": figures.VERMILION, "marker": "s"},
    "birds": {"color": figures.PURPLE, "marker": "D"},
    "insects": {"color": figures.GREEN, "marker": "^"},
    "chest": {"color": figures.BLUE, "marker": "o"},
    "general": {"color": figures.VERMILION, "marker": "s"},
    "general_8": {"color": figures.ORANGE, "marker": "v"},
    "random": {"color": figures.GREY, "marker": "X"},
    "mail": {"color": figures.BLUE, "marker": "o"},
    "mail_few": {"color": figures.SKY, "marker": "P"},
    "daily": {"color": figures.VERMILION, "marker": "s"},
}
CHANCE = {"birds": 10, "pets": 2, "land_use": 6, "surfaces": 5, "xray": 3, "strokes": 20}
REAL_CLASSES = {
    "ants_bees": 2,
    "flowers": 5,
    "cats_dogs": 2,
    "blood_cells": 3,
    "clothes": 10,
    "digits": 10,
}
LEGEND = {"fontsize": 9, "frameon": True, "facecolor": "white", "edgecolor": "none"}


def draw_kinds(task: Task) -> Picture:
    """The first training picture of each class, its name above it."""
    first = [int((task.train.labels == c).nonzero()[0]) for c in range(task.num_classes)]
    pictures = task.train.batch(torch.tensor(first))[0]
    return gallery(pictures, task.class_names, text("lesson07.kinds_alt"), zoom=1.6)


def draw_first(choice: Mapping, names: Sequence[str], live: Mapping[str, float]) -> Picture:
    """Networks on aerial photos with 20 labels a class, a row each. live: today's accuracies."""
    figures.use()
    runs = {name: choice["targets"]["land_use"][name]["frozen"][1] for name in names}
    figure, axes = plt.subplots(figsize=(7.4, 1.5 + 0.5 * len(names)))
    for row, name in enumerate(names):
        span = interval(runs[name], share=True)
        figures.mark_mean(axes, row, span, across=True, **LOOK[name])
        axes.text(1.015, row, f"{span.mean:.0%}", va="center", transform=_beside(axes))
        if name in live:
            axes.plot(live[name], row, "o", color=figures.INK, fillstyle="none", markersize=11)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    _across(axes)
    axes.axvline(1 / 6, color=figures.INK, linestyle=":", label=text("lesson07.chance"))
    axes.plot([], [], "o", color=figures.INK, fillstyle="none", label=text("lesson07.today"))
    draws = len(runs[names[0]])
    axes.set_xlabel(text("lesson07.accuracy_draws", draws=draws))
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    axes.set_title(text("lesson07.first_title"))
    return picture(figure, text("lesson07.first_alt"))


def draw_depth(found: Mapping) -> Picture:
    """Training accuracy over depth, plain and residual."""
    figures.use()
    figure, axes = plt.subplots(figsize=(6.6, 3.6))
    for way in ("plain", "residual"):
        label = text(f"lesson07.{way}")
        figures.error_band(axes, found["depths"], found[way], label, **LOOK[way])
    axes.axhline(1 / 6, color=figures.INK, linestyle=":", label=text("lesson07.chance"))
    axes.set_xticks(found["depths"])
    axes.set_xlabel(text("lesson07.layers"))
    axes.set_ylabel(text("lesson07.training_accuracy"))
    _upwards(axes)
    figure.legend(loc="outside lower center", ncols=4, fontsize=9)
    axes.set_title(text("lesson07.depth_title"))
    return picture(figure, text("lesson07.depth_alt"))


def draw_gradient(found: Mapping) -> Picture:
    """Length of the first layer's gradient before the first step, over depth."""
    figures.use()
    figure, axes = plt.subplots(figsize=(6.2, 3.3))
    for way in ("plain", "residual"):
        runs = found["gradient"][way]
        label = text(f"lesson07.{way}")
        figures.error_band(axes, found["depths"], runs, label, share=False, **LOOK[way])
    axes.set_xticks(found["depths"])
    axes.set_ylim(0, None)
    axes.set_xlabel(text("lesson07.layers"))
    axes.set_ylabel(text("lesson07.gradient"))
    axes.legend(loc="upper left", **LEGEND)
    axes.set_title(text("lesson07.gradient_title"))
    return picture(figure, text("lesson07.gradient_alt"))


def draw_targets(choice: Mapping, tuned: Mapping) -> Picture:
    """Six networks on six jobs, a column each, frozen above and fine-tuned below; the best of a job
    has a ring.
    """
    figures.use()
    targets = list(choice["targets"])
    rows = {
        "frozen": [[(n, r["frozen"][1]) for n, r in choice["targets"][t].items()] for t in targets],
        "fine_tuned": [
            [(n, r["accuracy"]) for n, r in tuned["targets"][t].items()] for t in targets
        ],
    }
    figure, panels = plt.subplots(2, 1, figsize=(8.2, 5.2), sharex=True)
    for axes, (way, jobs) in zip(panels, rows.items(), strict=True):
        for column, networks in enumerate(jobs):
            spans = {name: interval(runs, share=True) for name, runs in networks}
            best = max(spans, key=lambda name: spans[name].mean)
            for number, (name, span) in enumerate(spans.items()):
                x = column + 0.11 * (number - 2.5)
                label = name if column == 0 else None
                figures.mark_mean(axes, x, span, label=label, **LOOK[name])
                if name == best:
                    ring = {"color": figures.INK, "fillstyle": "none", "markersize": 14}
                    axes.plot(x, span.mean, "o", **ring)
            chance = 1 / CHANCE[targets[column]]
            axes.plot([column - 0.4, column + 0.4], [chance, chance], ":", color=figures.INK)
        draws = len(jobs[0][0][1])
        axes.set_title(text(f"lesson07.targets_{way}", draws=draws), fontsize=11)
        axes.set_ylabel(text("lesson07.accuracy"))
        _upwards(axes)
    last = panels[1]
    last.plot([], [], ":", color=figures.INK, label=text("lesson07.chance"))
    ring = {"color": figures.INK, "fillstyle": "none", "markersize": 11}
    last.plot([], [], "o", label=text("lesson07.best"), **ring)
    last.set_xticks(range(len(targets)), [text(f"lesson07.job_{t}") for t in targets])
    handles, labels = last.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=9)
    figure.suptitle(text("lesson07.targets_title"), x=0.02, ha="left", fontsize=12)
    return picture(figure, text("lesson07.targets_alt"))


def draw_regret(choice: Mapping, every: bool = False) -> Picture:
    """Mean regret of each way to choose, a bar, and its six jobs, dots; the smallest with 20 labels
    stands first. every: all scores, with 5 labels, too.
    """
    figures.use()
    scores = SCORES if every else ("probe", "leep", "knn")
    shown = ((0, "five"), (1, "twenty")) if every else ((1, "twenty"),)
    ways = sorted(
        (*scores, "random"), key=lambda way: fmean(regret_by_job(choice, way, 1).values())
    )
    size = (8.6, 3.8) if every else (7.4, 3.0)
    figure, panels = plt.subplots(1, len(shown), figsize=size, sharey=True, squeeze=False)
    first = panels[0, 0]
    for axes, (place, key) in zip(panels[0], shown, strict=True):
        for row, score in enumerate(ways):
            lost = regret_by_job(choice, score, place).values()
            colour = figures.GREY if score == "random" else figures.BLUE
            axes.barh(row, fmean(lost), color=colour, height=0.6, alpha=0.55)
            axes.plot(lost, [row] * len(lost), "o", color=figures.INK, markersize=4, clip_on=False)
            axes.text(1.02, row, f"{fmean(lost):.1f}", va="center", transform=_beside(axes))
        axes.set_xlim(0, 40 if every else 30)
        axes.set_xticks(range(0, 50 if every else 40, 10))
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(text("lesson07.regret_points"))
        if every:
            axes.set_title(text(f"lesson07.regret_{key}"), fontsize=11)
    names = [text(f"lesson07.score_{score}") for score in ways]
    first.set_yticks(range(len(names)), names)
    first.set_ylim(len(names) - 0.5, -0.5)
    first.plot([], [], "o", color=figures.INK, markersize=4, label=text("lesson07.one_job"))
    first.barh(0, 0, color=figures.BLUE, alpha=0.55, label=text("lesson07.mean_of_jobs"))
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    title = text("lesson07.regret_all_title" if every else "lesson07.regret_title")
    figure.suptitle(title, x=0.02, ha="left", fontsize=12)
    return picture(figure, text("lesson07.regret_alt"))


def draw_mistakes(found: Mapping) -> Picture:
    """What each mistake leaves of the accuracy, made in use only and made from the start."""
    figures.use()
    figure, panels = plt.subplots(1, 2, figsize=(8.4, 3.7), sharey=True)
    looks = {"in_use": (figures.VERMILION, "s"), "always": (figures.BLUE, "o")}
    for axes, target in zip(panels, ("birds", "land_use"), strict=True):
        for when, (colour, marker) in looks.items():
            for row, name in enumerate(MISTAKES):
                span = interval(found[target][when][name], share=True)
                shift = 0.14 if when == "always" else -0.14
                look = {"color": colour, "marker": marker}
                label = text(f"lesson07.mistake_{when}") if row == 0 else None
                figures.mark_mean(axes, row + shift, span, across=True, label=label, **look)
        axes.axvline(
            1 / CHANCE[target], color=figures.INK, linestyle=":", label=text("lesson07.chance")
        )
        axes.set_title(text(f"lesson07.job_{target}"), fontsize=11)
        axes.set_xlabel(text("lesson07.accuracy_bars"))
        _across(axes)
        axes.set_xticks((0, 0.25, 0.5, 0.75, 1))
    names = [text(f"lesson07.mistake_{name}") for name in MISTAKES]
    panels[0].set_yticks(range(len(names)), names)
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=9)
    figure.suptitle(text("lesson07.mistakes_title"), x=0.02, ha="left", fontsize=12)
    return picture(figure, text("lesson07.mistakes_alt"))


def cheapest_mistake(found: Mapping, target: str) -> str:
    """The name of the mistake that leaves the highest accuracy when it is made in use only."""
    runs = found[target]["in_use"]
    return text(f"lesson07.mistake_{max(set(runs) - {'right'}, key=lambda n: fmean(runs[n]))}")


def draw_cost(found: Mapping) -> Picture:
    """Published accuracy on ImageNet over milliseconds a picture; the area of a dot is its size."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.2, 3.7))
    networks = found["real"]
    front = front_of({name: (one["ms"], one["source"]) for name, one in networks.items()})
    for name, one in networks.items():
        colour = figures.BLUE if name in front else figures.GREY
        axes.scatter(one["ms"], one["source"], s=2.2 * one["mb"], color=colour, alpha=0.55)
        below = name in ("googlenet", "vit_b_16", "vgg16")  # where another name lies above
        beside = name in ("mobilenet_v2", "efficientnet_b0")  # where the line goes up
        axes.annotate(
            f"{name} ({one['mb']:.0f} MB)",
            (one["ms"], one["source"]),
            (0, -20 - one["mb"] / 50) if below else (-7, 3) if beside else (6, 6),
            ha="right" if beside else "left",
            textcoords="offset points",
            fontsize=9,
        )
    line = sorted((networks[name]["ms"], networks[name]["source"]) for name in front)
    axes.plot(*zip(*line, strict=True), "--", color=figures.BLUE, label=text("lesson07.front"))
    axes.set_xscale("log")
    axes.set_xlim(
        0.4 * min(one["ms"] for one in networks.values()),
        4 * max(one["ms"] for one in networks.values()),
    )
    ticks = (3, 10, 30, 100, 300)
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_ylim(0.56, 0.86)  # room for the name of the highest
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel(text("lesson07.milliseconds"))
    axes.set_ylabel(text("lesson07.imagenet_accuracy"))
    axes.legend(loc="lower right", **LEGEND)
    axes.set_title(text("lesson07.cost_title"))
    return picture(figure, text("lesson07.cost_alt"))


def front_of(points: Mapping[str, tuple[float, float]]) -> list[str]:
    """Names that no other beats in both: none is as cheap and more accurate."""
    return [
        name
        for name, (cost, accuracy) in points.items()
        if not any(c <= cost and a > accuracy for c, a in points.values())
    ]


def draw_real(found: Mapping) -> Picture:
    """Four real networks on six real targets with ten labels a class."""
    figures.use()
    figure, axes = plt.subplots(figsize=(8.2, 3.7))
    targets = list(found["targets"])
    for column, target in enumerate(targets):
        for number, (name, runs) in enumerate(found["targets"][target].items()):
            span = interval(runs["frozen"][-1], share=True)
            label = text(f"lesson07.real_{name}") if column == 0 else None
            figures.mark_mean(axes, column + 0.13 * (number - 1.5), span, label=label, **LOOK[name])
        chance = 1 / REAL_CLASSES[target]
        axes.plot([column - 0.4, column + 0.4], [chance, chance], ":", color=figures.INK)
    axes.plot([], [], ":", color=figures.INK, label=text("lesson07.chance"))
    axes.set_xticks(range(len(targets)), [text(f"lesson07.real_job_{t}") for t in targets])
    axes.set_ylabel(text("lesson07.accuracy_bars"))
    _upwards(axes)
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    axes.set_title(text("lesson07.real_title"))
    return picture(figure, text("lesson07.real_alt"))


def draw_families(found: Mapping) -> Picture:
    """Means of each family that saw few pictures (hollow) and more (filled), with the range of its
    networks: frozen above, fine-tuned below.
    """
    figures.use()
    figure, panels = plt.subplots(2, 1, figsize=(8.2, 5.2), sharex=True)
    targets = list(found["frozen"]["zukan-vgg"])
    for axes, way in zip(panels, ("frozen", "fine_tuned"), strict=True):
        for number, family in enumerate(found[way]):
            for column, target in enumerate(targets):
                x = [column + 0.26 * (number - 1) + shift for shift in (-0.05, 0.05)]
                label = text(f"lesson07.{family}") if column == 0 else None
                _few_and_more(axes, x, families_means(found, way, family, target), family, label)
        for column, target in enumerate(targets):
            chance = 1 / CHANCE[target]
            axes.plot([column - 0.4, column + 0.4], [chance, chance], ":", color=figures.INK)
        axes.set_title(text(f"lesson07.families_{way}"), fontsize=11)
        axes.set_ylabel(text("lesson07.accuracy"))
        _upwards(axes)
    panels[1].set_xticks(range(len(targets)), [text(f"lesson07.job_{t}") for t in targets])
    few, more = found["pictures"]
    for place, inside in enumerate(("none", "full")):
        label = text("lesson07.families_pictures", pictures=found["pictures"][place])
        panels[1].plot([], [], "o", color=figures.INK, fillstyle=inside, label=label)
    panels[1].plot([], [], ":", color=figures.INK, label=text("lesson07.chance"))
    handles, labels = panels[1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=9)
    figure.suptitle(text("lesson07.families_title"), x=0.02, ha="left", fontsize=12)
    return picture(figure, text("lesson07.families_alt", few=few, more=more))


def families_means(found: Mapping, way: str, family: str, target: str) -> list[list[float]]:
    """Mean accuracy of each network of a family, a list for each number of source pictures."""
    means = []
    for runs, home in zip(found[way][family][target], found["source"][family], strict=True):
        each = len(runs) // len(home)  # draws of a network
        means.append([fmean(runs[k : k + each]) for k in range(0, len(runs), each)])
    return means


def _few_and_more(
    axes: Axes, x: Sequence[float], networks: Sequence[Sequence[float]], family: str, label: Any
) -> None:
    means, color = [fmean(values) for values in networks], LOOK[family]["color"]
    axes.plot(x, means, color=color, linewidth=1)
    for place, values, mean in zip(x, networks, means, strict=True):
        axes.plot([place, place], [min(values), max(values)], color=color, linewidth=1.5)
        filled = place == x[-1]
        inside = color if filled else "white"
        name = label if filled else None
        axes.plot(place, mean, label=name, markersize=7, **LOOK[family], markerfacecolor=inside)


def draw_matched(xray: Mapping, mail: Mapping) -> Picture:
    """Sources that match the domain, over labels: X-rays at the left, English enquiries right."""
    figures.use()
    figure, panels = plt.subplots(1, 2, figsize=(8.6, 4.1))
    sides = (
        (panels[0], xray["frozen"], xray["labels"], 1 / 3, "xray"),
        (panels[1], mail["en"], mail["labels"], 1 / 6, "mail"),
    )
    for axes, curves, labels, chance, key in sides:
        for name, runs in curves.items():
            figures.error_band(axes, labels, runs, text(f"lesson07.source_{name}"), **LOOK[name])
        axes.axhline(chance, color=figures.INK, linestyle=":", label=text("lesson07.chance"))
        axes.set_xscale("log")
        axes.set_xticks(labels, [str(count) for count in labels])
        axes.minorticks_off()
        axes.set_xlabel(text("lesson07.labels"))
        axes.set_title(text(f"lesson07.matched_{key}"), fontsize=11)
        axes.legend(loc="upper left", **LEGEND)
        _upwards(axes)
    panels[0].set_ylabel(text("lesson07.accuracy_band"))
    panels[1].set_ylim(0, 0.6)  # texts alone: their lines lie close together
    figure.suptitle(text("lesson07.matched_title"), x=0.02, ha="left", fontsize=12)
    return picture(figure, text("lesson07.matched_alt"))


def draw_scores(choice: Mapping, score: str = "logme", place: int = 1) -> Picture:
    """A score against the accuracy that came of it: one colour and line for each target."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.0, 3.6))
    for number, target in enumerate(choice["targets"]):
        truth = truths(choice, target, place)
        points = sorted(
            (fmean(choice["targets"][target][name][score][place]), value)
            for name, value in truth.items()
        )
        label = text(f"lesson07.job_{target}").replace("\n", "")
        axes.plot(*zip(*points, strict=True), marker=figures.MARKERS[number], label=label)
    axes.set_xlabel(text(f"lesson07.score_{score}"))
    axes.set_ylabel(text("lesson07.accuracy"))
    _upwards(axes)
    figure.legend(loc="outside right center", fontsize=9)
    axes.set_title(text("lesson07.scores_title"))
    return picture(figure, text("lesson07.scores_alt"))


def _beside(axes: Axes) -> Any:
    return axes.get_yaxis_transform()


def _across(axes: Axes) -> None:
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def _upwards(axes: Axes) -> None:
    axes.set_ylim(0, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
