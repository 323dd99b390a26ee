"""What test_distributed.py trains in shards: `python sharded_runs.py FILE`, alone or of two.

accelerate shards on GPUs only. Here it is told that the two CPU processes were GPUs: all that
follows (fully_shard, its messages, the engine's part) is what runs there, over gloo.
"""

import os
import shutil
import sys
from pathlib import Path

import torch
from torch import nn

from tlhelpers.data.task import Split, Task
from tlhelpers.train.engine import fit, predict
from tlhelpers.transfer.finetune import fine_tune
from tlhelpers.transfer.lora import lora

if "RANK" in os.environ:
    os.environ |= {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2"}
    os.environ |= {"FSDP_AUTO_WRAP_POLICY": "SIZE_BASED_WRAP", "FSDP_MIN_NUM_PARAMS": "50"}
    from accelerate.state import PartialState
    from accelerate.utils import DistributedType

    PartialState(cpu=True)
    PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU

RANK = int(os.environ.get("RANK", "0"))
torch.manual_seed(0)
SPLIT = Split(torch.randn(29, 6), torch.arange(29) % 2)


def train(**options):
    """29 examples in batches of 7, three at once: as many pieces in each process."""
    torch.manual_seed(RANK)  # the first process's weights count
    model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 7), nn.Linear(7, 2))
    history = fit(
        model, SPLIT, valid=SPLIT, epochs=3, batch_size=7, micro_batch=3, device="cpu", lr=0.01,
        clip_norm=1.0, **options,
    )  # fmt: skip
    outcome = [*history.train_loss, *history.valid_loss, *history.valid_acc]
    return predict(model, SPLIT), model.state_dict(), outcome


def tune(method=fine_tune, **options):
    """What lesson 15 launches: a network with BatchNorm, fine-tuned by SGD."""
    torch.manual_seed(RANK)
    body = [nn.Linear(6, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Linear(16, 12), nn.Tanh()]
    network = nn.Sequential(*body, nn.Linear(12, 2))
    task = Task("points", SPLIT, SPLIT, SPLIT, {"en": ["a", "b"], "ja": ["a", "b"]})
    options = {"lr": 0.1, "epochs": 3, "freeze_epochs": 0, "batch_size": 7, **options}
    tuned = method(network, task, device="cpu", **options)
    outcome = [*tuned.history.train_loss, tuned.start_acc, tuned.valid_acc, tuned.test_acc]
    return predict(tuned.model, SPLIT), tuned.model.state_dict(), outcome


TUNED = {
    "tuned": {},
    "batchnorm": {"keep_batchnorm": False, "sync_batchnorm": True},
    "some": {"unfreeze": 1},
    "gradual": {"unfreeze": "gradual"},
    "gradual_adamw": {"unfreeze": "gradual", "optimizer": "adamw", "lr": 0.01},
    "lora": {"method": lora, "rank": 2},
}

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    found = {"plain": train(), **{name: tune(**options) for name, options in TUNED.items()}}
    if "RANK" in os.environ:
        try:
            train(penalty=lambda model: 0.0)
        except ValueError as error:
            found["penalty"] = str(error)

    def stop(step, model):
        sharded.append(type(next(model.parameters())).__name__)
        if step == 8:
            raise KeyboardInterrupt

    sharded: list[str] = []
    options = {"checkpoint": folder / "saved", "checkpoint_every": 3}
    train(**options, after_step=stop, on_interrupt="keep")
    if "RANK" in os.environ and RANK == 0:  # for one process to go on from
        shutil.copytree(folder / "saved", folder.parent / "left")
    found["resumed"] = train(**options, after_step=lambda *_: None)
    if "RANK" not in os.environ:
        options["checkpoint"] = folder.parent / "left"
        found["continued"] = train(**options, after_step=lambda *_: None)
    found["sharded"] = sharded
    torch.save(found, folder / f"found.{RANK}")
