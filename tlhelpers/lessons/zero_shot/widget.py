"""Lesson 09: write a fish's card, and see which photos a network finds that never saw the fish."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping

from torch import Tensor

from tlhelpers.data.catalog import load_task
from tlhelpers.data.task import Split
from tlhelpers.data.zukan import fish
from tlhelpers.lessons.zero_shot.steps import best_fitting, learn_reader
from tlhelpers.models.backbones import backbone
from tlhelpers.runtime.language import language, text
from tlhelpers.show import figures
from tlhelpers.show.widgets.chart import Canvas
from tlhelpers.show.widgets.explorer import Control, Explorer, View
from tlhelpers.show.widgets.photo import photo
from tlhelpers.transfer.extraction import extract_features

RESULTS = ()
TILAPIA, SHOWN = 0, 10  # its class, and the photos that a card brings up
COLOURS = [list(fish.FEATURES).index(name) for name in ("orange", "blue", "green")]
START = 1 << list(fish.FEATURES).index("stripes")  # the card before anything is clicked
COLUMNS, CHIP, PHOTO = 5, (120, 30), 104  # of the card and of the photos; sizes in pixels
HEIGHT = 420


@functools.cache
def photos_and_readings(who: str) -> tuple[Split, Tensor]:
    """(photos that nobody learned from, readings of their cards (n, 10)).

    The reader learns from the other nine fish, on the pretrained network or on a random one.
    """
    task = load_task("fish", 50)
    assert task.attributes is not None
    network = backbone("zukan-resnet", pretrained=who == "pretrained")
    rows = (task.train.labels != TILAPIA).nonzero()[:, 0]
    features = extract_features(network, task.train)[rows]
    read = learn_reader(features, task.attributes[task.train.labels[rows]])
    return task.test, read(extract_features(network, task.test))


def build(results: Mapping[str, Mapping]) -> Explorer:
    """Nothing stored is needed. The card is a number whose bits are its features."""
    readers = [(text(f"widget09.{who}"), who) for who in ("pretrained", "random")]
    who = Control("who", text("widget09.who"), readers, "pretrained", kind="switch")
    return Explorer(text("widget09.title"), [who], draw, picks={"card": START})


def toggled(card: int, feature: int) -> int:
    """The card after a click on a feature: a fish has one colour of the back at most."""
    changed = card ^ 1 << feature
    if feature in COLOURS and changed >> feature & 1:
        for other in COLOURS:
            changed &= ~(1 << other) | 1 << feature
    return changed


def found_by(card: int, who: str = "pretrained") -> Tensor:
    """Rows of the photos that fit the card best, the best first."""
    _, readings = photos_and_readings(who)
    wanted = readings.new_tensor([card >> k & 1 for k in range(len(fish.FEATURES))])
    return best_fitting(readings, wanted, SHOWN)


def draw(card: int, who: str) -> View:
    """The card to click on, over the photos that it finds."""
    (photos, _), best = photos_and_readings(who), found_by(card, who)
    names = fish.DOMAIN.classes[language()]
    features = [words[language() == "ja"] for words in fish.FEATURES.values()]
    labels = photos.labels[best].tolist()
    counts = Counter(labels).most_common()
    said = [features[k] for k in range(len(features)) if card >> k & 1]
    separator = text("widget09.separator")
    says = text(
        "widget09.says",
        card=separator.join(said) or text("widget09.nothing"),
        found=separator.join(text("widget09.count", name=names[c], count=n) for c, n in counts),
    )
    canvas = Canvas(says, height=HEIGHT)
    canvas.text(8, 20, text("widget09.card"), font_weight="bold")
    for k, name in enumerate(features):
        row, column = divmod(k, COLUMNS)
        _chip(canvas, 8 + 126 * column, 30 + 38 * row, name, bool(card >> k & 1), toggled(card, k))
    tilapias = labels.count(TILAPIA)
    canvas.text(8, 134, text("widget09.found", count=tilapias), font_weight="bold")
    for place, (at, label) in enumerate(zip(best, labels, strict=True)):
        row, column = divmod(place, COLUMNS)
        x, y = 16 + 126 * column, 144 + 138 * row
        frame = {"x": x, "y": y, "width": PHOTO, "height": PHOTO}
        canvas.add("image", **frame, href=photo(photos.inputs[at]))
        if label == TILAPIA:
            canvas.add("rect", **frame, fill="none", stroke=figures.GREEN, stroke_width=4)
        middle = x + PHOTO / 2
        canvas.text(middle, y + PHOTO + 17, names[label], text_anchor="middle", font_size=12)
    return View(canvas.svg(), says)


def _chip(canvas: Canvas, x: float, y: float, name: str, on: bool, then: int) -> None:
    """A feature that a click puts on the card, or takes off."""
    width, height = CHIP
    target = {"data-set": "card", "data-value": then, "aria-label": name}
    target["data-picked"] = str(on).lower()
    look = {"rx": 15, "stroke": figures.BLUE, "stroke_width": 2}
    fill = figures.BLUE if on else "white"
    canvas.add("rect", x=x, y=y, width=width, height=height, fill=fill, **look, **target)
    ink = "white" if on else figures.INK
    at = {"text_anchor": "middle", "font_size": 12, "fill": ink, "pointer_events": "none"}
    canvas.text(x + width / 2, y + 20, ("✓ " if on else "") + name, **at)
