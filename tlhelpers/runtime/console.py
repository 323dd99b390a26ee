"""The terminal: which language it is spoken to in, and sentences that it can always print.

This file parses on Python 3.8 and needs nothing but the standard library: it is what speaks where
the course cannot run.
"""

import locale
import os
import re
import sys


def prepare_console(arguments: list) -> None:
    """Makes `--lang` the language of all that follows, and every sentence printable."""
    words = " ".join(arguments).split(" -- ")[0].replace("--lang=", "--lang ").split()
    if "--lang" in words[:-1]:
        os.environ["TLHELPERS_LANG"] = words[words.index("--lang") + 1]
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a console that lacks a character shows "?" for it
            stream.reconfigure(errors="replace")


def printable(words: str) -> str:
    """The words without what a terminal obeys: escapes, other controls, turned directions.

    Names of files and classes come from strangers; bytes that are no text become "\ufffd" as well.
    """
    return re.sub("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", "\ufffd", words)


def chosen_language() -> str:
    """ "ja" or "en": `TLHELPERS_LANG`, else the system's."""
    asked = [os.environ.get(v) for v in ("TLHELPERS_LANG", "LC_ALL", "LC_MESSAGES", "LANG")]
    asked.append(locale.setlocale(locale.LC_CTYPE))  # only asks
    first = next((name for name in asked if name), "")
    return "ja" if first.lower().startswith("ja") else "en"
