"""Stored results: runs too long for a cell, kept as JSON with the stamp of what made them.

    python -m tlhelpers results 03          repeat the experiments of lesson 03
    python -m tlhelpers results --stale     those whose code or weights have changed since
    python -m tlhelpers results --verdicts  which verdicts hold under other settings

An experiment is a function in `experiments.py` of a lesson's folder:

    @experiment("03_rates", unit="draws of pictures", seeds=5, labels="40 + 40", settings=VARIED)
    def rates() -> dict: ...

It returns what JSON can hold. `tl.stored("03_rates")` reads it back in a lesson. What stands beside
its name says what the numbers are about, and is stored with them:

    unit       what one number is: of what another seed makes another draw
    seeds      how many such numbers stand behind each mean
    labels     of each class, "5 + 20" where 20 more served to choose settings
    settings   SEARCHED: the data hold the grid and the choice; "searched in NN_topic": that result
               does; IN_EACH_DRAW: each draw chooses on validation examples of its own;
               CROSS_VALIDATED: on the labels themselves; VARIED: settings are what is compared;
               FIXED: there is nothing to set, or it was set before anything was measured
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tlhelpers.course.cli import Parser
from tlhelpers.course.syllabus import lessons, part
from tlhelpers.runtime.language import text
from tlhelpers.runtime.places import RESULTS
from tlhelpers.runtime.stamp import stamp
from tlhelpers.runtime.store import StoreError, read_json, require_writable, write_atomic
from tlhelpers.runtime.table import Table
from tlhelpers.transfer.intervals import interval

SEARCHED, IN_EACH_DRAW, CROSS_VALIDATED = "searched", "in each draw", "cross-validated"
VARIED, FIXED = "varied", "fixed"
VERDICT = ("lesson", "verdict", "setting", "points", "draws", "says")  # columns of `verdicts`


@dataclass(frozen=True)
class Experiment:
    """One stored result: its name, the function that makes it, the networks it uses, and what its
    numbers are about.
    """

    name: str
    make: Callable[[], dict]
    weights: tuple[str, ...]
    about: dict[str, str | int]

    @property
    def path(self) -> Path:
        return RESULTS / f"{self.name}.json"

    @property
    def depends_on(self) -> dict[str, str | list[str]]:
        """What `runtime.stamp.stamp` takes."""
        return {"of": place_of(self.make), "weights": list(self.weights)}

    def stamp(self) -> dict[str, str]:
        """What the result would be stamped with if it were made now."""
        return stamp(place_of(self.make), self.weights)

    def is_stale(self) -> bool:
        """True where the result is missing, or was made with other code or weights."""
        try:
            return read_json(self.path)["stamp"] != self.stamp()
        except (OSError, ValueError, KeyError):
            return True


_known: dict[str, Experiment] = {}


def place_of(make: Callable) -> str:
    """Where a function stands: "tlhelpers.lessons.fine_tuning.experiments:ways"."""
    return f"{make.__module__}:{make.__qualname__}"


def experiment(
    name: str, *, weights: Iterable[str] = ("zukan-resnet",), **about: str | int
) -> Callable:
    """Registers a function as the maker of the stored result `name` ("NN_topic").

    weights: the names of the networks it uses. What code it depends on is found by walking.
    about: unit, seeds, labels and settings, as the head of this module tells.
    """

    def register(make: Callable[[], dict]) -> Callable[[], dict]:
        _known[name] = Experiment(name, make, tuple(weights), about)
        return make

    return register


def experiments(lesson: str | None = None) -> list[Experiment]:
    """All experiments, or those of one lesson ("03"), in the order of their names."""
    for number in lessons():
        part(number, "experiments")
    chosen = [e for name, e in sorted(_known.items()) if lesson is None or name[:2] == lesson]
    if lesson is not None and not chosen:
        raise ValueError(text("results.none", lesson=lesson))
    return chosen


def stored(name: str) -> dict:
    """The data of the stored result `name`, as its experiment returned it.

    Raises FileNotFoundError where it was never made: with the command that makes it.
    """
    path = RESULTS / f"{name}.json"
    if not path.exists():
        raise FileNotFoundError(text("results.missing", name=name, lesson=name[:2]))
    try:
        return read_json(path)["data"]
    except (OSError, ValueError, KeyError) as error:
        raise StoreError(_damaged(path)) from error


def _damaged(path: Path) -> str:
    return text("results.damaged", file=path.name, lesson=path.name[:2])


def make(chosen: Experiment) -> dict:
    """Runs one experiment and stores what it returns; returns the stored record."""
    from tlhelpers.runtime import device

    device.set_threads()
    device.set_seed(0)
    started, worked = time.perf_counter(), time.process_time()
    data = chosen.make()
    record = {
        "name": chosen.name,
        "command": f"python -m tlhelpers results {chosen.name[:2]}",
        "about": chosen.about,
        "stamp": chosen.stamp(),
        "depends_on": chosen.depends_on,
        "seconds": round(time.perf_counter() - started, 1),
        "cpu_seconds": round(time.process_time() - worked, 1),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"{device.pick_device().type}",
        "data": data,
    }
    content = json.dumps(record, ensure_ascii=False, indent=1) + "\n"
    write_atomic(chosen.path, content.encode())
    return record


def compare_stamps(results: Path = RESULTS) -> tuple[list[str], list[str]]:
    """(errors, warnings) about stored results (see `course/results.py`).

    Other weights than today's are an error; code that changed since is a warning, for most
    changes of code change no number.
    """
    errors, warnings = [], []
    for path in sorted(results.glob("**/*.json")):
        try:
            record = read_json(path)
        except (OSError, ValueError):
            errors.append(_damaged(path))
            continue
        held = record.get("stamp")
        if held is None:
            errors.append(text("build.stamp_missing", file=path.name))
            continue
        try:
            today = stamp(**record["depends_on"])
        except (KeyError, TypeError):  # what made it is gone, or it says so in a form of old
            errors.append(text("build.stamp_missing", file=path.name))
            continue
        if held["weights"] != today["weights"]:
            errors.append(text("build.stamp_weights", file=path.name))
        elif held["code"] != today["code"]:
            warnings.append(text("build.stamp_code", file=path.name))
    return errors, warnings


def verdicts() -> Table:
    """Every verdict of `NN_stable` under each setting: the mean of its points and what that says.

    A verdict holds where the interval is above 0, flips where it is below, and is open else.
    """
    rows = Table()
    for path in sorted(RESULTS.glob("*_stable.json")):
        for verdict, settings in stored(path.stem).get("verdicts", {}).items():
            for setting, points in settings.items():
                sure = interval(points)
                says = "holds" if sure.low > 0 else "flips" if sure.high < 0 else "open"
                said = text(f"results.{says}")
                cells = (path.stem[:2], verdict, setting, sure, sure.n, said)
                rows.append(dict(zip(VERDICT, cells, strict=True)))
    return rows


def main(argv: list[str] | None = None) -> int:
    """`tl results [NN ...] [--stale] [--check] [--verdicts]`."""
    parser = Parser("results")
    parser.add_argument("lessons", nargs="*", metavar="NN", help=text("results.help_lessons"))
    parser.add_argument("--stale", action="store_true", help=text("results.help_stale"))
    parser.add_argument("--check", action="store_true", help=text("results.help_check"))
    parser.add_argument("--verdicts", action="store_true", help=text("results.help_verdicts"))
    asked = parser.parse_args(argv)
    if asked.verdicts:
        print(verdicts())
        return 0
    chosen = [e for lesson in asked.lessons or [None] for e in experiments(lesson)]
    if asked.check:
        stale = [e.name for e in chosen if e.is_stale()]
        for name in stale:
            print(text("results.stale", name=name, lesson=name[:2]))
        return int(bool(stale))
    require_writable(RESULTS)
    status = 0
    for one in chosen:
        if asked.stale and not one.is_stale():
            continue
        print(text("results.running", name=one.name), flush=True)
        try:
            record = make(one)
        except StoreError as error:  # its data is no part of the project; the others go on
            print(error, file=sys.stderr)
            status = 1
            continue
        print(text("results.done", name=one.name, seconds=record["seconds"]), flush=True)
    return status
