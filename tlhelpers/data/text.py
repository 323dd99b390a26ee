"""Text tasks: customer enquiries and spam, composed one by one in Japanese and English.

`datasets/text/NAME.tsv` holds one text a line: lang, label, text, split. Rows of `test` are the
locked half, which no tuning reads; training and validation texts are drawn from `dev`. Trained
in one language and tested in another (`test_lang`), a task is transductive: the same question, in
a domain without labels.
"""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from pathlib import Path

import torch

from tlhelpers.data.request import Request
from tlhelpers.data.task import Split, Task
from tlhelpers.runtime.language import LANGUAGES, language, text
from tlhelpers.runtime.places import DATASETS
from tlhelpers.runtime.store import StoreError

LICENCE = "CC BY 4.0"
CLASSES = {
    "enquiries": {
        "billing": ("Payment and billing", "支払い・請求"),
        "delivery": ("Delivery", "配送"),
        "returns": ("Returns and exchanges", "返品・交換"),
        "login": ("Login and account", "ログイン・アカウント"),
        "product": ("About a product", "商品について"),
        "cancel": ("Cancellation and complaints", "解約・苦情"),
    },
    "spam": {
        "ham": ("Not spam", "普通のメッセージ"),
        "spam": ("Spam", "迷惑メッセージ"),
    },
}


@dataclass(frozen=True)
class Row:
    """A line of a table of texts."""

    lang: str
    label: str
    text: str
    split: str  # "dev" or "test"


def load_text(asked: Request) -> Task:
    """The text task asked for. Raises ValueError for an unknown language or too many examples.

    `lang` is the language of the training and validation texts (None: the learner's), `test_lang`
    that of the test texts (None: the same).
    """
    lang = asked.lang or language()
    test_lang = asked.test_lang or lang
    for given in (lang, test_lang):
        if given not in LANGUAGES:
            known = ", ".join(LANGUAGES)
            raise ValueError(text("text_tasks.language", given=given, known=known))
    labels = list(CLASSES[asked.name])
    chosen = [labels[c] for c in asked.classes or range(len(labels))]

    def rows_of(label: str, lang: str, split: str) -> list[Row]:
        return [
            row
            for row in read_rows(asked.name)
            if (row.label, row.lang, row.split) == (label, lang, split)
        ]

    def split_of(rows: list[list[Row]]) -> Split:
        """Rows of each class in turn, so that a part of them holds all classes."""
        turns = [
            (row.text, c)
            for place in range(max(map(len, rows)))
            for c, of_class in enumerate(rows)
            for row in of_class[place : place + 1]
        ]
        return Split([words for words, _ in turns], torch.tensor([c for _, c in turns]))

    train, valid, test = [], [], []
    for label in chosen:
        dev = rows_of(label, lang, "dev")
        half = len(dev) // 2  # the second half of a fixed order is for validation
        order = _order(len(dev), 0)
        if asked.per_class > half:
            raise ValueError(
                text("catalog.too_many", name=asked.name, argument="per_class", most=half)
            )
        pool = [dev[row] for row in order[:half]]
        train.append([pool[row] for row in _order(half, asked.seed)[: asked.per_class]])
        valid.append([dev[row] for row in order[half:]][: asked.valid_per_class])
        test.append(rows_of(label, test_lang, "test")[: asked.test_per_class])
    names = {
        lang: [CLASSES[asked.name][label][column] for label in chosen]
        for column, lang in enumerate(("en", "ja"))
    }
    return Task(
        name=asked.name,
        train=split_of(train),
        valid=split_of(valid),
        test=split_of(test),
        classes=names,
        kind="text",
        licence=LICENCE,
        source=text("text_tasks.source", name=asked.name),
    )


def read_rows(name: str) -> list[Row]:
    """All rows of `datasets/text/NAME.tsv`."""
    return _read(text_folder() / f"{name}.tsv")


def evaluation_texts() -> list[str]:
    """Every text of every task, which no model may have read in its pre-training."""
    return [row.text for name in CLASSES for row in read_rows(name)]


def text_folder() -> Path:
    """`datasets/text` of the clone that this package runs from."""
    folder = DATASETS / "text"
    if not folder.is_dir():
        raise StoreError(text("text_tasks.no_clone", folder=folder))
    return folder


@functools.cache
def _read(path: Path) -> list[Row]:
    with open(path, encoding="utf-8", newline="") as file:
        table = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [Row(**row) for row in table]


def _order(count: int, seed: int) -> list[int]:
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed)).tolist()
