"""Lesson 03: how fast may the body learn, and how deep? A playground over a stored grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.widgets.chart import Chart, percent
from tlhelpers.show.widgets.explorer import Control, Explorer, View
from tlhelpers.transfer.intervals import interval

RESULTS = ("03_learning_rates",)
EPOCHS, BATCH = 6, 16  # as the stored grid was made


def build(results: Mapping[str, Mapping]) -> Explorer:
    """results: 03_learning_rates, whose "accuracy" is [depth][rate][seed]."""
    grid = results["03_learning_rates"]
    depths, rates = grid["depths"], grid["rates"]
    names = [name_of(depth) for depth in depths]
    return Explorer(
        title=text("widget03.title"),
        controls=[
            Control("rate", text("widget03.rate"), [(f"{r:g}", r) for r in rates], rates[1]),
            Control(
                "depth", text("widget03.depth"), list(zip(names, depths, strict=True)), depths[-1]
            ),
        ],
        draw=lambda rate, depth: draw(grid, rate, depth),
        run=lambda state, watch: train(depths, state, watch),
    )


def draw(grid: Mapping, rate: float, depth: str) -> View:
    """Accuracy and what is left of the source over the rates, for the chosen depth."""
    rates, row = grid["rates"], grid["depths"].index(depth)
    at = rates.index(rate)
    alike = [interval(runs).mean for runs in grid["cka"][row]]
    says = text(
        "widget03.says_head" if depth == "head" else "widget03.says",
        rate=f"{rate:g}",
        depth=name_of(depth),
        accuracy=percent(interval(grid["accuracy"][row][at]).mean),
        cka=f"{alike[at]:.2f}",
        source=percent(interval(grid["source_accuracy"][row][at]).mean),
    )
    chart = Chart(
        says,
        (rates[0], rates[-1]),
        x_log=True,
        x_label=text("widget03.rate"),
        y_label=text("widget03.both"),
        x_ticks=[(r, f"{r:g}") for r in rates],
    )
    chart.upright(rate)
    for other in grid["accuracy"]:
        chart.line(rates, [interval(runs).mean for runs in other], figures.GREY, faint=True)
    chart.line(rates, alike, figures.PURPLE, text("widget03.cka"), dashed=True)
    runs = grid["accuracy"][row]
    chart.band(rates, runs, figures.VERMILION)
    means = [interval(values).mean for values in runs]
    chart.line(rates, means, figures.VERMILION, text("widget03.accuracy"))
    chart.legend("#BABABA", text("widget03.other"))
    chart.whisker(rate, runs[at], figures.VERMILION)
    chart.point(rate, alike[at], figures.PURPLE, hollow=True)
    return View(chart.svg(), says)


def name_of(depth: str) -> str:
    """What the learner reads for a depth: the last layer that is trained."""
    return text(f"widget03.{depth}") if depth in ("head", "all") else depth


def train(depths: list[str], state: dict, watch: Callable[[View], bool]) -> View:
    """Fine-tunes on surfaces, twenty labels each, with the chosen rate and depth."""
    from tlhelpers.data.catalog import load_task
    from tlhelpers.models.backbones import backbone
    from tlhelpers.show.widgets.live import LiveCurve
    from tlhelpers.transfer.features import probe
    from tlhelpers.transfer.finetune import fine_tune

    task = load_task("surfaces", 20, valid_per_class=10)
    network = backbone("zukan-resnet")
    steps = EPOCHS * -(-len(task.train) // BATCH)
    curve = LiveCurve(task.valid, steps, watch, every=4)
    name = f"{text('widget03.rate')} {state['rate']:g}"
    curve.begin(name, figures.METHODS["fine_tune"]["color"])
    depth = state["depth"]
    fine_tune(
        network,
        task,
        head=probe(network, task).head,
        lr=0.02,
        body_lr=state["rate"],
        unfreeze="all" if depth == "all" else depths.index(depth),
        freeze_epochs=0,
        epochs=EPOCHS,
        batch_size=BATCH,
        valid=False,
        progress=False,
        read_test=False,
        after_step=curve,
    )
    return curve.view(ended=True)
