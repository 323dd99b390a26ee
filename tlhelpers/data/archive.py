"""Archives that strangers made: unpacked only where nothing in them can do harm.

A zip or tar file may name files outside the folder it is unpacked into (`../`, absolute
paths, links), and may grow a thousandfold. Such an archive is refused before anything is
written, with a sentence that names the entry.
"""

from __future__ import annotations

import gzip
import lzma
import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from tlhelpers.runtime.language import text
from tlhelpers.runtime.store import StoreError, write_atomic

MOST_BYTES = 32 * 2**30  # what an archive may unpack to
MOST_ENTRIES = 1_000_000
MOST_GROWTH = 200  # times the size of the archive; photographs hardly shrink at all
GROWTH_FROM = 64 * 2**20  # below this an archive may grow as it likes

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


class ArchiveError(StoreError):
    """An archive that is damaged, or that is not safe to unpack."""


def is_archive(path: str | os.PathLike) -> bool:
    """True for a name that ends like a zip or tar file."""
    return str(path).lower().endswith(SUFFIXES)


def extract(archive: str | os.PathLike, folder: str | os.PathLike) -> Path:
    """Unpacks a zip or tar file into `folder`, whole or not at all, and returns `folder`.

    A folder that is there already counts as unpacked. Raises ArchiveError for an entry that
    would lie outside, a link or device, more than MOST_BYTES, or damage.
    """
    archive, folder = Path(archive), Path(folder)
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=folder.parent))
    try:
        unpack = _unzip if zipfile.is_zipfile(archive) else _untar
        unpack(archive, temporary)
        try:
            temporary.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was first, with the same content
                raise
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, lzma.LZMAError) as error:
        raise ArchiveError(text("archive.damaged", path=archive, reason=error)) from error
    except (NotImplementedError, RuntimeError) as error:  # a password, or an unknown method
        raise ArchiveError(text("archive.unreadable", path=archive, reason=error)) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def gunzip(source: str | os.PathLike, target: str | os.PathLike) -> Path:
    """Unpacks one .gz file to `target`, unless it lies there already."""

    def write(temporary: Path) -> None:
        with gzip.open(source, "rb") as packed, open(temporary, "wb") as file:
            shutil.copyfileobj(packed, file)

    target = Path(target)
    try:
        return target if target.exists() else write_atomic(target, write)
    except (zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise ArchiveError(text("archive.damaged", path=source, reason=error)) from error


def _unzip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        entries = [entry for entry in opened.infolist() if not _is_litter(entry.filename)]
        for entry in entries:
            _require_inside(archive, entry.filename)
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise ArchiveError(text("archive.link", path=archive, name=entry.filename))
        _require_size(archive, [entry.file_size for entry in entries])
        for entry in entries:
            target = folder / _name_of(entry)
            if entry.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with opened.open(entry) as packed, open(target, "wb") as file:
                _copy_at_most(packed, file, entry.file_size, archive)


def _untar(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as opened:
        sizes = []
        for entry in _watched(opened, archive):
            _require_inside(archive, entry.name)
            if not (entry.isfile() or entry.isdir()):
                raise ArchiveError(text("archive.link", path=archive, name=entry.name))
            sizes.append(entry.size)
        _require_size(archive, sizes)
        wanted = [entry for entry in opened.getmembers() if not _is_litter(entry.name)]
        opened.extractall(folder, members=wanted, filter="data")


def _watched(opened: tarfile.TarFile, archive: Path) -> Iterator[tarfile.TarInfo]:
    """The entries, with the size checked while they are listed: listing a tar unpacks it."""
    total = 0
    for number, entry in enumerate(opened):
        total += entry.size
        if number >= MOST_ENTRIES or total > MOST_BYTES:
            _require_size(archive, [total])
        yield entry


def _require_inside(archive: Path, name: str) -> None:
    plain = name.replace("\\", "/")
    path = PurePosixPath(plain)
    drive = len(plain) > 1 and plain[1] == ":"
    if path.is_absolute() or drive or ".." in path.parts or "\0" in name:
        raise ArchiveError(text("archive.outside", path=archive, name=name))


def _require_size(archive: Path, sizes: list[int]) -> None:
    total, packed = sum(sizes), archive.stat().st_size
    grows = total > GROWTH_FROM and total > MOST_GROWTH * packed
    if total > MOST_BYTES or len(sizes) > MOST_ENTRIES or grows:
        values = {"files": len(sizes), "megabytes": total // 10**6, "packed": packed // 10**6}
        raise ArchiveError(text("archive.too_large", path=archive, **values))


def _copy_at_most(packed, file, size: int, archive: Path) -> None:
    """Copies one entry; a size that was understated in the list of contents is found out."""
    left = size
    while block := packed.read(1 << 20):
        left -= len(block)
        if left < 0:
            raise ArchiveError(text("archive.damaged", path=archive, reason=file.name))
        file.write(block)


def _name_of(entry: zipfile.ZipInfo) -> str:
    """The name of a zip entry; Japanese Windows writes it in its own encoding, unmarked."""
    if entry.flag_bits & 0x800:
        return entry.filename
    raw = entry.filename.encode("cp437", errors="replace")
    for encoding in ("utf-8", "cp932"):
        try:
            name = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if ".." not in PurePosixPath(name.replace("\\", "/")).parts and not name.startswith("/"):
            return name
    return entry.filename


def _is_litter(name: str) -> bool:
    """What a Mac adds to every archive."""
    return "__MACOSX" in name.split("/") or name.rsplit("/", 1)[-1].startswith("._")
