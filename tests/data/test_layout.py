"""Classes are what the owner of the folder meant: never a part, never one name in two forms."""

import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tlhelpers.data.folder import FolderError, load_folder
from tlhelpers.data.layout import class_in_name, find_layout, one_spelling
from tlhelpers.transfer.compare import few_labels


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("TLHELPERS_LANG", "en")


def put(root: Path, *names: str) -> Path:
    """A photo, unlike all others, under each of these names."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        seed = np.frombuffer(name.encode(), np.uint8)
        coarse = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((60, 40), Image.Resampling.BICUBIC).save(path)
    return root


def several(folder: str, count: int = 4, name: str = "") -> list[str]:
    return [f"{folder}/{name}{number:03}.jpg" for number in range(count)]


def found(root: Path, **options):
    """{class: photos}, the parts, and {kind: count} of what was left out."""
    layout = find_layout(root, **options)
    classes = {name: sum(i.label == name for i in layout.items) for name in layout.classes}
    kinds = [problem.kind for problem in layout.left_out]
    return (
        classes,
        {item.part for item in layout.items},
        {kind: kinds.count(kind) for kind in set(kinds)},
    )


MADE = {"train", "test"}
TREES = {
    "photos to be tested have no class": (
        [*several("train/nok"), *several("train/ok"), *several("test", 3)],
        ({"nok": 4, "ok": 4}, {""}, {"no_label": 3}),
    ),
    "classes in the names of train alone": (
        [*several("train", 4, "cat."), *several("train", 4, "dog."), *several("test1", 3)],
        ({"cat": 4, "dog": 4}, {""}, {"no_label": 3}),
    ),
    "a prefix, twice": (
        [
            *several("seg_train/seg_train/sea"),
            *several("seg_train/seg_train/ice"),
            *several("seg_test/seg_test/sea"),
            *several("seg_test/seg_test/ice"),
            *several("seg_pred/seg_pred", 3),
        ],
        ({"sea": 8, "ice": 8}, MADE, {"unlabelled": 3}),
    ),
    "a suffix": (
        [
            *several("training_set/training_set/cats"),
            *several("training_set/training_set/dogs"),
            *several("test_set/test_set/cats"),
            *several("test_set/test_set/dogs"),
        ],
        ({"cats": 8, "dogs": 8}, MADE, {}),
    ),
    "photos beside the parts": (
        [
            *several("train/a"),
            *several("train/b"),
            *several("valid/a"),
            *several("valid/b"),
            *several("test/a"),
            *several("test/b"),
            *several("images to predict", 2),
            *several("old", 1),
        ],
        ({"a": 12, "b": 12}, {"train", "valid", "test"}, {"unlabelled": 2, "no_part": 1}),
    ),
    "classes in the names of both": (
        [
            *several("Train", 4, "cat_"),
            *several("Train", 4, "dog_"),
            *several("Test", 4, "cat_"),
            *several("Test", 4, "dog_"),
        ],
        ({"cat": 8, "dog": 8}, MADE, {}),
    ),
    "parts inside the classes": (
        [
            *several("cats/train"),
            *several("cats/test"),
            *several("dogs/train"),
            *several("dogs/test"),
        ],
        ({"cats": 8, "dogs": 8}, MADE, {}),
    ),
    "part and class in one name": (
        [
            *several("trainA"),
            *several("trainB"),
            *several("testA"),
            *several("testB"),
        ],
        ({"A": 8, "B": 8}, MADE, {}),
    ),
    "no training part": (
        [*several("valid/a"), *several("valid/b"), *several("test/a"), *several("test/b")],
        ({"a": 8, "b": 8}, {""}, {}),
    ),
    "train and something else": (
        [*several("train/a"), *several("train/b"), *several("new", 2)],
        ({"a": 4, "b": 4}, {""}, {"no_part": 2}),
    ),
    "in Japanese": (
        [
            *several("訓練用データ/猫"),
            *several("訓練用データ/犬"),
            *several("テスト/猫"),
            *several("テスト/犬"),
        ],
        ({"猫": 8, "犬": 8}, MADE, {}),
    ),
    "a train is a vehicle": (
        [*several("train"), *several("bus"), *several("car")],
        ({"train": 4, "bus": 4, "car": 4}, {""}, {}),
    ),
    "trains of two kinds": (
        [*several("bullet train"), *several("freight train")],
        ({"bullet train": 4, "freight train": 4}, {""}, {}),
    ),
    "words that only begin like a part": (
        [*several("value"), *several("testimony"), *several("trainer")],
        ({"value": 4, "testimony": 4, "trainer": 4}, {""}, {}),
    ),
    "thumbnails of a network disk": (
        [*several("cats"), *several("dogs"), "cats/@eaDir/000.jpg/SYNOPHOTO_THUMB_M.jpg"],
        ({"cats": 4, "dogs": 4}, {""}, {}),
    ),
}


@pytest.mark.parametrize("tree", TREES)
def test_parts_are_never_classes_and_classes_never_parts(tmp_path, tree):
    names, expected = TREES[tree]
    assert found(put(tmp_path, *names)) == expected


def test_train_and_test_without_any_class_are_refused(tmp_path):
    put(tmp_path, *several("train", 12), *several("test", 12))
    with pytest.raises(FolderError, match="Nothing tells its class"):
        load_folder(tmp_path, size=32)


def test_parts_inside_the_classes_are_no_classes_for_leaf_either(tmp_path):
    put(tmp_path, *several("x/cats/train"), *several("x/dogs/test"), *several("y/dogs/train"))
    classes, _, _ = found(tmp_path, label_from="leaf")
    assert set(classes) == {"cats", "dogs"}


def test_leaf_says_which_classes_it_merged(tmp_path):
    put(tmp_path, *several("greek/alpha"), *several("latin/alpha"), *several("greek/beta"))
    task = load_folder(tmp_path, size=32, label_from="leaf")
    assert task.inspection.counts == {"alpha": 8, "beta": 4}
    assert "taken for one class (1): alpha" in str(task.inspection)


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("class1_000", "class1"),
        ("type2 (3)", "type2"),
        ("cat_3_1", "cat"),
        ("cat7", "cat"),
        ("cat(4)", "cat"),
        ("2024_01", ""),
        ("great_pyrenees_17", "great_pyrenees"),
    ],
)
def test_the_number_of_a_class_stays_and_the_number_of_the_photo_goes(stem, name):
    assert class_in_name(stem) == name


# --- one name in two forms ----------------------------------------------------------------

NFC, NFD = (unicodedata.normalize(form, "ガラス") for form in ("NFC", "NFD"))


def test_two_spellings_of_a_folder_are_one_class(tmp_path):
    put(tmp_path, *several(NFC), *several(NFD, 3), *several("いぬ"))
    task = load_folder(tmp_path, size=32)
    assert task.inspection.counts == {"いぬ": 4, NFC: 7}


def test_a_table_finds_files_and_classes_in_another_form(tmp_path):
    put(tmp_path, *several(NFD), *several("いぬ"))
    lines = [f"{name},{label}" for label in (NFC, "いぬ") for name in several(label)]
    lines[0] = lines[0].replace(f",{NFC}", f",{NFD}")
    (tmp_path / "labels.csv").write_text("\n".join(["file,label", *lines]), encoding="utf-8")
    assert found(tmp_path) == ({NFC: 4, "いぬ": 4}, {""}, {})


# --- tables -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "table",
    ["date,weather\n1,sun\n", "", "file,label\nparent/cats/000.jpg,cat\n", "label,x\na,b\n"],
)
@pytest.mark.parametrize("place", ["notes.csv", "dogs/exif.csv"])
def test_a_table_that_says_nothing_of_the_photos_is_left_out(tmp_path, table, place):
    put(tmp_path, *several("cats"), *several("dogs"))
    (tmp_path / place).write_text(table)
    assert found(tmp_path) == ({"cats": 4, "dogs": 4}, {""}, {"table": 1})


def test_one_bad_line_of_a_table_is_left_out_and_never_the_rest(tmp_path):
    put(tmp_path, *several("a"), *several("b"))
    good = [f"{name},{label}" for label in "ab" for name in several(label)]
    bad = [
        "a/\0.jpg,a",
        f"a/{'x' * 300}.jpg,a",
        f"a/000.jpg,{'x' * 20_000}",
        f"a/000.jpg,{'x' * 200_000}",
        '"a/000.jpg,a',
    ]
    lines = ["file,label", *good[:3], *bad, *good[3:]]
    (tmp_path / "labels.csv").write_text("\n".join(lines), encoding="utf-8")
    classes, _, kinds = found(tmp_path)
    assert classes == {"a": 4, "b": 4} and kinds == {"line": 4, "missing": 1}
    lines = [p.path.rpartition(":")[2] for p in find_layout(tmp_path).left_out if p.kind == "line"]
    assert lines == ["5", "7", "8", "9"]


def test_a_cell_may_hold_lines_and_excel_may_name_its_separator(tmp_path):
    put(tmp_path, *several("a"), *several("b"))
    rows = [f'{name};{label};"two\nlines"' for label in "ab" for name in several(label)]
    content = "\n".join(["sep=;", "file;label;note", *rows])
    (tmp_path / "labels.csv").write_text(content)
    assert found(tmp_path) == ({"a": 4, "b": 4}, {""}, {})


@pytest.mark.parametrize("encoding", ["euc_jp", "utf-16-le", "cp932"])
def test_an_encoding_that_had_to_be_guessed_is_told(tmp_path, encoding):
    put(tmp_path, *several("a"), *several("b"))
    rows = [f"{n},{label}" for c, label in (("a", "ねこ"), ("b", "いぬ")) for n in several(c)]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label", *rows]), encoding=encoding)
    task = load_folder(tmp_path, size=32)
    assert task.class_names == ["いぬ", "ねこ"]
    assert "was read as" in str(task.inspection)


def test_photos_that_the_table_does_not_name_are_told(tmp_path):
    put(tmp_path, *several("a"), *several("b"), "a/extra.jpg")
    rows = [f"{name},{label}" for label in "ab" for name in several(label)]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label", *rows]))
    assert found(tmp_path)[2] == {"not_listed": 1}


def test_the_parts_of_a_table_belong_to_the_identity_of_the_task(tmp_path):
    put(tmp_path, *several("a", 6), *several("b", 6))
    prints = []
    for first, second in (("train", "test"), ("test", "train")):
        rows = [
            f"{name},{label},{(first, second)[number % 2]}"
            for label in "ab"
            for number, name in enumerate(several(label, 6))
        ]
        (tmp_path / "labels.csv").write_text("\n".join(["file,label,split", *rows]))
        prints.append(load_folder(tmp_path, size=32).fingerprint)
    assert prints[0] != prints[1]


# --- classes too small, rows dropped --------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2])
def test_a_class_too_small_is_never_half_a_task(tmp_path, count):
    put(tmp_path, *several("cats", 12), *several("dogs", count))
    with pytest.raises(FolderError, match=r'only the class "cats".*Fewer than 3.*: dogs'):
        load_folder(tmp_path, size=32)


def test_photos_that_stand_in_every_class_are_named(tmp_path):
    put(tmp_path, *several("cats"))
    (tmp_path / "copy").mkdir()
    for path in (tmp_path / "cats").iterdir():
        (tmp_path / "copy" / path.name).write_bytes(path.read_bytes())
    with pytest.raises(FolderError, match="several classes at once, and were left out: 4"):
        load_folder(tmp_path, size=32)


def test_a_folder_of_links_says_so(tmp_path):
    put(tmp_path / "real", *several("cats"), *several("dogs"))
    for place in ("cats", "dogs"):
        (tmp_path / "links" / place).mkdir(parents=True)
        for path in (tmp_path / "real" / place).iterdir():
            (tmp_path / "links" / place / path.name).symlink_to(path)
    with pytest.raises(FolderError, match="only 8 links"):
        load_folder(tmp_path / "links", size=32)


def test_files_and_groups_follow_the_rows(tmp_path):
    put(tmp_path, *[name for label in "abcd" for name in several(label, 20)])
    task = load_folder(tmp_path, size=32)
    for few, classes in ((task.only_classes([2, 3]), "cd"), (few_labels(task, 4), "abcd")):
        for part in ("train", "valid", "test"):
            split = getattr(few, part)
            assert [path.parent.name for path in few.paths[part]] == [
                classes[label] for label in split.labels.tolist()
            ]
            assert len(few.groups[part]) == len(split)


def test_a_class_without_test_photos_is_told(tmp_path):
    put(tmp_path, *[n for c in "abc" for n in several(f"train/{c}", 6)], *several("test/a"))
    put(tmp_path, *several("test/b"))
    assert "said about them: c" in str(load_folder(tmp_path, size=32).inspection)


# --- what a disk may hold -------------------------------------------------------------------


@pytest.mark.slow
def test_links_in_a_circle_and_deep_folders_leave_the_rest_alone(tmp_path):
    put(tmp_path, *several("cats"), *several("dogs"))
    (tmp_path / "cats" / "self.jpg").symlink_to(tmp_path / "cats" / "self.jpg")
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    deep = tmp_path / "dogs"
    import os

    here = os.getcwd()
    os.chdir(deep)
    try:
        for _ in range(2500):
            os.mkdir("d")
            os.chdir("d")
    finally:
        os.chdir(here)
    try:
        classes, _, kinds = found(tmp_path)
        assert classes == {"cats": 4, "dogs": 4} and kinds == {"link": 3, "unreadable": 1}
    finally:
        _remove_deep(deep / "d")


def _remove_deep(folder: Path) -> None:
    """pytest's own clean-up would meet a path that is too long."""
    import os

    here = os.getcwd()
    os.chdir(folder)
    depth = 1
    while os.path.isdir("d"):
        os.chdir("d")
        depth += 1
    for _ in range(depth):
        os.chdir("..")
        os.rmdir("d")
    os.chdir(here)


def test_a_file_that_vanishes_while_the_folder_is_read_is_left_out(tmp_path, monkeypatch):
    put(tmp_path, *several("cats"), *several("dogs"))
    plain = Path.lstat

    def vanished(self):
        if self.name == "002.jpg":
            self.unlink(missing_ok=True)
        return plain(self)

    monkeypatch.setattr(Path, "lstat", vanished)
    assert found(tmp_path) == ({"cats": 3, "dogs": 3}, {""}, {"unreadable": 2})


def test_a_zip_with_the_separators_of_windows_has_its_folders(tmp_path):
    put(tmp_path / "photos", *several("cats"), *several("dogs"))
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as packed:
        for path in sorted((tmp_path / "photos").rglob("*.jpg")):
            entry = zipfile.ZipInfo("x")
            entry.filename = f"photos\\{path.parent.name}\\{path.name}"
            packed.writestr(entry, path.read_bytes())
    task = load_folder(tmp_path / "photos.zip", size=32)
    assert task.inspection.counts == {"cats": 4, "dogs": 4}


@pytest.mark.parametrize("name", ["fold{}", "Fold_0{}", "split {}", "part-{}", "batch{}", "分割{}"])
def test_pieces_of_a_set_are_no_classes(tmp_path, name):
    for number in (1, 2, 3):
        for kind in ("cats", "dogs"):
            put(tmp_path, *several(f"{name.format(number)}/{kind}"))
    assert found(tmp_path)[:2] == ({"cats": 12, "dogs": 12}, {""})


def test_folders_that_hold_the_same_folders_are_told(tmp_path):
    """source/cats, target/cats: which of the two is the class, nobody but the owner can know."""
    for outer in ("source", "target"):
        put(tmp_path, *several(f"{outer}/cats"), *several(f"{outer}/dogs"))
    (remark,) = find_layout(tmp_path).remarks
    assert "source, target" in remark and "cats, dogs" in remark and "leaf" in remark
    assert found(tmp_path, label_from="leaf")[0] == {"cats": 8, "dogs": 8}
    put(tmp_path, *several("target/birds/small"))
    (tmp_path / "one").mkdir()
    put(tmp_path / "one", *several("cats/in"), *several("cats/out"), *several("dogs/in"))
    assert find_layout(tmp_path / "one").remarks == []


def test_what_lies_beside_the_folder_of_classes_changes_nothing(tmp_path):
    put(tmp_path, *several("images/cats"), *several("images/dogs"))
    (tmp_path / "README.md").write_text("made by somebody")
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "1.xml").write_text("<a/>")
    assert found(tmp_path)[0] == {"cats": 4, "dogs": 4}


@pytest.mark.parametrize("twin", ["ｃａｔ", "cat ", "cat\u200b", "\u00a0cat", "cat\u3000"])
def test_names_that_only_look_the_same_are_one_class(tmp_path, twin):
    put(tmp_path, *several("cat"), *several("dog"), *several(twin))
    layout = find_layout(tmp_path)
    assert found(tmp_path)[0] == {"cat": 8, "dog": 4}
    assert len(layout.remarks) == 1 and "Taken for one class" in layout.remarks[0]


def test_labels_of_a_table_in_other_widths_are_one_class(tmp_path):
    photos = several("photos", 8)
    put(tmp_path, *photos)
    labels = ["ｱ", "ア", "ﾊﾞ", "バ"] * 2
    rows = "\n".join(",".join(pair) for pair in zip(photos, labels, strict=True))
    (tmp_path / "labels.csv").write_text(f"file,label\n{rows}", encoding="utf-8")
    assert found(tmp_path)[0] == {"ア": 4, "バ": 4}


def test_what_differs_in_capitals_or_as_numbers_do_is_told():
    one, remarks = one_spelling(["Cat", "cat", "1", "1.0", "01", "2", "x²", "x2"])
    assert one == {name: name for name in one}
    (remark,) = remarks
    assert "'Cat' / 'cat'" in remark and "'01' / '1' / '1.0'" in remark and "x2" not in remark


@pytest.mark.parametrize("encoding", ["utf-32", "iso2022_jp"])
def test_an_encoding_that_names_itself_is_read(tmp_path, encoding):
    photos = several("photos", 8)
    put(tmp_path, *photos)
    rows = "\n".join(f"{photo},{'ねこいぬ'[n % 2 * 2 :][:2]}" for n, photo in enumerate(photos))
    (tmp_path / "labels.csv").write_bytes(f"file,label\n{rows}".encode(encoding))
    assert found(tmp_path)[0] == {"ねこ": 4, "いぬ": 4}


def test_a_table_may_leave_out_suffixes_and_capitals_but_never_guesses(tmp_path):
    put(tmp_path, "a.png", "b.png", "c.png", "c.jpg")
    (tmp_path / "labels.csv").write_text("file,label\na,x\nB.PNG,y\nc,z\n")
    classes, _, left_out = found(tmp_path)
    assert classes == {"x": 1, "y": 1} and left_out["missing"] == 1


@pytest.mark.parametrize("cell", ["nan", "NaN", "#N/A", "<NA>", "NULL", ""])
def test_what_programs_write_where_there_is_nothing_is_no_class(tmp_path, cell):
    put(tmp_path, "a.png", "b.png", "c.png")
    (tmp_path / "labels.csv").write_text(f"file,label\na.png,x\nb.png,y\nc.png,{cell}\n")
    assert found(tmp_path) == ({"x": 1, "y": 1}, {""}, {"no_label": 1})


@pytest.mark.parametrize(("size", "told"), [((1, 1), True), ((400, 3), True), ((20, 12), False)])
def test_pictures_in_which_nothing_can_be_seen_are_told(tmp_path, size, told):
    for number in range(8):
        folder = tmp_path / "ab"[number % 2]
        folder.mkdir(exist_ok=True)
        Image.new("RGB", size, (20 * number, 99 * (number % 2), 7)).save(folder / f"{number}.png")
    said = str(load_folder(tmp_path, 32, progress=False).inspection)
    assert ("nothing to see" in said) == told
