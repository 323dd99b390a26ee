"""Short sounds of two classes, told apart by which way their pitch goes, in several voices."""

import io
from pathlib import Path

import numpy as np
import soundfile

RATE = 16_000
VOICES = ("anna", "ben", "chie", "dai", "eva")


def wave(rising: bool, voice: int = 0, take: int = 0, rate: int = RATE, seconds=0.5) -> np.ndarray:
    """Floats (samples,) within -1..1: a tone that rises or falls, its pitch that of the voice."""
    random = np.random.default_rng([rising, voice, take])
    time = np.arange(int(seconds * rate)) / (seconds * rate)
    passed = time ** random.uniform(0.5, 2)
    pitch = (250 + 90 * voice) * random.uniform(1.5, 4) ** (passed if rising else 1 - passed)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    tone = np.sin(phase) + random.uniform(0, 1) * np.sin(2 * phase)
    swell = np.sin(np.pi * time ** random.uniform(0.5, 2))
    return 0.4 * tone * swell + random.normal(0, 0.003, len(time))


def encoded(samples: np.ndarray, form: str = "WAV", rate: int = RATE, **options) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=form, **options)
    return buffer.getvalue()


def recordings(root: Path, voices=VOICES, takes=3, name="{label}/{voice}_{take}.wav") -> Path:
    """A folder of up/..., down/...; `name` says how each file is called."""
    for label, rising in (("down", False), ("up", True)):
        for number, voice in enumerate(voices):
            for take in range(takes):
                path = root / name.format(label=label, voice=voice, take=take, number=number)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(encoded(wave(rising, number, take)))
    return root
