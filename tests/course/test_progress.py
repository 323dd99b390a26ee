"""The record of progress: nothing is lost, whoever writes at the same time and whatever breaks."""

import csv
import json
import os
import subprocess
import sys

import pytest

from tlhelpers.course import progress, record
from tlhelpers.course.exercises import check
from tlhelpers.course.quizzes import quiz

WRITER = """
from tlhelpers.course import record
import sys
for number in range(20):
    record.record_exercise(f"{sys.argv[1]}-{number}", True)
    record.record_answer("90", f"{sys.argv[1]}-{number}", True)
"""


@pytest.fixture(autouse=True)
def work(monkeypatch, tmp_path):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    monkeypatch.setenv("TLHELPERS_WORK", str(tmp_path))
    return tmp_path


def test_two_notebooks_at_once_lose_nothing(work):
    command = [sys.executable, "-P", "-c", WRITER]
    writers = [subprocess.Popen([*command, name], env=os.environ) for name in ("a", "b")]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    held = record.load()
    assert len(held["exercises"]) == 40
    assert len(held["quizzes"]["90"]) == 40


def test_what_was_passed_stays_passed():
    record.record_exercise("02-a", True)
    assert record.record_exercise("02-a", False) == 1
    record.record_answer("02", "frozen", True)
    record.record_answer("02", "frozen", False)
    held = record.load()
    assert held["exercises"]["02-a"]["passed"]
    assert held["quizzes"]["02"]["frozen"]["right"]


@pytest.mark.parametrize(
    "damaged", ["", "{", "[]", "null", '{"exercises": 3}', '{"exercises": {"a": 1}, "quizzes": {}}']
)
def test_a_damaged_record_is_kept_aside_and_said(work, damaged):
    record.path().write_text(damaged)
    record.record_exercise("02-a", True)
    kept = list(work.glob("progress.damaged-*.json"))
    assert [file.read_text() for file in kept] == [damaged]
    assert kept[0].name in str(progress.progress())
    assert record.load()["exercises"]["02-a"]["passed"]


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"passed": "yes", "failed": "three"},
        {"passed": 1, "failed": -1, "last": None},
        {"passed": None, "failed": True},
    ],
)
def test_values_of_a_wrong_kind_count_as_nothing_and_are_no_error(entry):
    held = {"exercises": {"02-a": entry}, "quizzes": {"02": {"frozen": {"right": "yes"}}}}
    record.path().write_text(json.dumps(held))
    assert "0/" in str(progress.progress())
    assert record.record_exercise("02-a", False) == 1
    assert record.record_answer("02", "frozen", True) == 1
    assert not record.load()["exercises"]["02-a"]["passed"]


@pytest.mark.parametrize("deep", ["[" * 200_000, '{"exercises": {"a\\ud800": {}}, "quizzes": {}}'])
def test_what_json_can_read_and_nobody_can_write_is_damaged(work, deep):
    record.path().write_text(deep)
    record.record_exercise("02-a", True)
    assert len(list(work.glob("progress.damaged-*.json"))) == 1


def test_a_record_that_an_editor_marked_as_utf8_is_read():
    record.record_exercise("02-a", True)
    record.path().write_bytes(b"\xef\xbb\xbf" + record.path().read_bytes())
    assert record.load()["exercises"]["02-a"]["passed"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("make", [os.mkdir, getattr(os, "mkfifo", None)])
def test_what_is_no_file_is_said_and_stops_nobody(work, make):
    make(record.path())
    with pytest.raises(record.ProgressError, match="not a regular file"):
        progress.progress()
    assert "could not be saved" in str(check("02-a", {"first_layer": "", "best_layer": ""}))
    assert quiz("02").done == set()
    room = work / "room"
    room.mkdir()
    make(room / "pipe.json")
    (room / "whole.json").write_text('{"exercises": {}, "quizzes": {}}')
    rows, problems = progress.merge(room)
    assert len(rows) == 1 and "pipe.json" in problems[0]


def test_a_spreadsheet_gets_numbers_and_no_formulas(work):
    room = work / "room"
    record.record_exercise("02-a", True)
    for number, name in enumerate(("=1+1", "＋1", "@x", "-2", "\tx", "Aoi")):
        progress.export(room / f"{number}.json", name)
    rows = [learner.row() for learner in progress.merge(room)[0]]
    progress.write_csv(rows, room / "progress.csv")
    with open(room / "progress.csv", encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert [row[0][:1] for row in rows[1:]] == ["'"] * 5 + ["A"]
    assert all(cell.isdecimal() for row in rows[1:] for cell in row[1:])
    assert any("(of " in name for name in rows[0])


def test_what_a_newer_version_wrote_is_kept():
    record.path().write_text('{"exercises": {}, "quizzes": {}, "badges": [1]}')
    record.record_exercise("02-a", True)
    assert record.load()["badges"] == [1]


def test_a_writer_that_dies_half_way_leaves_the_old_record(monkeypatch):
    record.record_exercise("02-a", True)
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("killed")))
    with pytest.raises(record.ProgressError, match="killed"):
        record.record_exercise("02-b", True)
    monkeypatch.undo()


def test_a_lock_that_nobody_gives_back_is_no_hang(monkeypatch):
    from filelock import FileLock

    monkeypatch.setattr(record, "LOCK_SECONDS", 0.1)
    with (
        FileLock(f"{record.path()}.lock"),
        pytest.raises(record.ProgressError, match="could not be saved"),
    ):
        record.record_exercise("02-a", True)


@pytest.mark.parametrize(("lang", "word"), [("en", "exercises"), ("ja", "練習")])
def test_the_page_counts_what_is_done_in_both_languages(monkeypatch, lang, word):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    shown = progress.Progress([progress.LessonProgress("02", "X", (1, 2), (5, 5))])
    for page in (str(shown), shown._repr_html_()):
        assert word in page and "1/2" in page and "5/5" in page


def test_exports_of_a_room_merge_into_one_table(work, capsys):
    room = work / "room"
    for name in ("花子", "Taro"):
        record.record_exercise("02-a", True)
        assert progress.main(["--export", str(room / f"{name}.json"), "--name", name]) == 0
    (room / "broken.json").write_text("{")
    assert progress.main(["--merge", str(room)]) == 0
    assert "broken.json" in capsys.readouterr().out
    with open(room / "progress.csv", encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["learner"] for row in rows] == ["Taro", "花子"]


def test_a_learner_who_hands_in_twice_is_one_row_with_the_later_state(work, monkeypatch):
    room, times = work / "room", iter(f"2026-11-2{day}T10:00:00+00:00" for day in range(9))
    monkeypatch.setattr(record, "_now", lambda: next(times))
    record.record_exercise("02-a", True)
    progress.export(room / "z first.json", "花子")
    record.record_exercise("02-b", True)
    progress.export(room / "a second.json", "花子")
    other = json.loads((room / "a second.json").read_text(encoding="utf-8"))
    (room / "namesake.json").write_text(json.dumps(other | {"id": "another's"}), encoding="utf-8")
    learners, problems = progress.merge(room)
    rows = [learner.row() for learner in learners]
    (column,) = [name for name in rows[0] if name.startswith("02 exercises")]
    assert [row["learner"] for row in rows] == ["花子", "花子"]  # a namesake is somebody else
    assert [row[column] for row in rows] == ["2", "2"]
    assert len(problems) == 1 and "z first.json" in problems[0] and "a second.json" in problems[0]


def test_certificates_hold_a_page_for_each_learner_who_did_something(work, capsys):
    room = work / "room"
    progress.export(room / "nobody.json", "Did Nothing")
    record.record_exercise("02-a", True)
    progress.export(room / "one.json", "<b>花子</b>")
    assert progress.main(["--merge", str(room), "--certificates"]) == 0
    page = (room / "certificates.html").read_text(encoding="utf-8")
    assert page.count("<section>") == 1 and "Did Nothing" not in page
    assert "&lt;b&gt;花子" in page and "02 " in page and "no examination" in page
    with pytest.raises(SystemExit):
        progress.main(["--certificates"])
    assert "--merge" in capsys.readouterr().err


def test_a_folder_without_records_is_said(work):
    (work / "empty").mkdir()
    with pytest.raises(record.ProgressError, match="no record of progress"):
        progress.main(["--merge", str(work / "empty")])


def test_the_page_can_be_written_as_html(work):
    assert progress.main(["--html", str(work / "page.html")]) == 0
    assert "Your progress" in (work / "page.html").read_text(encoding="utf-8")


def test_the_record_is_plain_json_that_survives_a_reset(work):
    check("90-a", {})
    record.record_exercise("02-a", False)
    held = json.loads((work / "progress.json").read_text(encoding="utf-8"))
    assert held["exercises"]["02-a"]["failed"] == 1
