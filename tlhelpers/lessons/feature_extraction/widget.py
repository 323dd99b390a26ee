"""Lesson 02: what does a layer see? Filters, activations, neighbours of a clicked picture."""

from __future__ import annotations

import base64
import functools
import io
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from tlhelpers.data.catalog import load_task
from tlhelpers.models.backbones import backbone
from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.widgets.chart import Canvas, percent
from tlhelpers.show.widgets.explorer import Control, Explorer, View
from tlhelpers.show.widgets.photo import photo

RESULTS = ()
LAYERS = ("conv1", "layer1", "layer2", "layer3", "layer4")
PER_CLASS, OFFERED, NEIGHBOURS, MAPS = 6, 10, 5, 8


@dataclass(frozen=True)
class Seen:
    """Pictures uint8 (n, 3, 64, 64), and for each layer its activations (n, channels, h, w)."""

    pictures: Tensor
    labels: Tensor
    names: list[str]
    activations: dict[str, Tensor]
    filters: Tensor  # (16, 3, 5, 5), the weights of conv1

    def neighbours(self, layer: str) -> Tensor:
        """(n, n - 1): for each picture the others, nearest first.

        Nearest by the cosine of the activations averaged over space: where something is does
        not count, only that it is there.
        """
        features = F.normalize(self.activations[layer].mean((2, 3)), dim=1)
        alike = features @ features.T
        return alike.fill_diagonal_(2.0).argsort(descending=True)[:, 1:]


@functools.cache
def look() -> Seen:
    """Shows 60 birds to zukan-resnet, once, and keeps what every layer makes of them."""
    task = load_task("birds", PER_CLASS, valid_per_class=1, test_per_class=1)
    pictures, labels = task.train.batch(torch.arange(len(task.train)))
    network = backbone("zukan-resnet")
    kept: dict[str, Tensor] = {}
    hooks = [
        network.get_submodule(name).register_forward_hook(
            lambda module, inputs, output, name=name: kept.__setitem__(name, F.relu(output))
        )
        for name in LAYERS
    ]
    with torch.inference_mode():
        network(network.preprocess(pictures))
    for hook in hooks:
        hook.remove()
    filters = network.conv1.weight.detach()
    return Seen(pictures, labels, task.class_names, kept, filters)


@functools.cache
def shares() -> dict[str, float]:
    """{layer: share of the NEIGHBOURS nearest that are of the same kind, over all birds}."""
    seen = look()
    found = {}
    for layer in LAYERS:
        near = seen.neighbours(layer)[:, :NEIGHBOURS]
        same = seen.labels[near] == seen.labels[:, None]
        found[layer] = same.double().mean().item()
    return found


def build(results: Mapping[str, Mapping]) -> Explorer:
    """Nothing stored is needed: the network is looked at as it is."""
    return Explorer(
        title=text("widget02.title"),
        controls=[
            Control("layer", text("widget02.layer"), [(name, name) for name in LAYERS], "layer2")
        ],
        draw=draw,
        picks={"picked": 0},
    )


def draw(layer: str, picked: int) -> View:
    """The picked picture, the channels it excites most, and the pictures like it for `layer`."""
    seen = look()
    near = seen.neighbours(layer)[:, :NEIGHBOURS]
    same = seen.labels[near] == seen.labels[:, None]
    says = text(
        "widget02.says",
        layer=layer,
        same=int(same[picked].sum()),
        count=NEIGHBOURS,
        share=percent(shares()[layer]),
    )
    canvas = Canvas(says, height=486)
    canvas.text(8, 18, text("widget02.pick"))
    for place in range(OFFERED):
        row = place * PER_CLASS
        x = 8 + 63 * place
        outline = figures.VERMILION if row == picked else "none"
        label = text("widget02.photo", name=_name(seen, row), number=place + 1)
        target = {"data-set": "picked", "data-value": row, "aria-label": label}
        target["data-picked"] = str(row == picked).lower()
        frame = {"x": x, "y": 26, "width": 57, "height": 57}
        canvas.add("image", **frame, **target, href=photo(seen.pictures[row]))
        canvas.add("rect", **frame, fill="none", stroke=outline, stroke_width=4)

    canvas.text(8, 112, text("widget02.channels", layer=layer))
    maps = seen.activations[layer][picked]
    strongest = maps.mean((1, 2)).argsort(descending=True)[:MAPS]
    canvas.add("image", x=8, y=120, width=112, height=112, href=photo(seen.pictures[picked]))
    for place, channel in enumerate(strongest.tolist()):
        x, y = 132 + 62 * place, 120
        _pixels(canvas, x, y, 56, (maps[channel] / maps.max().clamp(min=1e-6)).sqrt())
        if layer == "conv1":
            _pixels(canvas, x, 202, 44, seen.filters[channel])
    canvas.text(132, 192, text("widget02.bright"), font_size=11)
    if layer == "conv1":
        canvas.text(132, 260, text("widget02.filters"), font_size=11)

    canvas.text(8, 282, text("widget02.neighbours", layer=layer))
    for place, row in enumerate(near[picked].tolist()):
        x = 8 + 104 * place
        right = bool(same[picked, place])
        ink = figures.GREEN if right else figures.GREY
        frame = {"x": x, "y": 292, "width": 96, "height": 96}
        canvas.add("image", **frame, href=photo(seen.pictures[row]))
        canvas.add("rect", **frame, fill="none", stroke=ink, stroke_width=4 if right else 1)
        name = ("✓ " if right else "") + _name(seen, row)
        canvas.text(x + 48, 408, name, text_anchor="middle", font_size=11)
    canvas.text(8, 436, text("widget02.shares"))
    for place, (name, share) in enumerate(shares().items()):
        weight = "bold" if name == layer else None
        x, colour = 8 + 126 * place, figures.BLUE if name == layer else figures.SKY
        canvas.text(x, 460, f"{name}: {percent(share)}", font_weight=weight)
        canvas.add("rect", x=x, y=468, width=112, height=10, fill=figures.RULE)
        canvas.add("rect", x=x, y=468, width=112 * share, height=10, fill=colour)
    return View(canvas.svg(), says)


def _name(seen: Seen, row: int) -> str:
    return seen.names[int(seen.labels[row])]


def _pixels(canvas: Canvas, x: float, y: float, size: float, values: Tensor) -> None:
    """A map (h, w) in grey, or a filter (3, h, w) in colour, as an image of few pixels."""
    if values.ndim == 3:
        low, high = values.amin(), values.amax()
        values = ((values - low) / (high - low).clamp(min=1e-6)).permute(1, 2, 0)
    stored = io.BytesIO()
    Image.fromarray((values.clamp(0, 1) * 255).byte().numpy()).save(stored, "PNG")
    href = "data:image/png;base64," + base64.b64encode(stored.getvalue()).decode()
    place = {"x": x, "y": y, "width": size, "height": size}
    canvas.add("image", **place, href=href, style="image-rendering:pixelated")
