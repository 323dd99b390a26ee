"""Checkpoints that survive being killed, and are never taken for those of another run.

A checkpoint is `step-00000120.safetensors` and `step-00000120.json`. Both are written whole or
not at all; the JSON comes last and holds the checksum of both, so that a checkpoint without it,
or with a flipped bit, is known for what it is. The last two are kept. No pickle: loading a
checkpoint runs no code from it.

A run goes on from a checkpoint of its own only: of the same initial weights, data, loss and
settings (see `identity_of`). While it runs it holds a lock on the folder.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any
from zlib import crc32

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader

from tlhelpers.data.digest import digest
from tlhelpers.data.task import Split
from tlhelpers.runtime.language import text
from tlhelpers.runtime.store import StoreError, read_json, sha256, verify, write_atomic
from tlhelpers.train.sharding import fill, whole

KEPT = 2
LOCK = "in-use.lock"
_log = logging.getLogger(__name__)


# --- the files ----------------------------------------------------------------------------


def save_checkpoint(folder: Path, step: int, tensors: dict[str, Tensor], state: dict) -> None:
    """Writes the checkpoint of this step and removes all but the last two.

    state: what JSON can hold. Raises StoreError where the disk is full or not writable.
    """
    own = {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}
    file = folder / f"step-{step:08d}.safetensors"
    write_atomic(file, lambda temporary: save_file(own, temporary))
    content = json.dumps(state, sort_keys=True)
    seal = {"tensors": sha256(file), "state": _digest(content)}
    write_atomic(file.with_suffix(".json"), json.dumps({"sha256": seal, "state": content}))
    for old in _seals(folder)[:-KEPT]:
        old.unlink()
    complete = {path.stem for path in _seals(folder)}
    for leftover in folder.glob("step-*.safetensors"):
        if leftover.stem not in complete and leftover.is_file():
            leftover.unlink()


def load_checkpoint(folder: Path) -> tuple[dict[str, Tensor], dict] | None:
    """The newest checkpoint that is whole: its tensors (on the CPU) and its state.

    A damaged one is reported in the log and the one before it is used; None where there is none.
    """
    for path in reversed(_seals(folder)):
        try:
            written = read_json(path)
            if _digest(written["state"]) != written["sha256"]["state"]:
                raise StoreError(text("checkpoint.seal_broken", path=path.name))
            file = path.with_suffix(".safetensors")
            verify(file, written["sha256"]["tensors"])
            return load_file(file), json.loads(written["state"])
        except (*UNREADABLE, StoreError, OSError) as error:
            _log.warning(text("checkpoint.damaged", name=path.stem, reason=error))
    return None


# What reading contents of another make than ours can raise.
UNREADABLE = (
    ValueError, KeyError, TypeError, IndexError, AttributeError, RuntimeError, SafetensorError
)  # fmt: skip


def _seals(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("step-*.json") if path.is_file())


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


# --- the folder of a run ------------------------------------------------------------------


@contextmanager
def held_folder(folder: Path) -> Iterator[None]:
    """Makes the folder, keeps other runs out of it, and clears away what a killed one left.

    Raises StoreError where it cannot be a folder, ValueError where another run uses it. Where
    the file system knows no locks, it goes on without one.
    """
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise StoreError(text("checkpoint.no_folder", folder=folder, reason=reason)) from error
    lock = FileLock(folder / LOCK, timeout=0, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise ValueError(text("checkpoint.in_use", folder=folder, lock=LOCK)) from None
    except (OSError, NotImplementedError):
        yield
        return
    try:
        for unfinished in folder.glob(".step-*"):
            unfinished.unlink()
        yield
    finally:
        (folder / LOCK).unlink(missing_ok=True)
        lock.release()


# --- whose checkpoint it is ---------------------------------------------------------------


def identity_of(run: Any) -> dict:
    """What two runs must share for one to go on where the other stopped, as JSON holds it.

    run: a `_Run` of the engine that has taken no step yet.
    """
    asked, groups = run.asked, run.optimizer.param_groups
    names = {id(param): name for name, param in run.model.named_parameters()}
    plain = ("params", "lr", "weight_decay")
    rest = [{name: repr(group[name]) for name in group if name not in plain} for group in groups]
    return {
        "weights": digest(run.model.state_dict()),
        "network": digest(repr(run.model)),  # a dropout rate is no weight
        "trained_parameters": digest([[names[id(p)] for p in g["params"]] for g in groups]),
        "data": _name_of_data(run.train),
        "valid": _name_of_data(run.valid),
        "lr": run.rates,
        "weight_decay": [group.get("weight_decay") for group in groups],
        "optimizer": f"{name_of(asked.optimizer)} {digest(rest)}",
        "schedule": name_of(asked.schedule),
        "warmup": asked.warmup,
        "loss": name_of(asked.loss),
        "penalty": name_of(asked.penalty),
        "augment": name_of(asked.augment),
        "clip_norm": asked.clip_norm,
        "precision": str(run.precision),
        "batch_size": asked.batch_size,
        "steps": run.total,
        "valid_every": asked.valid_every,
        "keep_best": asked.keep_best,
        "seed": asked.seed,
    }


def name_of(choice: str | Callable | None) -> str:
    """A name for what was chosen, the same in the next process; a function's follows its code."""
    if choice is None or isinstance(choice, str):
        return str(choice)
    name = getattr(choice, "__qualname__", type(choice).__qualname__)
    return f"{name} {digest(_held(choice))[:8]}"


PLAIN = int | float | str | bool | bytes | None | Tensor | np.ndarray


def _held(value: Any, around: tuple[int, ...] = ()) -> Any:
    """What a choice depends on, as `digest` takes it: values, code, and what either holds.

    Of a function its code, defaults, closure and the plain globals it names; of an object its
    attributes. around: what this stands in; a circle ends there.
    """
    if isinstance(value, PLAIN):
        return value
    if id(value) in around or len(around) > DEEPEST:
        return "..."
    inside = functools.partial(_held, around=(*around, id(value)))
    if isinstance(value, (list, tuple)):
        return list(map(inside, value))
    if isinstance(value, (set, frozenset)):
        return sorted(map(repr, value))
    if isinstance(value, Mapping):
        return {str(name): inside(one) for name, one in value.items()}
    if isinstance(value, functools.partial):
        return ["partial", *map(inside, (value.func, value.args, value.keywords))]
    if isinstance(value, MethodType):
        return [inside(value.__func__), inside(value.__self__)]
    if isinstance(value, CodeType):
        return [value.co_code, list(value.co_names), list(map(inside, value.co_consts))]
    name = getattr(value, "__qualname__", type(value).__qualname__)
    if isinstance(value, FunctionType):
        code, known = value.__code__, value.__globals__
        plain = {one: known[one] for one in code.co_names if isinstance(known.get(one, ...), PLAIN)}
        closure = [cell.cell_contents for cell in value.__closure__ or ()]
        rest = (code, value.__defaults__, value.__kwdefaults__, closure, plain)
        return [name, *map(inside, rest)]
    known = getattr(value, "__dict__", {})
    if isinstance(value, nn.Module):  # a teacher's mode and hooks are no settings
        own = {key: one for key, one in known.items() if key[0] != "_" and key != "training"}
        known = {**own, "network": repr(value), "weights": value.state_dict()}
    return [name, {} if isinstance(value, (type, ModuleType)) else inside(known)]


DEEPEST = 8  # objects within objects


def _name_of_data(data: Split | DataLoader | None) -> str | None:
    """Names the examples and labels of a split exactly, those of a DataLoader as far as known."""
    if data is None:
        return None
    if isinstance(data, Split):
        return digest(data.fingerprint, data.labels)
    held = getattr(data.dataset, "tensors", ())
    count = len(data.dataset) if hasattr(data.dataset, "__len__") else None
    return digest(type(data.dataset).__qualname__, count, data.batch_size, held)


# --- what it holds ------------------------------------------------------------------------


def save_run(run: Any, folder: Path) -> None:
    """Saves everything that the rest of the run depends on.

    Of several processes the first writes, what they differ in included: their random states. A run
    is worth more than its checkpoint: where the disk refuses it, the run goes on, warned.
    """
    tensors = {f"model.{name}": value for name, value in run.model.state_dict().items()}
    tensors |= {f"kept.{name}": value for name, value in run.kept.items()}
    scalars = {}
    for number, values in run.optimizer.state_dict()["state"].items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{number}.{name}"] = value
            else:
                scalars[f"{number}.{name}"] = value
    tensors = _whole(tensors, run.processes.is_main) | _of_each_process(run)
    if not run.processes.is_main:
        return
    state = {
        "identity": run.identity,
        "position": {"epoch": run.epoch, "taken": run.taken, "sizes": run.sizes},
        "portion": run.portion.size,
        "history": run.history.to_dict(),
        "optimizer": scalars,
    }
    try:
        save_checkpoint(folder, run.history.steps, tensors, state)
    except (StoreError, OSError, SafetensorError) as error:
        warnings.warn(text("checkpoint.not_saved", reason=error), RuntimeWarning, stacklevel=2)


def resume_run(run: Any, folder: Path) -> bool:
    """Goes to where the newest whole checkpoint was made; False where there is none.

    Raises ValueError where it is another run's, StoreError where its contents are no run's.
    """
    found = load_checkpoint(folder)
    seen = run.processes.counts(crc32(repr(found and found[1]).encode()))
    if any(one != seen[0] for one in seen):
        raise StoreError(text("checkpoint.not_shared", folder=folder))
    if found is None:
        return False
    tensors, state = found
    try:
        theirs = dict(state["identity"])
        mine = json.loads(json.dumps(run.identity))
        differing = [name for name in mine if mine[name] != theirs.get(name)]
        if not differing:
            _restore(run, tensors, state)
            return True
    except UNREADABLE as error:
        raise StoreError(text("checkpoint.unusable", folder=folder, reason=error)) from error
    message = text("checkpoint.other_run", folder=folder, differing=", ".join(differing))
    if "weights" in differing:
        message += " " + text("checkpoint.weights_differ")
    raise ValueError(message)


def _restore(run: Any, tensors: dict[str, Tensor], state: dict) -> None:
    for name, value in run.model.state_dict().items():
        fill(value, tensors[f"model.{name}"])
    run.kept = {
        name: value.clone() for name, value in run.learned().items() if f"kept.{name}" in tensors
    }
    for name, value in run.kept.items():
        fill(value, tensors[f"kept.{name}"])
    rank = run.processes.rank
    if rank and f"random.cpu.{rank}" not in tensors:  # saved by fewer processes
        seed = run.asked.seed + rank + 7919 * state["history"]["steps"]
        torch.manual_seed(seed)
        run.generator.manual_seed(seed)
    for name, (_, set_state) in _random_states(run).items():
        if (key := f"random.{name}.{rank}") in tensors:
            set_state(tensors[key])
    _load_optimizer(run.optimizer, tensors, state["optimizer"])
    losses = [value for name, value in tensors.items() if name.startswith("losses.")]
    if losses:
        same = len(losses) == run.processes.world
        own = tensors[f"losses.{rank}"] if same else torch.stack(losses).mean(0)
        run.losses = list(own.to(run.device))
    run.sizes = state["position"]["sizes"]
    run.epoch, run.taken = state["position"]["epoch"], state["position"]["taken"]
    run.portion.size = min(run.portion.size, state["portion"])
    for name, value in state["history"].items():
        setattr(run.history, name, value)
    run.history.resumed_from = run.history.steps


def _load_optimizer(
    optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], scalars: dict
) -> None:
    mark = "optimizer."
    held = {name.removeprefix(mark): t for name, t in tensors.items() if name.startswith(mark)}
    loaded: dict[int, dict] = {}
    for key, value in {**held, **scalars}.items():
        number, name = key.split(".", 1)
        loaded.setdefault(int(number), {})[name] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": loaded, "param_groups": groups})
    for param, state in optimizer.state.items():
        for name, value in state.items():
            if isinstance(value, Tensor) and value.shape == param.shape:
                # fused kernels walk both in memory order, so the layouts must agree
                state[name] = torch.empty_like(param)
                fill(state[name], value)


def _whole(tensors: dict[str, Tensor], wanted: bool) -> dict[str, Tensor]:
    """The tensors, put together one by one where they are sharded; nothing unless `wanted`."""
    found = ((name, whole(value)) for name, value in tensors.items())
    return {name: value for name, value in found if wanted}


def _of_each_process(run: Any) -> dict[str, Tensor]:
    """In what the processes differ: {"random.cpu.0": ..., "random.cpu.1": ..., "losses.0": ...}."""
    own = {f"random.{name}": read() for name, (read, _) in _random_states(run).items()}
    if run.losses:
        own["losses"] = torch.stack(run.losses)
    return {
        f"{name}.{rank}": value
        for name, values in own.items()
        for rank, value in enumerate(run.processes.gather(values))
    }


def _random_states(run: Any) -> dict[str, tuple[Callable, Callable]]:
    """Every generator that the run draws from: how to read its state and how to set it."""
    states = {
        "cpu": (torch.get_rng_state, torch.set_rng_state),
        "augment": (run.generator.get_state, run.generator.set_state),
    }
    if run.device.type == "cuda":
        states["cuda"] = (
            lambda: torch.cuda.get_rng_state(run.device),
            lambda state: torch.cuda.set_rng_state(state, run.device),
        )
    if (own := getattr(run.train, "generator", None)) is not None:
        states["loader"] = (own.get_state, own.set_state)
    return states
