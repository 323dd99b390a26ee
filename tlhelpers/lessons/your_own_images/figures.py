"""Figures of lesson 14, and the photos that it opens: cats and dogs, and a folder of birds."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from matplotlib.ticker import PercentFormatter
from PIL import Image
from torch import Tensor, nn

from tlhelpers.data.catalog import load_task
from tlhelpers.data.folder import load_folder
from tlhelpers.data.task import rows_of_each
from tlhelpers.models.backbones import backbone
from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.plots import Picture, picture, sheet
from tlhelpers.transfer.intervals import interval

REFERENCE = 0.97  # validation accuracy that the public guide reports on real photos
STRATEGIES = ("probe", "fine_tune", "scratch")
WAYS = {"by_photo": figures.VERMILION, "by_scene": figures.BLUE, "new": figures.GREEN}


@dataclass
class Photos:
    """Photos to be split on the page, and the pretrained network that suits them.

    images: uint8 (n, 3, size, size); labels: (n,).
    """

    images: Tensor
    labels: Tensor
    names: list[str]
    network: nn.Module


def open_pets(photos: str | os.PathLike | None = None, seed: int = 0, count: int = 500) -> Photos:
    """`count` cats and as many dogs; seed: other drawings, or another choice of photos.

    photos: None draws them, for zukan-resnet; "public" downloads the Oxford-IIIT Pet photos, and
    anything else is a folder of one's own; both come with ImageNet's MobileNetV2.
    """
    if photos is None:
        task = load_task("pets", count, seed, valid_per_class=1, test_per_class=1)
        network = backbone("zukan-resnet")
        return Photos(task.train.inputs, task.train.labels, task.class_names, network)
    network = backbone("mobilenet_v2", size=160)
    if photos == "public":
        task = load_task(
            "pets", count, seed, size=160, source="public", valid_per_class=1, test_per_class=1
        )
        return Photos(task.train.inputs, task.train.labels, task.class_names, network)
    task = load_folder(photos, size=160, seed=seed)
    parts = (task.train, task.valid, task.test)
    images = torch.cat([part.inputs for part in parts])
    labels = torch.cat([part.labels for part in parts])
    rows = rows_of_each(labels, count, torch.Generator().manual_seed(seed))
    return Photos(images[rows], labels[rows], task.class_names, network)


def body_of(network: nn.Module) -> nn.Module:
    """Everything before pooling: preprocessed pictures -> maps (n, channels, height, width)."""
    if hasattr(network, "features"):  # MobileNet, EfficientNet, VGG ...
        return network.features
    return nn.Sequential(*list(network.children())[:-2])  # ResNet: all but avgpool and fc


def write_photos(folder: Path, count: int = 50, seed: int = 0) -> Path:
    """A learner's folder: five kinds of bird on faded prints, `count` JPEG files of each."""
    options = {"style": "faded", "size": 96, "valid_per_class": 1, "test_per_class": 1}
    birds = load_task("birds", count, seed, classes=range(5), **options)
    for number, name in enumerate(birds.class_names):
        (folder / name).mkdir(parents=True)
        of_class = birds.train.inputs[birds.train.labels == number]
        for k, image in enumerate(of_class):
            photo = Image.fromarray(image.permute(1, 2, 0).numpy())
            photo.save(folder / name / f"{k:03}.jpg", quality=90)
    return folder


def show_photos(photos: Photos, count: int = 6) -> Picture:
    """A row of photos for each class."""
    rows = [photos.images[photos.labels == c][:count] for c in range(len(photos.names))]
    return sheet(rows, photos.names, text("lesson14.photos_alt", names=", ".join(photos.names)))


def show_augmented(image: Tensor, augmented: Tensor) -> Picture:
    """A picture, uint8 (3, height, width), and versions of it, uint8 (n, 3, height, width)."""
    gap = torch.full_like(augmented[:1], 255)
    row = torch.cat([image[None], gap, augmented])
    alt = text("lesson14.augmented_alt", count=len(augmented))
    return sheet([row], [text("lesson14.original")], alt)


def draw_epochs(curves: Sequence[Sequence[float]], tests: Sequence[float]) -> Picture:
    """Validation accuracy after each epoch, and the test accuracy at the end, over the seeds."""
    figures.use()
    figure, axes = plt.subplots(figsize=(6.6, 3.3))
    epochs = range(1, len(curves[0]) + 1)
    by_epoch = list(zip(*curves, strict=True))
    figures.error_band(axes, epochs, by_epoch, text("lesson14.valid"), color=figures.BLUE)
    point = interval(tests, share=True)
    end = len(epochs) + 0.5
    axes.plot([end, end], [point.low, min(1, point.high)], color=figures.VERMILION, linewidth=2)
    axes.plot(end, point.mean, "D", color=figures.VERMILION, label=text("lesson14.test"))
    axes.axhline(REFERENCE, color=figures.GREY, linestyle="--", linewidth=1.2)
    axes.text(1, REFERENCE + 0.015, text("lesson14.reference"), fontsize=9, color=figures.GREY)
    axes.set(xlabel=text("lesson14.epoch"), ylabel=text("lesson14.accuracy"), ylim=(0.48, 1.04))
    axes.set_xticks(list(epochs))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.legend(loc="lower right")
    return picture(figure, text("lesson14.epochs_alt", accuracy=f"{point.mean:.0%}"))


def draw_ways(runs: Mapping[int, Mapping[str, Sequence[float]]]) -> Picture:
    """Three ways with so many labels a class, {labels: {strategy: accuracies}}, with intervals."""
    figures.use()
    figure, axes = plt.subplots(figsize=(6.6, 3.3))
    for place, of_count in enumerate(runs.values()):
        for k, strategy in enumerate(STRATEGIES):
            look = figures.METHODS[strategy]
            label = text(f"lesson14.{strategy}") if place == 0 else None
            x = place + 0.2 * (k - 1)
            _point(axes, x, of_count[strategy], look["color"], look["marker"], label)
    names = [text("lesson14.labels", count=count) for count in runs]
    axes.set_xticks(range(len(runs)), names)
    axes.set(xlim=(-0.5, len(runs) - 0.5), ylim=(0.48, 1.02), ylabel=text("lesson14.accuracy"))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.legend(loc="upper left")
    return picture(figure, text("lesson14.ways_alt"))


def draw_leak(found: Mapping[str, Sequence[float]]) -> Picture:
    """Accuracy tested by photo, by scene, and on new photos: {way: accuracies, one a seed}."""
    figures.use()
    figure, axes = plt.subplots(figsize=(6.6, 3.0))
    for place, (way, runs) in enumerate(found.items()):
        _point(axes, place, runs, WAYS[way], "o")
    axes.set_xticks(range(len(found)), [text(f"lesson14.{way}") for way in found])
    axes.set(xlim=(-0.5, len(found) - 0.5), ylim=(0.48, 1.02), ylabel=text("lesson14.accuracy"))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    means = {way: f"{interval(runs).mean:.0%}" for way, runs in found.items()}
    return picture(figure, text("lesson14.leak_alt", **means))


def _point(axes, place: float, runs: Sequence[float], colour: str, marker: str, label=None) -> None:
    """The mean of runs on its 95% interval."""
    point = interval(runs, share=True)
    figures.mark_mean(axes, place, point, color=colour, marker=marker, label=label)


def draw_no_label(found: Mapping, curves: Mapping) -> Picture:
    """ImageNet's own head, without a label, against a new head with more and more of them.

    found: the stored "14_real"; curves: the stored "01_real".
    """
    figures.use()
    figure, axes = plt.subplots(figsize=(6.8, 3.5))
    of_count = curves["cats_dogs"]["imagenet"]
    counts = [int(count) for count in of_count]
    name = text("lesson14.new_head")
    figures.error_band(axes, counts, list(of_count.values()), name, color=figures.BLUE)
    lines = {"averaged": (figures.GREEN, "-"), "summed": (figures.ORANGE, "--")}
    for way, (colour, style) in lines.items():
        label = text(f"lesson14.no_label_{way}")
        axes.axhline(found[way]["all"], color=colour, linestyle=style, label=label)
    axes.axhline(0.5, color=figures.INK, linestyle=":", linewidth=1.2, label=text("twins.chance"))
    axes.set_xscale("log")
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.minorticks_off()
    axes.set_ylim(0.4, 1.01)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlabel(text("twins.labels"))
    axes.set_ylabel(text("twins.accuracy"))
    axes.legend(loc="center right", bbox_to_anchor=(1, 0.42), fontsize=9)
    axes.set_title(text("lesson14.no_label_title"))
    return picture(figure, text("lesson14.no_label_alt"))
