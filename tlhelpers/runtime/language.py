"""Which language the learner reads, and every sentence the package says in it.

The sentences of a room live in its `sentences.toml`, beside its code, one table a sentence:

    [engine.loss_not_finite]
    en = "The loss became {value} at step {step}. Try a learning rate ten times smaller."
    ja = "ステップ {step} で損失が {value} になりました。学習率を10分の1にしてみてください。"

`text("engine.loss_not_finite", value="nan", step=12)` gives the one for the learner.

The course is written in two languages, `LANGUAGES`. A further one is a folder of its own,
`tlhelpers/translations/fr/`, with a `sentences.toml` of the same tables (`fr = "..."`) and the
prose of lessons; whatever it lacks is said in English, so that a translation can begin small.
Only the standard library is used here: `doctor` must speak where nothing else imports.
"""

import functools
import json
import locale
import os
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from tlhelpers.runtime.places import PACKAGE

LANGUAGES = ("ja", "en")
FALLBACK = "en"  # where a translation says nothing
TRANSLATIONS = PACKAGE / "translations"

Words = TypeVar("Words")


def languages() -> tuple[str, ...]:
    """The two languages of the course and those that a folder of translations is there for."""
    folders = (path.name for path in TRANSLATIONS.glob("[a-z][a-z]") if path.is_dir())
    return (*LANGUAGES, *sorted(set(folders) - set(LANGUAGES)))


def language() -> str:
    """ "ja", "en" or a translation's: `TLHELPERS_LANG`, else what the notebook says of itself, else
    its folder, else the system's.
    """
    known = languages()
    for asked in (os.environ.get("TLHELPERS_LANG", "").lower()[:2], _of_notebook()):
        if asked in known:
            return asked
    try:
        here = Path.cwd().parts
    except OSError:  # the folder was deleted meanwhile
        here = ()
    return next((part for part in reversed(here) if part in known), system_language())


def _of_notebook() -> str:
    """The language that the open notebook names: a copy may lie in a folder of any name.

    VS Code tells the kernel which notebook it is, and so does Jupyter's server; "" elsewhere.
    """
    ask = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = ask and ask()
    named = shell.user_ns.get("__vsc_ipynb_file__") if shell else None
    return _named_in(str(named or os.environ.get("JPY_SESSION_NAME", "")))


@functools.cache
def _named_in(notebook: str) -> str:
    if not notebook.endswith(".ipynb") or not os.path.isfile(notebook):
        return ""
    try:
        with open(notebook, encoding="utf-8") as file:
            return str(json.load(file)["metadata"]["lang"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""


def system_language() -> str:
    """The language of the desktop or shell: "ja" where it is Japanese, else "en"."""
    names = [os.environ.get(v, "") for v in ("LC_ALL", "LC_MESSAGES", "LANG")]
    names.append(locale.getlocale()[0] or "")
    chosen = next((name for name in names if name), "")
    return "ja" if chosen.lower().startswith("ja") else "en"


@functools.cache
def catalogue() -> dict[str, dict[str, str]]:
    """Every sentence: {"room.key": {"en": ..., "ja": ...}}.

    A translation is a stranger's: a file that cannot be read is told and left out, and it speaks
    for no language but its own.
    """
    sentences: dict[str, dict[str, str]] = {}
    written = [path for path in PACKAGE.rglob("sentences.toml") if TRANSLATIONS not in path.parents]
    for path in sorted(written):
        for room, keys in tomllib.loads(path.read_text(encoding="utf-8")).items():
            for key, words in keys.items():
                sentences.setdefault(f"{room}.{key}", {}).update(words)
    for lang in languages()[len(LANGUAGES) :]:
        path = TRANSLATIONS / lang / "sentences.toml"
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        except (OSError, ValueError, RecursionError) as error:
            broken = said(sentences["language.broken"], system_language())
            print(broken.format(file=path, reason=error), file=sys.stderr)
            continue
        for key, words in sentences.items():
            found: object = tables
            for part in (*key.split(".", 1), lang):
                found = found.get(part) if isinstance(found, dict) else None
            if isinstance(found, str):
                words[lang] = found
    return sentences


def said(words: Mapping[str, Words], lang: str = "") -> Words:
    """What stands under the learner's language (or `lang`); in English where nothing does."""
    lang = lang or language()
    return words[lang if lang in words else FALLBACK]


def text(key: str, /, **values: object) -> str:
    """The sentence `key` in the learner's language, its {placeholders} filled from `values`.

    Raises KeyError where no room has such a sentence: a mistake of ours.
    """
    words = catalogue()[key]
    chosen = said(words)
    try:
        return chosen.format(**values)
    except (KeyError, IndexError, ValueError, AttributeError):
        if chosen in (words[lang] for lang in LANGUAGES):
            raise
        return words[FALLBACK].format(**values)  # a translation with a gap of its own
