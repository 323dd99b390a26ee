"""Figures of lesson 05: guides of one picture a kind, episodes, shots, doors, and other domains."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.ticker import MultipleLocator, PercentFormatter
from torch import Tensor

from tlhelpers.data.task import Task
from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.plots import Picture, picture
from tlhelpers.show.twins import LOOKS as KINDS
from tlhelpers.show.twins import draw_settings
from tlhelpers.transfer.fewshot import FewShotResult
from tlhelpers.transfer.intervals import Interval, interval

LOOKS = {
    "prototypes": {"color": figures.GREEN, "marker": "D"},  # of the course's network, everywhere
    "cosine": {"color": figures.SKY, "marker": "v"},
    "nearest": {"color": figures.PURPLE, "marker": "P"},
    "head": figures.METHODS["probe"],
}
FEATURES = {"pretrained": "zukan", "random": "random", "pixels": "pixels"}  # as in the twins
EYES = {"imagenet": "MobileNetV2", "zukan": "zukan-resnet"}  # as the text names them
GUIDE = 5  # kinds in it; each has one support picture
QUERIES = torch.tensor([8, 1, 5, 7, 0, 4, 9, 3, 2, 6])  # shuffled; q asks for kind q // 2
STEPS = torch.linspace(0, 1, 501)  # thresholds to try


def show_guide(task: Task) -> Picture:
    """Above, the first picture of each kind with its name; below, ten numbered queries."""
    figures.use()
    figure, panels = plt.subplots(3, GUIDE, figsize=(6.6, 4.4))
    kinds = [task.test.inputs[task.test.labels == kind] for kind in range(GUIDE)]
    queries = [kinds[q // 2][1 + q % 2] for q in QUERIES.tolist()]
    names = [*task.class_names[:GUIDE], *(str(place + 1) for place in range(len(queries)))]
    shown = [*(pictures[0] for pictures in kinds), *queries]
    for axes, image, name in zip(panels.flat, shown, names, strict=True):
        axes.imshow(image.permute(1, 2, 0))
        axes.set_title(name, fontsize=10, loc="center")
        axes.axis("off")
    return picture(figure, text("lesson05.guide_alt"), photographic=True)


def list_answers(task: Task) -> str:
    """The names of the numbered queries of `show_guide`, in one sentence."""
    named = [f"{i} {task.class_names[q // 2]}" for i, q in enumerate(QUERIES.tolist(), 1)]
    return text("lesson05.answers", named=" · ".join(named))


def draw_luck(accuracies: Sequence[float], today: float) -> Picture:
    """How many episodes came out with which accuracy; the guide of the page as a line."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.0, 3.2))
    values, counts = np.unique(np.round(accuracies, 4), return_counts=True)
    axes.bar(values, counts, width=0.01, color=figures.GREEN, label=text("lesson05.episodes"))
    mean = float(np.mean(accuracies))
    told = text("lesson05.mean", mean=f"{mean:.0%}")
    axes.axvline(mean, color=figures.INK, label=told)
    told = text("lesson05.guide", share=f"{today:.0%}")
    axes.axvline(today, color=figures.INK, linestyle="--", label=told)
    axes.axvline(0.2, color=figures.GREY, linestyle=":", label=text("lesson05.chance"))
    axes.set(xlabel=text("lesson05.accuracy"), ylabel=text("lesson05.count"), xlim=(0.15, 1.02))
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_title(text("lesson05.luck_title"))
    marks, names = axes.get_legend_handles_labels()
    axes.legend([marks[-1], *marks[:-1]], [names[-1], *names[:-1]], loc=(0.1, 0.5))
    return picture(figure, text("lesson05.luck_alt"))


def draw_controls(results: Mapping[str, Mapping[int, FewShotResult]]) -> Picture:
    """Accuracy against shots, a line for each kind of features, with guessing."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.0, 3.6))
    for features, by_shot in results.items():
        runs = [result.accuracies for result in by_shot.values()]
        colour, marker = KINDS[FEATURES[features]]
        name = text(f"lesson05.{features}")
        figures.error_band(axes, list(by_shot), runs, name, color=colour, marker=marker)
    axes.axhline(0.2, color=figures.INK, linestyle=":", label=text("lesson05.chance"))
    _shots(axes, list(by_shot))
    axes.set(xlabel=text("lesson05.shots_narrow"), ylim=(0, 1.02))
    axes.set_title(text("lesson05.controls_title"))
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return picture(figure, text("lesson05.controls_alt"))


def draw_ways(results: Mapping[str, Mapping[int, FewShotResult]]) -> Picture:
    """Accuracy against shots, a line for each of four ways to classify."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.0, 3.6))
    for method, by_shot in results.items():
        runs = [result.accuracies for result in by_shot.values()]
        name = text(f"lesson05.{method}")
        figures.error_band(axes, list(by_shot), runs, name, **LOOKS[method])
    axes.fill_between([], [], [], color=figures.GREY, alpha=0.3, label=text("lesson05.band"))
    _shots(axes, list(by_shot))
    axes.yaxis.set_major_locator(MultipleLocator(0.05))
    axes.set_title(text("lesson05.ways_title"))
    axes.legend(loc="lower right")
    return picture(figure, text("lesson05.ways_alt"))


def draw_door(same: Tensor, other: Tensor, threshold: float) -> Picture:
    """Similarities of the same kind and of other kinds, (n,) each, with what the threshold does."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.4, 3.8))
    bins = np.linspace(float(min(same.min(), other.min())), 1, 40)
    for values, key, colour in ((other, "other", figures.GREY), (same, "same", figures.BLUE)):
        weights = np.full(values.numel(), 1 / values.numel())
        label = text(f"lesson05.{key}")
        axes.hist(values.flatten(), bins, weights=weights, color=colour, alpha=0.65, label=label)
    axes.axvline(threshold, color=figures.VERMILION, label=text("lesson05.threshold"))
    axes.margins(y=0.15)
    for key, side, shift in (("rejected", "right", -0.008), ("accepted_here", "left", 0.008)):
        look = {"transform": axes.get_xaxis_transform(), "ha": side, "va": "top"}
        axes.text(threshold + shift, 0.97, text(f"lesson05.{key}"), **look)
    axes.set(xlabel=text("lesson05.similarity"), ylabel=text("lesson05.share"))
    axes.yaxis.set_major_locator(MultipleLocator(0.05))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    rates = {
        name: f"{(values >= threshold).float().mean():.0%}"
        for name, values in (("tar", same), ("far", other))
    }
    figure.suptitle(text("lesson05.door_title", **rates), fontsize=12, x=0.01, ha="left")
    return picture(figure, text("lesson05.door_alt"))


def draw_roc(entries: Mapping[int, tuple[Tensor, Tensor]]) -> Picture:
    """FAR and TAR at all thresholds.

    entries: {pictures registered of a kind: (similarities of the same kind, of other kinds)}.
    """
    figures.use()
    figure, axes = plt.subplots(figsize=(5.6, 4.6))
    for (count, (same, other)), line in zip(entries.items(), ("--", "-"), strict=True):
        let_in = [(other >= step).float().mean().item() for step in STEPS]
        accepted = [(same >= step).float().mean().item() for step in STEPS]
        label = text("lesson05.entries", count=count)
        axes.plot(let_in, accepted, line, color=figures.BLUE, label=label)
        equal = min(zip(let_in, accepted, strict=True), key=lambda pair: abs(sum(pair) - 1))
        axes.plot(*equal, "o", color=figures.INK, markersize=7)
    axes.plot([0, 1], [1, 0], color=figures.INK, linewidth=0.8, label=text("lesson05.equal"))
    axes.plot([0, 1], [0, 1], ":", color=figures.GREY, label=text("lesson05.chance"))
    axes.set(xlabel=text("lesson05.let_in"), ylabel=text("lesson05.accepted"))
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    figure.suptitle(text("lesson05.roc_title"), fontsize=12, x=0.01, ha="left")
    return picture(figure, text("lesson05.roc_alt"))


def draw_sets(results: Sequence[FewShotResult]) -> Picture:
    """The interval over episodes of each set of pictures, and the range for a next set."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.0, 3.0))
    over_sets = interval([result.accuracy.mean for result in results], share=True)
    for place, result in enumerate(results):
        label = text("lesson05.over_episodes") if place == 0 else None
        figures.mark_mean(
            axes, place, result.accuracy, color=figures.GREEN, marker="D", label=label
        )
    last = len(results) + 0.5
    figures.mark_mean(
        axes, last, over_sets, color=figures.BLUE, marker="s", label=text("lesson05.over_sets")
    )
    low, high = predict_next([result.accuracy.mean for result in results])
    axes.axhspan(low, high, color=figures.SKY, alpha=0.2, label=text("lesson05.next_set"))
    names = [str(place + 1) for place in range(len(results))]
    axes.set_xticks([*range(len(results)), last], [*names, text("lesson05.all_sets")])
    axes.set(xlabel=text("lesson05.set"), ylabel=text("lesson05.accuracy"))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_title(text("lesson05.sets_title"))
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9)
    return picture(figure, text("lesson05.sets_alt"))


def predict_next(means: Sequence[float]) -> tuple[float, float]:
    """The 95% prediction range of one more mean: mean ± t(n - 1) s sqrt(1 + 1 / n)."""
    found = interval(means)
    reach = (found.high - found.mean) * (len(means) + 1) ** 0.5
    return found.mean - reach, found.mean + reach


def draw_domains(scores: Mapping[str, Mapping[str, Interval]]) -> Picture:
    """A row for each domain, a mark for each measurement; its interval is narrower than that."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.2, 1.3 + 0.42 * len(scores)))
    looks = {
        "one_shot": {**LOOKS["prototypes"], "markerfacecolor": "white"},
        "five_shot": LOOKS["prototypes"],
        "pixels_one_shot": dict(zip(("color", "marker"), KINDS["pixels"], strict=True)),
    }
    for row, measured in enumerate(scores.values()):
        for what, point in measured.items():
            label = text(f"lesson05.{what}") if row == 0 else None
            axes.plot(point.mean, row, linestyle="none", markersize=8, label=label, **looks[what])
    axes.axvline(0.2, color=figures.INK, linestyle=":", label=text("lesson05.chance"))
    axes.set_yticks(range(len(scores)), [text(f"lesson05.{name}") for name in scores])
    axes.set_ylim(len(scores) - 0.5, -0.5)
    axes.set(xlabel=text("lesson05.accuracy_narrow"), xlim=(0, 1.02))
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    figure.legend(loc="outside lower center", ncols=4, fontsize=9)
    figure.suptitle(text("lesson05.domains_title"), fontsize=12, x=0.01, ha="left")
    return picture(figure, text("lesson05.domains_alt"))


def draw_real(found: Mapping[str, Mapping]) -> Picture:
    """Omniglot's characters: mean accuracy of each kind of features, a row for each setting."""

    def name_of(setting: str) -> str:
        ways, shots = re.findall(r"\d+", setting)
        return text("lesson05.setting", ways=ways, shots=shots)

    named = {
        kind: {name_of(setting): values for setting, values in of_kind.items()}
        for kind, of_kind in found.items()
        if kind in KINDS
    }
    chances = {name_of(setting): 1 / int(setting.split("-")[0]) for setting in found["zukan"]}
    title, alt = text("lesson05.real_title"), text("lesson05.real_alt")
    return draw_settings(named, title, alt, chances, EYES)


def _shots(axes: Axes, shots: Sequence[int]) -> None:
    axes.set_xticks(shots, [str(count) for count in shots])
    axes.set(xlabel=text("lesson05.shots"), ylabel=text("lesson05.accuracy"))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
