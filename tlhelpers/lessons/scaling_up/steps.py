"""What cells, figures and experiments of lesson 15 share: launching, checkpoints, networks."""

from __future__ import annotations

import functools
import io
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from tlhelpers.models.backbones import backbone
from tlhelpers.models.surgery import stages
from tlhelpers.runtime.language import text
from tlhelpers.runtime.places import PACKAGE
from tlhelpers.train.memory import MemoryMeter
from tlhelpers.train.placement import as_precision, autocast
from tlhelpers.train.predict import logits_of

PATIENCE = 180  # seconds until a launch is given up
ERROR = re.compile(r"(?<!ChildFailed)Error: ")


# --- several processes ----------------------------------------------------------------------


def launch(
    script: str, *arguments: str, processes: int = 2, options: tuple[str, ...] = ()
) -> dict | None:
    """Writes the script to a file, runs it under `torchrun`, and returns what it reported.

    The script gets a file name as its first argument, for the JSON that it reports, and then
    `arguments`. options: more of torchrun's. None, with a sentence, where it reported nothing:
    it was ended, or this computer does not let processes talk to each other.
    """
    with tempfile.TemporaryDirectory() as folder:
        file, report = Path(folder, "birds.py"), Path(folder, "report.json")
        file.write_text(script, encoding="utf-8")
        asked = options or ("--standalone",)
        command = [sys.executable, "-m", "torch.distributed.run", *asked]
        command += [f"--nproc-per-node={processes}", str(file), str(report), *arguments]
        return started(command, report)


def run_here(script: str, *arguments: str) -> dict:
    """What the script reports when it runs in this process, as one of one."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        before = sys.argv
        sys.argv = ["birds.py", str(report), *arguments]
        try:
            exec(compile(script, "birds.py", "exec"), {"__name__": "__main__"})
        finally:
            sys.argv = before
        return json.loads(report.read_text(encoding="utf-8"))


def started(command: list[str], report: Path) -> dict | None:
    """Runs a command that leaves a report; the report, or None with a sentence."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, env=environment()
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        print(text("lesson15.not_launched", reason=type(error).__name__))
        return None
    if report.exists():
        return json.loads(report.read_text(encoding="utf-8"))
    errors = [line for line in done.stderr.splitlines() if ERROR.search(line)]
    if errors:
        print(text("lesson15.not_launched", reason=errors[-1].split("]: ")[-1].strip()[:120]))
    else:
        print(text("lesson15.ended"))
    return None


def environment() -> dict[str, str]:
    """For a process that trains beside others: one thread, this package, no progress bars."""
    paths = [str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(paths),
        "TLHELPERS_PROGRESS": "0",
        "USE_LIBUV": "0" if sys.platform == "win32" else os.environ.get("USE_LIBUV", "1"),
    }


def photo_files(pictures: Tensor) -> list[io.BytesIO]:
    """The pictures, uint8 (n, 3, h, w), as JPEG files of 640 x 480 pixels, in memory."""
    files = []
    for picture in pictures.permute(0, 2, 3, 1).cpu().numpy():
        files.append(io.BytesIO())
        Image.fromarray(picture).resize((640, 480)).save(files[-1], "JPEG")
    return files


# --- memory and time of one step --------------------------------------------------------------


def checkpointed(model: nn.Module) -> nn.Module:
    """Each stage of the body keeps its input only, and computes the rest again when it is due."""
    for _, stage in stages(model)[:-1]:
        stage.forward = functools.partial(checkpoint, stage.forward, use_reentrant=False)
    return model


def networks() -> dict[str, Callable[[], tuple[nn.Module, Callable[[int], Any]]]]:
    """Name -> a function that makes the network and its batches; weights are random.

    Memory and time depend on the architecture alone.
    """

    def of_pictures(name: str, side: int) -> Callable:
        def make() -> tuple[nn.Module, Callable[[int], Tensor]]:
            network = backbone(name, num_classes=10, pretrained=False)
            return network, lambda count: torch.randn(count, 3, side, side)

        return make

    def minilm() -> tuple[nn.Module, Callable[[int], dict]]:
        from transformers import BertConfig, BertForSequenceClassification

        config = BertConfig(
            hidden_size=384,
            num_hidden_layers=6,
            num_attention_heads=12,
            intermediate_size=1536,
            num_labels=10,
        )

        def batch(count: int) -> dict[str, Tensor]:
            return {"input_ids": torch.randint(1000, 20_000, (count, 128))}

        return BertForSequenceClassification(config), batch

    return {
        "zukan-resnet": of_pictures("zukan-resnet", 64),
        "mobilenet_v2": of_pictures("mobilenet_v2", 224),
        "minilm": minilm,
        "resnet50": of_pictures("resnet50", 224),
    }


class Stepper:
    """A network, its optimizer (AdamW) and batches of one size: what a step costs."""

    def __init__(
        self, name: str, batch_size: int, way: str, device: torch.device, seed: int = 0
    ) -> None:
        """way: "fp32", "bf16" (autocast) or "checkpointed" (fp32)."""
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model, batch = networks()[name]()
            inputs = batch(batch_size)
        self.model = (checkpointed(model) if way == "checkpointed" else model).to(device).train()
        self.inputs = _to(inputs, device)
        self.labels = torch.arange(batch_size, device=device) % 10
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-5)
        precision = "bf16" if way == "bf16" else "fp32"
        self.autocast = autocast(device, as_precision(precision, device))
        self.device = device

    def gradients(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        with self.autocast():
            loss = F.cross_entropy(logits_of(self.model, self.inputs).float(), self.labels)
        loss.backward()

    def step(self) -> None:
        self.gradients()
        self.optimizer.step()

    def peak(self) -> int:
        """Bytes at the fullest moment of computing gradients, with the optimizer's notes there."""
        self.step()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
            torch.cuda.reset_peak_memory_stats(self.device)
            self.gradients()
            return torch.cuda.max_memory_allocated(self.device)
        self.optimizer.zero_grad(set_to_none=True)
        notes = [v for state in self.optimizer.state.values() for v in state.values()]
        with MemoryMeter(self.model, *notes) as meter:
            self.gradients()
        return meter.peak

    def seconds(self, steps: int) -> float:
        """Of one step, after one that is not counted; the device is waited for."""
        self.step()
        self._wait()
        start = time.perf_counter()
        for _ in range(steps):
            self.step()
        self._wait()
        return (time.perf_counter() - start) / steps

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def _to(inputs: Any, device: torch.device) -> Any:
    if isinstance(inputs, dict):
        return {name: value.to(device) for name, value in inputs.items()}
    return inputs.to(device)


# --- several machines ---------------------------------------------------------------------------


def two_nodes(script: str, *arguments: str) -> dict | None:
    """Two `torchrun`s, as on two machines, that find each other at an address of this one."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        free.close()
        file, report = Path(folder, "birds.py"), Path(folder, "report.json")
        file.write_text(script, encoding="utf-8")
        command = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2"]
        command += ["--nproc-per-node=1", "--rdzv-backend=c10d", f"--rdzv-endpoint={address}"]
        command += ["--rdzv-id=birds", str(file), str(report), *arguments]
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        other = subprocess.Popen(command, env=environment(), **quiet)
        try:
            return started(command, report)
        finally:
            if not report.exists():
                other.kill()
            other.wait(PATIENCE)
