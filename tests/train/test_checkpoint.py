"""Checkpoints: a run that is killed at any moment ends like one that was not."""

import functools
import json
import re
import runpy
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from tlhelpers.data.task import Split
from tlhelpers.runtime.store import StoreError
from tlhelpers.train import batches
from tlhelpers.train import checkpoint as checkpoint_module
from tlhelpers.train.checkpoint import load_checkpoint, name_of, save_checkpoint
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


@pytest.mark.slow
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
    again, calls = tiny()[0], []
    history = fit(
        again, split, epochs=3, checkpoint=tmp_path, after_step=lambda *_: calls.append(1)
    )
    assert not calls and history.steps == done.steps == history.resumed_from
    assert torch.equal(first.weight, again.weight) and history.train_loss == done.train_loss


def flip(images, generator):
    return images


def half_loss(model, inputs, labels, rows):
    return F.cross_entropy(model(inputs), labels) / 2


def l2(model):
    return model.weight.square().sum()


OTHER_RUNS = {
    "weights": lambda: {"model": tiny(1)[0]},
    "data": lambda: {"data": Split(tiny()[1].inputs, 1 - tiny()[1].labels)},
    "loss": lambda: {"loss": half_loss},
    "augment": lambda: {"augment": flip},
    "penalty": lambda: {"penalty": l2},
    "lr": lambda: {"lr": 0.5},
    "weight_decay": lambda: {"weight_decay": 0.5},
    "clip_norm": lambda: {"clip_norm": 0.1},
    "precision": lambda: {"precision": "bf16"},
    "valid": lambda: {"valid": tiny(2)[1]},
    "batch_size": lambda: {"batch_size": 5},
    "schedule": lambda: {"schedule": "cosine"},
    "trained_parameters": lambda: {"model": frozen_bias()},
    "network": lambda: {"model": with_dropout()},
}


def with_dropout() -> nn.Module:
    """The same weights under the same names, and another network."""
    model = tiny()[0]
    model.drop = nn.Dropout(0.5)
    return model


def frozen_bias() -> nn.Module:
    model = tiny()[0]
    model.bias.requires_grad_(False)
    return model


@pytest.mark.parametrize("name", OTHER_RUNS)
def test_another_runs_checkpoint_is_refused_and_says_what_differs(tmp_path, name):
    def run(**changed):
        model, split = tiny()
        options = {"model": model, "data": split, "epochs": 2, "checkpoint": tmp_path, **changed}
        fit(options.pop("model"), options.pop("data"), **options)

    run()
    with pytest.raises(ValueError, match=rf"\b{name}\b"):
        run(**OTHER_RUNS[name]())
    run()  # its own goes on


def test_functions_of_one_name_are_told_apart_by_what_they_do():
    def make(factor):
        return lambda model: factor * model.weight.sum()

    def other(factor):
        return lambda model: factor * model.weight.mean()

    assert name_of(make(1.0)) == name_of(make(1.0)) != name_of(make(2.0))
    assert name_of(make(1.0)) != name_of(other(1.0))
    assert name_of(functools.partial(l2, 1)) != name_of(functools.partial(l2, 2))


class Noise:
    """An augmentation as a class, whose settings are attributes."""

    def __init__(self, *scales):
        self.scales = scales

    def __call__(self, images, generator):
        return images * self.scales[0]

    apply = __call__


def named_settings():
    """Pairs of choices that differ in one setting, wherever it may stand."""

    def by_default(factor):
        def penalty(model, factor=factor):
            return factor * model.weight.sum()

        return penalty

    def by_tensor(weights):
        return lambda model, *batch: F.cross_entropy(model(batch[0]), batch[1], weights)

    def by_global(value):
        source = "def scale(images, generator): return images * STRENGTH"
        known = {"STRENGTH": value}
        exec(source, known)
        return known["scale"]

    yield nn.CrossEntropyLoss(), nn.CrossEntropyLoss(label_smoothing=0.1)
    yield nn.CrossEntropyLoss(torch.ones(2)), nn.CrossEntropyLoss(torch.arange(2.0))
    yield Noise(0.1, 2), Noise(0.1, 3)
    yield Noise(0.1).apply, Noise(0.2).apply
    yield by_default(1.0), by_default(2.0)
    yield by_tensor(torch.ones(2)), by_tensor(torch.arange(2.0))
    yield by_global(1.0), by_global(2.0)
    yield lambda x, g: x * max((1, 2, 3)), lambda x, g: x * max((1, 2, 4))
    yield lambda x, g: map(lambda z: z + 1, x), lambda x, g: map(lambda z: z + 2, x)


@pytest.mark.parametrize("pair", list(named_settings()), ids=lambda pair: type(pair[0]).__name__)
def test_a_choice_of_other_settings_is_another_choice(pair):
    one, other = pair
    assert name_of(one) == name_of(one) != name_of(other)


def test_the_mode_of_a_teacher_is_no_setting():
    teacher = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    loss = functools.partial(half_loss, teacher)
    before = name_of(loss)
    teacher.eval()
    assert name_of(loss) == before
    nn.init.zeros_(teacher[0].weight)
    assert name_of(loss) != before


def test_a_choice_that_holds_itself_has_a_name():
    round_and_round = Noise()
    round_and_round.scales = [round_and_round]
    assert name_of(round_and_round) == name_of(round_and_round)


def test_a_layer_called_optimizer_does_not_confuse_its_checkpoint(tmp_path):
    def run():
        torch.manual_seed(0)
        model = nn.Sequential()
        model.add_module("optimizer", nn.Linear(4, 2))
        return fit(model, tiny()[1], epochs=2, checkpoint=tmp_path)

    assert run().steps == run().resumed_from


def test_a_folder_is_of_one_run_at_a_time(tmp_path):
    def second(step, model):
        if step == 1:
            with pytest.raises(ValueError, match=re.escape(str(tmp_path))):
                fit(*tiny(), epochs=1, checkpoint=tmp_path)

    fit(*tiny(), epochs=1, checkpoint=tmp_path, after_step=second)
    assert not (tmp_path / "in-use.lock").exists()


def test_what_a_killed_run_left_half_written_is_cleared_away(tmp_path):
    (tmp_path / ".step-00000003.safetensors.x1y2").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("mine")
    fit(*tiny(), epochs=1, checkpoint=tmp_path)
    assert {path.name[:5] for path in tmp_path.iterdir()} == {"notes", "step-"}


def deep(count: int = 200_000) -> str:
    return "[" * count + "]" * count


@pytest.mark.parametrize("content", [deep(), "[]", "null", '{"sha256": 3}', "\ud83d", None])
def test_a_hostile_seal_is_passed_over(tmp_path, caplog, content):
    save_checkpoint(tmp_path, 3, {"weight": torch.ones(1)}, {})
    seal = tmp_path / "step-00000006.json"
    if content is None:
        seal.mkdir()
    else:
        seal.write_bytes(content.encode("utf-8", "surrogatepass"))
    assert load_checkpoint(tmp_path)[0]["weight"].item() == 1
    assert content is None or "step-00000006" in caplog.text
    for step in (9, 12, 15):
        save_checkpoint(tmp_path, step, {"weight": torch.zeros(1)}, {})
    assert load_checkpoint(tmp_path)[0]["weight"].item() == 0


@pytest.mark.parametrize("state", [[], {}, {"identity": 3}, "own"])
def test_a_whole_checkpoint_that_is_no_runs_is_named(tmp_path, state):
    fit(*tiny(), epochs=1, checkpoint=tmp_path)
    if state == "own":
        state = load_checkpoint(tmp_path)[1] | {"history": [], "portion": "many"}
    save_checkpoint(tmp_path, 999, {}, state)
    with pytest.raises((StoreError, ValueError), match=re.escape(str(tmp_path))):
        fit(*tiny(), epochs=1, checkpoint=tmp_path)


def test_a_file_in_the_way_is_named_before_the_training(tmp_path):
    (tmp_path / "file").write_text("mine")
    steps = []
    with pytest.raises(StoreError, match="file"):
        fit(*tiny(), checkpoint=tmp_path / "file", after_step=lambda *_: steps.append(1))
    assert not steps


def test_a_checkpoint_that_the_disk_refuses_does_not_end_the_run(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise StoreError("the disk is full")

    monkeypatch.setattr(checkpoint_module, "write_atomic", refuse)
    with pytest.warns(RuntimeWarning, match="the disk is full"):
        assert fit(*tiny(), epochs=2, checkpoint=tmp_path).steps == 2


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
