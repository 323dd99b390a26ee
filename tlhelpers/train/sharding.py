"""A model that does not fit on one device: each process holds a part of every weight.

Zhao et al., "PyTorch FSDP", 2023 (arXiv:2304.11277), after ZeRO (Rajbhandari et al., 2020,
arXiv:1910.02054). Weights, gradients and the optimizer's numbers are split over the processes; a
layer is put together just before it computes and taken apart again. `accelerate config` (FSDP,
version 2) says which layers, and whether activations are computed twice instead of kept.

What is sharded is a copy of the model. The learner's own stays whole on the CPU, and gets the
weights back at the end, so that `predict`, saving and all else work as after any training.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn


def copy_for_sharding(
    model: nn.Module, param_groups: Iterable[dict] | None
) -> tuple[nn.Module, list[dict] | None]:
    """A copy of the model, and the groups of its parameters in place of the model's own."""
    twin = copy.deepcopy(model)
    if param_groups is None:
        return twin, None
    twins = dict(zip(map(id, model.parameters()), twin.parameters(), strict=True))
    groups = []
    for group in param_groups:
        params = group["params"]
        params = [params] if isinstance(params, Tensor) else params
        groups.append({**group, "params": [twins.get(id(param), param) for param in params]})
    return twin, groups


def whole(values: Tensor) -> Tensor:
    """All of a tensor; of a sharded one on the CPU, put together by all processes at once."""
    values = values.detach()
    return values.full_tensor().cpu() if _is_sharded(values) else values


def fill(target: Tensor, values: Tensor) -> None:
    """Overwrites a tensor, or this process's part of a sharded one."""
    if _is_sharded(target):
        from torch.distributed.tensor import distribute_tensor

        values = values.to(target.device, target.dtype)
        values = distribute_tensor(values, target.device_mesh, target.placements)
    target.copy_(values)


def _is_sharded(values: Tensor) -> bool:
    """True for a DTensor, which is not asked for by name: its module takes long to import."""
    return hasattr(values, "full_tensor")


def give_back(sharded: nn.Module, model: nn.Module) -> None:
    """Hands the weights and buffers of the sharded copy to the model it was made from."""
    with torch.no_grad():
        for part in ("parameters", "buffers"):
            pairs = zip(getattr(sharded, part)(), getattr(model, part)(), strict=True)
            for learned, own in pairs:
                own.copy_(whole(learned))
