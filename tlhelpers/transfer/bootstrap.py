"""Is one method better than another on the same test items? A paired bootstrap says how sure.

Efron and Tibshirani, "An Introduction to the Bootstrap", 1993; Dror et al., "The Hitchhiker's
Guide to Testing Statistical Significance in NLP", 2018. Another draw of labelled examples gives
another accuracy, and so does another draw of test items: both are drawn anew, with replacement,
and both methods are judged on the same draw.

    difference* = mean over drawn splits s and drawn items i of (first[s, i] - second[s, i])
"""

from __future__ import annotations

import torch
from torch import Tensor

from tlhelpers.runtime.language import text
from tlhelpers.transfer.results import Interval


def paired_bootstrap(
    first: Tensor, second: Tensor, *, draws: int = 4000, level: float = 0.95, seed: int = 0
) -> Interval:
    """The mean of first - second with its percentile interval.

    first, second: (splits, items), 1 where the method was right; row by row the same labelled
    examples, column by column the same test item. Raises ValueError where the shapes differ.
    """
    if first.shape != second.shape or first.ndim != 2 or not first.numel():
        raise ValueError(
            text("bootstrap.shapes", first=tuple(first.shape), second=tuple(second.shape))
        )
    difference = first.double() - second.double()
    splits, items = difference.shape
    generator = torch.Generator().manual_seed(seed)

    def weights(count: int) -> Tensor:
        """How often each of `count` things is drawn, in every draw; (draws, count)."""
        drawn = torch.randint(count, (draws, count), generator=generator)
        return torch.zeros(draws, count, dtype=torch.double).scatter_add_(
            1, drawn, torch.ones(draws, count, dtype=torch.double)
        )

    means = ((weights(splits) @ difference) * weights(items)).sum(1) / (splits * items)
    tail = (1 - level) / 2
    low, high = means.quantile(torch.tensor([tail, 1 - tail], dtype=torch.double)).tolist()
    return Interval(difference.mean().item(), low, high, splits)
