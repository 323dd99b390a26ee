"""Files that can be trusted: written whole or not at all, checked, and fetched once.

`fetch` is the only road by which data and weights reach this computer. It looks, in this
order, at the explicit path, at the file already fetched (if its checksum is right), at the
mirror (`TLHELPERS_MIRROR`, a folder or a URL), and at last at the network. Whatever it
brings lies under its final name only after its checksum was found right.

A mirror holds each file under the host and path of its URL:
`MIRROR/download.pytorch.org/models/resnet18-f37072fd.pth` (see `mirror_path`).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.client
import json
import os
import re
import secrets
import shutil
import socket
import stat
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from tlhelpers.runtime.language import text
from tlhelpers.runtime.places import WORK

Progress = bool | Callable[[int, int | None], object]  # see `fetch`

CHUNK = 1 << 20
LEAST_SPEED = 1024  # bytes a second; slower counts as no answer
PATIENCE = 10.0  # seconds of waiting for another process before it is said
RETRY_SECONDS = (0.5, 2.0, 5.0)  # waits before the second, third and fourth attempt


class StoreError(Exception):
    """A file could not be had, or is not what it should be. The message says what to do."""


class AbsentError(StoreError):
    """The server answers, and has no such file (HTTP 404 or 410): asking again would not help."""


# --- where things lie ---------------------------------------------------------------------


def cache_folder() -> Path:
    """Where fetched and computed files are kept: `TLHELPERS_CACHE`, else the platform's place."""
    folder = _cache_place()
    with clear_disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _cache_place() -> Path:
    if asked := os.environ.get("TLHELPERS_CACHE"):
        return Path(os.path.expanduser(asked))
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "tlhelpers" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "tlhelpers"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tlhelpers"


def offline() -> bool:
    """True where `TLHELPERS_OFFLINE` forbids the network."""
    return os.environ.get("TLHELPERS_OFFLINE", "").lower() not in ("", "0", "false", "no")


def mirror() -> str | None:
    """The mirror that was asked for: a folder, or a URL without its last slash."""
    return os.environ.get("TLHELPERS_MIRROR", "").rstrip("/") or None


def _require_mirror() -> None:
    """Raises StoreError for a mirror that is neither a folder nor an address: a typing error, or
    a stick that is not plugged in, would otherwise be passed over in silence."""
    place = mirror()
    if place is not None and not _is_url(place) and not os.path.isdir(os.path.expanduser(place)):
        raise StoreError(text("store.no_mirror", mirror=place))


def mirror_path(url: str) -> str:
    """Where a mirror keeps the file of this URL: its host and path, with "/" between."""
    parts = urllib.parse.urlsplit(url)
    path = urllib.parse.unquote(parts.path).lstrip("/")
    if parts.query:
        path += "_" + hashlib.sha256(parts.query.encode()).hexdigest()[:8]
    if ".." in path.split("/"):
        raise StoreError(text("store.url_odd", url=url))
    return f"{parts.netloc.replace(':', '_')}/{path}"


def mirrored_file(url: str) -> Path | None:
    """The file of this URL in a mirror that is a folder, where it holds one."""
    place = mirror()
    if place is None or _is_url(place):
        return None
    file = Path(os.path.expanduser(place)) / mirror_path(url)
    return file if file.is_file() else None


# --- checksums and atomic files -----------------------------------------------------------


def sha256(path: str | os.PathLike) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    return _digest(path, "sha256")


def _digest(path: str | os.PathLike, algorithm: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def verify(path: str | os.PathLike, sha: str | None = None, *, md5: str | None = None) -> None:
    """Raises StoreError unless the file has this checksum.

    sha: the SHA-256, or its first digits (at least 8: torchvision's file names state 8);
    md5: for the publishers that state no better one. With neither, the file must only exist.
    """
    if not Path(path).is_file():
        raise StoreError(text("store.file_missing", path=path))
    for expected, algorithm in ((sha, "sha256"), (md5, "md5")):
        if expected is None:
            continue
        if len(expected) < 8:
            raise ValueError(f"a checksum needs at least 8 digits, got {expected!r}")
        found = _digest(path, algorithm)
        if not found.startswith(expected.lower()):
            raise StoreError(
                text("store.checksum_wrong", path=path, expected=expected, found=found)
            )


def read_text(path: str | os.PathLike, most: int = 2**24, *, encoding: str = "utf-8-sig") -> str:
    """A small text file in UTF-8. Raises OSError for a pipe, a device or more than `most` bytes."""
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode) or status.st_size > most:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), str(path))
    return Path(path).read_text(encoding=encoding)


def read_json(path: str | os.PathLike, most: int = 2**24) -> dict[str, Any]:
    """The table in a JSON file that may have been damaged, merged half-way, or written by others.

    Raises OSError as `read_text` does, ValueError where the file holds anything else.
    """
    content = read_text(path, most)
    try:
        table = json.loads(content)
    except RecursionError as error:  # brackets within brackets
        raise ValueError(str(error)) from error
    if not isinstance(table, dict):
        raise ValueError(f"{type(table).__name__}: {content[:40]!r}")
    return table


def write_atomic(path: str | os.PathLike, content: bytes | str | Callable[[Path], object]) -> Path:
    """Writes a file whole or not at all, even when the process is killed half-way.

    content: the bytes, a text (written as UTF-8), or a function that writes a file at the
    path it is given. Raises StoreError where the disk is full or the folder not writable.
    """
    path = Path(path)
    with clear_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name[:64]}.{secrets.token_hex(8)}")
        # whoever may read it follows from the umask, which the system itself applies: to ask for
        # the umask is to change it, for all threads
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        try:
            if callable(content):
                with _own_words_for_a_full_disk(temporary):
                    content(temporary)
            else:
                temporary.write_bytes(content.encode() if isinstance(content, str) else content)
            _publish(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    return path


def _publish(temporary: Path, path: Path) -> None:
    """Gives a finished file its final name, after its bytes have reached the disk."""
    with open(temporary, "rb+") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)
    if os.name == "posix":  # the new name itself must survive a power cut, too
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def require_writable(folder: Path) -> None:
    """Raises StoreError where results could not be written there: before the work, not after."""
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise StoreError(text("store.out_is_a_file", path=folder))
    with clear_disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()


def private(folder: Path) -> Path:
    """The folder, made if need be so that other accounts of a shared computer cannot look into it:
    for what is a learner's own. One that is there stays as it is."""
    with clear_disk_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@contextlib.contextmanager
def clear_disk_errors(path: str | os.PathLike) -> Iterator[None]:
    """Turns what a disk can refuse into a StoreError that says what to do."""
    try:
        yield
    except OSError as error:
        where = {"path": path, "elsewhere": _elsewhere(path)}
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreError(text("store.disk_full", **where)) from error
        if isinstance(error, PermissionError) or error.errno == errno.EROFS:
            closed = os.path.isfile(path) and not os.access(path, os.R_OK)
            key = "store.not_readable" if closed else "store.not_writable"
            raise StoreError(text(key, **where)) from error
        reason = error.strerror or str(error)
        raise StoreError(text("store.disk_refused", path=path, reason=reason)) from error


def _elsewhere(path: str | os.PathLike) -> str:
    """How another place is chosen instead of this one."""
    place = Path(os.path.abspath(path))
    for key, folder in (("cache", _cache_place()), ("work", WORK)):
        if place.is_relative_to(os.path.abspath(folder)):
            return text(f"store.elsewhere_{key}")
    return text("store.elsewhere_own")


@contextlib.contextmanager
def _own_words_for_a_full_disk(path: Path) -> Iterator[None]:
    """OSError for what libraries say in theirs: safetensors "(os error 28)", torch "iostream"."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        said = re.search(r"\(os error (\d+)\)", str(error))
        full = shutil.disk_usage(path.parent).free < CHUNK
        if said or full:
            code = int(said.group(1)) if said else errno.ENOSPC
            raise OSError(code, os.strerror(code), str(path)) from error
        raise


@contextlib.contextmanager
def locked(path: str | os.PathLike, seconds: float | None = None) -> Iterator[None]:
    """Only one process at a time gets past this for the file `path`; the others wait.

    seconds: how long; then StoreError. None waits until the other is done, and says so. Where the
    disk knows no locks (some network disks) nobody waits: since files are written whole or not at
    all, two processes then only do the same work twice.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(f"{path}.lock", fallback_to_soft=False)
    try:
        try:
            lock.acquire(timeout=PATIENCE if seconds is None else seconds)
        except Timeout:
            if seconds is not None:
                raise StoreError(text("store.in_use", path=path)) from None
            print(text("store.waiting", path=path), file=sys.stderr, flush=True)
            lock.acquire()
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP):
            raise
    try:
        yield
    finally:
        lock.release()


# --- fetching -----------------------------------------------------------------------------


def fetch(
    source: str | os.PathLike,
    target: str | os.PathLike,
    sha256: str | None = None,
    *,
    md5: str | None = None,
    progress: Progress = True,
    stall_seconds: float = 30.0,
) -> Path:
    """Brings a file to `target`, checked, and returns where it lies.

    source: a URL (http or https), or the path of a file, which is copied.
    sha256, md5: what `verify` takes. With a checksum an interrupted download goes on where it
        stopped; without one it starts anew, since two halves might not belong together. The first
        digits alone vouch for the publisher's own server, not for a mirror.
    progress: True for a bar, False for silence, or a function of (bytes so far, bytes in all).
    stall_seconds: a server that sends nothing for so long counts as a failed attempt.

    Two processes that fetch the same target wait for each other. Raises StoreError.
    """
    target = Path(target)
    with clear_disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked(target):
            if _is_right(target, sha256, md5):
                return target
            if not _is_url(source):
                _copy(Path(source), target, sha256, md5)
                return target
            _require_mirror()
            if (mirrored := mirrored_file(str(source))) is not None:
                if _is_short(sha256):
                    raise StoreError(text("store.short_checksum", path=mirrored, digits=sha256))
                _copy(mirrored, target, sha256, md5)
            else:
                _download(str(source), target, sha256, md5, progress, stall_seconds)
    return target


def _is_url(source: str | os.PathLike) -> bool:
    return isinstance(source, str) and source.startswith(("http://", "https://"))


def _is_short(sha: str | None) -> bool:
    """True for the first digits of a checksum: they tell damage, and not who made the file."""
    return sha is not None and len(sha) < 64


def _is_right(path: Path, sha: str | None, md5: str | None) -> bool:
    """True where the file lies there already; one with a wrong checksum is fetched again."""
    try:
        verify(path, sha, md5=md5)
    except StoreError:
        return False
    return True


def _copy(source: Path, target: Path, sha: str | None, md5: str | None) -> None:
    source = Path(os.path.expanduser(source))
    verify(source, sha, md5=md5)
    if not (target.exists() and source.samefile(target)):
        write_atomic(target, lambda temporary: shutil.copyfile(source, temporary))


def _download(
    url: str,
    target: Path,
    sha: str | None,
    md5: str | None,
    progress: Progress,
    stall_seconds: float,
) -> None:
    """From the mirror's server where there is one, else from the URL itself."""
    if offline():
        raise StoreError(text("store.offline", url=url, path=target))
    addresses = [url]
    if (place := mirror()) is not None and _is_url(place) and not _is_short(sha):
        addresses.insert(0, f"{place}/{urllib.parse.quote(mirror_path(url))}")
    part = target.with_name(target.name + ".part")
    resume = bool(sha or md5)
    while addresses:
        resumed = resume and part.exists()
        try:
            _receive(addresses[0], part, resume, progress, stall_seconds)
            verify(part, sha, md5=md5)
            _publish(part, target)
            return
        except OSError:  # the disk's fault: a half file would only keep it full
            part.unlink(missing_ok=True)
            raise
        except _Unreachable as error:  # what arrived may be continued, by whoever comes next
            del addresses[0]
            if not addresses:
                raise (AbsentError if error.absent else StoreError)(str(error)) from error
        except StoreError:  # complete, but wrong: a resumed one is tried once more from its start
            part.unlink(missing_ok=True)
            if not resumed:
                del addresses[0]
            if not addresses:
                raise


class _Unreachable(Exception):
    """This address does not give the file, even after several attempts."""

    def __init__(self, message: str, absent: bool = False):
        super().__init__(message)
        self.absent = absent


class _Interrupted(Exception):
    """The connection ended early; another attempt may succeed."""


def _receive(url: str, part: Path, resume: bool, progress: Progress, stall_seconds: float) -> None:
    """Fills `part` from `url`; tries again when the connection breaks.

    resume: go on where `part` ends, else begin anew each time.
    """
    for wait in (*RETRY_SECONDS, None):
        try:
            return _receive_once(url, part, resume, progress, stall_seconds)
        except _Interrupted as error:
            if wait is None:
                raise _Unreachable(text("store.unreachable", url=url, reason=error)) from error
        time.sleep(wait)


class _OnlyTheWeb(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https alone."""

    def redirect_request(self, *request: Any) -> urllib.request.Request | None:
        address = request[-1]
        if not _is_url(address):
            raise ValueError(address)
        return super().redirect_request(*request)


def _receive_once(
    url: str, part: Path, resume: bool, progress: Progress, stall_seconds: float
) -> None:
    if part.is_symlink():  # laid there by somebody else: what it leads to is not ours to write
        part.unlink()
    have = part.stat().st_size if resume and part.exists() else 0
    headers = {"User-Agent": "tlhelpers", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        request = urllib.request.Request(url, headers=headers)
        opener = urllib.request.build_opener(_OnlyTheWeb)
        response = opener.open(request, timeout=stall_seconds)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing is left to send: the checksum decides
            return
        if error.code in (408, 429) or error.code >= 500:
            raise _Interrupted(f"HTTP {error.code}") from error
        message = text("store.refused", url=url, status=error.code)
        raise _Unreachable(message, absent=error.code in (404, 410)) from error
    except ValueError as error:  # an address, or a redirect, that no one can follow
        raise _Unreachable(text("store.unreachable", url=url, reason=error)) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, socket.gaierror):  # no such host, or no network at all: do not wait
            raise _Unreachable(text("store.unreachable", url=url, reason=reason)) from error
        raise _Interrupted(reason) from error

    with response:
        if response.status != 206:  # the server sends the whole file
            have = 0
        length = response.headers.get("Content-Length", "")
        total = have + int(length) if re.fullmatch(r"\d{1,15}", length) else None
        if total and shutil.disk_usage(part.parent).free < total - have:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(part))
        begun, before = time.monotonic(), have
        with _opened(part, have) as file, _meter(progress, url, have, total) as show:
            while block := _read(response):
                file.write(block)
                have += len(block)
                show(have, total)
                if time.monotonic() - begun > stall_seconds:  # a byte now and then is a stall, too
                    if have - before < LEAST_SPEED * stall_seconds:
                        raise _Interrupted(text("store.slow", received=have))
                    begun, before = time.monotonic(), have
    if total is not None and have != total:
        raise _Interrupted(text("store.incomplete", received=have, total=total))


def _opened(part: Path, have: int) -> IO[bytes]:
    """The file to go on with; a link in its place is never followed."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if have else os.O_TRUNC)
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(part, flags, 0o666), "ab" if have else "wb")


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read1(CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise _Interrupted(error) from error


@contextlib.contextmanager
def _meter(
    progress: Progress, url: str, have: int, total: int | None
) -> Iterator[Callable[[int, int | None], object]]:
    """Yields a function of (bytes so far, bytes in all) that shows the progress."""
    if callable(progress) or not progress:
        yield progress if callable(progress) else (lambda have, total: None)
        return
    from tqdm.auto import tqdm

    name = url.rsplit("/", 1)[-1]
    with tqdm(desc=name, initial=have, total=total, unit="B", unit_scale=True) as bar:
        yield lambda have, total: bar.update(have - bar.n)
