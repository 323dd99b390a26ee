"""Figures and tables of lesson 02: frozen networks, BatchNorm, normalisation, what layers see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from matplotlib.ticker import PercentFormatter
from torch import Tensor, nn
from torch.nn import functional as F

from tlhelpers.data.folder import load_folder
from tlhelpers.data.task import Task
from tlhelpers.models.backbones import backbone
from tlhelpers.runtime.language import text
from tlhelpers.runtime.store import StoreError
from tlhelpers.show import figures
from tlhelpers.show.plots import Picture, picture, sheet
from tlhelpers.transfer.intervals import Interval, interval
from tlhelpers.transfer.results import Result


@dataclass
class Lines(Result):
    """A table of one line for each way of doing something: {way: {column: value}}.

    A list of accuracies becomes its mean with a 95% interval. Ways and columns are named in the
    catalogue, as `lesson02.WAY` and `label.COLUMN`.
    """

    ways: Mapping[str, Mapping]

    def rows(self) -> list[dict]:
        return [
            {"way": text(f"lesson02.{way}")}
            | {column: _cell(value) for column, value in line.items()}
            for way, line in self.ways.items()
        ]


def _cell(value):
    """A list as mean and interval, a large number without its decimals."""
    if isinstance(value, list):
        return interval(value, share=True)
    return round(value) if isinstance(value, float) and value >= 1000 else value


def draw_prediction(image: Tensor, probabilities: Tensor, names: Sequence[str]) -> Picture:
    """A picture, uint8 (3, height, width), beside the probabilities (classes,) that it got."""
    figures.use()
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(6.4, 2.5), gridspec_kw={"width_ratios": [1, 2.2]}
    )
    left.imshow(image.permute(1, 2, 0).numpy(), interpolation="bilinear")
    left.axis("off")
    best = int(probabilities.argmax())
    colours = [figures.BLUE if c == best else figures.SKY for c in range(len(names))]
    right.barh(range(len(names)), probabilities.tolist(), color=colours)
    right.set_yticks(range(len(names)), names)
    right.invert_yaxis()
    right.set(xlim=(0, 1), xlabel=text("lesson02.probability"))
    right.xaxis.set_major_formatter(PercentFormatter(1))
    right.grid(axis="y", visible=False)
    share = f"{float(probabilities[best]):.0%}"
    alt = text("lesson02.prediction_alt", name=names[best], share=share)
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


def draw_drift(
    drifts: Sequence[Mapping[str, float]], accuracy: Mapping[str, Mapping[str, Sequence[float]]]
) -> Picture:
    """Left, the drift of each BatchNorm; right, what it cost on the new and on the old task.

    drifts: what `measure_drift` gives, one a seed. accuracy: {"birds" | "source": {"eval" |
    "train": accuracies, one a seed}}.
    """
    figures.use()
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.0, 3.3))
    layers = list(drifts[0])
    means = [sum(drift[layer] for drift in drifts) / len(drifts) for layer in layers]
    left.barh(range(len(layers)), means, color=figures.VERMILION)
    left.set_yticks(range(len(layers)), layers, fontsize=8)
    left.invert_yaxis()
    left.grid(axis="y", visible=False)
    left.set(title=text("lesson02.drift_title"), xlabel=text("lesson02.drift_label"))
    for k, mode in enumerate(("eval", "train")):
        colour = (figures.BLUE, figures.VERMILION)[k]
        for place, task in enumerate(accuracy):
            values = accuracy[task][mode]
            x = place + (k - 0.5) * 0.3
            point = interval(values, share=True)
            low, high = max(0.0, point.low), min(1.0, point.high)
            right.plot([x, x], [low, high], color=colour, linewidth=2)
            label = text(f"lesson02.mode_{mode}") if place == 0 else None
            right.plot(x, point.mean, figures.MARKERS[k], color=colour, markersize=8, label=label)
    right.set_xticks(range(len(accuracy)), [text(f"lesson02.on_{task}") for task in accuracy])
    right.set(xlim=(-0.6, len(accuracy) - 0.4), ylim=(0.5, 1.02))
    right.set(title=text("lesson02.accuracy"))
    right.yaxis.set_major_formatter(PercentFormatter(1))
    right.legend(loc="lower right")
    return picture(figure, text("lesson02.drift_alt", layers=len(layers)))


def draw_filters(network: nn.Module) -> Picture:
    """The weights of the first layer: every filter as a small coloured picture, stretched."""
    figures.use()
    weights = network.conv1.weight.detach()
    low, high = weights.amin((1, 2, 3), keepdim=True), weights.amax((1, 2, 3), keepdim=True)
    filters = (weights - low) / (high - low)
    columns = 8
    rows = -(-len(filters) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(0.55 * columns, 0.6 * rows), squeeze=False)
    for place in axes.flat:
        place.axis("off")
    for place, weight in zip(axes.flat, filters, strict=False):
        place.imshow(weight.permute(1, 2, 0).numpy())
    return picture(figure, text("lesson02.filters_alt", count=len(filters)))


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
    return picture(figure, text("lesson02.activations_alt", layers=", ".join(activations)))


def nearest(features: Tensor, k: int = 5) -> Tensor:
    """The rows of the k nearest others by cosine, nearest first: (n, d) -> (n, k)."""
    features = F.normalize(features, dim=1)
    return (features @ features.T).fill_diagonal_(-2).topk(k).indices


def draw_neighbours(images: Tensor, neighbours: Mapping[str, Tensor], query: int) -> Picture:
    """Picture `query` and, a row for each layer, its nearest pictures.

    images: uint8 (n, 3, height, width). neighbours: {name of the layer: rows (n, k)}.
    """
    rows = [images[torch.cat([torch.tensor([query]), near[query]])] for near in neighbours.values()]
    alt = text("lesson02.neighbours_alt", layers=", ".join(neighbours))
    return sheet(rows, list(neighbours), alt)


def draw_shares(shares: Mapping[str, Sequence[float]], chance: float) -> Picture:
    """The share of neighbours of the right class: {name of the layer: shares, one a seed}."""
    figures.use()
    figure, axes = plt.subplots(figsize=(6.4, 3.0))
    places = range(len(shares))
    figures.error_band(axes, places, list(shares.values()), color=figures.BLUE)
    axes.axhline(chance, color=figures.GREY, linestyle="--", linewidth=1.2)
    axes.text(len(shares) - 1, chance + 0.02, text("lesson02.by_chance"), ha="right", fontsize=9)
    axes.set_xticks(places, list(shares))
    axes.set(ylim=(0, 1.02), ylabel=text("lesson02.same_class"))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    means = [f"{interval(runs).mean:.0%}" for runs in shares.values()]
    return picture(figure, text("lesson02.shares_alt", first=means[0], last=means[-1]))


def read_bars(bars: Sequence[Mapping], start: str) -> dict[str, Interval]:
    """What `tl measure` stored under names that begin with `start`: {way: accuracy}.

    "ahead" is how far fine-tuning was above training from scratch.
    """
    ways = {"probe": "frozen", "fine_tune": "tuned", "scratch": "scratch"}
    ways["ahead"] = "tuned above scratch"
    found = {bar["name"]: bar["measured"] for bar in bars}
    return {way: Interval(**found[f"{start}: {name}"]) for way, name in ways.items()}


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
    axes.set_ylabel(text("twins.accuracy"))
    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.legend(loc="lower right")
    axes.set_title(text("lesson02.layers_title"))
    return picture(figure, text("lesson02.layers_alt"))
