"""What the exercises of lesson 03 ask for."""

from collections.abc import Callable
from statistics import mean

import torch

from tlhelpers.course.exercises import brief_parts, exercise, listed, open_parts
from tlhelpers.course.results import stored
from tlhelpers.runtime.language import text

DIMMEST, BRIGHTEST = 0.4, 1.2  # of `relight`
ALIKE = 0.01  # accuracies that differ by less look equal in the widget


@exercise(
    "03-a", hints=("lesson03.rates_hint_1", "lesson03.rates_hint_2"), right="lesson03.rates_right"
)
def read_the_rates(best_rate: float, breaking_rate: float) -> str | None:
    """The gentlest of the best rates without clipping, and the lowest worse than frozen."""
    grid = stored("03_rates")
    free = {
        rate: mean(runs["accuracy"]) for rate, runs in zip(grid["rates"], grid["free"], strict=True)
    }
    for rate in (best_rate, breaking_rate):
        if rate not in free:
            return text("lesson03.rates_unknown", rates=", ".join(f"{known:g}" for known in free))
    if free[best_rate] < max(free.values()) - ALIKE:
        return text("lesson03.rates_better", rate=best_rate, accuracy=f"{free[best_rate]:.0%}")
    if best_rate != min(rate for rate in free if free[rate] >= max(free.values()) - ALIKE):
        return text("lesson03.rates_gentler", rate=best_rate)
    frozen = mean(grid["frozen"]["accuracy"])
    broken = [rate for rate, accuracy in free.items() if accuracy < frozen and rate > best_rate]
    if free[breaking_rate] >= frozen:
        return text("lesson03.rates_whole", rate=breaking_rate, frozen=f"{frozen:.0%}")
    return None if breaking_rate == min(broken) else text("lesson03.rates_lower")


@exercise(
    "03-b",
    hints=("lesson03.relight_hint_1", "lesson03.relight_hint_2"),
    right="lesson03.relight_right",
)
def write_an_augmentation(relight: Callable) -> str | None:
    """Another brightness for each picture, the same all over it, and different every time."""
    images = torch.full((64, 3, 8, 8), 100, dtype=torch.uint8)
    images[:, :, :4] = 250  # the upper half would overflow
    before = images.clone()
    changed, again = relight(images), relight(images)
    if not isinstance(changed, torch.Tensor) or changed.shape != images.shape:
        return text("lesson03.relight_shape")
    if changed.dtype != torch.uint8:
        return text("lesson03.relight_kind", kind=str(changed.dtype).removeprefix("torch."))
    if not torch.equal(images, before):
        return text("lesson03.relight_in_place")
    factor = changed[:, :, 4:].float() / 100
    if factor.flatten(1).std(1).max() > 0.01:
        return text("lesson03.relight_uneven")
    one_each = factor[:, 0, 0, 0]
    if one_each.std() < 0.02:
        return text("lesson03.relight_same")
    if torch.equal(changed, again):
        return text("lesson03.relight_fixed")
    if (changed[one_each > 1.05, :, :4] < 255).any():
        return text("lesson03.relight_overflow")
    inside = (one_each > DIMMEST - 0.02) & (one_each < BRIGHTEST + 0.02)
    if not inside.all() or one_each.min() > 0.6 or one_each.max() < 1.0:
        return text("lesson03.relight_range", low=one_each.min(), high=one_each.max())
    return None


@exercise(
    "03-c", hints=("lesson03.plan_hint_1", "lesson03.plan_hint_2"), right="lesson03.plan_right"
)
def defend_a_plan(plan: dict) -> str | None:
    """A whole plan without a contradiction; how good it is, the rubric says."""
    keys = ("now", "trained_on", "augment", "tested_on", "later", "why")
    if missing := open_parts(plan, keys):
        return text("lesson03.plan_missing", keys=", ".join(missing))
    if plan["now"] not in ("frozen", "fine-tune"):
        return text("lesson03.plan_way", given=plan["now"])
    if 1 not in _factories(plan["trained_on"]):
        return text("lesson03.plan_trained")
    if not {1, 2} <= _factories(plan["tested_on"]):
        return text("lesson03.plan_tested")
    if isinstance(plan["augment"], str) or not plan["augment"]:
        return text("lesson03.plan_augment")
    if brief_parts(plan, ["why"]):
        return text("lesson03.plan_why")
    return None


def _factories(answer: object) -> set:
    """The factories of an answer: numbers, also where they are written as text."""
    return {int(one) if str(one).isdigit() else one for one in listed(answer)}
