"""What people hand in: read as they meant it, or refused by the sentence for that case."""

import json
import os
import shutil
import tarfile
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from tlhelpers.data.folder import FolderError, load_folder


def photo(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(zlib.crc32(os.fsencode(path)))
    Image.fromarray(random.integers(0, 256, (36, 36, 3), dtype=np.uint8)).save(path, "PNG")


def tree(root, *folders, count=6):
    for name in folders:
        for i in range(count):
            photo(root / name / f"{i}.png")


def table(path, rows, header="file,label"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]), encoding="utf-8")


def listed(root, count, first=0):
    """Photos of two classes below `root`, and their rows of a table beside the folder."""
    rows = []
    for i in range(first, first + count):
        photo(root / "images" / f"{i}.png")
        rows.append(f"images/{i}.png,{'ab'[i % 2]}")
    return rows


def texts(count, first=0):
    return [f"a text of number {i} and {7 * i},{'ab'[i % 2]}" for i in range(first, first + count)]


# --- parts --------------------------------------------------------------------------------


@pytest.mark.parametrize("odd", ["", "tets"])
@pytest.mark.parametrize("kind", ["photos", "texts"])
def test_a_column_of_parts_that_is_not_followed_is_told(tmp_path, kind, odd):
    rows = listed(tmp_path, 20) if kind == "photos" else texts(20)
    parts = ["train"] * 14 + ["test"] * 5 + [odd]
    header = "file,label,split" if kind == "photos" else "text,label,split"
    table(
        tmp_path / "t.csv", [f"{row},{part}" for row, part in zip(rows, parts, strict=True)], header
    )
    told = str(load_folder(tmp_path / "t.csv", 32).inspection)
    assert f"In 1 rows it says none of train, valid and test (but: {odd or chr(34) * 2})" in told


def test_tables_called_train_and_test_are_the_parts_of_photos(tmp_path):
    table(tmp_path / "train.csv", listed(tmp_path, 16))
    table(tmp_path / "test.csv", listed(tmp_path, 6, first=16))
    table(tmp_path / "sample_submission.csv", ["images/16.png,a", "images/17.png,a"])
    task = load_folder(tmp_path, 32)
    assert [len(part) for part in (task.train, task.valid, task.test)] == [12, 4, 6]
    assert sorted(int(path.stem) for path in task.test.paths) == list(range(16, 22))
    assert task.class_names == ["a", "b"]


def test_an_example_of_a_submission_beside_the_table_for_training_changes_nothing(tmp_path):
    table(tmp_path / "train.csv", listed(tmp_path, 16))
    photo(tmp_path / "images" / "90.png")
    table(tmp_path / "sample_submission.csv", ["images/90.png,a"])
    task = load_folder(tmp_path, 32)
    assert sum(map(len, task.paths.values())) == 16


def test_tables_whose_names_say_nothing_are_a_question(tmp_path):
    for name in ("one", "two"):
        table(tmp_path / f"{name}.csv", listed(tmp_path, 12))
    with pytest.raises(FolderError, match="several tables"):
        load_folder(tmp_path, 32)


@pytest.mark.parametrize("kind", ["photos", "texts"])
def test_a_class_of_the_test_part_alone_is_named_as_such(tmp_path, kind):
    if kind == "photos":
        tree(tmp_path, "train/cats", "train/dogs", "test/cats", "test/birds")
    else:
        table(tmp_path / "train.csv", texts(30), "text,label")
        table(
            tmp_path / "test.csv",
            [row.replace(",b", ",birds") for row in texts(20, 50)],
            "text,label",
        )
    with pytest.raises(FolderError, match=r"learned of: birds.*test part alone"):
        load_folder(tmp_path, 32)


def test_groups_that_cannot_be_kept_together_are_told(tmp_path):
    rows = [f"{row},{'P1' if row.endswith('a') else 'P2'}" for row in listed(tmp_path, 20)]
    table(tmp_path / "t.csv", rows, "file,label,patient")
    assert "the column of groups is not followed" in str(load_folder(tmp_path, 32).inspection)


# --- what is no class ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["unlabelled", "Unlabeled", "ラベルなし", "_background_noise_"])
def test_a_folder_without_labels_beside_the_classes_is_no_class(tmp_path, name):
    tree(tmp_path, "cats", "dogs", name)
    task = load_folder(tmp_path, 32)
    assert task.class_names == ["cats", "dogs"]
    assert "Left out (6)" in str(task.inspection)


def test_reviews_that_nobody_judged_are_no_class(tmp_path):
    for part, name in (
        ("train", "pos"),
        ("train", "neg"),
        ("train", "unsup"),
        ("test", "pos"),
        ("test", "neg"),
    ):
        for i in range(8):
            file = tmp_path / part / name / f"{i}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"film {i * 31} of {part} and {name}, seen {i} times", encoding="utf-8")
    assert load_folder(tmp_path).class_names == ["neg", "pos"]


def test_several_labels_of_a_photo_are_refused(tmp_path):
    rows = [
        row[:-1] + ("cat", "dog", "cat;dog")[i % 3] for i, row in enumerate(listed(tmp_path, 24))
    ]
    table(tmp_path / "t.csv", rows)
    with pytest.raises(FolderError, match=r"several labels at once.*cat;dog"):
        load_folder(tmp_path, 32)


def test_quantities_are_not_taken_for_classes_of_photos(tmp_path):
    rows = [f"{row[:-2]},{20 + i / 2}" for i, row in enumerate(listed(tmp_path, 24))]
    table(tmp_path / "t.csv", rows)
    with pytest.raises(FolderError, match="24 different numbers for 24 files"):
        load_folder(tmp_path, 32)


def test_names_that_never_repeat_are_told_with_a_remedy(tmp_path):
    for i in range(24):
        photo(tmp_path / f"2024-05-{i + 1:02d}_{'cat' if i % 2 else 'dog'}.png")
    with pytest.raises(FolderError, match=r"24 different classes for 24 files.*cat_1\.jpg"):
        load_folder(tmp_path, 32)


# --- files and archives -------------------------------------------------------------------


def test_a_list_of_records_is_a_table(tmp_path):
    records = [dict(zip(("text", "label"), row.split(","), strict=True)) for row in texts(40)]
    (tmp_path / "t.json").write_text(json.dumps([*records, 3]), encoding="utf-8")
    for path in (tmp_path / "t.json", tmp_path):
        task = load_folder(path)
        assert task.class_names == ["a", "b"] and sum(map(len, task.paths.values())) == 40
    assert "Left out (1)" in str(task.inspection)


@pytest.mark.parametrize("content", ["{", "[", '{"a": [1', "[1, 2]", "null", "[" * 100_000])
def test_any_other_json_is_told(tmp_path, content):
    (tmp_path / "t.json").write_text(content, encoding="utf-8")
    with pytest.raises(FolderError):
        load_folder(tmp_path / "t.json")


def test_an_archive_of_archives_says_what_to_do(tmp_path):
    tree(tmp_path / "x", "cats", "dogs")
    shutil.make_archive(str(tmp_path / "train"), "zip", tmp_path / "x")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as packed:
        packed.write(tmp_path / "train.zip", "train.zip")
        packed.writestr("readme.txt", "hello")
    with pytest.raises(FolderError, match=r"packed files \(train\.zip\).*Unpack"):
        load_folder(tmp_path / "all.zip")


@pytest.mark.skipif(not hasattr(os, "link"), reason="this system has no hard links")
def test_a_second_name_of_a_file_in_a_tar_is_a_copy(tmp_path):
    tree(tmp_path / "x", "cats", "dogs")
    os.link(tmp_path / "x/cats/0.png", tmp_path / "x/cats/again.png")
    with tarfile.open(tmp_path / "a.tar", "w") as packed:
        packed.add(tmp_path / "x", "x")
        assert any(entry.islnk() for entry in packed.getmembers())
    told = load_folder(tmp_path / "a.tar", 32).inspection
    assert told.counts == {"cats": 6, "dogs": 6} and len(told.duplicates) == 1


@pytest.mark.parametrize("goal", ["../../etc/passwd", "/etc/passwd", "x/nothing.png"])
def test_a_second_name_of_what_lies_elsewhere_is_refused(tmp_path, goal):
    entry = tarfile.TarInfo("cats/0.png")
    entry.type, entry.linkname = tarfile.LNKTYPE, goal
    with tarfile.open(tmp_path / "a.tar", "w") as packed:
        packed.addfile(entry)
    with pytest.raises(Exception, match=r"cats/0\.png|outside|damaged") as refused:
        load_folder(tmp_path / "a.tar")
    assert type(refused.value).__module__.startswith("tlhelpers")


def test_photos_without_an_ending_are_told(tmp_path):
    for i in range(8):
        photo(tmp_path / ("cats", "dogs")[i % 2] / f"{i:032x}")
    with pytest.raises(FolderError, match=r"8 files have no ending.*\.jpg"):
        load_folder(tmp_path)


# --- options of another case --------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [{"sep": ";"}, {"encoding": "cp932"}, {"columns": {"label": "kind"}}], ids=str
)
def test_what_speaks_of_a_table_is_refused_where_there_is_none(tmp_path, options):
    tree(tmp_path, "cats", "dogs")
    name = next(iter(options.get("columns", options)))
    with pytest.raises(FolderError, match=f"{name} speaks of a table"):
        load_folder(tmp_path, 32, **options)


def test_a_role_that_no_column_has_is_refused(tmp_path):
    tree(tmp_path, "cats", "dogs")
    with pytest.raises(ValueError, match="nonsense"):
        load_folder(tmp_path, 32, columns={"nonsense": "x"})


def test_separator_and_encoding_are_obeyed_in_a_table_of_photos(tmp_path):
    rows = [row.replace(",", "|").replace("|a", "|猫") for row in listed(tmp_path, 16)]
    content = "\n".join(["file|label", *rows]).encode("euc_jp")
    (tmp_path / "t.csv").write_bytes(content)
    task = load_folder(tmp_path / "t.csv", 32, sep="|", encoding="euc_jp")
    assert task.class_names == ["b", "猫"]


def test_options_for_texts_are_told_where_there_are_photos(tmp_path):
    tree(tmp_path, "cats", "dogs")
    with pytest.raises(FolderError, match=r"no text to learn from.*\.txt files"):
        load_folder(tmp_path, 32, columns={"text": "body"})
    (tmp_path / "t.csv").write_text("text,label\n", encoding="utf-8")
    with pytest.raises(FolderError, match="no text to learn from"):
        load_folder(tmp_path / "t.csv")


# --- cells --------------------------------------------------------------------------------


def test_what_programs_write_where_there_is_no_text_is_no_text(tmp_path):
    rows = [*texts(40), "nan,a", "NULL,b", "#N/A,a"]
    table(tmp_path / "t.csv", rows, "text,label")
    task = load_folder(tmp_path / "t.csv")
    assert sum(map(len, task.paths.values())) == 40 and "t.csv:42" in str(task.inspection)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("Der Weg nach Süden", ("Köln", "Bonn")),
        ("un café à midi", ("été", "hiver")),
        ("ein Wort", ("Köln", "Bonn")),
    ],
)
def test_accents_are_not_taken_for_kanji(tmp_path, words, names):
    rows = [f"{words} {i} {7 * i},{names[i % 2]}" for i in range(40)]
    content = "\n".join(["text,label", *rows]).encode("cp1252")
    (tmp_path / "t.csv").write_bytes(content)
    task = load_folder(tmp_path / "t.csv")
    assert task.class_names == sorted(names) and "Windows-1252" in str(task.inspection)


@pytest.mark.parametrize("names", [("猫", "犬"), ("アカ", "ソラ"), ("表A", "裏B")])
@pytest.mark.parametrize("words", ["plain words", "予約の話 A社", "カタカナのソース"])
def test_japanese_among_plain_letters_is_not_taken_for_accents(tmp_path, names, words):
    rows = [f"{words} {i} {7 * i},{names[i % 2]}" for i in range(40)]
    content = "\n".join(["text,label", *rows]).encode("cp932")
    (tmp_path / "t.csv").write_bytes(content)
    assert load_folder(tmp_path / "t.csv").class_names == sorted(names)


@pytest.mark.parametrize("kind", ["photos", "texts"])
def test_groups_in_training_and_test_at_once_are_told(tmp_path, kind):
    rows = listed(tmp_path, 40) if kind == "photos" else texts(40)
    header = "file,label" if kind == "photos" else "text,label"
    rows = [f"{row},P{i // 2 % 6},{'train' if i < 30 else 'test'}" for i, row in enumerate(rows)]
    table(tmp_path / "t.csv", rows, f"{header},group,split")
    told = str(load_folder(tmp_path / "t.csv", 32).inspection)
    assert "groups of the column are in training and in another part" in told


def test_what_lies_beside_a_table_changes_nothing(tmp_path):
    table(tmp_path / "data.csv", texts(40), "text,label")
    (tmp_path / "README.txt").write_text("what this is", encoding="utf-8")
    (tmp_path / "metadata.json").write_text("{}", encoding="utf-8")
    task = load_folder(tmp_path)
    assert sum(map(len, task.paths.values())) == 40 and "README.txt" in str(task.inspection)
    (tmp_path / "data.csv").rename(tmp_path / "train.csv")
    table(tmp_path / "test.csv", texts(20, 60), "text,label")
    assert len(load_folder(tmp_path).test) == 20


def test_pictures_and_their_masks_are_told(tmp_path):
    tree(tmp_path, "images", "masks")
    assert "the masks drawn on them" in str(load_folder(tmp_path, 32).inspection)


def test_an_archive_that_is_none_is_told_in_one_line(tmp_path):
    table(tmp_path / "t.zip", texts(40), "text,label")
    with pytest.raises(Exception, match="damaged or incomplete") as refused:
        load_folder(tmp_path / "t.zip")
    assert "\n" not in str(refused.value)
