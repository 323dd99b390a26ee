"""What the exercises of lesson 05 ask for."""

from collections.abc import Callable, Mapping

import torch
from torch.nn import functional as F

from tlhelpers.course.exercises import as_number, brief_parts, exercise, open_parts
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
        drop = as_number(f"drops[{shots}]", drops[shots])
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
def mend_the_door(choose_threshold: Callable) -> str | None:
    """The largest cosine of each stranger, and the value above which only `let_in` of them lie."""
    generator = torch.Generator().manual_seed(5)
    kinds = torch.randn(3, 16, generator=generator)  # two of each: entries are not independent
    entries = torch.cat([kinds, kinds]) * torch.arange(1, 7)[:, None]
    strangers = torch.randn(400, 16, generator=generator)
    similarity = F.normalize(strangers, dim=1) @ F.normalize(entries, dim=1).T

    def choose(scale: float = 1.0, let_in: float = 0.05) -> float:
        found = choose_threshold(scale * strangers, scale * entries, let_in)
        return as_number("choose_threshold(...)", found)

    def passing(values: torch.Tensor) -> float:
        return (values >= choose()).float().mean().item()

    if abs(choose(100.0) - choose()) > 1e-4:
        return text("lesson05.door_length")
    if choose(let_in=0.5) >= choose():
        return text("lesson05.door_direction")
    if abs(passing(similarity) - 0.05) < 0.004:
        return text("lesson05.door_each", share=f"{passing(similarity.amax(1)):.0%}")
    if abs(passing(similarity.amax(1)) - 0.05) > 0.004:
        return text("lesson05.door_share", share=f"{passing(similarity.amax(1)):.1%}")
    return None


@exercise(
    "05-c", hints=("lesson05.plan_hint_1", "lesson05.plan_hint_2"), right="lesson05.plan_right"
)
def defend_a_plan(plan: dict) -> str | None:
    """A whole plan without a contradiction; how good it is, the rubric says."""
    keys = ("pictures", "threshold_from", "if_unknown", "tested_on", "why")
    if missing := open_parts(plan, keys):
        return text("lesson05.plan_missing", keys=", ".join(missing))
    if not as_number('"pictures"', plan["pictures"]) >= 1:
        return text("lesson05.plan_number", key="pictures", given=plan["pictures"])
    if plan["threshold_from"] == plan["tested_on"]:
        return text("lesson05.plan_known")
    return text("lesson05.plan_why") if brief_parts(plan, ["why"]) else None
