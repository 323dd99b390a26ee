"""What every backbone carries, and how its weights are read: as tensors, never as code."""

from __future__ import annotations

import functools
import pickle
import re
import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from tlhelpers.models.surgery import head_of
from tlhelpers.runtime import store
from tlhelpers.runtime.language import text
from tlhelpers.runtime.store import StoreError
from tlhelpers.train.preprocessing import attach_preprocess

MOST_HEADER = 8 * 2**20  # bytes that name the tensors of a file: some hundred each
WRAPPERS = ("module", "_orig_mod")  # what wrappers of a network put before its names


@dataclass(frozen=True)
class BackboneInfo:
    """What a network was before it is trained on: `backbone(...).info`."""

    name: str
    pretrained_on: str  # "zukan: source", "ImageNet-1K"; "" where the weights are random
    feature_dim: int  # numbers that the head sees
    classes: dict[str, list[str]]  # of the pre-training; empty lists where the weights are random
    size: int  # pixels, the shorter side that `preprocess` resizes to
    parameters: int  # of the network with its own head
    licence: str
    weights_sha256: str | None  # None where the weights are random

    def to_dict(self) -> dict:
        return asdict(self)


@functools.cache
def _checksums() -> dict[str, dict]:
    path = Path(__file__).with_name("checksums.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def torchvision_sha256(url: str) -> str | None:
    """The SHA-256 of torchvision's file at this address: whole where it is known here, else the
    digits that its name states; None where it states none."""
    stated = re.search(r"-([0-9a-f]{8,})\.pth$", url)
    return _checksums()["torchvision"].get(url.rsplit("/", 1)[-1]) or (stated and stated.group(1))


def hub_sha256(repository: str, file: str) -> str | None:
    """The SHA-256 of a file on the Hugging Face hub; None where it is not known here."""
    return _checksums()["hub"].get(repository, {}).get(file)


def furnish(model: nn.Module, preprocess: Callable, info: BackboneInfo) -> nn.Module:
    """Gives the network its `.preprocess` and `.info`.

    They are plain attributes: a registered submodule would show up in `children()`, and in
    every `nn.Sequential` that a learner builds from them.
    """
    attach_preprocess(model, preprocess)
    model.__dict__["info"] = info
    return model


def untrained(info: BackboneInfo) -> BackboneInfo:
    """The same network before its pre-training."""
    return replace(info, pretrained_on="", classes={"en": [], "ja": []}, weights_sha256=None)


def read_tensors(file: str | Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors or .pth file, on the CPU, floats as float32.

    A pickle that holds anything but tensors is refused, and none of its code is run. What
    DistributedDataParallel and torch.compile put before every name is taken off.
    Raises StoreError where the file is missing, damaged, or holds something else.
    """
    file = Path(file)
    store.verify(file)
    try:
        if file.suffix == ".safetensors":
            _require_ordinary(file)
            state = load_file(file)
        else:
            state = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise StoreError(text("backbones.not_tensors", path=file)) from error
    except Exception as error:  # torch and safetensors each raise many kinds for a damaged file
        raise StoreError(text("backbones.damaged", path=file, reason=error)) from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise StoreError(text("backbones.not_tensors", path=file))
    while state and (prefix := next(iter(state)).partition(".")[0]) in WRAPPERS:
        nn.modules.utils.consume_prefix_in_state_dict_if_present(state, f"{prefix}.")
    for key, value in state.items():  # in place: the dict also carries its layers' versions
        state[key] = value.float() if value.is_floating_point() else value
    return state


def halve(model: nn.Module) -> dict[str, Tensor]:
    """Rounds the weights to half precision, in place: what is measured then is what is stored.

    Returns them on the CPU, the floats as float16.
    """
    state = {key: value.cpu() for key, value in model.state_dict().items()}
    halved = {
        key: value.half().contiguous() if value.is_floating_point() else value
        for key, value in state.items()
    }
    model.load_state_dict(halved)
    return halved


def store_halved(model: nn.Module, file: Path) -> dict[str, Any]:
    """Writes the halved weights as safetensors. Returns what a card says of them."""
    weights = halve(model)
    store.write_atomic(file, lambda temporary: save_file(weights, temporary))
    return {
        "feature_dim": getattr(*head_of(model)).in_features,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "sha256": store.sha256(file),
        "bytes": file.stat().st_size,
        "torch": torch.__version__,
    }


def _require_ordinary(file: Path) -> None:
    """Raises ValueError for a header longer than that of any network: it would fill the memory."""
    with open(file, "rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
    if length > MOST_HEADER:
        raise ValueError(f"{length} > {MOST_HEADER}")


def load_into(model: nn.Module, state: dict[str, Tensor], file: Path) -> None:
    """Fills the network. Raises StoreError where the tensors are not its own."""
    try:
        model.load_state_dict(state)
    except (RuntimeError, ValueError) as error:
        raise foreign(model, state, file) from error


def foreign(model: nn.Module, state: dict[str, Tensor], file: Path) -> StoreError:
    """The error that names the first tensor in which this file and this network differ."""
    network, difference = type(model).__name__, _first_difference(model.state_dict(), state)
    values = {"path": file, "network": network, "difference": difference}
    return StoreError(text("backbones.do_not_fit", **values))


def _first_difference(wanted: dict[str, Tensor], found: dict[str, Tensor]) -> str:
    """The first name or shape in which a file of weights differs from what a network wants."""
    for key, value in wanted.items():
        if key not in found:
            return text("backbones.key_missing", key=key)
        if found[key].shape != value.shape:
            shapes = {"found": tuple(found[key].shape), "wanted": tuple(value.shape)}
            return text("backbones.key_shape", key=key, **shapes)
    return text("backbones.key_unknown", key=next((key for key in found if key not in wanted), "-"))
