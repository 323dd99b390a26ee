"""What speaks of the lessons is made of their folders; a new one is a folder and a source."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tlhelpers.course import api, new
from tlhelpers.course.readme import PAGES, with_table
from tlhelpers.course.syllabus import course_map, lessons
from tlhelpers.runtime.language import LANGUAGES
from tlhelpers.runtime.places import LESSONS, ROOT


def test_each_folder_has_its_source_and_each_source_its_folder():
    sources = {path.stem for path in (LESSONS / "source").glob("*.py")}
    assert {one.name for one in lessons().values()} == sources


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_table_of_the_readme_is_that_of_the_folders(lang):
    page, title = (ROOT / PAGES[lang]).read_text("utf-8"), lessons()["03"].title[lang]
    assert with_table(page, lang) == page, "python -m tlhelpers build writes it again"
    assert with_table(page.replace(f"| {title} |", "| Tuning |"), lang) == page
    with pytest.raises(ValueError, match="no table"):
        with_table("# Another page", lang)


def test_a_lesson_that_is_planned_and_written_stands_once_on_the_map():
    assert list(course_map()) == sorted({*course_map(), *lessons()})
    for one in course_map().values():
        assert set(one.title) == set(one.short) == set(LANGUAGES)


def test_every_public_name_is_told_in_a_sentence():
    told = {name: (module, sentence) for name, module, sentence in api.public_names()}
    assert told["fit"][1].startswith("Trains `model` in place")
    assert all(sentence.endswith((".", "!", ":")) for _, sentence in told.values())
    sentences = 'A\nline, e.g. this. "Two" more.\n\nThree.'
    assert api.first_sentence(sentences) == "A line, e.g. this."


@pytest.mark.parametrize(
    ("number", "slug", "word"),
    [("7", "choosing", "'7'"), ("77", "Wrong Name", "'Wrong Name'"), ("03", "other", "03_fine")],
)
def test_a_lesson_that_cannot_be_is_refused_with_a_sentence(monkeypatch, number, slug, word):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    with pytest.raises(ValueError, match=word):
        new.new_lesson(number, slug)


PROOF = """
from tlhelpers.course.author.reading import lesson_sources, read_lesson
from tlhelpers.course.testing import prove_exercises, proving_kernel
(path,) = lesson_sources(names=["16"])
lesson = read_lesson(path)
with proving_kernel() as kernel:
    (proof,) = prove_exercises(lesson, kernel).values()
assert proof["solution"].passed and not proof["stub"].passed, proof
print(*proof["solution"].messages.values())
"""


@pytest.mark.slow
def test_an_empty_lesson_builds_runs_and_passes_and_touches_its_own_files_only(tmp_path):
    clone = tmp_path / "clone"
    for name in ("tlhelpers", "lessons/source"):
        left_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, clone / name, ignore=left_out)
    for name in (*PAGES.values(), "pyproject.toml", ".gitignore"):
        shutil.copy(ROOT / name, clone / name)
    # A Python that has this clone's package, and all others from the one that runs the tests.
    environment = tmp_path / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    (packages,) = environment.rglob("site-packages")
    (packages / "clone.pth").write_text(f"{clone}\n{sysconfig.get_path('purelib')}\n")

    def run(*command: str) -> str:
        variables = {**os.environ, "TLHELPERS_LANG": "en", "PYTHONDONTWRITEBYTECODE": "1"}
        variables.pop("PYTHONPATH", None)
        done = subprocess.run(
            command, cwd=clone, env=variables, capture_output=True, text=True, encoding="utf-8"
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def tl(*arguments: str) -> str:
        return run(str(python), "-P", "-m", "tlhelpers.course.cli", *arguments)

    git = ("git", "-c", "user.name=x", "-c", "user.email=x@example.org")
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "all")):
        run(*git, *command)
    tl("new", "16", "one_more")
    changed = [line.split() for line in run(*git, "status", "--short", "-uall").splitlines()]
    added = {Path(file) for state, file in changed if state == "??"}
    own = Path("tlhelpers/lessons/one_more")
    assert {file for file in added if own not in file.parents} == {
        Path("lessons/source/16_one_more.py")
    }
    assert {file for state, file in changed if state != "??"} == set(PAGES.values())  # their tables
    assert "| 16 | One more |" in (clone / "README.md").read_text("utf-8")
    tl("build", "16", "--execute")
    tl("build", "16", "--check")
    assert "Right: ten times five." in run(str(python), "-P", "-c", PROOF)
    assert "16 One more" in tl("progress")


def test_a_lesson_hands_out_its_figures_and_an_unknown_one_says_which_have_any():
    from tlhelpers.course.syllabus import figures

    assert callable(figures("03").draw_rates)
    with pytest.raises(ValueError, match="03"):
        figures("99")
