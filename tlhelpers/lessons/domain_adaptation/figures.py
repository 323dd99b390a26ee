"""Figures of lesson 08: each says its finding in its title and holds every line it mentions.

`swarm_at_dusk` is here for the lesson's cells: the pictures of its label shift.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from torch import nn

from tlhelpers.lessons.domain_adaptation.steps import swarm_at_dusk
from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.plots import Picture, picture
from tlhelpers.transfer.intervals import interval

__all__ = ["swarm_at_dusk"]

CHANCE = 0.1  # ten kinds of fish
LOOK: dict[str, dict[str, Any]] = {  # each way in its colour and marker
    "before": {"color": figures.GREY, "marker": "v"},
    "mean": {"color": figures.ORANGE, "marker": "P"},
    "coral": {"color": figures.PURPLE, "marker": "D"},
    "adabn": {"color": figures.BLUE, "marker": "o"},
    "balanced": {"color": figures.GREEN, "marker": "s"},
    "prior": {"color": figures.VERMILION, "marker": "^"},
    "adabn_prior": {"color": figures.SKY, "marker": "X"},
    "mmd": {"color": figures.GREEN, "marker": "s"},
    "dann": {"color": figures.VERMILION, "marker": "^"},
    "tent": {"color": figures.BLUE, "marker": "o"},
    "entropy": {"color": figures.VERMILION, "marker": "s"},
    "labels": {"color": figures.VERMILION, "marker": "s"},
    "letters": {"color": figures.BLACK, "marker": "X"},
}
WAYS = ("before", "mean", "coral", "adabn")
LEGEND = {"fontsize": 9, "frameon": True, "facecolor": "white", "edgecolor": "none"}
LABEL = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}  # no line crosses the number


def draw_win(styles: Mapping, live: Mapping[str, float]) -> Picture:
    """Fish by day, by night, and by night after AdaBN. live: today's "day", "before", "adabn"."""
    figures.use()
    rows = {
        "day": (styles["photo"]["before"], "before"),
        "before": (styles["night"]["before"], "before"),
        "adabn": (styles["night"]["adabn"], "adabn"),
    }
    figure, axes = plt.subplots(figsize=(7.4, 2.9))
    for row, (name, (runs, way)) in enumerate(rows.items()):
        _mark(axes, row, runs, way)
        if name in live:
            axes.plot(live[name], row, "o", color=figures.INK, fillstyle="none", markersize=11)
    axes.set_yticks(range(len(rows)), [text(f"lesson08.row_{name}") for name in rows])
    _across(axes, len(rows))
    axes.plot([], [], "o", color=figures.INK, fillstyle="none", label=text("lesson08.today"))
    axes.set_xlabel(text("lesson08.accuracy_draws", draws=len(styles["night"]["before"])))
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    axes.set_title(text("lesson08.win_title", **_means({n: r for n, (r, _) in rows.items()})))
    return picture(figure, text("lesson08.win_alt"))


def draw_layers(model: nn.Module, adapted: nn.Module) -> Picture:
    """How far the mean of BatchNorm's channels moved between two networks, layer by layer."""
    figures.use()
    pairs = [
        (name, old, new)
        for (name, old), new in zip(model.named_modules(), adapted.modules(), strict=True)
        if isinstance(old, nn.BatchNorm2d)
    ]
    moved = [
        (new.running_mean - old.running_mean) / (old.running_var + old.eps).sqrt()
        for _, old, new in pairs
    ]
    spread = [((n.running_var + n.eps) / (o.running_var + o.eps)).sqrt() for _, o, n in pairs]
    names = [name for name, _, _ in pairs]
    figure, panels = plt.subplots(1, 2, figsize=(7.6, 3.8), sharey=True)
    looks = ((moved, 0.0, figures.BLUE, "mean"), (spread, 1.0, figures.ORANGE, "spread"))
    for axes, (values, same, colour, key) in zip(panels, looks, strict=True):
        for row, channels in enumerate(values):
            axes.plot(channels, [row] * len(channels), "|", color=colour, markersize=9, alpha=0.5)
            middle = channels.median().item()
            axes.plot(middle, row, "D", color=figures.INK, markersize=6)
        axes.axvline(same, color=figures.INK, linestyle=":", linewidth=1.5)
        axes.set_xlabel(text(f"lesson08.layers_{key}"))
    panels[0].set_xlim(-2.5, 2.5)
    panels[1].set_xlim(0, 1.6)
    panels[0].set_yticks(range(len(names)), names, fontsize=9)
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    panels[1].plot([], [], "|", color=figures.GREY, label=text("lesson08.layers_channel"))
    panels[1].plot([], [], "D", color=figures.INK, label=text("lesson08.layers_median"))
    panels[1].plot([], [], ":", color=figures.INK, label=text("lesson08.layers_same"))
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    figure.suptitle(text("lesson08.layers_title"), x=0.02, ha="left", fontsize=12)
    return picture(figure, text("lesson08.layers_alt"))


def draw_pool(found: Mapping) -> Picture:
    """AdaBN by the number of unlabelled pictures, and by the share of one species among 100."""
    figures.use()
    figure, panels = plt.subplots(1, 2, figsize=(8.4, 3.7), sharey=True)
    look, label = LOOK["adabn"], text("lesson08.way_adabn")
    figures.error_band(panels[0], found["counts"], found["by_count"], label, **look)
    panels[0].set_xscale("log", base=2)
    panels[0].set_xticks(found["counts"], [str(count) for count in found["counts"]])
    panels[0].minorticks_off()
    figures.error_band(panels[1], found["shares"], found["by_share"], label, **look)
    panels[1].set_xticks(found["shares"], [f"{share:.0%}" for share in found["shares"]])
    for axes, key in zip(panels, ("counts", "shares"), strict=True):
        _level(axes, found["before"], "before")
        _chance(axes)
        axes.set_xlabel(text(f"lesson08.pool_{key}"))
        axes.set_title(text(f"lesson08.pool_{key}_title"), fontsize=11)
    _percent(panels[0])
    panels[0].set_ylabel(text("lesson08.accuracy"))
    panels[0].legend(loc="lower right", **LEGEND)
    return picture(figure, text("lesson08.pool_alt"))


def draw_ways(styles: Mapping) -> Picture:
    """Before, mean, CORAL and AdaBN for each look; a dashed line is the accuracy by day."""
    figures.use()
    figure, panels = plt.subplots(1, 3, figsize=(8.8, 3.6), sharey=True)
    for axes, style in zip(panels, ("night", "faded", "sketch"), strict=True):
        found = styles[style]
        for place, way in enumerate(WAYS):
            span = interval(found[way], share=True)
            figures.mark_mean(axes, place, span, **LOOK[way])
            axes.annotate(
                f"{span.mean:.0%}",
                (place, span.mean),
                (7, -4),
                textcoords="offset points",
                fontsize=9,
            )
        _level(axes, styles["photo"]["before"], "day")
        _chance(axes)
        names = [text(f"lesson08.short_{way}") for way in WAYS]
        axes.set_xticks(range(len(WAYS)), names, fontsize=9)
        axes.set_xlim(-0.5, len(WAYS) - 0.1)
        axes.set_title(text(f"lesson08.style_{style}"), fontsize=11)
    _percent(panels[0])
    panels[0].set_ylabel(text("lesson08.accuracy_bars"))
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9
    )
    figure.suptitle(text("lesson08.ways_title"), x=0.02, ha="left", fontsize=12)
    return picture(figure, text("lesson08.ways_alt"))


def draw_shift(found: Mapping) -> Picture:
    """Fish at dusk, all species alike and while one swarms: before, AdaBN, and on equal shares."""
    figures.use()
    figure, panels = plt.subplots(1, 2, figsize=(8.0, 3.5), sharey=True)
    dusk = found["fish"]["0.5"]
    parts = {"even": ("before", "adabn"), "swarm": ("before", "adabn", "balanced")}
    for axes, (part, ways) in zip(panels, parts.items(), strict=True):
        _upright(axes, dusk[part], ways)
        _chance(axes)
        axes.set_title(text(f"lesson08.shift_{part}"), fontsize=11)
    _percent(panels[0])
    panels[0].set_ylabel(text("lesson08.accuracy_bars"))
    panels[0].legend(loc="lower right", **LEGEND)
    return picture(figure, text("lesson08.shift_alt"))


def draw_remedies(found: Mapping) -> Picture:
    """What helps where the shares changed: a balanced pool at dusk, new priors on the line."""
    figures.use()
    figure, panels = plt.subplots(1, 2, figsize=(8.4, 3.5), sharey=True)
    parts = (
        (found["fish"]["0.5"]["swarm"], ("before", "adabn", "adabn_prior", "balanced"), "swarm"),
        (found["surfaces"]["line"], ("before", "adabn", "adabn_prior", "prior"), "line"),
    )
    for axes, (runs, ways, key) in zip(panels, parts, strict=True):
        _upright(axes, runs, ways)
        axes.set_title(text(f"lesson08.remedy_{key}"), fontsize=11)
    _percent(panels[0])
    panels[0].set_ylabel(text("lesson08.accuracy_bars"))
    return picture(figure, text("lesson08.remedies_alt"))


def _upright(axes: Axes, runs: Mapping, ways: Sequence[str]) -> None:
    for place, way in enumerate(ways):
        span = interval(runs[way], share=True)
        figures.mark_mean(axes, place, span, **LOOK[way])
        axes.annotate(f"{span.mean:.0%}", (place, span.mean), (9, -4), textcoords="offset points")
    axes.set_xticks(range(len(ways)), [text(f"lesson08.short_{way}") for way in ways], fontsize=9)
    axes.set_xlim(-0.5, len(ways) - 0.3)


def draw_real(found: Mapping) -> Picture:
    """Digits of two collections, and photos in the dark, with the ways of the drawn fish."""
    figures.use()
    figure, panels = plt.subplots(1, 3, figsize=(8.8, 3.8), sharey=True)
    for axes, pair in zip(panels, found["digits"], strict=False):
        runs = found["digits"][pair]
        _upright(axes, runs, WAYS)
        _level(axes, runs["source"], "day")
        axes.set_title(text(f"lesson08.real_{pair}"), fontsize=11)
    photos = found["photos"]
    lights = list(photos)
    for way in WAYS:
        runs = [photos[light][way] for light in lights]
        figures.error_band(
            panels[2], range(len(lights)), runs, **LOOK[way], label=text(f"lesson08.way_{way}")
        )
    panels[2].set_xticks(range(len(lights)), [f"{float(light):.0%}" for light in lights])
    panels[2].set_xlabel(text("lesson08.light"))
    panels[2].set_title(text("lesson08.real_photos"), fontsize=11)
    _percent(panels[0])
    panels[0].set_ylabel(text("lesson08.accuracy_bars"))
    figure.legend(
        *panels[2].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=9
    )
    figure.suptitle(text("lesson08.real_title"), x=0.02, ha="left", fontsize=12)
    return picture(figure, text("lesson08.real_alt"))


def draw_texts(found: Mapping) -> Picture:
    """Learned in English, used in Japanese: spam at the left, enquiries at the right."""
    figures.use()
    figure, panels = plt.subplots(1, 2, figsize=(8.8, 3.9), sharey=True)
    ways = ("letters", "before", "mean", "coral", "labels")
    for axes, (task, readers) in zip(panels, found.items(), strict=True):
        runs = {**readers["e5"], "letters": readers["letters"]["before"]}
        for place, way in enumerate(ways):
            span = interval(runs[way], share=True)
            figures.mark_mean(axes, place, span, **LOOK[way])
            beside = (place, span.mean), (8, -4)
            look = {"textcoords": "offset points", "fontsize": 9, "bbox": LABEL}
            axes.annotate(f"{span.mean:.0%}", *beside, **look)
        axes.set_xticks(range(5), [text(f"lesson08.text_{way}") for way in ways], fontsize=9)
        axes.set_xlim(-0.5, 4.7)
        _level(axes, runs["home"], "home")
        guess = {"spam": 1 / 2, "enquiries": 1 / 6}[task]
        axes.axhline(guess, color=figures.INK, linestyle=":", label=text("lesson08.chance"))
        axes.set_title(text(f"lesson08.texts_{task}"), fontsize=11)
    _percent(panels[0])
    panels[0].set_ylabel(text("lesson08.accuracy_bars"))
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.suptitle(text("lesson08.texts_title"), x=0.02, ha="left", fontsize=12)
    return picture(figure, text("lesson08.texts_alt"))


def draw_tent(found: Mapping) -> Picture:
    """TENT over its rate: accuracy, and the entropy that it lowers, by night and on sketches."""
    figures.use()
    figure, panels = plt.subplots(1, 2, figsize=(8.6, 3.8), sharey=True)
    rates = found["rates"]
    for axes, style in zip(panels, ("night", "sketch"), strict=True):
        runs = found[style]["tent"]
        accuracy = [one["accuracy"] for one in runs]
        figures.error_band(axes, rates, accuracy, text("lesson08.way_tent"), **LOOK["tent"])
        _level(axes, found[style]["adabn"]["accuracy"], "adabn")
        _chance(axes)
        beside = axes.twinx()
        sure = [fmean(one["entropy"]) for one in runs]
        beside.plot(rates, sure, label=text("lesson08.entropy"), **LOOK["entropy"])
        beside.set_ylim(0, 0.6)
        beside.grid(False)
        if axes is panels[1]:
            beside.set_ylabel(text("lesson08.entropy"))
        else:
            beside.set_yticklabels([])
        axes.set_xscale("log")
        axes.set_xticks(rates, [f"{rate:g}" for rate in rates])
        axes.minorticks_off()
        axes.set_xlabel(text("lesson08.rate"))
        axes.set_title(text(f"lesson08.style_{style}"), fontsize=11)
    _percent(panels[0])
    panels[0].set_ylabel(text("lesson08.accuracy"))
    handles, names = panels[0].get_legend_handles_labels()
    more, their = beside.get_legend_handles_labels()
    figure.legend(handles + more, names + their, loc="outside lower center", ncols=4, fontsize=9)
    figure.suptitle(text("lesson08.tent_title"), x=0.02, ha="left", fontsize=12)
    return picture(figure, text("lesson08.tent_alt"))


def draw_training(found: Mapping) -> Picture:
    """MMD and DANN over their strength, beside AdaBN alone, on fish by night."""
    figures.use()
    figure, axes = plt.subplots(figsize=(6.6, 3.6))
    places = range(len(found["strengths"]))
    for way in ("mmd", "dann"):
        label = text(f"lesson08.way_{way}")
        figures.error_band(axes, places, found[way], label, **LOOK[way])
    _level(axes, found["adabn"], "adabn")
    axes.set_xticks(places, [f"{strength:g}" for strength in found["strengths"]])
    axes.set_xlabel(text("lesson08.strength"))
    axes.set_ylabel(text("lesson08.accuracy"))
    axes.set(ylim=(0.8, 1.0), yticks=(0.8, 0.85, 0.9, 0.95, 1.0))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.legend(loc="lower right", **LEGEND)
    axes.set_title(text("lesson08.training_title"))
    return picture(figure, text("lesson08.training_alt"))


def draw_chosen(found: Mapping, style: str) -> Picture:
    """TENT's rate as four rules choose it, a row each, with the accuracy that they end at."""
    figures.use()
    rows = {rule: chosen(found, style, rule) for rule in ("paper", "entropy", "both", "oracle")}
    figure, axes = plt.subplots(figsize=(7.4, 3.1))
    for row, runs in enumerate(rows.values()):
        _mark(axes, row, runs, "tent")
    axes.set_yticks(range(len(rows)), [text(f"lesson08.rule_{rule}") for rule in rows])
    _across(axes, len(rows))
    axes.set_xlabel(text("lesson08.accuracy_draws", draws=len(rows["paper"])))
    axes.set_title(text("lesson08.chosen_title", **_means(rows)))
    return picture(figure, text("lesson08.chosen_alt"))


def chosen(found: Mapping, style: str, rule: str) -> list[float]:
    """The accuracy of each seed at the rate that the rule takes.

    rule: "paper" (0.001 always), "entropy" (the lowest), "both" (the highest entropy of the mean
    answer minus the mean entropy), "oracle" (the best accuracy, by labels of the target).
    """
    runs = found[style]["tent"]
    accuracies = []
    for seed in range(len(runs[0]["accuracy"])):
        scores = [_score(rule, one, seed, runs) for one in runs]
        accuracies.append(runs[scores.index(max(scores))]["accuracy"][seed])
    return accuracies


def _score(rule: str, one: Mapping, seed: int, runs: Sequence[Mapping]) -> float:
    if rule == "paper":
        return -runs.index(one)
    if rule == "entropy":
        return -one["entropy"][seed]
    return one["accuracy"][seed] if rule == "oracle" else one["spread"][seed] - one["entropy"][seed]


def _mark(axes: Axes, row: int, runs: Sequence[float], way: str) -> None:
    span = interval(runs, share=True)
    figures.mark_mean(axes, row, span, across=True, **LOOK[way])
    axes.text(1.015, row, f"{span.mean:.0%}", va="center", transform=axes.get_yaxis_transform())


def _means(rows: Mapping[str, Sequence[float]]) -> dict[str, str]:
    return {name: f"{fmean(runs):.0%}" for name, runs in rows.items()}


def _across(axes: Axes, rows: int) -> None:
    axes.set_ylim(rows - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.axvline(
        CHANCE, color=figures.INK, linestyle=":", linewidth=1.5, label=text("lesson08.chance")
    )


def _chance(axes: Axes) -> None:
    axes.axhline(
        CHANCE, color=figures.INK, linestyle=":", linewidth=1.5, label=text("lesson08.chance")
    )


def _level(axes: Axes, runs: Sequence[float], key: str) -> None:
    colour = LOOK["before"]["color"] if key in ("before", "day", "home") else LOOK["adabn"]["color"]
    axes.axhline(fmean(runs), color=colour, linestyle="--", label=text(f"lesson08.level_{key}"))


def _percent(axes: Axes) -> None:
    axes.set_ylim(0, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
