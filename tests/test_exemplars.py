"""Herding and the nearest exemplar mean of iCaRL."""

import pytest
import torch
import torch.nn.functional as F

from tlhelpers.transfer.exemplars import class_means, herd, nearest_mean


def features(seed=0, n=40, d=6):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)) + 1


def test_the_first_exemplar_is_the_row_nearest_to_the_mean():
    unit = F.normalize(features(), dim=1)
    assert herd(features(), 3)[0] == (unit - unit.mean(0)).norm(dim=1).argmin()


def test_exemplars_are_different_rows_and_follow_the_mean_better_than_chance():
    unit = F.normalize(features(), dim=1)
    chosen = herd(features(), 8)
    assert len(set(chosen.tolist())) == 8
    distance = (unit[chosen].mean(0) - unit.mean(0)).norm()
    generator = torch.Generator().manual_seed(1)
    random = [unit[torch.randperm(40, generator=generator)[:8]].mean(0) for _ in range(20)]
    missed = torch.stack([(mean - unit.mean(0)).norm() for mean in random])
    assert distance < missed.median() / 1.5


def test_all_rows_can_be_chosen_and_no_more():
    assert sorted(herd(features(), 40).tolist()) == list(range(40))
    with pytest.raises(ValueError):
        herd(features(), 41)


def test_nearest_mean_tells_separate_classes_apart():
    labels = torch.arange(40) % 2
    apart = features() + torch.where(labels == 0, 4.0, -4.0)[:, None] * torch.eye(6)[0]
    means = class_means(apart, labels, 2)
    torch.testing.assert_close(means.norm(dim=1), torch.ones(2))
    assert (nearest_mean(apart, means) == labels).float().mean() > 0.95


def test_a_class_without_an_example_is_refused():
    with pytest.raises(ValueError, match=r"\[2\]"):
        class_means(features(), torch.arange(40) % 2, 3)
