"""Lesson 15: a network, a batch, a precision and devices; the memory and the time that follow."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean

from matplotlib.ticker import MaxNLocator

from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.widgets.chart import Chart
from tlhelpers.show.widgets.explorer import Control, Explorer, View

RESULTS = ("15_cpu", "15_gpu")
GB = 10**9
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
DEVICES = (1, 2, 4, 8)
WAYS = ("fp32", "bf16", "checkpointed")
CARDS = (4, 8, 16, 24, 48, 80)  # GB, sizes that cards are sold with
EPOCH = 10_000  # examples
COLOURS = {
    "parameters": figures.BLUE,
    "gradients": figures.ORANGE,
    "optimizer": figures.GREEN,
    "activations": figures.GREY,
}


def build(results: Mapping[str, Mapping]) -> Explorer:
    """results: 15_cpu and 15_gpu, the measured coefficients of each network."""
    found = results["15_cpu"]
    measured = {"cpu": found, "gpu": results["15_gpu"]["networks"]}
    device = " ".join(results["15_gpu"]["device"].split()[:2])
    computers = [(text("widget15.cpu"), "cpu"), (device, "gpu")]
    names = [(text(f"lesson15.net_{name.replace('-', '_')}"), name) for name in found]
    ways = [(text(f"lesson15.way_{way}"), way) for way in WAYS]
    sharing = [(text(f"widget15.{way}"), way) for way in ("copied", "sharded")]
    return Explorer(
        title=text("widget15.title"),
        controls=[
            Control("network", text("widget15.network"), names, "mobilenet_v2", kind="choice"),
            Control("batch", text("widget15.batch"), [(str(b), b) for b in BATCHES], 64),
            Control("way", text("widget15.way"), ways, "fp32", kind="choice"),
            Control("devices", text("widget15.devices"), [(str(d), d) for d in DEVICES], 1),
            Control("sharing", text("widget15.sharing"), sharing, "copied", kind="switch"),
            Control("computer", text("widget15.computer"), computers, "cpu", kind="switch"),
        ],
        draw=lambda network, computer, **values: draw(
            network, measured[computer][network], **values
        ),
    )


def memory(
    coefficients: Mapping, batch: int, way: str, devices: int, sharing: str
) -> dict[str, float]:
    """Bytes of each kind on one device: AdamW, a batch shared by the devices.

    sharing: "copied", as DDP does, or "sharded", as FSDP does with all but the activations.
    """
    weights = coefficients["parameters"] / (devices if sharing == "sharded" else 1)
    examples = -(-batch // devices)
    return {
        "parameters": weights,
        "gradients": weights,
        "optimizer": 2 * weights,
        "activations": examples * coefficients[way]["each"],
    }


def draw(
    network: str, coefficients: Mapping, batch: int, way: str, devices: int, sharing: str
) -> View:
    """The memory of one device, stacked, for each number of devices; its size over the chosen."""
    totals = {count: memory(coefficients, batch, way, count, sharing) for count in DEVICES}
    here = totals[devices]
    needed = sum(here.values())
    card = next((size for size in CARDS if size * GB > needed), None)
    seconds = fmean(coefficients[way]["seconds"]) * EPOCH / devices
    says = text(
        "widget15.says" if card else "widget15.says_too_large",
        network=text(f"lesson15.net_{network.replace('-', '_')}"),
        batch=batch,
        devices=devices,
        needed=_gigabytes(needed),
        share=f"{here['activations'] / needed:.0%}",
        card=card,
        examples=f"{EPOCH:,}",
        time=_time(seconds),
    )
    top = max(sum(sizes.values()) for sizes in totals.values()) * 1.08
    steps = MaxNLocator(nbins=5, steps=[1, 2, 5, 10]).tick_values(0, top / GB)
    chart = Chart(
        says,
        (0.4, len(DEVICES) + 0.6),
        (0, top),
        x_label=text("widget15.devices"),
        y_label=text("widget15.memory"),
        x_ticks=[(place + 1, str(count)) for place, count in enumerate(DEVICES)],
        y_ticks=[(step * GB, f"{step:g}") for step in steps if step * GB <= top],
    )
    for place, sizes in enumerate(totals.values(), 1):
        height = sum(sizes.values())
        for kind in reversed(COLOURS):  # the whole first, the lower parts over it
            chart.bar(place, height, 0.6, COLOURS[kind])
            height -= sizes[kind]
    for size in CARDS:
        if size * GB < top:
            chart.line([0.4, len(DEVICES) + 0.6], [size * GB] * 2, figures.VERMILION, dashed=True)
            chart.text(chart.width - 60, chart.y(size * GB) - 4, f"{size} GB", font_size=11)
    place = DEVICES.index(devices) + 1
    above = chart.y(needed) - 6
    chart.text(chart.x(place), above, _gigabytes(needed), text_anchor="middle", font_weight="bold")
    for kind, colour in COLOURS.items():
        chart.legend(colour, text(f"memory.{kind}"))
    return View(chart.svg(), says)


def _gigabytes(size: float) -> str:
    return f"{size / GB:.2f} GB" if size < 10 * GB else f"{size / GB:.0f} GB"


def _time(seconds: float) -> str:
    unit, value = ("minutes", seconds / 60) if seconds >= 60 else ("seconds", seconds)
    return text(f"widget15.{unit}", value=f"{value:.1f}")
