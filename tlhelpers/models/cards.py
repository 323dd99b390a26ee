"""Model cards: what a network of ours is, how it was made, how good it is, and its limits.

A JSON file is for programs, a page beside it for people, in both languages: `NAME.json` and
`NAME.md` beside `NAME.safetensors` for a network of pictures, `card.json` and `README.md` inside
the folder of a language model.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from tlhelpers.runtime.language import LANGUAGES, catalogue, text
from tlhelpers.runtime.places import DATASETS
from tlhelpers.runtime.store import StoreError, read_json, write_atomic


@dataclass(frozen=True, kw_only=True)
class Card:
    """What every card says of one set of weights, but the weights."""

    name: str
    feature_dim: int
    parameters: int
    sha256: str  # of the safetensors file
    bytes: int
    recipe: dict[str, Any]  # the settings it was trained with
    seconds: float  # training, without drawing
    device: str
    torch: str
    licence: str = "CC BY 4.0"

    @property
    def megabytes(self) -> float:
        return self.bytes / 1e6

    @classmethod
    def read(cls, path: Path) -> Self:
        """The card in this JSON file. Raises StoreError where it is missing or damaged."""
        try:
            return cls(**read_json(path))
        except (OSError, ValueError, TypeError) as error:
            raise StoreError(text("cards.unreadable", path=path, reason=error)) from error

    def write(self, data: Path, page: Path) -> None:
        """The card as JSON in `data`, and as Markdown in `page`."""
        write_atomic(data, json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n")
        write_atomic(page, self.to_markdown())

    def to_markdown(self) -> str:
        """The card for people, Japanese first."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class ModelCard(Card):
    """The card of a network of pictures."""

    architecture: str  # the function of `networks.py` that builds it
    source: str  # the drawn domain it was trained on
    classes: dict[str, list[str]]  # of the source, {"en": [...], "ja": [...]}
    size: int  # pixels, the side of the pictures it was trained on
    mean: list[float]  # of each colour, from 0 to 1
    std: list[float]
    accuracy: float  # of the stored weights, on drawings of the source that training never saw
    seconds_drawing: float

    @property
    def num_classes(self) -> int:
        return len(self.classes["en"])

    def to_markdown(self) -> str:
        values = asdict(self) | {
            "num_classes": self.num_classes,
            "settings": ", ".join(f"{key} {value}" for key, value in self.recipe.items()),
            "accuracy": 100 * self.accuracy,
            "parameters": self.parameters / 1e6,
            "megabytes": self.megabytes,
        }
        jobs = catalogue()[f"cards.source_{self.source}"]
        return page(self.name, "cards.body", lambda lang: values | {"job": jobs[lang]})


@dataclass(frozen=True, kw_only=True)
class TextCard(Card):
    """The card of a language model."""

    family: str  # "bert" or "gpt"
    languages: list[str]
    letters: int  # that it has read
    letters_dropped: int  # as too close to a task
    loss: dict[str, list[float]]  # the last of each phase
    cpu_seconds: float

    def to_markdown(self) -> str:
        values = asdict(self) | {
            "languages": ", ".join(self.languages),
            "megabytes": self.megabytes,
            "millions": self.parameters / 1e6,
            "minutes": self.cpu_seconds / 60,
            "steps": self.recipe["guess_steps"],
            "matches": self.recipe["match_steps"],
        }
        return page(self.name, f"text_models.card_{self.family}", lambda lang: values)


@dataclass(frozen=True, kw_only=True)
class SpeechCard(Card):
    """The card of a network of spoken words."""

    words: list[str]  # of its pre-training
    rate: int  # samples a second
    mels: int  # bands of its pictures
    clips: int  # that it has heard
    accuracy: float  # of the stored weights, on voices that training never heard, with noise
    seconds_speaking: float  # of the synthesiser

    def to_markdown(self) -> str:
        values = asdict(self) | {
            "words": ", ".join(self.words),
            "count": len(self.words),
            "accuracy": 100 * self.accuracy,
            "thousands": self.parameters / 1e3,
            "megabytes": self.megabytes,
            "settings": ", ".join(f"{key} {value}" for key, value in self.recipe.items()),
        }
        return page(self.name, "speech.card", lambda lang: values)


def page(title: str, key: str, values: Callable[[str], Mapping[str, Any]], top: str = "") -> str:
    """A card as Markdown: the sentences of `key` in both languages, Japanese first.

    values: what fills their {placeholders} in a language. top: what stands below the title.
    """
    bodies = (catalogue()[key][lang].format(**values(lang)).strip() for lang in LANGUAGES)
    return "\n\n".join([f"# {title}", *([top] if top else []), *bodies]) + "\n"


def weights_folder() -> Path:
    """`datasets/weights` of the clone that this package runs from.

    Raises StoreError where the package was installed without its clone.
    """
    folder = DATASETS / "weights"
    if not folder.is_dir():
        raise StoreError(text("cards.no_clone", folder=folder))
    return folder
