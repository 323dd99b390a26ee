"""Every task of the course by name: `load_task("birds", per_class=10)`, `list_tasks()`.

Each line of the catalogue names the function that loads its task. `data/drawn.py` draws those of
the drawn world (zukan).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from tlhelpers.data import zukan
from tlhelpers.data.digits import load_digits_task
from tlhelpers.data.drawn import load_drawn
from tlhelpers.data.public import public_entries
from tlhelpers.data.request import Entry, Request
from tlhelpers.data.sounds.chirps import load_sounds
from tlhelpers.data.task import Task
from tlhelpers.data.text import load_text
from tlhelpers.data.zukan.styles import STYLES
from tlhelpers.runtime.arguments import is_whole, require_seed, require_whole
from tlhelpers.runtime.language import said, text
from tlhelpers.runtime.table import Tabular

# Tasks that are neither drawn nor downloaded.
_ELSEWHERE = (
    Entry(
        name="digits",
        kind="image",
        classes=10,
        description={
            "en": "Real handwriting: 1,797 digits of 8 x 8 points from scikit-learn, enlarged.",
            "ja": "本物の手書き数字です。scikit-learnにある8×8画素の1,797枚を拡大しています。",
        },
        licence="CC BY 4.0",
        load=load_digits_task,
    ),
    Entry(
        name="sounds",
        kind="image",
        classes=6,
        description={
            "en": "Six kinds of short sound, drawn as spectrograms: no photograph at all.",
            "ja": "短い音6種をスペクトログラムにした画像です。写真ではありません。",
        },
        licence="CC BY 4.0",
        load=load_sounds,
    ),
    Entry(
        name="enquiries",
        kind="text",
        classes=6,
        description={
            "en": "Customer enquiries to a shop, in Japanese and English, written for this course.",
            "ja": "お店への問い合わせです。この講座のために日本語と英語で書きました。",
        },
        licence="CC BY 4.0",
        load=load_text,
    ),
    Entry(
        name="spam",
        kind="text",
        classes=2,
        description={
            "en": "Messages, spam or not, in Japanese and English, written for this course.",
            "ja": "迷惑メッセージかどうかを見分けます。この講座のために日本語と英語で書きました。",
        },
        licence="CC BY 4.0",
        load=load_text,
    ),
)


def load_task(
    name: str,
    per_class: int = 20,
    seed: int = 0,
    *,
    style: str = "photo",
    size: int = 64,
    valid_per_class: int = 20,
    test_per_class: int = 40,
    classes: Sequence[int] | None = None,
    source: str = "zukan",
    lang: str | None = None,
    test_lang: str | None = None,
) -> Task:
    """The task `name` with `per_class` labelled training examples of each class.

    seed: another seed gives other training examples; valid and test stay the same. With one
        seed, a larger `per_class` adds to the examples of a smaller one.
    style: "photo", "night", "faded" or "sketch". size: pixels a side, 48 to 224 in steps of 8.
    classes: the class numbers to keep, renumbered from 0 in this order; None for all.
    source: "zukan" for what comes with the course, "public" for downloaded data.
    lang: the language of a text task; test_lang: that of its test texts, where another.
    Raises ValueError, in the learner's language, for what cannot be had.
    """
    classes = None if classes is None else tuple(classes)
    asked = Request(**locals())
    entry = _find(name, source)
    for argument in ("per_class", "valid_per_class", "test_per_class"):
        require_whole(argument, getattr(asked, argument), 1)
    require_seed(seed)
    if style not in STYLES:
        raise ValueError(_unknown("zukan.no_style", style, STYLES))
    if size not in zukan.SIZES:
        least, most, step = zukan.SIZES[0], zukan.SIZES[-1], zukan.SIZES.step
        raise ValueError(text("zukan.no_size", size=size, least=least, most=most, step=step))
    if classes is not None:
        whole = all(is_whole(c) and 0 <= c < entry.classes for c in classes)
        if not classes or not whole or len(set(classes)) != len(classes):
            raise ValueError(
                text("task.classes_unknown", keep=list(classes), last=entry.classes - 1)
            )
    return entry.load(asked)


def redrawn(
    name: str, per_class: int, seed: int, *, valid: int = 20, test: int = 40, **options: Any
) -> Task:
    """A drawn task of which `seed` redraws all pictures: for training, validation and test.

    An interval over such seeds is about the world, not about one test set. valid, test: pictures
    a class. options: those of `load_task`.
    """
    task = load_task(name, per_class, seed, **options)
    fresh = load_task(name, valid + test, 1000 + seed, **options).train
    cut = valid * task.num_classes  # rows go through the classes in turn
    return replace(
        task,
        valid=fresh.subset(torch.arange(cut)),
        test=fresh.subset(torch.arange(cut, len(fresh))),
    )


@dataclass
class TaskTable(Tabular):
    """The catalogue as a table of its entries."""

    entries: list[Entry]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def to_dict(self) -> dict[str, list[dict[str, Any]]]:
        return {"entries": [_without_loader(entry) for entry in self.entries]}

    def rows(self) -> list[dict[str, Any]]:
        return [
            {
                "task": e.name,
                "kind": text(f"catalog.kind_{e.kind}"),
                "classes": e.classes,
                "attributes": e.attributes or "–",
                "origin": text(f"catalog.origin_{e.source}"),
                "licence": e.licence,
                "description": said(e.description),
            }
            for e in self.entries
        ]


def _without_loader(entry: Entry) -> dict[str, Any]:
    return {name: value for name, value in vars(entry).items() if name != "load"}


def list_tasks() -> TaskTable:
    """Every task that `load_task` knows."""
    drawn = [
        Entry(
            name=name,
            kind="image",
            classes=domain.num_classes,
            description=domain.description,
            licence=domain.licence,
            load=load_drawn,
            attributes=0 if domain.attributes is None else domain.attributes.shape[1],
        )
        for name, domain in zukan.DOMAINS.items()
    ]
    return TaskTable([*drawn, *_ELSEWHERE, *public_entries()])


def _find(name: str, source: str) -> Entry:
    """The entry `name` of `source`, or a ValueError that names the nearest."""
    for entry in list_tasks():
        if (entry.name, entry.source) == (name, source):
            return entry
    sources = sorted({entry.source for entry in list_tasks()} | {"zukan"})
    if source not in sources:
        raise ValueError(_unknown("catalog.no_source", source, sources))
    here = [entry.name for entry in list_tasks() if entry.source == source]
    raise ValueError(_unknown("catalog.no_task", name, here))


def _unknown(sentence: str, name: str, known: Sequence[str]) -> str:
    """`sentence` about an unknown `name`, with the nearest known one where there is one."""
    nearest = difflib.get_close_matches(str(name), known, 1, 0.5)
    hint = " " + text("catalog.nearest", name=nearest[0]) if nearest else ""
    return text(sentence, name=name, known=", ".join(known)) + hint
