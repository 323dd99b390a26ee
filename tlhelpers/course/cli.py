"""The command line: `tl <command>`, or `python -m tlhelpers <command>`, which sets up first.

Each command is a function in a module that is imported when the command is called: help
and `doctor` answer at once, and where nothing is installed yet.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import logging
import os
import sys
import time
from pathlib import Path
from typing import NoReturn

import tlhelpers
from tlhelpers.runtime.console import prepare_console
from tlhelpers.runtime.language import text
from tlhelpers.runtime.store import StoreError, clear_disk_errors

PROGRAM = "python -m tlhelpers"
_began = 0.0  # of the monotonic clock: when the command was asked for, before large imports

# command -> the module and the function that take its arguments and return its exit status
COMMANDS = {
    "lab": ("tlhelpers.course.lab", "main"),
    "test": ("tlhelpers.course.testing", "main"),
    "doctor": ("tlhelpers.course.doctor", "main"),
    "reset": ("tlhelpers.course.workspace", "main"),
    "progress": ("tlhelpers.course.progress", "main"),
    "try": ("tlhelpers.course.trial", "main"),
    "predict": ("tlhelpers.course.exporting", "main_predict"),
    "fetch": ("tlhelpers.course.mirror", "main_fetch"),
    "mirror": ("tlhelpers.course.mirror", "main_mirror"),
    "new": ("tlhelpers.course.new", "main"),
    "build": ("tlhelpers.course.build", "main"),
    "room": ("tlhelpers.course.room.command", "main"),
    "book": ("tlhelpers.course.book.command", "main"),
    "slides": ("tlhelpers.course.book.slides", "main"),
    "api": ("tlhelpers.course.api", "main"),
    "pretrain": ("tlhelpers.course.pretraining", "main"),
    "results": ("tlhelpers.course.results", "main"),
    "measure": ("tlhelpers.course.measure", "main"),
    "bench": ("tlhelpers.course.bench", "main"),
}


class Parser(argparse.ArgumentParser):
    """An argument parser whose sentences are in the learner's language."""

    def __init__(self, command: str):
        about = text(f"cli.about_{command}")
        super().__init__(prog=f"{PROGRAM} {command}", description=about, add_help=False)
        self.register("type", None, _filled)
        self.register("type", Path, lambda given: Path(_filled(given)))
        self.add_argument("-h", "--help", action="help", help=text("cli.help_help"))

    def error(self, message: str) -> NoReturn:
        """Says what is wrong and how the command is used; exit status 2."""
        self.exit(2, f"{self.format_usage()}{text('cli.arguments_wrong', detail=message)}\n")


def _filled(given: str) -> str:
    """What was given: an empty path would be the current folder, and is most often a mistake."""
    if not given.strip():
        raise argparse.ArgumentTypeError(text("cli.empty", given=f"{given!r}"))
    return given


def available() -> dict[str, tuple[str, str]]:
    """The commands whose module is there."""
    return {
        name: place
        for name, place in COMMANDS.items()
        if importlib.util.find_spec(place[0]) is not None
    }


def describe_commands() -> str:
    """What `--help` prints: the commands, and one line on each."""
    lines = [text("cli.about", program=PROGRAM), ""]
    lines += [f"  {name:<10}{text(f'cli.about_{name}')}" for name in available()]
    return "\n".join([*lines, "", text("cli.more", program=PROGRAM)])


def _run(arguments: list[str]) -> int:
    if arguments[:1] == ["--version"]:
        print(f"tlhelpers {tlhelpers.__version__}")
        return 0
    if not arguments or arguments[0].startswith("-"):
        print(describe_commands())
        return 0
    command, *rest = arguments
    if command not in available():
        known = ", ".join(available())
        print(text("cli.unknown", command=command, known=known), file=sys.stderr)
        return 2
    module, function = COMMANDS[command]
    return getattr(importlib.import_module(module), function)(rest) or 0


def began() -> float:
    """When the running command was asked for, by the monotonic clock."""
    return _began


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit status."""
    global _began
    _began = time.monotonic()
    arguments = sys.argv[1:] if arguments is None else arguments
    prepare_console(arguments)
    # in a home without a place for its settings Matplotlib tells how it helped itself
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        status = _run(arguments)
        sys.stdout.flush()
        return status
    except StoreError as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever reads has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.filename is None:  # a mistake of ours shows where it happened
            raise
        try:
            with clear_disk_errors(error.filename):
                raise
        except StoreError as told:
            print(told, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\n" + text("cli.stopped"), file=sys.stderr)
        return 130


if __name__ == "__main__":
    # of the module that the commands import: this one is another copy, with a clock of its own
    from tlhelpers.course import cli

    sys.exit(cli.main())
