"""Figures of lesson 06: harm and help, what a network ignores, early warnings, remedies.

`flips`, the augmentation of lesson 03, is here for the lesson's cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from torch import Tensor, nn

from tlhelpers.data.catalog import load_task
from tlhelpers.data.zukan import keys_of
from tlhelpers.data.zukan.kit import Canvas
from tlhelpers.data.zukan.surfaces import draw as draw_surface
from tlhelpers.lessons.negative_transfer.experiments import flip
from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.plots import Picture, picture, sheet
from tlhelpers.show.twins import draw_twin
from tlhelpers.transfer.intervals import interval, spearman
from tlhelpers.transfer.results import Result

flips = partial(flip, (2, 3))  # a surface has no top and no left

SCRATCH = "scratch"
CHANCE = 0.2  # five conditions of a surface
LOOK = {  # each start in its colour and marker
    SCRATCH: {"color": figures.GREY, "marker": "v"},
    "zukan-resnet": {"color": figures.GREEN, "marker": "^"},
    "zukan-shape": {"color": figures.ORANGE, "marker": "D"},
    "zukan-texture": {"color": figures.SKY, "marker": "X"},
    "zukan-paint": {"color": figures.PURPLE, "marker": "P"},
}
WAYS = {"frozen": figures.METHODS["probe"], "fine_tuned": figures.METHODS["fine_tune"]}
STAGES = ("bn1", "layer1", "layer2", "layer3", "layer4")
WARN_HIGH = ("distance", "mmd")  # a high value of these warns, a low one of the others
TOGETHER = 32  # pictures on one canvas, as in `zukan.draw`
RING = {"color": figures.INK, "fillstyle": "none", "markersize": 10}
LEGEND = {"fontsize": 9, "frameon": True, "facecolor": "white", "edgecolor": "none"}


@dataclass
class Table(Result):
    """Lines that the lesson puts together, shown as every result is."""

    lines: Sequence[dict]

    def rows(self) -> list[dict]:
        return list(self.lines)


# ---- harm and help


def difference(high: Sequence[float], low: Sequence[float]) -> list[float]:
    """high - low, draw by draw."""
    return [a - b for a, b in zip(high, low, strict=True)]


def draw_starts(
    pairs: Mapping,
    ways: Sequence[str] = ("frozen",),
    live: Mapping[tuple[str, str], float] | None = None,
    starts: Sequence[str] = ("zukan-paint", SCRATCH, "zukan-resnet"),
) -> Picture:
    """Test accuracy on surfaces from each start, a row each; live: today's, by (way, start)."""
    figures.use()
    live = live or {}
    figure, axes = plt.subplots(figsize=(7.4, 1.6 + 0.5 * len(starts) * len(ways) ** 0.5))
    means = {}
    for place, way in enumerate(ways):
        for row, start in enumerate(starts):
            height = row + 0.26 * (place - (len(ways) - 1) / 2)
            label = text(f"lesson06.{way}") if row == 0 else None
            mean = _point(axes, height, pairs[way][start]["surfaces"], WAYS[way], label)
            axes.text(1.015, height, f"{mean:.0%}", va="center", fontsize=10)
            means[f"{way}_{start.rpartition('-')[2]}"] = f"{mean:.0%}"
            if (way, start) in live:
                axes.plot(live[way, start], height, "o", **RING)
    if live:
        axes.plot([], [], "o", label=text("lesson06.today"), **RING)
    axes.axvline(CHANCE, color=figures.INK, linestyle=":", label=text("lesson06.chance"))
    _rows(axes, [text(f"lesson06.start_{start}") for start in starts])
    _accuracy(axes, len(pairs[ways[0]][SCRATCH]["surfaces"]))
    figure.legend(loc="outside lower center", ncols=4, fontsize=9)
    axes.set_title(text(f"lesson06.{ways[-1]}_title", **means))
    return picture(figure, text("lesson06.starts_alt"))


def draw_pairs(pairs: Mapping) -> Picture:
    """The gap of each source on each target, in points: right of zero the source harms."""
    figures.use()
    sources = [name for name in LOOK if name != SCRATCH]
    targets = list(pairs["frozen"][SCRATCH])
    figure, panels = plt.subplots(1, len(targets), figsize=(9.2, 3.6), sharey=True, sharex=True)
    for axes, target in zip(panels, targets, strict=True):
        axes.axvspan(0, 100, color=figures.GREY, alpha=0.12, linewidth=0)
        axes.axvline(0, color=figures.INK, linewidth=1)
        for place, way in enumerate(WAYS):
            if target not in pairs[way][SCRATCH]:  # not measured
                continue
            for row, source in enumerate(sources):
                gaps = gaps_of(pairs, way, source, target)
                label = text(f"lesson06.{way}") if row == 0 else None
                _point(axes, row + 0.26 * (place - 0.5), gaps, WAYS[way], label, share=False)
        axes.set_title(text(f"lesson06.target_{target}"), fontsize=10)
        axes.xaxis.set_major_formatter(_as_points)
    reach = max(abs(end) for axes in panels for line in axes.lines for end in line.get_xdata())
    panels[0].set_xlim(-1.05 * reach, 1.05 * reach)
    _rows(panels[0], [text(f"lesson06.source_{source}") for source in sources])
    panels[0].text(0.96, 0.92, text("lesson06.harm"), transform=panels[0].transAxes, ha="right")
    draws = len(pairs["frozen"][SCRATCH]["surfaces"])
    figure.supxlabel(text("lesson06.gap_points", draws=draws), fontsize=10)
    _legend_above(figure, panels[0])
    figure.suptitle(text("lesson06.pairs_title"), fontsize=12, x=0.01, ha="left")
    return picture(figure, text("lesson06.pairs_alt"))


def draw_remedies(pairs: Mapping, found: Mapping) -> Picture:
    """The paint sorter on surfaces: parts of it anew, and other starts."""
    figures.use()
    paint = pairs["fine_tuned"]["zukan-paint"]["surfaces"]
    rows = {"tuned": paint, **found}
    rows["scratch"] = pairs["fine_tuned"][SCRATCH]["surfaces"]
    rows["other"] = pairs["fine_tuned"]["zukan-resnet"]["surfaces"]
    looks = {"scratch": LOOK[SCRATCH], "other": LOOK["zukan-resnet"]}
    figure, axes = plt.subplots(figsize=(7.6, 3.6))
    means = {}
    for height, (name, runs) in enumerate(rows.items()):
        mean = _point(axes, height, runs, looks.get(name, LOOK["zukan-paint"]))
        axes.text(1.015, height, f"{mean:.0%}", va="center", fontsize=10)
        means[name] = f"{mean:.0%}"
    axes.axvline(CHANCE, color=figures.INK, linestyle=":", label=text("lesson06.chance"))
    level = {"color": figures.GREY, "linestyle": "--", "linewidth": 1.2}
    axes.axvline(interval(rows["scratch"]).mean, label=text("lesson06.from_scratch"), **level)
    _rows(axes, [text(f"lesson06.remedy_{name}") for name in rows])
    _accuracy(axes, len(paint))
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    axes.set_title(text("lesson06.remedies_title", **means))
    return picture(figure, text("lesson06.remedies_alt"))


def draw_stable(pairs: Mapping, stable: Mapping) -> Picture:
    """Three starts on surfaces under other conditions, a row for each condition."""
    figures.use()
    starts = ("zukan-resnet", SCRATCH, "zukan-paint")
    draws = len(stable["half"][SCRATCH])  # the same ones in each row
    usual = {start: pairs["fine_tuned"][start]["surfaces"][:draws] for start in starts}
    shown = ("half", "three_times", "free", "clipped", "adamw", "careless")
    rows = {"usual": usual, **{name: stable[name] for name in shown}}
    figure, axes = plt.subplots(figsize=(7.6, 1.6 + 0.6 * len(rows)))
    for row, runs in enumerate(rows.values()):
        for place, start in enumerate(starts):
            if start not in runs:
                continue
            height = row + 0.27 * (place - 1)
            label = text(f"lesson06.start_{start}") if row == 0 else None
            mean = _point(axes, height, runs[start], LOOK[start], label)
            axes.text(1.015, height, f"{mean:.0%}", va="center", fontsize=9)
    axes.axvline(CHANCE, color=figures.INK, linestyle=":", label=text("lesson06.chance"))
    _rows(axes, [text(f"lesson06.stable_{name}") for name in rows])
    _accuracy(axes, draws)
    figure.legend(loc="outside lower center", ncols=4, fontsize=9)
    axes.set_title(text("lesson06.stable_title"))
    return picture(figure, text("lesson06.stable_alt"))


# ---- what a network ignores


def show_filters(networks: Mapping[str, nn.Module]) -> Picture:
    """The first layer of each network: its filters as small coloured pictures, stretched."""
    rows = []
    for network in networks.values():
        weights = network.conv1.weight.detach()[:6]
        low, high = weights.amin((1, 2, 3), keepdim=True), weights.amax((1, 2, 3), keepdim=True)
        large = nn.functional.interpolate((weights - low) / (high - low), scale_factor=7.0)
        rows.append((large * 255).to(torch.uint8))
    names = [text(f"lesson06.start_{name}") for name in networks]
    return sheet(rows, names, text("lesson06.filters_alt"))


def draw_twins(count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """The same `count` parts, sound and damaged: uint8 (count, 3, 64, 64) each.

    A part and its twin differ only where the damage lies; damages take turns.
    """
    keys = keys_of("twins", torch.zeros(count, dtype=torch.long), torch.arange(count), seed)
    damages = 1 + torch.arange(count) % 4
    drawn = []
    for labels in (torch.zeros_like(damages), damages):
        pictures = []
        for key, label in zip(keys.split(TOGETHER), labels.split(TOGETHER), strict=True):
            canvas = Canvas(key, 64)
            draw_surface(canvas, label)
            pictures.append((canvas.image.clamp(0, 1) * 255 + 0.5).to(torch.uint8))
        drawn.append(torch.cat(pictures))
    return drawn[0], drawn[1]


def show_twins(sound: Tensor, damaged: Tensor, count: int = 6) -> Picture:
    """Sound parts above, the same ones damaged below."""
    names = [text("lesson06.sound"), text("lesson06.damaged")]
    return sheet([sound[:count], damaged[:count]], names, text("lesson06.twins_alt"))


def draw_responses(responses: Mapping[str, Sequence[float]]) -> Picture:
    """How far damage moves the features, {start: one number for each of STAGES}."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.0, 3.9))
    for start, found in responses.items():
        axes.plot(STAGES, found, markersize=8, label=text(f"lesson06.start_{start}"), **LOOK[start])
    axes.axhline(0, color=figures.INK, linewidth=1)
    first = text("lesson06.first_stage")
    axes.set_xticks(range(len(STAGES)), [first, *STAGES[1:]])
    axes.set_ylabel(text("lesson06.response"))
    axes.set_xlabel(text("lesson06.stages"))
    axes.legend(loc="upper left", **LEGEND)
    axes.set_title(text("lesson06.responses_title"))
    return picture(figure, text("lesson06.responses_alt"))


# ---- other sources, other targets, early warnings


def show_world(per_row: int = 3) -> Picture:
    """What the sources of outlines and of textures learned from, and three further targets."""
    steps = {"shapes": 3, "textures": 3, "land_use": 1, "xray": 1, "sounds": 1}  # between classes
    rows, names = [], []
    for name, step in steps.items():
        task = load_task(name, 4, valid_per_class=1, test_per_class=1)
        order = [c * step % task.num_classes for c in range(per_row)]
        labels = task.train.labels
        rows_of = [(labels == c).nonzero()[k // task.num_classes, 0] for k, c in enumerate(order)]
        rows.append(task.train.batch(torch.stack(rows_of))[0])
        names.append(text(f"lesson06.world_{name}"))
    return sheet(rows, names, text("lesson06.world_alt"))


def gaps_of(pairs: Mapping, way: str, source: str, target: str) -> list[float]:
    """The same way from random weights minus from the source, draw by draw; above 0: harm."""
    return difference(pairs[way][SCRATCH][target], pairs[way][source][target])


def _signals(pairs: Mapping, name: str, way: str = "frozen") -> tuple[Tensor, Tensor]:
    """(a score, the gap), [source][target], on the targets where that way was measured."""
    found = pairs["warnings"][name]
    targets = list(pairs[way][SCRATCH])
    values = torch.tensor([[row[target] for target in targets] for row in found.values()])
    gaps = [
        [interval(gaps_of(pairs, way, source, target)).mean for target in targets]
        for source in found
    ]
    return values, torch.tensor(gaps)


def warning_rows(pairs: Mapping) -> list[dict]:
    """For each score: does it order the sources of one target by their gap, head only?

    The lead of the probe over random weights orders them as the probe itself does: it has no row.
    within_targets: Spearman's correlation over the four sources, a mean over the targets.
    best_chosen: on how many targets the source with the least warning is the best one.
    """
    rows = []
    for name in pairs["warnings"]:
        if name == "above_random":
            continue
        signal, gaps = _signals(pairs, name)
        signal = signal if name in WARN_HIGH else -signal
        within = torch.tensor([spearman(*both) for both in zip(signal.T, gaps.T, strict=True)])
        hits = int((signal.argmin(0) == gaps.argmin(0)).sum())
        rows.append(
            {
                "signal": text(f"lesson06.{name}"),
                "within_targets": f"{within.nanmean():+.2f}".replace("-", "−"),
                "best_chosen": f"{hits} / {gaps.shape[1]}",
            }
        )
    return rows


def draw_warnings(pairs: Mapping, live: Mapping[str, float] | None = None) -> Picture:
    """The gap with everything trained, where that was measured, against two scores.

    Left, the proxy A-distance; right, the lead of the probe over a probe on random weights.
    live: today's "distance", "above_random" and "gap" of the paint sorter, drawn as a ring.
    """
    figures.use()
    figure, panels = plt.subplots(1, 2, figsize=(8.8, 4.0), sharey=True)
    for axes, name in zip(panels, ("distance", "above_random"), strict=True):
        values, gaps = _signals(pairs, name, "fine_tuned")
        axes.axhspan(0, 100, color=figures.GREY, alpha=0.12, linewidth=0)
        axes.axhline(0, color=figures.INK, linewidth=1)
        for row, source in enumerate(pairs["warnings"][name]):
            label = text(f"lesson06.source_{source}")
            look = {"linestyle": "none", "markersize": 9, **LOOK[source]}
            axes.plot(values[row], gaps[row], label=label, **look)
        if live:
            today = text("lesson06.today")
            axes.plot(live[name], live["gap"], "o", linestyle="none", label=today, **RING)
        reach = 1.15 * max(gaps.abs().max().item(), abs(live["gap"]) if live else 0.0)
        axes.set_ylim(-reach, reach)
        axes.yaxis.set_major_formatter(_as_points)
        axes.set_xlabel(text(f"lesson06.axis_{name}"))
    for axes, left, side in zip(panels, (0.03, 0.97), ("left", "right"), strict=True):
        axes.text(left, 0.93, text("lesson06.harm"), transform=axes.transAxes, ha=side)
    panels[0].set_ylabel(text("lesson06.gap_fine_tuned"))
    panels[0].set_xlim(0, 2.1)
    panels[1].axvline(0, color=figures.INK, linewidth=1)
    panels[1].xaxis.set_major_formatter(_as_points)
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=9
    )
    figure.suptitle(text("lesson06.warnings_title"), fontsize=12, x=0.01, ha="left")
    return picture(figure, text("lesson06.warnings_alt"))


def draw_real(found: Mapping) -> Picture:
    """ImageNet's features on five real targets, beside random weights and pixels."""
    sets = ("cats_dogs", "ants_bees", "blood_cells", "clothes", "characters")
    return draw_twin(found, sets, text("lesson06.real_title"), text("lesson06.real_alt"))


# ---- parts of the figures


def _point(
    axes: Axes,
    height: float,
    values: Sequence[float],
    look: Mapping,
    label: str | None = None,
    share: bool = True,
) -> float:
    """The mean of `values` as a marker on its 95% interval; returns the mean."""
    span = interval(values, share=share)
    figures.mark_mean(axes, height, span, across=True, label=label, **look)
    return span.mean


def _rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)


def _accuracy(axes: Axes, draws: int) -> None:
    axes.set_xlim(0.1, 1.0)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel(text("lesson06.accuracy", draws=draws))


def _legend_above(figure: Figure, axes: Axes) -> None:
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper right", ncols=2, fontsize=9)


def _as_points(value: float, place: int) -> str:
    """A difference of accuracies as signed points, with a true minus sign."""
    points = round(100 * value)
    return f"{points:+d}".replace("-", "−") if points else "0"
