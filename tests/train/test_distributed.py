"""Several processes: two that share a batch learn what one learns from all of it."""

import json
import os
import runpy
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

RUN = """
import json, os, sys, torch
from torch import nn
from torch.nn import functional as F
from tlhelpers.data.task import Split
from tlhelpers.train.engine import fit

rank = int(os.environ.get("RANK", "0"))
torch.manual_seed(0)
inputs = torch.randn(29, 6, dtype=torch.float64)
split = Split(inputs, (inputs[:, 0] > 0).long())

class FailingBackward(torch.autograd.Function):
    @staticmethod
    def forward(context, values):
        return values.clone()

    @staticmethod
    def backward(context, gradients):
        raise torch.OutOfMemoryError("CUDA out of memory.")

def short_of_memory(model, inputs, labels, rows):
    if rank == 1 and len(labels) > 2:
        raise torch.OutOfMemoryError("CUDA out of memory.")
    logits = model(inputs)
    if rank == 1 and len(labels) > 1:
        logits = FailingBackward.apply(logits)
    return F.cross_entropy(logits, labels)

def run(middle, batch_size=7, **options):
    torch.manual_seed(rank)  # the first process's weights count
    model = nn.Sequential(nn.Linear(6, 8), middle, nn.Linear(8, 2)).double()
    history = fit(
        model, split, valid=split, epochs=2, batch_size=batch_size, lr=0.1, optimizer="sgd",
        clip_norm=1.0, device="cpu", keep_best=False, **options,
    )
    weights = [value for part in model.state_dict().values() for value in part.flatten().tolist()]
    return weights, history.train_loss, history.valid_acc, history.valid_loss, history.micro_batch

results = {"plain": run(nn.Tanh()), "short": run(nn.Tanh(), loss=short_of_memory)}
if "RANK" in os.environ:
    print("with batchnorm", file=sys.stderr, flush=True)
    results["batchnorm"] = run(nn.BatchNorm1d(8), batch_size=13)
with open(f"{sys.argv[1]}.{rank}", "w") as file:
    json.dump(results, file)
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """What one process found, and each of two; and what the two wrote on stderr.

    29 examples in batches of 7: shares of 4 and 3, and a last batch of 1 for two processes. With
    BatchNorm in batches of 13: a last batch of 3, of which one process gets a single one.
    """
    folder = tmp_path_factory.mktemp("runs")
    script = folder / "run.py"
    script.write_text(RUN, encoding="utf-8")
    launched = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*launched, str(script), str(folder / "two")],
        capture_output=True,
        text=True,
        timeout=240,
        env=os.environ | {"OMP_NUM_THREADS": "1", "TLHELPERS_LANG": "en"},
    )
    assert done.returncode == 0, done.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [str(script), str(folder / "one")])
        runpy.run_path(str(script))
    names = ("one.0", "two.0", "two.1")
    return *(json.loads((folder / name).read_text()) for name in names), done


def assert_alike(one, two):
    for exact in range(3):  # weights, training losses, accuracies
        assert two[exact] == pytest.approx(one[exact], rel=1e-10, abs=1e-12)
    assert two[3] == pytest.approx(one[3], rel=1e-6)


def test_two_processes_learn_what_one_learns_at_the_same_global_batch(runs):
    one, first, second, _ = runs
    assert_alike(one["plain"], first["plain"])
    assert first["plain"] == second["plain"], "every process must end with the same weights"


def test_a_process_out_of_memory_halves_its_part_and_all_learn_as_before(runs):
    one, first, second, done = runs
    assert_alike(one["plain"], first["short"])
    assert first["short"] == second["short"]
    assert one["short"][4] == 7 and first["short"][4] == 1
    assert "parts of 2" in done.stdout and "parts of 1" in done.stdout, "the learner must be told"


def test_processes_with_batchnorm_stay_in_step_and_are_warned_about_once(runs):
    _, first, second, done = runs
    assert first["batchnorm"] == second["batchnorm"], "running statistics belong to the weights"
    before, after = done.stderr.split("with batchnorm", 1)
    assert "BatchNorm" not in before and after.count("BatchNorm") == 1
