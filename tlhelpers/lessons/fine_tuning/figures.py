"""Figures of lesson 03: rates, depths, ways to go gently, remedies, and when tuning pays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.plots import Picture, picture
from tlhelpers.transfer.finetune import FineTuneResult
from tlhelpers.transfer.intervals import interval
from tlhelpers.transfer.lr_find import LearningRates
from tlhelpers.transfer.results import Result

MEASURES = ("accuracy", "source_accuracy", "cka")
COLOURS = dict(zip(MEASURES, (figures.VERMILION, figures.BLUE, figures.GREEN), strict=True))
RINGS = {"linestyle": "none", "marker": "o", "markersize": 9, "markerfacecolor": "none"}


@dataclass
class Table(Result):
    """Lines that a lesson puts together, shown as every result is."""

    lines: Sequence[dict]

    def rows(self) -> list[dict]:
        return list(self.lines)


def distance_rows(found: Mapping) -> list[dict]:
    """How far each task of 03_similarity is from the source, and its probe with 5 labels."""
    return [
        {
            "task": text(f"lesson03.task_{task}"),
            "distance": distance,
            "probe_with_few": interval(frozen[0], share=True),
        }
        for task, distance, frozen in zip(
            found["tasks"], found["distance"], found["frozen"], strict=True
        )
    ]


def method_rows(
    methods: Mapping[str, Sequence[FineTuneResult]], frozen: Sequence[float], features: int
) -> list[dict]:
    """What must be stored for a task, and the accuracy: each method, and the linear probe.

    features: how many enter the head; it has as many weights, and a bias, for each of 5 classes.
    """
    rows = [_method_row("probe", 5 * (features + 1), frozen)]
    for name, runs in methods.items():
        accuracies = [run.test_acc for run in runs]
        rows.append(_method_row(name, runs[0].trainable_parameters, accuracies))
    return rows


def _method_row(name: str, parameters: int, accuracies: Sequence[float]) -> dict:
    return {
        "method": text(f"lesson03.method_{name}"),
        "trained": f"{parameters:,}",
        "megabytes": round(4 * parameters / 1e6, 2),
        "accuracy": interval(accuracies, share=True),
    }


def search_rows(scores: Mapping[tuple[float, str | int], float]) -> list[dict]:
    """The settings that were tried, best first: {(rate, stages): validation accuracy}."""
    names = {0: "head", 1: "layer4", "all": "all"}
    return [
        {
            "learning_rate": rate,
            "trained_from": depth_name(names[depth]),
            "valid_acc": f"{score:.0%}",
        }
        for (rate, depth), score in sorted(scores.items(), key=lambda pair: -pair[1])
    ]


def draw_rates(grid: Mapping, live: Mapping[float, Mapping[str, Sequence[float]]]) -> Picture:
    """Target, source and CKA against the body's rate, all stages trained.

    grid: what experiment 03_learning_rates stores. live: {rate: {measure: one number a seed}}.
    """
    figures.use()
    figure, panels = plt.subplots(1, 3, figsize=(7.8, 3.2))
    for axes, measure in zip(panels, MEASURES, strict=True):
        colour = COLOURS[measure]
        figures.error_band(
            axes, grid["rates"], grid[measure][-1], share=measure != "cka", color=colour
        )
        for rate, values in live.items():
            axes.plot([rate] * len(values[measure]), values[measure], color=colour, **RINGS)
        axes.set_xscale("log")
        axes.set_xticks(grid["rates"], [f"{rate:g}" for rate in grid["rates"]], fontsize=9)
        axes.minorticks_off()
        axes.set_title(text(f"lesson03.{measure}"), fontsize=11)
        _as_percent(axes)
    panels[1].tick_params(labelleft=False)
    panels[2].yaxis.set_major_formatter("{x:.1f}")  # CKA is no share
    panels[1].set_xlabel(text("lesson03.body_rate"))
    return picture(figure, text("lesson03.rates_alt"))


def draw_depths(grid: Mapping, rate: float, live: Mapping[str, Sequence[float]]) -> Picture:
    """Target and source accuracy against the number of stages that are trained, at one rate."""
    figures.use()
    figure, axes = plt.subplots(figsize=(6.6, 3.5))
    column, places = grid["rates"].index(rate), range(len(grid["depths"]))
    for measure in MEASURES[:2]:
        runs = [by_rate[column] for by_rate in grid[measure]]
        name = text(f"lesson03.{measure}")
        figures.error_band(axes, places, runs, name, color=COLOURS[measure])
    for depth, values in live.items():
        place = grid["depths"].index(depth)
        axes.plot([place] * len(values), values, color=COLOURS["accuracy"], **RINGS)
    axes.set_xticks(places, [depth_name(depth) for depth in grid["depths"]])
    axes.set_xlabel(text("lesson03.trained_from"))
    axes.legend(loc="lower left")
    _as_percent(axes)
    return picture(figure, text("lesson03.depths_alt"))


def depth_name(depth: str) -> str:
    """The learner's word for a depth of unfreezing: the head, a stage and all above it, or all."""
    return (
        text(f"lesson03.depth_{depth}")
        if depth in ("head", "all")
        else text("lesson03.depth_from", stage=depth)
    )


def draw_ways(found: Mapping) -> Picture:
    """Target and source accuracy of each way to tune, as points with intervals."""
    figures.use()
    figure, panels = plt.subplots(1, 2, figsize=(7.6, 3.1), sharey=True)
    for axes, measure in zip(panels, MEASURES[:2], strict=True):
        _points(axes, found[measure], COLOURS[measure])
        axes.set_title(text(f"lesson03.{measure}"), fontsize=11)
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    panels[0].set_yticks(
        range(len(found["ways"])), [text(f"lesson03.way_{way}") for way in found["ways"]]
    )
    panels[0].invert_yaxis()
    return picture(figure, text("lesson03.ways_alt"))


def draw_remedies(found: Mapping, live: Mapping[str, Sequence[float]]) -> Picture:
    """What each remedy adds to the accuracy without any, pairwise over the seeds."""
    figures.use()
    figure, axes = plt.subplots(figsize=(6.8, 3.2))
    names = [name for name in found["remedies"] if name != "none"]
    without = found["accuracy"][found["remedies"].index("none")]
    gains = [
        [
            a - b
            for a, b in zip(found["accuracy"][found["remedies"].index(name)], without, strict=True)
        ]
        for name in names
    ]
    _points(axes, gains, figures.VERMILION)
    for name, values in live.items():
        axes.plot(values, [names.index(name)] * len(values), color=figures.VERMILION, **RINGS)
    axes.axvline(0, color=figures.INK, linewidth=1)
    axes.set_yticks(range(len(names)), [text(f"lesson03.remedy_{name}") for name in names])
    axes.invert_yaxis()
    axes.set_xlabel(text("lesson03.gain_points"))
    axes.xaxis.set_major_formatter(_as_points)
    return picture(figure, text("lesson03.remedies_alt"))


def draw_similarity(found: Mapping, live: Mapping[str, Sequence[float]], at: int) -> Picture:
    """Fine-tuned minus frozen against the distance of the task, for few and for many labels.

    live: {task: gains of today}, with `at` labels a class.
    """
    figures.use()
    figure, axes = plt.subplots(figsize=(6.8, 3.8))
    places = range(len(found["tasks"]))
    colours = (figures.BLUE, figures.VERMILION)
    for k, (labels, colour) in enumerate(zip(found["labels"], colours, strict=True)):
        offset = 0.18 * (k - 0.5)
        for place, runs in zip(places, found["gain"], strict=True):
            point = interval(runs[k])
            axes.plot([place + offset] * 2, [point.low, point.high], color=colour)
            name = text("lesson03.labels_each", count=labels) if place == 0 else None
            marker = figures.MARKERS[k]
            axes.plot(place + offset, point.mean, marker, color=colour, markersize=8, label=name)
        if labels == at:
            for task, values in live.items():
                place = found["tasks"].index(task) + offset
                axes.plot([place] * len(values), values, color=colour, **RINGS)
    axes.axhline(0, color=figures.INK, linewidth=1)
    axes.set_xticks(places, [text(f"lesson03.task_{task}") for task in found["tasks"]])
    axes.set_ylabel(text("lesson03.tuned_minus_frozen"))
    axes.yaxis.set_major_formatter(_as_points)
    axes.legend(loc="best")
    return picture(figure, text("lesson03.similarity_alt"))


def draw_lr_find(found: LearningRates) -> Picture:
    """The loss while the rate grows, and the rate at which it fell most steeply."""
    figures.use()
    figure, axes = plt.subplots(figsize=(6.4, 3.0))
    axes.plot(found.rates, found.losses, color=figures.BLUE)
    axes.axvline(found.suggestion, color=figures.VERMILION, linestyle="--")
    label = text("lesson03.steepest", rate=f"{found.suggestion:.2g}")
    axes.annotate(
        label,
        (found.suggestion, min(found.losses)),
        (-8, 4),
        textcoords="offset points",
        ha="right",
        va="bottom",
        color=figures.VERMILION,
    )
    axes.set_xscale("log")
    axes.set(xlabel=text("lesson03.rate"), ylabel=text("lesson03.loss"))
    return picture(figure, text("lesson03.lr_find_alt"))


def _points(axes: Axes, runs: Sequence[Sequence[float]], colour: str) -> None:
    for place, values in enumerate(runs):
        point = interval(values)
        axes.plot([point.low, point.high], [place, place], color=colour)
        axes.plot(point.mean, place, "o", color=colour, markersize=8)
    axes.set_ylim(-0.5, len(runs) - 0.5)


def _as_percent(axes: Axes) -> None:
    axes.set_ylim(0, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1))


def _as_points(value: float, place: int) -> str:
    """A difference of accuracies as signed points, with a true minus sign."""
    points = round(100 * value)
    return f"{points:+d}".replace("-", "−") if points else "0"
