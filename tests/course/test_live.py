"""Real cells of lessons: live where the starter pack is, else stored, and each says which."""

import dataclasses
import functools
import hashlib
import http.server
import json
import re
import shutil
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import tlhelpers as tl
from tlhelpers.course import mirror
from tlhelpers.course.author.reading import LESSONS, read_lesson
from tlhelpers.course.cli import main
from tlhelpers.data import public
from tlhelpers.models import weights
from tlhelpers.models.backbones import backbone
from tlhelpers.models.cards import weights_folder
from tlhelpers.runtime import store
from tlhelpers.runtime.language import LANGUAGES
from tlhelpers.runtime.store import mirror_path

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
LIVE = ("02", "03", "05", "06", "12", "14")
SAID = {
    "live": {"en": "Live: with ", "ja": "ライブ："},
    "stored": {"en": "Stored: this computer does not have ", "ja": "保存済み："},
}


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A computer on which nothing was ever fetched, and without a network."""
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("TLHELPERS_OFFLINE", "1")
    monkeypatch.delenv("TLHELPERS_MIRROR", raising=False)
    return tmp_path


@functools.cache
def lesson(number: str):
    return read_lesson(next((LESSONS / "source").glob(f"{number}_*.py")))


class Small:
    """The package with fewer pictures, and no time for more than a first answer."""

    def __getattr__(self, name):
        return getattr(tl, name)

    def load_task(self, name, per_class, **options):
        fewest = {"valid_per_class": 2, "test_per_class": 16 if per_class == 1 else 3}
        return tl.load_task(name, min(per_class, 3), **{**options, **fewest})

    def fine_tune(self, eye, task, **options):
        return tl.fine_tune(eye, task, **{**options, "epochs": 1})

    def try_folder(self, task, minutes, **options):
        return tl.try_folder(task, 0, progress=False, **options)


def run_cell(number: str, lang: str) -> None:
    """Runs what follows the stored figure in the real cell of a lesson, in this language."""
    names = {"tl": Small(), "network": backbone("zukan-resnet"), "display": print}
    exec(compile(live_code(number, lang), f"lesson {number}", "exec"), names)


def live_code(number: str, lang: str) -> str:
    sources = [block.sources[lang] for block in lesson(number).blocks]
    (place,) = (place for place, code in enumerate(sources) if "if tl.live(" in code)
    stored, asked, rest = "\n".join(sources[: place + 1]).partition("if tl.live(")
    assert f'tl.stored("{number}_' in stored  # what stands where nothing is computed
    return asked + rest


@pytest.mark.parametrize("number", LIVE)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_without_the_pack_a_cell_says_that_stored_results_stand(
    number, lang, bare, monkeypatch, capsys
):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    run_cell(number, lang)
    (said,) = capsys.readouterr().out.splitlines()
    assert said.startswith(SAID["stored"][lang])
    assert (MINILM if number == "12" else "eurosat") in said


def land(folder: Path) -> Path:
    """EuroSAT as its publishers packed it, of noise: ten classes of 100 small pictures."""
    random = np.random.default_rng(0)
    with zipfile.ZipFile(folder / "EuroSAT.zip", "w") as packed:
        for name in public.public_sets()["eurosat"].names["en"]:
            for number in range(1, 101):
                picture = folder / "one.jpg"
                colours = random.integers(0, 256, (64, 64, 3), np.uint8)
                Image.fromarray(colours).save(picture)
                packed.write(picture, f"2750/{name}/{name}_{number}.jpg")
    return folder / "EuroSAT.zip"


class Server(http.server.BaseHTTPRequestHandler):
    """Files by path; the first answer of each large one breaks off half-way."""

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        file = self.server.files.get(self.path.lstrip("/"))
        if file is None:
            return self.send_error(404)
        content = file.read_bytes()
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        begin = int(asked.group(1)) if asked else 0
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        breaks = len(content) > 100_000 and self.path not in self.server.broken
        self.server.broken.add(self.path)
        self.wfile.write(content[begin : len(content) // 2 if breaks else None])


@pytest.fixture
def served(bare, monkeypatch):
    """The starter pack under its publishers' names on a server of our own, none of it real."""
    place = bare / "published"
    place.mkdir()
    network = place / "mobilenet_v2.pth"
    torch.save(backbone("mobilenet_v2", pretrained=False).state_dict(), network)
    monkeypatch.setattr(weights, "torchvision_sha256", lambda url: store.sha256(network))
    eurosat = public.public_sets()["eurosat"]
    (photos,) = eurosat.files
    packed = land(place)
    right = hashlib.md5(packed.read_bytes()).hexdigest()
    line = dataclasses.replace(eurosat, files=(dataclasses.replace(photos, md5=right),))
    monkeypatch.setitem(public.public_sets(), "eurosat", line)
    encoder = weights_folder() / "zukan-bert"
    files = {mirror_path(photos.url): packed}
    (url,) = (file.url for file in mirror.downloads(["mobilenet_v2"]))
    files[mirror_path(url)] = network
    page = {"siblings": [], "cardData": {"license": "apache-2.0"}}
    for file in encoder.iterdir():
        entry = {"rfilename": file.name, "size": file.stat().st_size}
        page["siblings"].append(entry)
        files[f"huggingface.co/{MINILM}/resolve/main/{file.name}"] = file
    (place / "page.json").write_text(json.dumps(page))
    files[mirror_path(f"https://huggingface.co/api/models/{MINILM}?blobs=true")] = (
        place / "page.json"
    )
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    running.files, running.broken = files, set()
    threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setenv("TLHELPERS_MIRROR", f"http://127.0.0.1:{running.server_port}")
    monkeypatch.delenv("TLHELPERS_OFFLINE")
    monkeypatch.setattr(store, "RETRY_SECONDS", (0, 0, 0))
    yield running
    running.shutdown()
    running.server_close()


@pytest.mark.slow
def test_the_pack_comes_in_spite_of_breaks_and_then_every_cell_is_live(served, monkeypatch, capsys):
    assert main(["fetch", "--starter"]) == 0
    assert mirror.starter_mark().is_file() and len(served.broken) > 3
    unpacked = public.folder_of(public.public_sets()["eurosat"]) / "unpacked" / "EuroSAT"
    assert (unpacked / "2750" / "River" / "River_1.jpg").is_file()
    served.files.clear()  # from here on nothing is asked for
    monkeypatch.setenv("TLHELPERS_OFFLINE", "1")
    monkeypatch.delenv("TLHELPERS_MIRROR")
    for number, lang in zip(LIVE, 3 * LANGUAGES, strict=True):
        monkeypatch.setenv("TLHELPERS_LANG", lang)
        capsys.readouterr()
        run_cell(number, lang)
        said, *results = capsys.readouterr().out.splitlines()
        assert said.startswith(SAID["live"][lang])
        assert any(re.search(r"\d%", line) for line in results)


@pytest.mark.slow
def test_a_real_encoder_reads_enquiries_live_and_beats_counting(real, bare, capsys):
    folder = bare / "cache" / "hub" / MINILM.replace("/", "--")
    shutil.copytree(real / "weights" / "minilm_l6", folder)
    page = {"siblings": [{"rfilename": file.name} for file in folder.iterdir()]}
    (folder / "repository.json").write_text(json.dumps(page))
    exec(live_code("12", "en"), {"tl": tl})
    said, result = capsys.readouterr().out.splitlines()
    assert said.startswith(SAID["live"]["en"])
    read, counted = map(int, re.findall(r"(\d+)%", result))
    assert read > counted + 10
