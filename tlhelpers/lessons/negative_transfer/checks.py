"""What the exercises of lesson 06 ask for."""

from collections.abc import Callable, Mapping

import torch
from torch import nn

from tlhelpers.course.exercises import brief_parts, exercise, listed, open_parts
from tlhelpers.course.results import stored
from tlhelpers.lessons.negative_transfer.widget import SCRATCH, gap_of, verdict_of
from tlhelpers.models.backbones import backbone
from tlhelpers.runtime.language import text


@exercise(
    "06-a",
    hints=("lesson06.verdicts_hint_1", "lesson06.verdicts_hint_2"),
    right="lesson06.verdicts_right",
)
def judge_the_sources(verdicts: Mapping[str, str]) -> str | None:
    """Harm, help or open, for each source on surfaces with everything trained."""
    pairs = stored("06_pairs")
    sources = [source for source in pairs["fine_tuned"] if source != SCRATCH]
    if missing := open_parts(verdicts, sources):
        return text("lesson06.verdict_missing", keys=", ".join(missing))
    for source in sources:
        verdict = verdicts[source]
        if verdict not in ("harm", "help", "open"):
            return text("lesson06.verdict_unknown", source=source, verdict=verdict)
        if verdict != verdict_of(gap_of(pairs, "fine_tuned", source, "surfaces")):
            return text("lesson06.verdict_wrong", source=source, verdict=verdict)
    return None


@exercise(
    "06-b", hints=("lesson06.renew_hint_1", "lesson06.renew_hint_2"), right="lesson06.renew_right"
)
def renew_the_first_layer(renew_first: Callable) -> str | None:
    """A copy whose conv1 and bn1 are fresh, while all the rest, and the original, stay."""
    network = backbone("zukan-paint")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    made = renew_first(network)
    if not isinstance(made, nn.Module):
        return text("lesson06.renew_kind", kind=type(made).__name__)
    if any(not torch.equal(value, before[name]) for name, value in network.state_dict().items()):
        return text("lesson06.renew_in_place")
    after = made.state_dict()
    for name, value in before.items():
        part = name.split(".")[0]
        if part != "fc" and (name not in after or after[name].shape != value.shape):
            return text("lesson06.renew_shape", part=part)
    same = {name for name in before if torch.equal(after[name], before[name])}
    if "conv1.weight" in same:
        return text("lesson06.renew_old", part="conv1")
    if {"bn1.weight", "bn1.running_mean"} & same:
        return text("lesson06.renew_old", part="bn1")
    upper = [n for n in before if n.split(".")[0] not in ("conv1", "bn1", "fc")]
    lost = [name for name in upper if name not in same]
    if lost:
        return text("lesson06.renew_too_much", part=lost[0].split(".")[0])
    if not torch.equal(after["bn1.running_var"], torch.ones_like(after["bn1.running_var"])):
        return text("lesson06.renew_memory")
    return None


@exercise(
    "06-c", hints=("lesson06.plan_hint_1", "lesson06.plan_hint_2"), right="lesson06.plan_right"
)
def defend_a_plan(plan: dict) -> str | None:
    """A whole plan without a contradiction; how good it is, the rubric says."""
    keys = ("sources", "compare_with", "chosen_on", "if_harm", "why")
    if missing := open_parts(plan, keys):
        return text("lesson06.plan_missing", keys=", ".join(missing))
    if set(listed(plan["sources"])) - {"imagenet", "dye", "sheet-metal"}:
        return text("lesson06.plan_sources")
    if not {"random probe", "scratch"} & set(listed(plan["compare_with"])):
        return text("lesson06.plan_lines")
    if plan["chosen_on"] not in ("training", "validation", "test"):
        return text("lesson06.plan_data", given=plan["chosen_on"])
    if plan["chosen_on"] != "validation":
        return text("lesson06.plan_chosen", given=plan["chosen_on"])
    if brief := brief_parts(plan, ("if_harm", "why")):
        return text("lesson06.plan_short", key=brief[0])
    return None
