"""Files come whole, checked and once; devices and modes are chosen or refused clearly."""

import errno
import http.server
import multiprocessing
import os
import re
import shutil
import threading
import time
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from PIL import Image

from tlhelpers.data.folder import load_folder
from tlhelpers.runtime import device, session, store
from tlhelpers.runtime.store import StoreError, fetch, verify, write_atomic
from tlhelpers.runtime.table import Table, as_html, shown

CONTENT = bytes(range(256)) * 2000  # 512 kB
SHA = sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("TLHELPERS_MIRROR", "TLHELPERS_OFFLINE", "TLHELPERS_DEVICE", "TLHELPERS_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    monkeypatch.setattr(store, "RETRY_SECONDS", (0.01, 0.01, 0.01))


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT and misbehaves as `trouble` says; notes what was asked."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.trouble, self.content, self.asked = "", CONTENT, []
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/files/data.bin"


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_GET(self):
        server, wanted = self.server, self.headers.get("Range")
        server.asked.append((self.path, wanted))
        trouble = server.trouble
        if trouble.isdigit():
            return self.send_error(int(trouble))
        start = int(wanted.split("=")[1].rstrip("-")) if wanted and trouble != "no ranges" else 0
        body = server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if trouble == "closes half-way":
            self.wfile.write(body[: len(body) // 2])
        elif trouble == "stalls":
            self.wfile.write(body[:1000])
            self.wfile.flush()
            time.sleep(1.0)
        else:
            self.wfile.write(body)


@pytest.fixture
def server():
    running = Server()
    yield running
    running.shutdown()
    running.server_close()


def leftovers(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if not p.name.endswith((".lock", ".part")))


# --- fetching -----------------------------------------------------------------------------


def test_a_file_is_fetched_once_and_checked(server, tmp_path):
    seen = []
    target = tmp_path / "data.bin"
    fetch(server.url, target, SHA, progress=lambda have, total: seen.append((have, total)))
    assert target.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    fetch(server.url, target, SHA)
    assert len(server.asked) == 1
    assert leftovers(tmp_path) == ["data.bin"]


def test_a_broken_connection_is_resumed_where_it_broke(server, tmp_path):
    server.trouble = "closes half-way"
    with pytest.raises(StoreError, match="continued"):
        fetch(server.url, tmp_path / "data.bin", SHA, progress=False)
    assert len(server.asked) == 4
    assert server.asked[1][1] == f"bytes={len(CONTENT) // 2}-"
    assert leftovers(tmp_path) == []  # never a half file under the final name
    server.trouble = ""
    fetch(server.url, tmp_path / "data.bin", SHA, progress=False)
    assert server.asked[-1][1] is not None
    assert (tmp_path / "data.bin").read_bytes() == CONTENT


def test_a_server_without_ranges_is_read_from_the_start(server, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(CONTENT[:1000])
    server.trouble = "no ranges"
    fetch(server.url, tmp_path / "data.bin", SHA, progress=False)
    assert (tmp_path / "data.bin").read_bytes() == CONTENT


def test_a_part_of_another_file_does_not_spoil_the_download(server, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(b"x" * 1000)
    fetch(server.url, tmp_path / "data.bin", SHA, progress=False)
    assert (tmp_path / "data.bin").read_bytes() == CONTENT


def test_without_a_checksum_halves_are_never_joined(server, tmp_path):
    server.trouble = "closes half-way"
    with pytest.raises(StoreError):
        fetch(server.url, tmp_path / "data.bin", progress=False)
    assert {wanted for _, wanted in server.asked} == {None}
    server.trouble = ""
    fetch(server.url, tmp_path / "data.bin", progress=False)
    assert (tmp_path / "data.bin").read_bytes() == CONTENT


def test_a_stalling_server_is_given_up(server, tmp_path):
    server.trouble = "stalls"
    started = time.perf_counter()
    with pytest.raises(StoreError):
        fetch(server.url, tmp_path / "data.bin", SHA, progress=False, stall_seconds=0.1)
    assert time.perf_counter() - started < 5
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(("status", "attempts"), [("404", 1), ("500", 4)])
def test_server_errors_are_told_and_only_passing_ones_tried_again(
    server, tmp_path, status, attempts
):
    server.trouble = status
    with pytest.raises(StoreError, match=status):
        fetch(server.url, tmp_path / "data.bin", SHA, progress=False)
    assert len(server.asked) == attempts


def test_wrong_bytes_are_refused(server, tmp_path):
    server.content = b"an apology in HTML"
    with pytest.raises(StoreError, match="checksum"):
        fetch(server.url, tmp_path / "data.bin", SHA, progress=False)
    assert leftovers(tmp_path) == []
    assert not (tmp_path / "data.bin.part").exists()


def test_a_mirror_comes_first_and_a_wrong_one_is_passed_over(server, tmp_path, monkeypatch):
    other = Server()
    monkeypatch.setenv("TLHELPERS_MIRROR", f"http://127.0.0.1:{other.server_port}/mirror/")
    fetch(server.url, tmp_path / "a.bin", SHA, progress=False)
    assert (len(other.asked), len(server.asked)) == (1, 0)
    assert other.asked[0][0] == f"/mirror/127.0.0.1_{server.server_port}/files/data.bin"
    other.content = b"something else"
    fetch(server.url, tmp_path / "b.bin", SHA, progress=False)
    assert (tmp_path / "b.bin").read_bytes() == CONTENT
    other.shutdown()


def test_offline_uses_the_folder_mirror_and_nothing_else(tmp_path, monkeypatch, server):
    monkeypatch.setenv("TLHELPERS_OFFLINE", "1")
    with pytest.raises(StoreError, match="TLHELPERS_OFFLINE"):
        fetch(server.url, tmp_path / "data.bin", SHA)
    mirrored = tmp_path / "mirror" / store.mirror_path(server.url)
    write_atomic(mirrored, CONTENT)
    monkeypatch.setenv("TLHELPERS_MIRROR", str(tmp_path / "mirror"))
    fetch(server.url, tmp_path / "data.bin", SHA)
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    write_atomic(mirrored, b"other")
    with pytest.raises(StoreError, match="checksum"):
        fetch(server.url, tmp_path / "again.bin", SHA)
    assert not server.asked


def test_a_path_is_copied_and_a_url_cannot_lead_out_of_the_mirror(tmp_path):
    write_atomic(tmp_path / "here.bin", CONTENT)
    assert fetch(tmp_path / "here.bin", tmp_path / "there.bin", SHA).read_bytes() == CONTENT
    with pytest.raises(StoreError):
        fetch(tmp_path / "nowhere.bin", tmp_path / "x.bin")
    with pytest.raises(StoreError):
        store.mirror_path("https://example.org/a/../../secret")


def _fetch_in_process(url: str, target: Path) -> None:
    fetch(url, target, SHA, progress=False)


def test_two_processes_fill_the_same_cache_once(server, tmp_path):
    context = multiprocessing.get_context("fork")
    target = tmp_path / "data.bin"
    workers = [
        context.Process(target=_fetch_in_process, args=(server.url, target)) for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert target.read_bytes() == CONTENT
    assert len(server.asked) == 1


# --- the disk -----------------------------------------------------------------------------


def _no_space(*arguments, **options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_told_and_leaves_nothing(server, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "_publish", _no_space)
    with pytest.raises(StoreError, match="full"):
        fetch(server.url, tmp_path / "data.bin", SHA, progress=False)
    with pytest.raises(StoreError, match="full"):
        write_atomic(tmp_path / "text", "text")
    assert leftovers(tmp_path) == []
    assert not (tmp_path / "data.bin.part").exists()


def test_too_little_space_is_told_before_the_download(server, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(store.shutil, "disk_usage", lambda folder: usage)
    seen = []
    with pytest.raises(StoreError, match="full"):
        fetch(server.url, tmp_path / "data.bin", SHA, progress=lambda *p: seen.append(p))
    assert not seen


def test_a_failed_write_keeps_the_old_file(tmp_path):
    file = write_atomic(tmp_path / "file.txt", "old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half of the n")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        write_atomic(file, fail)
    assert file.read_text() == "old"
    assert leftovers(tmp_path) == ["file.txt"]


def test_verify_takes_prefixes_and_md5(tmp_path):
    file = write_atomic(tmp_path / "empty", b"")
    verify(file, "e3b0c442")
    verify(file, md5="d41d8cd98f00b204e9800998ecf8427e")
    with pytest.raises(StoreError, match="e3b0c442"):
        verify(file, "00000000")
    with pytest.raises(ValueError):
        verify(file, "e3")


def test_cache_folder_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path / "日本語 cache"))
    assert store.cache_folder() == tmp_path / "日本語 cache"
    assert store.cache_folder().is_dir()


# --- device, session, table ---------------------------------------------------------------


def test_device_is_chosen_or_refused_clearly(monkeypatch):
    assert device.pick_device("cpu") == torch.device("cpu")
    monkeypatch.setenv("TLHELPERS_DEVICE", "cpu")
    assert device.pick_device().type == "cpu"
    with pytest.raises(ValueError, match="toaster"):
        device.pick_device("toaster")
    with pytest.raises(ValueError, match="cuda:99"):
        device.pick_device("cuda:99")
    assert device.pick_precision(torch.device("cpu")) == torch.float32


def test_seed_repeats_every_generator():
    import random

    import numpy as np

    drawn = []
    for _ in range(2):
        device.set_seed(3)
        drawn.append((random.random(), float(np.random.rand()), float(torch.rand(1))))
    assert drawn[0] == drawn[1]


def test_threads_never_exceed_what_the_container_gives(monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setattr(device, "_cores_given", lambda: 1)
    try:
        assert device.set_threads() == 1
        assert device.set_threads(2) == 2
    finally:
        torch.set_num_threads(before)


def test_mode_and_the_first_line_of_a_lesson(monkeypatch):
    assert session.mode() == "quick" and list(session.seeds(3, first=10)) == [10, 11, 12]
    monkeypatch.setenv("TLHELPERS_MODE", "full")
    line = session.prepare()
    assert "full" in line
    assert "English" in line
    assert list(session.seeds(3, first=10)) == list(range(10, 20))
    monkeypatch.setenv("TLHELPERS_MODE", "hasty")
    with pytest.raises(ValueError, match="hasty"):
        session.mode()


def test_table_reads_in_terminal_and_notebook():
    table = Table([{"name": "<a>", "parameters": 1234567}, {"name": "b", "parameters": 1}])
    assert "1,234,567" in str(table)
    assert "&lt;a&gt;" in table._repr_html_()


def test_a_column_says_its_unit():
    row = {"test_acc": 0.8912, "seconds": 18.0, "learning_rate": 0.02, "megabytes": 4.2}
    cells = str(Table([row])).splitlines()[1].split()
    assert cells == ["89.1%", "18", "0.02", "4.2"]
    assert shown(2.345, "seconds") == "2.3" and shown(12345.6) == "12,346"
    assert shown([[0.5, float("nan")], [0.25, 1.0]], "accuracy") == "50.0%, –; 25.0%, 100.0%"
    assert str(Table()) == ""


def test_headers_of_a_table_stand_as_their_column_and_say_what_they_head():
    rows = [{"backbone": "zukan-resnet", "seconds": 1.0}, {"backbone": "pixels", "seconds": 20.0}]
    heads = re.findall(r'<th scope="col"[^>]*text-align:(\w+)', as_html(rows))
    assert heads == ["left", "right"]
    assert as_html(rows[:1], upright=True).count('<th scope="row"') == 2


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"null", b"[]", b"3", b"[" * 200_000, b'{"a":' * 100_000, b"\xff\xfe", b"\0" * 9),
        *(b'<<<<<<< HEAD\n{"a": 1}', b'{"a": 1'),
    ],
)
def test_what_is_no_table_of_json_is_one_kind_of_error(tmp_path, content):
    """Nested brackets would be a RecursionError, and half of all readers did not expect it."""
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(ValueError):
        store.read_json(tmp_path / "x.json")


def test_a_table_of_json_is_read_with_or_without_notepads_mark(tmp_path):
    for mark in ("", "\ufeff"):
        (tmp_path / "x.json").write_text(mark + '{"a": [1]}', encoding="utf-8")
        assert store.read_json(tmp_path / "x.json") == {"a": [1]}
    with pytest.raises(OSError):
        store.read_json(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_written_file_is_as_open_as_the_system_makes_files(tmp_path, monkeypatch):
    """To ask for the umask is to change it, for whatever another thread writes meanwhile."""
    before = os.umask(0o027)
    try:
        monkeypatch.setattr(store.os, "umask", lambda mask: pytest.fail("the umask was changed"))
        file = write_atomic(tmp_path / "x", b"1")
    finally:
        monkeypatch.undo()
        os.umask(before)
    assert file.stat().st_mode & 0o777 == 0o640 and os.listdir(tmp_path) == ["x"]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_what_is_a_learners_own_is_closed_to_other_accounts(tmp_path, monkeypatch):
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path / "cache"))
    for i in range(8):
        folder = tmp_path / "photos" / "ab"[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = torch.randint(0, 256, (8, 8, 3), generator=torch.Generator().manual_seed(i))
        Image.fromarray(pixels.to(torch.uint8).numpy()).resize((40, 40)).save(folder / f"{i}.png")
    load_folder(tmp_path / "photos", 32, progress=False)
    packed = shutil.make_archive(str(tmp_path / "photos"), "zip", tmp_path / "photos")
    load_folder(packed, 32, progress=False)
    cache = tmp_path / "cache"
    assert [(cache / name).stat().st_mode & 0o777 for name in ("folder", "unpacked")] == [0o700] * 2
    assert cache.stat().st_mode & 0o777 == 0o777 & ~umask()  # weights may be shared
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    assert store.private(shared).stat().st_mode & 0o777 == 0o755  # a choice that was made before


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
