"""Setting up: made once, repaired when needed, and one clear message for each thing in the way."""

import ast
import errno
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import venv
import zipfile
from collections import namedtuple
from pathlib import Path

import pytest

from tlhelpers import __main__ as entry
from tlhelpers.course import launcher
from tlhelpers.course.cli import COMMANDS
from tlhelpers.course.launcher import SetupError
from tlhelpers.runtime.places import LOCKS, ROOT

PYPROJECT = """
[project]
dependencies = ["numpy>=2"]
scripts = { tl = "x:y" }
[project.optional-dependencies]
test = ["pytest"]
bench = []
"""


class FakePip:
    """Stands in for pip: notes what it was asked for, answers as it was told to."""

    def __init__(self):
        self.calls: list[list[str]] = []
        self.answers: list[tuple[int, str] | BaseException] = []

    def __call__(self, command):
        self.calls.append(command)
        answer = self.answers.pop(0) if self.answers else (0, "")
        if isinstance(answer, BaseException):
            raise answer
        return answer


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A clone in a folder with a space and Japanese characters, where nothing is set up."""
    root = tmp_path / "教材 と空白"
    root.mkdir()
    (root / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    (root / "constraints.txt").write_text("numpy==2.4\n", encoding="utf-8")
    monkeypatch.setattr(launcher, "ROOT", root)
    monkeypatch.setattr(launcher, "VENV", root / ".venv")
    monkeypatch.setattr(launcher, "LOCKS", root / "locks")
    monkeypatch.setattr(launcher, "lacks", lambda extras: ["numpy>=2"])
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    return root


@pytest.fixture
def pip(monkeypatch):
    fake = FakePip()
    monkeypatch.setattr(launcher, "_run_pip", fake)
    return fake


@pytest.fixture
def venvs(monkeypatch):
    """Makes environments without copying pip into them; returns the list of those made."""
    real, made = subprocess.run, []

    def run(command, **keywords):
        if command[1:3] != ["-m", "venv"]:
            return real(command, **keywords)
        made.append(command[-1])
        venv.create(command[-1], symlinks=os.name != "nt")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    return made


def choose(extras=(), here=False):
    return launcher._choose_python(here, set(extras))


def message_of(*arguments, **keywords) -> str:
    with pytest.raises(SetupError) as caught:
        choose(*arguments, **keywords)
    return str(caught.value)


def test_first_start_installs_and_second_start_does_nothing(clone, pip, venvs):
    python = choose()
    assert Path(python).is_relative_to(clone / ".venv")
    assert "constraints.txt" in pip.calls[0]
    assert choose() == python
    assert (len(venvs), len(pip.calls)) == (1, 1)


def test_tests_bring_their_extra_and_lessons_keep_it(clone, pip, venvs):
    choose()
    choose(["test"])
    choose()
    assert [call[6] for call in pip.calls] == [".", ".[test]"]
    assert len(venvs) == 1


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), SystemExit(1)])
def test_interrupted_installation_is_made_anew(clone, pip, venvs, interruption):
    pip.answers = [interruption]
    with pytest.raises(type(interruption)):
        choose()
    (clone / ".venv" / "half-installed").touch()
    choose()
    assert len(venvs) == 2
    assert not (clone / ".venv" / "half-installed").exists()


def test_moved_clone_is_repaired(clone, pip, venvs, monkeypatch):
    choose()
    moved = clone.with_name("moved")
    clone.rename(moved)
    monkeypatch.setattr(launcher, "ROOT", moved)
    monkeypatch.setattr(launcher, "VENV", moved / ".venv")
    assert Path(choose()).is_relative_to(moved)
    assert len(venvs) == 2


def test_new_requirements_are_installed_over_the_old_ones(clone, pip, venvs):
    choose()
    (clone / "constraints.txt").write_text("numpy==2.5\n", encoding="utf-8")
    choose()
    assert (len(venvs), len(pip.calls)) == (1, 2)


def test_other_lines_of_pyproject_change_nothing(clone, pip, venvs):
    choose()
    (clone / "pyproject.toml").write_text(PYPROJECT + "[tool.ruff]\nline-length = 9\n")
    choose()
    assert len(pip.calls) == 1


def test_update_without_network_keeps_what_works(clone, pip, venvs):
    choose()
    (clone / "constraints.txt").write_text("numpy==2.5\n", encoding="utf-8")
    pip.answers = [(1, "NewConnectionError: name resolution")]
    assert "could not be downloaded" in message_of()
    choose()
    assert (len(venvs), len(pip.calls)) == (1, 3)


def test_python_that_has_everything_is_used_as_it_is(clone, pip, venvs, monkeypatch):
    monkeypatch.setattr(launcher, "lacks", lambda extras: [])
    assert choose() == sys.executable
    assert not pip.calls and not venvs


def test_here_installs_into_the_python_that_runs(clone, pip, venvs, monkeypatch):
    monkeypatch.setattr(launcher, "_refuse_managed", lambda: None)
    assert choose(here=True) == sys.executable
    assert pip.calls[0][0] == sys.executable and not venvs


def test_system_python_is_left_alone_even_with_here(clone, pip, monkeypatch, tmp_path):
    (tmp_path / "EXTERNALLY-MANAGED").touch()
    monkeypatch.setattr(launcher.sysconfig, "get_path", lambda name: str(tmp_path))
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    assert "Leave out --here" in message_of(here=True)
    assert not pip.calls


def test_active_environment_that_lacks_something_is_left_alone(clone, pip, venvs, capsys):
    assert choose() != sys.executable
    if sys.prefix != sys.base_prefix:
        assert "lacks numpy>=2" in capsys.readouterr().out


def test_environment_of_somebody_else_is_never_emptied(clone, pip, venvs):
    subprocess.run([sys.executable, "-m", "venv", str(clone / ".venv")], check=True)
    (clone / ".venv" / "mine").touch()
    choose()
    choose()
    assert (clone / ".venv" / "mine").exists()
    assert len(pip.calls) == 1


def test_broken_environment_of_somebody_else_gets_a_message(clone, pip, venvs):
    (clone / ".venv").mkdir()
    (clone / ".venv" / "pyvenv.cfg").touch()
    assert "Delete or rename it" in message_of()
    assert (clone / ".venv" / "pyvenv.cfg").exists()


def without_modules(monkeypatch, *names):
    real = launcher.importlib.util.find_spec
    monkeypatch.setattr(
        launcher.importlib.util, "find_spec", lambda n: None if n in names else real(n)
    )


def test_debian_without_venv_is_told_the_package(clone, pip, monkeypatch):
    without_modules(monkeypatch, "ensurepip", "virtualenv")
    message = message_of()
    assert f"python3.{sys.version_info.minor}-venv" in message and "virtualenv" in message


def test_virtualenv_takes_the_place_of_a_missing_venv(monkeypatch):
    monkeypatch.setattr(
        launcher.importlib.util, "find_spec", lambda n: None if n == "ensurepip" else object()
    )
    assert launcher._venv_tool() == "virtualenv"


def test_failing_venv_is_explained_with_what_it_said(clone, pip, monkeypatch):
    monkeypatch.setattr(
        subprocess, "run", lambda *a, **k: subprocess.CompletedProcess(a, 1, "", "ensurepip died")
    )
    message = message_of()
    assert "ensurepip died" in message and "-venv" in message


def test_too_little_space_is_said_before_anything_is_made(clone, pip, monkeypatch):
    usage = namedtuple("usage", "total used free")(10, 8, 2 * 10**9)
    monkeypatch.setattr(launcher.shutil, "disk_usage", lambda path: usage)
    message = message_of()
    assert "2.0 GB" in message and str(clone) in message
    assert not pip.calls


@pytest.mark.parametrize("kind", [errno.EROFS, errno.EACCES])
def test_read_only_clone_gets_one_message(clone, pip, monkeypatch, kind):
    def refuse(*arguments, **keywords):
        raise OSError(kind, os.strerror(kind))

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert "home folder" in message_of()


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ("WARNING: Retrying (Retry(total=4)) after NewConnectionError", "HTTPS_PROXY"),
        ("socket.gaierror: Temporary failure in name resolution", "HTTPS_PROXY"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("ERROR: [WinError 5] Access is denied", "may not write"),
        ("ERROR: something nobody has seen", "doctor"),
    ],
)
def test_what_pip_says_becomes_one_sentence(clone, pip, venvs, says, told):
    pip.answers = [(1, says)]
    assert told in message_of()
    assert len(pip.calls) == 1


def test_versions_that_do_not_exist_here_are_left_to_pip(clone, pip, venvs):
    pip.answers = [(1, "ERROR: No matching distribution found for torch==2.15.0")]
    choose()
    assert "constraints.txt" in pip.calls[0] and "constraints.txt" not in pip.calls[1]


def lay_locks(clone, *names):
    (clone / "locks").mkdir()
    for name in names:
        (clone / "locks" / f"{name}.txt").write_text("numpy==2.4 --hash=sha256:00\n")


def test_packages_are_taken_by_their_checksums(clone, pip, venvs, capsys):
    lay_locks(clone, "course", "test")
    choose(["test"])
    first, second = pip.calls
    assert "--require-hashes" in first and [
        Path(part).name for part in first if "locks" in part
    ] == [
        "course.txt",
        "test.txt",
    ]
    assert second[-4:] == ["--no-deps", "--no-build-isolation", "--editable", "."]
    assert "checksums are not compared" not in capsys.readouterr().out


@pytest.mark.parametrize("reason", ["no file", "no such version", "without CUDA"])
def test_a_list_that_does_not_fit_is_said_and_the_versions_decide(
    clone, pip, venvs, monkeypatch, capsys, reason
):
    lay_locks(clone, *(["test"] if reason == "no file" else ["course"]))
    if reason == "no such version":
        pip.answers = [(1, "ERROR: No matching distribution found for torch==2.15.0")]
    if reason == "without CUDA":
        monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://example.org/whl/cpu")
    choose()
    assert "constraints.txt" in pip.calls[-1] and "--require-hashes" not in pip.calls[-1]
    assert "checksums are not compared" in capsys.readouterr().out


def test_a_new_list_is_installed(clone, pip, venvs):
    lay_locks(clone, "course")
    choose()
    (clone / "locks" / "course.txt").write_text("numpy==2.5 --hash=sha256:11\n")
    choose()
    assert (len(venvs), len(pip.calls)) == (1, 4)


def wheel(folder: Path, content: str) -> str:
    """Lays a small package into `folder`; returns its line for a list of checked packages."""
    file = folder / "tiny_twig-1.0-py3-none-any.whl"
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("tiny_twig.py", content)
        about = "tiny_twig-1.0.dist-info"
        made.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: tiny-twig\nVersion: 1.0\n")
        made.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        made.writestr(f"{about}/RECORD", "")
    return f"tiny-twig==1.0 --hash=sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}\n"


@pytest.mark.slow
@pytest.mark.parametrize("is_false", [False, True])
def test_a_false_package_on_a_stick_is_refused_by_pip_itself(
    clone, tmp_path, monkeypatch, is_false
):
    (clone / "locks").mkdir()
    (clone / "locks" / "course.txt").write_text(wheel(tmp_path / "wheels", "good = True"))
    if is_false:
        wheel(tmp_path / "wheels", "evil = True")
    monkeypatch.setenv("TLHELPERS_MIRROR", str(tmp_path))
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "site"))
    run, commands = launcher._run_pip, []

    def only_the_list(command):
        commands.append(command)
        return run(command) if "--require-hashes" in command else (0, "")

    monkeypatch.setattr(launcher, "_run_pip", only_the_list)
    if is_false:
        with pytest.raises(SetupError, match="checksum differs"):
            launcher._install(sys.executable, set())
        assert len(commands) == 1 and not (tmp_path / "site").exists()
    else:
        launcher._install(sys.executable, set())
        assert (tmp_path / "site" / "tiny_twig.py").is_file()


def test_the_lists_hold_every_requirement_in_the_tested_versions():
    """Else pip refuses the installation: where one hash is asked for, all are."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    def locked(*names):
        found = {}
        for name in names:
            for block in re.split(r"\n(?=\S)", (LOCKS / f"{name}.txt").read_text()):
                if match := re.match(r"(\S+)==(\S+)", block):
                    found[canonicalize_name(match[1])] = match[2]
                    assert "--hash=sha256:" in block and "//" not in block
        return found

    whole = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = whole["project"]
    extras = project["optional-dependencies"]
    course = [*project["dependencies"], *whole["build-system"]["requires"]]
    for names, needed in [(["course"], course)] + [(["course", e], extras[e]) for e in extras]:
        versions = locked(*names)
        for requirement in map(Requirement, needed):
            version = versions.get(canonicalize_name(requirement.name), "0")
            assert version in requirement.specifier, f"{requirement}: write locks/ anew"
    everything = locked("course", *extras)
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if "==" in line and not line.startswith("#"):
            name, version = line.split("==")
            assert everything[canonicalize_name(name)] == version


def test_computer_without_pytorch_is_told_so(clone, pip, venvs):
    pip.answers = [(1, "ERROR: No matching distribution found for torch")] * 2
    assert "64-bit Python 3.11 to 3.14" in message_of()


def test_errors_are_one_message_in_the_learners_language(clone, pip, venvs, monkeypatch, capsys):
    monkeypatch.setenv("TLHELPERS_LANG", "ja")
    pip.answers = [(1, "NewConnectionError")]
    assert launcher.main(["lab"]) == 1
    shown = capsys.readouterr().err
    assert "ダウンロードできませんでした" in shown and "Traceback" not in shown
    pip.answers = [KeyboardInterrupt()]
    assert launcher.main(["lab"]) == 130
    assert "中断しました" in capsys.readouterr().err


def test_package_without_its_clone_says_clone(monkeypatch, capsys):
    monkeypatch.setattr(launcher, "IN_CLONE", False)
    assert launcher.main(["test"]) == 1
    assert "git clone" in capsys.readouterr().err


@pytest.mark.parametrize("form", [["--folder", "{}"], ["--folder={}"]])
def test_package_without_its_clone_takes_the_folder_that_is_named(monkeypatch, tmp_path, form):
    ran = []
    monkeypatch.setattr(launcher, "IN_CLONE", False)
    monkeypatch.setattr(launcher, "_run", lambda python, arguments: ran.append(arguments) or 0)
    monkeypatch.setenv("TLHELPERS_HOME", "elsewhere")
    assert launcher.main(["lab", *(one.format(tmp_path) for one in form), "--no-browser"]) == 0
    assert ran == [["lab", "--no-browser"]]
    assert os.environ["TLHELPERS_HOME"] == str(tmp_path)


@pytest.mark.parametrize("arguments", [[], ["--help"], ["lab", "--help"], ["nonsense"]])
def test_help_installs_nothing(clone, pip, venvs, arguments):
    try:
        launcher.main(arguments)
    except SystemExit as end:  # argparse prints help and ends
        assert end.code == 0
    assert not pip.calls and not venvs


def test_children_get_utf8_and_no_clone_on_their_path(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    ran = {}
    monkeypatch.setattr(
        launcher, "run_child", lambda command, variables: ran.update(c=command, v=variables) or 0
    )
    assert launcher._run("/elsewhere/python", ["test", "--", "-k", "x y"]) == 0
    assert ran["c"][1:4] == ["-P", "-m", "tlhelpers.course.cli"]
    assert ran["c"][-3:] == ["--", "-k", "x y"]
    assert ran["v"]["PYTHONUTF8"] == ran["v"]["PYTHONSAFEPATH"] == "1"
    assert "PYTHONPATH" not in ran["v"]


def test_exit_status_of_the_child_is_passed_on():
    assert launcher.run_child([sys.executable, "-c", "raise SystemExit(7)"], dict(os.environ)) == 7


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM for other processes")
def test_request_to_end_reaches_the_child(tmp_path):
    program = (
        "import os, sys; from tlhelpers.course.launcher import run_child; "
        "sys.exit(run_child([sys.executable, '-c', "
        "'import os, time; print(os.getpid(), flush=True); time.sleep(60)'], dict(os.environ)))"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=ROOT, text=True
    )
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGTERM)
    assert parent.wait(timeout=20) == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_pip_errors_are_shown_and_kept(clone, capfd):
    program = "import sys; print('progress'); print('エラー', file=sys.stderr); sys.exit(3)"
    assert launcher._run_pip([sys.executable, "-c", program]) == (3, "エラー\n")
    shown = capfd.readouterr()
    assert "progress" in shown.out and "エラー" in shown.err


@pytest.mark.parametrize(
    "stamp", ['{"pat', "[]", "null", '"x"', "[" * 200_000, '{"extras": 5}', '{"extras": [[]]}']
)
def test_stamp_that_was_cut_short_or_is_none_of_ours_counts_as_none(clone, stamp):
    (clone / ".venv").mkdir()
    (clone / ".venv" / launcher.STAMP).write_text(stamp)
    assert launcher._read_stamp() == {}


@pytest.mark.parametrize(
    "name", ["__init__.py", "__main__.py", "runtime/__init__.py", "runtime/console.py"]
)
def test_old_python_can_read_the_first_files(name):
    source = (ROOT / "tlhelpers" / name).read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 8))


@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("version", [(3, 8), (3, 10), (3, 15)])
def test_unsupported_python_gets_a_message(monkeypatch, lang, version):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    monkeypatch.setattr(sys, "version_info", (*version, 0, "final", 0))
    monkeypatch.setattr(entry, "suitable_command", lambda: "python3.13")
    message = entry.unsupported(["lab", "--lang", lang])
    assert "3.%d" % version[1] in message and "3.11" in message  # noqa: UP031
    assert f"python3.13 -m tlhelpers lab --lang {lang}" in message
    monkeypatch.setattr(entry, "suitable_command", lambda: None)
    assert "python.org" in entry.unsupported([])


def test_supported_python_gets_none():
    assert entry.unsupported([]) is None


def test_locale_without_utf8_breaks_nothing():
    variables = dict(os.environ, LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")
    variables.pop("PYTHONIOENCODING", None)
    done = subprocess.run(
        [sys.executable, "-m", "tlhelpers", "--lang", "ja"],
        env=variables,
        cwd=ROOT,
        capture_output=True,
    )
    assert done.returncode == 0 and not done.stderr
    assert b"lab" in done.stdout


def test_import_is_quick_and_loads_no_torch():
    program = (
        "import sys, time; start = time.perf_counter(); import tlhelpers; "
        "print(time.perf_counter() - start, 'torch' in sys.modules, 'numpy' in sys.modules)"
    )
    seconds = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
        )
        passed, torch, numpy = done.stdout.split()
        assert (torch, numpy) == ("False", "False")
        seconds.append(float(passed))
    assert min(seconds) < 0.3


def test_second_start_costs_little(clone, pip, venvs):
    choose()
    started = time.perf_counter()
    choose()
    assert time.perf_counter() - started < 1.0


HELP_OF_EACH = """
import contextlib, io, json, runpy, sys
told = {}
for command in sys.argv[1:]:
    sys.argv[1:], status = [command, "--help"], 0
    with contextlib.redirect_stdout(io.StringIO()) as said:
        try:
            runpy.run_module("tlhelpers", run_name="__main__")
        except SystemExit as end:
            status = end.code
    told[command] = status, said.getvalue()
print(json.dumps(told))
"""


@pytest.mark.slow
def test_help_of_every_command_is_given_on_a_python_without_any_package(tmp_path):
    clone, bare = tmp_path / "clone", tmp_path / "bare"
    left_out = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "tlhelpers", clone / "tlhelpers", ignore=left_out)
    shutil.copy(ROOT / "pyproject.toml", clone)
    shutil.copy(ROOT / "constraints.txt", clone)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    python = bare / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    variables = dict(os.environ, TLHELPERS_LANG="en", PYTHONUTF8="1")
    for name in ("PYTHONPATH", "PYTHONSAFEPATH"):  # the command of the tests sets the latter
        variables.pop(name, None)
    done = subprocess.run(
        [str(python), "-c", HELP_OF_EACH, *COMMANDS],
        env=variables,
        cwd=clone,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert list(told) == list(COMMANDS)
    for command, (status, said) in told.items():
        assert not status and command in said, command
    assert not (clone / ".venv").exists()
