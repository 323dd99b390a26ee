"""What the exercises of lesson 01 ask for."""

from statistics import mean

from tlhelpers.course.exercises import as_number, brief_parts, exercise, open_parts
from tlhelpers.course.results import stored
from tlhelpers.runtime.language import text

STARTS = ("frozen", "fine-tune", "scratch")


@exercise(
    "01-a", hints=("lesson01.saved_hint_1", "lesson01.saved_hint_2"), right="lesson01.saved_right"
)
def count_minutes(minutes_saved: float) -> str | None:
    """Labels of ten kinds that scratch needs beyond the five of the frozen body, at a minute.

    The widget shows whole per cents, and so the answer is read from them.
    """
    curves = stored("01_birds")
    counts = curves["labels"]
    goal = round(mean(curves["probe"][counts.index(5)]), 2)
    reached = [round(mean(runs), 2) >= goal for runs in curves["scratch"]]
    needed = counts[reached.index(True)]
    saved = (needed - 5) * 10
    if minutes_saved == needed - 5:
        return text("lesson01.saved_one_kind")
    if minutes_saved == needed * 10:
        return text("lesson01.saved_not_less")
    if minutes_saved != saved:
        return text("lesson01.saved_wrong", given=minutes_saved, goal=f"{goal:.0%}")
    return None


@exercise(
    "01-b",
    hints=("lesson01.control_hint_1", "lesson01.control_hint_2"),
    right="lesson01.control_right",
)
def measure_control(gain: float) -> str | None:
    """What the pretrained weights add to the bare architecture, on fish, in points."""
    if gain < 0:
        return text("lesson01.control_sign")
    if 0 < gain <= 1:  # 0 comes of one network measured twice
        return text("lesson01.control_share", gain=f"{gain:.2f}")
    if not 10 <= gain <= 90:
        return text("lesson01.control_far", gain=f"{gain:.0f}")
    return None


@exercise(
    "01-c", hints=("lesson01.plan_hint_1", "lesson01.plan_hint_2"), right="lesson01.plan_right"
)
def defend_a_plan(plan: dict) -> str | None:
    """A whole plan without a contradiction; how good it is, the rubric says."""
    keys = ("start", "baseline", "test_labels", "stop_if", "why")
    if missing := open_parts(plan, keys):
        return text("lesson01.plan_missing", keys=", ".join(missing))
    if plan["start"] not in STARTS:
        return text("lesson01.plan_start", given=plan["start"])
    tests = as_number('"test_labels"', plan["test_labels"])
    if not tests >= 50:
        return text("lesson01.plan_tests", given=f"{tests:g}")
    if brief_parts(plan, ["why"]):
        return text("lesson01.plan_why")
    return None
