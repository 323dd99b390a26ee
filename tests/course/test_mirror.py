"""One laptop or stick carries what a lesson downloads; the rest of the room needs no network."""

import http.server
import json
import subprocess
import sys
import threading
from hashlib import md5
from pathlib import Path

import pytest

from tlhelpers.course import launcher, mirror
from tlhelpers.course.mirror import Download, downloads, main_fetch, main_mirror, make_mirror
from tlhelpers.models.hub import PAGE, folder_of, page_of
from tlhelpers.runtime import store
from tlhelpers.runtime.store import mirror_path

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
FILES = {"/data/a.bin": b"a" * 5000, "/data/b.bin": b"b" * 7000}


@pytest.fixture(autouse=True)
def own_places(tmp_path, monkeypatch):
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    for name in ("TLHELPERS_MIRROR", "TLHELPERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(store, "RETRY_SECONDS", (0.01,))


@pytest.fixture
def server():
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

        def do_GET(self):
            self.server.asked.append(self.path)
            body = FILES.get(self.path)
            if body is None:
                return self.send_error(404)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.asked = []
    threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


def files_of(server, folder: Path, names=("a.bin", "b.bin")) -> list[Download]:
    return [
        Download(
            "set",
            f"http://127.0.0.1:{server.server_port}/data/{name}",
            folder / name,
            None,
            md5(FILES.get(f"/data/{name}", b"")).hexdigest(),
            0.01,
            "CC0",
        )
        for name in names
    ]


def test_a_lesson_names_its_sets_and_weights_each_file_once(monkeypatch):
    monkeypatch.setenv("TLHELPERS_OFFLINE", "1")
    names = {file.name for file in downloads(lessons=["02", "14"])}
    assert {"pet_breeds", "resnet18", "mobilenet_v2"} <= names
    everything = downloads(everything=True)
    urls = [file.url for file in everything]
    assert len(urls) == len(set(urls))
    checked = [file for file in everything if not file.url.startswith("https://huggingface.co/")]
    assert all(file.sha256 or file.md5 for file in checked)
    (resnet,) = downloads(["resnet18"])
    assert resnet.sha256.startswith("f37072fd") and len(resnet.sha256) == 64
    assert resnet.target.name == "resnet18-f37072fd.pth"
    for wrong in ({"names": ["resnet81"]}, {"lessons": ["00"]}):
        with pytest.raises(ValueError):
            downloads(**wrong)


@pytest.fixture
def hub_of_minilm(server, monkeypatch):
    """MiniLM under its publisher's name, none of it real."""
    siblings = [{"rfilename": name} for name in ("config.json", "vocab.txt", "model.safetensors")]
    page = json.dumps({"siblings": siblings, "cardData": {"license": "apache-2.0"}})
    monkeypatch.setitem(FILES, "/" + mirror_path(page_of(MINILM)), page.encode())
    for one in siblings:
        path = f"/huggingface.co/{MINILM}/resolve/main/{one['rfilename']}"
        monkeypatch.setitem(FILES, path, one["rfilename"].encode())
    monkeypatch.setenv("TLHELPERS_MIRROR", f"http://127.0.0.1:{server.server_port}")


def test_lesson_12_brings_the_encoder_of_its_live_cell(hub_of_minilm):
    files = [file for file in downloads(lessons=["12"]) if file.name == MINILM]
    assert mirror.fetch_all(files) == []
    folder = folder_of(MINILM)
    assert (folder / "model.safetensors").read_bytes() == b"model.safetensors"
    assert {file.name for file in folder.iterdir()} >= {"config.json", "vocab.txt", PAGE}


def test_without_a_network_the_encoders_files_are_those_that_it_may_have(monkeypatch):
    monkeypatch.setenv("TLHELPERS_OFFLINE", "1")
    files = {file.target.name: file for file in downloads([MINILM])}
    assert files["model.safetensors"].megabytes > 80 and not files[PAGE].optional
    assert files["vocab.txt"].optional and files["modules.json"].optional
    with pytest.raises(store.StoreError):
        downloads(["somebody/unknown"])


def test_a_mirror_serves_another_computer_without_a_network(server, tmp_path, monkeypatch):
    stick = tmp_path / "USB STICK"
    assert make_mirror(stick, files_of(server, tmp_path / "laptop")) == []
    assert (stick / "README.txt").read_text(encoding="utf-8").count("TLHELPERS_MIRROR") >= 2
    monkeypatch.setenv("TLHELPERS_MIRROR", str(stick))
    monkeypatch.setenv("TLHELPERS_OFFLINE", "1")
    before = len(server.asked)
    assert mirror.fetch_all(files_of(server, tmp_path / "pupil")) == []
    assert (tmp_path / "pupil" / "b.bin").read_bytes() == FILES["/data/b.bin"]
    assert len(server.asked) == before


def test_what_is_here_is_copied_not_downloaded_again(server, tmp_path):
    files = files_of(server, tmp_path / "laptop")
    mirror.fetch_all(files)
    before = len(server.asked)
    assert all(file.is_here() for file in files)
    make_mirror(tmp_path / "stick", files)
    assert len(server.asked) == before


def test_one_missing_file_does_not_stop_the_others(server, tmp_path):
    files = files_of(server, tmp_path / "laptop", ("a.bin", "gone.bin", "b.bin"))
    (failure,) = make_mirror(tmp_path / "stick", files)
    assert "404" in failure and "gone.bin" in failure
    assert len(list((tmp_path / "stick").rglob("*.bin"))) == 2


def test_a_stick_holds_nothing_but_what_it_is_for(server, tmp_path, monkeypatch):
    stick = tmp_path / "stick"
    (stick / "own").mkdir(parents=True)
    (stick / "own.lock").write_text("the teacher's")
    before = sorted(stick.rglob("*"))
    monkeypatch.setenv("TLHELPERS_OFFLINE", "1")
    assert len(make_mirror(stick, files_of(server, tmp_path / "laptop"))) == 2
    assert sorted(stick.rglob("*")) == before
    monkeypatch.delenv("TLHELPERS_OFFLINE")
    assert make_mirror(stick, files_of(server, tmp_path / "laptop")) == []
    added = {path.name for path in stick.rglob("*") if path.is_file()} - {"own.lock"}
    assert added == {"a.bin", "b.bin", "README.txt"}


def test_a_wrong_file_on_the_stick_is_refused(server, tmp_path, monkeypatch):
    files = files_of(server, tmp_path / "laptop")
    make_mirror(tmp_path / "stick", files)
    for path in (tmp_path / "stick").rglob("*.bin"):
        path.write_bytes(b"tampered")
    monkeypatch.setenv("TLHELPERS_MIRROR", str(tmp_path / "stick"))
    monkeypatch.setenv("TLHELPERS_OFFLINE", "1")
    failures = mirror.fetch_all(files_of(server, tmp_path / "pupil"))
    assert len(failures) == 2 and "not what it should be" in failures[0]
    assert not (tmp_path / "pupil" / "a.bin").exists()


def test_sizes_are_told_before_anything_starts(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(store, "fetch", lambda *a, **k: pytest.fail("nothing may be fetched"))
    assert main_fetch(["pets", "resnet18", "--list"]) == 0
    said = capsys.readouterr().out
    assert (
        "811 MB" in said and "45 MB" in said and "CC BY-SA 4.0" in said and "about 856 MB" in said
    )
    assert main_mirror(["make", str(tmp_path / "stick"), "--lesson", "5", "--list"]) == 0
    assert "omniglot" in capsys.readouterr().out


def test_too_little_space_is_told_before_anything_starts(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(store, "fetch", lambda *a, **k: pytest.fail("nothing may be fetched"))
    disk = type("Disk", (), {"free": 10**6})
    monkeypatch.setattr(mirror.shutil, "disk_usage", lambda path: disk)
    with pytest.raises(store.StoreError, match="811 MB are needed"):
        main_mirror(["make", str(tmp_path / "stick"), "pets"])


def test_wrong_requests_are_answered_and_not_guessed(capsys):
    for arguments in ([], ["resnet81"], ["--lesson", "99"]):
        with pytest.raises(SystemExit) as stopped:
            main_fetch(arguments)
        assert stopped.value.code == 2
    assert "every network of torchvision" in capsys.readouterr().err


def test_packages_are_chosen_for_the_computer_they_go_to():
    command = mirror.wheels_command(Path("stick"), "windows", "3.12")
    patched = command[command.index("-c") + 1].split("from pip._internal")[0]
    asked = "sys_platform == 'win32' and platform_system != 'Linux' and python_version == '3.12'"
    program = f'{patched}\nprint(markers.Marker("{asked}").evaluate())'
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert said.stdout.strip() == "True", said.stderr
    assert mirror.wheels_command(Path("stick"), None, None)[2:4] == ["-m", "pip"]


def test_wheels_hold_the_build_backend_and_serve_the_installation(tmp_path, monkeypatch):
    command = mirror.wheels_command(tmp_path, "windows", "3.12")
    assert "win_amd64" in command and "3.12" in command and ":all:" in command
    assert "--require-hashes" in command
    listed = Path(command[command.index("--requirement") + 1]).read_text()
    assert "\nsetuptools==" in listed and "\ntorch==" in listed
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://example.org/whl/cpu")
    command = mirror.wheels_command(tmp_path, "windows", "3.12")
    assert "--require-hashes" not in command
    assert any(part.startswith("setuptools") for part in command)
    assert any(part.startswith("torch>=") for part in command)
    stick = tmp_path / "USB STICK"
    monkeypatch.setenv("TLHELPERS_MIRROR", str(stick))
    assert "PIP_NO_INDEX" not in launcher._environment()
    (stick / "wheels").mkdir(parents=True)
    variables = launcher._environment()
    assert variables["PIP_NO_INDEX"] == "1"
    assert variables["PIP_FIND_LINKS"].endswith("USB%20STICK/wheels")
