"""Folders that may be read and not written: every command says so in a sentence, before it works.

Whoever runs the tests as root may write everywhere: each case is a child that gives its rights up.
"""

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tlhelpers.course import bench, cli, measure, progress, results, workspace
from tlhelpers.course.book import command, slides  # noqa: F401 - imported before the children
from tlhelpers.course.exporting import save_model
from tlhelpers.course.trial import try_folder  # noqa: F401
from tlhelpers.data.folder import load_folder
from tlhelpers.models import pretrain  # noqa: F401
from tlhelpers.models.backbones import backbone
from tlhelpers.runtime.store import clear_disk_errors

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="gives its rights up in a child")
NOBODY = 65534


@pytest.fixture(scope="module")
def shelf():
    """A folder of photos, a model and a room's progress, which everybody may read."""
    folder = Path(tempfile.mkdtemp())
    random = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        (folder / "photos" / name).mkdir(parents=True)
        for i in range(6):
            pixels = random.integers(0, 256, (40, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "photos" / name / f"{i}.png")
    names = {"en": ["a", "b"], "ja": ["a", "b"]}
    save_model(backbone("zukan-resnet", num_classes=2), names, 32, folder / "model")
    progress.export(folder / "room" / "hanako.json", "Hanako")
    for place in ("cache", "work"):
        (folder / place).mkdir()
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield folder
    for path in (folder, *filter(Path.is_dir, folder.rglob("*"))):
        path.chmod(0o755)
    shutil.rmtree(folder)


def as_visitor(work, capfd) -> tuple[int, str]:
    """(status, what was said) of `work`, done by somebody who owns nothing here."""
    child = os.fork()
    if child == 0:
        status = 99
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            status = work()
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
        os._exit(status)
    _, ended = os.waitpid(child, 0)
    said = capfd.readouterr()
    return os.waitstatus_to_exitcode(ended), said.out + said.err


LINES = {
    "try": "try photos --minutes 0 --size 32 --backbone zukan-resnet",
    "progress --html": "progress --html progress.html",
    "progress --export": "progress --export mine.json",
    "pretrain": "pretrain zukan-resnet --out weights",
    "mirror": "mirror make stick --lesson 02",
    "slides": "slides 03 --out slides",
    "book": "book --out book",
    "book --pdf": "book --pdf 03 --out handouts",
    "results": "results 05",
    "measure": "measure",
    "bench": "bench",
    "reset": "reset 02",
    "lab": "lab --no-browser --no-fetch",
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_a_command_says_at_once_that_it_may_not_write(shelf, line, monkeypatch, capfd):
    monkeypatch.chdir(shelf)
    monkeypatch.setattr(workspace, "WORK", shelf / "work")
    monkeypatch.setenv("TLHELPERS_WORK", str(shelf / "work"))
    for module in (results, measure):
        monkeypatch.setattr(module, "RESULTS", shelf / "work")
    monkeypatch.setattr(bench, "FILE", shelf / "work" / "benchmarks.md")
    monkeypatch.setattr(command, "_need_browser", lambda: "chromium")
    before = sorted(shelf.rglob("*"))
    status, said = as_visitor(lambda: cli.main(line.split()), capfd)
    assert status == 1, said
    assert "cannot be written: this account has no permission" in said
    assert len([one for one in said.splitlines() if one.strip()]) == 1, said
    assert sorted(shelf.rglob("*")) == before


def test_a_table_of_learners_is_shown_though_it_cannot_be_kept(shelf, capfd):
    merge = ["progress", "--merge", str(shelf / "room")]
    status, said = as_visitor(lambda: cli.main(merge), capfd)
    assert status == 1 and "Hanako" in said and "cannot be written" in said


@pytest.mark.parametrize("place", ["cache", "work"])
def test_the_variable_that_chooses_another_place_is_named(shelf, place, monkeypatch, capfd):
    monkeypatch.setenv("TLHELPERS_CACHE", str(shelf / "cache"))

    def work():
        if place == "cache":
            load_folder(shelf / "photos", 32)
        else:
            workspace.prepare("en")
        return 0

    monkeypatch.setattr("tlhelpers.runtime.store.WORK", shelf / "work")
    monkeypatch.setattr(workspace, "WORK", shelf / "work")
    status, said = as_visitor(work, capfd)
    assert status == 99 and f"set TLHELPERS_{place.upper()} to its path" in said


def test_what_may_not_be_read_is_not_said_to_be_unwritable(shelf, capfd):
    file = shelf / "photos" / "cats" / "0.png"
    file.chmod(0)
    try:
        _, said = as_visitor(lambda: read(file), capfd)
    finally:
        file.chmod(0o444)
    assert "cannot be read: this account has no permission" in said and "written" not in said


def read(file: Path) -> int:
    with clear_disk_errors(file):
        return len(file.read_bytes())
