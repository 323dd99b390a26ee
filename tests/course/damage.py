"""Runs commands with every file that they read damaged in turn; prints what is no sentence of ours.

    python -P damage.py CLONE [share of the cases, 0 to 1, or "kinds"] [commands, all unless named]

"kinds" tries every damage on one file of each kind: those of one suffix in one folder.

Which files a command reads is not listed anywhere: a hook notes what it opens. Each case runs in a
child of this process, so that the imports are paid once. Whatever ends in another exception than
ours, in silence with an error status, or not at all, is a finding.
"""

import contextlib
import itertools
import json
import os
import random
import shutil
import signal
import sys
import traceback
from pathlib import Path

ROOT = Path(sys.argv[1])
sys.path.insert(0, str(ROOT))
os.chdir(ROOT)

from tlhelpers.course import (  # noqa: E402 - of the clone that was named
    cli,
    lab,
    trial,  # noqa: F401 - torch is imported once, before the children
)

lab.run_child = lambda line, variables: 0

# What each command is given; the others start programs of their own or train for minutes.
COMMANDS = {
    "lab": ["--lang", "en", "--no-browser"],
    "doctor": ["--json"],
    "reset": ["02"],
    "progress": [],
    "progress --merge": ["--merge", "room"],
    "try": ["photos", "--minutes", "0", "--size", "32", "--backbone", "zukan-resnet"],
    "predict": ["model", "photos/a/0.png", "photos/a/1.png"],
    "fetch": ["--list", "--lesson", "02"],
    "mirror": ["make", "stick", "--list", "--lesson", "02"],
    "build": ["00", "--check"],
    "new": ["77", "a_new_one"],
    "results": ["--check"],
    "api": [],
}
LEFT_OUT = {"test", "pretrain", "measure", "bench", "book", "slides", "room"}
SECONDS = 60


def pipe(path: Path, content: bytes) -> None:
    os.mkfifo(path)


def folder(path: Path, content: bytes) -> None:
    path.mkdir()


def loop(path: Path, content: bytes) -> None:
    path.symlink_to(path.name)


def gone(path: Path, content: bytes) -> None:
    """Leaves nothing behind."""


def as_bytes(change):
    return lambda path, content: path.write_bytes(change(content))


DAMAGES = {
    "empty": as_bytes(lambda content: b""),
    "cut": as_bytes(lambda content: content[: len(content) // 2]),
    "zeros": as_bytes(lambda content: bytes(len(content))),
    "noise": as_bytes(lambda content: random.Random(0).randbytes(200)),
    "latin": as_bytes(lambda content: content + b"\n\xe9\xff"),
    "utf-16": as_bytes(lambda content: content.decode("latin-1").encode("utf-16")),
    "conflict": as_bytes(lambda content: b"<<<<<<< HEAD\n" + content + b"\n>>>>>>> theirs\n"),
    "null": as_bytes(lambda content: b"null"),
    "list": as_bytes(lambda content: b"[]"),
    "number": as_bytes(lambda content: b"3"),
    "nested": as_bytes(lambda content: b"[" * 200_000),
    "nested objects": as_bytes(lambda content: b'{"a":' * 100_000),
    "object": as_bytes(
        lambda content: b'{"cells": [3], "exercises": 1, "quizzes": [], "rows": {}}'
    ),
    "pipe": pipe,
    "folder": folder,
    "loop": loop,
    "gone": gone,
}


def child(arguments, work) -> tuple[int, str]:
    """(status, what it wrote) of `work` in a child; status -1 where it did not end."""
    said = ROOT / "said.txt"
    number = os.fork()
    if number == 0:
        status = 99
        with open(said, "w", encoding="utf-8", errors="replace") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            sys.stdout = sys.stderr = file
            signal.alarm(SECONDS)
            try:
                status = work(arguments)
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else 1
            except BaseException:
                traceback.print_exc(file=file)
        os._exit(status)
    _, ended = os.waitpid(number, 0)
    status = os.WEXITSTATUS(ended) if os.WIFEXITED(ended) else -1
    return status, said.read_text(encoding="utf-8", errors="replace")


def files_read(arguments) -> set[Path]:
    """The files of the clone, its code aside, that this command opens."""
    noted = ROOT / "noted.txt"

    def work(arguments) -> int:
        found = set()

        def note(event, values):
            if event == "open" and isinstance(values[0], (str, bytes)):
                found.add(os.path.abspath(os.fsdecode(values[0])))

        sys.addaudithook(note)
        try:
            return cli.main(arguments)
        finally:
            noted.write_text("\n".join(sorted(found)))

    noted.unlink(missing_ok=True)
    child(arguments, work)
    here = [Path(line) for line in noted.read_text().splitlines()]
    code = (ROOT / "tlhelpers", noted, ROOT / "said.txt")
    return {
        path
        for path in here
        if path.is_relative_to(ROOT) and not any(path.is_relative_to(one) for one in code)
    }


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def damaged(file: Path, damage: str, kept: Path):
    """The file is spoiled; afterwards it is what it was, and so is what commands keep for later."""
    content = file.read_bytes()
    remove(file)
    DAMAGES[damage](file, content)
    yield
    remove(file)
    for place in ("work", "cache"):
        shutil.rmtree(ROOT / place)
        shutil.copytree(kept / place, ROOT / place)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def cases(files: list[Path], share: str, chosen: random.Random) -> list[tuple[Path, str]]:
    """The files and the damage that each is to suffer."""
    if share != "kinds":
        every = itertools.product(files, DAMAGES)
        return [case for case in every if chosen.random() < float(share)]
    kinds: dict[tuple[Path, str], list[Path]] = {}
    for file in files:
        kinds.setdefault((file.parent, file.suffix), []).append(file)
    return [(chosen.choice(alike), damage) for alike in kinds.values() for damage in DAMAGES]


def main(share: str, asked: list[str]) -> int:
    assert set(asked) <= set(COMMANDS)
    assert set(COMMANDS) - {"progress --merge"} | LEFT_OUT == set(cli.available())
    commands = {name: [name.split()[0], *COMMANDS[name]] for name in asked or COMMANDS}
    read = {name: files_read(line) | files_read(line) for name, line in commands.items()}
    kept = ROOT.with_name("kept")
    for place in ("work", "cache"):
        shutil.copytree(ROOT / place, kept / place)
    chosen, tried, findings = random.Random(os.environ.get("SEED", "0")), 0, 0
    for name, line in commands.items():
        files = sorted(file for file in read[name] if file.is_file())
        print(f"{name}: {len(files)} files", flush=True)
        for file, damage in cases(files, share, chosen):
            with damaged(file, damage, kept):
                status, said = child(line, cli.main)
            tried += 1
            if status in (-1, 99) or "Traceback" in said or (status and not said.strip()):
                findings += 1
                last = (said.strip().splitlines() or ["no end"])[-1]
                where = file.relative_to(ROOT)
                print(f"FINDING {name} | {where} {damage} | {status} {last[:300]}", flush=True)
    print(json.dumps({"tried": tried, "findings": findings}))
    return int(findings > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[2] if len(sys.argv) > 2 else "1", sys.argv[3:]))
