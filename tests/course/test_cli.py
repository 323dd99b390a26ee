"""The command line: every command answers in the learner's language, and nothing heavy loads."""

import importlib.util
import os
import runpy
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from tlhelpers.course import cli
from tlhelpers.runtime.places import ROOT
from tlhelpers.runtime.store import StoreError


def test_every_command_has_its_module():
    assert cli.available() == cli.COMMANDS


@pytest.mark.parametrize(("lang", "word"), [("en", "opens the lessons"), ("ja", "教材を")])
@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"]])
def test_help_names_every_command(monkeypatch, capsys, lang, word, arguments):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    assert cli.main(arguments) == 0
    shown = capsys.readouterr().out
    assert word in shown
    assert all(f"  {command} " in shown for command in cli.available())


def test_version_is_printed(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("tlhelpers 0.")


@pytest.mark.parametrize(("lang", "word"), [("en", "no command"), ("ja", "ありません")])
def test_unknown_command_names_those_that_exist(monkeypatch, capsys, lang, word):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    assert cli.main(["labb"]) == 2
    shown = capsys.readouterr().err
    assert word in shown and "labb" in shown and "lab, " in shown


def test_wrong_argument_is_one_message(monkeypatch, capsys):
    monkeypatch.setenv("TLHELPERS_LANG", "ja")
    with pytest.raises(SystemExit) as end:
        cli.main(["reset", "02", "--nonsense"])
    assert end.value.code == 2
    assert "引数が正しくありません" in capsys.readouterr().err


def test_clear_errors_come_without_traceback(monkeypatch, capsys):
    def fail(arguments):
        raise StoreError("what to do")

    monkeypatch.setattr("tlhelpers.course.workspace.main", fail)
    assert cli.main(["reset", "02"]) == 1
    assert capsys.readouterr().err == "what to do\n"


def test_ctrl_c_ends_without_traceback(monkeypatch, capsys):
    def interrupt(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("tlhelpers.course.workspace.main", interrupt)
    assert cli.main(["reset", "02"]) == 130
    assert "Traceback" not in capsys.readouterr().err


SLOW = pytest.param("progress", marks=pytest.mark.slow)  # it loads PyTorch


@pytest.mark.parametrize("command", ["--help", "--version", SLOW, "reset --help"])
def test_a_reader_who_has_seen_enough_is_no_error(command, tmp_path):
    reader, writer = os.pipe()
    os.close(reader)  # as `head` does
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tlhelpers.course.cli", *command.split()],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TLHELPERS_WORK": str(tmp_path)},
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_lang_is_the_language_of_every_message(monkeypatch, capsys):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    with pytest.raises(SystemExit):
        cli.main(["doctor", "--lang", "ja", "--help"])
    assert "このコンピューター" in capsys.readouterr().out


def test_help_and_doctor_load_neither_torch_nor_numpy():
    program = (
        "import sys; from tlhelpers.course import cli, doctor, workspace, launcher; "
        "cli.main([]); print([m for m in ('torch', 'numpy', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_tl_is_the_same_command():
    if not (tl := Path(sys.executable).with_name("tl.exe" if os.name == "nt" else "tl")).exists():
        pytest.skip("the scripts of this environment lie elsewhere")
    done = subprocess.run([tl, "--version"], capture_output=True, text=True)
    assert done.stdout.startswith("tlhelpers")


def test_clone_is_not_on_the_path_of_a_command():
    """Were it there, `datasets/` would shadow Hugging Face's package, and Trainer would die."""
    program = "import importlib.util as u; print(u.find_spec('datasets'))"
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-P", "-c", program]
    done = subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True, check=True)
    hugging_face = done.stdout.strip()
    assert hugging_face == "None" or str(ROOT / "datasets") not in hugging_face
    assert importlib.util.find_spec("tlhelpers") is not None


def test_the_time_of_a_command_counts_from_its_start_as_the_launcher_starts_it(monkeypatch):
    """`python -m tlhelpers.course.cli` is a second copy of the module that the commands import."""
    start = time.monotonic()
    monkeypatch.setattr(sys, "argv", ["cli", "no-such-command"])
    with pytest.raises(SystemExit), warnings.catch_warnings(action="ignore"):
        runpy.run_module("tlhelpers.course.cli", run_name="__main__")
    assert cli.began() >= start
