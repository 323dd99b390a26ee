"""A room without Wi-Fi: everything that lessons download, fetched beforehand.

    tl fetch --lesson 02 14          onto this laptop
    tl fetch --starter               what `lab` fetches by itself: see STARTER
    tl mirror make DIR --lesson 14   into a folder (a USB stick, a file server); with --wheels the
                                     Python packages, too, for the platform and Python named
    TLHELPERS_MIRROR=DIR             makes every download, and `lab`'s installation, come from there

Every file is checked against the checksum that its publisher states, where it states one. A run
that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tlhelpers.course.cli import PROGRAM, Parser
from tlhelpers.course.launcher import is_locked
from tlhelpers.course.syllabus import course_map
from tlhelpers.runtime import store
from tlhelpers.runtime.language import text
from tlhelpers.runtime.places import LOCKS, ROOT
from tlhelpers.runtime.store import StoreError, write_atomic

if TYPE_CHECKING:
    from tlhelpers.models.language_models import HubModel

# What the first `lab` fetches in the background, in megabytes: a real network, real photos (of the
# Earth, ten classes), a real encoder of English texts.
STARTER = {"mobilenet_v2": 14, "eurosat": 94, "sentence-transformers/all-MiniLM-L6-v2": 91}
PLATFORMS = {
    "windows": "win_amd64",
    "mac": "macosx_14_0_arm64",
    "linux": "manylinux_2_28_x86_64",
}
# What a package's conditions ("; sys_platform == 'win32'") see on each of them.
MARKERS = {
    "win": ("win32", "Windows", "nt", "AMD64"),
    "mac": ("darwin", "Darwin", "posix", "arm64"),
    "man": ("linux", "Linux", "posix", "x86_64"),
}
# pip judges these conditions by the computer it runs on, whatever --platform says: it would leave
# out what only Windows needs, and look for Linux's CUDA libraries on Windows.
PIP_ELSEWHERE = """\
import sys
from pip._vendor.packaging import markers
here = markers.default_environment()
markers.default_environment = lambda: {{**here, **{there}}}
from pip._internal.cli.main import main
sys.exit(main())
"""


@dataclass(frozen=True)
class Download:
    """A file that a lesson may need: whose it is, where from, where to, and what it must be."""

    name: str  # the data set or network
    url: str
    target: Path  # where the course looks for it
    sha256: str | None
    md5: str | None
    megabytes: float
    licence: str
    optional: bool = False  # not every repository has it

    def fetch(self, target: Path | None = None) -> Path | None:
        """Brings the file to `target`, or to where the course looks for it."""
        try:
            return store.fetch(self.url, target or self.target, self.sha256, md5=self.md5)
        except StoreError as error:
            if self.optional and (isinstance(error, store.AbsentError) or store.offline()):
                return None
            raise

    def is_here(self) -> bool:
        """True where the course has this file already, and it is right."""
        try:
            store.verify(self.target, self.sha256, md5=self.md5)
        except StoreError:
            return False
        return True


def downloads(
    names: Iterable[str] = (), lessons: Iterable[str] = (), everything: bool = False
) -> list[Download]:
    """The files of these data sets and networks, and of these lessons; each file once.

    Raises ValueError for a name or lesson that nothing is downloaded for.
    """
    from tlhelpers.data.public import public_sets
    from tlhelpers.models.hub import is_hub_name
    from tlhelpers.models.language_models import HUB

    sets, by_lesson = public_sets(), course_map()
    asked = list(dict.fromkeys(names))
    for lesson in lessons:
        wanted = by_lesson[lesson.zfill(2)].downloads if lesson.zfill(2) in by_lesson else ()
        if not wanted:
            known = ", ".join(number for number, one in by_lesson.items() if one.downloads)
            raise ValueError(text("mirror.no_lesson", lesson=lesson, known=known))
        asked += wanted
    of_lessons = [name for one in by_lesson.values() for name in one.downloads]
    if everything:
        asked += [*sets, *of_lessons]
    files: dict[str, Download] = {}
    for name in dict.fromkeys(asked):
        if name in sets:
            found = _of_set(name)
        elif name in HUB:
            found = _of_hub(name)
        elif is_hub_name(name):
            found = _of_repository(name)
        else:
            found = _of_network(name, sorted({*sets, *of_lessons}))
        files |= {file.url: file for file in found if file.url not in files}
    return list(files.values())


def _of_set(name: str) -> list[Download]:
    from tlhelpers.data.public import find_set, folder_of

    line = find_set(name)
    folder = folder_of(line)
    return [
        Download(
            name, file.url, folder / file.name, None, file.md5 or None, file.megabytes, line.licence
        )
        for file in line.files
    ]


def _of_network(name: str, known: Sequence[str]) -> list[Download]:
    from torch import hub
    from torchvision.models import get_model_weights

    from tlhelpers.models.weights import torchvision_sha256

    plain, _, version = name.partition(":")
    try:
        versions = get_model_weights(plain)
        chosen = versions[version] if version else next(iter(versions))
    except (ValueError, KeyError) as error:
        names = ", ".join(known)
        raise ValueError(text("mirror.no_name", name=name, known=names)) from error
    target = Path(hub.get_dir()) / "checkpoints" / chosen.url.rsplit("/", 1)[-1]
    sha, size = torchvision_sha256(chosen.url), chosen.meta["_file_size"]
    return [Download(name, chosen.url, target, sha, None, size, "BSD-3-Clause")]


def _of_hub(name: str) -> list[Download]:
    from tlhelpers.models.language_models import HUB, TOKENIZER_FILES

    return _of_model(name, HUB[name], ("config.json", *TOKENIZER_FILES, "model.safetensors"))


def _of_model(name: str, model: HubModel, files: Sequence[str]) -> list[Download]:
    """These files of a model, most of which it may lack."""
    from tlhelpers.models.language_models import hub_folder
    from tlhelpers.models.weights import hub_sha256

    weights = "model.safetensors"
    return [
        Download(
            name,
            f"https://huggingface.co/{model.repository}/resolve/main/{file}",
            hub_folder(model) / file,
            hub_sha256(model.repository, file),
            None,
            4.0 * model.millions if file == weights else 0.5,
            model.licence,
            optional=file not in (weights, "config.json"),
        )
        for file in files
    ]


def _of_repository(name: str) -> list[Download]:
    """The files of any model of the hub, and the page that tells what it holds.

    Where the page cannot be had, the files of a model that the lessons speak of are those that it
    may have; of any other, StoreError is raised.
    """
    from tlhelpers.models import hub

    name = name.removeprefix(hub.TIMM_PREFIX)
    folder, known = hub.folder_of(name), hub.KNOWN.get(name)
    try:
        found = hub.repository(name)
    except StoreError:
        if known is None:
            raise
        page = Download(name, hub.page_of(name), folder / hub.PAGE, None, None, 0.1, known.licence)
        return [page, *_of_model(name, known, hub.FILES)]
    page = Download(name, hub.page_of(name), folder / hub.PAGE, None, None, 0.1, found.licence)
    return [page] + [
        Download(
            name, file.url, folder / file.name, file.sha256, None, file.size / 1e6, found.licence
        )
        for file in found.files
    ]


# --- telling what will happen -------------------------------------------------------------


def describe(files: Sequence[Download]) -> str:
    """One line for each data set and network, and the total."""
    lines, total = [], 0.0
    for name in dict.fromkeys(file.name for file in files):
        mine = [file for file in files if file.name == name]
        size = sum(file.megabytes for file in mine)
        total += size
        state = text("mirror.here") if all(file.is_here() for file in mine) else ""
        lines.append(f"  {name:<32}{size:>8,.0f} MB  {mine[0].licence}  {state}".rstrip())
    return "\n".join([*lines, text("mirror.total", files=len(files), megabytes=f"{total:,.0f}")])


def _require_space(folder: Path, files: Sequence[Download]) -> None:
    needed = sum(file.megabytes for file in files)
    place = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(place).free / 1e6
    if free < needed:
        values = {"free": f"{free:,.0f}", "needed": f"{needed:,.0f}"}
        raise StoreError(text("mirror.no_space", folder=folder, **values))


# --- filling a folder ---------------------------------------------------------------------


def make_mirror(folder: Path, files: Sequence[Download]) -> list[str]:
    """Fills `folder`; returns a sentence for each file that could not be had."""
    failed = []
    for file in files:
        target = folder / store.mirror_path(file.url)
        try:
            if file.is_here() and (file.sha256 or file.md5):
                store.fetch(file.target, target, file.sha256, md5=file.md5)
            else:
                file.fetch(target)
        except StoreError as error:
            failed.append(f"{file.name}: {error}")
    for file in files:
        _tidy(folder / store.mirror_path(file.url), folder)
    if len(failed) < len(files):
        write_atomic(folder / "README.txt", text("mirror.readme", program=PROGRAM))
    return failed


def _tidy(target: Path, folder: Path) -> None:
    """Takes away the lock of a download that is over, and folders that nothing came into."""
    target.with_name(f"{target.name}.lock").unlink(missing_ok=True)
    for place in target.parents:
        if place == folder or not place.is_dir() or any(place.iterdir()):
            return
        place.rmdir()


def fetch_all(files: Sequence[Download]) -> list[str]:
    """Brings every file to its place; returns a sentence for each that could not be had."""
    failed = []
    for file in files:
        try:
            file.fetch()
        except StoreError as error:
            failed.append(f"{file.name}: {error}")
    return failed


def wheels_command(folder: Path, platform: str | None, python: str | None) -> list[str]:
    """The pip command that fills `folder`/wheels with all that the course needs to install."""
    command = [sys.executable, "-P", *_pip_for(platform, python), "download"]
    command += ["--dest", str(folder / "wheels"), "--only-binary", ":all:"]
    lock = LOCKS / "course.txt"
    if is_locked([lock]):
        needed = ["--require-hashes", "--requirement", str(lock)]
    else:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        needed = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
        needed += ["wheel", "--constraint", str(ROOT / "constraints.txt")]
    if platform:
        command += ["--platform", PLATFORMS.get(platform, platform)]
    if python:
        command += ["--python-version", python]
    return [*command, *needed]


def _pip_for(platform: str | None, python: str | None) -> list[str]:
    """How to start pip so that conditions of packages are judged for that platform and Python."""
    there: dict[str, str] = {}
    if platform and (found := MARKERS.get(PLATFORMS.get(platform, platform)[:3])):
        names = ("sys_platform", "platform_system", "os_name", "platform_machine")
        there |= dict(zip(names, found, strict=True))
    if python:
        there |= {"python_version": python, "python_full_version": f"{python}.0"}
    return ["-c", PIP_ELSEWHERE.format(there=there)] if there else ["-m", "pip"]


def starter_mark() -> Path:
    """The file that is there where the starter pack was fetched whole."""
    return store.cache_folder() / "starter-pack"


def _unpack_starter() -> None:
    """Unpacks the data sets of the pack, so that the first cell that reads them need not."""
    from tlhelpers.data.public import fetch_set, public_sets

    for name in public_sets().keys() & STARTER:
        fetch_set(public_sets()[name])


# --- commands -----------------------------------------------------------------------------


def _choice(parser: Parser) -> None:
    parser.add_argument("names", nargs="*", help=text("mirror.help_names"))
    parser.add_argument("--lesson", nargs="+", default=[], help=text("mirror.help_lesson"))
    parser.add_argument("--all", action="store_true", help=text("mirror.help_all"))
    parser.add_argument("--list", action="store_true", help=text("mirror.help_list"))


def _chosen(asked: argparse.Namespace) -> list[Download]:
    everything = asked.all or (asked.list and not asked.names and not asked.lesson)
    return downloads(asked.names, asked.lesson, everything)


def _say_failures(failed: Sequence[str]) -> int:
    for line in failed:
        print(line, file=sys.stderr)
    if failed:
        print(text("mirror.failed", count=len(failed)), file=sys.stderr)
    return int(bool(failed))


def main_fetch(arguments: list[str]) -> int:
    """`tl fetch NAME ... | --lesson 02 14 | --all`."""
    parser = Parser("fetch")
    _choice(parser)
    parser.add_argument("--starter", action="store_true", help=text("mirror.help_starter"))
    asked = parser.parse_args(arguments)
    if asked.starter:
        asked.names += STARTER
    try:
        files = _chosen(asked)
    except ValueError as error:
        parser.error(str(error))
    if not files:
        parser.error(text("mirror.nothing_asked"))
    print(describe(files), flush=True)
    if asked.list:
        return 0
    missing = [file for file in files if not file.is_here()]
    _require_space(store.cache_folder(), missing)
    failed = fetch_all(missing)
    if asked.starter and not failed:
        _unpack_starter()
        write_atomic(starter_mark(), b"")
    return _say_failures(failed)


def main_mirror(arguments: list[str]) -> int:
    """`tl mirror make DIR ...`."""
    parser = Parser("mirror")
    parser.add_argument("action", choices=["make"], help=text("mirror.help_make"))
    parser.add_argument("folder", type=Path, help=text("mirror.help_folder"))
    _choice(parser)
    parser.add_argument("--wheels", action="store_true", help=text("mirror.help_wheels"))
    parser.add_argument("--platform", help=text("mirror.help_platform"))
    parser.add_argument("--python", help=text("mirror.help_python"))
    asked = parser.parse_args(arguments)
    folder = Path(os.path.expanduser(asked.folder))
    try:
        files = _chosen(asked)
    except ValueError as error:
        parser.error(str(error))
    if not files and not asked.wheels:
        parser.error(text("mirror.nothing_asked"))
    print(describe(files), flush=True)
    if asked.list:
        return 0
    store.require_writable(folder)
    _require_space(folder, files)
    failed = make_mirror(folder, files)
    if asked.wheels:
        print(text("mirror.wheels"), flush=True)
        if subprocess.run(wheels_command(folder, asked.platform, asked.python)).returncode != 0:
            failed.append(text("mirror.wheels_failed"))
    if not failed:
        print(text("mirror.made", folder=folder))
    return _say_failures(failed)
