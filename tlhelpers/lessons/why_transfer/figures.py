"""Figures of lesson 01: each says its finding in its title and holds the line of guessing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import PercentFormatter

from tlhelpers.data.catalog import load_task
from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.diagrams.canvas import SMALL, Diagram
from tlhelpers.show.plots import Picture, picture
from tlhelpers.show.twins import describe_band, draw_twin
from tlhelpers.transfer.intervals import interval

STARTS = ("fine_tune", "probe", "scratch")


CHANCE = {"birds": 0.1, "pets": 0.5}
SHIFTED = ("fine_tune_5", "scratch_15")


def draw_redraws(curves: Mapping) -> Diagram:
    """Ten draws with five labels: two accuracies each, their difference, the interval of its mean.

    curves: what experiment 01_birds stores.
    """
    five = curves["labels"].index(5)
    pairs = list(zip(curves["fine_tune"][five], curves["scratch"][five], strict=True))
    gains = [100 * (tuned - scratch) for tuned, scratch in pairs]
    d = Diagram("redraws", 306)
    left, unit, axis = 430, 5, 272  # of 0, of a point, and the height of the line of points
    d.note(24, 24, "redraws_pictures", SMALL)
    d.note(231, 24, "redraws_tuned", SMALL, text_anchor="middle")
    d.note(349, 24, "redraws_scratch", SMALL, text_anchor="middle")
    d.note(left, 24, "redraws_difference", SMALL)
    for row, ((tuned, scratch), gain) in enumerate(zip(pairs, gains, strict=True)):
        y = 34 + 21 * row
        for place in range(5):
            d.photo(24 + 20 * place, y, 16)
        d.arrow(136, y + 8, 36)
        d.block(188, y - 1, f"{tuned:.1%}", figures.VERMILION, width=86, height=18)
        d.text(285, y + 14, "−", font_size=18)
        d.block(306, y - 1, f"{scratch:.1%}", figures.GREY, width=86, height=18, random=True)
        d.add("path", d=f"M{left} {y + 8}h255", stroke=figures.GREY, stroke_width=1)
        d.add("circle", cx=left + unit * gain, cy=y + 8, r=5, fill=figures.INK)
        d.text(left + unit * gain + 9, y + 5, f"{gain:.1f}", font_size=SMALL)
    sure = interval(gains)
    low, middle, high = (left + unit * end for end in (sure.low, sure.mean, sure.high))
    d.add("path", d=f"M{left} {axis}h255M{left} 34v244", stroke=figures.INK, stroke_width=1.5)
    band = f"M{low:.1f} {axis}H{high:.1f}"
    d.add("path", d=band, stroke=figures.INK, stroke_width=12, opacity=0.35)
    d.add("circle", cx=middle, cy=axis, r=6, fill=figures.INK)
    for points in range(0, 60, 10):
        place = left + unit * points
        d.add("path", d=f"M{place} {axis}v6", stroke=figures.INK, stroke_width=1.5)
        d.text(place, axis + 20, str(points), text_anchor="middle", font_size=SMALL)
    d.note(left - 12, axis + 4, "redraws_interval", SMALL, text_anchor="end")
    return d


def draw_label_curves(curves: Mapping, task: str) -> Picture:
    """Accuracy against labels of each class, a line for each start and its 95% interval.

    curves: what experiment 01_birds or 01_pets stores. task: "birds" or "pets".
    """
    figures.use()
    figure, axes = plt.subplots(figsize=(7.0, 4.0))
    for start in STARTS:
        name = text(f"lesson01.{start}")
        figures.error_band(axes, curves["labels"], curves[start], name, **figures.METHODS[start])
    _chance(axes, CHANCE[task])
    axes.set_xscale("log")
    axes.set_xticks(curves["labels"], curves["labels"])
    axes.minorticks_off()
    axes.set(xlabel=text("lesson01.labels"), ylabel=text("lesson01.accuracy"))
    if task == "pets":
        _draw_pets(axes)
    _explain(figure, describe_band(curves["probe"]), 4)
    axes.set_title(text(f"lesson01.{task}_title"))
    return picture(figure, text(f"lesson01.{task}_alt"))


def _draw_pets(axes: Axes) -> None:
    """Two pictures of each class, in the empty half below the line of guessing."""
    pets = load_task("pets", 2, valid_per_class=1, test_per_class=1)
    for c, name in enumerate(pets.class_names):
        strip = axes.inset_axes((0.22 + 0.3 * c, 0.04, 0.26, 0.31))
        of_class = pets.train.inputs[pets.train.labels == c]
        strip.imshow(of_class.permute(2, 0, 3, 1).flatten(1, 2).numpy())
        strip.set_title(name, fontsize=9)
        strip.axis("off")


def draw_steps(found: Mapping) -> Picture:
    """Accuracy against the length of training, as experiment 01_steps stores it."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.0, 4.0))
    for start in ("fine_tune", "scratch"):
        lengths = [int(length) for length in found[start]]
        runs, name = list(found[start].values()), text(f"lesson01.{start}")
        figures.error_band(axes, lengths, runs, name, **figures.METHODS[start])
    _chance(axes, CHANCE["birds"])
    axes.set_xscale("log")
    axes.set_xticks(lengths, [str(length) for length in lengths])
    axes.minorticks_off()
    axes.set(xlabel=text("lesson01.steps"), ylabel=text("lesson01.accuracy"))
    _explain(figure, describe_band(runs), 3)
    axes.set_title(text("lesson01.steps_title"))
    return picture(figure, text("lesson01.steps_alt"))


def draw_shift(shift: Mapping[str, Mapping[str, Sequence[float]]]) -> Picture:
    """Accuracy in another look, as points with intervals: {network: {style: accuracies}}."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.0, 4.9))
    styles = list(shift[SHIFTED[0]])
    for i, name in enumerate(SHIFTED):
        look = figures.METHODS[name.rsplit("_", 1)[0]]
        for k, style in enumerate(styles):
            point = interval(shift[name][style], share=True)
            place = k + (i - 0.5) * 0.2
            label = text(f"lesson01.{name}") if k == 0 else None
            figures.mark_mean(axes, place, point, label=label, **look)
    _chance(axes, CHANCE["birds"])
    axes.set_xticks(range(len(styles)), [text(f"lesson01.style_{style}") for style in styles])
    axes.tick_params("x", length=0, pad=54)  # below the pictures
    _draw_looks(axes, styles)
    axes.set_ylabel(text("lesson01.accuracy"))
    _explain(figure, text("lesson01.bar", draws=len(shift[SHIFTED[0]]["photo"])), 2)
    axes.set_title(text("lesson01.shift_title"))
    return picture(figure, text("lesson01.shift_alt"))


def _draw_looks(axes: Axes, styles: Sequence[str]) -> None:
    """Below the axis, one bird in each of the styles."""
    for place, style in enumerate(styles):
        birds = load_task("birds", 1, style=style, valid_per_class=1, test_per_class=1)
        box = (place - 0.4, -0.24, 0.8, 0.22)
        strip = axes.inset_axes(box, transform=axes.get_xaxis_transform())
        strip.imshow(birds.train.inputs[0].permute(1, 2, 0).numpy())
        strip.axis("off")


def _explain(figure: Figure, spread: str, columns: int) -> None:
    """The legend below, under a line that says what the bands or bars are."""
    key = {"loc": "outside lower center", "ncols": columns, "fontsize": 9}
    figure.legend(title=spread, title_fontsize=9, **key)


def _chance(axes: Axes, share: float) -> None:
    """The dotted line of guessing, and an axis of accuracies in per cent."""
    label = text("lesson01.chance", share=f"{share:.0%}")
    axes.axhline(share, color=figures.INK, linestyle=":", linewidth=1.4, label=label)
    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1))


def draw_kinds() -> Picture:
    """The kinds of transfer as a map: target labels from left to right, change from top down."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.6, 4.3))
    boxes = {  # kind -> (left, bottom, width, height, colour)
        "unsupervised": (0.02, 0.68, 0.36, 0.26, figures.PURPLE),
        "transductive": (0.02, 0.38, 0.36, 0.26, figures.SKY),
        "zero_shot": (0.02, 0.08, 0.36, 0.26, figures.ORANGE),
        "few_shot": (0.42, 0.08, 0.22, 0.86, figures.GREEN),
        "inductive": (0.68, 0.08, 0.30, 0.86, figures.BLUE),
    }
    for kind, (left, bottom, width, height, colour) in boxes.items():
        axes.add_patch(
            FancyBboxPatch(
                (left, bottom),
                width,
                height,
                boxstyle="round,pad=0,rounding_size=0.02",
                facecolor=colour + "22",
                edgecolor=colour,
                linewidth=1.5,
            )
        )
        about = text(f"lesson01.about_{kind}")
        middle = left + width / 2
        top = bottom + height / 2 + 0.023 * about.count("\n") + 0.015
        axes.text(middle, top, text(f"lesson01.kind_{kind}"), ha="center", fontsize=12)
        axes.text(middle, top - 0.035, about, ha="center", va="top", fontsize=9, linespacing=1.5)
    axes.annotate(
        "", (0.99, 0.01), (0.01, 0.01), arrowprops={"arrowstyle": "->", "color": figures.INK}
    )
    for middle, amount in ((0.2, "none"), (0.53, "few"), (0.83, "many")):
        axes.text(middle, -0.045, text(f"lesson01.labels_{amount}"), ha="center", fontsize=10)
    axes.set(xlim=(0, 1), ylim=(-0.07, 0.95))
    axes.axis("off")
    return picture(figure, text("lesson01.kinds_alt"))


def draw_real(found: Mapping) -> Picture:
    """ImageNet's features on real cats and dogs and on blood cells, beside two controls."""
    sets = ("cats_dogs", "blood_cells")
    return draw_twin(found, sets, text("lesson01.real_title"), text("lesson01.real_alt"))
