"""What a lesson's kernel sees: no repository root, no network, the learner's quick settings."""

import asyncio
import os
import subprocess
import sys

import nbformat
import pytest

from tlhelpers.course import guard
from tlhelpers.course.kernel import LessonKernelManager, lesson_environment
from tlhelpers.course.testing import ROOT, pytest_command

SEES = """\
import importlib.util, os, socket, sys
from pathlib import Path

spec = importlib.util.find_spec("datasets")
assert spec is None or spec.origin, spec
assert Path(ROOT) not in [Path(place).resolve() for place in sys.path if place], sys.path
assert "" not in sys.path
assert os.environ["TLHELPERS_OFFLINE"] == "1"
assert os.environ["TLHELPERS_MODE"] == "quick"
try:
    socket.getaddrinfo("example.com", 80)
except BaseException as error:
    assert type(error).__name__ == "NetworkUsed", error
else:
    raise AssertionError("the network is open")
with socket.create_server(("127.0.0.1", 0)) as server:  # this machine stays within reach
    socket.create_connection(server.getsockname()).close()
"""
TRAINS = """\
import tempfile

import torch
from transformers import Trainer, TrainingArguments


class Line(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def forward(self, x, labels):
        return {"loss": (self.layer(x).squeeze(1) - labels).square().mean()}


with tempfile.TemporaryDirectory() as folder:
    settings = TrainingArguments(folder, max_steps=1, report_to="none", use_cpu=True)
    rows = [{"x": [1.0, 2.0], "labels": 1.0}] * 4
    trainer = Trainer(Line(), settings, train_dataset=rows)
    assert trainer.train().global_step == 1
"""


def run_cells(sources, folder, scratch):
    from nbclient import NotebookClient

    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    client = NotebookClient(
        nbformat.v4.new_notebook(cells=cells),
        timeout=300,
        kernel_manager_class=LessonKernelManager,
    )
    asyncio.run(client.async_execute(cwd=str(folder), env=lesson_environment(scratch)))


@pytest.mark.parametrize(
    ("event", "arguments"),
    [
        ("socket.connect", (None, ("192.0.2.1", 80))),
        ("socket.connect", (None, ("127.example.com", 80))),
        ("socket.connect", (None, ("2001:db8::1", 80, 0, 0))),
        ("socket.sendto", (None, ("192.0.2.1", 53))),
        ("socket.sendmsg", (None, ("192.0.2.1", 53))),
        ("socket.getaddrinfo", ("localhost.example.com", 80, 0, 0, 0)),
        ("socket.gethostbyname", (b"example.com",)),
        ("socket.gethostbyaddr", ("192.0.2.1",)),
    ],
    ids=str,
)
def test_no_way_out_is_open(event, arguments):
    with pytest.raises(guard.NetworkUsed, match="lessons run offline"):
        guard._refuse(event, arguments)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "::1", "0.0.0.0", b"::1"])
def test_this_machine_stays_within_reach(host):
    for event in ("socket.connect", "socket.sendto"):
        guard._refuse(event, (None, (host, 80)))
    guard._refuse("socket.getaddrinfo", (host, 80))
    guard._refuse("socket.connect", (None, "a.socket"))


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["lessons", "."])
def test_lesson_kernel_sees_neither_our_datasets_nor_the_network(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    run_cells([f"ROOT = {str(ROOT)!r}", SEES], ROOT / folder, tmp_path)


@pytest.mark.slow
def test_trainer_takes_a_step_in_a_lesson_kernel(tmp_path):
    run_cells([TRAINS], ROOT / "lessons", tmp_path)


@pytest.mark.slow
def test_pytest_children_are_started_without_the_root_on_their_path(tmp_path):
    (tmp_path / "test_inner.py").write_text(
        "import importlib.util, sys\n"
        "def test_path():\n"
        "    spec = importlib.util.find_spec('datasets')\n"
        "    assert spec is None or spec.origin\n"
        f"    assert {str(ROOT)!r} not in sys.path and '' not in sys.path\n"
    )
    command = pytest_command(rest=[str(tmp_path), "-n", "1"])
    assert command[:2] == [sys.executable, "-P"]
    environment = {**os.environ, "PYTHONSAFEPATH": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
