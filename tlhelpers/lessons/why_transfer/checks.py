"""What the exercises of lesson 01 ask for."""

from statistics import mean

from tlhelpers.course.exercises import exercise
from tlhelpers.course.results import stored
from tlhelpers.runtime.language import text


@exercise(
    "01-a",
    hints=("lesson01.needed_hint_1", "lesson01.needed_hint_2"),
    right="lesson01.needed_right",
)
def count_labels(needed: int) -> str | None:
    """The first number of labels at which scratch reaches fine-tuning with five."""
    curves = stored("01_birds")
    goal = mean(curves["fine_tune"][curves["labels"].index(5)])
    enough = [
        count
        for count, runs in zip(curves["labels"], curves["scratch"], strict=True)
        if mean(runs) >= goal
    ]
    if needed not in curves["labels"]:
        return text("lesson01.needed_not_measured", counts=", ".join(map(str, curves["labels"])))
    if needed != enough[0]:
        return text("lesson01.needed_wrong", needed=needed, goal=f"{goal:.0%}")
    return None


@exercise(
    "01-b",
    hints=("lesson01.control_hint_1", "lesson01.control_hint_2"),
    right="lesson01.control_right",
)
def measure_control(gain: float) -> str | None:
    """What the pretrained weights add to the bare architecture, on fish."""
    if gain > 1:
        return text("lesson01.control_percent", gain=gain)
    if gain < 0:
        return text("lesson01.control_sign")
    if not 0.1 <= gain <= 0.9:
        return text("lesson01.control_far", gain=f"{gain:.2f}")
    return None
