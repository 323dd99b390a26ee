"""Figures of lesson 06: harm and help, what a network ignores, early warnings, remedies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from torch import Tensor, nn

from tlhelpers.data.zukan import keys_of
from tlhelpers.data.zukan.kit import Canvas
from tlhelpers.data.zukan.surfaces import draw as draw_surface
from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.plots import Picture, picture, sheet
from tlhelpers.show.twins import draw_twin
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.heads import Standardizer
from tlhelpers.transfer.intervals import interval, rank_correlation, spearman
from tlhelpers.transfer.results import Result

STAGES = ("bn1", "layer1", "layer2", "layer3", None)  # None: what enters the head
METHOD_OF = {"scratch": "scratch", "frozen": "probe", "fine_tuned": "fine_tune"}
FRESH = ("scratch", "rate_too_low", "not_clipped", "random")  # not pretrained
SIGNALS = ("distance", "mmd", "cka", "logme", "leep", "probe")
WARN_HIGH = ("distance", "mmd")  # a high value of these warns, a low one of the others
TOGETHER = 32  # pictures on one canvas, as in `zukan.draw`


@dataclass
class Table(Result):
    """Lines that the lesson puts together, shown as every result is."""

    lines: Sequence[dict]

    def rows(self) -> list[dict]:
        return list(self.lines)


# ---- harm and help


def difference(high: Sequence[float], low: Sequence[float]) -> list[float]:
    """high - low, seed by seed."""
    return [a - b for a, b in zip(high, low, strict=True)]


def draw_contenders(runs: Mapping[str, Sequence[float]], chance: float, alt: str) -> Picture:
    """Test accuracies {contender: one a seed} as rings, with mean and 95% interval."""
    figures.use()
    figure, axes = plt.subplots(figsize=(6.8, 1.0 + 0.42 * len(runs)))
    for place, (name, values) in enumerate(runs.items()):
        colour = figures.GREY if name in FRESH else figures.VERMILION
        colour = figures.BLUE if "resnet" in name else colour
        _point(axes, place, values, colour)
        axes.plot(values, [place] * len(values), "o", color=colour, markerfacecolor="none")
    axes.axvline(chance, color=figures.GREY, linestyle="--", linewidth=1.2)
    axes.text(chance + 0.01, -0.5, text("lesson06.chance"), va="center", fontsize=9)
    axes.set_yticks(range(len(runs)), [text(f"lesson06.{name}") for name in runs])
    axes.set(xlim=(0, 1), ylim=(len(runs) - 0.4, -0.8), xlabel=text("lesson06.accuracy"))
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    return picture(figure, text(alt))


def draw_pairs(pairs: Mapping) -> Picture:
    """The gap of each source on each target: right of zero the source harms."""
    figures.use()
    targets, sources = pairs["targets"], pairs["sources"]
    figure, panels = plt.subplots(1, len(targets), figsize=(8.0, 3.0), sharey=True, sharex=True)
    for t, (axes, target) in enumerate(zip(panels, targets, strict=True)):
        axes.axvspan(0, 2, color=figures.GREY, alpha=0.12, linewidth=0)
        axes.axvline(0, color=figures.INK, linewidth=1)
        for k, way in enumerate(("frozen", "fine_tuned")):
            look = figures.METHODS[METHOD_OF[way]]
            for s in range(len(sources)):
                if pairs[way][s][t] is None:  # not measured
                    continue
                gaps = difference(pairs["scratch"][t], pairs[way][s][t])
                label = text(f"lesson06.{way}") if s == 0 else None
                _point(axes, s + 0.24 * (k - 0.5), gaps, look["color"], look["marker"], label)
        axes.set_title(text(f"lesson06.{target}"), fontsize=10)
        axes.xaxis.set_major_formatter(_as_points)
        axes.set(xlim=(-0.4, 0.4), xticks=(-0.3, 0, 0.3))
    panels[0].set_yticks(range(len(sources)), [text(f"lesson06.{name}") for name in sources])
    panels[0].invert_yaxis()
    figure.supxlabel(text("lesson06.gap_points"), fontsize=10)
    legend = panels[0].get_legend_handles_labels()
    figure.legend(*legend, loc="outside upper right", ncols=2, fontsize=9)
    return picture(figure, text("lesson06.pairs_alt"))


# ---- what a network ignores


def show_filters(networks: Mapping[str, nn.Module]) -> Picture:
    """The first layer of each network: its filters as small coloured pictures, stretched."""
    rows = []
    for network in networks.values():
        weights = network.conv1.weight.detach()
        low, high = weights.amin((1, 2, 3), keepdim=True), weights.amax((1, 2, 3), keepdim=True)
        large = nn.functional.interpolate((weights - low) / (high - low), scale_factor=7.0)
        rows.append((large * 255).to(torch.uint8))
    names = [text(f"lesson06.{name}") for name in networks]
    return sheet(rows, names, text("lesson06.filters_alt"), zoom=0.8)


def share_of_averaging(network: nn.Module) -> float:
    """The share of the first layer's squared weights that is the same at all of its positions."""
    weights = network.conv1.weight.detach()
    flat = weights.mean((2, 3), keepdim=True).expand_as(weights)
    return (flat.square().sum() / weights.square().sum()).item()


def draw_twins(count: int, seed: int) -> tuple[Tensor, Tensor]:
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


def show_twins(sound: Tensor, damaged: Tensor, count: int = 8) -> Picture:
    """Sound parts above, the same ones damaged below."""
    names = [text("lesson06.sound"), text("lesson06.damaged")]
    return sheet([sound[:count], damaged[:count]], names, text("lesson06.twins_alt"), zoom=1.1)


def respond(network: nn.Module, sound: Tensor, damaged: Tensor) -> list[float]:
    """How far damage moves a part's features, in units of the distance between two sound parts.

    One number for each of STAGES; 0: the damage is invisible there.
    """
    moved = []
    for stage in STAGES:
        before, after = (
            extract_features(network, pictures, layer=stage) for pictures in (sound, damaged)
        )
        standardizer = Standardizer(before)
        before, after = standardizer(before), standardizer(after)
        n = len(before)
        apart = torch.cdist(before, before).sum() / (n * (n - 1))
        moved.append(((after - before).norm(dim=1).mean() / apart).item())
    return moved


def draw_responses(responses: Mapping[str, Sequence[Sequence[float]]]) -> Picture:
    """What damage does to the features, stage by stage: {network: [`respond` of each set]}."""
    figures.use()
    figure, axes = plt.subplots(figsize=(6.8, 3.5))
    places = range(len(STAGES))
    colours = (figures.BLUE, figures.GREEN, figures.VERMILION, figures.GREY)
    for (name, sets), colour in zip(responses.items(), colours, strict=False):
        label = text(f"lesson06.{name}")
        figures.error_band(
            axes, places, list(zip(*sets, strict=True)), label, share=False, color=colour
        )
    axes.set_xticks(places, [stage or text("lesson06.before_head") for stage in STAGES])
    axes.set(ylim=(0, None), ylabel=text("lesson06.response"))
    axes.legend(loc="upper left")
    return picture(figure, text("lesson06.responses_alt"))


def measure_health(network: nn.Module, images: Tensor) -> dict[str, float]:
    """dead: the share of features that are 0 for every image. rank: their effective rank,
    exp of the entropy of the squared singular values, features centred.
    """
    features = extract_features(network, images)
    squared = torch.linalg.svdvals(features - features.mean(0)).double().square()
    share = squared / squared.sum()
    return {
        "dead": (features.abs().amax(0) < 1e-6).double().mean().item(),
        "rank": torch.exp(-(share * share.clamp_min(1e-12).log()).sum()).item(),
    }


# ---- early warnings


def gaps_of(pairs: Mapping, way: str = "frozen") -> list[list[float]]:
    """The mean gap of each pair, [source][target]."""
    return [
        [
            interval(difference(scratch, runs)).mean
            for scratch, runs in zip(pairs["scratch"], row, strict=True)
        ]
        for row in pairs[way]
    ]


def signals_of(pairs: Mapping) -> dict[str, Tensor]:
    """Every warning as a tensor [source][target], turned so that high means danger."""
    found = {name: torch.tensor(pairs["warnings"][name]) for name in SIGNALS}
    found = {name: v if name in WARN_HIGH else -v for name, v in found.items()}
    found["probe_above_random"] = found["probe"] + torch.tensor(pairs["random_probe"])
    return found


def warning_rows(pairs: Mapping) -> list[dict]:
    """For each signal: rank correlation with the gap, and how good a source it would choose.

    The interval is a bootstrap over the pairs. within_targets: the mean of the correlations over
    the sources of one target. points_lost: accuracy behind the best source, the mean over the
    targets, if the source with the least warning is taken.
    """
    gaps = torch.tensor(gaps_of(pairs))
    rows = []
    for name, signal in signals_of(pairs).items():
        over = rank_correlation(signal, gaps)
        within = torch.tensor([spearman(*both) for both in zip(signal.T, gaps.T, strict=True)])
        chosen = gaps.gather(0, signal.argmin(0, keepdim=True))[0]
        best = gaps.min(0).values
        rows.append(
            {
                "signal": text(f"lesson06.{name}"),
                "rank_correlation": f"{over.mean:+.2f} [{over.low:+.2f}, {over.high:+.2f}]",
                "within_targets": f"{within.nanmean():+.2f}",
                "best_chosen": f"{int((chosen <= best).sum())} / {len(best)}",
                "points_lost": f"{100 * float((chosen - best).mean()):.0f}",
            }
        )
    return rows


def draw_warnings(pairs: Mapping, signals: Sequence[str]) -> Picture:
    """The gap against each signal, a point for each pair; the colour is the source."""
    figures.use()
    figure, panels = plt.subplots(1, len(signals), figsize=(8.0, 3.0), sharey=True)
    gaps, values = gaps_of(pairs), signals_of(pairs)
    for axes, name in zip(panels, signals, strict=True):
        for s, source in enumerate(pairs["sources"]):
            axes.plot(
                values[name][s],
                gaps[s],
                figures.MARKERS[s],
                color=figures.PALETTE[s],
                label=text(f"lesson06.{source}"),
            )
        axes.axhline(0, color=figures.INK, linewidth=1)
        axes.set_title(text(f"lesson06.{name}"), fontsize=10)
        axes.set_xlabel(text("lesson06.danger"), fontsize=9)
        axes.yaxis.set_major_formatter(_as_points)
    panels[0].set_ylabel(text("lesson06.gap"))
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=9
    )
    return picture(figure, text("lesson06.warnings_alt"))


# ---- helpers of the figures


def _point(
    axes: Axes,
    place: float,
    values: Sequence[float],
    colour: str,
    marker: str = "o",
    label: str | None = None,
) -> None:
    """The mean of `values` at the height `place`, with its interval."""
    point = interval(values)
    figures.mark_mean(axes, place, point, across=True, color=colour, marker=marker, label=label)


def _as_points(value: float, place: int) -> str:
    """A difference of accuracies as signed points, with a true minus sign."""
    points = round(100 * value)
    return f"{points:+d}".replace("-", "−") if points else "0"


def draw_real(found: Mapping) -> Picture:
    """ImageNet's features on five real targets, beside random weights and pixels."""
    sets = ("cats_dogs", "ants_bees", "blood_cells", "clothes", "characters")
    return draw_twin(found, sets, text("lesson06.real_title"), text("lesson06.real_alt"))
