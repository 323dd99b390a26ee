"""What every lesson starts with: threads, seed, mode. Fonts join in `tlhelpers.show.session`."""

from __future__ import annotations

import os

from tlhelpers.runtime.language import language, text

MODES = ("quick", "full")


def mode() -> str:
    """ "quick" (few repetitions, minutes) or "full" (the figures of the text): TLHELPERS_MODE."""
    asked = os.environ.get("TLHELPERS_MODE", "quick").lower() or "quick"
    if asked not in MODES:
        raise ValueError(text("session.mode_unknown", asked=asked))
    return asked


def seeds(quick: int, first: int = 0, full: int = 10) -> range:
    """The seeds of a measurement: `quick` of them from `first` on, or `full` where that is asked.

    More seeds make intervals narrower and waiting longer; `TLHELPERS_MODE=full` asks for them.
    """
    return range(first, first + (quick if mode() == "quick" else max(quick, full)))


def prepare(seed: int = 0) -> str:
    """Sets threads and seed; returns one line that names device, language and mode."""
    from tlhelpers.runtime import device  # torch loads here, so that mode() costs nothing

    device.set_threads()
    device.set_seed(seed)
    chosen = device.pick_device()
    return text(
        "session.line",
        device=device.describe(chosen, device.pick_precision(chosen)),
        language={"ja": "日本語", "en": "English"}.get(language(), language()),
        mode=text(f"session.mode_{mode()}"),
    )
