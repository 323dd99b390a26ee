"""What the exercises of lesson 08 ask for."""

from collections.abc import Callable
from statistics import fmean

import torch

from tlhelpers.course.exercises import exercise
from tlhelpers.course.results import stored
from tlhelpers.runtime.language import text

WANTED, DIM, ENOUGH = 0.8, 0.2, 0.9  # accuracy without, the light, accuracy with adaptation


@exercise(
    "08-a", hints=("lesson08.light_hint_1", "lesson08.light_hint_2"), right="lesson08.light_right"
)
def read_the_widget(light_failing: float, stream_needed: int) -> str | None:
    """The first light at which the network fails, and the smallest stream that mends it."""
    found = stored("08_light")
    without = {
        round(100 * light): fmean(runs)
        for light, runs in zip(found["lights"], found["before"], strict=True)
    }
    if light_failing not in without:
        return text("lesson08.light_unknown", lights=", ".join(map(str, without)))
    if without[light_failing] >= WANTED:
        return text("lesson08.light_bright", light=light_failing)
    if light_failing != max(light for light, mean in without.items() if mean < WANTED):
        return text("lesson08.light_dark", light=light_failing)
    at = found["lights"].index(DIM)
    adapted = {int(count): fmean(runs[at]) for count, runs in found["adapted"].items()}
    if stream_needed not in adapted:
        return text("lesson08.stream_unknown", streams=", ".join(map(str, adapted)))
    if adapted[stream_needed] < ENOUGH:
        return text("lesson08.stream_short", stream=stream_needed)
    if stream_needed != min(count for count, mean in adapted.items() if mean >= ENOUGH):
        return text("lesson08.stream_long", stream=stream_needed)
    return None


@exercise(
    "08-b", hints=("lesson08.rows_hint_1", "lesson08.rows_hint_2"), right="lesson08.rows_right"
)
def make_shares_equal(equal_rows: Callable) -> str | None:
    """Rows of which each answer that occurs has as many as the rarest."""
    answers = torch.tensor([7, 7, 7, 2, 7, 2, 4, 4, 4, 4, 2, 7])
    rows = equal_rows(answers.clone())
    if not isinstance(rows, torch.Tensor) or rows.ndim != 1 or rows.is_floating_point():
        return text("lesson08.rows_kind")
    if rows.dtype == torch.bool:
        return text("lesson08.rows_mask")
    if not len(rows) or rows.min() < 0 or rows.max() >= len(answers):
        return text("lesson08.rows_outside", last=len(answers) - 1)
    given, counts = answers[rows].unique(return_counts=True)
    if len(given) < 3:
        return text("lesson08.rows_missing", answers=", ".join(map(str, given.tolist())))
    if counts.min() != counts.max():
        return text("lesson08.rows_unequal", counts=", ".join(map(str, counts.tolist())))
    if len(rows.unique()) < len(rows):
        return text("lesson08.rows_repeated")
    if counts[0] != 3:
        return text("lesson08.rows_few", count=counts[0].item())
    example = equal_rows(torch.tensor([7, 7, 7, 2]))
    return None if len(example) == 2 and 3 in example else text("lesson08.rows_example")


@exercise(
    "08-c", hints=("lesson08.plan_hint_1", "lesson08.plan_hint_2"), right="lesson08.plan_right"
)
def defend_a_plan(plan: dict) -> str | None:
    """A whole plan; how good it is, the rubric says."""
    keys = ("adapt", "pool", "labels", "alarm", "why")
    missing = [key for key in keys if plan.get(key) in (None, ...)]
    if missing:
        return text("lesson08.plan_missing", keys=", ".join(missing))
    short = [key for key in keys[1:] if len(str(plan[key])) < 15]
    if short:
        return text("lesson08.plan_short", keys=", ".join(short))
    return None
