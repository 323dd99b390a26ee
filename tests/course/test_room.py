"""A room of learners: who is let in, whose work is whose, and what survives the hub."""

import http.cookiejar
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from tlhelpers.course.cli import main
from tlhelpers.course.room import command, people
from tlhelpers.runtime.places import PACKAGE

closed = command.closed_on_the_way(PACKAGE) or command.closed_on_the_way(
    command.Path(sys.executable)
)


def test_everybody_gets_a_code_and_keeps_it(tmp_path):
    first = people.admit(tmp_path / "room", ["Yamada", " 山田 太郎 ", ""])
    assert sorted(first) == ["teacher", "yamada", "山田 太郎"]
    assert len(set(first.values())) == 3 and all(len(code) == 8 for code in first.values())
    again = people.admit(tmp_path / "room", ["new", "yamada"])
    assert again == {**first, "new": again["new"]}
    assert (tmp_path / "room" / "people.json").stat().st_mode & 0o077 == 0


def test_only_the_right_code_opens(tmp_path):
    known = people.admit(tmp_path, ["a", "b"])
    assert people.is_right(known, " A ", known["a"].upper())
    for name, code in (("a", known["b"]), ("nobody", known["a"]), ("nobody", ""), ("a", "")):
        assert not people.is_right(known, name, code)


def test_accounts_are_fit_for_the_system_whatever_the_name():
    names = ["山田 太郎", "x" * 300, "root", "../etc", "Yamada"]
    accounts = {people.account(name) for name in names}
    assert len(accounts) == len(names)
    assert all(account.startswith("tl-") and len(account) < 32 for account in accounts)
    assert people.account(" yamada") == people.account("Yamada")


def test_a_folder_that_others_cannot_enter_is_named(tmp_path):
    inner = tmp_path / "closed" / "clone"
    inner.mkdir(parents=True)
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 0o001:
            assert command.closed_on_the_way(inner / "file") is not None
            return
    (tmp_path / "closed").chmod(0o700)
    assert command.closed_on_the_way(inner / "file") == tmp_path / "closed"


def test_a_room_is_the_administrators(monkeypatch, capsys):
    monkeypatch.setattr(command.os, "geteuid", lambda: 1000)
    assert main(["room", "--seats", "2"]) == 1
    assert "sudo" in capsys.readouterr().err


def test_what_lacks_is_said_before_anything_starts(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(command.os, "geteuid", lambda: 0)
    state = ["--state", str(tmp_path / "state")]
    monkeypatch.setattr(command, "_is_there", lambda name: False)
    assert main(["room", "--seats", "2", *state]) == 1
    assert "[room]" in capsys.readouterr().err
    monkeypatch.setattr(command, "_is_there", lambda name: True)
    monkeypatch.setattr(command.shutil, "which", lambda name: None)
    assert main(["room", "--seats", "2", *state]) == 1
    assert "npm install" in capsys.readouterr().err
    monkeypatch.setattr(command.shutil, "which", lambda name: "/proxy")
    monkeypatch.setattr(command, "closed_on_the_way", lambda place: None)
    assert main(["room", *state]) == 1
    assert "Nobody would be let in" in capsys.readouterr().err
    assert main(["room", "--names", str(tmp_path / "none.txt"), *state]) == 1
    assert "none.txt" in capsys.readouterr().err


class Learner:
    """A browser's worth of requests."""

    def __init__(self, port, name, code):
        self.base, self.name = f"http://127.0.0.1:{port}", name
        self.jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))
        self.opener.open(self.base + "/hub/login")
        token = next(cookie.value for cookie in self.jar if cookie.name == "_xsrf")
        form = {"username": name, "password": code, "_xsrf": token}
        self.opener.open(self.base + "/hub/login", urllib.parse.urlencode(form).encode())

    def list(self, patience=120):
        """The learner's copies, once their server is up."""
        ends = time.monotonic() + patience
        while True:
            try:
                self.opener.open(f"{self.base}/hub/spawn/{self.name}")  # and signs in there
                page = f"{self.base}/user/{self.name}/api/contents/en"
                return [one["name"] for one in json.load(self.opener.open(page))["content"]]
            except (urllib.error.URLError, ValueError, ConnectionError):
                if time.monotonic() > ends:
                    raise
                time.sleep(1)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can open a room")
@pytest.mark.skipif(
    shutil.which("configurable-http-proxy") is None,
    reason="needs JupyterHub's proxy: npm install -g configurable-http-proxy",
)
@pytest.mark.skipif(bool(closed), reason=f"other accounts cannot enter {closed}")
def test_learners_come_in_apart_from_each_other_and_find_their_work_after_a_kill():
    place = command.Path(tempfile.mkdtemp())
    place.chmod(0o755)  # pytest's own folders are closed to other accounts
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    line = [sys.executable, "-P", "-m", "tlhelpers.course.cli", "room", "--seats", "2"]
    line += ["--state", str(place / "state"), "--homes", str(place / "homes")]
    line += ["--port", str(port), "--lang", "en"]

    def open_room():
        log = (place / "log").open("a")
        room = subprocess.Popen(line, stdout=log, stderr=log, start_new_session=True)
        for _ in range(120):
            time.sleep(1)
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/hub/login")
                return room
            except (urllib.error.URLError, ConnectionError):
                assert room.poll() is None, (place / "log").read_text()
        raise AssertionError((place / "log").read_text())

    accounts = [people.account(name) for name in ("seat-01", "seat-02")]
    room = open_room()
    try:
        known = people.read(place / "state")
        with pytest.raises(urllib.error.HTTPError, match="403"):
            Learner(port, "seat-01", known["seat-02"])
        first, second = (Learner(port, name, known[name]) for name in ("seat-01", "seat-02"))
        assert "03_fine_tuning.ipynb" in first.list() and second.list() == first.list()
        home = pwd.getpwnam(accounts[0]).pw_dir
        own = f"{home}/transfer-learning/en/03_fine_tuning.ipynb"
        read = ["setpriv", "--reuid", accounts[1], "--clear-groups", "cat", own]
        assert subprocess.run(read, capture_output=True).returncode != 0
        with pytest.raises(urllib.error.HTTPError, match="403"):
            second.opener.open(f"{second.base}/user/seat-01/api/contents/en")
        with open(own, "a") as mine:
            mine.write(" ")
        before = os.stat(own).st_size
        os.killpg(room.pid, signal.SIGKILL)
        room.wait()
        room = open_room()
        again = Learner(port, "seat-01", known["seat-01"])
        assert "03_fine_tuning.ipynb" in again.list()
        assert os.stat(own).st_size == before
    finally:
        os.killpg(room.pid, signal.SIGKILL)
        proxy = place / "state" / "proxy.pid"  # it outlives the hub
        if proxy.exists():
            subprocess.run(["kill", "-KILL", proxy.read_text()], check=False)
        for account in accounts:
            subprocess.run(["pkill", "-KILL", "-u", account], check=False)
            time.sleep(0.5)
            subprocess.run(["userdel", "--remove", account], capture_output=True)
        shutil.rmtree(place)
