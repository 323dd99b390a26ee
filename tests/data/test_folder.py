"""A learner's folder becomes a task; nothing in it stops the rest, and nothing is lost unsaid."""

import io
import os
import stat
import struct
import tarfile
import threading
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tlhelpers.data import archive, decoding, inspection, own
from tlhelpers.data import photo as photo_module
from tlhelpers.data.archive import ArchiveError
from tlhelpers.data.folder import FolderError, load_folder
from tlhelpers.data.layout import class_in_name
from tlhelpers.data.photo import PhotoError, decode_photo
from tlhelpers.runtime.store import StoreError


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("TLHELPERS_LANG", "en")


def photo(seed: int, size=(60, 40), mode="RGB") -> Image.Image:
    """A picture with its own large patches, unlike any other seed's."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).convert(mode)


def fill(root: Path, classes=("cats", "dogs"), count=10, first=0) -> Path:
    for c, name in enumerate(classes):
        (root / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            photo(first + 1000 * c + i).save(root / name / f"{name}_{i}.jpg")
    return root


def encoded(image: Image.Image, form: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def rows_of(task) -> int:
    return len(task.train) + len(task.valid) + len(task.test)


# --- layouts ------------------------------------------------------------------------------


def test_one_folder_per_class_is_split_60_20_20_in_each_class(tmp_path):
    task = load_folder(fill(tmp_path / "pets"), size=32)
    assert task.class_names == ["cats", "dogs"] and task.name == "pets"
    assert [len(s) for s in (task.train, task.valid, task.test)] == [12, 4, 4]
    assert task.train.labels.bincount().tolist() == [6, 6]
    assert task.train.inputs.shape == (12, 3, 32, 32) and task.train.inputs.dtype == torch.uint8
    first = task.paths["train"][0]
    assert (first.parent.name == "cats") == (task.train.labels[0] == 0)
    assert "20 photos of 2 classes" in str(task.inspection)


def test_the_split_follows_the_seed_and_decoding_happens_once(tmp_path, monkeypatch):
    fill(tmp_path / "pets")
    one = load_folder(tmp_path / "pets", size=32)
    monkeypatch.setattr(photo_module, "read_photo", None)  # a second decoding would fail
    again, other = (load_folder(tmp_path / "pets", size=32, seed=seed) for seed in (0, 1))
    assert torch.equal(one.train.inputs, again.train.inputs)
    assert one.fingerprint == again.fingerprint != other.fingerprint
    assert one.paths["test"] != other.paths["test"]


def test_parts_that_the_folder_names_are_kept(tmp_path):
    fill(tmp_path / "set" / "train", count=12)
    fill(tmp_path / "set" / "test", count=4, first=100)
    task = load_folder(tmp_path / "set", size=32)
    assert task.inspection.rule == "parts" and len(task.test) == 8
    assert all("test" in path.parts for path in task.paths["test"])
    assert len(task.train) + len(task.valid) == 24 and len(task.valid) == 6


def test_names_give_the_class_in_one_folder(tmp_path):
    fill(tmp_path / "mixed", count=6)
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in (tmp_path / "mixed").rglob("*.jpg"):
        path.rename(flat / path.name)
    task = load_folder(flat, size=32)
    assert task.class_names == ["cats", "dogs"] and task.inspection.rule == "names"
    known = {"cat.12": "cat", "great_pyrenees_17": "great_pyrenees", "cat (4)": "cat"}
    known |= {"猫_3_1": "猫", "0001": ""}
    assert {stem: class_in_name(stem) for stem in known} == known


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16"])
def test_a_csv_gives_labels_in_any_usual_encoding(tmp_path, encoding):
    fill(tmp_path / "photos", count=5)
    lines = ["ファイル名,ラベル"]
    for path in sorted((tmp_path / "photos").rglob("*.jpg")):
        lines.append(f"{path.relative_to(tmp_path)},{'猫' if 'cats' in path.name else '犬'}")
    lines += ["photos/none.jpg,猫", "../outside.jpg,犬", lines[1]]
    (tmp_path / "labels.csv").write_text("\n".join(lines), encoding=encoding)
    task = load_folder(tmp_path, size=32)
    assert set(task.class_names) == {"犬", "猫"} and rows_of(task) == 10
    assert sorted(p.kind for p in task.inspection.left_out) == ["link", "listed_twice", "missing"]


def test_a_csv_without_the_columns_says_which_it_needs(tmp_path):
    for number in range(6):
        photo(number).save(tmp_path / f"{number}.jpg")
    (tmp_path / "labels.csv").write_text("a,b\n1,2\n")
    for path in (tmp_path, tmp_path / "labels.csv"):
        with pytest.raises(FolderError, match='"file" and "label"'):
            load_folder(path)


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_an_archive_is_unpacked_and_read(tmp_path, kind):
    fill(tmp_path / "pets" / "写真", count=4)
    packed = tmp_path / f"pets.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(packed, "w") as file:
            for path in (tmp_path / "pets").rglob("*.jpg"):
                file.write(path, path.relative_to(tmp_path))
            file.writestr("__MACOSX/pets/._cats_0.jpg", b"x")
    else:
        with tarfile.open(packed, "w:gz") as file:
            file.add(tmp_path / "pets", "pets")
    task = load_folder(packed, size=32)
    assert task.class_names == ["cats", "dogs"] and not task.inspection.left_out


# --- archives that mean harm --------------------------------------------------------------


@pytest.mark.parametrize("name", ["../evil.jpg", "/evil.jpg", "a/../../evil.jpg", "C:\\evil.jpg"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_entry_outside_the_folder_is_refused_and_nothing_written(tmp_path, name, kind):
    packed = tmp_path / "in" / f"photos.{kind}"
    packed.parent.mkdir()
    if kind == "zip":
        with zipfile.ZipFile(packed, "w") as file:
            file.writestr("good.jpg", b"x")
            file.writestr(name, b"x")
    else:
        with tarfile.open(packed, "w") as file:
            file.addfile(tarfile.TarInfo(name))
    with pytest.raises(ArchiveError, match=r"evil\.jpg"):
        archive.extract(packed, tmp_path / "in" / "out")
    assert [path.name for path in packed.parent.iterdir()] == [packed.name]
    assert not list(tmp_path.glob("evil*"))


def test_links_bombs_and_damage_in_archives_are_refused(tmp_path, monkeypatch):
    link = tmp_path / "link.tar"
    with tarfile.open(link, "w") as file:
        entry = tarfile.TarInfo("cats")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc"
        file.addfile(entry)
    zipped = tmp_path / "link.zip"
    with zipfile.ZipFile(zipped, "w") as file:
        info = zipfile.ZipInfo("cats")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(info, "/etc")
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("zeros.jpg", bytes(80 * 2**20))
    whole = tmp_path / "whole.zip"
    with zipfile.ZipFile(whole, "w") as file:
        file.writestr("a.jpg", np.random.default_rng(0).bytes(50_000))
    broken = bytearray(whole.read_bytes())
    broken[20_000] ^= 255
    whole.write_bytes(broken)
    (tmp_path / "text.zip").write_text("no archive")
    for name, words in (
        ("link.tar", "link or a device"),
        ("link.zip", "link or a device"),
        ("bomb.zip", "more than is safe"),
        ("whole.zip", "damaged"),
        ("text.zip", "damaged"),
    ):
        with pytest.raises(ArchiveError, match=words):
            archive.extract(tmp_path / name, tmp_path / "out")
        assert not (tmp_path / "out").exists()


# --- photos that mean harm ----------------------------------------------------------------


def png_of(width: int, height: int) -> bytes:
    """A tiny PNG file that claims to be this large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


BAD = {
    "zero.jpg": (b"", "empty"),
    "text.jpg": (b"Dear diary, this is no picture. " * 20, "not_an_image"),
    "truncated.jpg": (encoded(photo(1, (300, 200)), "JPEG")[:900], "truncated"),
    "truncated.png": (encoded(photo(1, (300, 200)), "PNG")[:900], "truncated"),
    "hundred_megapixels.png": (png_of(10_000, 10_000), "too_large"),
    "bomb.png": (png_of(60_000, 60_000), "too_large"),
    "phone.heic": (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(100), "heic"),
    "pickle.jpg": (
        b"\x80\x04\x95\x1f\x00\x00\x00posix\x94\x8c\x06system\x94\x93\x94.",
        "not_an_image",
    ),
}


def test_bad_files_are_left_out_by_name_and_the_rest_is_used(tmp_path):
    root = fill(tmp_path / "pets")
    for name, (content, _) in BAD.items():
        (root / "cats" / name).write_bytes(content)
    (root / "cats" / "notes.txt").write_text("hello")
    (root / "loose.jpg").write_bytes(encoded(photo(77), "JPEG"))
    task = load_folder(root, size=32)
    assert rows_of(task) == 20
    left_out = {Path(p.path).name: p.kind for p in task.inspection.left_out}
    expected = {name: kind for name, (_, kind) in BAD.items()}
    assert left_out == expected | {"notes.txt": "other", "loose.jpg": "no_label"}
    said = str(task.inspection) + "".join(p.message for p in task.inspection.left_out)
    for words in ("pillow-heif", "100 million pixels", ">178 million pixels", "0 bytes"):
        assert words in said


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (encoded(photo(3, mode="CMYK"), "JPEG"), "cmyk"),
        (encoded(photo(3, mode="L"), "JPEG"), ""),
        (encoded(photo(3).quantize(16), "PNG", transparency=0), ""),
        (encoded(photo(3, mode="RGBA"), "PNG"), ""),
        (encoded(photo(3, mode="1"), "TIFF"), ""),
        (encoded(photo(3), "WEBP"), ""),
        (encoded(Image.fromarray(np.arange(2400, dtype=np.uint16).reshape(40, 60)), "PNG"), "deep"),
        (encoded(photo(3, mode="L").convert("F"), "TIFF"), "deep"),
        (encoded(photo(3), "GIF", save_all=True, append_images=[photo(4)]), "animated"),
    ],
)
def test_unusual_formats_become_plain_colour_pictures(content, note):
    found = decode_photo(content, 32)
    assert found.pixels.shape == (3, 32, 32) and found.pixels.dtype == np.uint8
    assert (found.width, found.height, found.note) == (60, 40, note)
    assert found.pixels.std() > 10  # 16 bits do not end up all black or all white


def test_transparent_is_white_and_a_photo_taken_upright_stands_upright():
    clear = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
    assert decode_photo(encoded(clear, "PNG"), 32).pixels.min() == 255
    lying = Image.new("RGB", (80, 40), "black")
    lying.paste("white", (0, 0, 40, 40))  # after a quarter turn to the right: above
    exif = Image.Exif()
    exif[0x0112] = 6
    found = decode_photo(encoded(lying, "JPEG", exif=exif, quality=95), 32)
    assert (found.width, found.height) == (40, 80)
    assert found.pixels[:, :10].min() > 200 and found.pixels[:, -10:].max() < 55


def test_a_large_jpeg_is_decoded_small():
    content = encoded(photo(5, (4000, 3000)), "JPEG")
    assert decode_photo(content, 64).width == 4000
    with pytest.raises(PhotoError, match="million pixels"):
        decode_photo(png_of(8000, 8000), 64)


def test_names_in_japanese_and_very_long_names_are_read(tmp_path):
    root = fill(tmp_path / "写真", classes=("猫", "犬"))
    long = "とても長い名前" * 11 + ".jpg"
    (root / "猫" / "猫_0.jpg").rename(root / "猫" / long)
    task = load_folder(root, size=32)
    assert task.class_names == ["犬", "猫"] and rows_of(task) == 20
    if os.name == "posix":
        raw = os.fsencode(root / "猫") + b"/\xff\xfe.jpg"
        with open(raw, "wb") as file:
            file.write(b"")
        assert "�" in str(load_folder(root, size=32).inspection)


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_links_out_of_the_folder_and_pipes_are_left_out(tmp_path):
    root = fill(tmp_path / "pets")
    outside = fill(tmp_path / "elsewhere")
    (root / "cats" / "out.jpg").symlink_to(outside / "cats" / "cats_0.jpg")
    (root / "foreign").symlink_to(outside)
    (root / "loop").symlink_to(root)
    (root / "cats" / "nowhere.jpg").symlink_to(tmp_path / "pets" / "gone.jpg")
    os.mkfifo(root / "cats" / "pipe.jpg")  # opening it would wait for ever
    task = load_folder(root, size=32)
    assert rows_of(task) == 20 and task.class_names == ["cats", "dogs"]
    kinds = {Path(p.path).name: p.kind for p in task.inspection.left_out}
    links = dict.fromkeys(("out.jpg", "foreign", "loop", "nowhere.jpg"), "link")
    assert kinds == links | {"pipe.jpg": "not_a_file"}


def test_an_unreadable_file_is_left_out_and_an_unreadable_folder_told(tmp_path, monkeypatch):
    root = fill(tmp_path / "pets")
    plain = Path.read_bytes

    def refuse(self):
        if self.name == "cats_3.jpg":
            raise PermissionError(13, "Permission denied")
        return plain(self)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    task = load_folder(root, size=32)
    assert rows_of(task) == 19 and task.inspection.left_out[0].kind == "unreadable"


def test_folders_that_teach_nothing_are_refused_with_one_sentence_each(tmp_path):
    (tmp_path / "empty" / "cats").mkdir(parents=True)
    fill(tmp_path / "one_class", classes=("cats",))
    fill(tmp_path / "one_photo", classes=("cats",), count=1)
    fill(tmp_path / "two_each", count=2)
    (tmp_path / "bad" / "cats").mkdir(parents=True)
    (tmp_path / "bad" / "cats" / "a.jpg").write_bytes(b"")
    (tmp_path / "note.txt").write_text("x")
    for name, words in (
        ("nothing", "There is nothing at"),
        ("empty", "no photo in"),
        ("one_class", "one class"),
        ("one_photo", "one photo"),
        ("two_each", "too few photos"),
        ("bad", "0 bytes"),
        ("note.txt", "neither a folder"),
    ):
        with pytest.raises(FolderError, match=words):
            load_folder(tmp_path / name, size=32)


# --- what is wrong with the set -----------------------------------------------------------


def test_copies_are_counted_once_and_contradictions_left_out(tmp_path):
    root = fill(tmp_path / "pets")
    (root / "cats" / "copy.jpg").write_bytes((root / "cats" / "cats_0.jpg").read_bytes())
    (root / "dogs" / "wrong.jpg").write_bytes((root / "cats" / "cats_1.jpg").read_bytes())
    task = load_folder(root, size=32)
    assert task.inspection.counts == {"cats": 9, "dogs": 10}
    assert sorted(task.inspection.duplicates[0]) == ["cats/cats_0.jpg", "cats/copy.jpg"]
    assert sorted(task.inspection.conflicts[0]) == ["cats/cats_1.jpg", "dogs/wrong.jpg"]


def test_near_copies_are_found_and_never_parted(tmp_path):
    root = fill(tmp_path / "pets", count=20)
    for i in range(20):
        smaller = Image.open(root / "cats" / f"cats_{i}.jpg").resize((45, 30))
        smaller.save(root / "cats" / f"small_{chr(97 + i)}.jpg", quality=70)
    task = load_folder(root, size=32)
    assert len(task.inspection.near_duplicates) == 20 and not task.inspection.across
    for paths in task.paths.values():
        originals = {path.stem for path in paths if "cats_" in path.stem}
        copies = {f"cats_{ord(path.stem[-1]) - 97}" for path in paths if "small" in path.stem}
        assert originals == copies


def test_near_copies_across_given_parts_are_told(tmp_path):
    fill(tmp_path / "train", count=8)
    fill(tmp_path / "test", count=4, first=100)
    near = Image.open(tmp_path / "train" / "cats" / "cats_0.jpg").resize((45, 30))
    near.save(tmp_path / "test" / "cats" / "again.jpg")
    found = load_folder(tmp_path, size=32).inspection
    assert len(found.across) == 1 and "easier than real life" in str(found)


def test_empty_walls_are_no_copies_of_each_other():
    walls = np.full((50, 16, 16), 128, np.uint8) + np.arange(50, dtype=np.uint8)[:, None, None]
    assert inspection.near_duplicates(walls) == []


def test_crops_of_one_picture_stay_together(tmp_path):
    for c, name in enumerate(("red", "white")):
        (tmp_path / name).mkdir()
        for picture in range(20):
            for crop in range(3):
                seed = 10_000 * c + 100 * picture + crop
                photo(seed).save(tmp_path / name / f"Blood_{picture:03d}_{crop}.png")
    task = load_folder(tmp_path, size=32)
    assert task.inspection.grouping == "names" and task.inspection.groups == 20
    pictures = [{path.stem[:9] for path in paths} for paths in task.paths.values()]
    assert not (pictures[0] & pictures[1] or pictures[0] & pictures[2] or pictures[1] & pictures[2])
    assert rows_of(task) == 120 and len(task.train) in range(66, 79)
    apart = load_folder(tmp_path, size=32, groups=None)
    assert not apart.inspection.grouping


def test_plain_numbers_in_names_make_no_groups():
    assert inspection.groups_by_name([f"cat_{i}" for i in range(50)], ["cat"] * 50) is None
    assert inspection.groups_by_name([f"IMG_2024_{i}" for i in range(50)], ["cat"] * 50) is None


def test_equal_names_in_folders_of_several_classes_make_no_groups():
    stems = [f"{i:03}" for i in range(25)] * 2
    assert inspection.groups_by_name(stems, ["cat"] * 25 + ["dog"] * 25) is None


def test_imbalance_and_tiny_classes_are_told(tmp_path):
    fill(tmp_path, classes=("cats",), count=30)
    fill(tmp_path, classes=("dogs",), count=5, first=500)
    fill(tmp_path, classes=("birds",), count=2, first=900)
    found = load_folder(tmp_path, size=32).inspection
    assert found.counts == {"cats": 30, "dogs": 5} and found.imbalance == 6
    assert [p.kind for p in found.left_out] == ["class_small"] * 2
    assert "6.0 times" in str(found) and "<li>" in found._repr_html_()


# --- size and disk ------------------------------------------------------------------------


def test_many_photos_are_read_from_their_file(tmp_path, monkeypatch):
    root = fill(tmp_path / "pets")
    held = load_folder(root, size=32)
    monkeypatch.setattr(own, "HELD_BYTES", 1000)
    read = load_folder(root, size=32)
    assert read.train.is_lazy and not held.train.is_lazy
    rows = torch.tensor([3, 0, 7])
    assert torch.equal(read.train.batch(rows)[0], held.train.batch(rows)[0])
    assert torch.equal(read.train.labels, held.train.labels)


def test_lazy_photos_are_named_by_what_they_are_whichever_is_edited(tmp_path, monkeypatch):
    monkeypatch.setattr(own, "HELD_BYTES", 1000)
    root = fill(tmp_path / "pets", count=40)
    one, again = load_folder(root, size=32), load_folder(root, size=32)
    assert one.train.is_lazy and one.train.fingerprint == again.train.fingerprint
    last = one.paths["train"][-2]
    photo(77_777).save(last)
    edited = load_folder(root, size=32)
    assert edited.train.fingerprint != one.train.fingerprint
    some = torch.arange(5)
    assert edited.train.subset(some).fingerprint != edited.train.subset(some + 1).fingerprint


def test_the_part_that_a_table_names_counts_in_the_fingerprint(tmp_path):
    root = fill(tmp_path / "pets")
    files = sorted(file.relative_to(root).as_posix() for file in root.rglob("*.jpg"))

    def load(order):
        lines = ["file,label,split"]
        for place, file in enumerate(files):
            lines.append(f"{file},{file.split('/')[0]},{order[place % 2]}")
        (root / "labels.csv").write_text("\n".join(lines))
        return load_folder(root, size=32)

    one, exchanged = load(("train", "test")), load(("test", "train"))
    assert len(one.train) == len(exchanged.train)
    assert one.fingerprint != exchanged.fingerprint


def test_a_full_disk_is_told_before_anything_is_written(tmp_path, monkeypatch):
    root = fill(tmp_path / "pets")
    monkeypatch.setattr(
        decoding.shutil, "disk_usage", lambda path: type("Disk", (), {"free": 1000})
    )
    with pytest.raises(FolderError, match="GB"):
        load_folder(root, size=32)


def test_a_disk_that_fills_up_while_decoding_leaves_nothing_half_written(tmp_path, monkeypatch):
    root = fill(tmp_path / "pets")

    def full(items, medium, progress):
        yield from ()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(decoding, "_in_threads", full)
    with pytest.raises(StoreError, match="disk is full"):
        load_folder(root, size=32)
    left = Path(os.environ["TLHELPERS_CACHE"]) / "folder"
    assert left.exists() and not [file for file in left.iterdir() if file.suffix != ".lock"]


def test_a_damaged_cache_is_made_anew(tmp_path):
    root = fill(tmp_path / "pets")
    good = load_folder(root, size=32)
    (pixels,) = (Path(os.environ["TLHELPERS_CACHE"]) / "folder").glob("*.content")
    pixels.write_bytes(pixels.read_bytes()[:100])
    assert torch.equal(load_folder(root, size=32).train.inputs, good.train.inputs)


def test_two_readers_at_once_decode_once(tmp_path, monkeypatch):
    root = fill(tmp_path / "pets")
    decoded, plain = [], decoding._decode_all

    def counted(*arguments):
        decoded.append(1)
        return plain(*arguments)

    monkeypatch.setattr(decoding, "_decode_all", counted)
    tasks = []
    threads = [
        threading.Thread(target=lambda: tasks.append(load_folder(root, size=32))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(decoded) == 1 and torch.equal(tasks[0].train.inputs, tasks[1].train.inputs)
