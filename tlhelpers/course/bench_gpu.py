"""`tl bench --gpu`: what can only be measured on a GPU, in one run that needs no network.

    python -m tlhelpers bench --gpu --minutes 8 --out gpu

Weights are random or shipped, pictures are drawn. Each part starts only while there is time, and
what has been measured is written after every part to `gpu/benchmarks.md`, with the device's name;
`gpu/rows.json` holds the same for a program. A part that fails says so in its row. Without a GPU
the same code runs on the CPU, which shows that it runs and nothing more.
"""

from __future__ import annotations

import contextlib
import functools
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tlhelpers.course.bench_table import Row, write_table
from tlhelpers.data.catalog import load_task
from tlhelpers.data.task import Split
from tlhelpers.models.backbones import backbone
from tlhelpers.runtime.device import describe, pick_device, pick_precision
from tlhelpers.runtime.language import text
from tlhelpers.runtime.store import write_atomic
from tlhelpers.train.engine import evaluate, fit
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.heads import fit_heads

LOOP = "indexed loop"


@dataclass
class Sizes:
    """How much is measured."""

    rounds: int = 3
    batch: int = 256
    steps: int = 40
    side: int = 224
    images: int = 20_000
    drawn: int = 20_000
    epochs: int = 8
    wide: int = 200_000  # channels of the layer whose batch does not fit


TINY = Sizes(rounds=1, batch=2, steps=4, side=32, images=64, drawn=64, epochs=1, wide=64)
_PARTS: dict[str, Callable[[Sizes, torch.device], Iterator[Row]]] = {}


def part(measure: Callable) -> Callable:
    _PARTS[measure.__name__.removeprefix("measure_")] = measure
    return measure


def run(out: Path, minutes: float, sizes: Sizes) -> int:
    """Measures part by part while there is time; 1 where a bar is missed or a part fails."""
    device = pick_device()
    if device.type != "cuda":
        print(text("bench.gpu_absent"), flush=True)
    out.mkdir(parents=True, exist_ok=True)
    ends = time.monotonic() + 60 * minutes
    rows: list[Row] = []
    failed, shown = False, 0
    for name, measure in _PARTS.items():
        if time.monotonic() > ends:
            rows.append(Row(name, [math.nan], note=text("bench.no_time")))
            continue
        try:
            rows += measure(sizes, device)
        except Exception as error:  # the other parts are worth their time
            failed = True
            rows.append(Row(name, [math.nan], note=f"{type(error).__name__}: {error}"[:300]))
        if device.type == "cuda":
            torch.cuda.empty_cache()
        for row in rows[shown:]:
            print("  ".join(cell for cell in row.cells() if cell), flush=True)
        shown = len(rows)
        _write(out, rows, device)
    _write(out, rows, device)
    print(text("bench.written", path=out / "benchmarks.md"))
    return int(failed or any(row.holds is False for row in rows))


def _write(out: Path, rows: list[Row], device: torch.device) -> None:
    name = describe(device, pick_precision(device))
    write_atomic(out / "benchmarks.md", write_table(rows, "bench.how_gpu", f"{name}."))
    told = [
        {"name": row.name, "values": [v for v in row.values if v == v], "note": row.note}
        for row in rows
    ]
    write_atomic(out / "rows.json", json.dumps({"device": name, "rows": told}, indent=1))


@part
def measure_training(sizes: Sizes, device: torch.device) -> Iterator[Row]:
    """ResNet-50 and ViT-S/16: the engine against a loop written by hand, and against itself."""
    split = _noise(sizes, device)
    peak = _peak_flops(device, 8192 if device.type == "cuda" else 64)
    for name, make in _models(sizes).items():
        speed: dict[str, list[float]] = {"tl.fit": [], LOOP: [], "tl.fit, compile": []}
        memory = {}
        for _ in range(sizes.rounds):
            for contender, train in (("tl.fit", _by_engine), (LOOP, _by_loop)):
                _forget_peak(device)
                speed[contender].append(_images_per_second(train, make(), split, sizes, device))
                memory[contender] = _peak_memory(device)
        if device.type == "cuda":
            compiled = _images_per_second(_by_compiled, make(), split, sizes, device)
            speed["tl.fit, compile"].append(compiled)
        share = statistics.median(speed["tl.fit"]) * _flops_per_image(make(), sizes) / peak
        yield Row(
            f"{name}: tl.fit",
            speed["tl.fit"],
            "images/s",
            note=text("bench.peak_share", share=f"{share:.0%}"),
        )
        ratio = [a / b for a, b in zip(speed["tl.fit"], speed[LOOP], strict=True)]
        limit = 0.97 if device.type == "cuda" else None
        yield Row(f"{name}: tl.fit / {LOOP}", ratio, "", limit, at_least=True)
        if speed["tl.fit, compile"]:
            yield Row(f"{name}: tl.fit, compile", speed["tl.fit, compile"], "images/s")
        yield Row(f"{name}: memory, tl.fit", [memory["tl.fit"]], "GB")
        yield Row(f"{name}: memory, {LOOP}", [memory[LOOP]], "GB")


@part
def measure_precision(sizes: Sizes, device: torch.device) -> Iterator[Row]:
    """Test accuracy on drawn birds after the same training in fp32 and in bf16."""
    task = load_task("birds", per_class=20)
    found: dict[str, list[float]] = {}
    for precision in ("fp32", "bf16"):
        for seed in range(sizes.rounds):
            network = backbone("zukan-resnet", num_classes=10)
            fit(
                network,
                task.train,
                epochs=sizes.epochs,
                device=device,
                precision=precision,
                seed=seed,
                progress=False,
            )
            found.setdefault(precision, []).append(evaluate(network, task.test))
        yield Row(f"birds, {precision}", found[precision], "accuracy")


@part
def measure_features(sizes: Sizes, device: torch.device) -> Iterator[Row]:
    """Features of pictures through zukan-resnet, and a probe on them."""
    network = backbone("zukan-resnet").to(device)
    images = torch.randint(0, 256, (sizes.images, 3, 64, 64), dtype=torch.uint8)
    labels = torch.arange(len(images)) % 10
    features = torch.empty(0)

    def extract() -> None:
        nonlocal features
        features = extract_features(network, images, batch_size=1024, cache=False)

    seconds = [_seconds(extract, device) for _ in range(sizes.rounds)]
    yield Row("zukan-resnet, features", [len(images) / s for s in seconds], "images/s")
    heads = [_seconds(lambda: fit_heads(features, labels, 10), device) for _ in range(sizes.rounds)]
    yield Row(f"probe, {len(images):,} features", heads, "s")


@part
def measure_drawing(sizes: Sizes, device: torch.device) -> Iterator[Row]:
    """Drawing the pictures of the course on the device."""
    from tlhelpers.data import zukan

    labels = torch.arange(sizes.drawn) % 10
    keys = torch.arange(sizes.drawn)

    def draw() -> None:
        zukan.draw("birds", labels, keys, device=device)

    seconds = [_seconds(draw, device) for _ in range(sizes.rounds)]
    yield Row("birds, drawn", [sizes.drawn / s for s in seconds], "images/s")


@part
def measure_memory(sizes: Sizes, device: torch.device) -> Iterator[Row]:
    """A batch that does not fit is halved until it does, and the training ends."""
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(3 * 32 * 32, sizes.wide), nn.ReLU(), nn.Linear(sizes.wide, 10)
    )
    rows = 65_536 if device.type == "cuda" else 64
    split = Split(torch.randn(rows, 3, 32, 32), torch.arange(rows) % 10)
    history = fit(
        model,
        split,
        max_steps=2,
        batch_size=rows,
        device=device,
        optimizer="sgd",
        lr=1e-4,
        progress=False,
    )
    yield Row(f"batch of {rows:,} that needs halving, steps", [float(len(history.train_loss))])


@part
def measure_resume(sizes: Sizes, device: torch.device) -> Iterator[Row]:
    """A run that is cut off and goes on ends with the weights of the one that was not."""
    task = load_task("birds", per_class=20)
    given = {"max_steps": 12, "device": device, "progress": False, "keep_best": False}

    def trained(**more: object) -> Tensor:
        torch.manual_seed(0)
        network = backbone("zukan-resnet", num_classes=10)
        fit(network, task.train, **given, **more)  # type: ignore[arg-type]
        return torch.cat([p.detach().flatten().cpu() for p in network.parameters()])

    whole = trained()
    with tempfile.TemporaryDirectory() as folder:

        def cut(step: int, _model: nn.Module) -> None:
            if step == 7:
                raise _CutError

        with contextlib.suppress(_CutError):
            trained(checkpoint=folder, checkpoint_every=3, after_step=cut)
        resumed = trained(checkpoint=folder, checkpoint_every=3)
    yield Row("resumed against whole, largest difference", [(whole - resumed).abs().max().item()])


@part
def measure_ddp(sizes: Sizes, device: torch.device) -> Iterator[Row]:
    """What DistributedDataParallel costs on one device: nothing has to be sent there."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=1"]
    seconds = {}
    for name, launcher in (("alone", []), ("torchrun", torchrun), ("wrapped", torchrun)):
        line = [sys.executable, "-P", *launcher, "-m", "tlhelpers.course.bench_gpu", device.type]
        line += [name, str(sizes.batch), str(sizes.steps), str(sizes.side)]
        done = subprocess.run(line, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
        seconds[name] = float(done.stdout.split()[-1])
    yield Row("one process, torchrun / alone", [seconds["torchrun"] / seconds["alone"]])
    yield Row("one process, DDP / alone", [seconds["wrapped"] / seconds["alone"]])


class _CutError(Exception):
    """What ends a run in the middle."""


def _models(sizes: Sizes) -> dict[str, Callable[[], nn.Module]]:
    from torchvision.models import VisionTransformer, resnet50

    vit_small = {"num_layers": 12, "num_heads": 6, "hidden_dim": 384, "mlp_dim": 1536}
    return {
        "ResNet-50": lambda: resnet50(num_classes=100),
        "ViT-S/16": lambda: VisionTransformer(sizes.side, 16, **vit_small, num_classes=100),
    }


def _noise(sizes: Sizes, device: torch.device) -> Split:
    shape = (4 * sizes.batch, 3, sizes.side, sizes.side)
    inputs = torch.randint(0, 256, shape, dtype=torch.uint8, device=device)
    return Split(inputs, torch.arange(len(inputs)) % 100)


def _images_per_second(
    train: Callable, model: nn.Module, split: Split, sizes: Sizes, device: torch.device
) -> float:
    """From the second quarter of the steps on; the device is waited for at both ends only."""
    first, times = sizes.steps // 4, {}

    def mark(step: int, _model: nn.Module) -> None:
        if step in (first, sizes.steps):
            _wait(device)
            times[step] = time.perf_counter()

    train(model, split, sizes, device, mark)
    return (sizes.steps - first) * sizes.batch / (times[sizes.steps] - times[first])


def _by_engine(
    model: nn.Module,
    split: Split,
    sizes: Sizes,
    device: torch.device,
    mark: Callable,
    compile: bool = False,
) -> None:
    fit(
        model,
        split,
        max_steps=sizes.steps,
        batch_size=sizes.batch,
        schedule="constant",
        device=device,
        compile=compile,
        after_step=mark,
        keep_best=False,
        progress=False,
    )


_by_compiled = functools.partial(_by_engine, compile=True)


def _by_loop(
    model: nn.Module, split: Split, sizes: Sizes, device: torch.device, mark: Callable
) -> None:
    """What somebody who knows PyTorch would write: bf16, channels last, one fused optimizer."""
    model = model.train().to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=1e-3, weight_decay=0.01, fused=device.type == "cuda"
    )
    labels = split.labels.to(device)
    for step in range(1, sizes.steps + 1):
        rows = torch.randint(len(labels), (sizes.batch,), device=device)
        images = (split.inputs[rows] - 127.5).div_(63.75)
        images = images.contiguous(memory_format=torch.channels_last)
        optimizer.zero_grad()
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            loss = F.cross_entropy(model(images), labels[rows])
        loss.backward()
        optimizer.step()
        mark(step, model)


def _flops_per_image(model: nn.Module, sizes: Sizes) -> float:
    """Floating-point operations of one image's forward and backward pass."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        model(torch.randn(2, 3, sizes.side, sizes.side)).sum().backward()
    return counter.get_total_flops() / 2


def _peak_flops(device: torch.device, size: int) -> float:
    """bf16 operations a second that a large matrix product reaches on this device."""
    a = torch.randn(size, size, device=device, dtype=torch.bfloat16)
    for _ in range(10):
        a @ a
    seconds = _seconds(lambda: [a @ a for _ in range(20)], device)
    return 20 * 2 * size**3 / seconds


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    _wait(device)
    started = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - started


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _forget_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def _peak_memory(device: torch.device) -> float:
    """GB, of the device; 0 where it does not tell."""
    return torch.cuda.max_memory_allocated(device) / 1e9 if device.type == "cuda" else 0.0


def _one_process(kind: str, launched: str, batch: int, steps: int, side: int) -> None:
    """Prints the seconds of one step: alone, under torchrun, or there with a wrapped model."""
    sizes = Sizes(batch=batch, steps=steps, side=side)
    device = torch.device(kind)
    model = _models(sizes)["ResNet-50"]()
    if launched == "wrapped":
        torch.distributed.init_process_group("nccl" if kind == "cuda" else "gloo")
        model = model.to(device, memory_format=torch.channels_last)
        model = nn.parallel.DistributedDataParallel(model, gradient_as_bucket_view=True)
    speed = _images_per_second(_by_engine, model, _noise(sizes, device), sizes, device)
    print(sizes.batch / speed)


if __name__ == "__main__":
    _one_process(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
