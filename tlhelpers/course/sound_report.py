"""Recordings in the report of `tl try`: each with a player and its spectrogram, inside the page.

A recording is coded as FLAC, which every browser plays, and the page holds at most `MOST_BYTES` of
them; what comes after is told by its place. With `quotes=False` there is no player and no picture,
since a voice tells whose it is: places alone stand there.
"""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from tlhelpers.course.mistakes import markup_table
from tlhelpers.data.layout import shown
from tlhelpers.data.own import FolderTask, PlacedSplit
from tlhelpers.data.sounds.frontend import log_mel
from tlhelpers.data.sounds.recording import RATE
from tlhelpers.models.hearing import HIGHEST, MELS
from tlhelpers.runtime.language import text

MOST_BYTES = 2 * 2**20  # of all players of one table, as they stand in the page
PICTURE, DECIBELS = (200, 56), 50.0  # pixels; white is so far below the loudest
LEAST = RATE // 10  # samples that are drawn
EXAMPLES, MOST_CLASSES = 3, 8  # recordings of a class that are shown, and classes


def examples_table(task: FolderTask) -> str:
    """Training recordings of the first classes, a line for each class."""
    chosen = range(min(MOST_CLASSES, task.num_classes))
    rows = {c: _spread((task.train.labels == c).nonzero()[:, 0].tolist()) for c in chosen}
    every = [row for some in rows.values() for row in some]
    found = dict(zip(every, players(task.train, every), strict=True))
    names = map(html.escape, task.class_names)
    lines = [
        [name, *(found[row] for row in some)]
        for name, some in zip(names, rows.values(), strict=False)
    ]
    return markup_table(lines)


def _spread(rows: Sequence[int]) -> list[int]:
    """Some of these rows, as far apart as they can be: speakers stand one after the other."""
    count = min(EXAMPLES, len(rows))
    return [rows[place * len(rows) // count] for place in range(count)]


def players(split: PlacedSplit, rows: Sequence[int], quotes: bool = True) -> Iterator[str]:
    """Each recording as HTML: its picture, a player and its place; or its place alone."""
    left = MOST_BYTES
    for row in rows:
        place = html.escape(shown("/".join(split.paths[row].parts[-2:])))
        player = _player(split.batch(torch.tensor([row]))[0], place) if quotes else ""
        left -= len(player)
        yield (player if left >= 0 else "") + f"<small>{place}</small>"


def _player(waves: Tensor, place: str) -> str:
    """A picture and a player of a recording (1, samples), without the silence around it."""
    import soundfile
    from PIL import Image

    samples = waves[0].numpy()
    heard = np.flatnonzero(samples)
    if len(heard):
        samples = samples[heard[0] : heard[-1] + 1]
    sound = io.BytesIO()
    soundfile.write(sound, samples, RATE, format="FLAC")
    long = np.pad(samples, (0, max(0, LEAST - len(samples))))
    levels = log_mel(torch.from_numpy(long)[None], RATE, MELS, highest=HIGHEST)[0].flip(0)
    shades = ((levels.max() - levels) * (10 / math.log(10)) / DECIBELS).clamp(0, 1)
    drawing = io.BytesIO()
    whole = Image.fromarray((255 * shades).round().to(torch.uint8).numpy())
    whole.resize(PICTURE).save(drawing, "PNG", optimize=True)
    alt = html.escape(text("report.spectrogram_alt"))
    return (
        f'<img alt="{alt}" width="{PICTURE[0]}" height="{PICTURE[1]}" src="data:image/png;base64,'
        f'{_coded(drawing)}"><br>'
        f'<audio controls preload="none" aria-label="{place}" style="width:{PICTURE[0]}px;'
        f'height:2rem" src="data:audio/flac;base64,{_coded(sound)}"></audio><br>'
    )


def _coded(content: io.BytesIO) -> str:
    return base64.b64encode(content.getvalue()).decode("ascii")
