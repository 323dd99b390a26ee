"""Figures of lesson 03: each says its finding in its title and holds every line it mentions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MultipleLocator, PercentFormatter

from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.figures import METHODS
from tlhelpers.show.plots import Picture, picture
from tlhelpers.transfer.intervals import interval

CHANCE = 0.2  # five kinds of surface
# each way in its colour and marker, those that other lessons know in theirs
LOOK: dict[str, dict[str, Any]] = {
    "frozen": METHODS["probe"],
    "tuned": METHODS["fine_tune"],
    "scratch": METHODS["scratch"],
    "free": {"color": figures.ORANGE, "marker": "v"},
    "discriminative": {"color": figures.GREEN, "marker": "^"},
    "gradual": {"color": figures.PURPLE, "marker": "P"},
    "l2_sp": {"color": figures.SKY, "marker": "X"},
}
MEASURES: dict[str, dict[str, Any]] = {  # what is measured after a training
    "accuracy": METHODS["fine_tune"],
    "night": {"color": figures.INK, "marker": "D", "linestyle": "-."},
    "source": {"color": figures.GREEN, "marker": "^"},
}
BESIDE = {  # where the rates of a way stand beside its dots, in points
    "tuned": (8, 4),
    "discriminative": (0, -20),
    "gradual": (-5, -17),
    "l2_sp": (0, -27),
}
HALO = [withStroke(linewidth=3, foreground="white")]  # letters stay legible on a line
TITLE = {"fontsize": 12}


def draw_win(knobs: Mapping[str, Mapping], live: Mapping[str, float]) -> Picture:
    """Frozen and fine-tuned on the same pictures; live: today's accuracy of a step, as a ring."""
    return _draw_steps(knobs, ("frozen", "rate"), "win", live)


def draw_knobs(knobs: Mapping[str, Mapping], live: Mapping[str, float]) -> Picture:
    """The whole way from the frozen body to the full recipe, with scratch beside it."""
    steps = ("frozen", "rate", "clip", "flips", "recipe", "scratch")
    return _draw_steps(knobs, steps, "knobs", live, on="test", gains=True)


def draw_checked(knobs: Mapping[str, Mapping], stable: Mapping[str, Mapping]) -> Picture:
    """The recipe and scratch again under other settings, a row each; the frozen body is a line.

    stable has fewer draws than knobs, and every row shows these.
    """
    figures.use()
    draws = len(stable["half"]["accuracy"])
    told = {
        step: {"accuracy": knobs[step]["accuracy"][:draws]}
        for step in ("recipe", "scratch", "frozen")
    }
    rows: dict[str, tuple[Mapping, Mapping]] = {"full": (told["recipe"], told["scratch"])}
    for setting in ("half", "three_times", "unclipped", "adamw"):
        rows[setting] = (stable[setting], stable[f"scratch_{setting}"])
    figure, axes = plt.subplots(figsize=(7.4, 1.6 + 0.55 * len(rows)))
    for row, both in enumerate(rows.values()):
        for way, runs, side in zip(("tuned", "scratch"), both, (-0.14, 0.14), strict=True):
            span = interval(runs["accuracy"], share=True)
            label = text(f"lesson03.way_{way}") if row == 0 else None
            figures.mark_mean(axes, row + side, span, across=True, label=label, **LOOK[way])
            axes.text(1.015, row + side, f"{span.mean:.0%}", va="center", fontsize=9)
    _frozen(axes, told["frozen"], upright=True)
    _chance(axes, upright=True)
    axes.set_yticks(range(len(rows)), [text(f"lesson03.step_{setting}") for setting in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0.1, 1.0)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel(text("lesson03.test_accuracy", draws=draws))
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    axes.set_title(text("lesson03.sure_title"), **TITLE)
    return picture(figure, text("lesson03.sure_alt"))


def _draw_steps(
    found: Mapping[str, Mapping],
    steps: Sequence[str],
    title: str,
    live: Mapping[str, float] | None = None,
    on: str = "valid",
    gains: bool = False,
) -> Picture:
    """Test accuracy of each step, a row each, with its 95% interval; guessing is dotted.

    found: runs by name, as 03_knobs stores them. title: names the sentence of the finding.
    on: the data, "valid" or "test", on which `live` was measured. gains: whether to write the
    points that each row gains on the one above; scratch is no step and stands apart.
    """
    figures.use()
    live = live or {}
    means = {step: interval(found[step]["accuracy"]).mean for step in steps}
    figure, axes = plt.subplots(figsize=(7.4, 1.3 + 0.46 * len(steps)))
    for row, step in enumerate(steps):
        span = interval(found[step]["accuracy"], share=True)
        figures.mark_mean(axes, row, span, across=True, **_look(step))
        axes.text(1.015, row, f"{span.mean:.0%}", va="center")
        if gains and row and step != "scratch":
            gain = 100 * (span.mean - means[steps[row - 1]])
            axes.text(1.1, row, f"{gain:+.0f}", va="center")
        if step in live:
            axes.plot(live[step], row, "o", color=figures.INK, fillstyle="none", markersize=10)
    axes.set_yticks(range(len(steps)), [text(f"lesson03.step_{step}") for step in steps])
    axes.set_ylim(len(steps) - 0.5, -0.5)
    if gains:
        axes.text(1.1, -0.5, text("lesson03.points"), va="bottom", fontsize=9)
        axes.axhline(len(steps) - 1.5, color=figures.INK, linewidth=1)
    _chance(axes, upright=True)
    if live:
        label = text(f"lesson03.today_{on}")
        axes.plot([], [], "o", color=figures.INK, fillstyle="none", markersize=10, label=label)
    axes.set_xlim(0.1, 1.0)
    axes.xaxis.set_major_locator(MultipleLocator(0.1))
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    draws = len(found[steps[0]]["accuracy"])
    axes.set_xlabel(text("lesson03.test_accuracy", draws=draws))
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    values = {step: f"{mean:.0%}" for step, mean in means.items()}
    axes.set_title(text(f"lesson03.{title}_title", **values), **TITLE)
    return picture(figure, text("lesson03.steps_alt"))


def _look(step: str) -> dict[str, Any]:
    """The look of the way that a step belongs to."""
    return LOOK.get("scratch" if step.startswith("scratch") else step, LOOK["tuned"])


def draw_rates(grid: Mapping) -> Picture:
    """Test accuracy over the learning rate, without and with clipping, as 03_rates stores it."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.0, 4.1))
    for way, look in (("free", LOOK["free"]), ("clipped", LOOK["tuned"])):
        values = [runs["accuracy"] for runs in grid[way]]
        figures.error_band(axes, grid["rates"], values, text(f"lesson03.rates_{way}"), **look)
    _frozen(axes, grid["frozen"])
    _chance(axes)
    _rate_axis(axes, grid["rates"])
    axes.set_ylabel(text("lesson03.accuracy"))
    figure.legend(loc="outside lower center", ncols=4, fontsize=9)
    axes.set_title(text("lesson03.clip_title"), **TITLE)
    return picture(figure, text("lesson03.clip_alt"))


def draw_depths(found: Mapping, frozen: Mapping) -> Picture:
    """Three test accuracies against the stages that are trained, the head alone to everything.

    frozen: the runs of the linear probe, a level line.
    """
    figures.use()
    figure, axes = plt.subplots(figsize=(7.0, 4.1))
    places = range(len(found["depths"]))
    for measure, look in MEASURES.items():
        values = [runs[measure] for runs in found["runs"]]
        figures.error_band(axes, places, values, text(f"lesson03.price_{measure}"), **look)
    _frozen(axes, frozen, label=text("lesson03.depths_frozen"))
    _chance(axes)
    axes.set_xticks(places, [depth_name(depth) for depth in found["depths"]])
    axes.set_xlabel(text("lesson03.trained_from"))
    axes.set_ylabel(text("lesson03.accuracy"))
    _percent(axes)
    figure.legend(loc="outside lower center", ncols=3, fontsize=9, handlelength=3.5)
    axes.set_title(text("lesson03.depths_title"), **TITLE)
    return picture(figure, text("lesson03.depths_alt"))


def draw_labels(found: Mapping[str, Mapping]) -> Picture:
    """Frozen and fine-tuned over the number of labels, for surfaces and for birds."""
    figures.use()
    figure, panels = plt.subplots(1, 2, figsize=(8.4, 3.9), sharey=True)
    for axes, (task, curves) in zip(panels, found.items(), strict=True):
        for way in ("frozen", "tuned"):
            label = text(f"lesson03.way_{way}")
            figures.error_band(axes, curves["labels"], curves[way], label, **LOOK[way])
        _write_gains(axes, curves)
        _chance(axes, CHANCE if task == "surfaces" else 0.1)
        axes.set_xscale("log")
        axes.set_xticks(curves["labels"], [str(count) for count in curves["labels"]])
        axes.minorticks_off()
        axes.set_xlabel(text("lesson03.labels_each"))
        axes.set_title(text(f"lesson03.labels_{task}"), **TITLE)
    _percent(panels[0])
    panels[0].set_ylabel(text("lesson03.accuracy"))
    entries = panels[0].get_legend_handles_labels()
    figure.legend(*entries, loc="outside lower center", ncols=3, fontsize=9)
    return picture(figure, text("lesson03.labels_alt"))


def _write_gains(axes: Axes, curves: Mapping) -> None:
    """How many points fine-tuning gains over the frozen body, below that one's line."""
    counts = curves["labels"]
    for count, frozen, tuned in zip(counts, curves["frozen"], curves["tuned"], strict=True):
        gain = interval(100 * (after - before) for before, after in zip(frozen, tuned, strict=True))
        name = "gain" if gain.low > 0 else "unsure"
        says = text(f"lesson03.labels_{name}", gain=f"{gain.mean:.0f}")
        side, below = ("right", -18) if count == counts[-1] else ("left", -10)
        look: dict[str, Any] = {"ha": side, "va": "top", "fontsize": 9}
        spot = (count, fmean(frozen))
        axes.annotate(says, spot, (0, below), textcoords="offset points", **look)


def draw_price(knobs: Mapping[str, Mapping]) -> Picture:
    """What the recipe costs, and what relight gives back in dim light."""
    steps = {step: step for step in ("frozen", "recipe", "relight")}
    return _draw_three(knobs, steps, "price")


def draw_heads(knobs: Mapping[str, Mapping]) -> Picture:
    """The recipe from the head of the linear probe, and from a random one."""
    steps = {"frozen": "frozen", "recipe": "probe_head", "random_head": "random_head"}
    return _draw_three(knobs, steps, "heads")


def _draw_three(knobs: Mapping[str, Mapping], steps: Mapping[str, str], title: str) -> Picture:
    """Three accuracies after each step: the new task, the same in dim light, and the source.

    steps: the name of its sentence (short_...) for each step of 03_knobs.
    """
    figures.use()
    figure, panels = plt.subplots(1, 3, figsize=(8.4, 3.5), sharey=True)
    for axes, measure in zip(panels, ("accuracy", "night", "source"), strict=True):
        for place, step in enumerate(steps):
            span = interval(knobs[step][measure], share=True)
            figures.mark_mean(axes, place, span, **_look(step))
            axes.annotate(
                f"{span.mean:.0%}", (place, span.mean), (9, -4), textcoords="offset points"
            )
        names = [text(f"lesson03.short_{name}") for name in steps.values()]
        axes.set_xticks(range(len(steps)), names, fontsize=9)
        axes.set_xlim(-0.5, len(steps) - 0.2)
        axes.set_title(text(f"lesson03.price_{measure}"), fontsize=11)
        if measure != "source":
            _chance(axes)
    _percent(panels[0])
    panels[0].set_ylabel(text("lesson03.accuracy_bars"))
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", fontsize=9)
    figure.suptitle(text(f"lesson03.{title}_title"), x=0.02, ha="left", **TITLE)
    return picture(figure, text("lesson03.price_alt"))


def draw_frontier(rates: Mapping, ways: Mapping[str, Mapping]) -> Picture:
    """Accuracy on the source against that on the new task, a line for each way to go gently.

    rates: what 03_rates stores ("clipped" is one rate everywhere). ways: what 03_ways stores.
    """
    figures.use()
    figure, axes = plt.subplots(figsize=(6.8, 4.9))

    def at(runs: Mapping) -> tuple[float, float]:
        return fmean(runs["accuracy"]), fmean(runs["source"])

    def cross(runs: Mapping, way: str) -> None:
        spans = [interval(runs[measure], share=True) for measure in ("accuracy", "source")]
        (x, y), look = at(runs), {"color": LOOK[way]["color"], "alpha": 0.4, "linewidth": 1.5}
        axes.plot([spans[0].low, spans[0].high], [y, y], **look)
        axes.plot([x, x], [spans[1].low, spans[1].high], **look)

    uniform = zip(rates["rates"], rates["clipped"], strict=True)
    lines = {"tuned": {str(rate): runs for rate, runs in uniform if rate <= 0.3}, **ways}
    for way, by_rate in lines.items():
        label = text(f"lesson03.frontier_{way}")
        x, y = zip(*map(at, by_rate.values()), strict=True)
        axes.plot(x, y, markersize=8, label=label, **LOOK[way])
        for runs in by_rate.values():
            cross(runs, way)
        for rate, spot in zip(by_rate, zip(x, y, strict=True), strict=True):
            across = BESIDE[way][0]
            side = "left" if across > 0 else "right" if across < 0 else "center"
            look = {"color": figures.INK, "ha": side, "fontsize": 10, "path_effects": HALO}
            axes.annotate(rate, spot, BESIDE[way], textcoords="offset points", **look)
    cross(rates["frozen"], "frozen")
    start = at(rates["frozen"])
    label = text("lesson03.step_frozen")
    axes.plot(*start, linestyle="none", markersize=10, label=label, **LOOK["frozen"])
    axes.set_xlabel(text("lesson03.new_accuracy", draws=len(rates["frozen"]["accuracy"])))
    axes.set_ylabel(text("lesson03.source_accuracy"))
    axes.xaxis.set_major_locator(MultipleLocator(0.05))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    axes.set_title(text("lesson03.frontier_title"), **TITLE)
    return picture(figure, text("lesson03.frontier_alt"))


def draw_real(found: Mapping) -> Picture:
    """Real photos and a real network: accuracy of each way, and the gain in each draw."""
    figures.use()
    figure, (axes, gains) = plt.subplots(1, 2, figsize=(8.4, 3.9), width_ratios=(3, 2))
    for way in ("frozen", "tuned"):
        label = text(f"lesson03.way_{way}")
        figures.error_band(axes, found["labels"], found[way], label, **LOOK[way])
    _chance(axes)
    _percent(axes)
    axes.set_ylabel(text("lesson03.accuracy"))
    gains.axhline(0, color=figures.INK, linewidth=1)
    for count, frozen, tuned in zip(found["labels"], found["frozen"], found["tuned"], strict=True):
        points = [100 * (after - before) for before, after in zip(frozen, tuned, strict=True)]
        gains.plot([count] * len(points), points, linestyle="none", **LOOK["tuned"])
    gains.yaxis.set_major_locator(MultipleLocator(2))
    gains.set_ylabel(text("lesson03.real_points"))
    gains.set_title(text("lesson03.real_gain"), fontsize=11)
    for panel in (axes, gains):
        panel.set_xscale("log")
        panel.set_xlim(found["labels"][0] / 1.5, found["labels"][-1] * 1.5)
        panel.set_xticks(found["labels"], [str(count) for count in found["labels"]])
        panel.minorticks_off()
        panel.set_xlabel(text("lesson03.labels_each"))
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9
    )
    figure.suptitle(text("lesson03.real_title"), x=0.02, ha="left", **TITLE)
    return picture(figure, text("lesson03.real_alt"))


def depth_name(depth: str) -> str:
    """What the learner reads for a depth: "layer3 on", "head only" or "all"."""
    if depth in ("head", "all"):
        return text(f"lesson03.depth_{depth}")
    return text("lesson03.depth_from", stage=depth)


def _frozen(axes: Axes, runs: Mapping, upright: bool = False, label: str | None = None) -> None:
    level, line = interval(runs["accuracy"]).mean, axes.axvline if upright else axes.axhline
    line(level, color=figures.BLUE, linestyle="--", label=label or text("lesson03.step_frozen"))


def _chance(axes: Axes, level: float = CHANCE, upright: bool = False) -> None:
    line = axes.axvline if upright else axes.axhline
    line(level, color=figures.INK, linestyle=":", linewidth=1.5, label=text("lesson03.chance"))


def _rate_axis(axes: Axes, rates: Sequence[float]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(rates, [f"{rate:g}" for rate in rates])
    axes.minorticks_off()
    axes.set_xlabel(text("lesson03.rate"))
    _percent(axes)


def _percent(axes: Axes) -> None:
    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
