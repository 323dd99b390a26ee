"""What the exercises of lesson 08 ask for."""

from collections.abc import Callable
from statistics import fmean

import torch

from tlhelpers.course.exercises import brief_parts, exercise, open_parts
from tlhelpers.course.results import stored
from tlhelpers.runtime.language import text

FEW, DIM, ENOUGH = "8", 0.2, 0.9  # the short stream, a light, and an accuracy after adaptation


@exercise(
    "08-a", hints=("lesson08.pays_hint_1", "lesson08.pays_hint_2"), right="lesson08.pays_right"
)
def read_the_widget(pays_from: float, stream_needed: int) -> str | None:
    """The brightest light at which a few photos pay, and the smallest stream that is enough."""
    found = stored("08_light")
    marks = [round(100 * light) for light in found["lights"]]
    if pays_from not in marks:
        return text("lesson08.pays_unknown", lights=", ".join(map(str, marks)))
    pairs = zip(found["before"], found["adapted"][FEW], strict=True)
    means = {light: (fmean(b), fmean(a)) for light, (b, a) in zip(marks, pairs, strict=True)}
    before, after = means[pays_from]
    if after <= before:
        shares = {"before": f"{before:.0%}", "after": f"{after:.0%}"}
        return text("lesson08.pays_bright", light=pays_from, **shares)
    if pays_from != max(light for light, (before, after) in means.items() if after > before):
        return text("lesson08.pays_dark", light=pays_from)
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
    answers = torch.tensor([7, 7, 7, 2, 7, 2, 4, 4, 4, 2, 2, 7])
    rows = equal_rows(answers.clone())
    if not isinstance(rows, torch.Tensor) or rows.ndim != 1 or rows.is_floating_point():
        return text("lesson08.rows_kind")
    if rows.dtype == torch.bool:
        return text("lesson08.rows_mask")
    if not len(rows):
        return text("lesson08.rows_few", count=0)
    if rows.min() < 0 or rows.max() >= len(answers):
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
    keys = ("adapt", "pool", "labels", "alarm", "way_back")
    if missing := open_parts(plan, keys):
        return text("lesson08.plan_missing", keys=", ".join(missing))
    if short := brief_parts(plan, keys):
        return text("lesson08.plan_short", keys=", ".join(short))
    return None
