"""README's two tables of lessons, made of `lesson.toml`."""

from __future__ import annotations

from pathlib import Path

from tlhelpers.course.syllabus import lessons
from tlhelpers.runtime.places import ROOT

HEADS = {
    "en": "| No | Lesson | Minutes | You measure |\n|---|---|---|---|\n",
    "ja": "| 番号 | レッスン | 分 | 測るもの |\n|---|---|---|---|\n",
}


def with_tables(page: str) -> str:
    """The page with both tables as they are today. Raises ValueError where it has no such table."""
    for lang, head in HEADS.items():
        before, found, after = page.partition(head)
        if not found:
            raise ValueError(f"README.md has no table that begins with {head.splitlines()[0]}")
        rows = [
            f"| {number} | {one.title[lang]} | {one.minutes} | {one.measures[lang]} |\n"
            for number, one in lessons().items()
        ]
        page = before + head + "".join(rows) + after[after.index("\n\n") + 1 :]
    return page


def write_tables(file: Path = ROOT / "README.md") -> None:
    """Brings the tables of the file up to date."""
    page = file.read_text(encoding="utf-8")
    if (wanted := with_tables(page)) != page:
        file.write_text(wanted, encoding="utf-8", newline="\n")
