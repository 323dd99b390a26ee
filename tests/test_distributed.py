"""Several processes: two that share a batch learn what one learns from all of it."""

import json
import os
import runpy
import subprocess
import sys

import pytest

from tlhelpers.train.launch import launch

RUN = """
import json, os, sys, torch
from torch import nn
from tlhelpers.data.task import Split
from tlhelpers.train.engine import fit

torch.manual_seed(0)
inputs = torch.randn(29, 6, dtype=torch.float64)
split = Split(inputs, (inputs[:, 0] > 0).long())

def run(middle):
    model = nn.Sequential(nn.Linear(6, 8), middle, nn.Linear(8, 2)).double()
    history = fit(
        model, split, valid=split, epochs=2, batch_size=7, lr=0.1, optimizer="sgd", clip_norm=1.0,
        device="cpu", keep_best=False,
    )
    weights = [value for param in model.parameters() for value in param.flatten().tolist()]
    return weights, history.train_loss, history.valid_acc, history.valid_loss

result = run(nn.Tanh())
if os.environ.get("RANK", "0") == "0":
    with open(sys.argv[1], "w") as file:
        json.dump(result, file)
if os.environ.get("RANK"):
    print("with batchnorm", file=sys.stderr, flush=True)
    run(nn.BatchNorm1d(8))
"""


def test_two_processes_learn_what_one_learns_at_the_same_global_batch(tmp_path, monkeypatch):
    # 29 examples in batches of 7: shares of 4 and 3, and a last batch of 1 for two processes
    script = tmp_path / "run.py"
    script.write_text(RUN, encoding="utf-8")
    launched = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*launched, str(script), str(tmp_path / "two")],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"OMP_NUM_THREADS": "1", "TLHELPERS_LANG": "en"},
    )
    assert done.returncode == 0, done.stderr
    monkeypatch.setattr(sys, "argv", [str(script), str(tmp_path / "one")])
    runpy.run_path(str(script))
    one, two = (json.loads((tmp_path / name).read_text()) for name in ("one", "two"))
    for exact in range(3):  # weights, training losses, accuracies
        assert two[exact] == pytest.approx(one[exact], rel=1e-10, abs=1e-12)
    assert two[3] == pytest.approx(one[3], rel=1e-6)
    assert "BatchNorm" not in done.stderr.split("with batchnorm")[0]
    assert done.stderr.count("BatchNorm") == 1, "one process warns, for all"


def test_a_function_from_a_notebook_runs_in_several_processes(capfd):
    def share(start):
        import os

        print("process", os.environ["RANK"])
        return start + int(os.environ["WORLD_SIZE"])

    assert launch(share, 2, start=40) == 42
    out = capfd.readouterr().out
    assert "process 0" in out and "process 1" in out


def test_a_failing_process_is_reported_with_its_last_words(tmp_path):
    def fail():
        raise ValueError("the reason")

    with pytest.raises(RuntimeError, match="the reason"):
        launch(fail, 1, folder=tmp_path, show=False)
    assert (tmp_path / "fail.py").exists(), "the script stays for reading"
    with pytest.raises(ValueError, match="import"):
        launch(len, 1)
