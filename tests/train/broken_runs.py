"""What test_distributed.py lets fail: `broken_runs.py whole|killed|resumed|late|silent FOLDER`."""

import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from tlhelpers.data.task import Split
from tlhelpers.train import processes
from tlhelpers.train.engine import fit

RANK = int(os.environ["RANK"])
torch.manual_seed(0)
SPLIT = Split(torch.randn(40, 6), torch.arange(40) % 2)


class FailingBackward(torch.autograd.Function):
    @staticmethod
    def forward(context, values):
        return values.clone()

    @staticmethod
    def backward(context, gradients):
        raise torch.OutOfMemoryError("CUDA out of memory.")


def train(**options):
    """Six epochs of five steps, with dropout and noise: each process has its own random numbers."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Dropout(0.3), nn.Linear(16, 2))

    def augment(inputs, generator):
        return inputs + torch.randn(inputs.shape, generator=generator)

    fit(model, SPLIT, epochs=6, batch_size=8, device="cpu", augment=augment, **options)
    return model.state_dict()


def whole(folder):
    torch.save(train(), folder / f"whole.{RANK}")


def killed(folder):
    whole(folder)

    def kill(step, model):
        if RANK == 1 and step == 17:  # within the fourth epoch, and between two saves
            os.kill(os.getpid(), signal.SIGKILL)

    train(checkpoint=folder / "saved", checkpoint_every=5, after_step=kill)


def resumed(folder):
    torch.save(
        train(checkpoint=folder / "saved", checkpoint_every=5, after_step=lambda *_: None),
        folder / f"resumed.{RANK}",
    )


def late(folder):
    """Memory runs out in one process's backward pass, when the others already wait for it."""
    step = 0

    def count(now, model):
        nonlocal step
        step = now

    def loss(model, inputs, labels, rows):
        logits = model(inputs)
        return F.cross_entropy(
            FailingBackward.apply(logits) if RANK == 1 and step == 7 else logits, labels
        )

    train(loss=loss, after_step=count)


def silent(folder):
    """One process lives, and never comes to its eighth step."""
    processes.PATIENCE = timedelta(seconds=4)

    def sleep(step, model):
        if RANK == 1 and step == 7:
            time.sleep(150)

    train(after_step=sleep)


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]))
