"""The device a computation runs on, its precision, its threads and its seed.

`pick_device()` takes the fastest thing there is (CUDA, Apple MPS, Intel XPU, else the CPU);
`TLHELPERS_DEVICE=cpu` or an argument overrules it.
"""

from __future__ import annotations

import ctypes
import gc
import os
import random
import sys

import numpy as np
import torch

from tlhelpers.runtime import waiting
from tlhelpers.runtime.arguments import require_seed
from tlhelpers.runtime.language import text


def pick_device(name: str | torch.device | None = None) -> torch.device:
    """The device called `name` ("cpu", "cuda", "cuda:1", "mps", "xpu"), else the best one here.

    Raises ValueError where `name` (or TLHELPERS_DEVICE) is no device, or none that this
    computer and this installation of PyTorch can use.
    """
    asked = name or os.environ.get("TLHELPERS_DEVICE")
    if not asked:
        return torch.device(_best_name())
    try:
        device = torch.device(asked)
    except RuntimeError:
        raise ValueError(text("device.unknown", name=asked)) from None
    if (device.index or 0) >= _count(device.type):
        raise ValueError(text("device.absent", name=asked, best=_best_name()))
    return device


def _count(kind: str) -> int:
    """How many devices of this kind PyTorch can use here."""
    if kind == "cuda":
        return torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind == "mps":
        return int(torch.backends.mps.is_available())
    if kind == "xpu":
        return torch.xpu.device_count() if torch.xpu.is_available() else 0
    return int(kind == "cpu")


def _best_name() -> str:
    return next(kind for kind in ("cuda", "mps", "xpu", "cpu") if _count(kind))


def pick_precision(device: torch.device) -> torch.dtype:
    """bfloat16 (for autocast) on a GPU that computes in it natively, else float32."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.bfloat16
    return torch.bfloat16 if device.type == "xpu" else torch.float32


def describe(device: torch.device, precision: torch.dtype) -> str:
    """One line for the learner: which device, and how many bits a number has."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    elif device.type == "xpu":
        name = torch.xpu.get_device_name(device)
    elif device.type == "mps":
        name = "Apple GPU"
    else:
        name = text("device.cpu", threads=torch.get_num_threads())
    return text("device.line", name=name, precision=str(precision).removeprefix("torch."))


def trim_memory() -> None:
    """Gives memory that was freed back to the system, which glibc else keeps for itself.

    Between two stages of a long search it is a tenth of what the process holds.
    """
    gc.collect()
    release_memory()


def release_memory() -> None:
    """The same without looking for unreachable objects, which takes longer than the rest."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # other C libraries have none
        if trim is not None:
            trim(0)


def set_seed(seed: int) -> None:
    """Seeds Python, NumPy and PyTorch (all devices). Raises ValueError for what is no seed."""
    require_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def set_threads(count: int | None = None) -> int:
    """Lets PyTorch use `count` threads, else no more than this process was given; returns it.

    PyTorch counts the cores of the whole machine; in a container, or where an administrator
    gave us fewer, the surplus threads only wait for each other. One thread where PyTorch was
    loaded before this package: its threads spin while they wait, see `runtime.waiting`.
    """
    if count is None:
        count = 1 if waiting.THREADS_SPIN else min(torch.get_num_threads(), _cores_given())
    torch.set_num_threads(max(1, count))
    return torch.get_num_threads()


def _cores_given() -> int:
    """Cores this process may use: its CPU affinity and the container's quota (cgroup v2)."""
    asked = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if asked else os.cpu_count() or 1
    try:
        with open("/sys/fs/cgroup/cpu.max", encoding="ascii") as file:
            quota, period = file.read().split()
        return max(1, min(cores, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no container, or "max": no quota
        return cores
