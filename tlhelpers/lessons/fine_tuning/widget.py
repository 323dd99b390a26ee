"""Lesson 03: the learning rate as a knob, without and with clipping, over stored runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.widgets.chart import Chart, percent
from tlhelpers.show.widgets.explorer import Control, Explorer, View
from tlhelpers.transfer.intervals import interval

RESULTS = ("03_rates",)
CHANCE = 0.2  # five kinds of surface
EPOCHS, BATCH = 12, 16  # as the stored runs were made


def build(results: Mapping[str, Mapping]) -> Explorer:
    """results: 03_rates, whose "free" and "clipped" hold the runs of each rate."""
    grid = results["03_rates"]
    rates = grid["rates"]
    clips = [(text("widget03.free"), "free"), (text("widget03.clipped"), "clipped")]
    return Explorer(
        title=text("widget03.title"),
        controls=[
            Control("rate", text("widget03.rate"), [(f"{r:g}", r) for r in rates], rates[0]),
            Control("clip", text("widget03.clip"), clips, "free", kind="switch"),
        ],
        draw=lambda rate, clip: draw(grid, rate, clip),
        run=train,
    )


def draw(grid: Mapping, rate: float, clip: str) -> View:
    """Accuracy on the new task and on the source over the rates, with the frozen body's."""
    rates, at = grid["rates"], grid["rates"].index(rate)
    accuracy = [runs["accuracy"] for runs in grid[clip]]
    source = [runs["source"] for runs in grid[clip]]
    frozen, before = (interval(grid["frozen"][name]).mean for name in ("accuracy", "source"))
    says = text(
        "widget03.says",
        rate=f"{rate:g}",
        clip=text(f"widget03.{clip}"),
        accuracy=percent(interval(accuracy[at]).mean),
        frozen=percent(frozen),
        source=percent(interval(source[at]).mean),
    )
    chart = Chart(
        says,
        (rates[0], rates[-1]),
        x_log=True,
        x_label=text("widget03.rate"),
        y_label=text("widget03.accuracy"),
        x_ticks=[(r, f"{r:g}") for r in rates],
    )
    chart.upright(rate)
    ends = [rates[0], rates[-1]]
    chart.line(ends, [frozen] * 2, figures.BLUE, text("widget03.frozen"), dashed=True)
    chart.line(ends, [CHANCE] * 2, figures.INK, text("widget03.chance"), dashed=True)
    chart.line(ends, [before] * 2, figures.GREEN, dashed=True)
    words = text("widget03.before", source=percent(before))
    chart.text(chart.x(ends[-1]), chart.y(before) + 16, words, text_anchor="end", font_size=12)
    curves = (("source", source, figures.GREEN), ("new", accuracy, figures.VERMILION))
    for _, runs, colour in curves:
        chart.band(rates, runs, colour)
    for name, runs, colour in curves:
        means = [interval(values).mean for values in runs]
        chart.line(rates, means, colour, text(f"widget03.{name}"))
        for place, value in zip(rates, means, strict=True):
            chart.point(place, value, colour, radius=3)
        chart.whisker(rate, runs[at], colour)
    chart.point(rate, interval(source[at]).mean, figures.GREEN, hollow=True)
    return View(chart.svg(), says)


def train(state: dict, watch: Callable[[View], bool]) -> View:
    """Fine-tunes on surfaces, forty labels each, at the chosen rate."""
    from tlhelpers.data.catalog import load_task
    from tlhelpers.models.backbones import backbone
    from tlhelpers.show.widgets.live import LiveCurve
    from tlhelpers.transfer.features import probe
    from tlhelpers.transfer.finetune import fine_tune

    task = load_task("surfaces", 40, valid_per_class=10)
    network = backbone("zukan-resnet")
    curve = LiveCurve(task.valid, EPOCHS * -(-len(task.train) // BATCH), watch, every=8)
    name = f"{text('widget03.rate')} {state['rate']:g}"
    curve.begin(name, figures.METHODS["fine_tune"]["color"])
    fine_tune(
        network,
        task,
        head=probe(network, task).head,
        lr=state["rate"],
        lr_mult=1.0,
        freeze_epochs=0,
        keep_batchnorm=False,
        epochs=EPOCHS,
        batch_size=BATCH,
        clip_norm=1.0 if state["clip"] == "clipped" else None,
        valid=False,
        progress=False,
        read_test=False,
        after_step=curve,
    )
    return curve.view(ended=True)
