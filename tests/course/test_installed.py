"""The course as a package: a wheel carries lessons and data, and needs no clone."""

import os
import shutil
import subprocess
import sys
import zipfile

import nbformat
import pytest

from tlhelpers.runtime.places import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder of a package unpacked from a wheel; it is built in a copy of the clone."""
    folder = tmp_path_factory.mktemp("wheel")
    ignored = shutil.ignore_patterns(".*", "work", "build", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, folder / "clone", ignore=ignored)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [*build, "--no-index", "-w", str(folder), str(folder / "clone")], check=True, cwd=folder
    )
    (wheel,) = folder.glob("*.whl")
    assert wheel.stat().st_size < 60e6
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.fixture
def tl(installed, tmp_path):
    """Runs a command of the installed package as a learner who has a folder of their own."""

    def run(*arguments, program=("-m", "tlhelpers")):
        environment = {
            **{name: value for name, value in os.environ.items() if name != "TLHELPERS_WORK"},
            "PYTHONPATH": str(installed),
            "TLHELPERS_HOME": str(tmp_path / "my folder"),
            "TLHELPERS_OFFLINE": "1",
        }
        command = [sys.executable, "-P", *program, *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=300
        )

    return run


def test_a_wheel_holds_every_file_of_the_package_the_lessons_and_the_data(installed):
    command = ["git", "ls-files", "tlhelpers", "lessons/en", "lessons/ja", "datasets"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    held = {p.relative_to(installed).as_posix() for p in installed.rglob("*") if p.is_file()}
    wanted = {
        name if name.startswith("tlhelpers/") else f"tlhelpers/shipped/{name}"
        for name in done.stdout.splitlines()
    }
    assert len(wanted) > 200
    assert wanted - held == set()


def test_nothing_is_written_before_it_is_asked_for(tl, tmp_path):
    said = tl("doctor")
    assert said.returncode == 0, said.stderr
    assert tl("progress").returncode == 0
    assert not (tmp_path / "my folder").exists()


def test_a_command_on_the_sources_says_that_it_needs_a_clone(tl):
    for command in ("test", "build", "book"):
        said = tl(command)
        assert said.returncode == 1
        assert "Clone the repository" in said.stderr and "Traceback" not in said.stderr


def test_a_lesson_is_laid_into_the_learners_folder_and_runs_offline(tl, tmp_path):
    said = tl("reset", "00", "--lang", "en")
    assert said.returncode == 0, said.stderr
    copy = tmp_path / "my folder" / "work" / "en" / "00_start_here.ipynb"
    assert str(copy) in said.stdout
    ran = tl(
        *("nbconvert", "--to", "notebook", "--execute", "--inplace", str(copy)),
        program=("-m", "jupyter"),
    )
    assert ran.returncode == 0, ran.stderr
    printed = "".join(
        str(output.get("text", ""))
        for cell in nbformat.read(copy, as_version=4).cells
        for output in cell.get("outputs", [])
    )
    assert "Device" in printed
