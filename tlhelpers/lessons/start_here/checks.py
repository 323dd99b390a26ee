"""What the exercises of lesson 00 ask for."""

import copy
from collections.abc import Callable

from tlhelpers.course.exercises import brief_parts, exercise, open_parts
from tlhelpers.runtime.language import text

WITH_EYE = (0.50, 0.785)  # test accuracy with one labelled picture of each bird
BY_PIXELS = (0.335, 0.50)  # with twenty


@exercise(
    "00-a", hints=("lesson00.trade_hint_1", "lesson00.trade_hint_2"), right="lesson00.trade_right"
)
def trade_labels(with_eye: float, by_pixels: float) -> str | None:
    """One labelled picture of each kind with the borrowed eye, twenty by the nearest pixels."""
    for name, given in (("with_eye", with_eye), ("by_pixels", by_pixels)):
        if not 0 <= given <= 1:
            return text("lesson00.trade_fraction", name=name, given=f"{given:.2f}")
    if not WITH_EYE[0] <= with_eye <= WITH_EYE[1]:
        return text("lesson00.trade_eye", given=f"{with_eye:.2f}")
    if not BY_PIXELS[0] <= by_pixels <= BY_PIXELS[1]:
        return text("lesson00.trade_pixels", given=f"{by_pixels:.2f}")
    return None


@exercise(
    "00-b", hints=("lesson00.near_hint_1", "lesson00.near_hint_2"), right="lesson00.near_right"
)
def name_by_pixels(nearest_name: Callable) -> str | None:
    """The name of the labelled picture at the smallest sum of squared differences."""
    shown = {"heron": [0, 9, 5], "hoopoe": [4, 4, 2], "toucan": [9, 1, 0]}
    labelled = [(pixels, name) for name, pixels in shown.items()]
    for picture in ([1, 8, 5], [8, 1, 1], [5, 5, 3], [9, 7, 1], [9, 7, 0]):
        given = nearest_name(list(picture), copy.deepcopy(labelled))
        said = {"picture": picture, "labelled": labelled, "given": given}
        if not isinstance(given, str) or given not in shown:
            return text("lesson00.near_name", **said)
        away = {
            name: sum((a - b) ** 2 for a, b in zip(picture, pixels, strict=True))
            for name, pixels in shown.items()
        }
        right = min(away, key=away.__getitem__)
        if given != right:
            return text(
                "lesson00.near_wrong", **said, far=away[given], right=right, near=away[right]
            )
    return None


@exercise(
    "00-c", hints=("lesson00.plan_hint_1", "lesson00.plan_hint_2"), right="lesson00.plan_right"
)
def defend_a_plan(plan: dict) -> str | None:
    """A whole plan that compares with something else; how good it is, the rubric says."""
    keys = ("first", "compare_with", "tested_on", "new_bread", "why")
    if missing := open_parts(plan, keys):
        return text("lesson00.plan_missing", keys=", ".join(missing))
    if plan["first"] == plan["compare_with"]:
        return text("lesson00.plan_same")
    return text("lesson00.plan_why") if brief_parts(plan, ["why"]) else None
