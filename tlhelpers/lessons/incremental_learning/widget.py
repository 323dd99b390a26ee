"""Lesson 04: a stream of classes arrives; play it and watch each old class fall or hold."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from statistics import mean
from typing import Any

from tlhelpers.runtime.language import language, text
from tlhelpers.show import figures
from tlhelpers.show.widgets.chart import Chart, percent
from tlhelpers.show.widgets.explorer import Control, Explorer, View

RESULTS = ("04_stream",)
PLAYED = 3  # groups of classes that a live run learns


def build(results: Mapping[str, Mapping]) -> Explorer:
    """results: 04_stream, whose "per_class" is [method][seed][step][class], None before it came."""
    stream = results["04_stream"]
    classes = stream["classes"][language()]
    arrived = list(itertools.accumulate(stream["steps"]))
    steps = [
        (text("widget04.comma").join(classes[before:now]), step)
        for step, (before, now) in enumerate(itertools.pairwise([0, *arrived]))
    ]
    methods = [(text(f"widget04.{name}"), name) for name in stream["methods"]]
    return Explorer(
        title=text("widget04.title"),
        controls=[
            Control("method", text("widget04.method"), methods, kind="choice"),
            Control("step", text("widget04.step"), steps, 1),
        ],
        draw=lambda method, step: draw(stream, method, step),
        run=lambda state, watch: play(stream, state["method"], watch),
    )


def draw(stream: Mapping, method: str, step: int) -> View:
    """The accuracy of every class met so far; a hollow mark is where it was when it was new."""
    classes = stream["classes"][language()]
    runs = stream["per_class"][stream["methods"].index(method)]
    born = [step for step, count in enumerate(stream["steps"]) for _ in range(count)]
    met = [c for c in range(len(classes)) if born[c] <= step]
    now = {c: mean(run[step][c] for run in runs) for c in met}
    new = {c: mean(run[born[c]][c] for run in runs) for c in met}
    old = [c for c in met if born[c] < step]
    says = text("widget04.says_first", average=percent(mean(now.values())))
    if old:
        says = text(
            "widget04.says",
            average=percent(mean(now.values())),
            old=percent(mean(now[c] for c in old)),
            before=percent(mean(new[c] for c in old)),
        )
    chart = Chart(
        says,
        (-0.6, len(classes) - 0.4),
        (0.0, 1.05),  # a ring at 100% stays clear of the legend
        y_label=text("widget04.accuracy"),
        x_ticks=[(c, classes[c]) for c in met],
    )
    for c in met:
        chart.bar(c, now[c], 0.6, figures.VERMILION if born[c] == step else figures.BLUE)
        if c in old:
            chart.point(c, new[c], figures.INK, radius=5, hollow=True)
        fits = now[c] > 0.1  # the number stands in its bar, or above one that is too low
        fill = "white" if fits else figures.INK
        y = chart.y(0.0 if fits else now[c]) - 6
        chart.text(chart.x(c), y, percent(now[c]), font_size=12, fill=fill, text_anchor="middle")
    chart.legend(figures.VERMILION, text("widget04.new"))
    chart.legend(figures.BLUE, text("widget04.old"))
    chart.text(chart.legend_at, 20, text("widget04.ring"))
    return View(chart.svg(), says)


def play(stream: Mapping, method: str, watch: Callable[[View], bool]) -> View:
    """Learns the first groups with the chosen method; each group's accuracy, as it happens."""
    from tlhelpers.data.catalog import load_task
    from tlhelpers.models.backbones import backbone
    from tlhelpers.show.widgets.live import LiveCurve
    from tlhelpers.transfer.incremental import make_learner
    from tlhelpers.transfer.learners import METHODS, Stream

    counts = stream["steps"][:PLAYED]
    edges = list(itertools.pairwise([0, *itertools.accumulate(counts)]))
    task = load_task("birds", 10, valid_per_class=10, classes=range(sum(counts)))
    valid = task.valid
    curve = LiveCurve(valid, 0, watch)
    done = 0

    def measure(step: int) -> None:
        right = learner.predict(valid) == valid.labels
        for points, (first, last) in zip(curve.curves.values(), edges, strict=False):
            of_group = (valid.labels >= first) & (valid.labels < last)
            points.append((done + step, right[of_group].float().mean().item()))
        curve.steps = max(curve.steps, done + step)
        curve.stopped = watch(curve.view())

    def after_step(step: int, model: Any) -> bool:
        if not curve.stopped and step % 3 == 0:
            measure(step)
            model.train()
        return curve.stopped

    settings = {"epochs": 6, "batch_size": 16, "per_class": 5, "memory": 5 * sum(counts)}
    settings |= {"progress": False, "after_step": after_step}
    settings = {name: settings[name] for name in METHODS[method].options() & set(settings)}
    if "after_step" not in settings:  # a method that takes no steps
        curve.x_label = text("widget04.groups")
    learner = make_learner(
        backbone("zukan-resnet"), Stream.of_classes(task, counts), method, **settings
    )
    for step, (first, last) in enumerate(edges):
        curve.begin(text("widget04.comma").join(task.class_names[first:last]))
        learner.learn(step)
        if curve.stopped:
            break
        done = curve.steps + 1
        measure(0)
    return curve.view(ended=True)
