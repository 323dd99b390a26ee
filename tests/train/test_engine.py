"""The training loop: what it promises about gradients, epochs, memory, randomness and stopping."""

import math
import re
import signal
import subprocess
import sys
import threading
import time
import types

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset, TensorDataset
from tqdm import tqdm

from tlhelpers.data.task import Split, Task
from tlhelpers.train import batches, engine, placement
from tlhelpers.train.engine import evaluate, fit, predict
from tlhelpers.train.optimizers import build_schedule
from tlhelpers.train.preprocessing import Normalize

NAMES = {"en": list("abc"), "ja": list("あいう")}


def points(count: int, seed: int = 0) -> Split:
    """Three classes of points in eight dimensions that a linear layer can tell apart."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(count, 8, generator=generator)
    rule = torch.randn(8, 3, generator=torch.Generator().manual_seed(99))
    return Split(inputs, (inputs @ rule).argmax(1))


def pictures(count: int, seed: int = 0) -> Split:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randint(0, 256, (count, 3, 8, 8), dtype=torch.uint8, generator=generator)
    return Split(inputs, torch.arange(count) % 3)


def task_of(make, train: int = 50, **options) -> Task:
    return Task("drawn", make(train), make(30, 1), make(30, 2), NAMES, **options)


def linear(seed: int = 0) -> nn.Linear:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Linear(8, 3)


def conv_net() -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(4, 3),
        )  # fmt: skip


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([value.flatten().double() for value in model.state_dict().values()])


# --- the gradients and the steps ----------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_run_takes_the_same_steps_as_a_loop_written_by_hand(optimizer):
    task, ours, theirs = task_of(points), linear(), linear()
    fit(
        ours, task, epochs=2, batch_size=16, optimizer=optimizer, lr=0.1, weight_decay=0.01,
        schedule="constant", keep_best=False, seed=3,
    )  # fmt: skip
    if optimizer == "sgd":
        steps = torch.optim.SGD(
            theirs.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01
        )
    else:
        steps = torch.optim.AdamW(theirs.parameters(), lr=0.1, weight_decay=0.01)
    for epoch in range(2):
        generator = torch.Generator().manual_seed(3 * 1_000_003 + epoch)
        for rows in torch.randperm(50, generator=generator).split(16):
            inputs, labels = task.train.batch(rows)
            steps.zero_grad()
            F.cross_entropy(theirs(inputs), labels).backward()
            steps.step()
    torch.testing.assert_close(weights(ours), weights(theirs), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "message",
    [
        "CUDA out of memory.",
        "[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    ],
)
def test_a_batch_that_does_not_fit_is_split_and_its_gradient_stays_the_same(capsys, message):
    seen = []

    def loss(model, inputs, labels, rows):
        seen.append(len(labels))
        if len(labels) > 10:
            raise RuntimeError(message)
        return F.cross_entropy(model(inputs), labels)

    plain, halved = linear(), linear()
    options = {"epochs": 1, "batch_size": 32, "optimizer": "sgd", "lr": 0.5, "clip_norm": 0.1}
    fit(plain, points(33), **options)
    history = fit(halved, points(33), loss=loss, penalty=lambda model: 0.0, **options)
    torch.testing.assert_close(weights(halved), weights(plain))
    assert history.micro_batch == 8 and max(seen[2:]) <= 8
    assert "16" in capsys.readouterr().out, "the learner must be told"


def test_memory_that_holds_not_even_one_example_is_an_error():
    def loss(model, inputs, labels, rows):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(RuntimeError, match="cpu"):
        fit(linear(), points(4), loss=loss)


def test_other_errors_are_not_mistaken_for_lack_of_memory():
    def loss(model, inputs, labels, rows):
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        fit(linear(), points(4), loss=loss)


def test_loss_penalty_and_hook_get_what_they_were_promised():
    split, steps, penalties = points(20), [], []

    def loss(model, inputs, labels, rows):
        torch.testing.assert_close(split.inputs[rows], inputs)
        assert torch.equal(split.labels[rows], labels)
        return F.cross_entropy(model(inputs), labels)

    def penalty(model):
        penalties.append(1)
        return 1000.0 * model.weight.square().sum()

    model = linear()
    fit(
        model, split, epochs=20, batch_size=8, lr=0.05, loss=loss, penalty=penalty,
        after_step=lambda step, trained: steps.append((step, trained is model)),
    )  # fmt: skip
    assert steps == [(step, True) for step in range(1, 61)] and len(penalties) == 60
    assert model.weight.abs().max() < 0.1, "the penalty must reach the gradient"


def test_only_what_is_trainable_changes_and_frozen_everything_is_an_error():
    model = nn.Sequential(linear(), nn.ReLU(), nn.Linear(3, 3))
    model[0].requires_grad_(False)
    before = weights(model[0])
    fit(model, points(40), epochs=2, lr=0.1)
    assert torch.equal(weights(model[0]), before)
    with pytest.raises(ValueError, match=r"unfreeze"):
        fit(linear().requires_grad_(False), points(4))


def test_parameter_groups_keep_their_own_rates():
    model = nn.Sequential(linear(), nn.Linear(3, 3))
    groups = [
        {"params": model[0].parameters(), "lr": 0.0},
        {"params": model[1].parameters(), "lr": 0.1},
    ]
    first, last = weights(model[0]), weights(model[1])
    fit(model, points(20), epochs=1, param_groups=groups)
    assert torch.equal(weights(model[0]), first) and not torch.equal(weights(model[1]), last)


@pytest.mark.parametrize("name", ["one_cycle", "cosine", "constant"])
def test_schedules_rise_to_the_full_rate_and_end_low(name):
    factors = [build_schedule(name)(step, 100) for step in range(100)]
    assert max(factors) == pytest.approx(1.0, abs=0.01) and min(factors) > 0
    if name == "constant":
        assert factors == [1.0] * 100
    else:
        assert factors[-1] < 0.01 and factors[0] < 0.2
        peak = factors.index(max(factors))
        assert factors[:peak] == sorted(factors[:peak])
        assert factors[peak:] == sorted(factors[peak:], reverse=True)


# --- data ---------------------------------------------------------------------------------


def test_held_and_streamed_splits_train_alike(monkeypatch):
    task = task_of(pictures)
    drawn = Split(lambda rows: task.train.inputs[rows], task.train.labels)
    held, streamed = conv_net(), conv_net()
    fit(held, task, epochs=2, valid=False)
    monkeypatch.setattr(batches, "HELD_BYTES", 0)
    fit(streamed, Task("drawn", drawn, task.valid, task.test, NAMES), epochs=2, valid=False)
    assert drawn.is_lazy, "a split too large to hold must not be drawn as a whole"
    assert torch.equal(weights(held), weights(streamed))


def drawn_in_pieces(monkeypatch, draw=None) -> tuple[Split, list]:
    """A split too large to hold, and the batches that have been drawn from it so far."""
    monkeypatch.setattr(batches, "HELD_BYTES", 0)
    whole, drawn = pictures(40), []

    def draw_and_note(rows):
        drawn.append(rows.tolist())
        return (draw or whole.inputs.__getitem__)(rows)

    return Split(draw_and_note, whole.labels), drawn


def test_the_next_batches_are_drawn_while_one_is_computed(monkeypatch):
    split, drawn = drawn_in_pieces(monkeypatch)
    seen, deadline = [], time.monotonic() + 20

    def loss(model, inputs, labels, rows):
        seen.append(rows.tolist())
        while sum(len(rows) > 1 for rows in drawn) < 2:  # single ones tell the shape
            assert time.monotonic() < deadline, "the next batch must come during this one"
            time.sleep(0.001)
        return F.cross_entropy(model(inputs), labels)

    fit(conv_net(), split, epochs=1, batch_size=4, loss=loss)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0)).split(4)
    assert seen == [rows.tolist() for rows in order]
    assert [rows for rows in drawn if len(rows) > 1] == seen, "in the order asked, none twice"


def test_a_run_that_ends_early_leaves_no_reader_behind_and_errors_of_drawing_arrive(monkeypatch):
    split, drawn = drawn_in_pieces(monkeypatch)
    fit(conv_net(), split, max_steps=2, batch_size=4)
    readers = [t for t in threading.enumerate() if t.name.startswith("read_batches")]
    assert not readers and len(drawn) <= 2 + 2 + batches.AHEAD

    def torn(rows):
        if len(rows) > 1:
            raise OSError("the disk is gone")
        return pictures(40).inputs[rows]

    with pytest.raises(OSError, match="disk"):
        fit(conv_net(), drawn_in_pieces(monkeypatch, torn)[0], epochs=1)


def test_the_last_batch_of_one_is_left_out_where_batchnorm_cannot_take_it():
    seen = []

    def loss(model, inputs, labels, rows):
        seen.append(len(labels))
        return F.cross_entropy(model(inputs), labels)

    history = fit(conv_net(), pictures(9), epochs=2, batch_size=4, loss=loss)
    assert seen == [4, 4, 4, 4] and history.steps == 4
    seen.clear()
    fit(linear(), points(9), epochs=1, batch_size=4, loss=loss)
    assert seen == [4, 4, 1], "without BatchNorm every example counts"
    assert fit(conv_net(), pictures(3), epochs=1, batch_size=1).steps == 3, "as was asked for"


def test_a_model_keeps_its_own_preprocessing_and_otherwise_takes_the_tasks():
    task = task_of(pictures, mean=(0.2, 0.3, 0.4), std=(0.1, 0.2, 0.3))
    model = conv_net()
    fit(model, task, epochs=1)
    mean, std = torch.tensor([[0.2, 0.3, 0.4], [0.1, 0.2, 0.3]]).view(2, 3, 1, 1)
    expected = model((task.test.inputs / 255 - mean) / std).detach()
    torch.testing.assert_close(predict(model, task.test), expected)
    own = conv_net()
    own.preprocess = lambda images: images.float() * 0
    fit(own, task, epochs=1)
    assert len(predict(own, task.test).unique(dim=0)) == 1


def test_augmentation_sees_raw_pictures_and_a_generator_that_the_seed_decides():
    def flip(images, generator):
        assert images.dtype == torch.uint8
        turned = torch.rand(len(images), 1, 1, 1, generator=generator) < 0.5
        return torch.where(turned, images.flip(-1), images)

    def run(seed):
        model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(192, 3))
        nn.init.zeros_(model[2].weight)
        nn.init.zeros_(model[2].bias)
        state = torch.get_rng_state()
        fit(model, task_of(pictures), epochs=2, augment=flip, seed=seed)
        assert torch.equal(state, torch.get_rng_state()), "the caller's randomness is his own"
        return weights(model)

    assert torch.equal(run(1), run(1)) and not torch.equal(run(1), run(2))


def test_normalize_takes_bytes_and_floats_alike():
    images = torch.randint(0, 256, (2, 3, 4, 4), dtype=torch.uint8)
    normalize = Normalize()
    torch.testing.assert_close(normalize(images), normalize(images / 255), atol=1e-5, rtol=1e-5)


def test_texts_and_wrapped_logits_work_through_the_models_own_preprocess():
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(256, 3)

        def preprocess(self, texts):
            return {"input_ids": torch.tensor([[ord(letter) for letter in t] for t in texts])}

        def forward(self, input_ids):
            return types.SimpleNamespace(logits=self.table(input_ids).mean(1))

    texts = ["aa", "bb", "cc"] * 10
    split, model = Split(texts, torch.arange(30) % 3), Reader()
    fit(model, split, epochs=30, lr=0.1, batch_size=16)
    assert evaluate(model, split) == 1.0
    assert predict(model, ["aa", "cc"]).argmax(1).tolist() == [0, 2]


def test_a_foreign_loader_and_a_stream_without_length_work():
    split = points(60)
    loader = DataLoader(TensorDataset(split.inputs, split.labels), batch_size=16, shuffle=True)
    model = linear()
    history = fit(model, loader, valid=loader, epochs=15, lr=0.1)
    assert history.steps == 60 and evaluate(model, loader) > 0.9

    class Stream(IterableDataset):
        def __iter__(self):
            return iter(TensorDataset(split.inputs, split.labels))

    stream = DataLoader(Stream(), batch_size=16)
    assert fit(linear(), stream, max_steps=9).steps == 9
    with pytest.raises(ValueError, match="max_steps"):
        fit(linear(), stream)


# --- which epoch, and when to stop --------------------------------------------------------


def test_the_best_epoch_is_chosen_by_the_validation_split_and_the_test_split_is_not_read():
    task = task_of(points)
    task.test = None
    states = []
    model = linear()
    history = fit(
        model, task, epochs=6, batch_size=50, lr=3.0, optimizer="sgd", schedule="constant",
        after_step=lambda step, trained: states.append(weights(trained)) and None,
    )  # fmt: skip
    best = max(range(6), key=lambda e: (history.valid_acc[e], -history.valid_loss[e]))
    assert history.best_epoch == best and task.test_reads == 0
    assert torch.equal(weights(model), states[best])
    assert evaluate(model, task.valid) == pytest.approx(history.valid_acc[best])


def test_a_loss_that_breaks_down_stops_the_run_with_the_best_weights(monkeypatch):
    monkeypatch.setattr(engine, "LOOK_EVERY", 4)
    model, calls, good = linear(), [], []

    def loss(trained, inputs, labels, rows):
        calls.append(1)
        value = F.cross_entropy(trained(inputs), labels)
        return value * math.nan if len(calls) > 5 else value

    def remember(step, trained):
        if step == 5:
            good.append(weights(trained))

    with pytest.warns(RuntimeWarning, match="clip_norm"):
        history = fit(
            model, points(25), epochs=50, batch_size=5, loss=loss, after_step=remember
        )  # five steps an epoch
    assert history.stopped == "loss_not_finite" and history.steps == 8
    assert torch.equal(weights(model), good[0])


def test_without_kept_weights_a_break_down_does_not_promise_any(tmp_path):
    def loss(trained, inputs, labels, rows):
        return trained(inputs).sum() * math.nan

    with pytest.warns(RuntimeWarning, match="keep_best=False"):
        fit(linear(), points(8), epochs=1, loss=loss, keep_best=False)
    with pytest.warns(RuntimeWarning):
        fit(
            linear(), points(25), epochs=1, batch_size=5, loss=loss, checkpoint=tmp_path,
            checkpoint_every=1,
        )  # fmt: skip
    assert not list(tmp_path.iterdir()), "a broken state must not become a checkpoint"


def test_no_step_waits_for_the_device(monkeypatch):
    """The trap: `.item()` every step, and its relatives."""
    waits = []
    for name in ("item", "tolist", "cpu", "numpy", "__bool__", "__float__", "__int__"):
        method = getattr(torch.Tensor, name)

        def counted(tensor, *args, _method=method, _name=name, **options):
            waits.append(_name)
            return _method(tensor, *args, **options)

        monkeypatch.setattr(torch.Tensor, name, counted)

    def count(examples):
        waits.clear()
        fit(linear(), points(examples), epochs=1, batch_size=2, clip_norm=1.0)
        return len(waits)

    assert count(20) == count(160), "eight times the steps, and not one wait more"


def interrupt_at(number):
    def after_step(step, model):
        if step == number:
            raise KeyboardInterrupt

    return after_step


def test_ctrl_c_keeps_what_was_learned_and_goes_on_to_the_caller(capsys):
    model, fits = linear(), []
    start = weights(model)
    with pytest.raises(KeyboardInterrupt) as stop:
        for seed in range(3):
            fits.append(seed)
            fit(
                model, task_of(points), epochs=5, batch_size=10, seed=seed,
                after_step=interrupt_at(7),
            )  # fmt: skip
    history = stop.value.history
    assert fits == [0] and stop.value.model is model, "one Ctrl-C ends the whole cell"
    assert history.interrupted and history.steps == 7 and history.best_epoch == 0
    assert not torch.equal(weights(model), start) and not model.training
    assert "7" in capsys.readouterr().out


def test_ctrl_c_returns_the_history_where_that_was_asked_for():
    task = task_of(points)
    history = fit(
        linear(), task, epochs=5, batch_size=10, after_step=interrupt_at(7), on_interrupt="keep"
    )
    assert history.interrupted and history.steps == 7 and history.stopped == "interrupted"
    with pytest.raises(ValueError, match="keep"):
        fit(linear(), task, on_interrupt="ignore")


@pytest.mark.slow
@pytest.mark.slow
def test_a_real_ctrl_c_ends_a_program_with_its_weights_kept(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(
        "import signal, torch\n"
        "from torch import nn\n"
        "from tlhelpers.data.task import Split\n"
        "from tlhelpers.train.engine import fit\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's & ignores it
        "model, split = nn.Linear(4, 2), Split(torch.randn(64, 4), torch.arange(64) % 2)\n"
        "def note(step, model):\n"
        "    if step == 20:\n"
        "        print('training', flush=True)\n"
        "try:\n"
        "    fit(model, split, max_steps=10**7, batch_size=8, after_step=note)\n"
        "except KeyboardInterrupt as stop:\n"
        "    print('kept', stop.history.steps >= 20, not model.training, flush=True)\n"
        "    raise\n",
        encoding="utf-8",
    )
    run = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert run.stdout.readline() == "training\n"
    run.send_signal(signal.SIGINT)
    rest = run.communicate(timeout=60)[0]
    assert "kept True True" in rest and run.returncode != 0


def test_a_hook_that_returns_true_ends_the_run_after_a_last_validation():
    history = fit(linear(), task_of(points), batch_size=10, after_step=lambda step, _: step == 7)
    assert history.steps == 7 and history.epoch_steps == [5, 7] and history.stopped == "after_step"
    assert not math.isnan(history.valid_acc[-1])


def test_max_steps_replaces_epochs_and_validation_can_be_rarer():
    history = fit(linear(), task_of(points), max_steps=23, batch_size=10, valid_every=2)
    assert history.steps == 23 and history.epoch_steps == [5, 10, 15, 20, 23]
    assert [math.isnan(value) for value in history.valid_acc] == [True, False, True, False, False]


def test_frozen_batchnorm_in_eval_mode_is_left_there():
    model = conv_net()

    def stay(mode=True):
        nn.Sequential.train(model, mode)
        model[1].eval()
        return model

    model.train = stay
    before = model[1].running_mean.clone()
    fit(model, task_of(pictures), epochs=2)
    assert torch.equal(model[1].running_mean, before)


def test_predict_leaves_every_module_in_its_own_mode():
    model = conv_net().train()
    model[1].eval()
    predict(model, pictures(5))
    assert [m.training for m in model] == [True, False, True, True, True]


def test_nothing_is_printed_where_nobody_watches_or_the_run_is_short(capsys):
    engine._announce.cache_clear()
    fit(linear(), task_of(points), epochs=1)
    assert capsys.readouterr() == ("", "")
    fit(linear(), task_of(points), epochs=1, progress=True)
    assert "%" not in capsys.readouterr().err


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_bar_says_what_is_trained_and_how_well_in_the_readers_language(
    capsys, monkeypatch, lang
):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    monkeypatch.setattr(engine, "tqdm", lambda delay, **asked: tqdm(mininterval=0, **asked))
    fit(linear(), task_of(points), epochs=2, progress=True)
    fit(linear(), task_of(points), epochs=2, progress=True, title="2/6")
    bar = capsys.readouterr().err
    name, unit, accuracy = {
        "en": ("training:", " steps", "validation accuracy"),
        "ja": ("学習:", "ステップ", "検証正解率"),
    }[lang]
    assert name in bar and "2/6:" in bar and f"{unit}/s" in bar
    assert re.search(rf"{accuracy} \d+\.\d%", bar) and "valid_acc" not in bar


def test_empty_data_and_unknown_names_are_refused_clearly():
    empty = Split(torch.zeros(0, 8), torch.zeros(0, dtype=torch.long))
    for wrong in (
        lambda: fit(linear(), empty),
        lambda: fit(linear(), [1, 2]),
        lambda: fit(linear(), points(4), optimizer="adam"),
        lambda: fit(linear(), points(4), schedule="linear"),
        lambda: fit(linear(), points(4), precision="fp8"),
        lambda: evaluate(linear(), empty),
    ):
        with pytest.raises(ValueError):
            wrong()


def test_history_tells_its_story_in_html_and_frames():
    history = fit(linear(), task_of(points), epochs=3)
    assert history._repr_html_().count("<tr") == 4
    pandas = pytest.importorskip("pandas")
    assert isinstance(history.to_frame(), pandas.DataFrame) and len(history.to_frame()) == 3


def test_a_missing_pandas_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        fit(linear(), points(4), epochs=1).to_frame()


# --- what a learner hands in by mistake -----------------------------------------------------


def relabelled(split, shift) -> Split:
    return Split(split.inputs, split.labels + shift)


@pytest.mark.parametrize("shift", [1, -1])
def test_labels_without_an_output_are_refused_by_training_validation_and_evaluation(shift):
    right, wrong = points(40), relabelled(points(40), shift)
    loader = DataLoader(TensorDataset(wrong.inputs, wrong.labels), batch_size=8)
    for data in (wrong, loader):
        for refused in (
            lambda data=data: fit(linear(), data, epochs=1),
            lambda data=data: fit(linear(), right, epochs=1, valid=data),
            lambda data=data: evaluate(linear(), data),
        ):
            with pytest.raises(ValueError, match=r"0.*2"):
                refused()


def test_a_loader_of_soft_labels_trains():
    split = points(40)
    soft = F.one_hot(split.labels, 3) * 0.9 + 0.1 / 3
    loader = DataLoader(TensorDataset(split.inputs, soft), batch_size=8)
    assert fit(linear(), loader, epochs=1).steps == 5


def test_pictures_as_floats_of_bytes_are_refused_and_others_taken():
    model, split = conv_net(), pictures(8)
    model.preprocess = Normalize()
    floats = split.inputs.float()
    for refused in (
        lambda: predict(model, floats),
        lambda: fit(model, Split(floats, split.labels), epochs=1),
    ):
        with pytest.raises(ValueError, match="255"):
            refused()
    expected = predict(model, split)
    torch.testing.assert_close(predict(model, floats / 255), expected)
    torch.testing.assert_close(predict(model, floats.double() / 255), expected)
    torch.testing.assert_close(predict(model, split.inputs.numpy()), expected)
    torch.testing.assert_close(predict(model, list(split.inputs)), expected)
    torch.testing.assert_close(predict(model.double(), split), expected, rtol=1e-4, atol=1e-5)


def test_parameters_of_another_model_are_refused():
    model = linear()
    groups = [{"params": model.parameters()}, {"params": linear().parameters()}]
    with pytest.raises(ValueError, match="2 "):
        fit(model, points(8), param_groups=groups)


# --- devices and memory ---------------------------------------------------------------------


def test_no_float64_is_asked_of_a_device_that_has_none(monkeypatch):
    """Emulated: Apple's GPUs refuse float64. What came through `.cpu()` may become it."""
    on_cpu, cpu, double = set(), torch.Tensor.cpu, torch.Tensor.double

    def note(tensor, *args, **options):
        moved = cpu(tensor, *args, **options)
        on_cpu.add(moved.data_ptr())
        return moved

    def refuse(tensor, *args, **options):
        if tensor.data_ptr() not in on_cpu:
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
        return double(tensor, *args, **options)

    task, model = task_of(points), linear()
    monkeypatch.setattr(torch.Tensor, "cpu", note)
    monkeypatch.setattr(torch.Tensor, "double", refuse)
    monkeypatch.setattr(torch, "cat", lambda parts: note(torch.stack(list(parts)).flatten()))
    fit(model, Split(task.train.inputs, task.train.labels), epochs=1, valid=False)
    fit(linear(), task, epochs=1)


def test_a_model_on_the_cpu_computes_on_the_best_device_and_comes_back(monkeypatch):
    """Emulated: the device "meta" holds no numbers, but shows where a model was sent."""

    class Traveller(nn.Linear):
        def to(self, device):
            sent.append(device.type)

    sent, model = [], Traveller(8, 3)
    monkeypatch.setattr(placement, "pick_device", lambda: torch.device("meta"))
    with pytest.raises(ZeroDivisionError), placement.lent_to_device(model) as device:
        assert device.type == "meta" and sent == ["meta"]
        raise ZeroDivisionError
    assert sent == ["meta", "cpu"]
    there = nn.Linear(8, 3, device="meta")
    monkeypatch.setattr(placement, "pick_device", lambda: torch.device("cpu"))
    assert placement.computing_device(there).type == "meta", "where it lies, it computes"


class Narrow(nn.Linear):
    """Computes at most three examples at once."""

    def forward(self, inputs):
        if len(inputs) > 3:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:124] can't allocate memory")
        return super().forward(inputs)


def test_validation_evaluation_and_prediction_take_less_at_once_where_memory_falls_short(capsys):
    task, model = task_of(points), Narrow(8, 3)
    history = fit(model, task, epochs=2, batch_size=2)
    assert capsys.readouterr().out.count("\n") == 4, "256 to 2, told once, not every epoch"
    wide = linear()
    wide.load_state_dict(model.state_dict())
    assert history.valid_acc[history.best_epoch] == pytest.approx(evaluate(wide, task.valid))
    assert evaluate(model, task.valid) == evaluate(wide, task.valid)
    torch.testing.assert_close(predict(model, task.test), predict(wide, task.test))


# --- loaders --------------------------------------------------------------------------------


@pytest.mark.parametrize("size, steps", [(1, 18), (2, 8), (4, 4), (8, 2)])
def test_a_loader_trains_as_a_split_does_and_plans_the_steps_that_it_takes(size, steps):
    split, factors = pictures(9), []

    def schedule(step, total):
        factors.append((step + 1) / total)
        return 1.0

    loader = DataLoader(TensorDataset(split.inputs, split.labels), batch_size=size)
    for data in (split, loader):
        history = fit(conv_net(), data, epochs=2, batch_size=size, schedule=schedule)
        assert history.steps == steps and factors[-1] == 1.0 and history.batch_size == size
