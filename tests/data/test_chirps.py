"""Sounds as pictures: each depends on its key alone, and lies where its kind says."""

import torch

from tlhelpers.data.catalog import load_task
from tlhelpers.data.sounds.chirps import BURST, FALLING, RATE, RISING, play, spectrogram
from tlhelpers.data.zukan import keys_of


def test_a_sound_does_not_depend_on_its_batch():
    small = load_task("sounds", per_class=2, valid_per_class=1, test_per_class=1)
    large = load_task("sounds", per_class=30, valid_per_class=1, test_per_class=1)
    chosen = load_task("sounds", 2, valid_per_class=1, test_per_class=1, classes=[5, 1])
    assert torch.equal(small.train.inputs, large.train.inputs[:12])
    assert torch.equal(chosen.train.inputs[0], small.train.inputs[5])
    assert chosen.classes["en"] == ["noise burst", "falling"]


def test_splits_and_seeds_share_no_sound():
    one, two = (
        load_task("sounds", 5, seed, valid_per_class=5, test_per_class=5) for seed in (0, 1)
    )
    parts = (one.train, two.train, one.valid, one.test)
    pictures = {picture.numpy().tobytes() for part in parts for picture in part.inputs}
    assert len(pictures) == 4 * 30
    assert torch.equal(one.test.inputs, two.test.inputs)
    assert one.fingerprint != two.fingerprint


def test_rising_rises_falling_falls_and_a_burst_has_no_pitch():
    count = 40
    labels = torch.tensor([RISING, FALLING, BURST]).repeat_interleave(count)
    keys = keys_of("sounds", labels, torch.arange(len(labels)))
    sounds = play(keys, labels)
    assert sounds.shape == (3 * count, RATE)
    pictures = spectrogram(sounds)[:, 0]
    assert pictures.shape == (3 * count, 64, 64) and 0 <= pictures.min() <= pictures.max() <= 1
    height = 63 - pictures.argmax(1).double()  # the loudest pitch at each moment
    rise = (height[:, 36:44].median(1).values - height[:, 20:28].median(1).values).view(3, count)
    assert rise[0].median() > 0 > rise[1].median()
    peak = pictures.amax((1, 2)) - pictures.mean((1, 2))
    assert peak.view(3, count).mean(1).argmin() == 2
