"""From a fresh clone to a running command: finds or makes `.venv`, installs, starts again in it.

Which Python runs a command, in this order:

1. the one that was started, where it already has everything the course needs;
2. the one that was started, after installing into it, where `--here` asks for that;
3. `.venv` in the clone, made and filled on the first start.

A stamp in `.venv` (its path, its Python, a hash of what is required) is written last. Where it is
missing or wrong (an interrupted installation, a moved clone, a `git pull`) the next start repairs
the environment. Commands run as subprocesses with `-P`: were the clone's root on `sys.path`,
its folder `datasets/` would shadow Hugging Face's package of that name.

Only the standard library is used here: this is what runs before anything is installed.
"""

from __future__ import annotations

import errno
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
import time
import tomllib
import urllib.parse
from collections.abc import Iterable
from pathlib import Path

from tlhelpers.course import cli
from tlhelpers.runtime.language import text
from tlhelpers.runtime.places import IN_CLONE, LOCKS, ROOT

VENV = ROOT / ".venv"
STAMP = "tlhelpers-setup.json"

# what a command needs beyond the course itself
EXTRAS = {
    "test": {"test", "book"},
    "bench": {"bench"},
    "book": {"book"},
    "slides": {"book"},
    "room": {"room"},
}
# what works on the sources of the course, and has no place in an installed package
FOR_CLONES = {"test", "build", "new", "book", "slides", "pretrain", "results", "measure", "bench"}
BARE = {"doctor", "reset", "new", "api"}  # commands that the standard library is enough for

# Free space a first installation takes, with what pip unpacks on the way. PyPI's torch for Linux
# brings CUDA along (6.4 GB in all were measured); the others are far smaller.
GIGABYTE = 10**9
NEEDED_WITH_CUDA, NEEDED = 8 * GIGABYTE, 3 * GIGABYTE


class SetupError(Exception):
    """The environment cannot be made. The message says why, and what to do."""


def main(arguments: list[str]) -> int:
    """`python -m tlhelpers ...`: returns the command's exit status."""
    own, rest = _split(arguments)
    here = "--here" in own
    own = [argument for argument in own if argument != "--here"]
    command = own[0] if own else ""
    try:
        if not IN_CLONE:
            return _run_installed(own + rest)
        if command not in cli.available():
            return cli.main(own + rest)
        if {"-h", "--help"} & set(own):
            return _help(own + rest)
        if command in BARE:
            python = _ready_python()
            return cli.main(own + rest) if python is None else _run(python, own + rest)
        return _run(_choose_python(here, EXTRAS.get(command, set())), own + rest)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\n" + text("launcher.interrupted"), file=sys.stderr)
        return 130


def _help(arguments: list[str]) -> int:
    """Says what a command does, and its options where what it needs is installed."""
    try:
        return cli.main(arguments)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "tlhelpers":
            raise
    if (python := _ready_python()) is not None:
        return _run(python, arguments)
    command = arguments[0]
    print(text("launcher.help_later", command=command, about=text(f"cli.about_{command}")))
    return 0


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """What stands before `--` is ours; what follows it is for pytest and the like."""
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:at], arguments[at:]


def _run_installed(arguments: list[str]) -> int:
    """Runs a command of a package that was installed from a wheel: there is nothing to set up."""
    command = arguments[0] if arguments else ""
    if command in FOR_CLONES:
        raise SetupError(text("launcher.needs_clone", command=command))
    if command == "lab":
        arguments = _take_folder(arguments)
    return _run(sys.executable, arguments)


def _take_folder(arguments: list[str]) -> list[str]:
    """Sets TLHELPERS_HOME by `--folder PLACE` or `--folder=PLACE`; returns the other arguments."""
    for at, one in enumerate(arguments):
        name, equals, place = one.partition("=")
        after = at + 1 if equals else at + 2
        if name == "--folder" and after <= len(arguments):
            place = place if equals else arguments[at + 1]
            if place.strip():  # an empty one is told by the command
                os.environ["TLHELPERS_HOME"] = str(Path(place).expanduser().absolute())
                return arguments[:at] + arguments[after:]
    return arguments


# --- which Python -------------------------------------------------------------------------


def _choose_python(here: bool, extras: set[str]) -> str:
    """The Python that has what the course and these extras need, once this returns."""
    inside_own = VENV.is_dir() and VENV.samefile(sys.prefix)
    if not inside_own:
        lacking = lacks(extras)
        if not lacking:
            return sys.executable
        if here:
            _refuse_managed()
            _install(sys.executable, extras)
            return sys.executable
        if sys.prefix != sys.base_prefix or os.environ.get("CONDA_PREFIX") == sys.prefix:
            print(text("launcher.active_lacks", names=", ".join(lacking[:4])), flush=True)
    return _own_python(extras)


def lacks(extras: set[str]) -> list[str]:
    """What the Python that runs this lacks of the course's requirements (none: [])."""
    if not _is_installed_here():
        return ["tlhelpers"]
    from packaging.requirements import Requirement

    project = _project()
    wanted = list(project["dependencies"])
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    missing = []
    for requirement in map(Requirement, wanted):
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(str(requirement))
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            missing.append(str(requirement))
    return missing


def _is_installed_here() -> bool:
    """True where this Python has this very clone installed, with `pip install -e`."""
    if importlib.util.find_spec("packaging") is None:
        return False
    for distribution in importlib.metadata.distributions(name="tlhelpers"):
        origin = json.loads(distribution.read_text("direct_url.json") or "{}")
        path = urllib.parse.unquote(urllib.parse.urlsplit(origin.get("url", "")).path)
        if origin.get("dir_info", {}).get("editable") and path:
            path = path.lstrip("/") if os.name == "nt" else path
            if Path(path).resolve() == ROOT:
                return True
    return False


def _refuse_managed() -> None:
    """A system's own Python (PEP 668) is left alone, even with --here."""
    marker = Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED"
    if sys.prefix == sys.base_prefix and marker.exists():
        raise SetupError(text("launcher.managed", python=sys.executable))


# --- the environment of the clone ---------------------------------------------------------


def _python_of(venv: Path) -> str:
    return str(venv / "Scripts" / "python.exe" if os.name == "nt" else venv / "bin" / "python")


def _version_of(python: str) -> str | None:
    """ "3.12", or None where this Python does not run (any more)."""
    command = [python, "-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def _requirements_hash() -> str:
    """Changes when a `git pull` brings other requirements, and not when it changes other lines."""
    project = _project()
    asked = [project.get(key) for key in ("dependencies", "optional-dependencies", "scripts")]
    files = [ROOT / "constraints.txt", *sorted(LOCKS.glob("*.txt"))]
    pins = [file.read_text(encoding="utf-8").splitlines() for file in files]
    return hashlib.sha256(json.dumps([asked, pins]).encode()).hexdigest()


def _read_stamp() -> dict:
    try:
        stamp = json.loads((VENV / STAMP).read_text(encoding="utf-8"))
        {*stamp.get("extras", [])}  # raises where these are no words
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}
    return stamp


def _write_stamp(**values: object) -> None:
    values["path"] = str(VENV)
    (VENV / STAMP).write_text(json.dumps(values), encoding="utf-8")


def _is_whole(stamp: dict) -> bool:
    """True where the environment was finished, lies where it was made, and still runs."""
    return (
        stamp.get("path") == str(VENV)
        and "requirements" in stamp
        and stamp.get("python") == _version_of(_python_of(VENV))
    )


def _ready_python() -> str | None:
    """The Python of `.venv` if nothing has to be done first, else None."""
    stamp = _read_stamp()
    ready = stamp.get("requirements") == _requirements_hash() and _is_whole(stamp)
    return _python_of(VENV) if ready else None


def _own_python(extras: set[str]) -> str:
    """The Python of `.venv`, which is made, filled or repaired where that is needed."""
    stamp = _read_stamp()
    if extras <= set(stamp.get("extras", [])) and (python := _ready_python()):
        return python
    started = time.monotonic()
    try:
        made = _is_ours(stamp)
        if made and not _is_whole(stamp):
            _make()
            stamp = {}
        extras = extras | set(stamp.get("extras", []))
        _write_stamp(made=made)  # without its other lines: not finished
        try:
            _install(_python_of(VENV), extras)
        except SetupError:
            if stamp:  # pip changes nothing before it has everything: what was there still works
                _write_stamp(**stamp)
            raise
        finished = {"python": _version_of(_python_of(VENV)), "extras": sorted(extras)}
        _write_stamp(made=made, requirements=_requirements_hash(), **finished)
    except OSError as error:
        raise SetupError(_disk_message(error)) from error
    seconds = round(time.monotonic() - started)
    print(text("launcher.ready", minutes=seconds // 60, seconds=seconds % 60), flush=True)
    return _python_of(VENV)


def _is_ours(stamp: dict) -> bool:
    """False where somebody else made `.venv`: it is used, but never emptied."""
    if not VENV.is_dir() or stamp.get("made") or not any(VENV.iterdir()):
        return True
    if _version_of(_python_of(VENV)) not in {f"3.{minor}" for minor in range(11, 15)}:
        raise SetupError(text("launcher.foreign_venv", folder=VENV))
    return False


def _disk_message(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return text("launcher.disk_full", folder=ROOT)
    if isinstance(error, PermissionError) and VENV.exists() and os.access(ROOT, os.W_OK):
        return text("launcher.venv_in_use", folder=VENV)
    return text("launcher.read_only", folder=ROOT, reason=error.strerror)


def _make() -> None:
    """An empty `.venv` in the place of what was left of an earlier one."""
    VENV.mkdir(exist_ok=True)
    _require_space()
    tool = _venv_tool()
    _write_stamp(made=True)  # from here on an interrupted start is known to be ours
    print(text("launcher.making", folder=VENV), flush=True)
    for entry in VENV.iterdir():
        if entry.name != STAMP:
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    # an active environment cannot replace itself: its own Python would be deleted under it
    python = getattr(sys, "_base_executable", sys.executable)
    done = subprocess.run(
        [python, "-m", tool, str(VENV)], env=_environment(), capture_output=True, text=True
    )
    if done.returncode != 0:
        detail = (done.stderr or done.stdout).strip()[-600:]
        raise SetupError(text("launcher.venv_failed", version=_this_version(), detail=detail))


def _this_version() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _venv_tool() -> str:
    """ "venv", or "virtualenv" where Debian left half of it out."""
    if all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        return "venv"
    if importlib.util.find_spec("virtualenv"):
        return "virtualenv"
    raise SetupError(text("launcher.no_venv", version=_this_version()))


def _require_space() -> None:
    needed = NEEDED_WITH_CUDA if sys.platform == "linux" and not _without_cuda() else NEEDED
    free = shutil.disk_usage(VENV).free
    if free < needed:
        raise SetupError(
            text(
                "launcher.no_space",
                folder=ROOT,
                free=f"{free / GIGABYTE:.1f}",
                needed=f"{needed / GIGABYTE:.0f}",
            )
        )


# --- installing ---------------------------------------------------------------------------

NETWORK = re.compile(
    r"NewConnectionError|NameResolution|name resolution|getaddrinfo|Network is unreachable|"
    r"ConnectTimeout|ReadTimeout|ProxyError|SSLError|Connection (broken|reset|refused)|Retrying \("
)
NO_SPACE = re.compile(r"No space left|Errno 28|not enough space|Disk quota exceeded")
NOT_WRITABLE = re.compile(r"Permission denied|Read-only file system|Access is denied|WinError 5\b")
WRONG_HASH = re.compile(r"DO NOT MATCH THE HASHES|not match the hash", re.I)
NO_MATCH = re.compile(r"No matching distribution|ResolutionImpossible|conflicting dependencies")


def _install(python: str, extras: set[str]) -> None:
    """Installs the clone into this Python, with pip's own progress on the screen.

    Only packages whose SHA-256 stands in `locks/` are taken. Where there are none for this
    computer, or others are asked for, this is said; then the versions decide, and at last pip.
    """
    print(text("launcher.installing"), flush=True)
    pip = [python, "-P", "-m", "pip", "install"]
    locks = [LOCKS / f"{name}.txt" for name in ("course", *sorted(extras))]
    if is_locked(locks):
        listed = [part for lock in locks for part in ("--requirement", str(lock))]
        status, errors = _run_pip([*pip, "--require-hashes", *listed])
        if status == 0:  # what builds the clone is in the list: nothing else is fetched
            status, errors = _run_pip(
                [*pip, "--no-deps", "--no-build-isolation", "--editable", "."]
            )
        if status == 0:
            return
        if not _is_unmatched(errors):
            raise SetupError(_explain(errors))
    print(text("launcher.without_hashes"), flush=True)
    target = f".[{','.join(sorted(extras))}]" if extras else "."
    command = [*pip, "--editable", target]
    status, errors = _run_pip([*command, "--constraint", "constraints.txt"])
    if status != 0 and _is_unmatched(errors):
        print(text("launcher.without_pins"), flush=True)
        status, errors = _run_pip(command)
    if status != 0:
        raise SetupError(_explain(errors))


def is_locked(locks: Iterable[Path]) -> bool:
    """True where these files are there, and nobody asks for PyTorch of another make (no CUDA)."""
    return all(lock.is_file() for lock in locks) and not _without_cuda()


def _without_cuda() -> bool:
    """True where the learner named PyTorch's own index of builds without CUDA."""
    names = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL")
    return any("/whl/cpu" in os.environ.get(name, "") for name in names)


def _is_unmatched(errors: str) -> bool:
    """True where pip finds no version for this computer, and not for want of a network."""
    return bool(NO_MATCH.search(errors)) and not NETWORK.search(errors)


def _run_pip(command: list[str]) -> tuple[int, str]:
    """Runs pip; returns its exit status and what it wrote to stderr, which is shown as well."""
    process = subprocess.Popen(command, cwd=ROOT, env=_environment(), stderr=subprocess.PIPE)
    errors: list[str] = []

    def show() -> None:
        for line in process.stderr or ():
            errors.append(line.decode("utf-8", errors="replace"))
            print(errors[-1], end="", file=sys.stderr, flush=True)

    reader = threading.Thread(target=show)
    reader.start()
    try:
        status = process.wait()
    except KeyboardInterrupt:
        process.wait()  # pip was interrupted as well
        raise
    finally:
        reader.join()
    return status, "".join(errors)


def _explain(errors: str) -> str:
    """One sentence for what pip says in many lines."""
    if WRONG_HASH.search(errors):
        return text("launcher.wrong_hash")
    if NO_SPACE.search(errors):
        return text("launcher.disk_full", folder=ROOT)
    if NETWORK.search(errors):
        return text("launcher.no_network")
    if NOT_WRITABLE.search(errors):
        return text("launcher.install_not_writable")
    if NO_MATCH.search(errors):
        return text("launcher.no_match", version=_this_version())
    return text("launcher.install_failed")


# --- running ------------------------------------------------------------------------------


def _environment(python: str | None = None) -> dict[str, str]:
    """The variables a child gets: UTF-8 whatever the locale, and nothing from another Python."""
    variables = dict(os.environ, PYTHONUTF8="1", PIP_USER="0", PIP_DISABLE_PIP_VERSION_CHECK="1")
    if python != sys.executable:
        for name in ("PYTHONHOME", "PYTHONPATH"):
            variables.pop(name, None)
    return variables | _wheels_of_mirror()


def _wheels_of_mirror() -> dict[str, str]:
    """Lets pip install from the mirror alone, where `mirror make --wheels` left packages there.

    As an address, since pip takes a path with a space in it for two paths.
    """
    place = os.environ.get("TLHELPERS_MIRROR", "")
    wheels = Path(os.path.expanduser(place)) / "wheels"
    if not place or not wheels.is_dir():
        return {}
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": wheels.resolve().as_uri()}


def _run(python: str, arguments: list[str]) -> int:
    """Runs the command line in `python`, and leaves Ctrl-C to it."""
    variables = _environment(python)
    variables["PYTHONSAFEPATH"] = "1"  # for the children of the child, too
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    if encoding.lower().replace("-", "") != "utf8":
        variables["PYTHONIOENCODING"] = f"{encoding}:replace"  # what this console can show
    return run_child([python, "-P", "-m", "tlhelpers.course.cli", *arguments], variables)


def run_child(command: list[str], variables: dict[str, str]) -> int:
    """Runs a program to its end and returns its exit status; signals are the child's to handle.

    Ctrl-C reaches parent and child alike; a request to end (SIGTERM) is passed on.
    """
    process = subprocess.Popen(command, env=variables)
    before = signal.signal(signal.SIGTERM, lambda number, frame: process.terminate())
    try:
        while True:
            try:
                status = process.wait()
            except KeyboardInterrupt:
                continue
            return status if status >= 0 else 128 - status
    finally:
        signal.signal(signal.SIGTERM, before)
