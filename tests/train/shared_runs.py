"""What test_distributed.py has one process and each of two compute: `python shared_runs.py FILE`.

A model of float64 numbers, so that what must be equal is equal to ten digits.
"""

import copy
import itertools
import json
import os
import sys
import warnings

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from tlhelpers.data.task import Split
from tlhelpers.train.batches import ShardStream
from tlhelpers.train.engine import fit, logits_of
from tlhelpers.transfer.distillation import distillation_loss
from tlhelpers.transfer.lora import add_lora
from tlhelpers.transfer.regularisers import l2_sp

RANK, WORLD = (int(os.environ.get(name, n)) for name, n in (("RANK", "0"), ("WORLD_SIZE", "1")))
torch.manual_seed(0)
INPUTS = torch.randn(29, 6, dtype=torch.float64)
LABELS = (INPUTS[:, 0] > 0).long()
POINTS = Split(INPUTS, LABELS)
TEXTS = Split(["good day", "bad", "good", "bad bad day", "day", "good good", "bad day"] * 3,
              torch.tensor([1, 0, 1, 0, 0, 1, 0] * 3))  # fmt: skip


class Net(nn.Module):
    """A body, a head, and a second head that only some losses call."""

    def __init__(self, middle: nn.Module | None = None):
        super().__init__()
        self.layer1 = nn.Sequential(nn.Linear(6, 8), middle or nn.Tanh())
        self.fc = nn.Linear(8, 2)
        self.other = nn.Linear(8, 2)

    def forward(self, inputs):
        return self.fc(self.layer1(inputs))


class Words(nn.Module):
    """Texts of any length, as a dict of numbers and a mask."""

    def __init__(self):
        super().__init__()
        self.embedding, self.fc = nn.Embedding(4, 5), nn.Linear(5, 2)

    def preprocess(self, texts):
        known = ["bad", "day", "good"]
        rows = [[1 + known.index(word) for word in text.split()] for text in texts]
        longest = max(map(len, rows))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
        return {"ids": ids, "mask": ids.gt(0)}

    def forward(self, ids, mask):
        found = self.embedding(ids) * mask[..., None]
        return self.fc(found.sum(1) / mask.sum(1, keepdim=True))


def start(make, seed=RANK):  # the first process's weights count
    torch.manual_seed(seed)
    return make().double()


def train(model, data=POINTS, batch_size=7, epochs=2, **options):
    options = {"optimizer": "sgd", "lr": 0.1, "clip_norm": 1.0, "keep_best": False, **options}
    history = fit(model, data, epochs=epochs, batch_size=batch_size, device="cpu", **options)
    return {
        "weights": torch.cat([v.flatten().double() for v in model.state_dict().values()]).tolist(),
        "losses": history.train_loss,
        "valid": [history.valid_acc, history.valid_loss],
        "micro_batch": history.micro_batch,
        "stopped": history.stopped,
    }


class FailingBackward(torch.autograd.Function):
    @staticmethod
    def forward(context, values):
        return values.clone()

    @staticmethod
    def backward(context, gradients):
        raise torch.OutOfMemoryError("CUDA out of memory.")


def classification():
    return train(start(Net), valid=POINTS)


def lwf():
    """The old model's answers are kept: two forward passes of the new one in a step."""
    old = start(Net, 5)

    def loss(model, inputs, labels, rows):
        noisy = model(inputs + 0.1)
        with torch.no_grad():
            before = logits_of(old, inputs)
        return F.cross_entropy(model(inputs), labels) + distillation_loss(noisy, before)

    return train(start(Net), loss=loss)


def penalty():
    model = start(Net, 0)
    return train(model, penalty=l2_sp(copy.deepcopy(model), 0.5, 0.1), weight_decay=0.0)


def lora():
    torch.manual_seed(0)
    model = add_lora(Net().double(), rank=2)
    return train(model, optimizer="adamw", lr=0.01)


def texts():
    return train(start(Words), TEXTS)


def parts():
    """A loss that calls parts of the model, for some examples other ones than for the rest."""

    def loss(model, inputs, labels, rows):
        features = model.layer1(inputs)
        odd = rows % 2 == 1
        losses = [
            F.cross_entropy(head(features[some]), labels[some], reduction="sum")
            for head, some in ((model.fc, ~odd), (model.other, odd))
            if some.any()
        ]
        return sum(losses) / len(labels)

    return train(start(Net), loss=loss, batch_size=2, optimizer="adamw", lr=0.01)


def later():
    """A loss that leaves a part of the model out from the second step on."""
    steps = itertools.count()

    def loss(model, inputs, labels, rows):
        features = model.layer1(inputs)
        loss = F.cross_entropy(model.fc(features), labels)
        if not next(steps):
            loss = loss + F.cross_entropy(model.other(features), labels)
        return loss

    def optimizer(groups):
        return torch.optim.SGD(groups, lr=0.1)

    return train(start(Net), loss=loss, batch_size=14, optimizer=optimizer)


def micro():
    """Two at once; in the sixth step one process finds memory for a single one, while it computes
    what the other already waits for."""
    calls = itertools.count()

    def loss(model, inputs, labels, rows):
        if RANK == 1 and next(calls) == 9:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return F.cross_entropy(model(inputs), labels)

    return train(start(Net), loss=loss, micro_batch=2)


def short():
    """The second process holds two examples in its forward pass, one in its backward pass."""

    def loss(model, inputs, labels, rows):
        if RANK == 1 and len(labels) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        logits = model(inputs)
        if RANK == 1 and len(labels) > 1:
            logits = FailingBackward.apply(logits)
        return F.cross_entropy(logits, labels)

    return train(start(Net), valid=POINTS, loss=loss)


def synced():
    """Batches of 13 out of 29: the last batch gives one process a single example."""
    batchnorm = nn.BatchNorm1d(8)
    return train(start(lambda: Net(batchnorm)), batch_size=13, sync_batchnorm=True)


def unsynced():
    print("without sync", file=sys.stderr, flush=True)
    return train(start(lambda: Net(nn.BatchNorm1d(8))), batch_size=13)


class Stream(IterableDataset):
    def __iter__(self):
        return iter(zip(INPUTS, LABELS, strict=True))


def stream():
    return train(start(Net), DataLoader(Stream(), 7), max_steps=12, valid=DataLoader(Stream(), 8))


def sampled():
    """Batches of 8 out of 29, in the loader's own order: the last one holds 5."""
    loader = DataLoader(TensorDataset(INPUTS, LABELS), 8)
    return train(start(Net), loader, valid=loader)


SEEN = []


def shards():
    """29 examples in three shards: the first process has 6 of them, the second 23."""
    bounds = [(0, 2), (2, 25), (25, 29)]

    def read(bound):
        for row in range(*bound):
            SEEN.append(row)
            yield INPUTS[row], LABELS[row]

    loader = DataLoader(ShardStream(bounds, read, seed=None), 4)
    return train(start(Net), loader, max_steps=8 if WORLD == 1 else 6)


def one_shard():
    """The second process never has anything to compute; the first normalises by what it has."""
    loader = DataLoader(ShardStream([0], lambda _: zip(INPUTS, LABELS, strict=True)), 7)
    return train(start(lambda: Net(nn.BatchNorm1d(8))), loader, max_steps=10)


def evaluation():
    torch.manual_seed(1)
    inputs = torch.randn(1001, 6, dtype=torch.float64)
    many = Split(inputs, (inputs[:, 1] > 0).long())
    return train(start(Net), valid=many, epochs=1)


def broken():
    """The last process's loss is no number in the third step."""
    steps = itertools.count(1)

    def loss(model, inputs, labels, rows):
        loss = F.cross_entropy(model(inputs), labels)
        return loss * float("nan") if RANK == WORLD - 1 and next(steps) == 3 else loss

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", RuntimeWarning)
        stopped = train(start(Net), loss=loss)["stopped"]
    return stopped, [str(one.message) for one in told]


def unlike():
    """A stream whose order differs between the processes."""

    class Shuffled(IterableDataset):
        def __iter__(self):
            order = torch.randperm(29, generator=torch.Generator().manual_seed(RANK))
            return iter([(INPUTS[row], LABELS[row]) for row in order])

    try:
        train(start(Net), DataLoader(Shuffled(), 7), max_steps=4)
    except ValueError as error:
        return str(error)


def one_stops():
    """One process alone asks for the end."""
    history = fit(
        start(Net), POINTS, batch_size=7, device="cpu",
        after_step=lambda step, model: RANK == WORLD - 1 and step == 3,
    )  # fmt: skip
    return history.steps


CASES = [classification, lwf, penalty, lora, texts, parts, later, micro, short, synced, unsynced,
         stream, sampled, shards, one_shard, evaluation, broken, unlike, one_stops]  # fmt: skip

if __name__ == "__main__":
    results = {case.__name__: case() for case in CASES}
    results["seen"] = SEEN
    with open(f"{sys.argv[1]}.{RANK}", "w") as file:
        json.dump(results, file)
