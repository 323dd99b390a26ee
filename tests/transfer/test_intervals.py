"""Intervals against cases worked by hand, against scipy, and by how often they hold the truth."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from tlhelpers.transfer.intervals import (
    interval,
    paired,
    paired_bootstrap,
    prediction,
    share_of,
    spearman,
    welch,
)


def test_the_interval_is_students():
    # t(0.975, 2 degrees of freedom) = 4.302653; the standard deviation of 1, 2, 3 is 1
    found = interval([1.0, 2.0, 3.0])
    assert found.mean == 2.0 and found.n == 3
    assert found.high - found.mean == pytest.approx(4.302653 / 3**0.5, abs=1e-6)
    assert math.isnan(interval([0.5]).low)
    with pytest.raises(ValueError):
        interval([])
    with pytest.raises(ValueError):
        interval([0.5, float("nan")])


@pytest.mark.parametrize(
    "runs", [[0.97, 1.0, 1.0], [0.0, 0.01], [0.9, 1.0], [0.0, 1.0], [1.0, 1.0, 0.999, 1.0]]
)
def test_an_interval_of_accuracies_stays_between_nothing_and_all(runs):
    found = interval(runs, share=True)
    assert 0 <= found.low <= found.mean <= found.high <= 1
    plain = interval(runs)
    assert plain.low < 0 or plain.high > 1  # or the case would show nothing


def test_the_interval_of_accuracies_solves_the_score_equation():
    # runs .8, .9: mean .85, s^2 = .005, phi = .005 / (.85 * .15) = .0392157, t(1) = 12.7062
    found = interval([0.8, 0.9], share=True)
    for end in (found.low, found.high):
        spread = 12.706205 * math.sqrt(0.005 / (0.85 * 0.15) * end * (1 - end) / 2)
        assert abs(0.85 - end) == pytest.approx(spread, abs=1e-6)


def test_in_the_middle_the_two_intervals_agree():
    runs = [0.49, 0.5, 0.51, 0.5, 0.5]
    bounded, plain = interval(runs, share=True), interval(runs)
    assert bounded.low == pytest.approx(plain.low, abs=1e-4)
    assert bounded.high == pytest.approx(plain.high, abs=1e-4)


def test_runs_that_are_all_perfect_count_their_items():
    silent = interval([1.0, 1.0, 1.0], share=True)
    assert (silent.low, silent.high) == (1.0, 1.0)
    counted = interval([1.0, 1.0, 1.0], share=True, items=40)
    assert counted.high == 1.0
    assert counted.low == pytest.approx(120 / (120 + 1.959964**2), abs=1e-6)  # Wilson at n of n
    assert interval([0.0], share=True, items=40).low == 0.0


def test_accuracies_print_as_per_cent_and_differences_do_not():
    assert str(interval([0.9, 0.9], share=True)) == "90.0% [90.0%, 90.0%]"
    assert str(interval([0.875], share=True)) == "87.5%"
    assert str(interval([0.1, 0.1])) == "0.100 [0.100, 0.100]"


def test_differences_are_no_shares():
    with pytest.raises(ValueError, match="share"):
        interval([0.1, -0.1], share=True)


def test_near_the_top_the_interval_holds_the_truth_more_often_than_students():
    rng = np.random.default_rng(0)
    mean, held = 0.98, {"share": 0, "plain": 0}
    samples = rng.binomial(100, rng.beta(mean * 40, (1 - mean) * 40, (1500, 5))) / 100
    for runs in samples:
        for name, found in (("share", interval(runs, share=True)), ("plain", interval(runs))):
            held[name] += found.low <= mean <= found.high
    assert held["share"] / 1500 > 0.90 and held["plain"] / 1500 < 0.88


def test_the_next_run_lies_in_a_wider_range_than_the_mean():
    # 1, 2, 3: t s sqrt(1 + 1/3) = 4.302653 * 1.154701
    found = prediction([1.0, 2.0, 3.0])
    assert found.high - 2 == pytest.approx(4.302653 * (4 / 3) ** 0.5, abs=1e-6)
    rng = np.random.default_rng(0)
    inside = [
        found.low <= following <= found.high
        for *runs, following in rng.normal(size=(2000, 6))
        for found in [prediction(runs)]
    ]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.015)


def test_paired_runs_are_compared_run_by_run():
    first, second = [0.7, 0.8, 0.9], [0.6, 0.71, 0.79]
    found = paired(first, second)
    ends = stats.ttest_rel(first, second).confidence_interval()
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high))
    assert welch(first, second).low < 0 < found.low  # the pairs are what shows the difference
    with pytest.raises(ValueError, match="welch"):
        paired(first, second[:2])


def test_welch_by_hand():
    # means 2 and 5; variances 1 / 3 and 4 / 2; t with (1/3 + 2)^2 / ((1/3)^2 / 2 + 2^2 / 1)
    found = welch([1.0, 2.0, 3.0], [3.0, 7.0])
    variance = 1 / 3 + 8 / 2
    freedom = variance**2 / ((1 / 3) ** 2 / 2 + 4.0**2 / 1)
    half = stats.t.ppf(0.975, freedom) * variance**0.5
    assert found.mean == -3.0 and found.n == 2
    assert (found.low, found.high) == pytest.approx((-3 - half, -3 + half))
    with pytest.raises(ValueError):
        welch([1.0, 2.0], [3.0])


def test_the_share_of_right_answers_has_wilsons_interval_and_groups_a_wider_one():
    right = torch.tensor([True] * 96 + [False] * 4)
    wilson = share_of(right)
    assert (round(wilson.low, 4), round(wilson.high, 4)) == (0.9016, 0.9843)
    assert share_of(torch.ones(20, dtype=torch.bool)).high == 1.0
    right = torch.tensor([True] * 80 + [False] * 20)
    alone = share_of(right)
    grouped = share_of(right, [row // 10 for row in range(100)])
    assert grouped.high - grouped.low > 1.5 * (alone.high - alone.low)
    all_right = share_of(torch.ones(40, dtype=torch.bool), [row // 4 for row in range(40)])
    assert all_right.low == share_of(torch.ones(10, dtype=torch.bool)).low < 0.75


def test_groups_of_unequal_size_weigh_by_their_items():
    right = torch.tensor([True] * 90 + [False] * 10)
    groups = [0] * 30 + [1] * 30 + [2] * 30 + [3] * 10
    assert share_of(right, groups).mean == pytest.approx(0.9)


def test_a_crossed_bootstrap_draws_splits_and_items():
    generator = torch.Generator().manual_seed(0)
    skill = torch.rand(10, 1, generator=generator) * 0.2
    first = (torch.rand(10, 200, generator=generator) < 0.7 + skill).float()
    second = (torch.rand(10, 200, generator=generator) < 0.6).float()
    found = paired_bootstrap(first, second)
    assert found.low < (first - second).mean() < found.high and found.low > 0
    over_items = paired_bootstrap(first[:1].repeat(10, 1), second[:1].repeat(10, 1))
    standard = (first[0] - second[0]).std() / 200**0.5
    assert over_items.high - over_items.low == pytest.approx(2 * 1.96 * float(standard), rel=0.1)


def test_a_crossed_bootstrap_refuses_few_splits_and_other_shapes():
    with pytest.raises(ValueError, match="8"):
        paired_bootstrap(torch.ones(5, 20), torch.zeros(5, 20))
    with pytest.raises(ValueError):
        paired_bootstrap(torch.ones(10, 20), torch.zeros(10, 21))


def test_spearman_is_that_of_the_ranks():
    # ranks 1 2 3 4 5 against 2 1 4 3 5: 1 - 6 * (1 + 1 + 1 + 1) / (5 * 24) = 0.8
    x = torch.tensor([0.1, 0.2, 0.5, 0.7, 9.0])
    y = torch.tensor([20.0, 10.0, 40.0, 30.0, 50.0])
    assert spearman(x, y) == pytest.approx(0.8)
    assert math.isnan(spearman(x, torch.ones(5)))


def test_a_difference_over_groups_is_as_wide_as_the_groups_differ():
    first = [1.0] * 50 + [0.0] * 50  # one way is right on every item of two voices of four
    second = [0.0] * 100
    voices = [voice for voice in range(4) for _ in range(25)]
    by_item, by_voice = paired(first, second), paired(first, second, groups=voices)
    assert by_item.mean == by_voice.mean == 0.5
    assert by_voice.high - by_voice.low > 2 * (by_item.high - by_item.low)
    assert (
        paired(first, second, groups=[0] * 100)
        == by_item
        == paired(first, second, groups=list(range(100)))
    )
