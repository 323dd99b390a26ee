"""Lesson 05: pick the support pictures yourself, and watch the prototypes move."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tlhelpers.data.catalog import load_task
from tlhelpers.models.backbones import backbone
from tlhelpers.models.surgery import features_of
from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.widgets.chart import Canvas, colour, percent
from tlhelpers.show.widgets.explorer import Explorer, View
from tlhelpers.show.widgets.photo import photo

RESULTS = ()
BIRDS = (0, 7, 9)  # a kingfisher, a hoopoe and a toucan: with one picture each, a third is wrong
WAYS, OFFERED, QUERIES = len(BIRDS), 8, 20  # support pictures offered, and queries, of each kind
PLOT = (20.0, 64.0, 600.0, 188.0)  # left, top, width, height of the map


@dataclass(frozen=True)
class Shelf:
    """Support pictures uint8 (24, 3, 64, 64) by class, and what a network makes of all pictures.

    features: (24, d) of them and (60, d) of the queries; places: the same in the plane.
    """

    pictures: Tensor
    names: list[str]
    support: Tensor
    queries: Tensor
    labels: Tensor  # (60,) of the queries
    axes: Tensor  # (d, 2), the two directions in which the features differ most
    middle: Tensor


@functools.cache
def fill_shelf() -> Shelf:
    """Draws the pictures and reads their features, once."""
    task = load_task("birds", OFFERED, valid_per_class=1, test_per_class=QUERIES)
    task = task.only_classes(BIRDS)
    order = task.train.labels.argsort(stable=True)
    pictures, _ = task.train.batch(order)
    asked, labels = task.test.batch(torch.arange(len(task.test)))
    network = backbone("zukan-resnet")
    with torch.inference_mode():
        support, queries = (
            features_of(network, network.preprocess(batch)) for batch in (pictures, asked)
        )
    together = torch.cat([support, queries])
    middle = together.mean(0)
    axes = torch.linalg.svd(together - middle, full_matrices=False)[2][:2].T
    return Shelf(pictures, task.class_names, support, queries, labels, axes, middle)


def build(results: Mapping[str, Mapping]) -> Explorer:
    """Nothing stored is needed. What is picked is a number whose bits are the pictures."""
    one_each = sum(1 << (OFFERED * c) for c in range(WAYS))
    picks = {"support": one_each}
    return Explorer(text("widget05.title"), [], draw, picks=picks, beyond=("shelf", for_page))


def for_page() -> dict[str, Any]:
    """What `shelf.js` needs to draw any of the 255³ choices by itself.

    A prototype is the mean of its members, and so are its place and its products with the queries:
    the products of all pictures say which prototype is nearest.
    """
    shelf, place = fill_shelf(), _places(fill_shelf())
    features = shelf.support - shelf.middle, shelf.queries - shelf.middle
    inner = (features[0] @ features[0].T).view(WAYS * OFFERED, WAYS, OFFERED)
    own = torch.stack([inner[i, i // OFFERED] for i in range(WAYS * OFFERED)])
    blank = {"shots": "%SHOTS%", "accuracy": "%ACCURACY%"}
    return {
        "offered": OFFERED,
        "colours": [colour(c) for c in range(WAYS)],
        "labels": shelf.labels.tolist(),
        "cross": _rounded(features[1] @ features[0].T),  # of each query with each picture
        "inner": _rounded(own),  # of each picture with those of its class
        "queries": _rounded(torch.tensor(place(shelf.queries))),
        "places": _rounded(torch.tensor(place(shelf.support))),
        "words": {
            "empty": text("widget05.empty"),
            "says": text("widget05.says", **blank),
            "accuracy": text("widget05.accuracy", **blank),
        },
    }


def _rounded(values: Tensor) -> list[list[float]]:
    return [[round(value, 3) for value in row] for row in values.tolist()]


def classify(features: Tensor, members: list[Tensor], queries: Tensor) -> tuple[Tensor, Tensor]:
    """(prototypes (ways, d), the nearest one of each query (n,)); members: rows of each class."""
    prototypes = torch.stack([features[rows].mean(0) for rows in members])
    return prototypes, torch.cdist(queries, prototypes).argmin(1)


def draw(support: int) -> View:
    """The plane of queries, coloured by the prototype they fall to, over the shelf to pick from."""
    shelf = fill_shelf()
    chosen = [i for i in range(WAYS * OFFERED) if support >> i & 1]
    members = [torch.tensor([i for i in chosen if i // OFFERED == c]) for c in range(WAYS)]
    if not all(len(rows) for rows in members):
        canvas = Canvas(text("widget05.empty"), height=440)
        _draw_shelf(canvas, shelf, support)
        return View(canvas.svg(), canvas.says)
    prototypes, answers = classify(shelf.support, members, shelf.queries)
    right = (answers == shelf.labels).double().mean().item()
    shots = " + ".join(str(len(rows)) for rows in members)
    canvas = Canvas(text("widget05.says", shots=shots, accuracy=percent(right)), height=440)
    words = text("widget05.accuracy", accuracy=percent(right))
    canvas.text(8, 18, words, font_weight="bold", class_="tl-map")
    canvas.text(632, 18, text("widget05.plane"), text_anchor="end", font_size=12, class_="tl-map")
    canvas.text(8, 38, text("widget05.legend"), font_size=12, class_="tl-map")
    place = _places(shelf)
    for query, label, answer in zip(place(shelf.queries), shelf.labels, answers, strict=True):
        ring = "white" if label != answer else colour(int(answer))
        at = {"cx": query[0], "cy": query[1], "r": 5}
        canvas.add("circle", **at, fill=ring, stroke=colour(int(answer)), stroke_width=2)
    for c, rows in enumerate(members):
        x, y = place(prototypes[c : c + 1])[0]
        for at in place(shelf.support[rows]):
            line = f"M{x:.0f} {y:.0f}L{at[0]:.0f} {at[1]:.0f}"
            canvas.add("path", d=line, stroke=colour(c), class_="tl-chosen")
        diamond = f"M{x:.0f} {y - 13:.0f}l13 13l-13 13l-13 -13Z"
        look = {"fill": colour(c), "stroke": "white", "stroke_width": 3, "class_": "tl-chosen"}
        canvas.add("path", d=diamond, **look)
    _draw_shelf(canvas, shelf, support)
    return View(canvas.svg(), canvas.says)


def _places(shelf: Shelf) -> Any:
    """A function from features (n, d) to places in the map."""
    everything = (torch.cat([shelf.support, shelf.queries]) - shelf.middle) @ shelf.axes
    low, high = everything.amin(0), everything.amax(0)
    left, top, width, height = PLOT

    def place(features: Tensor) -> list[list[float]]:
        share = ((features - shelf.middle) @ shelf.axes - low) / (high - low)
        return (share * torch.tensor([width, height]) + torch.tensor([left, top])).tolist()

    return place


def _draw_shelf(canvas: Canvas, shelf: Shelf, support: int) -> None:
    """The pictures offered, a row for each class; a click puts one in or takes it out."""
    for i, picture in enumerate(shelf.pictures):
        c, column = divmod(i, OFFERED)
        frame = {"x": 120 + 64 * column, "y": 278 + 54 * c, "width": 48, "height": 48}
        if column == 0:
            canvas.text(8, frame["y"] + 28, shelf.names[c], fill=colour(c))
        inside = bool(support >> i & 1)
        label = f"{shelf.names[c]} {column + 1}"
        target = {"data-set": "support", "data-toggle": i, "aria-label": label}
        target["data-picked"] = str(inside).lower()
        canvas.add("image", **frame, **target, href=photo(picture), opacity=1 if inside else 0.5)
        if inside:
            look = {"stroke": colour(c), "stroke_width": 4, "class_": "tl-chosen"}
            canvas.add("rect", **frame, fill="none", **look)
    canvas.add("path", d="M8 268H632", stroke=figures.RULE)
