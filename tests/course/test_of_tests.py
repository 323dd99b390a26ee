"""The test of the tests: a broken lesson fails the command, which names lesson, cell and error."""

import os
import shutil
import subprocess

import pytest

from tlhelpers.course import build, testing
from tlhelpers.course.testing import ROOT, prove_exercises, proving_kernel, pytest_command

pytestmark = pytest.mark.slow

SOURCE = """\
# %% key="divide"
numbers = [1, 2]

# %% key="print" tags=["nbval-check-output"]
print("total", sum(numbers))

# %% key="connect"
import socket

# %% [markdown] key="more" lang="ja" tags=["deeper"]
# ## さらに深く

# %% [markdown] key="more" lang="en" tags=["deeper"]
# ## Deeper: a picture

# %% key="draw"
pictures = []

# %% [markdown] key="practice" lang="ja"
# ## 練習

# %% [markdown] key="practice" lang="en"
# ## Practice

# %% key="fixed" tags=["exercise"] needs="divide"
class Verdict:
    def __init__(self, passed):
        self.passed, self.message = passed, f"passed: {passed}"


def check(name):
    return Verdict(total == 3)


### BEGIN SOLUTION
# PLACEHOLDER: total = ...
total = sum(numbers)
### END SOLUTION
check("90-a")
"""
BREAKS = {
    "divide": ("numbers = [1, 2]", "numbers = [1, 2]\\n1 / 0"),
    "magic": ("numbers = [1, 2]", "numbers = [1, 2]\\n%no_such_magic"),
    "print": ("sum(numbers)", "sum(numbers) + 1"),
    "connect": (
        "import socket",
        "import socket\\ntry:\\n    socket.create_connection(('example.com', 80))\\n"
        "except Exception:\\n    print('no network')",
    ),
    "draw": (
        "pictures = []",
        "import matplotlib.pyplot as plt\\nplt.title('\\\\U0001f9a4')\\nplt.show()",
    ),
}
WHERE = {"draw": "draw · Deeper: a picture", "magic": "divide"}
ERRORS = {
    "magic": "UsageError: Line magic function `%no_such_magic` not found.",
    "divide": "ZeroDivisionError: division by zero",
    "print": "the output is not the stored one",
    "connect": "NetworkUsed: the lesson opened a connection to example.com",
    "draw": "UserWarning: Glyph 129444",
}


@pytest.fixture(scope="module")
def lessons(tmp_path_factory):
    """A lesson of five cells, built, executed and right."""
    folder = tmp_path_factory.mktemp("lessons")
    (folder / "source").mkdir()
    (folder / "source" / "90_demo.py").write_text(SOURCE, encoding="utf-8")
    assert build.build(folder, execute=True) == []
    return folder


def run_tests(*arguments):
    environment = {**os.environ, "TLHELPERS_LANG": "en", "COLUMNS": "200"}
    command = pytest_command(rest=[str(argument) for argument in arguments])
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, encoding="utf-8"
    )


def test_each_broken_lesson_fails_naming_lesson_cell_and_error(lessons, tmp_path):
    sound = (lessons / "en" / "90_demo.ipynb").read_text(encoding="utf-8")
    (tmp_path / "sound.ipynb").write_text(sound, encoding="utf-8")
    for key, (old, new) in BREAKS.items():
        assert old in sound
        broken = sound.replace(old, new, 1)
        (tmp_path / f"{key}.ipynb").write_text(broken, encoding="utf-8")
    done = run_tests(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    for key, error in ERRORS.items():
        (line,) = [line for line in done.stdout.splitlines() if f"{key}.ipynb: cell" in line]
        assert f"cell {WHERE.get(key, key)}: {error}" in line
    assert "sound.ipynb: cell" not in done.stdout
    assert "5 failed, 25 passed" in done.stdout.splitlines()[-1]


def test_the_core_runs_without_its_deeper_sections(lessons):
    done = run_tests(lessons / "en" / "90_demo.ipynb", "-m", "not deeper", "-n", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout.splitlines()[-1]


def test_lesson_that_fails_while_it_is_built_is_named_and_its_notebook_stays(lessons, tmp_path):
    copy = shutil.copytree(lessons, tmp_path / "lessons")
    source = copy / "source" / "90_demo.py"
    source.write_text(SOURCE.replace("numbers = [1, 2]", "numbers = 1 / 0"), encoding="utf-8")
    before = (copy / "en" / "90_demo.ipynb").read_bytes()
    problems = build.build(copy, execute=True)
    assert len(problems) == 2
    assert any("en/90_demo · divide" in line and "ZeroDivision" in line for line in problems)
    assert (copy / "en" / "90_demo.ipynb").read_bytes() == before


@pytest.mark.parametrize("failing", ["ruff check", "ruff format", "mypy", "pytest", None])
def test_the_command_fails_where_style_types_or_tests_do(monkeypatch, capsys, failing):
    called = []

    class Command:
        def __init__(self, line, **options):
            called.append(line)
            self.returncode = int(failing is not None and failing in " ".join(line))
            self.stdout = self.stderr = "what it says"

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

    monkeypatch.setenv("TLHELPERS_LANG", "en")
    monkeypatch.setattr(testing.subprocess, "Popen", Command)
    monkeypatch.setattr(testing.subprocess, "run", Command)
    assert testing.main([]) == (failing is not None)
    assert "pytest" in called[0] and len(called) == 4
    said = capsys.readouterr().out
    refused = failing not in (None, "pytest")
    assert ("refuses the code" in said) == ("what it says" in said) == refused
    assert testing.main(["tests/test_quiz.py"]) == (failing == "pytest")
    assert len(called) == 5


def test_exercise_is_proven_in_its_context(lessons):
    lesson = build.read_lesson(lessons / "source" / "90_demo.py")
    with proving_kernel() as kernel:
        (proof,) = prove_exercises(lesson, kernel).values()
    assert not proof["stub"].passed and proof["solution"].passed
    assert proof["solution"].messages["ja"] == "passed: True"
