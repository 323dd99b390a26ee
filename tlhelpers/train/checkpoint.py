"""Checkpoints that survive being killed: a safetensors file for the tensors, JSON for the rest.

A checkpoint is `step-00000120.safetensors` and `step-00000120.json`. Both are written whole or
not at all; the JSON comes last and holds the checksum of both, so that a checkpoint without it,
or with a flipped bit, is known for what it is. The last two are kept. No pickle: loading a
checkpoint runs no code from it.
"""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from tlhelpers.runtime.language import text
from tlhelpers.runtime.store import StoreError, sha256, verify, write_atomic

KEPT = 2
_log = logging.getLogger(__name__)


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
    for old in sorted(folder.glob("step-*.json"))[:-KEPT]:
        old.unlink()
    complete = {path.stem for path in folder.glob("step-*.json")}
    for leftover in folder.glob("step-*.safetensors"):
        if leftover.stem not in complete:
            leftover.unlink()


def load_checkpoint(folder: Path) -> tuple[dict[str, Tensor], dict] | None:
    """The newest checkpoint that is whole: its tensors (on the CPU) and its state.

    A damaged one is reported in the log and the one before it is used; None where there is none.
    """
    for path in sorted(folder.glob("step-*.json"), reverse=True):
        try:
            written = json.loads(path.read_text(encoding="utf-8"))
            if _digest(written["state"]) != written["sha256"]["state"]:
                raise StoreError(text("checkpoint.seal_broken", path=path.name))
            file = path.with_suffix(".safetensors")
            verify(file, written["sha256"]["tensors"])
            return load_file(file), json.loads(written["state"])
        except (StoreError, ValueError, KeyError, TypeError) as error:
            _log.warning(text("checkpoint.damaged", name=path.stem, reason=error))
    return None


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()
