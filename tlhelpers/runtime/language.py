"""Which language the learner reads, and every sentence the package says in it.

The sentences of a room live in its `sentences.toml`, beside its code, one table a sentence:

    [engine.loss_not_finite]
    en = "The loss became {value} at step {step}. Try a learning rate ten times smaller."
    ja = "ステップ {step} で損失が {value} になりました。学習率を10分の1にしてみてください。"

`text("engine.loss_not_finite", value="nan", step=12)` gives the one for the learner.
Only the standard library is used here: `doctor` must speak where nothing else imports.
"""

import functools
import locale
import os
import tomllib
from pathlib import Path

from tlhelpers.runtime.places import PACKAGE

LANGUAGES = ("ja", "en")


def language() -> str:
    """ "ja" or "en": `TLHELPERS_LANG`, else the folder of the notebook, else the system's."""
    asked = os.environ.get("TLHELPERS_LANG", "").lower()[:2]
    if asked in LANGUAGES:
        return asked
    for part in reversed(Path.cwd().parts):
        if part in LANGUAGES:
            return part
    return system_language()


def system_language() -> str:
    """The language of the desktop or shell: "ja" where it is Japanese, else "en"."""
    names = [os.environ.get(v, "") for v in ("LC_ALL", "LC_MESSAGES", "LANG")]
    names.append(locale.getlocale()[0] or "")
    chosen = next((name for name in names if name), "")
    return "ja" if chosen.lower().startswith("ja") else "en"


@functools.cache
def catalogue() -> dict[str, dict[str, str]]:
    """Every sentence: {"room.key": {"en": ..., "ja": ...}}."""
    sentences = {}
    for path in sorted(PACKAGE.rglob("sentences.toml")):
        for room, keys in tomllib.loads(path.read_text(encoding="utf-8")).items():
            for key, pair in keys.items():
                sentences[f"{room}.{key}"] = pair
    return sentences


def text(key: str, /, **values: object) -> str:
    """The sentence `key` in the learner's language, its {placeholders} filled from `values`.

    Raises KeyError where no room has such a sentence: a mistake of ours.
    """
    return catalogue()[key][language()].format(**values)
