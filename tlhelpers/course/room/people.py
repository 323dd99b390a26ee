"""Who may come into a room: a name and a code for each learner, and one for the teacher.

Kept in `people.json`, which only the owner can read. A learner's space is an account of the
operating system, named after the learner by a hash: names may be in any script.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is read for something else
LENGTH = 8
TEACHER = "teacher"


def seats(count: int) -> list[str]:
    """seat-01, seat-02, ..."""
    return [f"seat-{number:02d}" for number in range(1, count + 1)]


def normal(name: str) -> str:
    """A name as it is compared: without blanks at its ends, in small letters."""
    return name.strip().lower()


def read(folder: Path) -> dict[str, str]:
    """{name: code}; empty where nobody has been let in yet. Raises ValueError where damaged."""
    file = folder / "people.json"
    if not file.exists():
        return {}
    known = json.loads(file.read_text(encoding="utf-8"))
    if not all(isinstance(word, str) for pair in known.items() for word in pair):
        raise ValueError(file)
    return known


def admit(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Adds these names and the teacher, each with a new code; whoever is known keeps theirs."""
    known = read(folder)
    for name in (TEACHER, *map(normal, names)):
        if name and name not in known:
            known[name] = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / "people.json"
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        json.dump(known, opened, ensure_ascii=False, indent=1)
    return known


def is_right(known: dict[str, str], name: str, code: str) -> bool:
    """Whether this is the code of that name; takes as long where it is not."""
    expected = known.get(normal(name), "")
    given = "".join(code.split()).lower().encode()
    return bool(expected) and secrets.compare_digest(expected.encode(), given)


def account(name: str) -> str:
    """The account of the operating system that holds a learner's work."""
    return f"tl-{hashlib.sha256(normal(name).encode()).hexdigest()[:12]}"
