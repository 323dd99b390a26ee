"""Figures of lesson 10: each says its finding in its title and holds every line it mentions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from torch import Tensor, nn
from torch.nn import functional as F

from tlhelpers.data.task import Task
from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.plots import Picture, picture, sheet
from tlhelpers.train.predict import as_data
from tlhelpers.transfer.intervals import Interval, interval
from tlhelpers.transfer.unsupervised.patches import patch_maps

LOOK: dict[str, dict[str, Any]] = {  # each kind of features, method or way: colour and marker
    "pixels": {"color": figures.ORANGE, "marker": "^"},
    "random": {"color": figures.GREY, "marker": "s"},
    "pretrained": {"color": figures.BLUE, "marker": "o"},
    "paint": {"color": figures.VERMILION, "marker": "v"},
    "imagenet": {"color": figures.BLUE, "marker": "o"},
    "minilm": {"color": figures.BLUE, "marker": "o"},
    "zukan": {"color": figures.GREEN, "marker": "D"},
    "tfidf": {"color": figures.BLACK, "marker": "X"},
    "mahalanobis": {"color": figures.ORANGE, "marker": "D"},
    "patches": {"color": figures.BLUE, "marker": "o"},
    "before": {"color": figures.GREY, "marker": "v"},
    "adabn": {"color": figures.ORANGE, "marker": "D"},
    "simclr": {"color": figures.BLUE, "marker": "o"},
}
EYES = ("pretrained", "random", "paint")
METHODS = ("mean", "mahalanobis", "nearest", "patches")
TRUE_K = 10  # classes in each of the three sets
LEGEND = {"fontsize": 9, "frameon": True, "facecolor": "white", "edgecolor": "none"}


def show_clusters(images: Tensor, clusters: Sequence[int], rows: int = 4, each: int = 6) -> Picture:
    """The first pictures of the largest clusters, a row each."""
    numbers = torch.as_tensor(clusters)
    largest = numbers.bincount().argsort(descending=True, stable=True)[:rows]
    parts = [images[(numbers == number).nonzero()[:each, 0]] for number in largest]
    names = [text("lesson10.cluster", number=place + 1) for place in range(len(parts))]
    return sheet(parts, names, text("lesson10.clusters_alt", rows=len(parts), each=each))


def draw_eyes(found: Mapping, live: Mapping[str, float]) -> Picture:
    """ARI with as many clusters as classes: birds, fish and digits by three kinds of features.

    live: today's run on birds, by kind.
    """
    figures.use()
    at = found["ks"].index(TRUE_K)
    sets, eyes = ("birds", "fish", "digits"), ("pixels", "random", "pretrained")
    figure, panels = plt.subplots(1, 3, figsize=(8.6, 2.7), sharex=True, sharey=True)
    for axes, name in zip(panels, sets, strict=True):
        for row, eye in enumerate(eyes):
            _across(axes, row, interval(found[name][eye]["ari"][at]), LOOK[eye])
            if name == "birds" and eye in live:
                axes.plot(live[eye], row, "o", color=figures.INK, fillstyle="none", markersize=12)
        axes.axvline(0, color=figures.INK, linestyle=":", linewidth=1.5)
        axes.set_title(text(f"lesson10.set_{name}"), fontsize=11)
        axes.set_xlim(-0.06, 1)
    panels[0].set_yticks(range(len(eyes)), [text(f"lesson10.eye_{eye}") for eye in eyes])
    panels[0].set_ylim(len(eyes) - 0.5, -0.5)
    panels[1].set_xlabel(text("lesson10.ari_axis"))
    axes = panels[2]
    axes.plot([], [], "o", color=figures.INK, fillstyle="none", label=text("lesson10.today"))
    axes.plot([], [], ":", color=figures.INK, label=text("lesson10.by_chance"))
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    figure.suptitle(text("lesson10.eyes_title"), x=0.02, ha="left", fontsize=12)
    return picture(figure, text("lesson10.eyes_alt"))


def draw_maps(planes: Sequence[Tensor], colours: Sequence | None = None) -> Picture:
    """Maps A, B, ... of points (n, 2), side by side. colours: for each the classes (n,) of its
    points, or None where it has none; then a title says what each map is."""
    figures.use()
    figure, panels = plt.subplots(1, len(planes), figsize=(2.9 * len(planes), 3.0))
    for name, axes, plane, classes in zip(
        "ABC", panels, planes, colours or [None] * len(planes), strict=False
    ):
        shade = _shades(classes) if colours else {"color": figures.INK}
        axes.scatter(plane[:, 0], plane[:, 1], s=11, alpha=0.75, linewidths=0, **shade)
        axes.set_title(text(f"lesson10.map_{name}") if colours else name, fontsize=11)
        axes.set_xticks([])
        axes.set_yticks([])
        for side in axes.spines.values():
            side.set_visible(True)
    return picture(figure, text(f"lesson10.{'maps_told_alt' if colours else 'maps_alt'}"))


def _shades(classes: Sequence[int] | None) -> dict[str, Any]:
    if classes is None:
        return {"color": figures.GREY}
    return {"c": torch.as_tensor(classes), "cmap": "tab10"}


def name_of(eye: str) -> str:
    """What a kind of features is called in the learner's language."""
    return text(f"lesson10.eye_{eye}")


def crosstab(clusters: Sequence[int] | Tensor, names: Tensor) -> Tensor:
    """How many examples of each cluster (rows) have each name (columns), as floats."""
    rows = torch.as_tensor(clusters).long()
    table = torch.zeros(int(rows.max()) + 1, int(names.max()) + 1)
    return table.index_put_((rows, names), torch.ones(len(names)), accumulate=True)


def patches_of(network: nn.Module, images: Tensor) -> Tensor:
    """Features (64 n, d) of the 8 x 8 patches of each picture, one picture behind the other."""
    return patch_maps(network, as_data(images)).permute(0, 2, 3, 1).flatten(0, 2)


def show_damage(task: Task, maps: Tensor) -> Picture:
    """Test parts, and below each its map (h, w) of `maps` (n, h, w) over the picture: the oddest of
    each condition, and the damaged part that is the least odd."""
    figures.use()
    images, labels = task.test.inputs, task.test.labels
    scores = maps.flatten(1).amax(1)
    sound = scores[labels == 0]
    chosen = [
        int(scores.where(labels == kind, scores.new_tensor(-1)).argmax())
        for kind in range(task.num_classes)
    ]
    chosen.append(int(scores.where(labels > 0, scores.new_tensor(torch.inf)).argmin()))
    size = images.shape[-2:]
    wide = F.interpolate(maps[chosen, None], size=size, mode="bilinear", align_corners=False)
    middle = sound.quantile(0.95).item()
    figure, panels = plt.subplots(2, len(chosen), figsize=(1.35 * len(chosen), 3.3))
    for column, row in enumerate(chosen):
        above, below = panels[:, column]
        for axes in (above, below):
            axes.imshow(images[row].permute(1, 2, 0), interpolation="bilinear")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.grid(False)
        shades = {"cmap": "inferno", "vmin": 0.5 * middle, "vmax": 1.5 * middle}
        below.imshow(wide[column, 0], alpha=0.65, **shades)
        kind = labels[row]
        above.set_title(task.class_names[kind] if kind else text("lesson10.sound"), fontsize=10)
        less = (sound < scores[row]).double().mean().item()
        below.set_xlabel(text("lesson10.less_odd", share=f"{less:.0%}"), fontsize=9)
    return picture(figure, text("lesson10.damage_alt"), photographic=True)


def draw_methods(
    found: Mapping, methods: Sequence[str] = METHODS, live: float | None = None
) -> Picture:
    """AUROC of each method, by three networks. live: today's, of patches by the pretrained one."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.4, 1.6 + 0.5 * len(methods)))
    for row, method in enumerate(methods):
        for place, eye in enumerate(EYES):
            span = interval(found["methods"][eye][method]["auroc"], share=True)
            label = text(f"lesson10.eye_{eye}") if row == 0 else None
            _across(axes, row + 0.22 * (place - 1), span, {**LOOK[eye], "label": label})
    if live is not None:
        ring: dict[str, Any] = {"fillstyle": "none", "markersize": 12, "linestyle": "none"}
        height = methods.index("patches") - 0.22
        axes.plot(live, height, "o", color=figures.INK, label=text("lesson10.today"), **ring)
    axes.axvline(0.5, color=figures.INK, linestyle=":", label=text("lesson10.coin"))
    axes.set_yticks(range(len(methods)), [text(f"lesson10.method_{name}") for name in methods])
    axes.set_ylim(len(methods) - 0.5, -0.5)
    axes.set_xlim(0.4, 1)
    axes.set_xlabel(text("lesson10.auroc_axis"))
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    spread = "mahalanobis" in methods
    axes.set_title(text("lesson10.spread_title" if spread else "lesson10.methods_title"))
    return picture(figure, text("lesson10.methods_alt"))


def draw_real(found: Mapping) -> Picture:
    """AUROC of real requests out of scope and of spam, by the distance to the nearest message."""
    figures.use()
    figure, panels = plt.subplots(1, 2, figsize=(7.4, 2.7), sharey=True)
    coders = ("minilm", "zukan", "tfidf")
    for axes, name in zip(panels, ("clinc150", "sms"), strict=True):
        for row, coder in enumerate(coders):
            _across(axes, row, interval(found[name][coder]["nearest"], share=True), LOOK[coder])
        axes.axvline(0.5, color=figures.INK, linestyle=":", label=text("lesson10.coin"))
        axes.set_xlim(0.25, 1)
        axes.set_xlabel(text("lesson10.auroc_short"))
        axes.set_title(text(f"lesson10.real_{name}"), fontsize=11)
    panels[0].set_yticks(range(3), [text(f"lesson10.eye_{coder}") for coder in coders])
    panels[0].set_ylim(2.5, -0.5)
    panels[1].legend(loc="center right", **LEGEND)
    figure.suptitle(text("lesson10.real_title"), x=0.02, ha="left", fontsize=12)
    return picture(figure, text("lesson10.real_alt"))


def draw_photos(found: Mapping) -> Picture:
    """ARI of clusters of real photos, by three kinds of features."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.2, 2.9))
    sets = list(found["photos"])
    for row, name in enumerate(sets):
        for place, eye in enumerate(("pixels", "random", "imagenet")):
            label = text(f"lesson10.eye_{eye}") if row == 0 else None
            span = interval(found["photos"][name][eye])
            _across(axes, row + 0.22 * (place - 1), span, {**LOOK[eye], "label": label})
    axes.set_yticks(range(len(sets)), [text(f"lesson10.set_{name}") for name in sets])
    axes.set_ylim(len(sets) - 0.5, -0.5)
    axes.set_xlim(-0.06, 1)
    axes.axvline(0, color=figures.INK, linestyle=":", label=text("lesson10.by_chance"))
    axes.set_xlabel(text("lesson10.ari_short"))
    axes.set_title(text("lesson10.photos_title"))
    axes.legend(loc="center right", **LEGEND)
    return picture(figure, text("lesson10.photos_alt"))


def draw_continued(found: Mapping) -> Picture:
    """Test accuracy on surfaces with five labels a class: body as borrowed, BatchNorm measured
    anew, body that went on learning without labels."""
    figures.use()
    ways = ("before", "adabn", "simclr")
    figure, axes = plt.subplots(figsize=(7.2, 2.5))
    for row, way in enumerate(ways):
        span = interval(found[way], share=True)
        _across(axes, row, span, LOOK[way])
        words = {"textcoords": "offset points", "fontsize": 9, "ha": "center"}
        axes.annotate(f"{span.mean:.0%}", (span.mean, row), (0, 8), **words)
    axes.axvline(0.2, color=figures.INK, linestyle=":", label=text("lesson10.guessing"))
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel(text("lesson10.accuracy_axis", draws=len(found["before"])))
    axes.set_yticks(range(len(ways)), [text(f"lesson10.way_{way}") for way in ways])
    axes.set_ylim(len(ways) - 0.4, -0.8)
    axes.legend(loc="lower right", **LEGEND)
    gain = fmean(found["simclr"]) - fmean(found["before"])
    axes.set_title(text("lesson10.continued_title", gain=f"{100 * gain:.0f}"))
    return picture(figure, text("lesson10.continued_alt"))


def draw_dirt(found: Mapping) -> Picture:
    """AUROC by the share of damaged parts among the known, and by the number of known parts."""
    figures.use()
    figure, panels = plt.subplots(1, 2, figsize=(8.2, 3.4), sharey=True)
    parts = (("dirt", "dirty", "dirt"), ("counts", "by_count", "counts"))
    for axes, (steps, runs, key) in zip(panels, parts, strict=True):
        for method in ("patches", "mahalanobis"):
            label = text(f"lesson10.method_{method}")
            places = range(len(found[steps]))
            figures.error_band(axes, places, found[runs][method], label, **LOOK[method])
        words = [f"{s:.0%}" if key == "dirt" else f"{s:,}" for s in found[steps]]
        axes.set_xticks(range(len(words)), words)
        axes.set_xlabel(text(f"lesson10.{key}_axis"))
        axes.set_title(text(f"lesson10.{key}_title"), fontsize=11)
        axes.set_ylim(0.5, 1)
    panels[0].set_ylabel(text("lesson10.auroc_short"))
    panels[1].legend(loc="lower right", **LEGEND)
    return picture(figure, text("lesson10.dirt_alt"))


def draw_layers(found: Mapping) -> Picture:
    """AUROC of patches taken from one stage of the network or another, a row each."""
    figures.use()
    figure, axes = plt.subplots(figsize=(6.8, 2.9))
    layers = found["layers"]
    for row, runs in enumerate(layers.values()):
        _across(axes, row, interval(runs, share=True), LOOK["patches"])
    axes.set_yticks(range(len(layers)), list(layers))
    axes.set_ylim(len(layers) - 0.5, -0.5)
    axes.set_xlim(0.5, 1)
    axes.set_xlabel(text("lesson10.auroc_axis"))
    axes.set_title(text("lesson10.layers_title"))
    return picture(figure, text("lesson10.layers_alt"))


def _across(axes: Axes, row: float, span: Interval, look: Mapping[str, Any]) -> None:
    """The mean at a height, on a bar that spans its interval."""
    figures.mark_mean(axes, row, span, across=True, **look)
