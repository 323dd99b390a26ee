"""Lesson 10: a threshold on a stream of parts, with what it lets through and what it costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean

from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.widgets.chart import Chart, percent
from tlhelpers.show.widgets.explorer import Control, Explorer, View

RESULTS = ("10_stream",)
PARTS = 10_000  # a day
RARE = (10, 100, 1000)  # one part in so many is damaged
DEAR = (1, 10, 100, 1000)  # what a missed part costs, in checks by a person


def build(results: Mapping[str, Mapping]) -> Explorer:
    """results: 10_stream, "caught" and "false_alarms" for each share of alarms allowed."""
    found = results["10_stream"]
    allowed = [(percent(share), share) for share in found["allowed"]]
    rare = [(text("widget10_stream.one_in", number=f"{n:,}"), n) for n in RARE]
    dear = [(text("widget10_stream.checks", number=f"{n:,}"), n) for n in DEAR]
    return Explorer(
        title=text("widget10_stream.title"),
        controls=[
            Control("allowed", text("widget10_stream.allowed"), allowed, 0.05),
            Control("rare", text("widget10_stream.rare"), rare, 1000, kind="switch"),
            Control("dear", text("widget10_stream.dear"), dear, 100, kind="switch"),
        ],
        draw=lambda allowed, rare, dear: draw(found, allowed, rare, dear),
    )


def count(found: Mapping, at: int, rare: int) -> dict[str, float]:
    """What becomes of PARTS parts at one threshold: caught, missed, false alarms."""
    damaged = PARTS / rare
    caught = damaged * fmean(found["caught"][at])
    return {
        "damaged": damaged,
        "caught": caught,
        "missed": damaged - caught,
        "false": (PARTS - damaged) * fmean(found["false_alarms"][at]),
    }


def cost(counted: Mapping[str, float], dear: int) -> float:
    """In checks: one for every alarm, `dear` for every damaged part that was missed."""
    return counted["caught"] + counted["false"] + dear * counted["missed"]


def draw(found: Mapping, allowed: float, rare: int, dear: int) -> View:
    """The cost of a day over the thresholds, beside checking everything and checking nothing."""
    places = range(len(found["allowed"]))
    counts = [count(found, at, rare) for at in places]
    costs = [cost(counted, dear) for counted in counts]
    at = found["allowed"].index(allowed)
    here = {name: f"{value:,.0f}" for name, value in counts[at].items()}
    alarms = counts[at]["caught"] + counts[at]["false"]
    nothing = dear * PARTS / rare
    says = text(
        "widget10_stream.says",
        parts=f"{PARTS:,}",
        alarms=f"{alarms:,.0f}",
        precision=f"{counts[at]['caught'] / alarms:.1%}",
        cost=f"{costs[at]:,.0f}",
        nothing=f"{nothing:,.0f}",
        **here,
    )
    top, step = scale(costs)
    chart = Chart(
        says,
        (0, len(costs) - 1),
        (0, top),
        x_label=text("widget10_stream.allowed"),
        y_label=text("widget10_stream.cost"),
        x_ticks=[(place, percent(found["allowed"][place])) for place in places],
        y_ticks=[(value, f"{value / 1000:g}") for value in range(0, top + 1, step)],
    )
    chart.upright(at)
    for name, level, colour in (("all", PARTS, figures.INK), ("none", nothing, figures.VERMILION)):
        if level <= top:  # the sentence names those that lie above
            ends = [0, len(costs) - 1]
            chart.line(ends, [level] * 2, colour, text(f"widget10_stream.{name}"), dashed=True)
    chart.line(list(places), costs, figures.BLUE, text("widget10_stream.here"))
    chart.point(at, costs[at], figures.BLUE)
    return View(chart.svg(), says)


def scale(costs: Sequence[float]) -> tuple[int, int]:
    """The top of an axis that the costs fill, and the step of its round ticks."""
    power = 10 ** math.floor(math.log10(max(costs)))
    step = next(int(power * share) for share in (0.25, 0.5, 1, 2) if 5 * power * share > max(costs))
    return step * math.ceil(max(costs) / step), step
