"""What the exercises of lesson 03 ask for."""

from statistics import mean

from torch import nn

from tlhelpers.course.exercises import exercise
from tlhelpers.course.results import stored
from tlhelpers.runtime.language import text

WANTED = {"layer4": 0.002, "fc": 0.02}


@exercise(
    "03-a",
    hints=("lesson03.groups_hint_1", "lesson03.groups_hint_2"),
    right="lesson03.groups_right",
)
def split_parameters(groups: list, student: nn.Module) -> str | None:
    """The head and the last stage learn, each at its own rate; all else is frozen."""
    if len(groups) != 2 or not all(
        isinstance(g, dict) and {"params", "lr"} <= set(g) for g in groups
    ):
        return text("lesson03.groups_shape")
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    for stage, wanted in WANTED.items():
        for parameter in getattr(student, stage).parameters():
            rate = rates.pop(id(parameter), None)
            if rate is None:
                return text("lesson03.groups_missing", stage=stage)
            if abs(rate - wanted) > 1e-9:
                return text("lesson03.groups_rate", stage=stage, rate=rate, wanted=wanted)
    if rates:
        return text("lesson03.groups_stranger")
    for name, parameter in student.named_parameters():
        learns = name.split(".")[0] in WANTED
        if parameter.requires_grad != learns:
            key = "lesson03.groups_closed" if learns else "lesson03.groups_frozen"
            return text(key, name=name)
    return None


@exercise(
    "03-b",
    hints=("lesson03.gentle_hint_1", "lesson03.gentle_hint_2"),
    right="lesson03.gentle_right",
)
def choose_gently(gentle: float) -> str | None:
    """The most accurate rate among those that keep 40% on the source."""
    grid = stored("03_learning_rates")
    new, old = (
        dict(zip(grid["rates"], map(mean, grid[name][-1]), strict=True))
        for name in ("accuracy", "source_accuracy")
    )
    if gentle not in new:
        return text("lesson03.gentle_unknown", rates=", ".join(f"{rate:g}" for rate in new))
    if old[gentle] < 0.4:
        return text("lesson03.gentle_forgets", rate=gentle, kept=f"{old[gentle]:.0%}")
    if new[gentle] < max(new[rate] for rate in new if old[rate] >= 0.4):
        return text("lesson03.gentle_better", rate=gentle)
    return None
