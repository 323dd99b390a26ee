"""The table of lessons in README.md and README.ja.md, made of `lesson.toml`."""

from __future__ import annotations

from pathlib import Path

from tlhelpers.course.syllabus import lessons
from tlhelpers.runtime.places import ROOT

PAGES = {"en": "README.md", "ja": "README.ja.md"}
HEADS = {
    "en": "| No | Lesson | Minutes | You measure |\n|---|---|---|---|\n",
    "ja": "| 番号 | レッスン | 分 | 測るもの |\n|---|---|---|---|\n",
}


def with_table(page: str, lang: str) -> str:
    """The page with its table as it is today. Raises ValueError where it has no such table."""
    head = HEADS[lang]
    before, found, after = page.partition(head)
    if not found:
        raise ValueError(f"{PAGES[lang]} has no table that begins with {head.splitlines()[0]}")
    rows = [
        f"| {number} | {one.title[lang]} | {one.minutes} | {one.measures[lang]} |\n"
        for number, one in lessons().items()
    ]
    return before + head + "".join(rows) + after[after.index("\n\n") + 1 :]


def write_tables(folder: Path = ROOT) -> None:
    """Brings the tables of both pages up to date."""
    for lang, name in PAGES.items():
        file = folder / name
        page = file.read_text(encoding="utf-8")
        if (wanted := with_table(page, lang)) != page:
            file.write_text(wanted, encoding="utf-8", newline="\n")
