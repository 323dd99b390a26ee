"""Lesson 13: hear a word, see it, turn noise up, change the accent, and watch the answer.

`own_voice` does the same with what the learner says.
"""

from __future__ import annotations

import functools
import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.show.widgets.chart import percent
from tlhelpers.show.widgets.explorer import Control, Explorer, View
from tlhelpers.show.widgets.recorder import Recorder

RESULTS: tuple[str, ...] = ()
WORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
ACCENTS = ("standard", "scotland", "caribbean", "japanese")
LEVELS = (None, 20, 10, 5, 0, -5, -10)  # dB of speech over noise
VOICES = ("linda", "m2", "Andy")
SHOWN = 3  # answers


@dataclass(frozen=True)
class Heard:
    """A wave, and what the network takes it for: (word, probability), the surest first."""

    wave: Any
    answers: list[tuple[str, float]]


def build(results: Mapping[str, Mapping]) -> Explorer:
    """It stores nothing: each picture is computed from the clips and the network."""
    levels = [(text("widget13.none") if one is None else f"{one} dB", one) for one in LEVELS]
    return Explorer(
        title=text("widget13.title"),
        controls=[
            Control("word", text("widget13.word"), [(w, w) for w in WORDS], "stop", kind="choice"),
            Control(
                "voice",
                text("widget13.voice"),
                [(str(number + 1), voice) for number, voice in enumerate(VOICES)],
                kind="switch",
            ),
            Control(
                "accent",
                text("widget13.accent"),
                [(text(f"lesson13.accent_{accent}"), accent) for accent in ACCENTS],
                kind="choice",
            ),
            Control("level", text("widget13.level"), levels),
        ],
        draw=draw,
    )


def draw(word: str, voice: str, accent: str, level: int | None) -> View:
    """The player and picture of the word, and bars for the surest answers."""
    heard = listen_to(word, voice, accent, level)
    best, share = heard.answers[0]
    key = "right" if best == word else "wrong"
    says = text(f"widget13.says_{key}", word=word, answer=best, sure=percent(share))
    return _shown(heard, word, says)


def _shown(heard: Heard, word: str, says: str, plays: bool = True) -> View:
    """What was heard beside bars for the surest answers; that for the word itself is green."""
    from tlhelpers.show.listening import player

    bars = "".join(
        f'<div style="display:flex;align-items:center;gap:8px"><span style="width:4em">'
        f'{html.escape(answer)}</span><span style="display:inline-block;height:16px;width:'
        f'{round(220 * sure)}px;background:{figures.GREEN if answer == word else figures.GREY}">'
        f"</span><span>{percent(sure)}</span></div>"
        for answer, sure in heard.answers[:SHOWN]
    )
    picture = (
        f'<div style="display:flex;flex-wrap:wrap;gap:24px;background:white;color:{figures.INK};'
        f'padding:12px">{player(word, heard.wave, plays)}<div role="img" '
        f'aria-label="{html.escape(says)}">'
        f"<p>{html.escape(text('widget13.answers'))}</p>{bars}</div></div>"
    )
    return View(picture, says)


def own_voice() -> Recorder:
    """A microphone: the learner says one of the ten words, or drops a recording of one."""
    from tlhelpers.data.sounds.frontend import RATE

    waiting = text("widget13.own_first", words=", ".join(WORDS))
    first = View(f"<p>{html.escape(waiting)}</p>", "")
    return Recorder(text("widget13.own_title"), hear_own, first, RATE)


def hear_own(wave: Any) -> View:
    """What the network takes the loudest second of a wave (samples,) for."""
    import torch

    from tlhelpers.data.sounds.frontend import RATE
    from tlhelpers.data.sounds.recording import SILENT, windowed

    if not len(wave) or wave.abs().max() < SILENT:
        return View("", text("widget13.own_silent"))
    heard = _answers(torch.from_numpy(windowed(wave.numpy(), RATE)))
    best, share = heard.answers[0]
    says = text("widget13.own_says", answer=best, sure=percent(share))
    return _shown(heard, text("widget13.own_name"), says, plays=False)


@functools.lru_cache(maxsize=1000)
def listen_to(word: str, voice: str, accent: str, level: int | None) -> Heard:
    """The clip under this noise (always the same noise), and the answers of the network."""
    import torch

    from tlhelpers.data.sounds.noise import add_noise, as_float
    from tlhelpers.data.sounds.words import read_clips

    clips = read_clips("commands")
    said = list(zip(clips.words, clips.voices, clips.accents, strict=True))
    wave = as_float(clips.waves[said.index((word, voice, accent))])
    if level is not None:
        wave = add_noise(wave[None], float(level), torch.Generator().manual_seed(0))[0]
    return _answers(wave)


def _answers(wave: Any) -> Heard:
    from tlhelpers.train.predict import predict

    chances = predict(_network(), wave[None]).softmax(1)[0]
    order = chances.argsort(descending=True).tolist()
    return Heard(wave, [(WORDS[c], chances[c].item()) for c in order])


@functools.cache
def _network() -> Any:
    from tlhelpers.lessons.speech.steps import only_words
    from tlhelpers.models.backbones import backbone

    return only_words(backbone("zukan-speech"), WORDS)
