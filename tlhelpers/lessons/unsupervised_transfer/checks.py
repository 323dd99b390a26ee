"""What the exercises of lesson 10 ask for."""

from collections.abc import Callable
from statistics import fmean

import torch

from tlhelpers.course.exercises import as_number, brief_parts, exercise, open_parts
from tlhelpers.course.results import stored
from tlhelpers.runtime.language import text

PLAN = ("known", "score", "threshold", "check", "why")


@exercise("10-a", hints=("lesson10.k_hint_1", "lesson10.k_hint_2"), right="lesson10.k_right")
def read_the_widget(k_by_rule: int, k_by_names: int) -> str | None:
    """The k that the silhouette picks for birds, and the one that fits their names best."""
    found = stored("10_heaps")
    runs = found["birds"]["pretrained"]
    means = {name: [fmean(values) for values in runs[name]] for name in ("silhouette", "ari")}
    for name, k in (("silhouette", k_by_rule), ("ari", k_by_names)):
        if k not in found["ks"]:
            return text("lesson10.k_unknown", k=k)
        values = means[name]
        if round(values[found["ks"].index(k)], 2) < round(max(values), 2):
            return text(f"lesson10.k_{name}", k=k)
    return None


@exercise(
    "10-b",
    hints=("lesson10.quiet_hint_1", "lesson10.quiet_hint_2"),
    right="lesson10.quiet_right",
)
def set_a_threshold(quiet_threshold: Callable) -> str | None:
    """The score above which so large a share of sound parts lies."""
    scores = torch.tensor([4.0, 1.0, 3.0, 9.0, 2.0, 7.0, 5.0, 8.0, 6.0, 10.0])
    value = as_number("quiet_threshold(scores, 0.2)", quiet_threshold(scores.clone(), 0.2))
    above = int((scores > value).sum())
    if value == 0.2:
        return text("lesson10.quiet_share")
    if above == 8:
        return text("lesson10.quiet_wrong_end")
    if above > 2:
        return text("lesson10.quiet_many", above=above, value=f"{value:g}")
    if above < 1:
        return text("lesson10.quiet_none", value=f"{value:g}")
    if above < 2:
        return text("lesson10.quiet_one", value=f"{value:g}")
    calm = torch.rand(400, generator=torch.Generator().manual_seed(0)) ** 4  # no even spread
    share = (calm > float(quiet_threshold(calm.clone(), 0.05))).double().mean().item()
    if not 0.03 <= share <= 0.051:
        return text("lesson10.quiet_other", share=f"{share:.0%}")
    return None


@exercise(
    "10-c", hints=("lesson10.plan_hint_1", "lesson10.plan_hint_2"), right="lesson10.plan_right"
)
def defend_a_plan(plan: dict) -> str | None:
    """A whole plan; how good it is, the rubric says."""
    if missing := open_parts(plan, PLAN):
        return text("lesson10.plan_missing", keys=", ".join(missing))
    if short := brief_parts(plan, PLAN):
        return text("lesson10.plan_short", keys=", ".join(short))
    return None
