"""What a telephone does to a word: noise at a given level, other talkers, another microphone.

    SNR in dB = 10 log10(power of the speech / power of the noise)

At 20 dB the noise has a hundredth of the power, at 0 dB as much as the speech. Powers are means
over the whole clip. All functions take and return float waves (n, samples).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

SHIFT_SECONDS = 0.075  # a word moves by so much at most, to either side
COLOUR = 0.97  # the darkest noise: 0 is white, close to 1 a rumble
TILT = 0.6  # decades of power between the two ends of the darkest or brightest microphone's range
BABBLE = 0.3  # the share of clips whose noise is speech


def as_float(waves: Tensor) -> Tensor:
    """Waves from -1 to 1, of floats or int16."""
    return waves.float() / 32768 if waves.dtype == torch.int16 else waves


def add_noise(waves: Tensor, snr: float | Tensor, generator: torch.Generator) -> Tensor:
    """The waves with noise of a random colour, `snr` dB below each: a number, or (n,)."""
    waves = as_float(waves)
    return _mix(waves, _coloured(waves.shape, generator), snr)


def vary(
    waves: Tensor, generator: torch.Generator, snr: tuple[float, float] = (0.0, 25.0)
) -> Tensor:
    """Augmentation: the same words, shifted, on other lines, with other noise.

    snr: the range that the level of the noise is drawn from, in dB.
    """
    waves = as_float(waves)
    count, length = waves.shape
    most = int(SHIFT_SECONDS * 8000)
    steps = torch.randint(-most, most + 1, (count, 1), generator=generator)
    waves = waves.gather(1, (torch.arange(length) - steps) % length)
    noise = _coloured(waves.shape, generator)
    order = torch.randperm(count, generator=generator)
    talkers = waves[order].flip(1) + 0.05 * noise * waves.square().mean().sqrt()
    is_babble = torch.rand(count, 1, generator=generator) < BABBLE
    levels = snr[0] + (snr[1] - snr[0]) * torch.rand(count, generator=generator)
    waves = _mix(waves, torch.where(is_babble, talkers, noise), levels)
    spectrum = torch.fft.rfft(waves)
    slope = TILT * (torch.rand(count, 1, generator=generator) - 0.5)
    tilt = 10 ** (slope * torch.linspace(-1, 1, spectrum.shape[1]))
    return torch.fft.irfft(spectrum * tilt, n=length)


def _coloured(shape: torch.Size, generator: torch.Generator) -> Tensor:
    """Noise through a one-pole filter, each row of another colour: 1 / (1 - a z^-1)."""
    spectrum = torch.fft.rfft(torch.randn(shape, generator=generator))
    colour = COLOUR * torch.rand(shape[0], 1, generator=generator)
    angles = torch.linspace(0, math.pi, spectrum.shape[1])
    gain = 1 / (1 - 2 * colour * torch.cos(angles) + colour.square()).sqrt()
    return torch.fft.irfft(spectrum * gain, n=shape[1])


def _mix(waves: Tensor, noise: Tensor, snr: float | Tensor) -> Tensor:
    levels = torch.as_tensor(snr, dtype=waves.dtype).reshape(-1, 1)
    speech, other = (one.square().mean(1, keepdim=True) for one in (waves, noise))
    return waves + noise * (speech / other.clamp(min=1e-12) / 10 ** (levels / 10)).sqrt()


def mask(pictures: Tensor, generator: torch.Generator, bands: int = 6, frames: int = 12) -> Tensor:
    """SpecAugment (Park et al., arXiv:1904.08779): one stripe of bands and one of frames set to 0.

    pictures: standardised log-mels (n, bands, frames), so that 0 is their mean.
    """
    for axis, most in ((1, bands), (2, frames)):
        size = pictures.shape[axis]
        width = torch.randint(0, most + 1, (len(pictures), 1), generator=generator)
        start = (torch.rand(len(pictures), 1, generator=generator) * (size - width)).long()
        place = torch.arange(size)
        hidden = (place >= start) & (place < start + width)
        pictures = pictures.masked_fill(hidden[:, :, None] if axis == 1 else hidden[:, None], 0)
    return pictures
