"""The lock: the hashes of each pair as last built, so that no side is edited alone unseen."""

from __future__ import annotations

import hashlib

from tlhelpers.course.author.bilingual import words
from tlhelpers.course.author.reading import Block, Lesson
from tlhelpers.runtime.language import LANGUAGES
from tlhelpers.runtime.store import read_json


def _hashes(block: Block) -> dict[str, str]:
    """{language: hash} of the prose, or of those lines of code that differ by language."""
    sources = block.sources if block.kind == "prose" else words(block.sources)
    return {
        lang: hashlib.sha256(source.encode()).hexdigest()[:8]
        for lang, source in sorted(sources.items())
    }


def read_lock(lesson: Lesson) -> dict[str, dict[str, str]]:
    """The hashes as last built; empty where there are none, or none that can be read."""
    try:
        locked = read_json(lesson.lock)
    except (OSError, ValueError):  # none yet, or marks of a merge conflict in it
        return {}
    whole = all(isinstance(pair, dict) for pair in locked.values())
    return locked if whole else {}


def compare_lock(lesson: Lesson, confirm: bool = False) -> dict[str, dict[str, str]]:
    """The lock as it is to be written; complains of pairs of which one side alone changed."""
    locked = read_lock(lesson)
    lock = {}
    for block in lesson.blocks:
        if not block.is_pair:
            continue
        new = _hashes(block)
        old = locked.get(block.key, new)
        changed = [lang for lang in LANGUAGES if new.get(lang) != old.get(lang)]
        if len(changed) == 1 and not confirm:
            lesson.complain(f"one_sided_{changed[0]}", block.key, number=lesson.name[:2])
            new = old
        lock[block.key] = new
    return lock
