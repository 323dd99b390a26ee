"""`python -m tlhelpers <command>`: sets the course up where that is needed, then runs the command.

This file and `tlhelpers/__init__.py` parse on Python 3.8 and need nothing but the standard
library, so that an old Python says what is wrong instead of showing a syntax error.
"""

import locale
import os
import subprocess
import sys

OLDEST, NEWEST = (3, 11), (3, 14)
# The catalogues need Python 3.11 themselves: this one sentence has to stand here.
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


def prepare_console(arguments):
    """Makes `--lang` the language of all that follows, and every sentence printable."""
    words = " ".join(arguments).split(" -- ")[0].replace("--lang=", "--lang ").split()
    if "--lang" in words[:-1]:
        os.environ["TLHELPERS_LANG"] = words[words.index("--lang") + 1]
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a console that lacks a character shows "?" for it
            stream.reconfigure(errors="replace")


def chosen_language():
    """ "ja" or "en": `TLHELPERS_LANG`, else the system's."""
    asked = [os.environ.get(v) for v in ("TLHELPERS_LANG", "LC_ALL", "LC_MESSAGES", "LANG")]
    asked.append(locale.setlocale(locale.LC_CTYPE))  # only asks
    first = next((name for name in asked if name), "")
    return "ja" if first.lower().startswith("ja") else "en"


def suitable_command():
    """How to start a Python of this computer that the course can use, such as "python3.13"."""
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        command = ["py", f"-3.{minor}"] if os.name == "nt" else [f"python3.{minor}"]
        try:
            if subprocess.run([*command, "-c", ""], stderr=subprocess.DEVNULL).returncode == 0:
                return " ".join(command)
        except OSError:  # there is none of this name
            continue
    return None


def unsupported(arguments):
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


def main():
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
