"""A microphone in the notebook: the learner speaks, or drops a file, and a function answers.

The page decodes the sound and sends its samples; a file may be of any kind that the browser plays.
A voice tells whose it is: the page plays it, but the notebook keeps only what `show` makes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tlhelpers.runtime.language import text
from tlhelpers.show.widgets.explorer import STYLE
from tlhelpers.show.widgets.page import Shown, View, failed, make_page

SCRIPT = Path(__file__).with_name("recorder.js")
LABELS = ("record", "file", "own", "speak", "unreadable", "no_microphone")
SECONDS = 2.0  # that the microphone is open
MOST_SECONDS = 60  # of a file


class Recorder(Shown):
    """A widget to speak into. show: called with a wave, floats (samples,), returns a View.

    rate: samples a second of that wave. first: what stands there before anything is heard.
    """

    def __init__(self, title: str, show: Callable[[Tensor], View], first: View, rate: int):
        self.title, self.show, self.rate = title, show, rate
        self.last = first

    def drawn(self) -> View:
        return self.last

    def hear(self, samples: bytes) -> View:
        """What is shown of these samples, int16 in the order of this computer."""
        wave = torch.from_numpy(np.frombuffer(samples, np.int16).astype(np.float32)) / 32768
        try:
            self.last = self.show(wave)
        except Exception as error:
            self.last = failed(error)
        return self.last

    @cached_property
    def widget(self) -> Any:
        """The page's side, an anywidget: samples come from it in a message, `view` goes to it."""
        page = make_page(
            SCRIPT,
            STYLE,
            title=self.title,
            labels={name: text(f"recorder.{name}") for name in LABELS},
            rate=self.rate,
            seconds=SECONDS,
            most=MOST_SECONDS * self.rate,
            view=self.view().state,
        )

        def on_message(_: object, message: dict[str, Any], buffers: Sequence[memoryview]) -> None:
            if message.get("heard") and buffers:
                page.view = self.hear(bytes(buffers[0])).state

        page.on_msg(on_message)
        return page
