"""What a loader of a task is asked for, and the line of the catalogue that names it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tlhelpers.data.task import Task


@dataclass(frozen=True)
class Request:
    """What `load_task`, which says the defaults, was asked for; a loader reads what it needs."""

    name: str
    per_class: int
    seed: int
    style: str
    size: int
    valid_per_class: int
    test_per_class: int
    classes: tuple[int, ...] | None
    source: str
    lang: str | None
    test_lang: str | None


@dataclass(frozen=True)
class Entry:
    """A line of the catalogue."""

    name: str
    kind: str  # "image", "text" or "sound"
    classes: int
    description: dict[str, str]
    licence: str
    load: Callable[[Request], Task] = field(repr=False)
    source: str = "zukan"  # "zukan": comes with the course; "public": downloaded
    attributes: int = 0
