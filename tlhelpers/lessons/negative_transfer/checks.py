"""What the exercises of lesson 06 ask for."""

from collections.abc import Callable
from numbers import Real

import torch

from tlhelpers.course.exercises import exercise
from tlhelpers.course.results import stored
from tlhelpers.runtime.language import text
from tlhelpers.transfer.intervals import Interval, interval


@exercise("06-a", hints=("lesson06.gap_hint_1", "lesson06.gap_hint_2"), right="lesson06.gap_right")
def judge_gap(gap: object, verdict: str) -> str | None:
    """The gap of zukan-texture on surfaces, paired by seed, and what follows from it."""
    if not isinstance(gap, Interval):
        return text("lesson06.gap_kind")
    pairs = stored("06_pairs")
    source, target = pairs["sources"].index("zukan-texture"), pairs["targets"].index("surfaces")
    runs = zip(pairs["scratch"][target], pairs["fine_tuned"][source][target], strict=True)
    wanted = interval([scratch - tuned for scratch, tuned in runs])
    if abs(gap.mean) > 1:
        return text("lesson06.gap_percent", gap=f"{gap.mean:.1f}")
    if abs(gap.mean + wanted.mean) < 1e-6:
        return text("lesson06.gap_sign")
    if abs(gap.mean - wanted.mean) > 1e-6:
        return text("lesson06.gap_wrong", mean=gap.mean)
    if abs(gap.low - wanted.low) > 1e-6:
        return text("lesson06.gap_unpaired")
    right = "harm" if wanted.low > 0 else "help" if wanted.high < 0 else "open"
    if verdict not in ("harm", "help", "open"):
        return text("lesson06.verdict_unknown", verdict=verdict)
    return None if verdict == right else text("lesson06.verdict_wrong", verdict=verdict)


@exercise(
    "06-b",
    hints=("lesson06.distance_hint_1", "lesson06.distance_hint_2"),
    right="lesson06.distance_right",
)
def measure_distance(a_distance: Callable) -> str | None:
    """2 (1 - 2 err), with the error of both domains counting alike."""
    domain = torch.arange(2).repeat_interleave(50)
    uneven = torch.tensor([0] * 90 + [1] * 10)
    cases = (
        ("lesson06.distance_perfect", domain, domain, 2.0),
        ("lesson06.distance_chance", torch.arange(100) % 2, domain, 0.0),
        ("lesson06.distance_balance", torch.zeros_like(uneven), uneven, 0.0),
    )
    for sentence, told, truth, wanted in cases:
        found = a_distance(told.clone(), truth.clone())
        if isinstance(found, torch.Tensor) and found.numel() == 1:
            found = found.item()
        if not isinstance(found, Real):
            return text("lesson06.distance_number", kind=type(found).__name__)
        if abs(found - wanted) > 1e-4:
            return text(sentence, found=found)
    return None
