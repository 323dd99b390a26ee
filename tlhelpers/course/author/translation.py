"""A lesson in a further language: the prose that is there, in English what is not yet.

A translation of the course is one folder, `tlhelpers/translations/fr/`:

    sentences.toml          [engine.loss_not_finite]
                            fr = "..."           of every table of the rooms, or of a few
    03_fine_tuning.py       # %% [markdown] key="task" lang="fr"
                            # ## Le travail ...  of every cell of the lesson, or of a few

`tl build 03 --to fr` writes `lessons/fr/03_fine_tuning.ipynb`. Code is the English one: what its
strings say can be translated when the language joins the sources, as Japanese did.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tlhelpers.course.author.reading import Lesson
from tlhelpers.runtime import language
from tlhelpers.runtime.language import FALLBACK, text


def translations() -> list[str]:
    """The languages that a folder of translations is there for, such as "fr"."""
    return [lang for lang in language.languages() if lang not in language.LANGUAGES]


def translate(lesson: Lesson, lang: str) -> Lesson:
    """The lesson with the prose of `lang` beside its own; complains of what belongs to no cell."""
    prose = _prose(language.TRANSLATIONS / lang / lesson.path.name, lang)
    blocks = [
        replace(
            block,
            sources={**block.sources, lang: prose.get(block.key, block.sources[FALLBACK])},
            alt={**block.alt, lang: block.alt[FALLBACK]} if block.alt else {},
        )
        for block in lesson.blocks
    ]
    translated = Lesson(lesson.path, blocks)
    for key in prose.keys() - {block.key for block in blocks if block.kind == "prose"}:
        translated.complain("translation_stray", key, lang=lang)
    return translated


def missing(lesson: Lesson, lang: str) -> list[str]:
    """The keys of the prose cells that the translation lacks."""
    return [b.key for b in lesson.blocks if b.kind == "prose" and b.sources[lang] == b.code]


def _prose(path: Path, lang: str) -> dict[str, str]:
    """{key: prose} of a file of translations. Raises ValueError where it cannot be read."""
    import jupytext  # takes a second to import, and only translators need it

    if not path.is_file():
        return {}
    try:
        cells = jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent").cells
        return {
            cell.metadata["key"]: cell.source for cell in cells if cell.metadata["lang"] == lang
        }
    except (UnicodeDecodeError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise ValueError(text("build.translation_broken", file=path.name, reason=error)) from error
