"""Lesson 07: a job, a number of labels, milliseconds and megabytes: which networks are left."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tlhelpers.lessons.choosing_a_model.figures import LOOK, front_of
from tlhelpers.lessons.choosing_a_model.regret import truths
from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.widgets.chart import Chart, percent
from tlhelpers.show.widgets.explorer import Control, Explorer, View

RESULTS = ("07_choice", "07_cost")


def build(results: Mapping[str, Mapping]) -> Explorer:
    """results: 07_choice, whose runs are at each label count, and 07_cost."""
    choice, costs = results["07_choice"], results["07_cost"]["zukan"]
    targets = [(text(f"widget07.{target}"), target) for target in choice["targets"]]
    labels = [(str(count), place) for place, count in enumerate(choice["labels"])]
    times = [(f"{limit:g} ms", limit) for limit in limits(costs, "ms")]
    sizes = [(f"{limit:g} MB", limit) for limit in limits(costs, "mb")]
    return Explorer(
        title=text("widget07.title"),
        controls=[
            Control("target", text("widget07.target"), targets, "land_use", kind="choice"),
            Control("labels", text("widget07.labels"), labels, 1, kind="switch"),
            Control("ms", text("widget07.ms"), times, times[-1][1]),
            Control("mb", text("widget07.mb"), sizes, sizes[-1][1]),
        ],
        draw=lambda target, labels, ms, mb: draw(choice, costs, target, labels, ms, mb),
    )


def limits(costs: Mapping[str, Mapping], unit: str) -> list[float]:
    """What each network costs, cheapest first, rounded up: one position each."""
    return sorted({-(-one[unit] * 10 // 1) / 10 for one in costs.values()})


def draw(choice: Mapping, costs: Mapping, target: str, place: int, ms: float, mb: float) -> View:
    """Accuracy over milliseconds; networks over a limit are rings. The line joins the front."""
    truth = truths(choice, target, place)
    draws = len(choice["targets"][target][next(iter(truth))]["frozen"][place])
    allowed = [name for name in truth if costs[name]["ms"] <= ms and costs[name]["mb"] <= mb]
    says = _says(truth, allowed)
    dearest = max(one["ms"] for one in costs.values())
    ticks = [(tick, str(tick)) for tick in range(math.ceil(1.25 * dearest))]
    chart = Chart(
        says,
        (0, 1.25 * dearest),
        x_label=text("widget07.cost"),
        y_label=text("widget07.accuracy", draws=draws),
        x_ticks=ticks,
    )
    points = {name: (costs[name]["ms"], truth[name]) for name in allowed}
    front = sorted(points[name] for name in front_of(points))
    if len(front) > 1:  # a line needs two
        times, values = ([point[axis] for point in front] for axis in (0, 1))
        chart.line(times, values, figures.INK, text("lesson07.front"), dashed=True)
    cheapest, lowest = min(costs[name]["ms"] for name in truth), math.inf
    for name in sorted(truth, key=truth.__getitem__):
        cost, value, colour = costs[name]["ms"], truth[name], LOOK[name]["color"]
        chart.point(cost, value, colour, 7, hollow=name not in allowed)
        x, y, side, anchor = chart.x(cost), chart.y(value) + 5, 11, "start"
        if cost == cheapest:  # one above another: their names stand at the left and keep apart
            side, anchor = -11, "end"
            y = lowest = min(y, lowest - 14)
        words = name.removeprefix("zukan-")
        chart.text(x + side, y, words, font_size=12, fill=colour, text_anchor=anchor)
    return View(chart.svg(), says)


def _says(truth: Mapping[str, float], allowed: list[str]) -> str:
    if not allowed:
        return text("widget07.nothing")
    best = max(allowed, key=truth.__getitem__)
    says = text("widget07.best", best=best, accuracy=percent(truth[best]))
    return says + text("widget07.rings") if len(allowed) < len(truth) else says
