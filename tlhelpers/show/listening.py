"""Sounds in a notebook: each with its name, a player, and a picture of what is heard."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from tlhelpers.data.sounds.frontend import RATE, LogMel
from tlhelpers.data.sounds.noise import as_float
from tlhelpers.data.task import Task, require_task
from tlhelpers.runtime.arguments import require_whole
from tlhelpers.runtime.language import text

WIDE, HIGH = 150, 80  # pixels of a picture
DARK, BRIGHT = -1.5, 3.0  # deviations from the mean of a spectrogram: white and black
BITS = 7  # of a sample that is played: the noise of a telephone is louder than what is cut off


@dataclass
class Sounds:
    """Players in a row. A terminal prints the names."""

    names: list[str]
    waves: Tensor = field(repr=False)

    def __repr__(self) -> str:
        return text("listening.alt", names=", ".join(self.names))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": repr(self)}

    def html(self) -> str:
        """HTML that holds the sounds themselves."""
        pairs = zip(self.names, self.waves, strict=True)
        return f'<div role="group">{"".join(player(name, wave) for name, wave in pairs)}</div>'


def listen(sounds: Task | Tensor, names: Sequence[str] | None = None, per_class: int = 1) -> Sounds:
    """Players for the first `per_class` training sounds of each class, or for waves with names.

    sounds: a task of sounds, or waves (n, samples) at 8 kHz. Raises ValueError for a task of
    another kind, or where there is not one name for each wave.
    """
    require_whole("per_class", per_class, 1)
    if isinstance(sounds, Tensor | np.ndarray):
        waves = torch.as_tensor(sounds)
        waves = waves if waves.ndim == 2 else waves[None]
        called = list(map(str, range(1, len(waves) + 1) if names is None else names))
        if len(called) != len(waves):
            raise ValueError(text("listening.names", names=len(called), waves=len(waves)))
        return Sounds(called, waves)
    require_task(sounds)
    if sounds.kind != "sound":
        raise ValueError(text("listening.no_sounds", name=sounds.name, kind=sounds.kind))
    labels = sounds.train.labels
    rows = torch.cat([(labels == c).nonzero()[:per_class, 0] for c in labels.unique()])
    inputs, kinds = sounds.train.batch(rows)
    return Sounds([sounds.class_names[kind] for kind in kinds.tolist()], inputs)


def player(name: str, wave: Tensor, plays: bool = True) -> str:
    """HTML of one wave (samples,): its name, its spectrogram and, if it plays, its controls."""
    levels = (LogMel()(as_float(wave)[None])[0].flip(0) - DARK) / (BRIGHT - DARK)
    shades = (255 * (1 - levels.clamp(0, 1))).to(torch.uint8)
    drawing = io.BytesIO()
    small = Image.fromarray(shades.numpy()).resize((WIDE, HIGH // 2))
    small.quantize(16).save(drawing, "PNG", optimize=True)
    said = html.escape(name, quote=True)
    alt = html.escape(text("listening.picture", name=name), quote=True)
    return (
        f'<figure style="display:inline-block;margin:0 8px 8px 0"><figcaption>{said}</figcaption>'
        f'<img src="data:image/png;base64,{_coded(drawing)}" alt="{alt}" width="{WIDE}" '
        f'height="{HIGH}">{_controls(said, wave) if plays else ""}</figure>'
    )


def _controls(said: str, wave: Tensor) -> str:
    import soundfile

    step = 2 ** (16 - BITS)
    loud = as_float(wave) / as_float(wave).abs().max().clamp(min=1e-6) * 0.8
    samples = ((loud * 32768 / step).round() * step).to(torch.int16)
    sound = io.BytesIO()
    soundfile.write(sound, samples.numpy(), RATE, format="FLAC")
    return (
        f'<br><audio controls preload="none" aria-label="{said}" style="width:{WIDE}px;height:2rem"'
        f' src="data:audio/flac;base64,{_coded(sound)}"></audio>'
    )


def _coded(content: io.BytesIO) -> str:
    return base64.b64encode(content.getvalue()).decode()
