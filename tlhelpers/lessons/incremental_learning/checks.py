"""What the exercises of lesson 04 ask for."""

from collections.abc import Callable

import torch
from torch import nn

from tlhelpers.course.exercises import exercise
from tlhelpers.runtime.language import text
from tlhelpers.transfer import forgetting as metrics


@exercise(
    "04-a", hints=("lesson04.grow_hint_1", "lesson04.grow_hint_2"), right="lesson04.grow_right"
)
def grow_layer(grow: Callable) -> str | None:
    """A larger linear layer that answers as before for the old classes."""
    old = nn.Linear(6, 3)
    grown = grow(old, 7)
    if not isinstance(grown, nn.Linear) or grown.out_features != 7:
        return text("lesson04.grow_size")
    inputs = torch.randn(4, 6)
    with torch.no_grad():
        if not torch.allclose(grown.weight[:3], old.weight):
            return text("lesson04.grow_weight")
        if not torch.allclose(grown(inputs)[:, :3], old(inputs), atol=1e-6):
            return text("lesson04.grow_bias")
    return None


@exercise(
    "04-b", hints=("lesson04.lost_hint_1", "lesson04.lost_hint_2"), right="lesson04.lost_right"
)
def measure_forgetting(lost: Callable) -> str | None:
    """Forgetting by the first definition: the best it ever was, minus the last."""
    nan = float("nan")
    rising = torch.tensor([[0.6, nan, nan], [0.9, 0.8, nan], [0.5, 0.7, 1.0]])
    answer = float(lost(rising))
    if abs(answer - metrics.first_minus_last(rising)) < 1e-4:
        return text("lesson04.lost_other")
    if abs(answer - metrics.forgetting(rising)) > 1e-4:
        return text("lesson04.lost_wrong", lost=f"{answer:.3f}")
    return None
