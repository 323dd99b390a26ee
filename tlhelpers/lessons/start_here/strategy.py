"""The strategy map: what to try first, from six facts about the problem, and why.

The rules are the course's own findings put in order, for images of the size it works with: look
at the labels first, then at the similarity of source and target, then at what it may cost.
They say where to start. What is best, a measurement says (lessons 06 and 14).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tlhelpers.runtime.language import language, text
from tlhelpers.show import figures
from tlhelpers.show.widgets.chart import Canvas
from tlhelpers.show.widgets.explorer import Control, Explorer, View

LABELS = ("none", "few", "some", "many")  # a class: 0; 1-9; 10-100; over 100
SIMILARITY = ("close", "related", "far")

COLOURS = {
    "adapt": figures.SKY,
    "zero_shot": figures.PURPLE,
    "label_first": figures.GREY,
    "few_shot": figures.METHODS["prototypes"]["color"],
    "backbone": figures.GREEN,
    **{way: figures.METHODS[way]["color"] for way in ("probe", "fine_tune")},
}


@dataclass(frozen=True)
class Advice:
    """What to try first, and the steps that go with it, in order; names of strategies."""

    first: str
    then: tuple[str, ...]

    def explain(self) -> str:
        """The advice as sentences."""
        said = [text("strategy.first", name=name_of(self.first), why=text(why_key(self.first)))]
        said += [text("strategy.then", name=name_of(s), why=text(why_key(s))) for s in self.then]
        return ("" if language() == "ja" else " ").join(said)


def advise(
    labels: str = "few",
    similarity: str = "related",
    unlabelled: bool = False,
    arriving: bool = False,
    keep: bool = False,
    shrink: bool = False,
) -> Advice:
    """labels: one of LABELS; similarity of source and target: of SIMILARITY.

    unlabelled: there are many target pictures without labels; without any label, they are of the
    classes of the source.
    arriving: data keep arriving. keep: old classes must stay. shrink: the model must get smaller.
    """
    first = _first(labels, similarity, unlabelled)
    then = []
    if first == "fine_tune":
        then.append("guard")
    if labels == "few" and unlabelled and similarity != "close":
        then.append("learn_on")  # lesson 10, surfaces
    if labels != "none":
        then.append("control")  # a source that looks close can do harm, too (lesson 06)
    if arriving:
        then.append(_update(first) if keep else "train_on")
    if shrink:
        then.append("distil")
    return Advice(first, tuple(then))


def _first(labels: str, similarity: str, unlabelled: bool) -> str:
    if labels == "none":
        if unlabelled and similarity != "far":
            return "adapt"
        return "label_first" if similarity == "far" else "zero_shot"
    if labels == "few":
        return "backbone" if similarity == "far" else "few_shot"
    # where the source is close, the frozen body leaves little to gain (lesson 03, birds)
    return "probe" if labels == "some" and similarity == "close" else "fine_tune"


def _update(first: str) -> str:
    """A body at rest takes a class in by its mean; one that is trained must see the old ones."""
    return "replay" if first == "fine_tune" else "new_means"


def name_of(strategy: str) -> str:
    """Its name with the lesson that teaches it."""
    return text(f"strategy.{strategy}")


def why_key(strategy: str) -> str:
    """The catalogue key of the sentence that says why."""
    return f"strategy.{strategy}_why"


def strategy_map() -> Explorer:
    """The map as a widget."""
    yes_no = [(text("strategy.no"), False), (text("strategy.yes"), True)]
    return Explorer(
        title=text("strategy.title"),
        controls=[
            Control("labels", text("strategy.labels"), _named("labels", LABELS), "few"),
            Control(
                "similarity", text("strategy.similarity"), _named("sim", SIMILARITY), "related"
            ),
            Control("unlabelled", text("strategy.unlabelled"), yes_no, kind="switch"),
            Control("arriving", text("strategy.arriving"), yes_no, kind="switch"),
            Control("keep", text("strategy.keep"), yes_no, kind="switch"),
            Control("shrink", text("strategy.shrink"), yes_no, kind="switch"),
        ],
        draw=draw,
    )


def draw(**facts: Any) -> View:
    """The map of first strategies over labels and similarity, the learner's place framed."""
    advice = advise(**facts)
    says = advice.explain()
    canvas = Canvas(says, height=400)
    left, top, width, height = 112, 78, 128, 62
    canvas.text(left, 34, text("strategy.labels"), font_size=14)
    canvas.text(8, top - 10, text("strategy.similarity_axis"))
    for column, labels in enumerate(LABELS):
        middle = left + width * (column + 0.5)
        canvas.text(middle, top - 10, text(f"strategy.labels_{labels}"), text_anchor="middle")
    for row, similarity in enumerate(SIMILARITY):
        y = top + height * row
        canvas.text(
            left - 10, y + height / 2 + 4, text(f"strategy.sim_{similarity}"), text_anchor="end"
        )
        for column, labels in enumerate(LABELS):
            first = advise(labels, similarity, facts["unlabelled"]).first
            here = (labels, similarity) == (facts["labels"], facts["similarity"])
            x, colour = left + width * column, COLOURS[first]
            canvas.add(
                "rect",
                **{"x": x + 3, "y": y + 3, "width": width - 6, "height": height - 6, "rx": 6},
                fill=colour,
                fill_opacity=0.55 if here else 0.16,
                stroke=figures.INK if here else colour,
                stroke_width=3 if here else 1,
            )
            name = text(f"strategy.{first}_short")
            canvas.text(x + width / 2, y + height / 2 + 4, name, text_anchor="middle")
    y = top + height * len(SIMILARITY) + 36
    for number, step in enumerate([advice.first, *advice.then], 1):
        canvas.text(left, y, f"{number}. {name_of(step)}", font_size=14)
        y += 22
    return View(canvas.svg(), says)


def _named(group: str, values: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(text(f"strategy.{group}_{value}"), value) for value in values]
