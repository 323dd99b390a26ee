"""`tl predict` with a model of texts: which tables it reads, and where the answers go."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests import tiny_sounds
from tlhelpers.course import exporting
from tlhelpers.course.cli import main
from tlhelpers.data.tables import FolderError, read_table


class Reader:
    """A model that calls every text good."""

    kind, config = "text", {}

    def classify(self, texts):
        return [exporting.Answer("good", 0.9) for _ in texts]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "load_model", lambda folder: Reader())
    monkeypatch.chdir(tmp_path)
    for name in ("one.csv", "more/two.csv", "more/three.tsv"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(f"text\nwords of {name}\n")
    return tmp_path


def answers() -> set[str]:
    return {path.name for path in Path().glob("*-answers.csv")}


@pytest.mark.parametrize("asked", [["more"], ["more/*"], ["more/two.csv", "more/three.tsv"]])
def test_folders_and_patterns_are_taken_as_for_photos(asked):
    """The command line of Windows hands a pattern over as it is."""
    assert main(["predict", "model", *asked]) == 0
    assert answers() == {"two-answers.csv", "three-answers.csv"}
    assert main(["predict", "model", "."]) == 0 and len(answers()) == 3  # never their own answers


def test_a_table_that_is_none_stops_none_of_the_others(capsys):
    Path("bad.csv").write_bytes(b"\xff\x81" * 40)
    assert main(["predict", "model", "bad.csv", "absent.csv", "nobody*", "one.csv"]) == 1
    said = capsys.readouterr()
    assert answers() == {"one-answers.csv"} and "1 texts answered" in said.out
    assert [line.split("\t")[0] for line in said.err.splitlines()] == [
        "nobody*",
        "bad.csv",
        "absent.csv",
    ]


def test_two_tables_of_one_name_are_not_written_over_each_other(capsys):
    Path("more/one.csv").write_text("text\nothers\n")
    assert main(["predict", "model", "one.csv", "more/one.csv"]) == 1
    assert "one-answers.csv" in capsys.readouterr().err and not answers()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a pipe is a file of POSIX")
def test_a_pipe_a_device_and_a_link_to_itself_are_not_waited_for(capsys):
    os.mkfifo("pipe.csv")
    Path("loop.csv").symlink_to("loop.csv")
    assert main(["predict", "model", "pipe.csv", "/dev/zero", "loop.csv"]) == 1
    assert capsys.readouterr().err.count("no ordinary file") == 3


def picture() -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [picture(), tiny_sounds.encoded(tiny_sounds.wave(0, 0), "WAV"), bytes(2000), b"\x7fELF" * 9],
    ids=["picture", "recording", "zeros", "program"],
)
def test_what_is_no_text_is_not_answered_as_one(place, content, capsys):
    (place / "x.csv").write_bytes(content)
    with pytest.raises(FolderError, match=r"no table|cannot be read"):
        read_table(place / "x.csv")
    assert main(["predict", "model", "x.csv"]) == 1 and not answers()
    assert main(["predict", "model", str(place / "none")]) == 1
    (place / "none").mkdir()
    assert main(["predict", "model", str(place / "none")]) == 1
    assert "holds no table" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--out", "--text"])
def test_options_for_tables_are_refused_where_the_model_sees_photos(option, capsys, monkeypatch):
    monkeypatch.setattr(Reader, "kind", "image")
    assert main(["predict", "model", "one.png", option, "x.csv"]) == 1
    assert f"{option} is for models of texts" in capsys.readouterr().err
