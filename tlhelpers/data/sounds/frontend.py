"""From a wave to the picture that networks of speech take: the log-mel spectrogram.

A wave is cut into short windows (Hann, 32 ms long, one every 10 ms). The Fourier transform of each
tells how much power every frequency has; triangular bands, narrow below and wide above as those of
the ear, gather it; its logarithm makes quiet and loud parts visible alike:

    P[k, t] = |STFT(wave)[k, t]|^2,    L[m, t] = ln(sum_k W[m, k] P[k, t] + 1e-6)
    W[m] rises linearly from edge m to edge m + 1 and falls to edge m + 2;
    the edges lie evenly in mel(f) = 2595 log10(1 + f / 700)

Davis and Mermelstein, "Comparison of parametric representations for monosyllabic word
recognition", 1980 (doi:10.1109/TASSP.1980.1163420); the scale is that of O'Shaughnessy, 1987.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
from torch import Tensor

from tlhelpers.runtime.arguments import require_number, require_whole
from tlhelpers.runtime.language import text

RATE = 8000  # samples a second of the course's own sounds: that of a telephone
MELS = 40  # bands
LOWEST, HIGHEST = 60.0, 3900.0  # Hz, the outer edges of the bands
WINDOW_SECONDS, HOP_SECONDS = 0.032, 0.010
FLOOR = 1e-6  # added to the power, below which all is silence
SAMPLES = (torch.int16, torch.float32, torch.float64)
MOST_MELS, MOST_RATE = 256, 384_000


def log_mel(
    waves: Tensor,
    rate: int = RATE,
    mels: int = MELS,
    *,
    lowest: float = LOWEST,
    highest: float = HIGHEST,
) -> Tensor:
    """Log-mel spectrograms (n, mels, frames), low bands first, of waves (n, samples).

    waves: floats from -1 to 1, or int16. rate: samples a second; a wave of any rate gives the same
    picture of the same sound, one frame every 10 ms. lowest, highest: Hz.
    Raises ValueError for waves of another shape or shorter than a window, and where the bands
    reach above half the rate, beyond which a wave holds nothing.
    """
    require_whole("rate", rate, 1, MOST_RATE)
    require_whole("mels", mels, 1, MOST_MELS)
    window, hop = round(WINDOW_SECONDS * rate), round(HOP_SECONDS * rate)
    require_number("lowest", lowest)
    require_number("highest", highest)
    waves = torch.from_numpy(waves) if isinstance(waves, np.ndarray) else waves
    shape = tuple(getattr(waves, "shape", ())) or type(waves).__name__
    if (
        not isinstance(waves, Tensor)
        or waves.ndim != 2
        or waves.shape[1] < window
        or not len(waves)
    ):
        raise ValueError(text("sounds.shape", shape=shape, least=window))
    if waves.dtype not in SAMPLES:
        raise ValueError(text("sounds.samples", dtype=str(waves.dtype).removeprefix("torch.")))
    if not 0 <= lowest < highest <= rate / 2:
        values = {"lowest": lowest, "highest": highest, "rate": rate, "half": rate / 2}
        raise ValueError(text("sounds.bands", **values))
    if waves.dtype == torch.int16:
        waves = waves.float() / 32768
    short = torch.stft(
        waves,
        window,
        hop,
        window=torch.hann_window(window, dtype=waves.dtype, device=waves.device),
        return_complex=True,
    )
    filters = mel_filters(rate, window // 2 + 1, mels, lowest, highest)
    return torch.log(filters.to(waves) @ short.abs().square() + FLOOR)


@functools.cache
def mel_filters(
    rate: int,
    bins: int,
    mels: int = MELS,
    lowest: float = LOWEST,
    highest: float = HIGHEST,
) -> Tensor:
    """The weight of each frequency in each band: (mels, bins).

    bins: frequencies of the Fourier transform, evenly from 0 to rate / 2.
    """

    def mel(frequency: float) -> float:
        return 2595 * math.log10(1 + frequency / 700)

    marks = torch.linspace(mel(lowest), mel(highest), mels + 2, dtype=torch.double)
    edges = 700 * (10 ** (marks / 2595) - 1)
    frequencies = torch.linspace(0, rate / 2, bins, dtype=torch.double)
    left, middle, right = (edges[start : start + mels, None] for start in range(3))
    rising = (frequencies - left) / (middle - left)
    falling = (right - frequencies) / (right - middle)
    return torch.minimum(rising, falling).clamp(min=0).float()


class LogMel:
    """What a network of speech carries as `preprocess`: waves to log-mels without their loudness.

    Each spectrogram has mean 0 and deviation 1, so that a quiet recording looks like a loud one.
    """

    def __init__(self, rate: int = RATE, mels: int = MELS):
        self.rate, self.mels = rate, mels

    def __call__(self, waves: Tensor) -> Tensor:
        return standardise(log_mel(waves, self.rate, self.mels))

    def __repr__(self) -> str:
        return f"LogMel(rate={self.rate}, mels={self.mels})"


def standardise(pictures: Tensor) -> Tensor:
    """Pictures (n, bands, frames), each with mean 0 and deviation 1."""
    mean, std = pictures.mean((1, 2), keepdim=True), pictures.std((1, 2), keepdim=True)
    return (pictures - mean) / (std + 1e-3)
