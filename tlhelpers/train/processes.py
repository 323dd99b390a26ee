"""The process that trains: alone on its device, or one of several under accelerate.

`accelerate launch` and `torchrun` set WORLD_SIZE; without it a single process does without
accelerate's wrappers, which cost 1.7 times the step of a small head.
"""

from __future__ import annotations

import logging
import os

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from tlhelpers.runtime.device import pick_device
from tlhelpers.runtime.language import text

_log = logging.getLogger(__name__)


class Processes:
    """Where this process stands (`rank` of `world`), and what the processes do together."""

    def __init__(self, device: str | torch.device | None = None):
        self.accelerator, self.rank, self.world = None, 0, 1
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

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model as it is called in training; over several processes it averages gradients."""
        if self.accelerator is None:
            return model
        if self.is_main and uses_batchnorm(model):
            _log.warning(text("engine.batchnorm_processes", world=self.world))
        return self.accelerator.prepare(model)

    def share(self, loader: DataLoader) -> DataLoader:
        """The loader, handing each process its part of every batch."""
        return loader if self.accelerator is None else self.accelerator.prepare(loader)

    def backward(self, loss: Tensor) -> None:
        if self.accelerator is None:
            loss.backward()
        else:
            self.accelerator.backward(loss)

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all processes, elementwise."""
        if self.accelerator is None:
            return values
        return self.accelerator.reduce(values.to(self.device), "sum")

    def wait(self) -> None:
        if self.accelerator is not None:
            self.accelerator.wait_for_everyone()


def uses_batchnorm(model: nn.Module) -> bool:
    """True where a layer normalises by the statistics of its batch, as a frozen one does not."""
    return any(
        isinstance(module, nn.modules.batchnorm._BatchNorm) and module.training
        for module in model.modules()
    )
