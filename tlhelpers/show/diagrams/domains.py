"""Another look: domains, the memory of BatchNorm, a cloud moved onto another."""

from __future__ import annotations

from tlhelpers.show.diagrams.canvas import PALE, SMALL, Diagram, drawn
from tlhelpers.show.figures import BLUE, GREY, INK, ORANGE, VERMILION


def _fish(
    d: Diagram, x: float, y: float, long: float, colour: str, tall: float, empty: bool = False
) -> None:
    """A fish that looks to the right, its body's middle at (x, y); empty: only its outline."""
    fill = "white" if empty else colour
    tail = f"M{x - long / 2 + 4:.1f} {y:.1f}l{-long / 4:.1f} {-tall / 2:.1f}v{tall:.1f}Z"
    d.add("path", d=tail, fill=fill, stroke=colour, stroke_width=1.6)
    d.add(
        "ellipse", cx=x, cy=y, rx=long / 2, ry=tall / 2, fill=fill, stroke=colour, stroke_width=1.6
    )
    d.add("circle", cx=x + long / 4, cy=y - tall / 8, r=2.4, fill=INK if empty else "white")


@drawn
def domains() -> Diagram:
    """Three domains: the same two kinds of fish by day with names, by night and as a sketch."""
    d = Diagram("domains", 236)
    looks = (("day", "#EAF3FA", False), ("night", "#33415C", False), ("sketch", "white", True))
    for place, (key, ground, empty) in enumerate(looks):
        x = 20 + 236 * place
        d.note(x, 26, f"domain_{key}")
        d.add("rect", x=x, y=38, width=208, height=122, rx=8, fill=ground, stroke=GREY)
        dark = key == "night"
        first, second = (INK, INK) if empty else ("#7C93B5", "#93856B") if dark else (BLUE, ORANGE)
        _fish(d, x + 68, 76, 72, first, 24, empty)
        _fish(d, x + 150, 116, 50, second, 40, empty)
        if not empty and not dark:
            d.note(x + 68, 106, "fish_a", SMALL, text_anchor="middle")
            d.note(x + 150, 152, "fish_b", SMALL, text_anchor="middle")
        d.note(x, 182, f"domain_{key}_has", SMALL)
    return d


def _bell(d: Diagram, middle: float, floor: float, spread: float, colour: str) -> None:
    """The curve of values around `middle` on a line at `floor`; spread: its pixels a deviation."""
    points = [
        (middle + spread * k / 4, floor - 30 * 2.718281828 ** (-((k / 4) ** 2) / 2))
        for k in range(-9, 10)
    ]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    d.add("path", d=f"{path}Z", fill=colour, opacity=0.25)
    d.add("path", d=path, fill="none", stroke=colour, stroke_width=2.2)


@drawn
def day_and_night() -> Diagram:
    """One channel by day and by night, scaled by the memory of the day and each by its own."""
    d = Diagram("day_and_night", 292)
    left, unit = 318, 30
    rows = (
        ("channel_raw", 0, ((8, 2, BLUE), (3, 1, VERMILION)), range(0, 13, 2)),
        ("channel_day", 6, ((0, 1, BLUE), (-2.5, 0.5, VERMILION)), range(-4, 5, 2)),
        ("channel_own", 6, ((0, 1, BLUE), (0, 1, VERMILION)), range(-4, 5, 2)),
    )
    for row, (key, zero, curves, ticks) in enumerate(rows):
        floor = 62 + 94 * row
        d.note(20, floor - 22, key)
        axis = f"M{left - 6} {floor}H{left + 12 * unit + 20}"
        d.add("path", d=axis, stroke=INK, stroke_width=1.4)
        for tick in ticks:
            x = left + unit * (tick + zero)
            d.add("path", d=f"M{x} {floor}v5", stroke=INK, stroke_width=1.4)
            d.text(
                x, floor + 19, f"{tick}".replace("-", "−"), text_anchor="middle", font_size=SMALL
            )
        for number, (mean, spread, colour) in enumerate(curves):
            lift = 4 * number * (row == 2)  # two curves in one place: one slightly wider
            _bell(d, left + unit * (mean + zero), floor, spread * unit + lift, colour)
    d.note(left + 8 * unit, 22, "channel_by_day", SMALL, text_anchor="middle", fill=BLUE)
    d.note(left + 3 * unit, 22, "channel_by_night", SMALL, text_anchor="middle", fill=VERMILION)
    return d


@drawn
def cloud() -> Diagram:
    """Features of two classes: the night's cloud as it is, moved, and moved and stretched."""
    d = Diagram("cloud", 258)
    first = ((-46, 22), (-34, -10), (-58, -4), (-40, 40), (-20, 14))
    second = ((44, -20), (30, 10), (56, 6), (38, -42), (20, -14))
    steps = (("cloud_as_is", -46, 24, 0.35), ("cloud_mean", 0, 0, 0.35), ("cloud_both", 0, 0, 1.0))
    for place, (key, dx, dy, scale) in enumerate(steps):
        x, y = 124 + 236 * place, 124
        d.note(x, 26, key, text_anchor="middle")
        d.add("rect", x=x - 104, y=40, width=208, height=168, rx=8, fill="white", stroke=GREY)
        d.add("path", d=f"M{x + 12} 46L{x - 12} 202", stroke=INK, stroke_width=1.6)
        for colour, points in ((BLUE, first), (ORANGE, second)):
            for px, py in points:
                d.add("circle", cx=x + px, cy=y + py, r=6, fill=PALE[colour], stroke=colour)
            for px, py in points:
                nx, ny = x + dx + scale * px, y + dy + scale * py
                if colour == BLUE:
                    d.add("circle", cx=nx, cy=ny, r=5, fill=colour)
                else:
                    d.add("path", d=f"M{nx:.1f} {ny - 6:.1f}l6 11h-12Z", fill=colour)
    d.note(20, 236, "cloud_legend", SMALL)
    return d
