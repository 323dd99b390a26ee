"""One calm look for every figure of the course.

A figure is a white card with dark ink, so that it reads the same in a light and in a dark
JupyterLab, on GitHub and on paper. The colours are those of Okabe and Ito (Color Universal
Design, 2008), which stay apart for colour-blind readers; their yellow is left out because it
vanishes on white. Drawn text is short and never bold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from tlhelpers.show import fonts
from tlhelpers.transfer.intervals import Interval, interval

BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK, GREY = "#E69F00", "#56B4E9", "#000000", "#767676"
PALETTE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")  # a second sign beside the colour
INK, RULE = "#222222", "#DDDDDD"

# How a method looks, in every figure and in every live run: its colour, and a second sign.
METHODS: dict[str, dict[str, Any]] = {
    method: {"color": colour, "marker": marker}
    for method, colour, marker in (
        ("scratch", GREY, "v"),
        ("probe", BLUE, "o"),  # features of a frozen network, under any linear head
        ("fine_tune", VERMILION, "s"),
        ("fine_tune_top", GREEN, "^"),
        ("prototypes", ORANGE, "D"),  # the nearest class mean
        ("replay", PURPLE, "P"),
        ("joint", BLACK, "X"),  # all data at once: what is to be reached
        ("static_vectors", GREEN, "^"),
        ("lora", SKY, "P"),
        ("tfidf", BLACK, "X"),
    )
}

DOTS = 100  # an inch
STYLE = {
    "figure.figsize": (7.0, 4.0),  # inches: 700 x 400 pixels at 100 dots an inch
    "figure.dpi": DOTS,
    "savefig.dpi": DOTS,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "axes.facecolor": "white",
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titleweight": "normal",
    "axes.titlelocation": "left",
    "figure.titleweight": "normal",
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "lines.linewidth": 2.0,
    "lines.markersize": 5.0,
    "axes.prop_cycle": cycler(color=PALETTE),
    "image.cmap": "cividis",
    "image.interpolation": "nearest",
}


def use() -> None:
    """Makes this look, and the fonts of the learner's language, matplotlib's default."""
    matplotlib.rcParams.update(STYLE)
    fonts.use()


def error_band(
    ax: Axes,
    x: Sequence[float],
    runs: Sequence[Iterable[float]],
    label: str | None = None,
    *,
    share: bool = True,
    **line: Any,
) -> Line2D:
    """Draws the mean of repeated runs as a line, and its 95% interval as a band around it.

    x: the places of the points. runs: for each of them the measurements, one a seed (a single
    measurement has no band). share: they are accuracies, and the band stays in [0, 1]. line:
    passed on to `ax.plot`.
    Returns the line. Raises ValueError where `x` and `runs` differ in length.
    """
    points = [interval(values, share=share) for _, values in zip(x, runs, strict=True)]
    drawn = sum(isinstance(entry, Line2D) and entry.get_marker() in MARKERS for entry in ax.lines)
    line = {"marker": MARKERS[drawn % len(MARKERS)], **line}
    (mean,) = ax.plot(x, [point.mean for point in points], label=label, **line)
    low, high = (np.array([getattr(point, side) for point in points]) for side in ("low", "high"))
    ax.fill_between(x, low, high, color=mean.get_color(), alpha=0.2, linewidth=0)
    return mean


def mark_mean(
    ax: Axes, place: float, point: Interval, *, across: bool = False, color: str, **mark: Any
) -> None:
    """Marks the mean of repeated runs at `place`, on a bar that spans its 95% interval.

    across: the values run along the horizontal axis, and `place` is a height. mark: passed on
    to `ax.plot` for the mark of the mean, such as its marker and its label.
    """
    mark = {"linestyle": "none", "marker": "o", "markersize": 8, **mark}
    for values, look in (([point.low, point.high], {"linewidth": 2.5}), ([point.mean], mark)):
        places = [place] * len(values)
        ax.plot(*((values, places) if across else (places, values)), color=color, **look)
