"""How sure is a number? Every interval of the course, on scipy, with what each one is about.

    interval          the mean of independent runs             Student t
    interval(share)   the same for accuracies: stays in [0, 1] score interval, see below
    prediction        where the next single run will fall      t, sqrt(1 + 1/n)
    paired, welch     a difference of two methods, with and without common seeds
    share_of          the share of right answers among items   Wilson; bootstrap over groups
    paired_bootstrap  a difference over splits and items       crossed bootstrap
    spearman          how far n pairs have one order

An interval over runs says where the mean of more such runs would lie, with whatever these runs
did not change (the test pictures, the network) as it was. It is no range of single results.

Accuracies. The t interval of 0.97, 1.00, 1.00 ends above 1. An accuracy near an end varies less,
about as m (1 - m): so, as in Wilson's interval (1927), the variance is taken to be
phi m (1 - m), with phi estimated from the runs and t in place of z:

    all m with |mean - m| <= t sqrt(phi m (1 - m) / n),    phi = s^2 / (mean (1 - mean))

Simulated (61,200 samples: 3, 5 and 10 runs, means of 0.6 to 0.98, 40 and 200 test pictures, runs
that differ little and much) it held the true mean in 92 to 96% of cases, the t interval in 80 to
96%. The exception is 3 runs of 40 pictures at 0.98: 79 to 84% for both, because a fifth of such
samples show no spread at all. For them tell how many `items` stand behind each run: where all
runs are 0 or 1, Wilson's interval then counts those. (A logit scale would be infinite as soon as
one run is perfect.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tlhelpers.runtime.language import text

LEAST_SPLITS = 8  # of a crossed bootstrap: with 3 a 95% interval holds the truth in 82% of cases


@dataclass(frozen=True)
class Interval:
    """A mean with its confidence interval; `low` and `high` are nan where n is 1.

    share: of accuracies, which print as per cent.
    """

    mean: float
    low: float
    high: float
    n: int
    share: bool = field(default=False, repr=False, compare=False)

    def __str__(self) -> str:
        form = ".1%" if self.share else ".3f"
        if math.isnan(self.low):
            return format(self.mean, form)
        return f"{self.mean:{form}} [{self.low:{form}}, {self.high:{form}}]"


def interval(
    values: Iterable[float] | Tensor,
    level: float = 0.95,
    *,
    share: bool = False,
    items: int | None = None,
) -> Interval:
    """The mean of n independent runs with its confidence interval.

    share: the values are accuracies; the interval stays in [0, 1]. items: how many items stand
    behind each of them, used where all are 0 or all are 1. Otherwise mean ± t(n - 1) s / sqrt(n),
    s with n - 1 below the line. Raises ValueError where there is no value, or one that is not
    finite, or a share outside [0, 1].
    """
    values, mean, deviation = _moments(values)
    n = len(values)
    if share and not (min(values) >= 0 and max(values) <= 1):
        raise ValueError(text("result.values_no_shares", values=values[:5]))
    if share and mean in (0, 1) and items is not None:
        return Interval(mean, *_wilson(round(mean * n * items), n * items, level), n, share)
    if n == 1:
        return Interval(mean, math.nan, math.nan, 1, share)
    t = _t(n - 1, level)
    if not share:
        half = t * deviation / math.sqrt(n)
        return Interval(mean, mean - half, mean + half, n)
    if deviation == 0:
        return Interval(mean, mean, mean, n, share)
    shift = (t * deviation) ** 2 / (n * mean * (1 - mean))  # t^2 phi / n
    middle = (mean + shift / 2) / (1 + shift)
    half = math.sqrt(shift * mean * (1 - mean) + shift**2 / 4) / (1 + shift)
    return Interval(mean, max(0.0, middle - half), min(1.0, middle + half), n, share)


def prediction(values: Iterable[float] | Tensor, level: float = 0.95) -> Interval:
    """The mean, with the range in which the next single run will probably fall.

    mean ± t(n - 1) s sqrt(1 + 1/n), for runs about normal; nan where n is 1.
    """
    values, mean, deviation = _moments(values)
    n = len(values)
    if n == 1:
        return Interval(mean, math.nan, math.nan, 1)
    half = _t(n - 1, level) * deviation * math.sqrt(1 + 1 / n)
    return Interval(mean, mean - half, mean + half, n)


def paired(
    first: Sequence[float],
    second: Sequence[float],
    level: float = 0.95,
    *,
    groups: Sequence[int] | None = None,
) -> Interval:
    """The mean of first - second over runs that share seed and pictures, with its t interval.

    groups: of items that are alike inside (one voice); whole ones are drawn, as in `share_of`.
    """
    if len(first) != len(second):
        raise ValueError(text("interval.pairs", first=len(first), second=len(second)))
    differences = [float(a) - float(b) for a, b in zip(first, second, strict=True)]
    alone = interval(differences, level)
    if groups is None or not 1 < len(set(groups)) < len(differences):
        return alone
    drawn = _over_groups(torch.tensor(differences, dtype=torch.double), groups, level)
    return Interval(alone.mean, *drawn, alone.n)


def welch(first: Sequence[float], second: Sequence[float], level: float = 0.95) -> Interval:
    """The difference of two means of runs that have nothing in common (Welch, 1947).

    n is the smaller number of runs; both need two.
    """
    from scipy.stats import ttest_ind

    (a, mean_a, _), (b, mean_b, _) = _moments(first), _moments(second)
    if min(len(a), len(b)) < 2:
        raise ValueError(text("interval.two_runs", first=len(a), second=len(b)))
    ends = ttest_ind(a, b, equal_var=False).confidence_interval(level)
    return Interval(mean_a - mean_b, float(ends.low), float(ends.high), min(len(a), len(b)))


def share_of(right: Tensor, groups: Sequence[int] | None = None, level: float = 0.95) -> Interval:
    """The share of True among items (n,) with its interval.

    Wilson's score interval for independent items. Where items come in groups, which are alike
    inside, whole groups are drawn with replacement (bootstrap, 2,000 times); where all items are
    right, or none, that sees no spread, and Wilson's interval counts the groups. Of one group alone
    nothing is known of others: the interval is about items of this group.
    """
    n, share = len(right), right.double().mean().item()
    independent = n if groups is None or len(set(groups)) == 1 else len(set(groups))
    if groups is not None and independent < n and 0 < share < 1:
        return Interval(share, *_over_groups(right.double(), groups, level), n, True)
    return Interval(share, *_wilson(round(share * independent), independent, level), n, True)


def paired_bootstrap(
    first: Tensor, second: Tensor, *, draws: int = 4000, level: float = 0.95, seed: int = 0
) -> Interval:
    """The mean of first - second with its percentile interval, over splits and items.

    Another draw of labelled examples gives another accuracy, and so does another draw of test
    items: both are drawn anew, with replacement, and both methods judged on the same draw (Efron
    and Tibshirani, 1993).

        difference* = mean over drawn splits s and items i of (first[s, i] - second[s, i])

    first, second: (splits, items), 1 where the method was right; row by row the same labelled
    examples, column by column the same test item. Raises ValueError where the shapes differ, or
    there are fewer than 8 splits: so few, drawn again, hide how much splits differ.
    """
    if first.shape != second.shape or first.ndim != 2 or not first.numel():
        raise ValueError(
            text("bootstrap.shapes", first=tuple(first.shape), second=tuple(second.shape))
        )
    if len(first) < LEAST_SPLITS:
        raise ValueError(text("bootstrap.splits", splits=len(first), least=LEAST_SPLITS))
    difference = first.double() - second.double()
    splits, items = difference.shape
    generator = torch.Generator().manual_seed(seed)

    def weights(count: int) -> Tensor:
        """How often each of `count` things is drawn, in every draw; (draws, count)."""
        drawn = torch.randint(count, (draws, count), generator=generator)
        ones = torch.ones(draws, count, dtype=torch.double)
        return torch.zeros_like(ones).scatter_add_(1, drawn, ones)

    means = ((weights(splits) @ difference) * weights(items)).sum(1) / (splits * items)
    tail = (1 - level) / 2
    low, high = means.quantile(torch.tensor([tail, 1 - tail], dtype=torch.double)).tolist()
    return Interval(difference.mean().item(), low, high, splits)


def spearman(x: Tensor, y: Tensor) -> float:
    """Spearman's rank correlation of n pairs; nan where one side is constant."""
    from scipy.stats import spearmanr

    x, y = x.flatten(), y.flatten()
    if (x == x[0]).all() or (y == y[0]).all():
        return math.nan
    return float(spearmanr(x.numpy(), y.numpy()).statistic)


def _moments(values: Iterable[float] | Tensor) -> tuple[list[float], float, float]:
    """The values, their mean and their standard deviation (n - 1; 0 for one value)."""
    values = [float(value) for value in values]
    n = len(values)
    if n == 0 or not all(map(math.isfinite, values)):
        raise ValueError(text("result.values_not_finite", values=values[:5]))
    mean = math.fsum(values) / n
    squares = math.fsum((value - mean) ** 2 for value in values)
    return values, mean, math.sqrt(squares / max(n - 1, 1))


def _t(freedom: int, level: float) -> float:
    from scipy.special import stdtrit  # scipy.stats would take a second to import

    return float(stdtrit(freedom, (1 + level) / 2))


def _wilson(right: int, n: int, level: float) -> tuple[float, float]:
    from scipy.stats import binomtest

    found = binomtest(right, n).proportion_ci(level, method="wilson")
    return float(found.low), float(found.high)


def _over_groups(right: Tensor, groups: Sequence[int], level: float) -> tuple[float, float]:
    import numpy as np
    from scipy.stats import bootstrap

    _, number = torch.as_tensor(groups).unique(return_inverse=True)
    sizes = torch.bincount(number).double()
    sums = torch.zeros_like(sizes).index_add(0, number, right)
    ends = bootstrap(
        (sums.numpy(), sizes.numpy()),
        lambda s, k, axis: s.sum(axis) / k.sum(axis),
        paired=True,
        n_resamples=2000,
        batch=100,  # some at a time: thousands of groups would fill the memory
        confidence_level=level,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(ends.low), float(ends.high)
