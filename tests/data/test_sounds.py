"""From waves to log-mels: the formula by hand, and what must not change the picture."""

import math

import numpy as np
import pytest
import torch

from tlhelpers.data.sounds.frontend import LogMel, log_mel, mel_filters


def tone(frequency, rate, seconds=0.5):
    time = torch.arange(int(seconds * rate), dtype=torch.double) / rate
    return (0.5 * torch.sin(2 * math.pi * frequency * time)).float()[None]


def test_one_frame_is_the_formula():
    wave = torch.randn(1, 2000, generator=torch.Generator().manual_seed(0)).double()
    found = log_mel(wave, 8000, 7, lowest=100, highest=3000)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(256) / 256)
    start = 10 * 80 - 128  # the tenth frame, centred
    power = np.abs(np.fft.rfft(wave[0, start : start + 256].numpy() * window)) ** 2
    mel = np.linspace(2595 * math.log10(1 + 100 / 700), 2595 * math.log10(1 + 3000 / 700), 9)
    edges = 700 * (10 ** (mel / 2595) - 1)
    frequencies = np.arange(129) * 8000 / 256
    for band in range(7):
        weights = np.interp(frequencies, edges[band : band + 3], [0, 1, 0])
        wanted = math.log(weights @ power + 1e-6)
        assert found[0, band, 10].item() == pytest.approx(wanted, rel=1e-5)


def test_every_band_has_its_frequency():
    filters = mel_filters(8000, 129)
    assert filters.shape == (40, 129)
    assert (filters.sum(1) > 0).all()
    for band in (5, 20, 38):
        middle = 8000 / 256 * filters[band].argmax().item()
        assert log_mel(tone(middle, 8000))[0, :, 20].argmax() == band


@pytest.mark.parametrize("rate", [11_025, 16_000, 44_100])
def test_the_picture_of_a_sound_does_not_depend_on_its_rate(rate):
    pictures = [LogMel(one)(tone(700, one)) for one in (8000, rate)]
    assert pictures[0].shape[:2] == pictures[1].shape[:2] == (1, 40)
    frames = slice(4, 46)  # not the edges, where half of a window is mirrored
    assert (pictures[0][..., frames].argmax(1) == pictures[1][..., frames].argmax(1)).all()


def test_the_wrong_rate_moves_it():
    wave = tone(700, 16_000)
    right, wrong = log_mel(wave, 16_000), log_mel(wave, 8000)
    assert wrong.shape[2] > 1.9 * right.shape[2]  # half as fast
    assert wrong[0, :, 30].argmax() < right[0, :, 30].argmax() - 5  # an octave lower


def test_loudness_and_the_type_of_the_samples_do_not_matter():
    wave = tone(700, 8000) + 0.1 * torch.randn(1, 4000, generator=torch.Generator().manual_seed(1))
    picture = LogMel()(wave)
    assert picture.mean().abs() < 1e-5
    assert picture.std() == pytest.approx(1, abs=0.01)
    assert torch.allclose(LogMel()(0.1 * wave), picture, atol=0.02)
    assert torch.allclose(LogMel()((wave * 32768).to(torch.int16)), picture, atol=0.01)
    assert LogMel()(torch.zeros(1, 4000)).abs().max() < 0.01  # silence has no pattern


@pytest.mark.parametrize("wave", [torch.zeros(4000), torch.zeros(2, 100)])
def test_waves_of_another_shape_are_refused(wave):
    with pytest.raises(ValueError, match=str(wave.shape[-1])):
        log_mel(wave)


def test_bands_above_half_the_rate_are_refused():
    with pytest.raises(ValueError, match="4410"):
        log_mel(torch.zeros(1, 4410), 4410)
