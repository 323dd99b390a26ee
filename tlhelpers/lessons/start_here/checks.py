"""What the exercises of lesson 00 ask for."""

from collections.abc import Callable

from tlhelpers.course.exercises import exercise
from tlhelpers.runtime.language import text

WITH_EYE = (0.48, 0.68)  # test accuracy with one labelled picture of each bird
BY_PIXELS = (0.325, 0.47)  # with twenty


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
    "00-b", hints=("lesson00.share_hint_1", "lesson00.share_hint_2"), right="lesson00.share_right"
)
def count_right(share_right: Callable) -> str | None:
    """The share of places at which two lists hold the same name."""
    names = ["heron", "hoopoe", "toucan", "heron"]
    for answers, right in (
        (names, 4),
        (["heron", "heron", "toucan", "canary"], 2),
        (["canary", "toucan", "hoopoe", "wagtail"], 0),
    ):
        given = share_right(list(answers), list(names))
        said = {"answers": answers, "truth": names, "given": given}
        if given == right > 1:
            return text("lesson00.share_count", **said)
        if given is None or abs(given - right / 4) > 1e-6:
            return text("lesson00.share_wrong", **said)
    return None


@exercise(
    "00-c", hints=("lesson00.plan_hint_1", "lesson00.plan_hint_2"), right="lesson00.plan_right"
)
def defend_a_plan(plan: dict) -> str | None:
    """A whole plan that compares with something else; how good it is, the rubric says."""
    keys = ("first", "compare_with", "tested_on", "new_bread", "why")
    if missing := [key for key in keys if plan.get(key) in (None, ..., "")]:
        return text("lesson00.plan_missing", keys=", ".join(missing))
    if plan["first"] == plan["compare_with"]:
        return text("lesson00.plan_same")
    return None if len(str(plan["why"])) >= 20 else text("lesson00.plan_why")
