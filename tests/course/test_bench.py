"""The benchmark compares equals: whoever takes part ends where the hand-written loop ends."""

import importlib.util
import json
import math

import pytest
import torch
from torch import nn

from tlhelpers.course import bench, bench_gpu, bench_recipe
from tlhelpers.course.bench_table import write_table
from tlhelpers.course.contenders import Race, contenders, run_loader_loop, silence
from tlhelpers.data.task import Split
from tlhelpers.models.backbones import backbone
from tlhelpers.runtime.store import StoreError
from tlhelpers.transfer.extraction import extract_features

TINY = bench.Sizes(
    rounds=1,
    head_steps=4,
    network_steps=3,
    images=160,
    episodes=20,
    embedded=2,
    streamed=2000,
    photos=20,
)
PACKAGES = {
    "Lightning Trainer": "lightning",
    "skorch": "skorch",
    "Hugging Face Trainer": "transformers",
    "Keras 3": "keras",
    "fastai": "fastai",
}


def race() -> Race:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(50, 6, generator=generator)
    return Race("head", lambda: nn.Linear(6, 3), inputs, torch.arange(50) % 3, batch_size=8)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tl.fit", "indexed loop", *PACKAGES])
def test_every_contender_ends_with_the_loss_of_the_hand_written_loop(name):
    if name in PACKAGES and importlib.util.find_spec(PACKAGES[name]) is None:
        pytest.skip(f"{name} is not installed (extra: bench)")
    one = race()
    with silence():
        theirs, ours = contenders()[name](one), run_loader_loop(one)
    assert len(theirs.begun) == 7
    assert one.final_loss(theirs) == pytest.approx(one.final_loss(ours), rel=1e-5)
    assert one.final_loss(ours) != pytest.approx(one.final_loss(one.start()), rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", bench._PARTS)
def test_every_part_of_the_benchmark_gives_its_rows(name):
    """In small: the figures mean nothing here, but each has its name, its bar and its line."""
    rows = list(bench._PARTS[name](TINY))
    if name == "recipe" and not rows:
        pytest.skip("the real photos are not here (TLHELPERS_REAL)")
    page = write_table(rows)
    assert all(f"| {row.name} |" in page for row in rows)
    assert all(math.isfinite(row.value) for row in rows)
    assert any(row.limit is not None for row in rows)


@pytest.mark.slow
def test_whoever_follows_the_recipe_ends_with_the_same_accuracy(monkeypatch):
    """Bright and dark pictures through a network of random weights, whose BatchNorm must stay."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(120) % 2
    pictures = torch.randint(80, (120, 3, 32, 32), generator=generator)
    pictures = (pictures + 60 * labels.view(-1, 1, 1, 1)).to(torch.uint8)
    network = backbone("mobilenet_v2", pretrained=False, size=32)
    splits = Split(pictures[:80], labels[:80]), Split(pictures[80:], labels[80:])
    before = extract_features(network, splits[1], cache=False)
    recipe = bench_recipe.Recipe(network, *splits, 2)
    with silence():
        found = {name: run(recipe) for name, run in bench_recipe.contenders().items()}
    assert found == dict.fromkeys(found, pytest.approx(found[bench_recipe.CACHED], abs=0.026))
    assert torch.equal(extract_features(network, splits[1], cache=False), before)

    def gone(*counts):
        raise StoreError("no photos here")

    monkeypatch.setattr(bench_recipe, "cats_and_dogs", gone)
    assert list(bench.measure_recipe(TINY)) == []


@pytest.mark.slow
def test_the_gpu_script_measures_every_part_and_writes_after_each(tmp_path, capsys):
    status = bench_gpu.run(tmp_path / "gpu", 8, bench_gpu.TINY)
    said = capsys.readouterr().out
    assert status == 0, said
    told = json.loads((tmp_path / "gpu" / "rows.json").read_text(encoding="utf-8"))
    assert len(told["rows"]) >= 12 and "Error" not in said
    assert all(math.isfinite(value) for row in told["rows"] for value in row["values"])
    resumed = next(row for row in told["rows"] if "resumed" in row["name"])
    assert resumed["values"] == [0.0]
    page = (tmp_path / "gpu" / "benchmarks.md").read_text(encoding="utf-8")
    assert all(f"| {row['name']} |" in page for row in told["rows"])


def test_the_gpu_script_stops_in_time_and_survives_a_part_that_fails(tmp_path, monkeypatch):
    def broken(sizes, device):
        raise RuntimeError("no kernel image")

    monkeypatch.setattr(bench_gpu, "_PARTS", {"training": broken, "memory": broken})
    assert bench_gpu.run(tmp_path, 8, bench_gpu.TINY) == 1
    assert "no kernel image" in (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    assert bench_gpu.run(tmp_path, -1, bench_gpu.TINY) == 0
    assert "the time was up" in (tmp_path / "rows.json").read_text(encoding="utf-8")
