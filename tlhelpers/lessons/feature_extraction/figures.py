"""Figures of lesson 02: the borrowed eye and its baselines, BatchNorm, what layers see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.ticker import MultipleLocator, PercentFormatter
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
    image: Tensor, probabilities: Tensor, names: Sequence[str], truth: int | Tensor
) -> Picture:
    """A picture, uint8 (3, height, width), beside the probabilities (classes,) that it got.

    truth: the class that the picture is of; its name is marked.
    """
    figures.use()
    truth = int(truth)
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


def draw_drift(accuracy: Mapping[str, Mapping[str, Sequence[float]]]) -> Picture:
    """What a body in train mode costs: {"source" | "birds": {"eval" | "train": accuracies}}."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.2, 3.0))
    looks = {"eval": figures.METHODS["probe"], "train": {"color": figures.VERMILION, "marker": "s"}}
    for row, by_mode in enumerate(accuracy.values()):
        for mode, look in looks.items():
            side = -1 if mode == "eval" else 1  # eval above, train below
            label = text(f"lesson02.mode_{mode}") if row == 0 else None
            point, place = interval(by_mode[mode], share=True), row + 0.14 * side
            figures.mark_mean(axes, place, point, across=True, label=label, **look)
            at = {"ha": "center", "va": "bottom" if side < 0 else "top", "color": look["color"]}
            axes.text(point.mean, row + 0.22 * side, f"{point.mean:.0%}", **at)
    axes.set_yticks(range(len(accuracy)), [text(f"lesson02.on_{task}") for task in accuracy])
    axes.set(xlim=(0, 1.02), ylim=(len(accuracy) - 0.4, -0.6))
    axes.set(title=text("lesson02.drift_title"), xlabel=text("lesson02.rows_label"))
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(axis="y", visible=False)
    axes.legend(loc="center left", title=text("lesson02.drift_legend"), alignment="left")
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
    axes[1, 0].text(0.5, 1, text("lesson02.bright"), ha="center", va="top", fontsize=9)
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
    means = [f"{interval(runs).mean:.0%}" for runs in shares.values()]
    for place, (runs, mean) in enumerate(zip(shares.values(), means, strict=True)):
        axes.text(place, interval(runs).high + 0.02, mean, ha="center", va="bottom")
    axes.set_xlim(-0.25, len(shares) - 0.75)
    axes.axhline(chance, color=figures.INK, linestyle=":", linewidth=1.2)
    axes.text(len(shares) - 0.8, chance + 0.02, text("lesson02.by_chance"), ha="right", fontsize=9)
    axes.set_xticks(places, list(shares))
    axes.set(ylim=(0, 1.02), ylabel=text("lesson02.same_class"))
    axes.set_title(text("lesson02.shares_title"))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
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
    return _draw_rows(spans, text("lesson02.digits_title"), "digits", (0.76, 0.96))


SIGNS = {
    "pixels": {"color": figures.GREEN, "marker": "^"},
    "untrained": {"color": figures.BLACK, "marker": "X"},
    "borrowed": figures.METHODS["probe"],
    "scratch": figures.METHODS["scratch"],
    "tuned": figures.METHODS["fine_tune"],
}


def _draw_rows(
    spans: Mapping[str, Interval], title: str, alt: str, part: tuple[float, float] = (0, 1.02)
) -> Picture:
    """A row for each way: its mean, its 95% interval, its number; guessing (10%) is dotted.

    part: of the axis; where guessing lies outside, the label tells it.
    """
    figures.use()
    means = {name: f"{span.mean:.0%}" for name, span in spans.items()}
    figure, axes = plt.subplots(figsize=(7.2, 1.2 + 0.48 * len(spans)))
    for row, (name, span) in enumerate(spans.items()):
        sign = SIGNS[name]
        axes.plot([span.low, span.high], [row, row], color=sign["color"], linewidth=2.2)
        axes.plot(span.mean, row, sign["marker"], color=sign["color"], markersize=8)
        axes.text(span.mean, row - 0.2, means[name], ha="center", va="bottom")
    if part[0] < 0.1:
        axes.axvline(0.1, color=figures.INK, linestyle=":", linewidth=1.2)
        axes.text(0.115, len(spans) - 0.6, text("twins.chance"), fontsize=9)
    axes.set_yticks(range(len(spans)), [text(f"lesson02.{name}") for name in spans])
    axes.set(xlim=part, ylim=(len(spans) - 0.5, -0.75))
    axes.set(title=title, xlabel=text("lesson02.rows_label" if part[0] < 0.1 else "lesson02.part"))
    axes.xaxis.set_major_locator(MultipleLocator(0.2 if part[0] < 0.1 else 0.05))
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
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
        figures.error_band(axes, places, runs, color=colour)
        above = count == "50"
        at = {"ha": "center", "va": "bottom" if above else "top"}
        axes.text(9, 0.79 if above else 0.59, text("lesson02.layers_labels", count=count), **at)
        for place in (0, -2, -1):
            mean = interval(runs[place]).mean
            axes.text(places[place], mean + (0.03 if above else -0.04), f"{mean:.0%}", **at)
    axes.axhline(0.5, color=figures.INK, linestyle=":", linewidth=1.2)
    axes.text(18, 0.51, text("twins.chance"), ha="right", fontsize=9)
    axes.set_xticks(places)
    axes.set_xlabel(text("lesson02.layers_block"))
    axes.set_ylabel(text("lesson02.accuracy_band"))
    axes.set_ylim(0.4, 1.0)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_title(text("lesson02.layers_title"))
    return picture(figure, text("lesson02.layers_alt"))
