"""Every task of the course by name: `load_task("birds", per_class=10)`, `list_tasks()`.

Pictures of the drawn world (zukan) are drawn here; every other task names the function that
loads it in `_ELSEWHERE`. Train, valid and test of a drawn task take their pictures from ranges
of numbers that never meet, and only the train pictures depend on `seed`.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import html
import importlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from numbers import Integral
from pathlib import Path

import torch
from torch import Tensor

from tlhelpers.data import zukan
from tlhelpers.data.task import Split, Task
from tlhelpers.data.zukan.styles import STYLES
from tlhelpers.runtime.language import language, text

# Where each split's pictures begin: train counts up from 0 and never gets as far as valid.
VALID_FIRST, TEST_FIRST = 2**40, 2**41
HELD_IN_MEMORY = 50_000  # pictures of a split at 64 pixels; more are drawn when they are asked for
_KEPT_BYTES = 512 * 2**20  # drawn splits kept for the next task that asks for the same


@dataclass(frozen=True)
class Request:
    """What `load_task` was asked for; a loader reads what it needs."""

    name: str
    per_class: int = 20
    seed: int = 0
    style: str = "photo"
    size: int = 64
    valid_per_class: int = 20
    test_per_class: int = 40
    classes: tuple[int, ...] | None = None
    source: str = "zukan"
    lang: str | None = None
    test_lang: str | None = None


@dataclass(frozen=True)
class Entry:
    """A line of the catalogue."""

    name: str
    kind: str  # "image" or "text"
    classes: int
    description: dict[str, str]
    licence: str
    source: str = "zukan"  # "zukan": comes with the course; "public": downloaded
    attributes: int = 0
    loader: str = field(default="tlhelpers.data.catalog:load_drawn", repr=False)


# Tasks that are not drawn. A loader "module:function" takes a Request and returns a Task.
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
        loader="tlhelpers.data.digits:load_digits_task",
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
        loader="tlhelpers.data.sounds:load_sounds",
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
        loader="tlhelpers.data.text:load_text",
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
        loader="tlhelpers.data.text:load_text",
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
    entry = _find(name, source)
    for argument, value in (
        ("per_class", per_class),
        ("valid_per_class", valid_per_class),
        ("test_per_class", test_per_class),
    ):
        if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
            raise ValueError(text("catalog.bad_count", argument=argument, value=value))
    if style not in STYLES:
        raise ValueError(_unknown("zukan.no_style", style, STYLES))
    if size not in zukan.SIZES:
        least, most, step = zukan.SIZES[0], zukan.SIZES[-1], zukan.SIZES.step
        raise ValueError(text("zukan.no_size", size=size, least=least, most=most, step=step))
    if classes is not None:
        classes = tuple(classes)
        whole = all(isinstance(c, Integral) and 0 <= c < entry.classes for c in classes)
        if not classes or not whole or len(set(classes)) != len(classes):
            raise ValueError(
                text("task.classes_unknown", keep=list(classes), last=entry.classes - 1)
            )
    module, function = entry.loader.split(":")
    return getattr(importlib.import_module(module), function)(
        Request(
            name,
            per_class,
            seed,
            style,
            size,
            valid_per_class,
            test_per_class,
            classes,
            source,
            lang,
            test_lang,
        )
    )


def load_drawn(asked: Request) -> Task:
    """A task of the drawn world."""
    domain = zukan.DOMAINS[asked.name]
    chosen = asked.classes or tuple(range(domain.num_classes))

    def split(per_class: int, first: int, seed: int) -> Split:
        return _split(asked.name, chosen, per_class, first, seed, asked.size, asked.style)

    settings = "/".join(
        str(part)
        for part in (
            asked.name,
            asked.per_class,
            asked.seed,
            asked.style,
            asked.size,
            asked.valid_per_class,
            asked.test_per_class,
        )
    )
    keep = [int(c) for c in chosen]
    kept = "" if asked.classes is None else f"[{','.join(map(str, keep))}]"
    return Task(
        name=asked.name,
        train=split(asked.per_class, 0, asked.seed),
        valid=split(asked.valid_per_class, VALID_FIRST, 0),
        test=split(asked.test_per_class, TEST_FIRST, 0),
        classes={lang: [names[c] for c in keep] for lang, names in domain.classes.items()},
        attributes=None if domain.attributes is None else domain.attributes[keep],
        attribute_names=domain.attribute_names,
        licence=domain.licence,
        source=text("catalog.drawn", name=asked.name),
        fingerprint=f"zukan-{drawing_code()}/{settings}{kept}",
    )


@functools.cache
def drawing_code() -> str:
    """A hash of the code that draws: pictures are the same while it is."""
    folder = Path(zukan.__file__).parent
    code = b"".join(path.read_bytes() for path in sorted(folder.glob("*.py")))
    return hashlib.sha256(code).hexdigest()[:12]


_kept: OrderedDict[tuple, Tensor] = OrderedDict()


def _split(
    name: str,
    chosen: tuple[int, ...],
    per_class: int,
    first: int,
    seed: int,
    size: int,
    style: str,
) -> Split:
    """Row r shows class r % k with the number first + r // k, for k chosen classes."""
    k = len(chosen)
    labels = torch.arange(k).repeat(per_class)
    numbers = torch.tensor(chosen)

    def draw(rows: Tensor) -> Tensor:
        rows = rows.cpu()
        return zukan.draw(name, numbers[rows % k], first + rows // k, seed, size, style)

    if len(labels) * size * size > HELD_IN_MEMORY * 64 * 64:
        return Split(draw, labels)
    key = (name, chosen, per_class, first, seed, size, style)
    if key not in _kept:
        _kept[key] = draw(torch.arange(len(labels)))
        while sum(kept.nbytes for kept in _kept.values()) > _KEPT_BYTES and len(_kept) > 1:
            _kept.popitem(last=False)
    _kept.move_to_end(key)
    return Split(_kept[key], labels)


@dataclass
class TaskTable:
    """The catalogue as a table: prints as text, shows as HTML in a notebook."""

    entries: list[Entry]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def to_dict(self) -> dict[str, list[dict]]:
        return {"entries": [asdict(entry) for entry in self.entries]}

    def to_frame(self):
        """The table as a pandas.DataFrame."""
        import pandas

        return pandas.DataFrame(self._rows(), columns=self._headings())

    def _headings(self) -> list[str]:
        columns = ("name", "kind", "classes", "attributes", "origin", "licence", "description")
        return [text(f"catalog.{column}") for column in columns]

    def _rows(self) -> list[list[str]]:
        return [
            [
                e.name,
                text(f"catalog.kind_{e.kind}"),
                str(e.classes),
                str(e.attributes or "-"),
                text(f"catalog.origin_{e.source}"),
                e.licence,
                e.description[language()],
            ]
            for e in self.entries
        ]

    def __str__(self) -> str:
        return "\n".join("  ".join(row) for row in [self._headings(), *self._rows()])

    def _repr_html_(self) -> str:
        def line(tag: str, cells: list[str]) -> str:
            style = ' style="text-align:left"'
            return "".join(f"<{tag}{style}>{html.escape(cell)}</{tag}>" for cell in cells)

        head = f"<tr>{line('th', self._headings())}</tr>"
        body = "".join(f"<tr>{line('td', row)}</tr>" for row in self._rows())
        return f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"


def list_tasks() -> TaskTable:
    """Every task that `load_task` knows."""
    from tlhelpers.data.public import public_entries  # which needs this module

    drawn = [
        Entry(
            name=name,
            kind="image",
            classes=domain.num_classes,
            description=domain.description or {"en": "", "ja": ""},
            licence=domain.licence,
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
