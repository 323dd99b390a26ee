"""Figures of lesson 15: each says its finding in its title and holds every line it mentions.

What comes from `steps` is here for the lesson's cells.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.ticker import MultipleLocator, PercentFormatter
from torch import Tensor

from tlhelpers.course.author.bilingual import in_languages
from tlhelpers.lessons.scaling_up.steps import launch, photo_files, run_here, two_nodes
from tlhelpers.runtime.language import language, text
from tlhelpers.show import figures
from tlhelpers.show.plots import Picture, picture
from tlhelpers.train.memory import MB, MemoryMeter, MemoryPlan
from tlhelpers.transfer.intervals import interval

__all__ = ["launch", "photo_files", "run_here", "two_nodes"]

KINDS = {
    "parameters": figures.BLUE,
    "gradients": figures.ORANGE,
    "optimizer": figures.GREEN,
    "activations": figures.GREY,
}
WAYS = {"bf16": figures.BLUE, "checkpointed": figures.VERMILION}  # beside fp32
RULES: dict[str, dict[str, Any]] = {
    "same": {"color": figures.GREY, "marker": "v"},
    "root": {"color": figures.GREEN, "marker": "^"},
    "linear": {"color": figures.VERMILION, "marker": "s"},
    "warm": {"color": figures.ORANGE, "marker": "P"},
    "best": {"color": figures.BLUE, "marker": "o"},
}
ZERO_FP16, BITS_FP16 = 2.0**-25, 2.0**-14  # rounded to 0 up to here, all its digits from here on
NOTE: dict[str, Any] = {"fontsize": 9, "va": "center"}
LEGEND = {"fontsize": 9, "frameon": True, "facecolor": "white", "edgecolor": "none"}


def show_script(name: str) -> None:
    """Prints a script that comes with the lesson: "slurm.sh" or "kubernetes.yaml".

    Its comments are in the learner's language: a line `# ja:` replaces the one above it.
    """
    script = Path(__file__).with_name(name).read_text(encoding="utf-8")
    print(in_languages(script)[language()])


def draw_memory(meter: MemoryMeter, plan: MemoryPlan, budget: float) -> Picture:
    """One step, operation by operation, beside the four kinds that were counted. budget: in MB."""
    figures.use()
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(8.6, 3.7), sharey=True, width_ratios=(2, 1.1)
    )
    ends = list(meter.marks.values())
    for place, (name, first, last) in enumerate(zip(meter.marks, [0, *ends], ends, strict=False)):
        history = [bytes_ / MB for bytes_ in meter.history[first : last + 1]]
        along = [place + step / max(1, last - first) for step in range(len(history))]
        left.plot(along, history, color=figures.INK)
        left.fill_between(along, history, color=figures.GREY, alpha=0.25)
        left.axvline(place + 1, color=figures.RULE)
        left.text(place + 0.5, 2, text(f"lesson15.phase_{name}"), ha="center", fontsize=10)
    left.set_xlim(0, len(ends))
    left.set_xticks([])
    left.set_xlabel(text("lesson15.operations"))
    left.set_ylabel(text("lesson15.megabytes"))
    left.set_title(text("lesson15.memory_measured", peak=f"{meter.peak / MB:.0f}"), fontsize=11)
    after = {name: f"{meter.history[mark] / MB:.0f}" for name, mark in meter.marks.items()}
    left.text(2.05, 9, text("lesson15.after_backward", size=after["backward"]), **NOTE)
    left.text(2.97, 32, text("lesson15.after_update", size=after["update"]), ha="right", **NOTE)
    floor = 0.0
    for kind, colour in KINDS.items():
        size = getattr(plan, kind) / MB
        right.bar(0, size, bottom=floor, width=0.6, color=colour)
        right.text(0.4, floor + size / 2, f"{text(f'memory.{kind}')} {size:.0f}", **NOTE)
        floor += size
    right.set_xlim(-0.4, 2.2)
    right.set_xticks([])
    right.set_title(text("lesson15.memory_counted", total=f"{plan.total / MB:.0f}"), fontsize=11)
    for axes in (left, right):
        axes.axhline(budget, color=figures.VERMILION, linestyle="--")
    right.text(2.2, budget + 3, text("lesson15.card"), ha="right", color=figures.VERMILION, **NOTE)
    figure.suptitle(text("lesson15.memory_title"), x=0.02, ha="left", fontsize=12)
    return picture(figure, text("lesson15.memory_alt"))


def draw_half(gradients: Tensor, scale: float = 1024) -> Picture:
    """Sizes of gradients, as they are and scaled, beside what 16 bits can hold."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.4, 3.6))
    sizes = gradients.detach().abs().flatten()
    sizes = sizes[sizes > 0][:: max(1, len(sizes) // 100_000)].log10()
    bins = torch.linspace(-13, 1, 71).tolist()
    for factor, colour, key in ((1, figures.BLUE, "plain"), (scale, figures.ORANGE, "scaled")):
        moved = (sizes + torch.tensor(float(factor)).log10()).tolist()
        share = [1 / len(moved)] * len(moved)
        axes.hist(moved, bins=bins, weights=share, color=colour, alpha=0.6)
        axes.plot([], [], "s", color=colour, label=text(f"lesson15.half_{key}", scale=int(scale)))
    zero, exact = math.log10(ZERO_FP16), math.log10(BITS_FP16)
    lost = (sizes <= zero).float().mean().item()
    becomes_zero = text("lesson15.half_zero", lost=f"{lost:.0%}")
    axes.axvspan(-13, zero, color=figures.VERMILION, alpha=0.15, label=becomes_zero)
    axes.axvspan(zero, exact, color=figures.GREY, alpha=0.15, label=text("lesson15.half_coarse"))
    axes.set_xlim(-13, 1)
    ticks = range(-12, 1, 3)
    axes.set_xticks(ticks, [f"$10^{{{tick}}}$" for tick in ticks])
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel(text("lesson15.half_size"))
    axes.set_ylabel(text("lesson15.half_share"))
    axes.legend(loc="upper left", fontsize=8.5)
    axes.set_title(text("lesson15.half_title"))
    return picture(figure, text("lesson15.half_alt"))


def draw_savings(found: Mapping, device: str = "CPU") -> Picture:
    """Memory of an example and seconds, relative to fp32, for each network of a stored result."""
    figures.use()
    figure, panels = plt.subplots(1, 2, figsize=(8.6, 3.7), sharey=True)
    names = list(found)
    measures = (("memory", _relative_memory, 1.3), ("seconds", _relative_seconds, 2.2))
    for axes, (key, value, end) in zip(panels, measures, strict=True):
        for step, (way, colour) in enumerate(WAYS.items()):
            bars = axes.barh(
                [place + 0.34 * (step - 0.5) for place in range(len(names))],
                [value(found[name], way) for name in names],
                height=0.3,
                color=colour,
                label=text(f"lesson15.way_{way}"),
            )
            axes.bar_label(bars, fmt="{:.0%}", padding=-31, fontsize=9, color="white")
        look = {"color": figures.INK, "linestyle": ":", "zorder": 0.7}
        axes.axvline(1, label=text("lesson15.way_fp32"), **look)
        axes.set_xlim(0, end)
        axes.set_xlabel(text(f"lesson15.savings_{key}"))
        axes.xaxis.set_major_locator(MultipleLocator(0.5))
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    panels[0].set_yticks(range(len(names)), [text(f"lesson15.net_{_key(n)}") for n in names])
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=9)
    figure.suptitle(text("lesson15.savings_title", device=device), x=0.02, ha="left", fontsize=12)
    return picture(figure, text("lesson15.savings_alt"))


def _relative_memory(row: Mapping, way: str) -> float:
    return row[way]["each"] / row["fp32"]["each"]


def _relative_seconds(row: Mapping, way: str) -> float:
    return fmean(row[way]["seconds"]) / fmean(row["fp32"]["seconds"])


def _key(name: str) -> str:
    return name.replace("-", "_")


def draw_curves(alone: Mapping, together: Mapping | None, found: Mapping) -> Picture:
    """Training loss of one process and of two; a stored run where the two did not come."""
    figures.use()
    live = together is not None
    one, two = (alone["loss"], together["loss"]) if together else (found["one"][0], found["two"][0])
    figure, axes = plt.subplots(figsize=(6.4, 3.4))
    epochs = range(1, len(one) + 1)
    ring: dict[str, Any] = {"markersize": 12, "fillstyle": "none", "color": figures.BLUE}
    axes.plot(epochs, one, "o-", label=text("lesson15.curve_one"), **ring)
    axes.plot(epochs, two, "x--", color=figures.VERMILION, label=text("lesson15.curve_two"))
    axes.set_xticks(epochs)
    axes.set_ylim(0, 1.1 * max(one))  # the first ring is whole
    axes.set_xlabel(text("lesson15.epoch"))
    axes.set_ylabel(text("lesson15.loss"))
    axes.legend(loc="upper right", **LEGEND)
    apart = max(abs(a - b) for a, b in zip(one, two, strict=True))
    key = "curve_title" if live else "curve_title_stored"
    axes.set_title(text(f"lesson15.{key}", apart=f"{apart:.0e}"))
    return picture(figure, text("lesson15.curve_alt"))


def accuracies_by_rule(found: Mapping) -> dict[str, list[list[float]]]:
    """Test accuracies, one list a batch, under each rule for the rate; one number a seed.

    At the first batch the rate is the smallest of those whose mean validation accuracy is within
    a point of the best. From it the others keep it ("same"), or grow with the batch ("linear",
    with warm-up "warm") or its square root ("root"); "best" chooses for every batch and seed on
    validation pictures. A rule's rate is rounded to the grid, and to its end beyond it.
    """
    batches, tried, rates = found["batches"], found["tried"], found["rates"]
    base = first_rate(found)
    rules: dict[str, list[list[float]]] = {rule: [] for rule in RULES}
    for batch in batches:
        times = batch / batches[0]
        runs, warm = tried[str(batch)], found["warm"].get(str(batch), tried[str(batch)])
        for rule, factor in {"same": 1, "root": times**0.5, "linear": times}.items():
            rules[rule].append(_tests(runs, rates, base * factor))
        rules["warm"].append(_tests(warm, rates, base * times))
        chosen = zip(*(runs[str(rate)] for rate in rates), strict=True)
        rules["best"].append([max(of_seed, key=lambda run: run[0])[1] for of_seed in chosen])
    return rules


def first_rate(found: Mapping) -> float:
    """The rate from which the rules start, at the smallest batch."""
    runs = found["tried"][str(found["batches"][0])]
    means = {rate: fmean(run[0] for run in runs[str(rate)]) for rate in found["rates"]}
    return min(rate for rate, mean in means.items() if mean >= max(means.values()) - 0.01)


def _tests(runs: Mapping, rates: Sequence[float], rate: float) -> list[float]:
    """Test accuracies, one a seed, at the rate of the grid that is nearest in proportion."""
    nearest = min(rates, key=lambda one: abs(math.log(one / rate)))
    return [run[1] for run in runs[str(nearest)]]


def draw_rates(found: Mapping) -> Picture:
    """Test accuracy over the batch size, under each rule for the learning rate."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.4, 3.9))
    places = range(len(found["batches"]))
    for rule, runs in accuracies_by_rule(found).items():
        label = text(f"lesson15.rule_{rule}")
        figures.error_band(axes, places, runs, label, **RULES[rule])
    axes.axhline(
        0.1, color=figures.INK, linestyle=":", linewidth=1.5, label=text("lesson15.chance")
    )
    axes.set_xticks(places, [str(batch) for batch in found["batches"]])
    axes.set_xlabel(text("lesson15.batch"))
    axes.set_ylabel(text("lesson15.accuracy"))
    _percent(axes)
    axes.legend(loc="lower left", **LEGEND)
    axes.set_title(text("lesson15.rates_title"))
    return picture(figure, text("lesson15.rates_alt"))


def draw_amdahl(share: float, found: Mapping) -> Picture:
    """Amdahl's law for two shares of loading, and the CPU seconds of one, two and cached."""
    figures.use()
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.7))
    machines = range(1, 17)
    left.plot(machines, machines, color=figures.GREY, linestyle=":", label=text("lesson15.ideal"))
    for key, loading, colour in (
        ("loading", 0.2, figures.SKY),
        ("loading_yours", share, figures.VERMILION),
    ):
        gains = [1 / (loading + (1 - loading) / count) for count in machines]
        limit = text(f"lesson15.{key}", share=f"{loading:.0%}", limit=f"{1 / loading:.2g}")
        left.plot(machines, gains, color=colour, label=limit)
    left.set_xlabel(text("lesson15.machines"))
    left.set_ylabel(text("lesson15.speedup"))
    left.set_xticks([1, 2, 4, 8, 16])
    left.set_yticks([1, 4, 8, 12, 16])
    left.set_ylim(0, 23)  # the legend lies above the curves
    left.legend(loc="upper left", fontsize=9)
    left.set_title(text("lesson15.amdahl_title"), fontsize=11)
    ways = ("one", "two", "cached")
    colours = (figures.GREY, figures.VERMILION, figures.BLUE)
    for place, (way, colour) in enumerate(zip(ways, colours, strict=True)):
        span = interval(found[way])
        figures.mark_mean(right, place, span, color=colour, marker="o")
        right.annotate(f"{span.mean:.1f}", (place, span.mean), (9, -4), textcoords="offset points")
    right.set_xticks(range(3), [text(f"lesson15.speed_{way}") for way in ways], fontsize=9)
    right.set_xlim(-0.4, 2.6)
    right.set_ylim(0, None)
    right.set_ylabel(text("lesson15.seconds", repeats=len(found["one"])), fontsize=10)
    right.set_title(text("lesson15.cached_title"), fontsize=11)
    return picture(figure, text("lesson15.amdahl_alt"))


def _percent(axes: Axes) -> None:
    axes.set_ylim(0, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
