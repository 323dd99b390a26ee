"""Figures of lesson 02: the borrowed eye and its baselines, BatchNorm, what layers see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.ticker import PercentFormatter
from torch import Tensor, nn
from torch.nn import functional as F

from tlhelpers.data.folder import load_folder
from tlhelpers.data.task import Task
from tlhelpers.models.backbones import backbone
from tlhelpers.runtime.language import text
from tlhelpers.runtime.store import StoreError
from tlhelpers.show import figures
from tlhelpers.show.plots import Picture, picture
from tlhelpers.transfer.intervals import Interval, interval


def draw_prediction(
    image: Tensor, probabilities: Tensor, names: Sequence[str], truth: int
) -> Picture:
    """A picture, uint8 (3, height, width), beside the probabilities (classes,) that it got.

    truth: the class that the picture is of; its name is marked.
    """
    figures.use()
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(6.4, 2.5), gridspec_kw={"width_ratios": [1, 2.2]}
    )
    left.imshow(image.permute(1, 2, 0).numpy(), interpolation="bilinear")
    left.axis("off")
    best = int(probabilities.argmax())
    colours = [figures.BLUE if c == best else figures.SKY for c in range(len(names))]
    right.barh(range(len(names)), probabilities.tolist(), color=colours)
    marked = [
        text("lesson02.truth", name=name) if c == truth else name for c, name in enumerate(names)
    ]
    right.set_yticks(range(len(names)), marked)
    right.invert_yaxis()
    right.set(xlim=(0, 1), xlabel=text("lesson02.probability"))
    right.xaxis.set_major_formatter(PercentFormatter(1))
    right.grid(axis="y", visible=False)
    share = f"{float(probabilities[best]):.0%}"
    right.set_title(text("lesson02.prediction_title", name=names[best], share=share))
    alt = text("lesson02.prediction_alt", name=names[best], share=share, truth=names[truth])
    return picture(figure, alt, photographic=True)


def measure_drift(network: nn.Module, trained: nn.Module) -> dict[str, float]:
    """How far the running mean of each BatchNorm moved, in standard deviations of `network`.

    {name of the layer: mean over its channels of |new mean - old mean| / old deviation}.
    """
    moved = dict(trained.named_modules())
    return {
        name: float(
            ((moved[name].running_mean - layer.running_mean).abs() / layer.running_var.sqrt())
            .mean()
            .detach()
        )
        for name, layer in network.named_modules()
        if isinstance(layer, nn.BatchNorm2d)
    }


STAGES = ("bn1", "layer1", "layer2", "layer3", "layer4")


def draw_drift(
    drifts: Sequence[Mapping[str, float]], accuracy: Mapping[str, Mapping[str, Sequence[float]]]
) -> Picture:
    """Left, how far the memory of each stage moved; right, what it cost on new and old task.

    drifts: what `measure_drift` gives, one a draw. accuracy: {"birds" | "source": {"eval" |
    "train": accuracies, one a draw}}.
    """
    figures.use()
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.4), layout="constrained")
    moved = []
    for stage in STAGES:
        of_stage = [v for drift in drifts for name, v in drift.items() if name.startswith(stage)]
        moved.append(sum(of_stage) / len(of_stage))
    left.barh(range(len(STAGES)), moved, color=figures.VERMILION)
    left.set_yticks(range(len(STAGES)), ["conv1", *STAGES[1:]])
    left.invert_yaxis()
    left.grid(axis="y", visible=False)
    left.set(title=text("lesson02.drift_title"), xlabel=text("lesson02.drift_label"))
    for k, mode in enumerate(("eval", "train")):
        colour = (figures.BLUE, figures.VERMILION)[k]
        for place, task in enumerate(accuracy):
            point = interval(accuracy[task][mode], share=True)
            label = text(f"lesson02.mode_{mode}") if place == 0 else None
            look: dict[str, Any] = {"marker": figures.MARKERS[k], "label": label}
            figures.mark_mean(right, place + (k - 0.5) * 0.3, point, color=colour, **look)
    right.set_xticks(range(len(accuracy)), [text(f"lesson02.on_{task}") for task in accuracy])
    right.grid(axis="x", visible=False)
    right.set(xlim=(-0.6, len(accuracy) - 0.4), ylim=(0, 1.05))
    right.set(title=text("lesson02.drift_cost"), ylabel=text("twins.accuracy"))
    right.yaxis.set_major_formatter(PercentFormatter(1))
    right.legend(loc="lower right", title=text("lesson02.drift_legend"))
    return picture(figure, text("lesson02.drift_alt"))


def draw_activations(image: Tensor, activations: Mapping[str, Tensor], maps: int = 4) -> Picture:
    """A picture, uint8 (3, height, width), and the strongest maps of each layer.

    activations: {name of the layer: (1, channels, height, width)}.
    """
    figures.use()
    columns = 1 + len(activations)
    figure, axes = plt.subplots(maps, columns, figsize=(1.25 * columns, 1.15 * maps))
    for place in axes.flat:
        place.axis("off")
    axes[0, 0].imshow(image.permute(1, 2, 0).numpy(), interpolation="bilinear")
    axes[0, 0].set_title(text("lesson02.picture"), fontsize=10, loc="center")
    for column, (name, maps_of_layer) in enumerate(activations.items(), start=1):
        shown = maps_of_layer[0].relu()
        strongest = shown.mean((1, 2)).argsort(descending=True)[:maps]
        for row, channel in enumerate(strongest.tolist()):
            axes[row, column].imshow(shown[channel].numpy(), cmap="cividis")
        height, width = shown.shape[1:]
        axes[0, column].set_title(f"{name}\n{height} × {width}", fontsize=10, loc="center")
    figure.suptitle(text("lesson02.activations_title"), x=0.02, ha="left", fontsize=11)
    alt = text("lesson02.activations_alt", layers=", ".join(activations))
    return picture(figure, alt, photographic=True)


def nearest(features: Tensor, k: int = 5) -> Tensor:
    """The rows of the k nearest others by cosine, nearest first: (n, d) -> (n, k)."""
    features = F.normalize(features, dim=1)
    return (features @ features.T).fill_diagonal_(-2).topk(k).indices


def draw_shares(shares: Mapping[str, Sequence[float]], chance: float) -> Picture:
    """The share of neighbours of the right class: {name of the layer: shares, one a seed}."""
    figures.use()
    figure, axes = plt.subplots(figsize=(6.4, 3.0))
    places = range(len(shares))
    figures.error_band(axes, places, list(shares.values()), color=figures.BLUE)
    axes.axhline(chance, color=figures.INK, linestyle=":", linewidth=1.2)
    axes.text(len(shares) - 1, chance + 0.02, text("lesson02.by_chance"), ha="right", fontsize=9)
    axes.set_xticks(places, list(shares))
    axes.set(ylim=(0, 1.02), ylabel=text("lesson02.same_class"))
    axes.set_title(text("lesson02.shares_title"))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    means = [f"{interval(runs).mean:.0%}" for runs in shares.values()]
    return picture(figure, text("lesson02.shares_alt", first=means[0], last=means[-1]))


def draw_rivals(found: Mapping[str, Sequence[float]]) -> Picture:
    """The borrowed body beside its baselines: {"pixels" | "untrained" | "borrowed": accuracies}."""
    spans = {name: interval(runs, share=True) for name, runs in found.items()}
    return _draw_rows(spans, text("lesson02.rivals_title"), "rivals")


def draw_digits(bars: Sequence[Mapping], by_pixels: Sequence[float]) -> Picture:
    """Handwritten digits, five labels each: the stored runs of `tl measure`, and nearest pixels."""
    stored = {bar["name"]: bar["measured"] for bar in bars}
    start = "digits, 5 labels: "
    spans = {
        "borrowed": Interval(**stored[start + "frozen"]),
        "pixels": interval(by_pixels, share=True),
        "scratch": Interval(**stored[start + "scratch"]),
        "tuned": Interval(**stored[start + "tuned"]),
    }
    return _draw_rows(spans, text("lesson02.digits_title"), "digits")


SIGNS = {
    "pixels": {"color": figures.GREEN, "marker": "^"},
    "untrained": {"color": figures.BLACK, "marker": "X"},
    "borrowed": figures.METHODS["probe"],
    "scratch": figures.METHODS["scratch"],
    "tuned": figures.METHODS["fine_tune"],
}


def _draw_rows(spans: Mapping[str, Interval], title: str, alt: str) -> Picture:
    """A row for each way: its mean, its 95% interval, its number; guessing (10%) is dotted."""
    figures.use()
    means = {name: f"{span.mean:.0%}" for name, span in spans.items()}
    figure, axes = plt.subplots(figsize=(7.2, 1.2 + 0.48 * len(spans)))
    for row, (name, span) in enumerate(spans.items()):
        sign = SIGNS[name]
        axes.plot([span.low, span.high], [row, row], color=sign["color"], linewidth=2.2)
        axes.plot(span.mean, row, sign["marker"], color=sign["color"], markersize=8)
        axes.text(span.mean, row - 0.2, means[name], ha="center", va="bottom")
    axes.axvline(0.1, color=figures.INK, linestyle=":", linewidth=1.2)
    axes.text(0.115, len(spans) - 0.6, text("twins.chance"), fontsize=9)
    axes.set_yticks(range(len(spans)), [text(f"lesson02.{name}") for name in spans])
    axes.set(xlim=(0, 1.02), ylim=(len(spans) - 0.5, -0.75))
    axes.set(title=title, xlabel=text("lesson02.rows_label"))
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(axis="y", visible=False)
    return picture(figure, text(f"lesson02.{alt}_alt", **means))


def find_photos(
    folder: str | Path | None, network: str = "resnet18", size: int = 160
) -> tuple[nn.Module, Task] | None:
    """Photos of a learner's own and a network with ImageNet weights, or one sentence.

    folder: as for `load_folder`; None says what would happen and returns None, and so does a
    network whose weights can be had neither here nor over the network.
    """
    if folder is None:
        print(text("lesson02.no_photos", network=network))
        return None
    try:
        return backbone(network, size=size), load_folder(folder, size=size)
    except StoreError as error:
        print(text("lesson02.not_now", reason=error))
        return None


def draw_layers(found: Mapping) -> Picture:
    """Accuracy on real cats and dogs of features read at several depths of MobileNetV2."""
    figures.use()
    figure, axes = plt.subplots(figsize=(6.6, 3.4))
    places = [int(block) for block in found["layers"]]
    for count, colour in (("50", figures.BLUE), ("10", figures.SKY)):
        runs = [by_count[count] for by_count in found["layers"].values()]
        label = text("lesson02.layers_labels", count=count)
        figures.error_band(axes, places, runs, label, color=colour)
    axes.axhline(0.5, color=figures.INK, linestyle=":", linewidth=1.2, label=text("twins.chance"))
    axes.set_xticks(places)
    axes.set_xlabel(text("lesson02.layers_block"))
    axes.set_ylabel(text("lesson02.accuracy_band"))
    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.legend(loc="lower right")
    axes.set_title(text("lesson02.layers_title"))
    return picture(figure, text("lesson02.layers_alt"))
