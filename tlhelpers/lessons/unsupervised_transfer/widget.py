"""Lesson 10: how many clusters? What can be seen without names, beside what names would say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.widgets.chart import Chart
from tlhelpers.show.widgets.explorer import Control, Explorer, View

RESULTS = ("10_heaps",)
MEASURES = {"silhouette": figures.BLUE, "ari": figures.GREY}
SETS = ("birds", "fish", "digits")
EYES = ("pixels", "random", "pretrained")
LIVE_SEED = 2026  # pictures that no stored run has seen


def build(results: Mapping[str, Mapping]) -> Explorer:
    """results: 10_heaps, with "ari" and "silhouette" of each set, kind of features and k."""
    found = results["10_heaps"]
    ks = [(str(k), k) for k in found["ks"]]
    sets = [(text(f"lesson10.set_{name}"), name) for name in SETS]
    eyes = [(text(f"lesson10.eye_{name}"), name) for name in EYES]
    return Explorer(
        title=text("widget10.title"),
        controls=[
            Control("k", text("widget10.k"), ks, 8),
            Control("eye", text("widget10.eye"), eyes, "pretrained", kind="switch"),
            Control("name", text("widget10.set"), sets, "birds", kind="choice"),
        ],
        draw=lambda k, eye, name: draw(found, k, eye, name),
        run=run,
    )


def draw(found: Mapping, k: int, eye: str, name: str) -> View:
    """Silhouette and adjusted Rand index over k, means of the stored draws."""
    runs = found[name][eye]
    means = {measure: [fmean(values) for values in runs[measure]] for measure in MEASURES}
    at = found["ks"].index(k)
    values = {measure: f"{ys[at]:.2f}" for measure, ys in means.items()}
    says = text("widget10.says", k=k, eye=text(f"lesson10.eye_{eye}"), **values)
    return _chart(says, found["ks"], means, k)


def run(state: dict, watch: Callable[[View], bool]) -> View:
    """Sorts pictures that no stored run has seen, for one k after another."""
    import torch

    from tlhelpers.data.catalog import load_task
    from tlhelpers.models.backbones import backbone
    from tlhelpers.transfer.extraction import represent
    from tlhelpers.transfer.unsupervised.clusters import cluster

    task = load_task(state["name"], 40, LIVE_SEED)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        eye = {
            "pixels": lambda: "pixels",
            "random": lambda: backbone("zukan-resnet", pretrained=False),
            "pretrained": lambda: backbone("zukan-resnet"),
        }[state["eye"]]()
    features = represent(eye, task.train, task)
    ks: list[int] = []
    means: dict[str, list[float]] = {measure: [] for measure in MEASURES}
    for k in range(2, 17):
        one = cluster(features, task, k, starts=3)
        ks.append(k)
        for measure, values in means.items():
            values.append(getattr(one, measure))
        says = text("widget10.live", k=k, silhouette=f"{one.silhouette:.2f}", ari=f"{one.ari:.2f}")
        if watch(_chart(says, ks, means, k)):
            says = text("widget.stopped", says=says)
            break
    return _chart(says, ks, means, ks[-1])


def _chart(says: str, ks: Sequence[int], means: Mapping[str, Sequence[float]], k: int) -> View:
    chart = Chart(
        says,
        (2, 16),
        (0.0, 0.8),
        x_label=text("widget10.k"),
        y_label=text("widget10.both"),
        x_ticks=[(value, str(value)) for value in range(2, 17, 2)],
        y_ticks=[(value / 5, f"{value / 5:.1f}") for value in range(5)],
    )
    chart.upright(k)
    for measure, colour in MEASURES.items():
        ys = means[measure]
        name = text(f"widget10.{measure}")
        chart.line(ks, ys, colour, name, dashed=measure == "ari")
        chart.point(k, ys[list(ks).index(k)], colour, hollow=measure == "ari")
    return View(chart.svg(), says)
