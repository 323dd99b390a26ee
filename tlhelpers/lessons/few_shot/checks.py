"""What the exercises of lesson 05 ask for."""

from collections.abc import Callable, Mapping

import torch
from torch.nn import functional as F

from tlhelpers.course.exercises import exercise
from tlhelpers.runtime.language import text

DROPS = {1: (0.08, 0.18), 5: (0.03, 0.08)}  # of accuracy, from five kinds to ten, by shots


@exercise(
    "05-a", hints=("lesson05.ways_hint_1", "lesson05.ways_hint_2"), right="lesson05.ways_right"
)
def compare_ways(drops: Mapping[int, float]) -> str | None:
    """What five more kinds cost with one and with five support pictures of each."""
    if set(drops) != set(DROPS) or ... in drops.values():
        return text("lesson05.ways_keys")
    for shots, (least, most) in DROPS.items():
        drop = float(drops[shots])
        if abs(drop) > 1:
            return text("lesson05.ways_percent", shots=shots, drop=f"{drop:.1f}")
        if drop <= 0:
            return text("lesson05.ways_sign", shots=shots)
        if not least <= drop <= most:
            return text("lesson05.ways_far", shots=shots, drop=f"{drop:.2f}")
    return None


@exercise(
    "05-b", hints=("lesson05.door_hint_1", "lesson05.door_hint_2"), right="lesson05.door_right"
)
def reject_strangers(name_or_reject: Callable) -> str | None:
    """The entry with the largest cosine, and -1 where even that is below the threshold."""
    generator = torch.Generator().manual_seed(5)
    entries = torch.randn(6, 16, generator=generator) * torch.arange(1, 7)[:, None]
    query = torch.randn(60, 16, generator=generator)
    query[:20] += entries[torch.arange(20) % 6]
    answers = name_or_reject(query.clone(), entries.clone(), 0.5)
    if not isinstance(answers, torch.Tensor) or tuple(answers.shape) != (60,):
        return text("lesson05.door_shape", shape=tuple(getattr(answers, "shape", ())), count=60)
    if not (name_or_reject(-entries[:1], entries[:1], 0.5) == -1).all():
        return text("lesson05.door_never")
    if not torch.equal(name_or_reject(entries.clone(), entries.clone(), 0.9), torch.arange(6)):
        return text("lesson05.door_always")
    if not torch.equal(answers, name_or_reject(100 * query, entries.clone(), 0.5)):
        return text("lesson05.door_length")
    best, which = (F.normalize(query, dim=1) @ F.normalize(entries, dim=1).T).max(1)
    if not torch.equal(answers, torch.where(best >= 0.5, which, -1)):
        return text("lesson05.door_wrong")
    return None


@exercise(
    "05-c", hints=("lesson05.plan_hint_1", "lesson05.plan_hint_2"), right="lesson05.plan_right"
)
def defend_a_plan(plan: dict) -> str | None:
    """A whole plan without a contradiction; how good it is, the rubric says."""
    keys = ("pictures", "threshold_from", "if_unknown", "tested_on", "why")
    if missing := [key for key in keys if plan.get(key) in (None, ..., "")]:
        return text("lesson05.plan_missing", keys=", ".join(missing))
    if not isinstance(plan["pictures"], int) or plan["pictures"] < 1:
        return text("lesson05.plan_number", key="pictures", given=plan["pictures"])
    if plan["threshold_from"] == plan["tested_on"]:
        return text("lesson05.plan_known")
    return None if len(str(plan["why"])) >= 20 else text("lesson05.plan_why")
