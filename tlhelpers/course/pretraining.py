"""`tl pretrain NAME`: makes the course's own weights again; see `models/pretrain.py`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tlhelpers.course.cli import Parser
from tlhelpers.models.cards import weights_folder
from tlhelpers.models.pretrain import RECIPES, pretrain
from tlhelpers.models.pretrain_speech import SPEECH_RECIPES, pretrain_speech
from tlhelpers.models.pretrain_text import TEXT_RECIPES, pretrain_text
from tlhelpers.runtime import device
from tlhelpers.runtime.language import text
from tlhelpers.runtime.store import require_writable


def main(argv: Sequence[str] | None = None) -> int:
    """`tl pretrain NAME [--out DIR] [--restart] [--device NAME]`."""
    names = [*RECIPES, *TEXT_RECIPES, *SPEECH_RECIPES]
    parser = Parser("pretrain")
    parser.add_argument("name", choices=names, help=text("pretrain.help_name"))
    parser.add_argument("--out", type=Path, help=text("pretrain.help_out"))
    parser.add_argument("--restart", action="store_true", help=text("pretrain.help_restart"))
    parser.add_argument("--device", help=text("pretrain.help_device"))
    asked = parser.parse_args(argv)
    device.set_threads()
    folder = asked.out or weights_folder()
    require_writable(folder)
    options = {"resume": not asked.restart, "device": asked.device, "progress": True}
    if asked.name in TEXT_RECIPES:  # language models have a script of their own
        pretrain_text(asked.name, asked.out, **options)
        print(text("text_models.done", name=asked.name, folder=folder))
        return 0
    if asked.name in SPEECH_RECIPES:
        heard = pretrain_speech(asked.name, asked.out, **options)
        values = {"accuracy": 100 * heard.accuracy, "seconds": heard.seconds, "folder": folder}
        print(text("speech.done", name=heard.name, **values))
        return 0
    card = pretrain(asked.name, asked.out, **options)
    print(
        text(
            "pretrain.done",
            name=card.name,
            accuracy=100 * card.accuracy,
            num_classes=card.num_classes,
            seconds=card.seconds,
            folder=folder,
        )
    )
    return 0
