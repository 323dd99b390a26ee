"""Japanese in figures, from the font that matplotlib-fontja brings along (IPAexGothic).

The font of the learner's language stands first in the family list and the other one behind it:
labels that mix Japanese with $mathematics$ need the Japanese font first. IPAexGothic has no
bold, so nothing in a figure is bold.
"""

from __future__ import annotations

import matplotlib
from matplotlib import font_manager

from tlhelpers.runtime.language import language

JAPANESE = "IPAexGothic"
LATIN = "DejaVu Sans"


def families() -> list[str]:
    """The family list for the learner's language."""
    return [JAPANESE, LATIN] if language() == "ja" else [LATIN, JAPANESE]


def use() -> None:
    """Registers the Japanese font, once, and makes the family list matplotlib's default."""
    if JAPANESE not in {font.name for font in font_manager.fontManager.ttflist}:
        _register()
    matplotlib.rcParams["font.family"] = families()


def _register() -> None:
    with matplotlib.rc_context():  # importing the package sets the family to its font alone
        from matplotlib_fontja import get_font_ttf_path

    font_manager.fontManager.addfont(get_font_ttf_path())
