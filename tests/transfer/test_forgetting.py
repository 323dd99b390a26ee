"""The four numbers of continual learning, against values worked out by hand."""

import pytest
import torch

from tlhelpers.transfer.forgetting import (
    average_accuracy,
    backward_transfer,
    first_minus_last,
    forgetting,
    forward_transfer,
)

NAN = float("nan")
R = torch.tensor([[0.9, 0.3, 0.2], [0.95, 0.8, 0.4], [0.6, 0.9, 0.7]])


def test_average_accuracy_is_the_mean_of_the_last_row():
    assert average_accuracy(R) == pytest.approx((0.6 + 0.9 + 0.7) / 3)


def test_backward_transfer_compares_the_last_row_with_the_diagonal():
    assert backward_transfer(R) == pytest.approx(((0.6 - 0.9) + (0.9 - 0.8)) / 2)
    assert first_minus_last(R) == -backward_transfer(R)


def test_forgetting_starts_from_the_best_earlier_step_and_never_rewards_a_gain():
    # group 0: best before the last step 0.95, now 0.6; group 1: 0.8, now 0.9, counted as 0
    assert forgetting(R) == pytest.approx((0.35 + 0.0) / 2)


def test_the_two_definitions_of_forgetting_differ_where_a_step_helped_first():
    assert forgetting(R) != pytest.approx(first_minus_last(R))


def test_forward_transfer_reads_the_entries_just_above_the_diagonal():
    untrained = torch.tensor([0.5, 0.25, 0.25])
    expected = ((0.3 - 0.25) + (0.4 - 0.25)) / 2
    assert forward_transfer(R, untrained) == pytest.approx(expected, abs=1e-6)


def test_gaps_above_the_diagonal_are_allowed_and_below_it_refused():
    upper = R.clone()
    upper[0, 1:] = NAN
    assert forgetting(upper) == pytest.approx(forgetting(R))
    lower = R.clone()
    lower[2, 0] = NAN
    with pytest.raises(ValueError, match="nan"):
        average_accuracy(lower)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (1, 1)])
def test_a_matrix_of_the_wrong_shape_is_refused(shape):
    with pytest.raises(ValueError):
        forgetting(torch.zeros(shape))


def test_forward_transfer_says_that_classes_were_not_met_instead_of_nan():
    grown = torch.tensor([[0.9, NAN], [0.5, 0.8]])
    assert forgetting(grown) == pytest.approx(0.4)
    with pytest.raises(ValueError, match="nan"):
        forward_transfer(grown, torch.zeros(2))
