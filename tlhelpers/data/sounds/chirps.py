"""Sounds as pictures: six kinds of short sound, made here and drawn as spectrograms.

A sound lasts one second, 8,192 samples. Its spectrogram is the logarithm of the power in short
windows (Hann, 256 samples, a step of 128): time runs to the right, pitch upwards, bright is loud,
and all three channels are equal. Every sound has its own pitch, length, timbre, loudness and
background noise, hashed from its key as in the drawn world; computed in double precision,
so that a batch of another size cannot tip the rounding.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from tlhelpers.data.drawn import TEST_FIRST, VALID_FIRST
from tlhelpers.data.request import Request
from tlhelpers.data.task import Split, Task
from tlhelpers.data.zukan import keys_of
from tlhelpers.data.zukan.kit import Canvas
from tlhelpers.data.zukan.styles import apply_style
from tlhelpers.runtime.language import text

RISING, FALLING, STEADY, TREMOLO, VIBRATO, BURST = range(6)
CLASSES = {
    "en": ["rising", "falling", "steady", "tremolo", "vibrato", "noise burst"],
    "ja": ["上がる音", "下がる音", "一定の音", "トレモロ", "ビブラート", "雑音"],
}
RATE = 8192  # samples a second, and in a sound
WINDOW, HOP = 256, 128
OVERTONES = 3
_TOGETHER = 128  # sounds computed at once


def play(keys: Tensor, labels: Tensor) -> Tensor:
    """The sounds themselves: keys, labels (n,) -> (n, 8192) double."""
    canvas = Canvas(keys, 64)

    def number(low: float, high: float) -> Tensor:
        return canvas.uniform1(low, high).double()[:, None]

    def only(*kinds: int) -> Tensor:
        return sum((labels == kind) for kind in kinds).double()[:, None]

    time = (torch.arange(RATE, dtype=torch.double) / RATE)[None]
    begin, length = number(0.05, 0.3), number(0.4, 0.65)
    passed = ((time - begin) / length).clamp(0, 1)
    wave = torch.cos(2 * math.pi * (time * number(5, 9) + number(0, 1)))

    octaves = (only(RISING) - only(FALLING)) * number(0.35, 1.1) * (passed - 0.5)
    octaves = octaves + number(-0.12, 0.12) * passed + only(VIBRATO) * number(0.06, 0.14) * wave
    pitch = 350 * 2 ** (number(0, 1.2) + octaves)  # its second overtone stays below RATE / 2
    phase = 2 * math.pi * torch.cumsum(pitch, 1) / RATE
    tone = sum(number(0.0, 1.0) ** k * torch.sin((k + 1) * phase) for k in range(OVERTONES))

    hiss, background = canvas.noise(64, 4).double().flatten(1).split(RATE, 1)
    sound = torch.lerp(tone, hiss * number(0.5, 1.0), only(BURST))
    loudness = (passed * (1 - passed) * 16).clamp(0, 1)  # swells and fades at its ends
    loudness = loudness * (1 - only(TREMOLO) * number(0.5, 0.95) * (0.5 + 0.5 * wave))
    return sound * loudness * number(0.35, 1.0) + background * number(0.1, 0.55)


def spectrogram(sounds: Tensor, size: int = 64) -> Tensor:
    """Pictures, float (n, 3, size, size) in 0..1, of sounds (n, 8192)."""
    window = torch.hann_window(WINDOW, dtype=sounds.dtype)
    short = torch.stft(sounds, WINDOW, HOP, window=window, return_complex=True)
    power = short.abs().square()[:, 1:, :-1]  # without the mean: (n, 128 pitches, 64 times)
    level = (power + 1e-3).log10() / 5.5 + 0.2
    picture = F.interpolate(level.flip(1)[:, None], (size, size), mode="area")
    return picture.clamp(0, 1).expand(-1, 3, -1, -1)


def load_sounds(asked: Request) -> Task:
    """The task asked for; see `load_task`."""
    chosen = torch.tensor(asked.classes or range(len(CLASSES["en"])))

    def split(per_class: int, first: int, seed: int) -> Split:
        labels = torch.arange(len(chosen)).repeat(per_class)
        kinds = chosen[labels]
        numbers = first + torch.arange(len(labels)) // len(chosen)
        keys = keys_of(asked.name, kinds, numbers, seed)
        pictures = [
            apply_style(spectrogram(play(key, kind), asked.size).float(), key, asked.style)
            for key, kind in zip(keys.split(_TOGETHER), kinds.split(_TOGETHER), strict=True)
        ]
        return Split((torch.cat(pictures) * 255 + 0.5).to(torch.uint8), labels)

    return Task(
        name=asked.name,
        train=split(asked.per_class, 0, asked.seed),
        valid=split(asked.valid_per_class, VALID_FIRST, 0),
        test=split(asked.test_per_class, TEST_FIRST, 0),
        classes={lang: [names[c] for c in chosen.tolist()] for lang, names in CLASSES.items()},
        licence="CC BY 4.0",
        source=text("catalog.sounds_source"),
    )
