"""The search for settings: what it tries, how it chooses, and what it leaves on record."""

import json
from types import SimpleNamespace

import pytest

from tlhelpers.transfer.search import search


def test_every_combination_is_tried_with_every_tuning_seed():
    calls = []
    found = search(
        lambda lr, clip, seed: calls.append((lr, clip, seed)) or lr,
        {"lr": (0.1, 0.2), "clip": (1.0, None)},
        seeds=(100, 101),
    )
    assert len(calls) == 2 * 2 * 2 and {seed for *_, seed in calls} == {100, 101}
    assert found.chosen == {"lr": 0.2, "clip": 1.0}, "the first of equals"
    assert json.loads(json.dumps(found.to_dict()))["grid"] == {
        "lr": [0.1, 0.2],
        "clip": [1.0, None],
    }


def test_the_mean_over_seeds_decides_then_the_lower_loss():
    scores = {(1, 100): 0.9, (1, 101): 0.5, (2, 100): 0.7, (2, 101): 0.8}
    assert search(lambda lr, seed: scores[lr, seed], {"lr": (1, 2)}, seeds=(100, 101)).chosen == {
        "lr": 2
    }

    def level(lr):
        return SimpleNamespace(valid_acc=0.8, valid_loss=lr)

    assert search(level, {"lr": (0.3, 0.1, 0.2)}).chosen == {"lr": 0.1}


def test_a_choice_at_an_end_of_the_grid_is_said():
    def grid(peak):
        return search(lambda lr, mult: -abs(lr - peak), {"lr": (1, 2, 3), "mult": (1, 10)})

    assert grid(peak=3).at_edge == ["lr"] and grid(peak=2).at_edge == []


def test_a_run_that_broke_down_is_never_chosen():
    scores = {0.1: 0.2, 10.0: float("nan")}
    found = search(lambda lr: scores[lr], {"lr": (10.0, 0.1)})
    assert found.chosen == {"lr": 0.1}
    blind = SimpleNamespace(valid_acc=0.8, valid_loss=float("nan"))
    found = search(lambda lr: blind, {"lr": (10.0, 0.1)})
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["runs"][0]["valid_loss"] is None


def test_an_empty_grid_is_refused():
    with pytest.raises(ValueError, match="lr"):
        search(lambda lr: 0.0, {"lr": ()})
