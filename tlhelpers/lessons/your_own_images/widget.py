"""Lesson 14: take several photos of each animal, split in two ways, and see which test is fair."""

from __future__ import annotations

from collections.abc import Mapping

from tlhelpers.lessons.your_own_images.figures import CHANCE, WAYS
from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.widgets.chart import Chart, percent
from tlhelpers.show.widgets.explorer import Control, Explorer, View
from tlhelpers.transfer.intervals import interval

RESULTS = ("14_leak",)


def build(results: Mapping[str, Mapping]) -> Explorer:
    """results: 14_leak; results[reader][way] is [count of shots][seed]."""
    leak = results["14_leak"]
    shots = [(str(count), count) for count in leak["shots"]]
    readers = [(text(f"lesson14.reader_{reader}"), reader) for reader in ("knn", "probe")]
    return Explorer(
        title=text("lesson14.widget_title"),
        controls=[
            Control("shots", text("lesson14.widget_shots"), shots, value=leak["shots"][0]),
            Control("reader", text("lesson14.widget_reader"), readers, kind="switch"),
        ],
        draw=lambda shots, reader: draw(leak, shots, reader),
    )


def draw(leak: Mapping, shots: int, reader: str) -> View:
    """What each test says, and what new photos say."""
    at = leak["shots"].index(shots)
    runs = {way: leak[reader][way][at] for way in WAYS}
    means = {way: percent(interval(values).mean) for way, values in runs.items()}
    says = text("lesson14.widget_says", shots=shots, **means)
    ticks = [(place, text(f"lesson14.{way}")) for place, way in enumerate(WAYS)]
    chart = Chart(says, (-0.5, 2.5), y_label=text("lesson14.accuracy"), x_ticks=ticks)
    chart.line((-0.5, 2.5), (CHANCE, CHANCE), figures.INK, text("twins.chance"), dashed=True)
    for place, (way, colour) in enumerate(WAYS.items()):
        chart.bar(place, interval(runs[way]).mean, 0.5, colour)
        chart.whisker(place, runs[way], figures.INK)
    return View(chart.svg(), says)
