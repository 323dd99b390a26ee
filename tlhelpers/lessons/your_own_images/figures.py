"""Figures of lesson 14: each says its finding in its title and holds every line it mentions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from PIL import Image
from torch import Tensor

from tlhelpers.lessons.your_own_images.photos import (
    owners_of,
    photograph,
    read_photos,
    receive_photos,
)
from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.figures import METHODS
from tlhelpers.show.plots import Picture, gallery, picture, sheet
from tlhelpers.transfer.intervals import interval, prediction

__all__ = ["owners_of", "photograph", "read_photos", "receive_photos"]  # all that the cells see

WAYS = {"by_photo": figures.VERMILION, "by_scene": figures.BLUE, "new": figures.GREEN}
COSTS = ("none", "scenes", "copies", "labels", "lopsided", "light")  # rows of the figure
LOOK = {
    "pixels": {"color": figures.ORANGE, "marker": "^"},
    "knn": {"color": figures.SKY, "marker": "D"},
    "probe": METHODS["probe"],
    "turned_probe": METHODS["probe"],
    "fine_tune": METHODS["fine_tune"],
    "scratch": METHODS["scratch"],
    "more_probe": METHODS["probe"],
    "more_tuned": METHODS["fine_tune"],
}
STEPS = ("pixels", "knn", "probe", "turned_probe", "fine_tune", "more_probe", "more_tuned")
REAL_STEPS = ("knn", "probe", "fine_tune", "scratch")
LIFT = 0.14  # of the two marks of a row, so that both can be seen where they agree
CHANCE = 0.5  # two classes, as many of each


def show_folder(folder: Path, count: int = 6) -> Picture:
    """A row for each class: the first `count` photos that can be read."""
    rows, names = [], sorted(path.name for path in folder.iterdir() if path.is_dir())
    for name in names:
        photos = islice(_photos(folder / name, "*.jpg"), count)
        rows.append(torch.stack([image for _, image in photos]))
    return sheet(rows, names, text("lesson14.folder_alt", names=", ".join(names)), zoom=0.9)


def show_suspects(
    folder: Path, owners: np.ndarray, own_label: np.ndarray, count: int = 8
) -> Picture:
    """One photo of each of the owners whose own label is least probable, on average.

    owners, own_label: (n,), of each photo the owner's number and the probability of its label.
    """
    doubts = {owner: own_label[owners == owner].mean() for owner in set(owners.tolist())}
    images, captions = [], []
    for owner in sorted(doubts, key=lambda owner: doubts[owner])[:count]:
        path, image = next(_photos(folder, f"*/{owner}_*.jpg"))
        images.append(image)
        values = {"label": path.parent.name, "owner": owner, "share": f"{doubts[owner]:.0%}"}
        captions.append(text("lesson14.suspect", **values))
    alt = text("lesson14.suspects_alt", count=len(images))
    return gallery(torch.stack(images), captions, alt, columns=4, zoom=1.0)


def _photos(folder: Path, pattern: str) -> Iterator[tuple[Path, Tensor]]:
    """The photos that can be read, uint8 (3, height, width), in the order of their names."""
    for path in sorted(folder.glob(pattern)):
        with suppress(OSError), Image.open(path) as opened:
            image = torch.from_numpy(np.array(opened.convert("RGB"))).permute(2, 0, 1)
            yield path, image


def draw_costs(found: Mapping[str, Mapping]) -> Picture:
    """What the test of the folder says, and what is true, with one mistake at a time.

    found: {mistake: {"said", "new", "cats": accuracies}}, a reader of 14_mistakes.
    """
    figures.use()
    figure, axes = plt.subplots(figsize=(7.4, 4.2))
    for row, mistake in enumerate(COSTS):
        said, new = (interval(found[mistake][way], share=True) for way in ("said", "new"))
        ends = [row - LIFT, row + LIFT]
        axes.plot([said.mean, new.mean], ends, color=figures.GREY, linewidth=1)
        for point, lift, colour, marker, way in (
            (said, -LIFT, figures.VERMILION, "s", "said"),
            (new, LIFT, figures.GREEN, "o", "true"),
        ):
            label = text(f"lesson14.cost_{way}") if row == 0 else None
            look = {"color": colour, "marker": marker, "label": label}
            figures.mark_mean(axes, row + lift, point, across=True, **look)
        points = round(100 * (said.mean - new.mean))
        signed = f"{points:+}".replace("-", "−") if points else "0"
        gap = text("lesson14.cost_gap", points=signed)
        axes.text(1.02, row, gap, va="center", fontsize=9)
    look = {"transform": axes.transAxes, "va": "bottom", "fontsize": 9}
    axes.text(1.02, 1.01, text("lesson14.cost_gap_head"), **look)
    axes.set_yticks(range(len(COSTS)), [text(f"lesson14.mistake_{m}") for m in COSTS])
    axes.set_ylim(len(COSTS) - 0.5, -0.5)
    _shares(axes, "test_accuracy", draws=len(found["none"]["new"]))
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    figure.suptitle(text("lesson14.cost_title"), fontsize=12, x=0.01, ha="left")
    return picture(figure, text("lesson14.cost_alt"))


def draw_ladder(found: Mapping[str, Sequence[float]]) -> Picture:
    """The ways in the order in which to try them.

    found: accuracies per draw, as 14_ladder stores them. The thin line is the range in which the
    next single result will probably fall.
    """
    figures.use()
    figure, axes = plt.subplots(figsize=(7.4, 4.8))
    rows = (*STEPS, "scratch")
    for row, way in enumerate(rows):
        point, single = interval(found[way], share=True), prediction(found[way])
        ends = [max(0, single.low), min(1, single.high)]
        axes.plot(ends, [row, row], color=LOOK[way]["color"], linewidth=1)
        _row(axes, row, found[way], way)
        axes.text(1.02, row, f"{point.mean:.0%}", va="center")
    for width, key in ((2.5, "mean_bar"), (1, "next_one")):
        axes.plot([], [], color=figures.INK, linewidth=width, label=text(f"lesson14.{key}"))
    axes.axhline(len(STEPS) - 0.5, color=figures.INK, linewidth=0.8)
    axes.set_yticks(range(len(rows)), [text(f"lesson14.step_{way}") for way in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    _shares(axes, "ladder_accuracy", draws=len(found["probe"]))
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    figure.suptitle(text("lesson14.ladder_title"), fontsize=12, x=0.01, ha="left")
    return picture(figure, text("lesson14.ladder_alt"))


def draw_real(curves: Mapping, no_label: Mapping) -> Picture:
    """Real cats and dogs: what labels bring, with none as a level line.

    curves: cats_dogs of 01_real, a frozen MobileNetV2; no_label: 14_real, ImageNet's own head.
    """
    figures.use()
    figure, axes = plt.subplots(figsize=(7.4, 3.8))
    counts = [int(count) for count in curves["imagenet"]]
    for kind, way in (("imagenet", "probe"), ("pixels", "pixels")):
        label = text(f"lesson14.real_{kind}")
        figures.error_band(axes, counts, list(curves[kind].values()), label, **LOOK[way])
    label = text("lesson14.no_label")
    axes.axhline(no_label["averaged"]["all"], color=figures.GREEN, linewidth=1.6, label=label)
    look = {"color": figures.INK, "linestyle": ":", "linewidth": 1.4}
    axes.axhline(CHANCE, label=text("twins.chance"), **look)
    axes.set_xscale("log")
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.minorticks_off()
    axes.set_ylim(0.4, 1.01)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set(xlabel=text("twins.labels"), ylabel=text("lesson14.real_curve"))
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    figure.suptitle(text("lesson14.real_title"), fontsize=12, x=0.01, ha="left")
    return picture(figure, text("lesson14.real_alt"))


def draw_real_ways(found: Mapping) -> Picture:
    """Frozen, fine-tuned and from scratch on the same real photos; found: 14_photos."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.4, 3.2))
    for row, way in enumerate(REAL_STEPS):
        _row(axes, row, found[way], way)
        axes.text(1.02, row, f"{interval(found[way]).mean:.0%}", va="center")
    axes.set_yticks(range(len(REAL_STEPS)), [text(f"lesson14.real_{w}") for w in REAL_STEPS])
    axes.set_ylim(len(REAL_STEPS) - 0.5, -0.5)
    _shares(axes, "real_accuracy", draws=len(found["probe"]))
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    title = text("lesson14.real_ways_title", count=found["labels"])
    figure.suptitle(title, fontsize=12, x=0.01, ha="left")
    return picture(figure, text("lesson14.real_ways_alt"))


def _row(axes: Axes, row: float, runs: Sequence[float], way: str) -> None:
    """The mean of runs on its 95% interval, in the look of the way."""
    figures.mark_mean(axes, row, interval(runs, share=True), across=True, **LOOK[way])


def _shares(axes: Axes, key: str, **values: int) -> None:
    """An axis of accuracies, named by the sentence `key`, with the line of guessing."""
    label = text("twins.chance")
    axes.axvline(CHANCE, color=figures.INK, linestyle=":", linewidth=1.4, label=label)
    axes.set_xlim(0.4, 1.01)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel(text(f"lesson14.{key}", **values))
