"""What the exercises of lesson 12 ask for."""

from collections.abc import Callable

import torch

from tlhelpers.course.exercises import exercise
from tlhelpers.runtime.language import text


@exercise(
    "12-a",
    hints=("lesson12.pool_hint_1", "lesson12.pool_hint_2"),
    right="lesson12.pool_right",
)
def mean_of_real_tokens(pool: Callable) -> str | None:
    """The mean of the states whose mask is 1, whatever stands in the padding."""
    generator = torch.Generator().manual_seed(12)
    states = torch.randn(3, 5, 4, generator=generator)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0]])
    real = [5, 2, 3]
    wanted = torch.stack([row[:count].mean(0) for row, count in zip(states, real, strict=True)])
    found = pool(states.clone(), mask.clone())
    if tuple(found.shape) != (3, 4):
        return text("lesson12.pool_shape", shape=tuple(found.shape), wanted=(3, 4))
    filled = torch.where(mask.unsqueeze(2).bool(), states, torch.tensor(9.0))
    if not torch.allclose(found, pool(filled, mask.clone()), atol=1e-5):
        return text("lesson12.pool_padding")
    if torch.allclose(found, (states * mask.unsqueeze(2)).mean(1), atol=1e-5):
        return text("lesson12.pool_count")
    if not torch.allclose(found.float(), wanted, atol=1e-5):
        return text("lesson12.pool_wrong")
    return None


@exercise(
    "12-b",
    hints=("lesson12.influence_hint_1", "lesson12.influence_hint_2"),
    right="lesson12.influence_right",
)
def leave_one_word_out(influence: Callable) -> str | None:
    """score(all words) - score(all but one), for each place."""
    words = ["please", "refund", "the", "refund"]
    worth = {"please": -1.0, "refund": 3.0, "the": 0.5}

    def score(some: list[str]) -> float:
        return sum(worth[word] for word in some) + 0.25 * len(set(some))

    found = [float(number) for number in influence(list(words), score)]
    wanted = [score(words) - score(words[:i] + words[i + 1 :]) for i in range(len(words))]
    both_out = [score(words) - score([w for w in words if w != word]) for word in words]
    if len(found) != len(words):
        return text("lesson12.influence_length", count=len(found), wanted=len(words))
    if _close(found, [-number for number in wanted]):
        return text("lesson12.influence_sign")
    if _close(found, both_out):
        return text("lesson12.influence_repeated")
    if not _close(found, wanted):
        return text("lesson12.influence_wrong")
    return None


def _close(first: list[float], second: list[float]) -> bool:
    return all(abs(a - b) < 1e-6 for a, b in zip(first, second, strict=True))
