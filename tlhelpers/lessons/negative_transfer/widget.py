"""Lesson 06: choose a source and a target, and see what transfer gives or takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tlhelpers.lessons.negative_transfer.figures import METHOD_OF
from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.widgets.chart import Chart, percent
from tlhelpers.show.widgets.explorer import Control, Explorer, View
from tlhelpers.transfer.intervals import interval

RESULTS = ("06_pairs",)


def build(results: Mapping[str, Mapping]) -> Explorer:
    """results: 06_pairs; "frozen" and "fine_tuned" are [source][target][seed]."""
    pairs = results["06_pairs"]
    sources = [(text(f"widget06.{name}"), name) for name in pairs["sources"]]
    targets = [(text(f"widget06.{name}"), name) for name in pairs["targets"]]
    return Explorer(
        title=text("widget06.title"),
        controls=[
            Control("source", text("widget06.source"), sources, kind="choice"),
            Control("target", text("widget06.target"), targets, kind="choice"),
        ],
        draw=lambda source, target: draw(pairs, source, target),
        run=lambda state, watch: train(pairs, state, watch),
    )


def draw(pairs: Mapping, source: str, target: str) -> View:
    """The ways to learn the target, and the gap: scratch minus the better transfer.

    A pair that was not fine-tuned holds null there, and shows two ways only.
    """
    s, t = pairs["sources"].index(source), pairs["targets"].index(target)
    runs = {
        "scratch": pairs["scratch"][t],
        "frozen": pairs["frozen"][s][t],
        "fine_tuned": pairs["fine_tuned"][s][t],
    }
    runs = {way: values for way, values in runs.items() if values is not None}
    better = max(list(runs)[1:], key=lambda way: interval(runs[way]).mean)
    gap = interval([a - b for a, b in zip(runs["scratch"], runs[better], strict=True)])
    verdict = "harm" if gap.low > 0 else "help" if gap.high < 0 else "open"
    says = text(
        f"widget06.says_{verdict}",
        way=text(f"widget06.{better}"),
        accuracy=percent(interval(runs[better]).mean),
        scratch=percent(interval(runs["scratch"]).mean),
        points=f"{abs(gap.mean) * 100:.0f}",
    )
    if "distance" in pairs:
        says += " " + text("widget06.distance", distance=f"{pairs['distance'][s][t]:.2f}")
    chart = Chart(
        says,
        (-0.5, 2.5),
        y_label=text("widget06.accuracy"),
        x_ticks=[(place, text(f"widget06.{way}")) for place, way in enumerate(runs)],
    )
    for place, (way, values) in enumerate(runs.items()):
        chart.bar(place, interval(values).mean, 0.55, figures.METHODS[METHOD_OF[way]]["color"])
        chart.whisker(place, values, figures.INK)
    level = interval(runs["scratch"]).mean
    chart.line([-0.5, 2.5], [level, level], figures.GREY, dashed=True)
    return View(chart.svg(), says)


def train(pairs: Mapping, state: dict, watch: Callable[[View], bool]) -> View:
    """Fine-tunes the chosen source on the target, then trains its random twin.

    Fewer labels than in the stored runs, and the learning rates that those chose.
    """
    from tlhelpers.data.catalog import load_task
    from tlhelpers.models.backbones import backbone
    from tlhelpers.show.widgets.live import LiveCurve
    from tlhelpers.transfer.finetune import fine_tune
    from tlhelpers.transfer.negative import train_from_scratch

    source, target = (
        pairs["sources"].index(state["source"]),
        pairs["targets"].index(state["target"]),
    )
    scratch_rate = pairs["scratch_rates"][target]
    task = load_task(state["target"], 20, valid_per_class=10)
    network, epochs, batch = backbone(state["source"]), 12, 16
    curve = LiveCurve(task.valid, epochs * -(-len(task.train) // batch), watch, every=4)
    shared = {"epochs": epochs, "batch_size": batch, "clip_norm": 1.0}
    quiet = {"valid": False, "progress": False, "read_test": False, "after_step": curve}
    curve.begin(text("widget06.fine_tuned"), figures.METHODS["fine_tune"]["color"])
    rate = pairs["rates"][source][target] or scratch_rate
    fine_tune(network, task, lr=rate, freeze_epochs=0, lr_mult=1, **shared, **quiet)
    if not curve.stopped:
        curve.begin(text("widget06.scratch"), figures.METHODS["scratch"]["color"])
        train_from_scratch(network, task, lr=scratch_rate, **shared, **quiet)
    return curve.view(ended=True)
