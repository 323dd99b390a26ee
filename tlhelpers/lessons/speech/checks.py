"""What the exercises of lesson 13 ask for."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from tlhelpers.course.exercises import brief_parts, exercise, open_parts
from tlhelpers.runtime.language import text


@exercise(
    "13-a", hints=("lesson13.rate_hint_1", "lesson13.rate_hint_2"), right="lesson13.rate_right"
)
def slow_the_samples(to_8khz: Callable) -> str | None:
    """Waves at 8,000 samples a second, each the mean of its neighbours, from three rates."""
    waves = torch.arange(2.0, 98.0, 2.0).remainder(9).reshape(2, 24)  # 2, 4, 6, 8, 1, 3
    for rate in (16_000, 8000, 24_000):
        step = rate // 8000
        made = to_8khz(waves.clone(), rate)
        if not isinstance(made, Tensor):
            return text("lesson13.rate_kind", kind=type(made).__name__)
        wanted = waves.unfold(1, step, step).mean(2)
        if made.shape != wanted.shape:
            shapes = {"wanted": tuple(wanted.shape), "made": tuple(made.shape)}
            return text("lesson13.rate_shape", rate=rate, given=tuple(waves.shape), **shapes)
        made = made.to(wanted)
        if torch.allclose(made, wanted):
            continue
        if torch.equal(made, waves[:, ::step]):
            return text("lesson13.rate_picked", step=step)
        row, at = (~torch.isclose(made, wanted)).nonzero()[0].tolist()
        given = ", ".join(f"{x:g}" for x in waves[row, step * at : step * (at + 1)])
        values = {"wanted": f"{wanted[row, at]:g}", "made": f"{made[row, at]:g}"}
        return text("lesson13.rate_values", rate=rate, given=given, **values)
    return None


@exercise(
    "13-b", hints=("lesson13.split_hint_1", "lesson13.split_hint_2"), right="lesson13.split_right"
)
def split_the_voices(split_by_voice: Callable) -> str | None:
    """Rows of training and test, no voice in both, so many voices held out."""
    voices = ["ken", "emi", "ken", "bob", "emi", "ana", "bob", "ken", "ana", "lee"]
    for away in (1, 2, 3):
        parts = split_by_voice(list(voices), away)
        pair = isinstance(parts, tuple | list) and len(parts) == 2
        if not pair or not all(isinstance(part, Iterable) for part in parts):
            return text("lesson13.split_two")
        train, test = (list(part) for part in parts)
        if sorted(train + test) != list(range(len(voices))):
            return text("lesson13.split_rows", count=len(voices))
        both = {voices[row] for row in train} & {voices[row] for row in test}
        if both:
            return text("lesson13.split_both", voices=", ".join(sorted(both)))
        held = len({voices[row] for row in test})
        if held != away:
            return text("lesson13.split_away", held=held, away=away)
    return None


@exercise(
    "13-c", hints=("lesson13.plan_hint_1", "lesson13.plan_hint_2"), right="lesson13.plan_right"
)
def defend_a_plan(plan: dict) -> str | None:
    """A whole plan; how good it is, the rubric says."""
    keys = ("recordings", "network", "split", "report", "unknown", "why")
    if missing := open_parts(plan, keys):
        return text("lesson13.plan_missing", keys=", ".join(missing))
    short = brief_parts(plan, keys)
    return text("lesson13.plan_short", keys=", ".join(short)) if short else None
