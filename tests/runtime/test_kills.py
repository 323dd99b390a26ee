"""Killed at any moment: what was there before is whole, or what was to come is.

KILLS=50 by hand; three moments each by default. A moment is a share of the time that the program
takes undisturbed, drawn at random (SEED).
"""

import http.server
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tlhelpers.course import record
from tlhelpers.runtime import store

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="SIGKILL is a signal of POSIX"),
]
KILLS = int(os.environ.get("KILLS", "3"))
SEED = int(os.environ.get("SEED", "0"))
CONTENT = random.Random(0).randbytes(6_000_000)


NURSERY = """
import json, os, sys, traceback
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        try:
            run(*json.loads(line))
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


class Nursery:
    """Runs a program's `run(...)` in children that can be killed; its imports are paid once."""

    def __init__(self, program: str):
        command = [sys.executable, "-c", program + NURSERY]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, **pipes)
        self.seconds = 0.0

    def whole(self, *arguments: object) -> None:
        """Runs it undisturbed, and notes how long that takes."""
        self._begin(arguments)
        begin = time.monotonic()
        assert self.process.stdout.readline() == "0\n"
        self.seconds = time.monotonic() - begin

    def killed(self, moment: float, *arguments: object) -> None:
        """Runs it and kills it after this share of the time that it takes."""
        child = self._begin(arguments)
        time.sleep(moment * self.seconds)
        with suppress(ProcessLookupError):  # it was quicker this time
            os.kill(child, signal.SIGKILL)
        self.process.stdout.readline()

    def _begin(self, arguments: tuple) -> int:
        self.process.stdin.write(json.dumps([str(one) for one in arguments]) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def __enter__(self) -> "Nursery":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        self.process.wait()


def moments() -> list[float]:
    draw = random.Random(SEED)
    return [draw.random() for _ in range(KILLS)]


SAVE = """
import sys
from pathlib import Path
from tlhelpers.runtime.store import write_atomic
def run(file):
    for turn in range(40):
        write_atomic(Path(file), bytes([turn]) * 300_000)
"""


def test_a_killed_save_leaves_a_whole_file(tmp_path):
    file = tmp_path / "x"
    with Nursery(SAVE) as nursery:
        nursery.whole(file)
        for moment in moments():
            nursery.killed(moment, file)
            content = file.read_bytes()
            assert len(content) == 300_000 and len(set(content)) == 1


MODEL = """
import sys
from pathlib import Path
import torch
from tlhelpers.course.exporting import save_model
from tlhelpers.models.backbones import backbone
torch.set_num_threads(1)
model = backbone("zukan-resnet", num_classes=2)
def run(folder):
    for turn in range(12):
        with torch.no_grad():
            model.fc.bias.fill_(turn)
        save_model(model, {"en": [f"a{turn}", "b"], "ja": [f"a{turn}", "b"]}, 32, Path(folder))
"""


def test_a_killed_save_of_a_model_leaves_the_old_one_or_the_new_one(tmp_path):
    """The weights and the names of the classes lie in two files, and always belong together."""
    from tlhelpers.course.exporting import load_model

    with Nursery(MODEL) as nursery:
        nursery.whole(tmp_path)
        for moment in moments():
            nursery.killed(moment, tmp_path)
            found = load_model(tmp_path)
            assert found.class_names[0] == f"a{found.model.fc.bias[0].item():.0f}"


PROGRESS = """
import sys
from tlhelpers.course import record
def run(name, said):
    for turn in range(40):
        record.record_exercise(f"02-{name}-{turn}", True)
        with open(said, "a") as file:
            print(turn, file=file)
"""


def test_a_killed_write_of_progress_loses_nothing_that_was_written(tmp_path, monkeypatch):
    monkeypatch.setenv("TLHELPERS_WORK", str(tmp_path))
    with Nursery(PROGRESS) as nursery:
        nursery.whole("whole", tmp_path / "whole")
        for number, moment in enumerate(moments()):
            said = tmp_path / f"said-{number}"
            nursery.killed(moment, number, said)
            held = record.load()["exercises"]
            assert "02-whole-39" in held and "damaged" not in record.load()
            written = said.read_text().split() if said.exists() else []
            assert all(f"02-{number}-{turn}" in held for turn in written)


class Slow(http.server.BaseHTTPRequestHandler):
    """Sends CONTENT, from where it is asked to, in many pieces."""

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        begin = int(self.headers.get("Range", "bytes=0-")[6:-1])
        self.server.asked.append(begin)
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(CONTENT) - begin))
        self.end_headers()
        try:
            for start in range(begin, len(CONTENT), 200_000):
                self.wfile.write(CONTENT[start : start + 200_000])
                time.sleep(0.01)
        except OSError:
            pass


DOWNLOAD = """
import sys
from tlhelpers.runtime.store import fetch
def run(url, target, sha):
    fetch(url, target, sha, progress=False)
"""


def test_a_killed_download_goes_on_and_ends_right(tmp_path, monkeypatch):
    for name in ("TLHELPERS_MIRROR", "TLHELPERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    server.asked = []
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    (tmp_path / "whole").write_bytes(CONTENT)
    sha = store.sha256(tmp_path / "whole")
    url = f"http://127.0.0.1:{server.server_address[1]}/x"
    with Nursery(DOWNLOAD) as nursery:
        nursery.whole(url, tmp_path / "first", sha)
        for number, moment in enumerate(moments()):
            target = tmp_path / f"{number}"
            part = target.with_name(f"{target.name}.part")
            nursery.killed(moment, url, target, sha)
            had = part.read_bytes() if part.exists() else b""
            whole = target.exists()
            assert CONTENT.startswith(had) and (not whole or target.read_bytes() == CONTENT)
            store.fetch(url, target, sha, progress=False)
            assert target.read_bytes() == CONTENT and not part.exists()
            assert whole or server.asked[-1] == len(had)  # what had arrived is not sent again
    server.shutdown()


FIT = """
import sys, torch
from pathlib import Path
from safetensors.torch import save_file
from torch import nn
from tlhelpers.data.task import Split, Task
from tlhelpers.train.engine import fit
torch.set_num_threads(1)
torch.manual_seed(0)
images = torch.randint(0, 256, (40, 3, 8, 8), dtype=torch.uint8)
split = Split(images, torch.arange(40) % 3)
task = Task("drawn", split, split, split, {"en": list("abc"), "ja": list("abc")})
model = nn.Sequential(
    nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Dropout(0.3), nn.Linear(144, 3)
)
def run(folder, end):
    history = fit(
        model, task, epochs=8, batch_size=8, optimizer="adamw", checkpoint=folder,
        checkpoint_every=2, progress=False,
    )
    save_file(model.state_dict(), end)
    Path(end + ".losses").write_text(repr(history.train_loss))
"""


def test_a_killed_fit_ends_like_one_that_was_not(tmp_path):
    whole = tmp_path / "whole"
    with Nursery(FIT) as nursery:
        nursery.whole(tmp_path / "undisturbed", whole)
        seconds = nursery.seconds
        for number, moment in enumerate(moments()):
            folder, end = tmp_path / f"run-{number}", tmp_path / f"end-{number}"
            nursery.seconds = seconds
            nursery.killed(moment, folder, end)
            nursery.whole(folder, end)
            assert end.read_bytes() == whole.read_bytes(), f"killed at {moment:.3f}"
            assert Path(f"{end}.losses").read_text() == Path(f"{whole}.losses").read_text()
            left = [path.name for path in folder.iterdir()]
            assert len(left) <= 4 and not any(name.startswith(".") for name in left)
