"""Archives that strangers made: unpacked only where nothing in them can do harm.

A zip or tar file may name files outside the folder it is unpacked into (`../`, absolute
paths, links), and may grow a thousandfold. Such an archive is refused before anything is
written, with a sentence that names the entry.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, Self

from tlhelpers.runtime.language import text
from tlhelpers.runtime.store import StoreError, clear_disk_errors, write_atomic

MOST_BYTES = 32 * 2**30  # what an archive may unpack to
MOST_ENTRIES = 1_000_000
MOST_GROWTH = 200  # times the size of the archive; photographs hardly shrink at all
GROWTH_FROM = 64 * 2**20  # below this an archive may grow as it likes
MOST_DEPTH = 64  # folders inside each other
MOST_HEADER = 16 * 2**10  # bytes of a long name in a tar; Python reads such a header whole

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_LONG_HEADERS = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)


class ArchiveError(StoreError):
    """An archive that is damaged, or that is not safe to unpack."""


def is_archive(path: str | os.PathLike) -> bool:
    """True for a name that ends like a zip or tar file."""
    return str(path).lower().endswith(SUFFIXES)


def extract(archive: str | os.PathLike, folder: str | os.PathLike) -> Path:
    """Unpacks a zip or tar file into `folder`, whole or not at all, and returns `folder`.

    A folder that holds what was unpacked into it is left as it is; one that lost files is unpacked
    anew. Raises ArchiveError for an entry that
    would lie outside, a link or device, more than MOST_BYTES, names that no disk can hold, or
    damage; StoreError where the disk is full or not writable.
    """
    archive, folder = Path(archive), Path(folder)
    seal = folder.with_name(f"{folder.name}.contents")
    if folder.is_dir() and _is_sealed(folder, seal):
        return folder
    if not archive.is_file():  # a pipe would be waited for
        raise ArchiveError(text("archive.damaged", path=archive, reason=text("archive.no_file")))
    with clear_disk_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=folder.parent))
        try:
            _unpack(archive, temporary)
            contents = _contents(temporary)
            if folder.is_dir() and not _is_sealed(folder, seal):
                shutil.rmtree(folder)
            try:
                temporary.rename(folder)
            except OSError:
                if not folder.is_dir():  # else another process was first, with the same content
                    raise
            write_atomic(seal, contents)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _contents(folder: Path) -> str:
    """Changes when a file below is gone, new, renamed, or of another size."""
    found = hashlib.sha256()
    for place, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            file = os.path.join(place, name)
            size = os.path.getsize(file)
            found.update(os.fsencode(f"{os.path.relpath(file, folder)}/{size}/"))
    return found.hexdigest()


def _is_sealed(folder: Path, seal: Path) -> bool:
    try:
        return seal.read_text() == _contents(folder)
    except (OSError, ValueError):
        return False


def _unpack(archive: Path, folder: Path) -> None:
    try:
        (_unzip if zipfile.is_zipfile(archive) else _untar)(archive, folder)
    except StoreError:
        raise
    except (NotImplementedError, RuntimeError) as error:  # a password, or an unknown method
        raise ArchiveError(text("archive.unreadable", path=archive, reason=error)) from error
    except OSError as error:
        if error.filename is None and error.errno is None:  # a decompressor's, not the disk's
            raise ArchiveError(_damaged(archive, error)) from error
        if error.errno in (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG):
            name = Path(error.filename or "").name[:80]
            raise ArchiveError(text("archive.no_name", path=archive, name=name)) from error
        raise
    except Exception as error:  # the unpackers of the library raise many kinds for damage
        raise ArchiveError(_damaged(archive, error)) from error


def _damaged(archive: Path, error: Exception) -> str:
    reason = (str(error).splitlines() or [type(error).__name__])[0].strip(" :")  # of several lines
    return text("archive.damaged", path=archive, reason=reason)


def _unzip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        entries = [(_name_of(entry), entry) for entry in opened.infolist()]
        entries = [(name, entry) for name, entry in entries if not _is_litter(name)]
        for name, entry in entries:
            _require_inside(archive, entry.filename)
            _require_inside(archive, name)
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise ArchiveError(text("archive.link", path=archive, name=entry.filename))
        _require_size(archive, [entry.file_size for _, entry in entries])
        for name, entry in entries:
            target = folder / name
            if target == folder and not name.endswith("/"):
                raise ArchiveError(text("archive.no_name", path=archive, name=name))
            if name.endswith("/"):
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with opened.open(entry) as packed, open(target, "wb") as file:
                _copy_at_most(packed, file, entry.file_size, archive)


class _ShortHeaders(tarfile.TarInfo):
    """An entry whose names are short: a header of gigabytes would be read into memory whole."""

    @classmethod
    def frombuf(cls, *given: Any) -> Self:
        entry = super().frombuf(*given)
        if entry.type in _LONG_HEADERS and entry.size > MOST_HEADER:
            raise tarfile.ReadError(f"{entry.size} > {MOST_HEADER}: {entry.name[:80]}")
        return entry


def _untar(archive: Path, folder: Path) -> None:
    with tarfile.open(archive, tarinfo=_ShortHeaders) as opened:
        wanted = []
        for entry in _watched(opened, archive):
            entry.name = entry.name.replace("\\", "/")
            _require_inside(archive, entry.name)
            if entry.islnk():  # a second name of a file within, which the filter below proves
                entry.linkname = entry.linkname.replace("\\", "/")
                _require_inside(archive, entry.linkname)
            elif not (entry.isfile() or entry.isdir()):
                raise ArchiveError(text("archive.link", path=archive, name=entry.name))
            if PurePosixPath(entry.name) == PurePosixPath(".") and entry.isfile():
                raise ArchiveError(text("archive.no_name", path=archive, name=entry.name))
            if not _is_litter(entry.name):
                wanted.append(entry)
        opened.extractall(folder, members=wanted, filter="data")
        while opened.fileobj.read(1 << 20):  # a checksum stands at the end of a .gz
            pass


def _watched(opened: tarfile.TarFile, archive: Path) -> Iterator[tarfile.TarInfo]:
    """The entries, with the size checked while they are listed: listing a tar unpacks it."""
    total = 0
    for number, entry in enumerate(opened, 1):
        total += entry.size
        _require_size(archive, [total], number)
        yield entry


def _require_inside(archive: Path, name: str) -> None:
    plain = name.replace("\\", "/")
    path = PurePosixPath(plain)
    drive = len(plain) > 1 and plain[1] == ":"
    if path.is_absolute() or drive or ".." in path.parts or "\0" in name:
        raise ArchiveError(text("archive.outside", path=archive, name=name))
    if len(path.parts) > MOST_DEPTH:
        raise ArchiveError(text("archive.no_name", path=archive, name=name[:80]))


def _require_size(archive: Path, sizes: list[int], entries: int | None = None) -> None:
    total, packed = sum(sizes), archive.stat().st_size
    entries = len(sizes) if entries is None else entries
    grows = total > GROWTH_FROM and total > MOST_GROWTH * packed
    if total > MOST_BYTES or entries > MOST_ENTRIES or grows:
        values = {"files": entries, "megabytes": total // 10**6, "packed": packed // 10**6}
        raise ArchiveError(text("archive.too_large", path=archive, **values))


def _copy_at_most(packed: IO[bytes], file: IO[bytes], size: int, archive: Path) -> None:
    """Copies one entry; a size that was understated in the list of contents is found out."""
    left = size
    while block := packed.read(1 << 20):
        left -= len(block)
        if left < 0:
            raise ArchiveError(text("archive.damaged", path=archive, reason=file.name))
        file.write(block)


def _name_of(entry: zipfile.ZipInfo) -> str:
    """The name of a zip entry, with "/" between folders.

    Japanese Windows writes it in its own encoding, unmarked; some programs of Windows with "\\".
    """
    if entry.flag_bits & 0x800:
        return entry.filename.replace("\\", "/")
    raw = entry.filename.encode("cp437", errors="replace")
    for encoding in ("utf-8", "cp932"):
        try:
            return raw.decode(encoding).replace("\\", "/")
        except UnicodeDecodeError:
            continue
    return entry.filename.replace("\\", "/")


def _is_litter(name: str) -> bool:
    """What a Mac adds to every archive."""
    return "__MACOSX" in name.split("/") or name.rsplit("/", 1)[-1].startswith("._")
