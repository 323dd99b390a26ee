"""Figures of lesson 04: forgetting as it happens, every method side by side, a stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.ticker import PercentFormatter
from torch import Tensor

from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.plots import Picture, picture
from tlhelpers.transfer.intervals import interval
from tlhelpers.transfer.results import Result

LOOKS: dict[str, dict[str, Any]] = {
    "new_head": {"color": figures.GREY, "marker": "v"},
    "kept_rows": figures.METHODS["fine_tune"],
    "replay": figures.METHODS["replay"],
    "nearest_mean": figures.METHODS["prototypes"],
    "frozen": figures.METHODS["probe"],
    "joint": figures.METHODS["joint"],
    "lwf": {"color": figures.GREEN, "marker": "^"},
    "ewc": {"color": figures.BLUE, "marker": "o"},
}
GROUPS = (("old", figures.BLUE, "o"), ("new", figures.VERMILION, "s"))


@dataclass
class Methods(Result):
    """What each method reached and what it keeps, from a stored comparison."""

    found: Mapping

    def rows(self) -> list[dict]:
        found = self.found
        return [
            {
                "stream_method": self._name(method),
                "old_classes": interval(found["old"][i], share=True),
                "new_classes": interval(found["new"][i], share=True),
                "kept_kilobytes": round(mean(found["bytes"][i]) / 1000),
            }
            for i, method in enumerate(found["methods"])
        ]

    def _name(self, method: str) -> str:
        """The method, and the setting with which validation switched its remedy off, if it did."""
        name = text(f"lesson04.{method}")
        for setting, value in self.found["tuned"].get(method, {}).items():
            if value == 0:
                word = text(f"lesson04.{setting}")
                name = text("lesson04.switched_off", method=name, setting=word)
        return name


def draw_trace(
    trace: Sequence[tuple[int, Sequence[float]]], names: Sequence[str], old: int
) -> Picture:
    """One small panel a class: validation accuracy, step by step, while new classes are learned.

    trace: as `IncrementalResult.trace`. The first `old` classes were learned first; with as many
    pictures of each class, they took their share of the steps (36 of the 60 on the page).
    """
    figures.use()
    figure, panels = plt.subplots(1, len(names), figsize=(7.8, 2.6), sharey=True)
    steps = [step for step, _ in trace]
    turn = steps[-1] * old / len(names) if steps else 0
    for c, (axes, name) in enumerate(zip(panels, names, strict=True)):
        colour = figures.BLUE if c < old else figures.VERMILION
        axes.plot(steps, [values[c] for _, values in trace], color=colour)
        axes.axvline(turn, color=figures.INK, linestyle=":", linewidth=1)
        axes.set_title(name, fontsize=10)
        axes.set(ylim=(-0.05, 1.05), xticks=range(0, steps[-1] + 1 if steps else 1, 20))
        axes.yaxis.set_major_formatter(PercentFormatter(1))
    panels[0].set_ylabel(text("lesson04.valid_accuracy"))
    figure.supxlabel(text("lesson04.steps"), fontsize=10)
    figure.suptitle(text("lesson04.trace_title"), fontsize=12)
    return picture(figure, text("lesson04.trace_alt"))


def draw_strengths(found: Mapping) -> Picture:
    """Old against new classes as the strength grows, a panel for each method.

    found: {method: as stored}; solid lines are the shorter training, dotted ones the longer. The
    strength 0 has no place on the logarithmic axis.
    """
    figures.use()
    figure, panels = plt.subplots(1, len(found), figsize=(7.2, 3.4), sharey=True)
    for axes, (method, curves) in zip(panels, found.items(), strict=True):
        for group, colour, marker in GROUPS:
            for epochs, runs, style in zip(
                curves["epochs"], curves[group], ("-", ":"), strict=True
            ):
                tried = zip(curves["values"], map(mean, runs), strict=True)
                values, accuracy = zip(*((v, a) for v, a in tried if v > 0), strict=True)
                name = text("lesson04.after_epochs", group=text(f"lesson04.{group}"), epochs=epochs)
                line: dict[str, Any] = {
                    "color": colour,
                    "marker": marker,
                    "linestyle": style,
                    "label": name,
                }
                axes.plot(values, accuracy, **line)
        axes.axvline(curves["chosen"], color=figures.INK, linewidth=1)
        axes.set_xscale("log")
        axes.set_title(text(f"lesson04.{method}"), fontsize=11)
        axes.set(xlabel=text("lesson04.strength"), ylim=(-0.05, 1.05))
        axes.yaxis.set_major_formatter(PercentFormatter(1))
    panels[0].set_ylabel(text("lesson04.valid_accuracy"))
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9
    )
    figure.suptitle(text("lesson04.strengths_title"), fontsize=12)
    return picture(figure, text("lesson04.strengths_alt"))


def draw_epochs(found: Mapping) -> Picture:
    """Old and new classes against the length of training, a panel for each method."""
    figures.use()
    figure, panels = plt.subplots(1, len(found["methods"]), figsize=(7.8, 3.2), sharey=True)
    for k, (axes, method) in enumerate(zip(panels, found["methods"], strict=True)):
        for group, colour, marker in GROUPS:
            line: dict[str, Any] = {"color": colour, "marker": marker}
            name = text(f"lesson04.{group}")
            figures.error_band(axes, found["epochs"], found[group][k], name, **line)
        axes.set_xscale("log")
        axes.set_xticks(found["epochs"], [str(epochs) for epochs in found["epochs"]])
        axes.minorticks_off()
        axes.set_title(text(f"lesson04.short_{method}"), fontsize=11)
        axes.set(ylim=(-0.05, 1.05))
        axes.yaxis.set_major_formatter(PercentFormatter(1))
    panels[0].set_ylabel(text("lesson04.accuracy_band"), linespacing=1.5)
    panels[0].legend(loc="lower left", fontsize=9)
    figure.supxlabel(text("lesson04.epochs"), fontsize=10)
    figure.suptitle(text("lesson04.epochs_title"), fontsize=12)
    return picture(figure, text("lesson04.epochs_alt"))


def draw_scenarios(found: Mapping) -> Picture:
    """What came first and what came last, a panel for each scenario."""
    figures.use()
    shown = found["scenarios"]
    figure, panels = plt.subplots(1, len(shown), figsize=(7.8, 3.3), sharey=True)
    for axes, scenario, first, last in zip(
        panels, shown, found["first"], found["last"], strict=True
    ):
        for (group, colour, marker), runs in zip(GROUPS, (first, last), strict=True):
            for k, values in enumerate(runs):
                place = k + (0.12 if group == "new" else -0.12)
                name = text(f"lesson04.came_{group}") if k == 0 else None
                look: dict[str, Any] = {"marker": marker, "label": name}
                figures.mark_mean(axes, place, interval(values, share=True), color=colour, **look)
        names = [text(f"lesson04.short_{method}") for method in found["methods"]]
        axes.set_xticks(range(len(names)), names, fontsize=9)
        axes.set_title(text(f"lesson04.scenario_{scenario}"), fontsize=11)
        axes.set(xlim=(-0.5, len(names) - 0.5), ylim=(-0.05, 1.05))
        axes.yaxis.set_major_formatter(PercentFormatter(1))
    panels[0].set_ylabel(text("lesson04.accuracy_bar"), linespacing=1.5)
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9
    )
    figure.suptitle(text("lesson04.scenarios_title"), fontsize=12)
    return picture(figure, text("lesson04.scenarios_alt"))


def draw_easy_and_hard(easy: Mapping, hard: Mapping, frozen: Mapping) -> Picture:
    """Mean accuracy over old and new classes, a panel for each task, with intervals.

    frozen: {task: accuracy of a head on all data, a seed}.
    """
    figures.use()
    figure, panels = plt.subplots(1, 2, figsize=(7.6, 3.0), sharey=True)
    shown = ("nearest_mean", "replay", "frozen", "joint")
    for axes, found in zip(panels, (easy, hard), strict=True):
        for k, name in enumerate(shown):
            runs = frozen[found["task"]] if name == "frozen" else average(found, name)
            point = interval(runs, share=True)
            figures.mark_mean(axes, k, point, **LOOKS[name])
            beside = {"xytext": (9, -4), "textcoords": "offset points"}
            axes.annotate(f"{point.mean:.0%}", (k, point.mean), **beside)
        chance = 1 / found["settings"]["classes"]
        axes.axhline(chance, color=figures.GREY, linestyle=":", label=text("lesson04.guessing"))
        names = [text(f"lesson04.short_{name}") for name in shown]
        axes.set_xticks(range(len(shown)), names, fontsize=10)
        axes.set_title(text(f"lesson04.task_{found['task']}"))
        axes.set(xlim=(-0.4, len(shown) - 0.3), ylim=(0, 1.05))  # room for the last number
        axes.yaxis.set_major_formatter(PercentFormatter(1))
    panels[0].set_ylabel(text("lesson04.five_classes"), linespacing=1.5)
    panels[0].legend(loc="lower left", fontsize=9)
    return picture(figure, text("lesson04.hard_alt"))


def average(found: Mapping, method: str) -> list[float]:
    """Mean accuracy over five classes, three old and two new, one value a seed."""
    i = found["methods"].index(method)
    pairs = zip(found["old"][i], found["new"][i], strict=True)
    return [(3 * old + 2 * new) / 5 for old, new in pairs]


def matrices(stream: Mapping, method: str) -> list[Tensor]:
    """R of each seed, (steps, steps): accuracy on group j after step i, nan where not met."""
    steps = stream["steps"]
    found = []
    for run in stream["per_class"][stream["methods"].index(method)]:
        accuracy = torch.tensor([[torch.nan if a is None else a for a in row] for row in run])
        found.append(torch.stack([part.mean(1) for part in accuracy.split(steps, 1)], 1))
    return found


def draw_matrices(accuracy: Mapping[str, Tensor]) -> Picture:
    """The matrix R of each method, as numbers on colours; {method: (steps, steps)}."""
    figures.use()
    figure, panels = plt.subplots(1, len(accuracy), figsize=(7.4, 3.8))
    for axes, (method, matrix) in zip(panels, accuracy.items(), strict=True):
        axes.imshow(matrix, vmin=0, vmax=1)
        for i, j in torch.tril_indices(len(matrix), len(matrix)).T.tolist():
            value = float(matrix[i, j])
            colour = "white" if value < 0.5 else "black"
            axes.text(j, i, f"{value:.0%}", ha="center", va="center", color=colour, fontsize=9)
        ticks = range(len(matrix))
        axes.set_xticks(ticks, [t + 1 for t in ticks])
        axes.set_yticks(ticks, [t + 1 for t in ticks])
        axes.grid(False)
        axes.set_title(text(f"lesson04.{method}"), fontsize=11)
        axes.set(xlabel=text("lesson04.group"), ylabel=text("lesson04.after_step"))
    figure.suptitle(text("lesson04.matrices_title"), fontsize=12)
    return picture(figure, text("lesson04.matrices_alt"))


def draw_stream(stream: Mapping) -> Picture:
    """Mean accuracy over all groups met so far, after each step."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.4, 4.2))
    steps = list(range(1, len(stream["steps"]) + 1))
    for method in stream["methods"]:
        runs = torch.stack([met_so_far(matrix) for matrix in matrices(stream, method)], 1)
        figures.error_band(axes, steps, runs.tolist(), text(f"lesson04.{method}"), **LOOKS[method])
    axes.set_xticks(steps)
    axes.set(xlabel=text("lesson04.after_step"), ylim=(0, 1.05))
    axes.set_ylabel(text("lesson04.so_far"), linespacing=1.5)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    axes.set_title(text("lesson04.stream_title"))
    return picture(figure, text("lesson04.stream_alt"))


def met_so_far(accuracy: Tensor) -> Tensor:
    """After each step the mean over the groups met by then, (steps,)."""
    return torch.stack([row[: i + 1].mean() for i, row in enumerate(accuracy)])


def draw_real(found: Mapping[str, Mapping]) -> Picture:
    """The stream of real pictures, a panel for each set: as experiment 04_real stores it."""
    figures.use()
    figure, panels = plt.subplots(1, len(found), figsize=(7.8, 4.1), sharey=True)
    looks = LOOKS | {
        kind: {"color": colour, "marker": marker, "linestyle": "--"}
        for kind, colour, marker in (("random", figures.GREY, "s"), ("pixels", figures.SKY, "^"))
    }
    for axes, (name, curves) in zip(panels, found.items(), strict=True):
        for method in ("joint", "replay", "nearest_mean", "random", "pixels", "kept_rows"):
            steps = [int(step) for step in curves[method]]
            runs, label = list(curves[method].values()), text(f"lesson04.real_{method}")
            figures.error_band(axes, steps, runs, label, **looks[method])
        axes.set_xticks(steps)
        each = curves["steps"][0]
        chance = [1 / (each * step) for step in steps]
        axes.plot(steps, chance, color=figures.GREY, linestyle=":", label=text("lesson04.guessing"))
        axes.set_title(text(f"lesson04.real_{name}", each=each, labels=curves["labels"]))
        axes.set(xlabel=text("lesson04.after_step"), ylim=(0, 1.05))
        axes.yaxis.set_major_formatter(PercentFormatter(1))
    panels[0].set_ylabel(text("lesson04.so_far"), linespacing=1.5)
    handles = panels[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3, fontsize=9)
    figure.suptitle(text("lesson04.real_title"), fontsize=12)
    return picture(figure, text("lesson04.real_alt"))
