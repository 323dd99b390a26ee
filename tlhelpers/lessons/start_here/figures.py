"""Figures of lesson 00: the map of the course and the first transfer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import PercentFormatter

from tlhelpers.course.syllabus import course_map, lessons
from tlhelpers.data.catalog import load_task
from tlhelpers.runtime.language import language, text
from tlhelpers.show import figures
from tlhelpers.show.plots import Picture, picture, sheet
from tlhelpers.transfer.intervals import interval

COLOURS = {  # of the parts of the course, in the order of their rows
    "begin": figures.GREEN,
    "core": figures.BLUE,
    "choose": figures.PURPLE,
    "beyond": figures.ORANGE,
    "apply": figures.VERMILION,
}


def draw_map() -> Picture:
    """The course as a map, a row for each part; what is not written yet is pale and dashed."""
    figures.use()
    figure, axes = plt.subplots(figsize=(8.0, 5.2))
    for row, (part, colour) in enumerate(COLOURS.items()):
        for key, height, size, ink in (
            ("part", 0.13, 10, figures.INK),
            ("asks", -0.13, 8.5, "#555555"),
        ):
            words = text(f"lesson00.{key}_{part}")
            axes.text(-0.1, height - row, words, ha="right", va="center", fontsize=size, color=ink)
        of_part = [lesson for lesson in course_map().values() if lesson.part == part]
        for column, lesson in enumerate(of_part):
            here = lesson.number in lessons()
            axes.add_patch(
                FancyBboxPatch(
                    (column + 0.04, -row - 0.36),
                    0.92,
                    0.72,
                    boxstyle="round,pad=0,rounding_size=0.08",
                    facecolor=colour + "22" if here else "white",
                    edgecolor=colour if here else figures.GREY,
                    linestyle="-" if here else (0, (3, 3)),
                    linewidth=1.5 if here else 1.0,
                )
            )
            ink = figures.INK if here else figures.GREY
            label = f"{lesson.number}\n{lesson.short[language()]}"
            label += "" if here else "\n" + text("lesson00.later")
            axes.text(column + 0.5, -row, label, ha="center", va="center", fontsize=8.5, color=ink)
    axes.set(xlim=(-1.75, 5.02), ylim=(-len(COLOURS) + 0.55, 0.45))
    axes.axis("off")
    return picture(figure, text("lesson00.map_alt", lessons=", ".join(lessons())))


def show_seen() -> Picture:
    """Drawings of eight kinds of each sort that the course's networks were pretrained on."""
    kinds = {
        "creatures": range(0, 48, 6),
        "patterns": range(48, 64, 2),
        "characters": range(64, 104, 5),
    }
    rows = [
        load_task("source", 1, valid_per_class=1, test_per_class=1, classes=of_sort).train
        for of_sort in kinds.values()
    ]
    pictures = [split.batch(split.labels.argsort())[0] for split in rows]
    names = [text(f"lesson00.seen_{sort}") for sort in kinds]
    return sheet(pictures, names, text("lesson00.seen_alt"), zoom=1.1)


def draw_first_transfer(accuracy: Mapping[str, Sequence[float]], chance: float) -> Picture:
    """Test accuracy as bars with 95% intervals: {"eye" | "pixels": accuracies, one a seed}."""
    figures.use()
    figure, axes = plt.subplots(figsize=(6.4, 2.6))
    colours = {"eye": figures.BLUE, "pixels": figures.GREY}
    for place, (way, values) in enumerate(accuracy.items()):
        mean = interval(values, share=True)
        axes.barh(place, mean.mean, color=colours[way], height=0.55)
        axes.plot([mean.low, mean.high], [place, place], color=figures.INK, linewidth=2)
        axes.text(0.01, place, f"{mean.mean:.0%}", color="white", va="center", fontsize=11)
    axes.axvline(chance, color=figures.INK, linestyle="--", linewidth=1.2)
    axes.text(chance + 0.01, -0.62, text("lesson00.guessing"), fontsize=9, va="center")
    axes.set_yticks(range(len(accuracy)), [text(f"lesson00.{way}") for way in accuracy])
    axes.set(xlim=(0, 1), ylim=(len(accuracy) - 0.5, -0.85), xlabel=text("lesson00.accuracy"))
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(axis="y", visible=False)
    axes.set_title(text("lesson00.first_title"))
    best = f"{interval(accuracy['eye']).mean:.0%}"
    control = f"{interval(accuracy['pixels']).mean:.0%}"
    return picture(figure, text("lesson00.first_alt", eye=best, pixels=control))
