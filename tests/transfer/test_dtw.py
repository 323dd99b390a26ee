"""Dynamic time warping: the recursion by hand, and speed that does not matter."""

import math

import pytest
import torch

from tlhelpers.data.task import Split, Task
from tlhelpers.transfer.dtw import dtw_accuracy, dtw_distances, mfcc


def by_hand(one, other):
    """The recursion, cell by cell."""
    table = {(-1, -1): 0.0}
    for i in range(len(one)):
        for j in range(len(other)):
            before = [(i - 1, j - 1), (i - 1, j), (i, j - 1)]
            table[i, j] = abs(one[i] - other[j]) + min(table.get(at, math.inf) for at in before)
    return table[len(one) - 1, len(other) - 1] / (len(one) + len(other))


def test_distances_are_the_recursion():
    generator = torch.Generator().manual_seed(0)
    sounds = torch.randn(2, 1, 7, generator=generator)
    templates = torch.randn(3, 1, 5, generator=generator)
    found = dtw_distances(sounds, templates)
    for i in range(2):
        for j in range(3):
            wanted = by_hand(sounds[i, 0].tolist(), templates[j, 0].tolist())
            assert found[i, j].item() == pytest.approx(wanted, rel=1e-4)


def test_the_same_word_said_slowly_is_near():
    word = torch.tensor([[0.0, 1, 3, 2, 0]])
    slow, other = word.repeat_interleave(2, 1), torch.tensor([[0.0, 2, 0, 3, 0]])
    distances = dtw_distances(slow[None], torch.stack([word, other]))
    assert distances[0, 0] == pytest.approx(0, abs=1e-6) and distances[0, 1] > 0.05


def test_mfcc_forget_loudness_and_line():
    pictures = torch.randn(2, 40, 30, generator=torch.Generator().manual_seed(0))
    line = torch.linspace(-2, 2, 40)[:, None]
    assert mfcc(pictures).shape == (2, 13, 30)
    assert torch.allclose(mfcc(pictures + 5 + line), mfcc(pictures), atol=1e-4)


def test_accuracy_counts_one_reading_of_the_test():
    labels = torch.arange(4)
    split = Split(torch.zeros(4, 10), labels)
    names = {"en": list("abcd"), "ja": list("abcd")}
    task = Task("t", split, split, split, names, kind="sound")
    pictures = torch.randn(4, 40, 20, generator=torch.Generator().manual_seed(0))
    assert dtw_accuracy(task, pictures, pictures) == 1
    assert task.test_reads == 1
