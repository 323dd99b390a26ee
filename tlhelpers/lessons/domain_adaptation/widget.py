"""Lesson 08: turn the light down on a stream of fish, with and without adaptation."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.widgets.chart import Chart, percent
from tlhelpers.show.widgets.explorer import Control, Explorer, View
from tlhelpers.transfer.intervals import interval

RESULTS = ("08_light",)
BEFORE, AFTER, CHANCE = figures.GREY, figures.BLUE, 0.1
BATCH, LONGEST = 8, 96  # of the live stream, in pictures


def build(results: Mapping[str, Mapping]) -> Explorer:
    """results: 08_light, whose runs are without and with adaptation at each light."""
    found = results["08_light"]
    lights = [(percent(light), light) for light in found["lights"]]
    streams = [(count, count) for count in found["adapted"]]
    switch = [(text("widget08.off"), "off"), (text("widget08.on"), "on")]
    return Explorer(
        title=text("widget08.title"),
        controls=[
            Control("light", text("widget08.light"), lights, found["lights"][0]),
            Control("adapt", text("widget08.adapt"), switch, "off", kind="switch"),
            Control("stream", text("widget08.stream"), streams, streams[1][0]),
        ],
        draw=lambda light, adapt, stream: draw(found, light, adapt, stream),
        run=run,
    )


def draw(found: Mapping, light: float, adapt: str, stream: str) -> View:
    """Accuracy over the light; with adaptation on, also that of the adapted network."""
    lights, at = found["lights"], found["lights"].index(light)
    before, after = found["before"], found["adapted"][stream]
    says = text(
        f"widget08.says_{adapt}",
        light=percent(light),
        before=percent(interval(before[at]).mean),
        after=percent(interval(after[at]).mean),
        stream=stream,
    )
    if adapt == "off":
        says += text("widget08.unseen", stream=stream)
    chart = Chart(
        says,
        (lights[-1], lights[0]),
        x_label=text("widget08.light"),
        y_label=text("lesson08.accuracy"),
        x_ticks=[(value, percent(value)) for value in lights],
    )
    chart.upright(light)
    chart.line(
        [lights[-1], lights[0]], [CHANCE] * 2, figures.INK, text("widget08.chance"), dashed=True
    )
    chart.band(lights, before, BEFORE)
    means = [interval(runs).mean for runs in before]
    chart.line(lights, means, BEFORE, text("widget08.before"))
    chart.whisker(light, before[at], BEFORE)
    if adapt == "on":
        chart.band(lights, after, AFTER)
        means = [interval(runs).mean for runs in after]
        chart.line(lights, means, AFTER, text("widget08.after"))
        chart.whisker(light, after[at], AFTER)
    return View(chart.svg(), says)


def run(state: dict, watch: Callable[[View], bool]) -> View:
    """Trains by day; then a stream under the chosen light comes in, eight pictures at a time."""
    import torch

    from tlhelpers.data.catalog import load_task
    from tlhelpers.lessons.domain_adaptation.steps import dim
    from tlhelpers.models.backbones import backbone
    from tlhelpers.train.engine import evaluate
    from tlhelpers.transfer.adaptation.adabn import adabn
    from tlhelpers.transfer.finetune import fine_tune

    day = load_task("fish", 50)
    stopped = False

    def training(step: int, _model: object) -> bool:
        nonlocal stopped
        if step % 8 == 0:
            stopped = watch(_stream(state, {}, text("widget08.training", step=step)))
        return stopped

    model = fine_tune(
        backbone("zukan-resnet"),
        day,
        lr=0.05,
        keep_batchnorm=False,
        valid=False,
        read_test=False,
        progress=False,
        after_step=training,
    ).model
    pool = dim(load_task("fish", 10, seed=1).train, state["light"])
    test = dim(load_task("fish", 1, test_per_class=15).test, state["light"])
    order = torch.randperm(len(pool), generator=torch.Generator().manual_seed(0))
    found: dict[int, tuple[float, float]] = {}
    before = 0.0 if stopped else evaluate(model, test)
    for count in range(BATCH, LONGEST + 1, BATCH):
        if stopped:
            break
        found[count] = before, evaluate(adabn(model, None, pool.subset(order[:count])), test)
        stopped = watch(_stream(state, found, ""))
    says = ""
    if found:
        shares = zip(("before", "after"), found[max(found)], strict=True)
        named = (f"{text(f'widget08.{which}')} {percent(share)}" for which, share in shares)
        says = f"{text('widget08.accuracy')}: {', '.join(named)}"
    ending = "widget.stopped" if stopped else "widget.ended"
    return _stream(state, found, text(ending, says=says).strip())


def _stream(state: dict, found: Mapping[int, tuple[float, float]], says: str) -> View:
    """Accuracy without and with adaptation over the pictures that have come in."""
    if found and not says:
        count = max(found)
        before, after = map(percent, found[count])
        says = text("widget08.live", count=count, before=before, after=after)
    chart = Chart(
        says,
        (0, LONGEST),
        x_label=text("widget08.seen", light=percent(state["light"])),
        y_label=text("widget08.accuracy"),
        x_ticks=[(count, str(count)) for count in range(0, LONGEST + 1, 2 * BATCH)],
    )
    if found:
        counts = list(found)
        for place, colour, key in ((0, BEFORE, "before"), (1, AFTER, "after")):
            chart.line(counts, [found[c][place] for c in counts], colour, text(f"widget08.{key}"))
    return View(chart.svg(), says)
