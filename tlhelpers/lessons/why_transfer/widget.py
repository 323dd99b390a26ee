"""Lesson 01: how many labels does it take? A slider over stored curves, and one run of today."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tlhelpers.lessons.why_transfer.figures import STARTS
from tlhelpers.runtime.language import text
from tlhelpers.show.figures import METHODS
from tlhelpers.show.widgets.chart import Chart, percent
from tlhelpers.show.widgets.explorer import Control, Explorer, View
from tlhelpers.transfer.intervals import interval

RESULTS = ("01_birds", "01_pets")


def build(results: Mapping[str, Mapping]) -> Explorer:
    """results: what experiments 01_birds and 01_pets store."""
    counts = sorted({count for curves in results.values() for count in curves["labels"]})

    def label(count: int) -> str:
        """The count, and the task where only one of them was measured with so many."""
        tasks = [name for name, curves in results.items() if count in curves["labels"]]
        where = "" if len(tasks) > 1 else f" ({text(f'widget01.{tasks[0]}')})"
        return f"{count}{where}"

    return Explorer(
        title=text("widget01.title"),
        controls=[
            Control(
                "task",
                text("widget01.task"),
                [(text(f"widget01.{name}"), name) for name in RESULTS],
                kind="switch",
            ),
            Control("labels", text("lesson01.labels"), [(label(n), n) for n in counts], 5),
        ],
        draw=lambda task, labels: draw(results[task], labels),
        run=lambda state, watch: train(results[state["task"]], state, watch),
    )


def draw(curves: Mapping, labels: int) -> View:
    """The three curves, and what they say at the measured count nearest to `labels`."""
    counts = curves["labels"]
    at = counts.index(nearest(counts, labels))
    means = {start: round(interval(curves[start][at]).mean, 2) for start in STARTS}  # as shown
    gain = max(means["probe"], means["fine_tune"]) - means["scratch"]
    says = text(
        "widget01.says" if gain >= 0 else "widget01.says_loss",
        count=counts[at],
        **{start: percent(mean) for start, mean in means.items()},
        points=f"{abs(gain) * 100:.0f}",
    )
    chart = Chart(
        says,
        (counts[0], counts[-1]),
        x_log=True,
        x_label=text("lesson01.labels"),
        y_label=text("lesson01.accuracy"),
        x_ticks=[(n, str(n)) for n in counts],
    )
    chart.upright(counts[at])
    for start in STARTS:
        ys = [interval(values).mean for values in curves[start]]
        colour = METHODS[start]["color"]
        chart.band(counts, curves[start], colour)
        chart.line(counts, ys, colour, text(f"lesson01.{start}"))
        chart.whisker(counts[at], curves[start][at], colour)
    return View(chart.svg(), says)


def nearest(counts: Sequence[int], labels: int) -> int:
    """The measured count that `labels` is nearest to, as a ratio."""
    return min(counts, key=lambda count: abs(count / labels - 1))


def train(curves: Mapping, state: dict, watch: Callable[[View], bool]) -> View:
    """Fine-tunes and trains from scratch with that many labels, and shows both as they learn."""
    from tlhelpers.data.catalog import load_task
    from tlhelpers.models.backbones import backbone
    from tlhelpers.show.widgets.live import LiveCurve
    from tlhelpers.transfer.finetune import fine_tune
    from tlhelpers.transfer.negative import train_from_scratch

    labels = nearest(curves["labels"], state["labels"])
    task = load_task(state["task"].removeprefix("01_"), labels, valid_per_class=10)
    steps = 100
    curve = LiveCurve(task.valid, steps, watch)
    epochs = max(1, steps // -(-len(task.train) // 32))
    shared: dict[str, Any] = {
        "epochs": epochs,
        "batch_size": 32,
        "clip_norm": 1.0,
        "read_test": False,
    }
    quiet: dict[str, Any] = {"valid": False, "progress": False, "after_step": curve}
    network = backbone("zukan-resnet")
    curve.begin(text("lesson01.fine_tune"), METHODS["fine_tune"]["color"])
    fine_tune(network, task, freeze_epochs=0, lr=0.03, lr_mult=5, **shared, **quiet)
    if not curve.stopped:
        curve.begin(text("lesson01.scratch"), METHODS["scratch"]["color"])
        train_from_scratch(network, task, lr=0.03, **shared, **quiet)
    return curve.view(ended=True)
