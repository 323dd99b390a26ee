"""Figures of lesson 13: each says its finding in its title and holds every line it mentions.

`only_words`, `share_right`, `mel_filters` and `own_voice` are here for the lesson's cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from torch import Tensor

from tlhelpers.data.sounds.frontend import RATE, log_mel, mel_filters
from tlhelpers.lessons.speech.steps import only_words, share_right
from tlhelpers.lessons.speech.widget import own_voice
from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.plots import Picture, picture
from tlhelpers.show.twins import draw_twin
from tlhelpers.transfer.intervals import interval

__all__ = ["mel_filters", "only_words", "own_voice", "share_right"]

LOOK: dict[str, dict[str, Any]] = {  # each way in its colour and marker
    "scratch": figures.METHODS["scratch"],
    "frozen": figures.METHODS["probe"],
    "tuned": figures.METHODS["fine_tune"],
    "plain": figures.METHODS["fine_tune"],
    "replay": figures.METHODS["replay"],
    "augmented": {"color": figures.GREEN, "marker": "^"},
    "adapted": {"color": figures.SKY, "marker": "P"},
    "before": {"color": figures.INK, "marker": "o"},
    "random": {"color": figures.GREY, "marker": "s"},
    "pictures": {"color": figures.GREEN, "marker": "D"},
    "means": {"color": figures.ORANGE, "marker": "^"},
    "nearest": {"color": figures.BLACK, "marker": "X"},
}
TWINS = {  # features of the real twin
    "embedding": (figures.PURPLE, "*"),
    "speech": (figures.BLUE, "o"),
    "dtw": (figures.BLACK, "X"),
    "pictures": (figures.GREEN, "D"),
    "means": (figures.ORANGE, "^"),
}


def draw_sound(wave: Tensor) -> Picture:
    """A wave (samples,), its loudest window, and its log-mel picture."""
    figures.use()
    figure, panels = plt.subplots(
        1, 3, figsize=(8.4, 2.6), width_ratios=(1.2, 1.2, 1.4), layout="constrained"
    )
    seconds = [k / RATE for k in range(len(wave))]
    middle = wave.unfold(0, 256, 80).square().sum(1).argmax().item() * 0.01 + 0.016
    panels[0].plot(seconds, wave, color=figures.BLUE, linewidth=0.5)
    panels[0].axvspan(middle - 0.016, middle + 0.016, color=figures.ORANGE, alpha=0.6)
    start = int((middle - 0.016) * RATE)
    panels[1].plot(seconds[start : start + 256], wave[start : start + 256], color=figures.BLUE)
    levels = log_mel(wave[None])[0]
    panels[2].imshow(levels, origin="lower", aspect="auto", cmap="Greys", extent=(0, 1.01, 0, 40))
    panels[2].axvline(middle, color=figures.ORANGE)
    panels[2].grid(False)
    for axes, key in zip(panels, ("wave", "window", "picture"), strict=True):
        axes.set_title(text(f"lesson13.sound_{key}"), fontsize=10)
        axes.set_xlabel(text("lesson13.seconds"))
    panels[2].set_ylabel(text("lesson13.band"))
    for axes in panels[:2]:
        axes.set_yticks([])
    return picture(figure, text("lesson13.sound_alt"))


def draw_shots(found: Mapping, two: Mapping, live: Mapping[str, float]) -> Picture:
    """New words by recordings of each, and all ways at two. live: today's accuracies at two."""
    figures.use()
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.8, 3.6), width_ratios=(1.2, 1))
    curves = {int(count): runs for count, runs in found.items()} | {2: two}
    counts = sorted(curves)
    for way in ("tuned", "frozen", "scratch"):
        runs = [curves[count][way] for count in counts]
        figures.error_band(left, counts, runs, text(f"lesson13.way_{way}"), **LOOK[way])
        if way in live:
            left.plot(2, live[way], "o", color=figures.INK, fillstyle="none", markersize=11)
    left.plot([], [], "o", color=figures.INK, fillstyle="none", label=text("lesson13.today"))
    _counts(left, counts)
    _chance(left, 0.2, text("twins.chance"))
    _percent(left)
    _rows(right, two, ("frozen", "tuned", "nearest", "scratch", "means", "pictures", "random"))
    _guess(right, 0.2)
    right.set_title(text("lesson13.shots_rows"), fontsize=10)
    left.set_ylabel(text("lesson13.accuracy"))
    figure.legend(
        *left.get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=9
    )
    figure.suptitle(text("lesson13.shots_title", **_means(two)), x=0.02, ha="left", fontsize=12)
    return picture(figure, text("lesson13.shots_alt"))


def draw_leak(synthetic: Mapping, real: Mapping) -> Picture:
    """Synthetic voices and people, each way under both splits, joined by a line.

    real: `13_real`, whose "takes" test the people of the training.
    """
    figures.use()
    people = {
        split: {kind: real[name][kind]["5"] for kind in ("dtw", "means", "speech")}
        for split, name in (("voice", "digits"), ("random", "takes"))
    }
    figure, panels = plt.subplots(1, 2, figsize=(9.2, 2.6))
    for axes, found in zip(panels, (synthetic, people), strict=True):
        for row, way in enumerate(found["voice"]):
            spans = [interval(found[split][way], share=True) for split in SPLITS]
            axes.plot([s.mean for s in spans], [row, row], color=figures.GREY, linewidth=1.5)
            for span, (split, mark) in zip(spans, SPLITS.items(), strict=True):
                first = row == 0 and axes is panels[0]
                label = text(f"lesson13.split_{split}") if first else None
                figures.mark_mean(axes, row, span, across=True, label=label, **mark)
            low, high = (round(100 * span.mean) for span in spans)
            _beside(axes, row, f"{low} → {high}%")
        names = [text(f"lesson13.row_{LEAKING.get(way, way)}") for way in found["voice"]]
        axes.set_yticks(range(len(names)), names, fontsize=9)
        _across(axes, len(names))
        axes.set_xlabel(text("lesson13.accuracy_short"))
    for axes, key in zip(panels, ("synthetic", "people"), strict=True):
        axes.set_title(text(f"lesson13.leak_{key}"), fontsize=10)
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    gain = interval(people["random"]["dtw"]).mean - interval(people["voice"]["dtw"]).mean
    figure.suptitle(text("lesson13.leak_title", points=round(100 * gain)), x=0.02, ha="left")
    return picture(figure, text("lesson13.leak_alt"))


LEAKING = {"dtw": "nearest", "speech": "frozen"}  # the names that the real twin has for them
SPLITS: dict[str, dict[str, Any]] = {
    "voice": {"color": figures.BLUE, "marker": "o"},
    "random": {"color": figures.VERMILION, "marker": "s"},
}


def draw_accents(found: Mapping) -> Picture:
    """The commands as they are known, an accent a row, the worst named in the title."""
    figures.use()
    runs = found["accents"]
    worst = min(runs, key=lambda accent: interval(runs[accent]).mean)
    figure, axes = plt.subplots(figsize=(6.8, 2.6))
    for row, accent in enumerate(runs):
        colour = figures.VERMILION if accent == worst else figures.BLUE
        span = interval(runs[accent], share=True)
        figures.mark_mean(axes, row, span, across=True, color=colour)
        _beside(axes, row, f"{span.mean:.0%}")
    everyone = interval([value for one in runs.values() for value in one]).mean
    look = {"color": figures.INK, "linestyle": "--", "linewidth": 1.2}
    axes.axvline(everyone, label=text("lesson13.everyone"), **look)
    axes.set_yticks(range(len(runs)), [text(f"lesson13.accent_{accent}") for accent in runs])
    _across(axes, len(runs))
    axes.set_xlabel(text("lesson13.accuracy_draws"))
    figure.legend(loc="outside lower center", fontsize=9)
    values = {"mean": f"{everyone:.0%}", "worst": f"{interval(runs[worst]).mean:.0%}"}
    axes.set_title(text("lesson13.accents_title", **values))
    return picture(figure, text("lesson13.accents_alt"))


ON: dict[str, dict[str, Any]] = {
    "new": {"color": figures.VERMILION, "marker": "s"},
    "old": {"color": figures.BLUE, "marker": "o"},
}


def draw_replay(found: Mapping) -> Picture:
    """Accuracy on the new accent and on the old one, for each way, at two and five recordings."""
    figures.use()
    figure, panels = plt.subplots(1, 2, figsize=(8.2, 3.3), sharey=True)
    for axes, (count, ways) in zip(panels, found.items(), strict=True):
        for place, way in enumerate(("before", "tuned", "replay")):
            for shift, which in ((-0.12, "new"), (0.12, "old")):
                span = interval(ways[way][which], share=True)
                label = text(f"lesson13.on_{which}") if place == 0 and axes is panels[0] else None
                figures.mark_mean(axes, place + shift, span, label=label, **ON[which])
                side = {"ha": "right" if shift < 0 else "left", "va": "center", "fontsize": 9}
                axes.text(place + 1.7 * shift, span.mean, f"{span.mean:.0%}", **side)
        names = [text(f"lesson13.short_{way}") for way in ("before", "tuned", "replay")]
        axes.set_xticks(range(3), names, fontsize=9)
        axes.set_xlim(-0.6, 2.6)
        axes.set_title(text("lesson13.replay_count", count=count), fontsize=10)
        _chance(axes, 0.1, text("twins.chance") if axes is panels[0] else None)
    _percent(panels[0])
    panels[0].set_ylabel(text("lesson13.accuracy_bars"))
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    figure.suptitle(text("lesson13.replay_title"), x=0.02, ha="left", fontsize=12)
    return picture(figure, text("lesson13.replay_alt"))


def draw_japanese(found: Mapping) -> Picture:
    """Ten Japanese words, on other voices of the same synthesiser and on another synthesiser."""
    figures.use()
    figure, panels = plt.subplots(1, 2, figsize=(8.0, 2.7), sharey=True)
    for axes, where in zip(panels, ("same", "other"), strict=True):
        _rows(axes, found[where], ("tuned", "frozen", "scratch"))
        _guess(axes, 0.1, text("twins.chance") if axes is panels[0] else None)
        axes.set_title(text(f"lesson13.synthesiser_{where}"), fontsize=10)
    figure.legend(loc="outside lower center", fontsize=9)
    figure.suptitle(text("lesson13.japanese_title"), x=0.02, ha="left", fontsize=12)
    return picture(figure, text("lesson13.japanese_alt"))


def draw_who(found: Mapping) -> Picture:
    """Ten voices to tell apart by five recordings of each, a way a row."""
    figures.use()
    figure, axes = plt.subplots(figsize=(6.6, 2.8))
    _rows(axes, found, ("scratch", "means", "random", "tuned", "frozen"))
    _guess(axes, 0.1, text("twins.chance"))
    figure.legend(loc="outside lower center", fontsize=9)
    axes.set_title(text("lesson13.who_title", **_means(found)))
    return picture(figure, text("lesson13.who_alt"))


def draw_noise(found: Mapping) -> Picture:
    """Accuracy over the level of the noise, from none to as loud as the words."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.6, 3.5))
    places = range(len(found))
    for way in ("plain", "augmented", "adapted"):
        runs = [found[level][way] for level in found]
        figures.error_band(axes, places, runs, text(f"lesson13.noise_{way}"), **LOOK[way])
    names = [
        text("lesson13.no_noise") if level == "None" else f"{float(level):g} dB" for level in found
    ]
    axes.set_xticks(places, names)
    axes.set_xlabel(text("lesson13.level"))
    _percent(axes)
    _chance(axes, 0.2, text("twins.chance"))
    axes.set_ylabel(text("lesson13.accuracy"))
    figure.legend(loc="outside right center", fontsize=8)
    axes.set_title(text("lesson13.noise_title"))
    return picture(figure, text("lesson13.noise_alt"))


def draw_unknown(found: Mapping) -> Picture:
    """Known words caught and unknown ones let through, for three ways to reject."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.0, 2.6))
    looks = {"caught": (figures.BLUE, "o"), "alarms": (figures.VERMILION, "s")}
    for row, way in enumerate(found):
        for which, (colour, marker) in looks.items():
            span = interval(found[way][which], share=True)
            label = text(f"lesson13.{which}") if row == 0 else None
            mark = {"marker": marker, "label": label}
            figures.mark_mean(axes, row, span, across=True, color=colour, **mark)
    axes.axvline(0.05, color=figures.INK, linestyle="--", linewidth=1.2)
    axes.set_yticks(range(len(found)), [text(f"lesson13.reject_{way}") for way in found])
    _across(axes, len(found))
    axes.set_xlabel(text("lesson13.share_draws"))
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    axes.set_title(text("lesson13.unknown_title"))
    return picture(figure, text("lesson13.unknown_alt"))


def draw_real(found: Mapping) -> Picture:
    """Digits and commands that people said, by recordings of each word."""
    title, alt = text("lesson13.real_title"), text("lesson13.real_alt")
    sets, counted = ("digits", "commands"), text("lesson13.recordings")
    return draw_twin(found, sets, title, alt, looks=TWINS, counted=counted)


def draw_mistakes(accuracies: Mapping[str, float]) -> Picture:
    """What each silent mistake leaves of the accuracy. accuracies: {name: fraction}."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.0, 2.5))
    for row, (_, value) in enumerate(accuracies.items()):
        colour = figures.BLUE if row == 0 else figures.VERMILION
        axes.plot(value, row, "o", color=colour, markersize=9)
        axes.annotate(f"{value:.0%}", (value, row), (9, -4), textcoords="offset points")
    axes.set_yticks(range(len(accuracies)), list(accuracies))
    _across(axes, len(accuracies))
    _guess(axes, 0.1, text("twins.chance"))
    figure.legend(loc="outside lower center", fontsize=9)
    axes.set_xlabel(text("lesson13.accuracy_today"))
    axes.set_title(text("lesson13.mistakes_title"))
    return picture(figure, text("lesson13.mistakes_alt"))


def _rows(axes: Axes, runs: Mapping[str, Sequence[float]], ways: Sequence[str]) -> None:
    """A row for each way: its mean and interval."""
    for row, way in enumerate(ways):
        span = interval(runs[way], share=True)
        figures.mark_mean(axes, row, span, across=True, **LOOK[way])
        _beside(axes, row, f"{span.mean:.0%}")
    axes.set_yticks(range(len(ways)), [text(f"lesson13.row_{way}") for way in ways], fontsize=9)
    _across(axes, len(ways))
    axes.set_xlabel(text("lesson13.accuracy_short"))


def _beside(axes: Axes, row: int, said: str) -> None:
    """What a row comes to, right of the axes: between two rows it could belong to either."""
    axes.text(1.05, row, said, va="center", fontsize=10)


def _across(axes: Axes, rows: int) -> None:
    axes.set_ylim(rows - 0.5, -0.7)
    axes.set_xlim(0, 1.03)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def _counts(axes: Axes, counts: Sequence[int]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.minorticks_off()
    axes.set_xlabel(text("lesson13.recordings"))


def _percent(axes: Axes) -> None:
    axes.set_ylim(0, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def _chance(axes: Axes, level: float, label: str | None = None) -> None:
    axes.axhline(level, color=figures.INK, linestyle=":", linewidth=1.5, label=label)


def _guess(axes: Axes, level: float, label: str | None = None) -> None:
    axes.axvline(level, color=figures.INK, linestyle=":", linewidth=1.2, label=label)


def _means(runs: Mapping[str, Sequence[float]]) -> dict[str, str]:
    return {way: f"{interval(values).mean:.0%}" for way, values in runs.items()}
