"""The process that trains: alone on its device, or one of several under accelerate.

`accelerate launch` and `torchrun` set WORLD_SIZE; without it a single process does without
accelerate's wrappers, which cost 1.7 times the step of a small head.

The model itself is not wrapped. Each process computes the gradients of its share alone, and only
then do all of them average: while it computes nobody waits for it, so that a process that runs
out of memory halves its part and tries again, and any loss may call any part of the model.
DistributedDataParallel averages during the backward pass instead, which hides the time of the
transfer, and leaves the others waiting for ever where one process fails half-way.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from tlhelpers.runtime.device import pick_device
from tlhelpers.runtime.language import text

BUCKET = 1 << 23  # gradients averaged in one message: few messages, little extra memory
_log = logging.getLogger(__name__)


class Processes:
    """Where this process stands (`rank` of `world`), and what the processes do together."""

    def __init__(self, device: str | torch.device | None = None):
        self.accelerator: Any = None  # accelerate's, where there are several processes
        self.rank, self.world = 0, 1
        self.device = pick_device(device)
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            from accelerate import Accelerator
            from accelerate.utils import DataLoaderConfiguration

            self.accelerator = Accelerator(
                cpu=self.device.type == "cpu",
                mixed_precision="no",
                dataloader_config=DataLoaderConfiguration(split_batches=True),
            )
            self.device = self.accelerator.device
            self.rank = self.accelerator.process_index
            self.world = self.accelerator.num_processes

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def start(self, model: nn.Module) -> None:
        """Gives every process the first one's weights; warns where BatchNorm sees shares only."""
        if self.accelerator is None:
            return
        if self.is_main and uses_batchnorm(model):
            _log.warning(text("engine.batchnorm_processes", world=self.world))
        self.align(model.parameters())
        self.align(model.buffers())

    def align(self, tensors: Iterable[Tensor]) -> None:
        """Overwrites the tensors with those of the first process."""
        if self.accelerator is None:
            return
        from accelerate.utils import broadcast

        with torch.no_grad():
            for tensor in tensors:
                tensor.copy_(broadcast(tensor.detach().contiguous()))

    def share(self, loader: DataLoader) -> DataLoader:
        """The loader, handing each process its part of every batch."""
        return loader if self.accelerator is None else self.accelerator.prepare(loader)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Each gradient becomes the mean over all processes; one that is missing counts as 0."""
        if self.accelerator is None:
            return
        bucket: list[Tensor] = []
        for parameter in parameters:
            if not parameter.requires_grad:
                continue
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            if bucket and (
                bucket[0].dtype != parameter.dtype or sum(g.numel() for g in bucket) > BUCKET
            ):
                self._average(bucket)
                bucket = []
            bucket.append(parameter.grad)
        if bucket:
            self._average(bucket)

    def _average(self, gradients: list[Tensor]) -> None:
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        flat = self.accelerator.reduce(flat, "mean")
        for gradient, part in zip(
            gradients, flat.split([g.numel() for g in gradients]), strict=True
        ):
            gradient.copy_(part.view_as(gradient))

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all processes, elementwise."""
        if self.accelerator is None:
            return values
        return self.accelerator.reduce(values.to(self.device), "sum")

    def least(self, value: int) -> int:
        """The smallest value that any process has."""
        if self.accelerator is None:
            return value
        shared = torch.tensor(value, device=self.device)
        torch.distributed.all_reduce(shared, torch.distributed.ReduceOp.MIN)
        return int(shared)

    def wait(self) -> None:
        if self.accelerator is not None:
            self.accelerator.wait_for_everyone()


def uses_batchnorm(model: nn.Module) -> bool:
    """True where a layer normalises by the statistics of its batch, as a frozen one does not."""
    return any(
        isinstance(module, nn.modules.batchnorm._BatchNorm) and module.training
        for module in model.modules()
    )
