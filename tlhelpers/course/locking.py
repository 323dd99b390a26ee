"""Writes `locks/`: every package of an installation with its version and its SHA-256.

    python -m pip install uv
    python -m tlhelpers.course.locking

One file serves Linux, macOS, Windows and every Python of the course: uv resolves for all of them at
once, with the versions of constraints.txt. `course.txt` holds what lessons need, `test.txt` and
`bench.txt` what these extras add. The files name no server: pip takes packages from wherever it is
told to, and refuses those that are not the ones listed.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence

from tlhelpers.runtime.places import LOCKS, ROOT
from tlhelpers.runtime.store import write_atomic

OLDEST = "3.11.5"  # of the Pythons that the versions in constraints.txt are made for
HEAD = "# Written by: python -m tlhelpers.course.locking\n"


def resolve(requirements: Sequence[str]) -> list[str]:
    """An entry for each package that these need: name, version, marker and its files' hashes."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "-", "--universal"]
    command += ["--generate-hashes", "--no-annotate", "--no-header", "--no-emit-index-url"]
    command += ["--python-version", OLDEST, "--constraint", str(ROOT / "constraints.txt")]
    asked = "\n".join(requirements)
    done = subprocess.run(command, input=asked, capture_output=True, text=True, encoding="utf-8")
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return re.findall(r"^\S.*(?:\n .*)*\n", done.stdout, re.M)


def main() -> None:
    """Writes the three files."""
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = whole["project"]
    # what builds the course itself is locked, too: it runs on the learner's computer
    course = [*project["dependencies"], *whole["build-system"]["requires"]]
    locked = resolve(course)
    write_atomic(LOCKS / "course.txt", HEAD + "".join(locked))
    for name, more in project["optional-dependencies"].items():
        added = [entry for entry in resolve([*course, *more]) if entry not in locked]
        write_atomic(LOCKS / f"{name}.txt", HEAD + "".join(added))


if __name__ == "__main__":
    main()
