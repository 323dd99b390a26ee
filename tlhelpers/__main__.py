"""`python -m tlhelpers <command>`: sets the course up where that is needed, then runs the command.

This file, `tlhelpers/__init__.py` and `runtime/console.py` parse on Python 3.8 and need nothing but
the standard library, so that an old Python says what is wrong instead of showing a syntax error.
"""

from __future__ import annotations

import os
import subprocess
import sys

from tlhelpers.runtime.console import chosen_language, prepare_console

OLDEST, NEWEST = (3, 11), (3, 14)
# Sentence files need Python 3.11 themselves: this one sentence has to stand here.
UNSUPPORTED = {
    "en": "This is Python {found}; the course needs Python {oldest} to {newest}.\n{remedy}",
    "ja": "これは Python {found} です。必要なのは Python {oldest}〜{newest} です。\n{remedy}",
}
ANOTHER = {
    "en": "This computer has a suitable one. Type: {command}",
    "ja": "使える Python がこのコンピューターにあります。次のように入力してください: {command}",
}
INSTALL = {
    "en": "Install one from https://www.python.org/downloads/ and try again.",
    "ja": "https://www.python.org/downloads/ から入れて、もう一度実行してください。",
}


def suitable_command() -> str | None:
    """How to start a Python of this computer that the course can use, such as "python3.13"."""
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        command = ["py", f"-3.{minor}"] if os.name == "nt" else [f"python3.{minor}"]
        try:
            if subprocess.run([*command, "-c", ""], stderr=subprocess.DEVNULL).returncode == 0:
                return " ".join(command)
        except OSError:  # there is none of this name
            continue
    return None


def unsupported(arguments: list[str]) -> str | None:
    """What to say, and what to do, where this Python is too old or too new; else None."""
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return None
    lang = chosen_language()
    command = suitable_command()
    remedy = INSTALL[lang]
    if command:
        remedy = ANOTHER[lang].format(
            command=" ".join([command, "-m", "tlhelpers", *arguments]),
        )
    found, oldest, newest = (
        f"{major}.{minor}" for major, minor in (sys.version_info[:2], OLDEST, NEWEST)
    )
    return UNSUPPORTED[lang].format(found=found, oldest=oldest, newest=newest, remedy=remedy)


def main() -> int:
    """The exit status: 0 where all went well."""
    prepare_console(sys.argv[1:])
    message = unsupported(sys.argv[1:])
    if message:
        print(message, file=sys.stderr)
        return 1
    from tlhelpers.course import launcher

    return launcher.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
