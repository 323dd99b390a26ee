"""What the exercises of lesson 05 ask for."""

from collections.abc import Callable

import torch

from tlhelpers.course.exercises import exercise
from tlhelpers.runtime.language import text
from tlhelpers.transfer.prototypes import score_cosine


@exercise(
    "05-a",
    hints=("lesson05.cosine_hint_1", "lesson05.cosine_hint_2"),
    right="lesson05.cosine_right",
)
def classify_by_cosine(classify: Callable) -> str | None:
    """The class whose prototype has the largest cosine with the query."""
    generator = torch.Generator().manual_seed(5)
    support = torch.randn(4, 3, 16, generator=generator) + 1
    support[0] *= 5  # a long prototype, which the plain product would prefer
    query = torch.randn(50, 16, generator=generator) + 1
    answers = classify(support.clone(), query.clone())
    if tuple(answers.shape) != (50,):
        return text("lesson05.cosine_shape", shape=tuple(answers.shape), count=50)
    if not torch.equal(answers, classify(support.clone(), 100 * query)):
        return text("lesson05.cosine_length")
    if not torch.equal(answers, score_cosine(support[None], query[None])[0].argmax(1)):
        return text("lesson05.cosine_wrong")
    return None


@exercise(
    "05-b",
    hints=("lesson05.ways_hint_1", "lesson05.ways_hint_2"),
    right="lesson05.ways_right",
)
def compare_ways(drop: float) -> str | None:
    """What five more classes cost with one support picture each."""
    if abs(drop) > 1:
        return text("lesson05.ways_percent", drop=f"{drop:.1f}")
    if drop <= 0:
        return text("lesson05.ways_sign")
    if not 0.08 <= drop <= 0.18:
        return text("lesson05.ways_far", drop=f"{drop:.2f}")
    return None
