"""`tl room`: the course for a room of learners, on one Linux computer that they reach by browser.

    sudo .venv/bin/tl room --names names.txt          a line a learner
    sudo .venv/bin/tl room --seats 30 --host 0.0.0.0
    sudo .venv/bin/tl room --progress                 who is where

Starts JupyterHub with its proxy. Whoever comes in gives a name and the code beside it; each
learner's work lies in a folder that no other learner can enter, and outlives the hub.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import pwd
import shutil
import stat
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tlhelpers.course.cli import Parser
from tlhelpers.course.launcher import run_child
from tlhelpers.course.progress import merge, write_csv
from tlhelpers.course.record import FILE, ProgressError, read
from tlhelpers.course.room import people
from tlhelpers.runtime.language import LANGUAGES, language, text
from tlhelpers.runtime.places import PACKAGE
from tlhelpers.runtime.store import StoreError

STATE, HOMES = Path("/var/lib/tlhelpers-room"), Path("/home")
LOCAL = ("127.0.0.1", "localhost", "::1")


class RoomError(StoreError):
    """The room cannot be opened. The message says why, and what to do."""


def main(arguments: list[str]) -> int:
    """`tl room`. Returns JupyterHub's exit status."""
    parser = Parser("room")
    parser.add_argument("--names", type=Path, help=text("room.help_names"))
    parser.add_argument("--seats", type=int, default=0, help=text("room.help_seats"))
    parser.add_argument("--host", default="127.0.0.1", help=text("room.help_host"))
    parser.add_argument("--port", type=int, default=8000, help=text("lab.help_port"))
    parser.add_argument("--cert", type=Path, help=text("room.help_cert"))
    parser.add_argument("--key", type=Path, help=text("room.help_key"))
    parser.add_argument("--memory", type=float, default=4.0, help=text("room.help_memory"))
    parser.add_argument("--threads", type=int, default=1, help=text("room.help_threads"))
    parser.add_argument("--idle-minutes", type=int, default=120, help=text("room.help_idle"))
    parser.add_argument("--lang", choices=LANGUAGES, help=text("cli.help_lang"))
    parser.add_argument("--state", type=Path, default=STATE, help=text("room.help_state"))
    parser.add_argument("--homes", type=Path, default=HOMES, help=text("room.help_homes"))
    parser.add_argument("--progress", action="store_true", help=text("room.help_progress"))
    asked = parser.parse_args(arguments)
    if os.name != "posix" or os.geteuid() != 0:
        raise RoomError(text("room.needs_root"))
    if asked.progress:
        return show_progress(asked.state)
    settings = prepare(asked)
    variables = dict(os.environ, TLHELPERS_ROOM=json.dumps(settings))
    config = Path(__file__).with_name("config.py")
    os.chdir(asked.state)
    return run_child([sys.executable, "-P", "-m", "jupyterhub", "-f", str(config)], variables)


def prepare(asked: argparse.Namespace) -> dict:
    """Checks what a room needs, lets the learners in, and returns what `config.py` is told.

    Raises RoomError where something lacks; nothing has been started then.
    """
    lacking = [n for n in ("jupyterhub", "jupyterhub_idle_culler") if not _is_there(n)]
    if lacking:
        raise RoomError(text("room.packages", names=", ".join(lacking)))
    proxy = shutil.which("configurable-http-proxy")
    if proxy is None:
        raise RoomError(text("room.no_proxy"))
    for place in (PACKAGE, Path(sys.executable).absolute()):
        if closed := closed_on_the_way(place):
            raise RoomError(text("room.closed", place=place, closed=closed))
    if bool(asked.cert) != bool(asked.key):
        raise RoomError(text("room.cert_and_key"))
    names = people.seats(asked.seats)
    try:
        if asked.names:
            names += asked.names.read_text(encoding="utf-8-sig").splitlines()
        known = people.admit(asked.state, names)
    except (OSError, ValueError) as error:
        raise RoomError(text("room.not_read", reason=error)) from error
    if len(known) < 2:
        raise RoomError(text("room.nobody"))
    scheme = "https" if asked.cert else "http"
    url = f"{scheme}://{asked.host}:{asked.port}/"
    _report(known, url, asked)
    return {
        "url": url,
        "cert": str(asked.cert.resolve()) if asked.cert else "",
        "key": str(asked.key.resolve()) if asked.key else "",
        "state": str(asked.state.resolve()),
        "homes": str(asked.homes.resolve()),
        "proxy": [proxy],
        "memory": asked.memory,
        "threads": asked.threads,
        "idle_minutes": asked.idle_minutes,
        "lang": asked.lang or language(),
    }


def _report(known: dict[str, str], url: str, asked: argparse.Namespace) -> None:
    """The cards to hand out, the address, and how safe the way to it is."""
    width = max(map(len, known))
    for name, code in known.items():
        print(f"  {name:<{width}}  {code}")
    print(text("room.cards", file=asked.state / "people.json"))
    if asked.cert is None:
        key = "room.open_on_this_computer" if asked.host in LOCAL else "room.no_tls"
        print(text(key))
    print(text("room.opening", url=url), flush=True)


def closed_on_the_way(place: Path) -> Path | None:
    """The first folder on the way to `place` that other accounts cannot enter, or None."""
    for folder in reversed(place.resolve().parents):
        if not folder.stat().st_mode & stat.S_IXOTH:
            return folder
    return None


def show_progress(state: Path) -> int:
    """Prints who is where, and which exercises several learners tried and have not passed."""
    stuck: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as work:
        for name in people.read(state):
            try:
                home = Path(pwd.getpwnam(people.account(name)).pw_dir)
                learners = read(home / "transfer-learning" / FILE)
            except (KeyError, OSError, ValueError):  # has not begun
                continue
            for exercise, entry in learners["exercises"].items():
                stuck[exercise] += not entry["passed"]
            copy = Path(work) / f"{people.account(name)}.json"
            copy.write_text(json.dumps({**learners, "name": name}), encoding="utf-8")
        try:
            rows = [learner.row() for learner in merge(Path(work))[0]]
        except ProgressError:
            print(text("room.nobody_began"))
            return 0
    file = state / "progress.csv"
    write_csv(rows, file)
    done = [{k: v for k, v in row.items() if v != "0"} for row in rows]
    for row in done:
        print(" · ".join(f"{k} {v}" if place else v for place, (k, v) in enumerate(row.items())))
    for exercise, count in stuck.most_common():
        if count >= 2:
            print(text("room.stuck", exercise=exercise, count=count))
    print(text("progress.written", path=file))
    return 0


def _is_there(package: str) -> bool:
    return importlib.util.find_spec(package) is not None
