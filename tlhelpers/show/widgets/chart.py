"""Small charts written as SVG: a widget redraws one in about a millisecond, matplotlib in 100.

They share the colours of `show.figures`: a white card with dark ink. The first state of a
widget is stored as such a picture, which GitHub and paper show as they are.
"""

from __future__ import annotations

import html
import itertools
import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tlhelpers.show.figures import GREY, INK, PALETTE, RULE
from tlhelpers.transfer.intervals import interval

WIDTH, HEIGHT = 640, 340
LEFT, RIGHT, TOP, BOTTOM = 62, 16, 30, 52
MARGIN = 16
SIZE = re.compile(r' (?:width|height)="([\d.]+)"')


def percent(fraction: float) -> str:
    """0.835 as 84%."""
    return f"{fraction:.0%}"


class Canvas:
    """An SVG picture on a white card; places are in pixels from the upper left corner."""

    def __init__(self, says: str, width: int = WIDTH, height: int = HEIGHT):
        self.says, self.width, self.height = says, width, height
        self.parts: list[str] = []

    def add(self, tag: str, content: str = "", /, **attributes: Any) -> None:
        """An element; `stroke_width=2` becomes stroke-width="2"."""
        given = "".join(
            f' {name.rstrip("_").replace("_", "-")}="{html.escape(_short(value))}"'
            for name, value in attributes.items()
            if value is not None
        )
        self.parts.append(f"<{tag}{given}>{content}</{tag}>")

    def text(self, x: float, y: float, words: str, **attributes: Any) -> None:
        """Words whose baseline starts at (x, y); text_anchor="middle" centres them."""
        self.add("text", html.escape(words), x=x, y=y, **{"fill": INK, **attributes})

    def svg(self) -> str:
        """The whole picture, with its sentence for those who do not see it."""
        says, content = html.escape(self.says), "".join(self.parts)
        role = "group" if "data-set=" in content else "img"  # an img hides what is in it
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" height="{self.height}" role="{role}" aria-label="{says}" '
            'style="max-width:100%;height:auto" font-family="sans-serif" font-size="13">'
            f'<rect width="100%" height="100%" fill="white"/>{content}</svg>'
        )


class Chart(Canvas):
    """Axes with a grid; lines, bands, points and bars are added in the units of the data."""

    def __init__(
        self,
        says: str,
        x: tuple[float, float],
        y: tuple[float, float] = (0.0, 1.0),
        *,
        x_label: str = "",
        y_label: str = "",
        x_ticks: Iterable[tuple[float, str]] = (),
        y_ticks: Iterable[tuple[float, str]] | None = None,
        x_log: bool = False,
        height: int = HEIGHT,
    ):
        super().__init__(says, height=height)
        self.legend_at = LEFT + 6
        self.x = _scale(x, LEFT, self.width - RIGHT, x_log)
        self.y = _scale(y, height - BOTTOM, TOP, False)
        if y_ticks is None:
            y_ticks = [(k / 4, percent(k / 4)) for k in range(5)]
        for value, words in y_ticks:
            place = self.y(value)
            self.add("path", d=f"M{LEFT} {place:.1f}H{self.width - RIGHT}", stroke=RULE)
            self.text(LEFT - 8, place + 4, words, text_anchor="end")
        bottom = height - BOTTOM
        self.add("path", d=f"M{LEFT} {TOP}V{bottom}H{self.width - RIGHT}", stroke=INK, fill="none")
        x_ticks = list(x_ticks)
        crowded = any(  # then every other one steps down
            _width(one) + _width(two) > 2 * abs(self.x(right) - self.x(left))
            for (left, one), (right, two) in itertools.pairwise(x_ticks)
        )
        for place, (value, words) in enumerate(x_ticks):
            y_words = bottom + 18 + 15 * (crowded and place % 2)
            self.text(self.x(value), y_words, words, text_anchor="middle", font_size=12)
        middle = (LEFT + self.width - RIGHT) / 2
        self.text(middle, height - 12, x_label, text_anchor="middle")
        turned = f"rotate(-90 16 {(TOP + bottom) / 2})"
        self.text(16, (TOP + bottom) / 2, y_label, text_anchor="middle", transform=turned)

    def line(
        self,
        xs: Sequence[float],
        ys: Sequence[float],
        colour: str,
        name: str = "",
        *,
        dashed: bool = False,
        faint: bool = False,
    ) -> None:
        """A line through the points; a name puts it into the legend above the axes."""
        points = [f"{self.x(x):.1f} {self.y(y):.1f}" for x, y in zip(xs, ys, strict=True)]
        self.add(
            "path",
            d="M" + "L".join(points),
            fill="none",
            stroke=colour,
            stroke_width=2.2,
            stroke_dasharray="6 4" if dashed else None,
            opacity=0.35 if faint else None,
        )
        if name:
            self.legend(colour, name, dashed)

    def band(self, xs: Sequence[float], runs: Sequence[Iterable[float]], colour: str) -> None:
        """The 95% interval of repeated runs' accuracy at each x, as a pale band."""
        spans = [interval(values, share=True) for values in runs]
        if any(math.isnan(span.low) for span in spans):
            return
        upper = [(x, span.high) for x, span in zip(xs, spans, strict=True)]
        lower = [(x, span.low) for x, span in zip(xs, spans, strict=True)]
        outline = "L".join(f"{self.x(x):.1f} {self.y(y):.1f}" for x, y in upper + lower[::-1])
        self.add("path", d=f"M{outline}Z", fill=colour, opacity=0.18)

    def point(
        self, x: float, y: float, colour: str, radius: float = 6, hollow: bool = False
    ) -> None:
        """A dot, or a ring."""
        fill = "white" if hollow else colour
        at = {"cx": self.x(x), "cy": self.y(y), "r": radius}
        self.add("circle", **at, fill=fill, stroke=colour, stroke_width=2)

    def whisker(self, x: float, values: Iterable[float], colour: str) -> None:
        """The mean accuracy of repeated runs as a dot on its 95% interval."""
        span = interval(values, share=True)
        if not math.isnan(span.low):
            d = f"M{self.x(x):.1f} {self.y(span.low):.1f}V{self.y(span.high):.1f}"
            self.add("path", d=d, stroke=colour, stroke_width=2.5)
        self.point(x, span.mean, colour)

    def bar(self, x: float, value: float, width: float, colour: str) -> None:
        """A bar from zero; width in the units of x."""
        left, right = self.x(x - width / 2), self.x(x + width / 2)
        top, base = sorted((self.y(value), self.y(0.0)))
        self.add("rect", x=left, y=top, width=right - left, height=base - top, fill=colour)

    def upright(self, x: float, colour: str = GREY) -> None:
        """A dashed upright line: where the learner is."""
        d = f"M{self.x(x):.1f} {TOP}V{self.height - BOTTOM}"
        self.add("path", d=d, stroke=colour, stroke_width=1.5, stroke_dasharray="4 4")

    def legend(self, colour: str, name: str, dashed: bool = False) -> None:
        """The next entry of the legend."""
        d = f"M{self.legend_at} 16h22"
        dash = "6 4" if dashed else None
        self.add("path", d=d, stroke=colour, stroke_width=3, stroke_dasharray=dash)
        self.text(self.legend_at + 28, 20, name)
        self.legend_at += 46 + _width(name)


def headed(picture: str, says: str, title: str, settings: Iterable[str]) -> str:
    """The SVG `picture` under a title and the settings it was drawn at, as many a line as fit."""
    width, height = (int(float(n)) for n in SIZE.findall(picture)[:2])
    lines = [""]
    for setting in settings:
        longer = f"{lines[-1]} · {setting}" if lines[-1] else setting
        if lines[-1] and _width(longer) > width - 2 * MARGIN:
            lines.append(setting)
        else:
            lines[-1] = longer
    head = 28 + 18 * len(lines)
    canvas = Canvas(says, width, height + head)
    canvas.text(MARGIN, 22, title, font_weight="bold")
    for row, words in enumerate(lines):
        canvas.text(MARGIN, 42 + 18 * row, words)
    canvas.parts.append(picture.replace("<svg ", f'<svg y="{head}" ', 1))
    return canvas.svg()


def colour(place: int) -> str:
    """The colour of the class or method at this place."""
    return PALETTE[place % len(PALETTE)]


def _scale(data: tuple[float, float], low: float, high: float, log: bool) -> Callable:
    """From the units of the data to pixels; what lies outside is drawn at the edge."""
    number = math.log if log else float
    first, last = number(data[0]), number(data[1])

    def place(value: float) -> float:
        share = (number(value) - first) / (last - first)
        return low + min(1.0, max(0.0, share)) * (high - low)

    return place


def _width(words: str) -> int:
    """About how many pixels the words take; a Japanese character takes two Latin ones."""
    return sum(13 if ord(c) > 0x2E7F else 7 for c in words)


def _short(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)
