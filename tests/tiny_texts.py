"""Texts of two classes, small enough for tests: what is told apart are their nouns."""

import csv
import io
import random

NOUNS = {
    "billing": ["invoice", "refund", "payment", "charge", "fee", "bank", "price", "receipt"],
    "delivery": ["parcel", "courier", "address", "box", "driver", "lorry", "doorstep", "tracking"],
}
WORDS = ["please", "my", "the", "new", "old", "today", "late", "wrong", "again", "never", "still"]
WORDS += ["really", "about", "was", "is", "not"]


def rows(count=20, seed=0, classes=NOUNS) -> list[dict[str, str]]:
    """`count` texts of each class, no two nearly alike."""
    draw = random.Random(seed)
    return [
        {"text": " ".join([*draw.sample(nouns, 3), *draw.sample(WORDS, 6)]), "label": label}
        for label, nouns in classes.items()
        for _ in range(count)
    ]


def as_csv(records, sep=",", end="\r\n") -> str:
    out = io.StringIO(newline="")
    table = csv.DictWriter(out, list(records[0]), delimiter=sep, lineterminator=end)
    table.writeheader()
    table.writerows(records)
    return out.getvalue()
