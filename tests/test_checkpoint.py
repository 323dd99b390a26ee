"""Checkpoints: a run that is killed at any moment ends like one that was not."""

import json
import runpy
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tlhelpers.data.task import Split
from tlhelpers.train import batches
from tlhelpers.train.checkpoint import load_checkpoint, save_checkpoint
from tlhelpers.train.engine import fit

# A run with everything that must survive: momentum, dropout, BatchNorm, augmentation, best epoch.
RUN = """
import sys, time, torch
from pathlib import Path
from safetensors.torch import save_file
from torch import nn
from tlhelpers.data.task import Split, Task
from tlhelpers.train.engine import fit

checkpoint, mark, pause = sys.argv[1:]
torch.set_num_threads(1)
torch.manual_seed(0)
images = torch.randint(0, 256, (40, 3, 8, 8), dtype=torch.uint8)
split = Split(images, torch.arange(40) % 3)
task = Task("drawn", split, split, split, {"en": list("abc"), "ja": list("abc")})
model = nn.Sequential(
    nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Dropout(0.3), nn.Linear(144, 3)
)

def augment(images, generator):
    return images.roll(int(torch.randint(3, (), generator=generator)), -1)

def after_step(step, model):
    Path(mark).write_text(str(step))
    time.sleep(float(pause))

history = fit(
    model, task, epochs=6, batch_size=8, lr=0.05, augment=augment, after_step=after_step,
    checkpoint=checkpoint or None, checkpoint_every=3,
)
save_file(model.state_dict(), mark + ".end")
Path(mark + ".losses").write_text(repr((history.train_loss, history.valid_acc)))
"""


def test_a_killed_and_resumed_run_ends_bitwise_like_an_unbroken_one(tmp_path, monkeypatch):
    script, saved = tmp_path / "run.py", str(tmp_path / "saved")
    script.write_text(RUN, encoding="utf-8")

    def arguments(name, checkpoint, pause):
        return [str(script), checkpoint, str(tmp_path / name), str(pause)]

    killed = subprocess.Popen([sys.executable, *arguments("killed", saved, 0.02)])
    progress, deadline = tmp_path / "killed", time.monotonic() + 90
    while time.monotonic() < deadline:  # 13 lies within the third epoch and between two saves
        if progress.exists() and int(progress.read_text() or 0) >= 13:
            break
        time.sleep(0.002)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert progress.exists() and not (tmp_path / "killed.end").exists(), "killed half-way"
    for name, checkpoint in (("whole", ""), ("resumed", saved)):
        monkeypatch.setattr(sys, "argv", arguments(name, checkpoint, 0))
        runpy.run_path(str(script))
    ends = [load_file(tmp_path / f"{name}.end") for name in ("whole", "resumed")]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])
    assert (tmp_path / "whole.losses").read_text() == (tmp_path / "resumed.losses").read_text()


def tiny(seed: int = 0) -> tuple[nn.Module, Split]:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model, inputs = nn.Linear(4, 2), torch.randn(20, 4)
    return model, Split(inputs, (inputs[:, 0] > 0).long())


@pytest.mark.parametrize("drawn", [False, True])
@pytest.mark.parametrize("stop_at", [1, 7, 10, 11])
def test_momentum_survives_a_break_at_any_step(tmp_path, monkeypatch, stop_at, drawn):
    if drawn:  # too large to hold: read batch by batch, ahead of time
        monkeypatch.setattr(batches, "HELD_BYTES", 0)

    def run(folder, stop_at=None):
        def after_step(step, model):
            if step == stop_at:
                raise SystemExit

        model, split = tiny()
        if drawn:
            split = Split(split.inputs.__getitem__, split.labels)
        fit(
            model, split, epochs=3, batch_size=4, optimizer="sgd", lr=0.1, checkpoint=folder,
            checkpoint_every=2, after_step=after_step,
        )  # fmt: skip
        return model

    with pytest.raises(SystemExit):
        run(tmp_path / "broken", stop_at)
    assert torch.equal(run(tmp_path / "whole").weight, run(tmp_path / "broken").weight)


def test_a_finished_run_is_not_run_again(tmp_path):
    first, split = tiny()
    done = fit(first, split, epochs=3, checkpoint=tmp_path)
    again, calls = tiny(1)[0], []
    history = fit(
        again, split, epochs=3, checkpoint=tmp_path, after_step=lambda *_: calls.append(1)
    )
    assert not calls and history.steps == done.steps == history.resumed_from
    assert torch.equal(first.weight, again.weight) and history.train_loss == done.train_loss


def test_another_runs_checkpoint_is_refused_and_says_what_differs(tmp_path):
    model, split = tiny()
    fit(model, split, epochs=2, checkpoint=tmp_path)
    with pytest.raises(ValueError, match=r"lr.*|batch_size"):
        fit(tiny()[0], split, epochs=2, lr=0.5, checkpoint=tmp_path)


@pytest.mark.parametrize("suffix", ["safetensors", "json"])
@pytest.mark.parametrize("damage", ["flip", "cut"])
def test_a_damaged_checkpoint_is_refused_and_the_one_before_it_used(
    tmp_path, caplog, suffix, damage
):
    for step in (3, 6):
        save_checkpoint(tmp_path, step, {"weight": torch.full((5,), step)}, {"note": "step " * 9})
    file = tmp_path / f"step-00000006.{suffix}"
    content = bytearray(file.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    else:
        content[-25] ^= 1
    file.write_bytes(content)
    tensors, _ = load_checkpoint(tmp_path)
    assert tensors["weight"].tolist() == [3] * 5
    assert "step-00000006" in caplog.text


def test_tensors_without_their_seal_do_not_count(tmp_path):
    assert load_checkpoint(tmp_path) is None
    save_checkpoint(tmp_path, 3, {"weight": torch.ones(1)}, {})
    save_checkpoint(tmp_path, 6, {"weight": torch.zeros(1)}, {})
    (tmp_path / "step-00000006.json").unlink()
    assert load_checkpoint(tmp_path)[0]["weight"].item() == 1


def test_the_last_two_are_kept_and_hold_no_code(tmp_path):
    for step in range(5):
        save_checkpoint(tmp_path, step, {"weight": torch.ones(step + 1)}, {"step": step})
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"step-0000000{s}.{e}" for s in (3, 4) for e in ("json", "safetensors")]
    assert json.loads((tmp_path / "step-00000004.json").read_text())["sha256"]


def test_a_foreign_loader_resumes_at_the_start_of_its_epoch(tmp_path):
    split = tiny()[1]

    def run(folder, stop_at=None):
        dataset = TensorDataset(split.inputs, split.labels)
        loader = DataLoader(
            dataset, batch_size=4, shuffle=True, generator=torch.Generator().manual_seed(5)
        )
        model = tiny()[0]

        def after_step(step, trained):
            if step == stop_at:
                raise SystemExit

        fit(
            model, loader, epochs=4, lr=0.1, checkpoint=folder, checkpoint_every=1,
            after_step=after_step,
        )  # fmt: skip
        return model

    with pytest.raises(SystemExit):
        run(tmp_path / "broken", stop_at=12)
    whole, resumed = run(tmp_path / "whole"), run(tmp_path / "broken")
    assert torch.equal(whole.weight, resumed.weight)
