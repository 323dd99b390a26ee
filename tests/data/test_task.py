"""Splits: what they hold, by what name they go, and which rows are drawn from them."""

import numpy as np
import pytest
import torch

from tlhelpers.data.catalog import load_task
from tlhelpers.data.digest import digest
from tlhelpers.data.task import Split, rows_of_each


def test_a_digest_tells_contents_apart_and_knows_them_again():
    contents = [
        torch.zeros(4), torch.zeros(2, 2), torch.zeros(4, dtype=torch.uint8), "zeros", ["zeros"],
        ["zer", "os"], [1, 2], [[1], 2], {"a": 1}, {"a": 2}, None, b"zeros", ("lone \ud83d", 1.5),
    ]  # fmt: skip
    assert len({digest(content) for content in contents}) == len(contents)
    assert digest("a", torch.ones(3)) == digest("a", torch.ones(3)) != digest("a", torch.ones(4))
    assert digest(torch.arange(6).view(2, 3).T) == digest(torch.tensor([[0, 3], [1, 4], [2, 5]]))


def test_a_digest_knows_every_number_of_an_array_and_what_it_cannot_name_equals_nothing():
    array = np.zeros(10_000)  # `repr` leaves the middle out
    changed = array.copy()
    changed[5_000] = 1
    assert digest(array) == digest(np.zeros(10_000)) != digest(changed)
    unnamed = object()
    assert digest(unnamed) != digest(unnamed) and digest([unnamed]) != digest([unnamed])


def test_the_fingerprint_of_a_split_follows_its_inputs_and_their_order():
    inputs, labels = torch.arange(12).view(6, 2), torch.zeros(6)
    name = Split(inputs, labels).fingerprint
    assert Split(inputs.clone(), labels + 1).fingerprint == name
    assert Split(inputs.flip(0), labels).fingerprint != name
    held = Split(inputs.clone(), labels)
    held.inputs[3, 1] += 1
    assert held.fingerprint != name


def test_a_lazy_split_goes_by_its_name_and_without_one_by_all_that_it_draws():
    drawn = []

    def draw(rows):
        drawn.extend(rows.tolist())
        return rows[:, None]

    named = Split(draw, torch.zeros(600), "numbers")
    assert named.fingerprint == Split(lambda rows: rows, torch.zeros(600), "numbers").fingerprint
    some, others = (named.subset(torch.arange(5) + start) for start in (0, 1))
    assert some.fingerprint != others.fingerprint and not drawn
    plain = Split(draw, torch.zeros(600)).fingerprint
    assert sorted(drawn) == list(range(600))
    changed = Split(lambda rows: torch.where(rows == 599, 0, rows)[:, None], torch.zeros(600))
    assert changed.fingerprint != plain


@pytest.mark.parametrize("labels", [[0.9, 1.9, 2.5], torch.eye(3), [0.0, torch.nan, 1.0]])
def test_labels_that_are_no_class_numbers_are_refused(labels):
    with pytest.raises(ValueError, match=r"shape|形"):
        Split(torch.zeros(3, 2), labels)


def test_rows_of_each_are_as_many_of_each_class_and_grow_with_the_count():
    labels = torch.tensor([2, 0, 2, 2, 0, 1, 2, 0, 2, 1])

    def rows(count):
        return rows_of_each(labels, count, torch.Generator().manual_seed(3))

    assert labels[rows(2)].tolist() == [0, 0, 1, 1, 2, 2]
    assert set(rows(1).tolist()) < set(rows(2).tolist())
    assert labels[rows(0.4)].tolist() == [0, 1, 2, 2], "at least one of each"
    assert sorted(rows(1.0).tolist()) == list(range(10))


def test_truth_values_are_no_class_numbers():
    task = load_task("birds", 2)
    with pytest.raises(ValueError, match=r"\[True, False\] cannot be chosen"):
        task.only_classes((True, False))
