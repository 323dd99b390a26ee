"""The lessons, found by their folders in `tlhelpers/lessons`: nothing else lists them.

README's tables, the map of the course, titles and downloads are all made of their `lesson.toml`;
`planned.toml` beside the folders names the lessons to come.

    lesson("03").title["en"]         "Fine-tuning"
    part("03", "checks")             the module tlhelpers.lessons.fine_tuning.checks, or None

A part is imported by its name when it is asked for, so that the machinery of the course knows
nothing of any lesson.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from tlhelpers.runtime.language import text
from tlhelpers.runtime.places import PACKAGE

FOLDER = PACKAGE / "lessons"


@dataclass(frozen=True)
class Lesson:
    """What `lesson.toml` says of a lesson; `title`, `short` and `measures` by language.

    part: of the course, such as "core". short: the title on the map. downloads: the public data
    sets and networks that it may fetch, by the names of their catalogues. catch_up: the keys of the
    "cells" that whoever fell behind runs, and the heading where one goes on ("join"); without it,
    any section.
    """

    number: str
    slug: str
    part: str
    title: dict[str, str]
    short: dict[str, str]
    measures: dict[str, str] = field(default_factory=dict)
    minutes: int = 60
    downloads: tuple[str, ...] = ()
    catch_up: dict = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return FOLDER / self.slug

    @property
    def name(self) -> str:
        """Of its source and notebooks, such as "03_fine_tuning"."""
        return f"{self.number}_{self.slug}"


@functools.cache
def lessons() -> dict[str, Lesson]:
    """{number: lesson}, in the order of the numbers."""
    found = {}
    for file in FOLDER.glob("*/lesson.toml"):
        told = tomllib.loads(file.read_text(encoding="utf-8"))
        told["downloads"] = tuple(told.get("downloads", ()))
        found[told["number"]] = Lesson(slug=file.parent.name, **told)
    return dict(sorted(found.items()))


@functools.cache
def course_map() -> dict[str, Lesson]:
    """The lessons, and those to come, which have no slug yet; in the order of their numbers."""
    planned = tomllib.loads((FOLDER / "planned.toml").read_text(encoding="utf-8"))
    to_come = {number: Lesson(number, slug="", **told) for number, told in planned.items()}
    return dict(sorted((to_come | lessons()).items()))


def part(number: str, name: str) -> ModuleType | None:
    """A module of a lesson, such as part("03", "checks"); None where the lesson has none."""
    if number not in lessons():
        return None
    module = f"tlhelpers.lessons.{lessons()[number].slug}.{name}"
    return importlib.import_module(module) if importlib.util.find_spec(module) else None


def figures(number: str) -> ModuleType:
    """The figures of a lesson, drawn from its stored results: `tl.figures("03").draw_rates(...)`.

    Raises ValueError where no lesson of this number has any.
    """
    found = part(number, "figures")
    if found is None:
        known = ", ".join(number for number in lessons() if part(number, "figures"))
        raise ValueError(text("syllabus.no_figures", number=number, known=known))
    return found
