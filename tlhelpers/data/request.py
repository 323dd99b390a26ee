"""What a loader of a task is asked for, and the line of the catalogue that names it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tlhelpers.data.task import Task


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
    load: Callable[[Request], Task] = field(repr=False)
    source: str = "zukan"  # "zukan": comes with the course; "public": downloaded
    attributes: int = 0
