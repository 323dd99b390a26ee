"""Lesson 06: choose a source and a target, and see what transfer gives or takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tlhelpers.runtime.language import language, text
from tlhelpers.show import figures
from tlhelpers.show.widgets.chart import Chart, percent
from tlhelpers.show.widgets.explorer import Control, Explorer, View
from tlhelpers.transfer.intervals import Interval, interval

RESULTS = ("06_pairs",)
SCRATCH = "scratch"
WAYS = {"frozen": figures.METHODS["probe"], "fine_tuned": figures.METHODS["fine_tune"]}


def build(results: Mapping[str, Mapping]) -> Explorer:
    """results: 06_pairs; "frozen" and "fine_tuned" are {start: {target: accuracies}}."""
    pairs = results["06_pairs"]
    names = [name for name in pairs["frozen"] if name != SCRATCH]
    sources = [(text(f"widget06.{name}"), name) for name in names]
    targets = [(text(f"widget06.{name}"), name) for name in pairs["frozen"][SCRATCH]]
    return Explorer(
        title=text("widget06.title"),
        controls=[
            Control("source", text("widget06.source"), sources, names[-1], kind="choice"),
            Control("target", text("widget06.target"), targets, kind="choice"),
        ],
        draw=lambda source, target: draw(pairs, source, target),
        run=lambda state, watch: train(pairs, state, watch),
    )


def verdict_of(gap: Interval) -> str:
    """ "harm", "help" or "open", by the side of zero on which the interval of the gap lies."""
    return "harm" if gap.low > 0 else "help" if gap.high < 0 else "open"


def gap_of(pairs: Mapping, way: str, source: str, target: str) -> Interval:
    """From random weights minus from the source, draw by draw."""
    runs = zip(pairs[way][SCRATCH][target], pairs[way][source][target], strict=True)
    return interval([random - transferred for random, transferred in runs])


def _signed(share: float) -> str:
    """A difference of accuracies in whole points, with its sign."""
    return f"{100 * share:+.0f}".replace("-", "−")


def draw(pairs: Mapping, source: str, target: str) -> View:
    """The ways to learn, each from random weights and from the source, and the gaps in words.

    Harm, help or open is for the reader to say: exercise A asks.
    """
    ways = [way for way in WAYS if target in pairs[way][SCRATCH]]  # those that were measured
    said = []
    for way in ways:
        gap = gap_of(pairs, way, source, target)
        said.append(
            text(
                "widget06.says",
                way=text(f"widget06.{way}"),
                random=percent(interval(pairs[way][SCRATCH][target]).mean),
                source=percent(interval(pairs[way][source][target]).mean),
                points=_signed(gap.mean),
                low=_signed(gap.low),
                high=_signed(gap.high),
            )
        )
    says = ("" if language() == "ja" else " ").join(said)
    chart = Chart(
        says,
        (-0.5, 2 * len(ways) - 0.5),
        y_label=text("widget06.accuracy"),
        x_ticks=[
            (2 * row + place, text(f"widget06.{way}_{start}"))
            for row, way in enumerate(ways)
            for place, start in enumerate(("random", "source"))
        ],
    )
    for row, way in enumerate(ways):
        for place, start in enumerate((SCRATCH, source)):
            values = pairs[way][start][target]
            colour = figures.GREY if start == SCRATCH else WAYS[way]["color"]
            chart.bar(2 * row + place, interval(values, share=True).mean, 0.6, colour)
            chart.whisker(2 * row + place, values, figures.INK)
    return View(chart.svg(), says)


def train(pairs: Mapping, state: dict, watch: Callable[[View], bool]) -> View:
    """Trains everything on the target, from the chosen source and then from random weights.

    Fewer labels and steps than in the stored runs, at the settings that those chose for surfaces.
    """
    from tlhelpers.data.catalog import load_task
    from tlhelpers.models.backbones import backbone
    from tlhelpers.show.widgets.live import LiveCurve
    from tlhelpers.transfer.finetune import fine_tune
    from tlhelpers.transfer.negative import train_from_scratch

    source, target = state["source"], state["target"]
    chosen = {s: pairs["tuning"][s]["surfaces"]["choice"] for s in (source, SCRATCH)}
    task = load_task(target, 20, valid_per_class=10)
    network, epochs, batch = backbone(source), 12, 16
    curve = LiveCurve(task.valid, epochs * -(-len(task.train) // batch), watch, every=4)
    shared = {"epochs": epochs, "batch_size": batch}
    quiet = {"valid": False, "progress": False, "read_test": False, "after_step": curve}
    curve.begin(text("widget06.live_source"), figures.METHODS["fine_tune"]["color"])
    moving = {"freeze_epochs": 0, "keep_batchnorm": False}
    fine_tune(network, task, **moving, **chosen[source], **shared, **quiet)
    if not curve.stopped:
        curve.begin(text("widget06.live_random"), figures.METHODS["scratch"]["color"])
        train_from_scratch(network, task, **chosen[SCRATCH], **shared, **quiet)
    return curve.view(ended=True)
