"""What the exercises of lesson 04 ask for."""

from collections.abc import Callable
from math import isnan, nan
from statistics import mean

import torch

from tlhelpers.course.exercises import as_number, brief_parts, exercise, listed, open_parts
from tlhelpers.course.results import stored
from tlhelpers.runtime.language import text
from tlhelpers.transfer import forgetting as metrics

WITHOUT_PICTURES = {"LwF": "lwf", "EWC": "ewc", "nearest mean": "nearest_mean"}
ROUNDED = 1.5  # points: the widget shows whole percentages
WAYS = ("nearest mean", "replay", "LwF", "all data")


@exercise(
    "04-a", hints=("lesson04.read_hint_1", "lesson04.read_hint_2"), right="lesson04.read_right"
)
def read_the_stream(best: str, fell: float) -> str | None:
    """The best way without kept pictures after the last step, and what LwF's old classes lost."""
    if best not in WITHOUT_PICTURES:
        return text("lesson04.read_unknown", known=", ".join(WITHOUT_PICTURES))
    stream = stored("04_stream")

    def runs(way: str) -> list:
        return stream["per_class"][stream["methods"].index(WITHOUT_PICTURES[way])]

    at_the_end = {way: mean(mean(run[-1]) for run in runs(way)) for way in WITHOUT_PICTURES}
    if best != max(at_the_end, key=at_the_end.__getitem__):
        return text("lesson04.read_better", best=best, average=f"{at_the_end[best]:.0%}")
    born = [step for step, count in enumerate(stream["steps"]) for _ in range(count)]
    falls = [
        run[born[c]][c] - run[-1][c]
        for run in runs("LwF")
        for c in range(len(born))
        if born[c] < born[-1]
    ]
    if not abs(fell - 100 * mean(falls)) <= ROUNDED:
        return text("lesson04.read_fell", fell=f"{fell:g}")
    return None


@exercise(
    "04-b", hints=("lesson04.lost_hint_1", "lesson04.lost_hint_2"), right="lesson04.lost_right"
)
def measure_forgetting(lost: Callable) -> str | None:
    """Forgetting by the first definition: the best it ever was, minus the last."""

    def measured(R: torch.Tensor) -> float:
        return as_number("lost(R)", lost(R.clone()))

    began = [[0.6, nan, nan, nan], [0.9, 0.9, nan, nan], [0.7, 0.75, 0.8, nan]]
    rising = torch.tensor([*began, [0.5, 0.6, 0.75, 1.0]])
    answer = measured(rising)
    if isnan(answer):  # compares as equal to everything below
        return text("lesson04.lost_nan")
    if abs(answer - metrics.first_minus_last(rising)) < 1e-4:
        return text("lesson04.lost_other")
    if not abs(answer - metrics.forgetting(rising)) <= 1e-4:
        return text("lesson04.lost_wrong", lost=f"{answer:.3f}")
    gaining = torch.tensor([*began, [0.6, 0.6, 0.9, 1.0]])
    if not abs(measured(gaining) - metrics.forgetting(gaining)) <= 1e-4:
        return text("lesson04.lost_negative")
    return None


@exercise(
    "04-c", hints=("lesson04.plan_hint_1", "lesson04.plan_hint_2"), right="lesson04.plan_right"
)
def defend_a_plan(plan: dict) -> str | None:
    """A whole plan that keeps the rule of deletion; how good it is, the rubric says."""
    asked = ("method", "keep", "tested_on", "change_if", "why")
    if missing := open_parts(plan, asked):
        return text("lesson04.plan_missing", keys=", ".join(missing))
    if plan["method"] not in WAYS:
        return text("lesson04.plan_way", given=plan["method"], known=", ".join(WAYS))
    if plan["method"] in ("replay", "all data"):
        return text("lesson04.plan_rule", given=plan["method"])
    if not {"old", "new"} <= set(listed(plan["tested_on"])):
        return text("lesson04.plan_tested")
    if brief_parts(plan, ["why"]):
        return text("lesson04.plan_why")
    return None
