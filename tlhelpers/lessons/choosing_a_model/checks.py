"""What the exercises of lesson 07 ask for."""

from collections.abc import Callable

from tlhelpers.course.exercises import as_number, brief_parts, exercise, open_parts
from tlhelpers.course.results import stored
from tlhelpers.lessons.choosing_a_model.regret import truths
from tlhelpers.lessons.choosing_a_model.widget import limits
from tlhelpers.runtime.language import text

TWENTY = 1  # the place of 20 labels a class in 07_choice


def left_over() -> list[str]:
    """The networks that the widget leaves at its smallest limit on the file."""
    costs = stored("07_cost")["zukan"]
    limit = min(limits(costs, "mb"))
    return [name for name, one in costs.items() if one["mb"] <= limit]


def best_small(target: str) -> str:
    """The best of these on a target with 20 labels a class."""
    truth = truths(stored("07_choice"), target, TWENTY)
    return max(left_over(), key=truth.__getitem__)


def lost_by_size(target: str) -> float:
    """Points by which the best of these is below the best of all."""
    truth = truths(stored("07_choice"), target, TWENTY)
    return 100 * (max(truth.values()) - truth[best_small(target)])


@exercise(
    "07-a", hints=("lesson07.read_hint_1", "lesson07.read_hint_2"), right="lesson07.read_right"
)
def read_the_widget(small_aerial: str, small_birds: str, lost: float) -> str | None:
    """Which small network is best on two jobs, and what its size costs on one."""
    known = list(stored("07_choice")["targets"]["birds"])
    for target, named in (("land_use", small_aerial), ("birds", small_birds)):
        job = text(f"widget07.{target}")
        if named not in known:
            return text("lesson07.read_unknown", name=named, known=", ".join(known))
        if named not in left_over():
            return text("lesson07.read_over", name=named)
        if named != best_small(target):
            return text("lesson07.read_wrong", job=job, name=named)
    if not isinstance(lost, (int, float)) or not abs(lost - lost_by_size("birds")) <= 1:
        return text("lesson07.read_lost", lost=lost)
    return None


@exercise(
    "07-b",
    hints=("lesson07.regret_hint_1", "lesson07.regret_hint_2"),
    right="lesson07.regret_right",
)
def lose_by_a_score(regret: Callable) -> str | None:
    """Points between the best network and the one that the score puts first."""

    def points(**scores: float) -> float:  # the two dictionaries are not in the same order
        return as_number("regret(...)", regret(scores, {"b": 0.75, "a": 0.8, "c": 0.6}))

    given = points(c=-2.0, b=-0.5, a=-3.0)
    if abs(given - 0.05) < 1e-4:
        return text("lesson07.regret_fraction")
    if abs(given + 5) < 1e-4:
        return text("lesson07.regret_sign")
    if abs(given - 20) < 1e-4:
        return text("lesson07.regret_lowest")
    if not abs(given - 5) <= 1e-4:
        return text("lesson07.regret_wrong", given=f"{given:.2f}")
    none = points(c=0.1, b=0.5, a=0.9)
    return None if abs(none) < 1e-4 else text("lesson07.regret_none", given=f"{none:.2f}")


@exercise(
    "07-c", hints=("lesson07.plan_hint_1", "lesson07.plan_hint_2"), right="lesson07.plan_right"
)
def defend_a_plan(plan: dict) -> str | None:
    """A whole plan; how good it is, the rubric says."""
    keys = ("shortlist", "labels", "judge", "checks", "why")
    if missing := open_parts(plan, keys):
        return text("lesson07.plan_missing", keys=", ".join(missing))
    if short := brief_parts(plan, keys):
        return text("lesson07.plan_short", keys=", ".join(short))
    return None
