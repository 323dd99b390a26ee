"""The lessons, found by their folders in `tlhelpers/lessons`: nothing else lists them.

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

from tlhelpers.runtime.places import PACKAGE

FOLDER = PACKAGE / "lessons"


@dataclass(frozen=True)
class Lesson:
    """What `lesson.toml` says of a lesson; `title` and `measures` by language.

    part: of the course, such as "core". hub: repositories of models that it may download.
    """

    number: str
    slug: str
    part: str
    minutes: int
    title: dict[str, str]
    measures: dict[str, str]
    hub: tuple[str, ...] = field(default=())

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
        told["hub"] = tuple(told.get("hub", ()))
        found[told["number"]] = Lesson(slug=file.parent.name, **told)
    return dict(sorted(found.items()))


def part(number: str, name: str) -> ModuleType | None:
    """A module of a lesson, such as part("03", "checks"); None where the lesson has none."""
    if number not in lessons():
        return None
    module = f"tlhelpers.lessons.{lessons()[number].slug}.{name}"
    return importlib.import_module(module) if importlib.util.find_spec(module) else None
