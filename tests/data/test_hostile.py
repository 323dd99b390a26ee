"""Files that mean harm, or that a disk spoiled: one sentence, nothing outside or half done."""

import bz2
import errno
import gzip
import io
import os
import shutil
import stat
import tarfile
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tlhelpers.data import archive, photo
from tlhelpers.data.archive import ArchiveError
from tlhelpers.data.folder import FolderError, load_folder
from tlhelpers.data.photo import PhotoError, decode_photo
from tlhelpers.models.weights import read_tensors
from tlhelpers.runtime import store
from tlhelpers.runtime.store import StoreError
from tlhelpers.train.checkpoint import held_folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("TLHELPERS_LANG", "en")


def picture(size=(60, 40), mode="RGB") -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).convert(mode)


def encoded(image: Image.Image, form: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


# --- photos -------------------------------------------------------------------------------


def test_postscript_reaches_no_interpreter(monkeypatch):
    from PIL import EpsImagePlugin

    monkeypatch.setattr(EpsImagePlugin, "gs_binary", "gs")
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *a, **k: pytest.fail("gs started"))
    with pytest.raises(PhotoError, match="no image"):
        decode_photo(encoded(picture(), "EPS"), 32)


@pytest.mark.parametrize("form", ["ICO", "PCX", "TGA", "SGI", "PDF", "ICNS"])
def test_only_the_formats_of_photos_are_opened(form):
    with pytest.raises(PhotoError, match="no image"):
        decode_photo(encoded(picture((64, 64)), form), 32)


def with_exif(payload: bytes) -> bytes:
    plain = encoded(picture(), "JPEG")
    head = b"Exif\0\0" + payload
    return plain[:2] + b"\xff\xe1" + (len(head) + 2).to_bytes(2, "big") + head + plain[2:]


@pytest.mark.parametrize(
    "content", [with_exif(b"garbage!!"), with_exif(b"\xff\xe1\0\0garbage"), with_exif(b"")]
)
def test_broken_metadata_of_a_good_photo_turn_nothing_and_refuse_nothing(content):
    found = decode_photo(content, 32)
    assert (found.width, found.height) == (60, 40)
    assert np.array_equal(found.pixels, decode_photo(encoded(picture(), "JPEG"), 32).pixels)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("turn", [1, 3, 6, 8, 99])
def test_every_format_is_turned_as_its_metadata_say(form, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    found = decode_photo(encoded(picture(), form, exif=exif, quality=100), 32)
    assert (found.width, found.height) == ((40, 60) if turn in (6, 8) else (60, 40))
    degrees = {3: 180, 6: 270, 8: 90}.get(turn, 0)
    expected = decode_photo(encoded(picture().rotate(degrees, expand=True), "PNG"), 32)
    assert np.abs(found.pixels.astype(int) - expected.pixels).mean() < 6


def test_an_avif_with_the_brand_of_heif_is_read():
    content = bytearray(encoded(picture(), "AVIF"))
    content[8:12] = b"mif1"
    assert decode_photo(bytes(content), 32).width == 60


def test_large_photos_are_decoded_one_at_a_time(monkeypatch):
    monkeypatch.setattr(photo, "LARGE", 1000)
    at_once, most = [], []
    plain = photo._upright

    def counted(image):
        at_once.append(1)
        most.append(len(at_once))
        found = plain(image)
        at_once.pop()
        return found

    monkeypatch.setattr(photo, "_upright", counted)
    content = encoded(picture((300, 300)), "PNG")
    threads = [threading.Thread(target=decode_photo, args=(content, 32)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 6 and max(most) == 1


def test_a_strip_without_end_is_refused_and_pages_are_not_counted():
    strip = encoded(Image.new("L", (1, 30_000)), "PNG")
    with pytest.raises(PhotoError, match="30,000 pixels"):
        decode_photo(strip, 32)
    pages = [picture() for _ in range(3)]
    content = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    assert decode_photo(content, 32).note == "animated"


def test_values_without_end_in_a_float_picture_are_no_warning_and_no_black():
    values = np.tile(np.linspace(0, 1, 60, dtype=np.float32), (40, 1))
    values[0, 0], values[0, 1] = np.inf, np.nan
    found = decode_photo(encoded(Image.fromarray(values), "TIFF"), 32)
    assert found.pixels.std() > 30


# --- archives -----------------------------------------------------------------------------


def zipped(path: Path, names: dict[str, bytes], method=zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in names.items():
            file.writestr(zipfile.ZipInfo(name), content, method)
    return path


def tarred(path: Path, names: dict[str, bytes], mode="w") -> Path:
    with tarfile.open(path, mode) as file:
        for name, content in names.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            file.addfile(entry, io.BytesIO(content))
    return path


CONFLICTS = {
    "file and folder": {"a": b"x", "a/b.jpg": b"y"},
    "folder and file": {"a/b.jpg": b"y", "a": b"x"},
    "long name": {"x" * 300 + ".jpg": b"y"},
    "a point": {".": b"y"},
    "deep": {"d/" * 1000 + "x.jpg": b"y"},
}


@pytest.mark.parametrize("case", CONFLICTS)
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_names_that_no_disk_can_hold_end_in_a_sentence(tmp_path, case, pack):
    packed = pack(tmp_path / ("x.zip" if pack is zipped else "x.tar"), CONFLICTS[case])
    with pytest.raises(ArchiveError, match=r"x\.(zip|tar)"):
        archive.extract(packed, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == [packed.name]


def test_a_tar_of_the_folder_itself_is_unpacked(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(b"x")
    with tarfile.open(tmp_path / "x.tar", "w") as file:
        file.add(tmp_path / "in", ".")
    assert (archive.extract(tmp_path / "x.tar", tmp_path / "out") / "a.jpg").read_bytes() == b"x"


def test_damage_behind_a_checksum_is_found(tmp_path):
    noise = np.random.default_rng(0).bytes(300_000)
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as file:
        entry = tarfile.TarInfo("a.jpg")
        entry.size = len(noise)
        file.addfile(entry, io.BytesIO(noise))
    for name, content in (
        ("x.tar.gz", gzip.compress(tar.getvalue(), 0)),
        ("x.tar.bz2", bz2.compress(tar.getvalue())),
    ):
        broken = bytearray(content)
        broken[len(broken) // 2] ^= 255
        (tmp_path / name).write_bytes(broken)
        with pytest.raises(ArchiveError, match="damaged"):
            archive.extract(tmp_path / name, tmp_path / "out")
    packed = zipped(tmp_path / "x.zip", {"a.jpg": noise}, zipfile.ZIP_BZIP2)
    broken = bytearray(packed.read_bytes())
    broken[len(broken) // 2] ^= 255
    packed.write_bytes(broken)
    with pytest.raises(ArchiveError, match="damaged"):
        archive.extract(packed, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_header_of_many_bytes_is_refused_before_it_is_read(tmp_path):
    entry = tarfile.TarInfo("././@LongLink")
    entry.type, entry.size = tarfile.GNUTYPE_LONGNAME, 2**31
    block = entry.tobuf(tarfile.GNU_FORMAT)
    (tmp_path / "x.tar").write_bytes(block + bytes(4096))
    with pytest.raises(ArchiveError, match="damaged"):
        archive.extract(tmp_path / "x.tar", tmp_path / "out")


def test_a_tar_that_grows_is_stopped_while_it_is_listed(tmp_path):
    zeros = gzip.compress(bytes(80 * 2**20))
    entry = tarfile.TarInfo("zeros.jpg")
    entry.size = 2**40
    (tmp_path / "x.tar.gz").write_bytes(gzip.compress(entry.tobuf()) + zeros)
    with pytest.raises(ArchiveError, match="more than is safe"):
        archive.extract(tmp_path / "x.tar.gz", tmp_path / "out")


@pytest.mark.skipif(os.name != "posix", reason="pipes are made otherwise on Windows")
@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz", "labels.csv", "photos"])
def test_a_pipe_is_refused_at_once(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(FolderError, match="neither a folder"):
        load_folder(tmp_path / name)
    with pytest.raises(ArchiveError, match="no ordinary file"):
        archive.extract(tmp_path / name, tmp_path / "out")


# --- disks --------------------------------------------------------------------------------


def test_a_full_disk_is_told_whatever_library_writes(tmp_path, monkeypatch):
    def in_the_words_of_rust(path):
        raise RuntimeError("I/O error: No space left on device (os error 28)")

    def in_the_words_of_torch(path):
        raise RuntimeError("basic_ios::clear: iostream error")

    with pytest.raises(StoreError, match="disk is full"):
        store.write_atomic(tmp_path / "x", in_the_words_of_rust)
    with pytest.raises(RuntimeError, match="iostream"):
        store.write_atomic(tmp_path / "x", in_the_words_of_torch)
    full = type("Disk", (), {"free": 0})
    monkeypatch.setattr(store.shutil, "disk_usage", lambda path: full)
    with pytest.raises(StoreError, match="disk is full"):
        store.write_atomic(tmp_path / "x", in_the_words_of_torch)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="limits are set otherwise on Windows")
def test_safetensors_on_a_disk_that_really_refuses(tmp_path):
    import resource
    import signal

    import torch
    from safetensors.torch import save_file

    tensors = {"a": torch.zeros(100_000)}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
        with pytest.raises(StoreError, match=r"File too large"):
            store.write_atomic(tmp_path / "x", lambda path: save_file(tensors, path))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_cache_that_is_no_folder_is_told(tmp_path, monkeypatch, place):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path / place))
    with pytest.raises(StoreError, match="TLHELPERS_CACHE"):
        store.cache_folder()


def test_a_disk_without_locks_does_not_stop_anybody(tmp_path, monkeypatch):
    import filelock

    def refuse(self):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(filelock.FileLock, "_acquire", refuse)
    (tmp_path / "source").write_text("x")
    assert store.fetch(tmp_path / "source", tmp_path / "target").read_text() == "x"


@pytest.mark.skipif(os.name != "posix", reason="Windows locks in another way")
def test_a_lock_file_of_a_disk_that_lost_its_locks_stops_nobody(tmp_path, monkeypatch):
    import filelock._unix

    def refuse(descriptor):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(filelock._unix, "lock_fd_nonblocking", refuse)
    (tmp_path / "target.lock").write_text("")  # left by a run that still had locks
    with store.locked(tmp_path / "target", 0.2):
        pass
    with held_folder(tmp_path):
        pass


def test_whoever_waits_for_another_program_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(store, "PATIENCE", 0.1)
    (tmp_path / "source").write_text("x")
    with ThreadPoolExecutor(1) as pool:
        with store.locked(tmp_path / "target"):
            waiting = pool.submit(store.fetch, tmp_path / "source", tmp_path / "target")
            until = time.monotonic() + 20
            while "waiting for it" not in (said := capsys.readouterr().err):
                assert time.monotonic() < until
                time.sleep(0.05)
            assert str(tmp_path / "target") in said and not waiting.done()
        assert waiting.result().read_text() == "x"


@pytest.mark.parametrize("place", ["absent/folder", "ftp://x/y", "/dev/null"])
def test_a_mirror_that_is_none_is_told_and_not_passed_over(tmp_path, monkeypatch, place):
    monkeypatch.setenv("TLHELPERS_MIRROR", place)
    with pytest.raises(StoreError, match=f"TLHELPERS_MIRROR is {place}"):
        store.fetch("https://example.invalid/x", tmp_path / "x")


def test_files_that_vanish_from_an_unpacked_archive_come_back(tmp_path):
    packed = zipped(tmp_path / "x.zip", {f"a/{i}.jpg": b"x" * (i + 1) for i in range(5)})
    out = archive.extract(packed, tmp_path / "out")
    (out / "a" / "3.jpg").unlink()
    (out / "a" / "1.jpg").write_bytes(b"")
    archive.extract(packed, tmp_path / "out")
    assert [(out / "a" / f"{i}.jpg").stat().st_size for i in range(5)] == [1, 2, 3, 4, 5]


def test_bytes_that_changed_in_the_cache_of_photos_are_noticed(tmp_path, monkeypatch):
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path / "cache"))
    for name in "ab":
        (tmp_path / "set" / name).mkdir(parents=True)
        for i in range(4):
            noise = np.random.default_rng([ord(name), i]).integers(0, 256, (40, 40, 3), np.uint8)
            Image.fromarray(noise).save(tmp_path / "set" / name / f"{i}.png")
    before = load_folder(tmp_path / "set", 32, progress=False)
    (pixels,) = (tmp_path / "cache" / "folder").glob("*.content")
    pixels.write_bytes(bytes(pixels.stat().st_size))
    after = load_folder(tmp_path / "set", 32, progress=False)
    assert after.train.inputs.equal(before.train.inputs)


def test_a_file_of_countless_tensors_is_refused_before_it_is_read(tmp_path):
    entry = '"{:07}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}'
    header = ("{" + ",".join(map(entry.format, range(150_000))) + "}").encode()
    file = tmp_path / "x.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header)
    begin = time.monotonic()
    with pytest.raises(StoreError, match="damaged"):
        read_tensors(file)
    assert time.monotonic() - begin < 1


@pytest.mark.skipif(os.name != "posix", reason="permissions are others on Windows")
def test_an_archive_onto_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    packed = zipped(tmp_path / "x.zip", {"a.jpg": b"x", "b.jpg": b"y"})
    plain = archive._copy_at_most

    def full(source, file, size, path):
        if file.name.endswith("b.jpg"):
            raise OSError(28, "No space left on device", file.name)
        plain(source, file, size, path)

    monkeypatch.setattr(archive, "_copy_at_most", full)
    with pytest.raises(StoreError, match="disk is full"):
        archive.extract(packed, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"]


def test_permissions_of_strangers_are_not_taken_over(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as file:
        entry = tarfile.TarInfo("a.jpg")
        entry.size, entry.mode = 1, 0o4777
        file.addfile(entry, io.BytesIO(b"x"))
    out = archive.extract(tmp_path / "x.tar", tmp_path / "out")
    assert not (out / "a.jpg").stat().st_mode & (stat.S_ISUID | stat.S_IWOTH)
    shutil.rmtree(out)
