"""Figures of lesson 08: each says its finding in its title and holds every line it mentions.

`swarm_at_dusk` is here for the lesson's cells: the pictures of its label shift.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from torch import nn

from tlhelpers.lessons.domain_adaptation.steps import swarm_at_dusk
from tlhelpers.runtime.language import language, text
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
WAYS = ("before", "adabn")
ALL_WAYS = ("before", "mean", "coral", "adabn")
ONE_ANSWER: dict[str, Any] = {"color": figures.INK, "linestyle": ":", "linewidth": 1.5}
TODAY: dict[str, Any] = {  # a ring around today's run
    "color": figures.INK,
    "marker": "o",
    "linestyle": "none",
    "fillstyle": "none",
}
BREAK = {"en": " ", "ja": ""}  # in place of a line's end
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
            axes.plot(live[name], row, **TODAY, markersize=11)
    axes.set_yticks(range(len(rows)), [text(f"lesson08.row_{name}") for name in rows])
    _across(axes, len(rows))
    axes.plot([], [], **TODAY, label=text("lesson08.today"))
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
    stages = [name.split(".")[0] for name, _, _ in pairs]
    firsts = [stages.index(stage) for stage in dict.fromkeys(stages)]  # one name for its layers
    figure, panels = plt.subplots(1, 2, figsize=(7.6, 3.5), sharey=True)
    looks = ((moved, 0.0, figures.BLUE, "mean"), (spread, 1.0, figures.ORANGE, "spread"))
    for axes, (values, same, colour, key) in zip(panels, looks, strict=True):
        for row, channels in enumerate(values):
            axes.plot(channels, [row] * len(channels), "|", color=colour, markersize=8)
            middle = channels.median().item()
            axes.plot(middle, row, "D", color=figures.INK, markersize=6)
        axes.axvline(same, color=figures.INK, linestyle=":", linewidth=1.5)
        axes.set_xlabel(text(f"lesson08.layers_{key}"))
    panels[0].set_xlim(-2.5, 2.5)
    panels[1].set_xlim(0, 1.6)
    panels[0].set_yticks(firsts, dict.fromkeys(stages))
    panels[0].set_ylim(len(stages) - 0.5, -0.5)
    panels[1].plot([], [], "|", color=figures.GREY, label=text("lesson08.layers_channel"))
    panels[1].plot([], [], "D", color=figures.INK, label=text("lesson08.layers_median"))
    panels[1].plot([], [], ":", color=figures.INK, label=text("lesson08.layers_same"))
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    figure.suptitle(text("lesson08.layers_title"), x=0.02, ha="left", fontsize=12)
    return picture(figure, text("lesson08.layers_alt"))


def draw_pool(found: Mapping) -> Picture:
    """AdaBN by the number of unlabelled pictures, and by the share of one species among 100."""
    figures.use()
    figure, panels = plt.subplots(1, 2, figsize=(8.0, 3.4), sharey=True)
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
    _legend(figure, panels[0], 3)
    return picture(figure, text("lesson08.pool_alt"))


def draw_ways(styles: Mapping) -> Picture:
    """Before and after AdaBN for each look; a dashed line is the accuracy by day."""
    return _three_looks(styles, WAYS, "ways")


def draw_coral(styles: Mapping) -> Picture:
    """As `draw_ways`, with the ways that move the last features alone."""
    return _three_looks(styles, ALL_WAYS, "coral")


def _three_looks(styles: Mapping, ways: Sequence[str], key: str) -> Picture:
    figures.use()
    figure, panels = plt.subplots(1, 3, figsize=(8.8, 3.6), sharey=True)
    for axes, style in zip(panels, ("night", "faded", "sketch"), strict=True):
        _upright(axes, styles[style], ways)
        _level(axes, styles["photo"]["before"], "day")
        _chance(axes)
        axes.set_title(text(f"lesson08.style_{style}"), fontsize=11)
    _percent(panels[0])
    panels[0].set_ylabel(text("lesson08.accuracy_bars"))
    _legend(figure, panels[0], 2)
    figure.suptitle(text(f"lesson08.{key}_title"), x=0.02, ha="left", fontsize=12)
    return picture(figure, text(f"lesson08.{key}_alt"))


def draw_shift(found: Mapping, live: Mapping[str, float]) -> Picture:
    """Fish at dusk, all species alike and while one swarms: before, AdaBN, and on equal shares.

    live: today's "before" and "adabn" while one species swarms.
    """
    figures.use()
    figure, panels = plt.subplots(1, 2, figsize=(8.0, 3.6), sharey=True)
    dusk = found["fish"]["0.5"]
    parts = (
        ("even", dusk["even"], ("before", "adabn"), 0.1),
        ("swarm", dusk["swarm"], ("before", "adabn", "balanced"), 0.55),
    )
    for axes, (part, runs, ways, share) in zip(panels, parts, strict=True):
        _upright(axes, runs, ways)
        axes.axhline(share, **ONE_ANSWER, label=text("lesson08.one_answer"))
        axes.set_title(text(f"lesson08.shift_{part}"), fontsize=11)
    panels[1].plot(list(live.values()), **TODAY, markersize=11, label=text("lesson08.today"))
    _percent(panels[0])
    panels[0].set_ylabel(text("lesson08.accuracy_bars"))
    _legend(figure, panels[1], 2)
    return picture(figure, text("lesson08.shift_alt"))


def draw_remedies(found: Mapping) -> Picture:
    """The same five ways where light and shares have changed, and where the shares alone have."""
    figures.use()
    ways = ("before", "adabn", "balanced", "adabn_prior", "prior")
    figure, panels = plt.subplots(1, 2, figsize=(8.0, 3.2), sharey=True)
    parts = (
        ("swarm", found["fish"]["0.5"]["swarm"], 0.55),
        ("line", found["surfaces"]["line"], 0.8),
    )
    for axes, (key, runs, share) in zip(panels, parts, strict=True):
        for row, way in enumerate(ways):
            _mark(axes, row, runs[way], way)
        _share_across(axes, len(ways))
        axes.axvline(share, **ONE_ANSWER, label=text("lesson08.one_answer"))
        axes.set_xticks((0, 0.25, 0.5, 0.75, 1))
        axes.set_title(text(f"lesson08.remedy_{key}"), fontsize=11)
    names = [text(f"lesson08.short_{way}").replace("\n", BREAK[language()]) for way in ways]
    panels[0].set_yticks(range(len(ways)), names)
    panels[0].set_xlabel(text("lesson08.accuracy_bars"), x=1.1)  # below both panels
    _legend(figure, panels[0], 1)
    figure.suptitle(text("lesson08.remedies_title"), x=0.02, ha="left", fontsize=12)
    return picture(figure, text("lesson08.remedies_alt"))


def _upright(axes: Axes, runs: Mapping, ways: Sequence[str]) -> None:
    for place, way in enumerate(ways):
        span = interval(runs[way], share=True)
        figures.mark_mean(axes, place, span, **LOOK[way])
        beside = (place, span.mean), (9, -4)
        axes.annotate(f"{span.mean:.0%}", *beside, textcoords="offset points", bbox=LABEL)
    axes.set_xticks(range(len(ways)), [text(f"lesson08.short_{way}") for way in ways], fontsize=9)
    axes.set_xlim(-0.5, len(ways) - 0.1)


def draw_real(found: Mapping) -> Picture:
    """Digits of two collections, and photos in the dark, before and after AdaBN."""
    figures.use()
    figure, panels = plt.subplots(1, 3, figsize=(8.8, 3.5), sharey=True)
    for axes, pair in zip(panels, found["digits"], strict=False):
        runs = found["digits"][pair]
        _upright(axes, runs, WAYS)
        _level(axes, runs["source"], "own")
        axes.set_title(text(f"lesson08.real_{pair}"), fontsize=11)
        axes.axhline(1 / 10, **ONE_ANSWER)
    lights = list(found["photos"])
    for number, way in enumerate(WAYS):
        places = [place + 0.09 * (number - 0.5) for place in range(len(lights))]  # side by side
        means = []
        for place, light in zip(places, lights, strict=True):
            span = interval(found["photos"][light][way], share=True)
            figures.mark_mean(panels[2], place, span, **LOOK[way])
            means.append(span.mean)
        panels[2].plot(places, means, color=LOOK[way]["color"], linewidth=1)
        beside = {"textcoords": "offset points", "ha": "center", "fontsize": 10}
        ends = ((0, 8), (-1, -17)) if way == "before" else ((-1, 8),)  # those that the text tells
        for place, lift in ends:
            where = (places[place], means[place])
            panels[2].annotate(f"{means[place]:.0%}", where, (0, lift), **beside)
    panels[2].axhline(1 / 2, **ONE_ANSWER)
    panels[2].set_xticks(range(len(lights)), [f"{float(light):.0%}" for light in lights])
    panels[2].set_xlim(-0.4, 2.4)
    panels[2].set_xlabel(text("lesson08.light"))
    panels[2].set_title(text("lesson08.real_photos"), fontsize=11)
    _percent(panels[0])
    panels[0].set_ylabel(text("lesson08.accuracy_bars"))
    for way in WAYS:
        panels[2].plot([], [], label=text(f"lesson08.way_{way}"), linewidth=1, **LOOK[way])
    _level(panels[2], [], "own")
    panels[2].plot([], [], **ONE_ANSWER, label=text("lesson08.chance"))
    _legend(figure, panels[2], 4)
    figure.suptitle(text("lesson08.real_title"), x=0.02, ha="left", fontsize=12)
    return picture(figure, text("lesson08.real_alt"))


def draw_texts(found: Mapping) -> Picture:
    """Learned in English, used in Japanese: spam at the left, enquiries at the right."""
    figures.use()
    figure, panels = plt.subplots(1, 2, figsize=(8.2, 3.5), sharey=True)
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
    figure, panels = plt.subplots(1, 2, figsize=(8.2, 3.5), sharey=True)
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
        beside.tick_params(colors=LOOK["entropy"]["color"], right=axes is panels[1])
        if axes is panels[1]:
            beside.set_ylabel(text("lesson08.entropy"), color=LOOK["entropy"]["color"])
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
    """What MMD and DANN add to AdaBN alone, in points, a row for each method and strength."""
    figures.use()
    rows = [("mmd", 0, text("lesson08.trained_on"))]  # strength 0 of both is one run
    for way in ("mmd", "dann"):
        for place, strength in list(enumerate(found["strengths"]))[1:]:
            rows.append((way, place, f"{text(f'lesson08.way_{way}')}, λ = {strength:g}"))
    figure, axes = plt.subplots(figsize=(7.4, 2.9))
    for row, (way, place, _) in enumerate(rows):
        pairs = zip(found[way][place], found["adabn"], strict=True)
        span = interval([100 * (after - alone) for after, alone in pairs])
        look = LOOK[way] if place else LOOK["before"]
        figures.mark_mean(axes, row, span, across=True, **look)
    axes.axvline(
        0, color=LOOK["adabn"]["color"], linestyle="--", label=text("lesson08.level_adabn")
    )
    axes.set_yticks(range(len(rows)), [name for _, _, name in rows])
    axes.set(ylim=(len(rows) - 0.5, -0.5), xlim=(-2, 2))
    axes.set_xlabel(text("lesson08.points", draws=len(found["adabn"])))
    axes.set_title(text("lesson08.training_title"))
    _legend(figure, axes, 1)
    return picture(figure, text("lesson08.training_alt"))


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


def _share_across(axes: Axes, rows: int) -> None:
    axes.set_ylim(rows - 0.5, -0.5)
    axes.set_xlim(0, 1.02)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def _across(axes: Axes, rows: int) -> None:
    _share_across(axes, rows)
    axes.axvline(
        CHANCE, color=figures.INK, linestyle=":", linewidth=1.5, label=text("lesson08.chance")
    )


def _chance(axes: Axes) -> None:
    axes.axhline(
        CHANCE, color=figures.INK, linestyle=":", linewidth=1.5, label=text("lesson08.chance")
    )


def _level(axes: Axes, runs: Sequence[float], key: str) -> None:
    """A dashed line at the mean of the runs; without runs its entry in the legend alone."""
    colour = LOOK["adabn" if key == "adabn" else "before"]["color"]
    look = {"color": colour, "linestyle": "--", "label": text(f"lesson08.level_{key}")}
    if runs:
        axes.axhline(fmean(runs), **look)
    else:
        axes.plot([], [], **look)


def _legend(figure: Figure, axes: Axes, columns: int) -> None:
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=columns, fontsize=9)


def _percent(axes: Axes) -> None:
    axes.set_ylim(0, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
