"""Two processes that share a batch: the engine against DistributedDataParallel by hand.

`measure` launches this file under torchrun, on the CPU over gloo; run so, each process trains
both in turns, and the first prints CPU seconds and sent bytes of a step, as JSON.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch.nn import functional as F

from tlhelpers.course.contenders import ENGINE, Race, Timed, build_optimizer, run_engine, silence
from tlhelpers.models.networks import zukan_resnet
from tlhelpers.runtime import device

LOOP = "DistributedDataParallel loop"


def measure(steps: int, rounds: int) -> dict[str, dict[str, list[float]]]:
    """{contender: {"seconds": a step's in each round, "bytes": a step's}} of the first process."""
    launched = [sys.executable, "-P", "-m", "torch.distributed.run", "--standalone"]
    launched += ["--nproc-per-node=2", "-m", __name__, str(steps), str(rounds)]
    settings = os.environ | {"OMP_NUM_THREADS": "1", "TLHELPERS_DEVICE": "cpu"}
    done = subprocess.run(launched, capture_output=True, text=True, timeout=600, env=settings)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise RuntimeError(next((line for line in lines if "Error: " in line), lines[-1]))
    return json.loads(done.stdout.splitlines()[-1])


def run_loop(race: Race) -> Timed:
    """What the tutorial of PyTorch writes: a wrapped model, and each process's rows of a batch."""
    model = race.start()
    wrapped = torch.nn.parallel.DistributedDataParallel(model)
    optimizer = build_optimizer(model.parameters())
    rank, world = torch.distributed.get_rank(), torch.distributed.get_world_size()
    for rows in race.order().split(race.batch_size):
        own = rows[rank::world]
        optimizer.zero_grad()
        F.cross_entropy(wrapped(race.inputs[own]), race.labels[own]).backward()
        optimizer.step()
    return model


def _sent() -> int:
    """Bytes that this process has written so far, to sockets for the most part; 0 if unknown."""
    path = Path("/proc/self/io")
    words = path.read_text().split() if path.exists() else ["wchar:", "0"]
    return int(words[words.index("wchar:") + 1])


def _take_turns(steps: int, rounds: int) -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(64 * steps, 3, 64, 64, generator=generator)
    labels = torch.randint(10, (len(inputs),), generator=generator)
    race = Race("network", lambda: zukan_resnet(10), inputs, labels)
    until = 64 * (steps // 2)
    half = replace(race, inputs=inputs[:until], labels=labels[:until])
    runners: dict[str, Callable[[Race], Timed]] = {ENGINE: run_engine, LOOP: run_loop}
    with silence():
        short = replace(race, inputs=inputs[: 4 * 64], labels=labels[: 4 * 64])
        ends = [short.final_loss(run(short)) for run in runners.values()]
        if not math.isclose(*ends, rel_tol=1e-3):  # later, rounding has grown by BatchNorm
            raise AssertionError(f"the engine ends at {ends[0]}, the loop at {ends[1]}")
        found: dict[str, dict[str, list[float]]] = {
            name: {"seconds": [], "bytes": []} for name in runners
        }
        for number in range(rounds):
            for name in list(runners)[:: 1 if number % 2 else -1]:
                marks = [_sent()]
                for length in (half, race):
                    model = runners[name](length)
                    marks.append(_sent())
                more = (marks[2] - marks[1]) - (marks[1] - marks[0])  # without what the start costs
                found[name]["bytes"].append(more / (steps - steps // 2))
                found[name]["seconds"].append(model.seconds_per_step())
    if torch.distributed.get_rank() == 0:
        print(json.dumps(found))
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    device.set_threads(1)
    _take_turns(*map(int, sys.argv[1:]))
