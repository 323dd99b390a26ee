"""Contrastive training has CLIP's loss, learns pairs, and refuses what cannot be learned from."""

import math

import numpy as np
import pytest
import torch

from tlhelpers.transfer.contrastive import (
    LARGEST_SCALE,
    TwoTowers,
    contrastive_loss,
    train_two_towers,
)


def pairs(count=120, attributes=6, d=16, seed=0):
    """Pictures and captions that tell of the same attributes, each in its own way."""
    generator = torch.Generator().manual_seed(seed)
    told = (torch.rand(count, attributes, generator=generator) < 0.5).float()
    mixing = torch.randn(attributes, d, generator=torch.Generator().manual_seed(99))
    return told @ mixing + 0.3 * torch.randn(count, d, generator=generator), told


def test_the_loss_is_that_of_clip_by_hand():
    # Radford et al. 2021, figure 3: cross-entropy over rows and over columns of s * u v^T, halved
    rng = np.random.default_rng(0)
    u, v, scale = rng.normal(size=(5, 3)), rng.normal(size=(5, 3)), 7.0
    logits = scale * (u / np.linalg.norm(u, axis=1)[:, None])
    logits = logits @ (v / np.linalg.norm(v, axis=1)[:, None]).T
    rows = -np.diag(logits) + np.log(np.exp(logits).sum(1))
    columns = -np.diag(logits) + np.log(np.exp(logits).sum(0))
    expected = (rows.mean() + columns.mean()) / 2
    found = contrastive_loss(torch.tensor(u), torch.tensor(v), scale)
    assert found.item() == pytest.approx(expected, abs=1e-9)


def test_a_loss_worked_by_hand():
    # two pairs at right angles, scale 1: logits [[1, 0], [0, 1]], so -log(e / (e + 1)) each way
    same = torch.eye(2)
    assert contrastive_loss(same, same, 1.0).item() == pytest.approx(math.log(1 + math.exp(-1)))
    assert contrastive_loss(same, same.flip(0), 1.0).item() == pytest.approx(math.log(1 + math.e))
    assert contrastive_loss(3 * same, same, 1.0) == contrastive_loss(same, same, 1.0)


def test_new_pictures_find_their_captions_and_shuffled_pairs_teach_nothing():
    pictures, captions = pairs()
    new, _ = pairs(seed=1)
    _, labels = pairs(seed=1)
    classes = labels.unique(dim=0)
    truth = (labels[:, None] == classes).all(2).float().argmax(1)

    def accuracy(captions):
        towers = train_two_towers(pictures, captions, dim=16, steps=80, batch_size=64, seed=0)
        return (towers(new, classes).argmax(1) == truth).double().mean().item()

    shuffled = captions[torch.randperm(len(captions), generator=torch.Generator().manual_seed(0))]
    assert accuracy(captions) > 0.6 > 0.3 > accuracy(shuffled)


def test_the_scale_is_learned_and_bounded_and_a_seed_repeats_a_run():
    pictures, captions = pairs(60)
    state = torch.get_rng_state()
    first, second = (train_two_towers(pictures, captions, steps=20, seed=3) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first(pictures, captions), second(pictures, captions))
    assert first.scale != pytest.approx(10) and not first.log_scale.requires_grad
    towers = TwoTowers(3, 2)
    towers.log_scale.data.fill_(20.0)
    assert towers.scale.item() == LARGEST_SCALE


def test_what_cannot_be_learned_from_is_refused():
    pictures, captions = pairs(10)
    for spoilt in (
        (pictures[:9], captions),
        (pictures[:1], captions[:1]),
        (pictures[:, 0], captions),
    ):
        with pytest.raises(ValueError, match="pair"):
            train_two_towers(*spoilt)
    with pytest.raises(ValueError, match="0"):
        train_two_towers(pictures, captions, temperature=0.0)
    with pytest.raises(ValueError, match=r"captions|説明文"):
        train_two_towers(pictures, torch.ones(10, 4))
    with pytest.raises(ValueError, match=r"pictures|画像"):
        train_two_towers(torch.ones(10, 4), captions)
