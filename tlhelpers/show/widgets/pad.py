"""Fields to draw in: strokes come from the page, a function says what the network makes of them.

The page (`pad.js`) keeps each field's strokes and sends them when one ends; strokes and not
pixels, so that the same drawing can be made on paper of any size, and without a browser. As with
every widget, what is shown is a plain function of the state, an error stands in the place of
the picture, and where nothing can be drawn the picture of the first state stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from tlhelpers.runtime.language import text
from tlhelpers.show.widgets.explorer import STYLE
from tlhelpers.show.widgets.page import Shown, View, make_page

SCRIPT = Path(__file__).with_name("pad.js")
LABELS = ("pen", "eraser", "undo", "clear", "keep", "sample", "choose", "keys")
PAPER, INK = (246, 243, 236), (35, 35, 60)
SIDE, PEN, ERASER = 256, 11, 34  # of the sheet that is drawn, and of what draws, in pixels
FILLED = 0.78  # how much of the sheet a drawing's longer side takes, whatever its size on the page

# A drawing: {"points": [(x, y), ...], "erase": bool} for each stroke, from (0, 0) at the upper
# left to (1, 1) at the lower right.
Drawing = Sequence[Mapping]


def render(drawing: Drawing) -> Image.Image | None:
    """The drawing as ink on a sheet of 256 pixels a side, in its middle; None without any ink."""
    sheet = _ink(drawing, 1.0, np.zeros(2))
    box = Image.eval(sheet.convert("L"), lambda value: 255 * (value < 140)).getbbox()
    if box is None:
        return None
    left, top, right, bottom = box
    scale = min(3.0, FILLED * SIDE / max(right - left, bottom - top))  # a dot stays a dot
    middle = np.array([left + right, top + bottom]) / 2
    return _ink(drawing, scale, SIDE / 2 - scale * middle)


def redraw(drawing: Drawing, hand: int) -> list[dict]:
    """The same drawing by an unsteady hand; another number, another hand."""
    generator = np.random.default_rng(hand)
    angle, scale = generator.normal(0, 0.12), generator.uniform(0.8, 1.0)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    again = []
    for stroke in drawing:
        points = np.array(stroke["points"], dtype=float)
        points = (points + generator.normal(0, 0.015, points.shape) - 0.5) @ turn.T + 0.5
        again.append({**stroke, "points": points.clip(0, 1).round(3).tolist()})
    return again


def _ink(drawing: Drawing, scale: float, shift: np.ndarray) -> Image.Image:
    sheet = Image.new("RGB", (SIDE, SIDE), PAPER)
    pen = ImageDraw.Draw(sheet)
    for stroke in drawing:
        points = np.array(stroke["points"], dtype=float).reshape(-1, 2) * SIDE * scale + shift
        colour, width = (PAPER, round(ERASER * scale)) if stroke.get("erase") else (INK, PEN)
        path = [tuple(point) for point in points]
        pen.line(path, fill=colour, width=width, joint="curve")
        for x, y in (path[0], path[-1]):  # round ends; a single point is a dot
            pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=colour)
    return sheet


class Pad(Shown):
    """A widget to draw in. show: called with {field: its drawings, the newest last} -> View.

    fields: names of the fields. many: those that can keep several drawings. samples:
    {name: Drawing} to put into a field instead of drawing. start: {field: name of a sample}.
    """

    def __init__(
        self,
        title: str,
        fields: Sequence[str],
        show: Callable[[dict[str, list[Drawing]]], View],
        *,
        many: Sequence[str] = (),
        samples: Mapping[str, Drawing],
        start: Mapping[str, str],
    ):
        self.title, self.fields, self.many, self.show = title, list(fields), list(many), show
        self.samples, self.start = dict(samples), dict(start)
        self.kept: dict[str, list[Drawing]] = {field: [] for field in fields}
        self.drawings: dict[str, Drawing] = {field: [] for field in fields}
        self._hand = 0
        for field, name in start.items():
            self.put_sample(field, name)

    def put_sample(self, field: str, name: str) -> None:
        """Puts a ready drawing into the field, each time by another hand."""
        self._hand += 1
        self.drawings = {**self.drawings, field: redraw(self.samples[name], self._hand)}

    def keep(self, field: str) -> None:
        """Keeps what is drawn in the field, if anything, and empties it for one more."""
        if render(self.drawings[field]) is not None:
            self.kept[field].append(self.drawings[field])
            self.drawings = {**self.drawings, field: []}

    def clear(self, field: str) -> None:
        """Takes away what is drawn in the field, and what was kept of it."""
        self.kept[field] = []
        self.drawings = {**self.drawings, field: []}

    def drawn(self) -> View:
        return self.show(
            {
                field: [d for d in (*self.kept[field], self.drawings[field]) if d]
                for field in self.fields
            }
        )

    @cached_property
    def widget(self) -> Any:
        """The page's side, an anywidget: `drawings` go both ways, `view` goes to it."""
        page = make_page(
            SCRIPT,
            STYLE,
            title=self.title,
            fields=[{"name": field, "many": field in self.many} for field in self.fields],
            samples=list(self.samples),
            labels={name: text(f"pad.{name}") for name in LABELS},
            drawings=self.drawings,
            kept={},
            view={},
        )

        def refresh() -> None:
            page.kept = {field: len(drawings) for field, drawings in self.kept.items()}
            page.view = self.view().state

        def on_drawn(change: dict[str, Any]) -> None:
            self.drawings = change["new"]
            refresh()

        def on_message(_: object, message: dict[str, Any], buffers: object) -> None:
            if "sample" in message:
                self.put_sample(message["field"], message["sample"])
            elif message.get("keep"):
                self.keep(message["field"])
            else:
                self.clear(message["field"])
            if page.drawings == self.drawings:
                refresh()  # only what was kept has changed
            else:
                page.drawings = self.drawings

        refresh()
        page.observe(on_drawn, "drawings")
        page.on_msg(on_message)
        return page
