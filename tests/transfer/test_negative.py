"""The negative transfer gap and the comparison table: equal treatment, honest counting."""

import json

import pytest
import torch

from tests.tiny import TinyNet, tiny_task
from tlhelpers.models.backbones import backbone
from tlhelpers.transfer.compare import compare, few_labels
from tlhelpers.transfer.finetune import fine_tune
from tlhelpers.transfer.negative import negative_transfer_gap, reinitialise, train_from_scratch

RATES = {"lr": (0.01, 0.05)}
FAST = {"epochs": 4, "batch_size": 16, "progress": False}


@pytest.fixture(scope="module")
def trained():
    torch.manual_seed(0)
    return fine_tune(TinyNet(), tiny_task(seed=9), epochs=10, batch_size=16, lr=0.05).model


@pytest.mark.slow
def test_a_source_that_knows_the_target_has_a_gap_below_zero(trained):
    gap = negative_transfer_gap(
        trained, tiny_task(3), seeds=3, scratch_grid=RATES, **{**FAST, "epochs": 1}
    )
    assert gap.gap_fine_tuned.mean < 0 and gap.fine_tuned.n == 3
    difference = gap.scratch.mean - gap.fine_tuned.mean
    assert gap.gap_fine_tuned.mean == pytest.approx(difference)


@pytest.mark.slow
def test_choosing_rates_does_not_read_the_test_split(trained):
    gap = negative_transfer_gap(trained, tiny_task(3), seeds=2, scratch_grid=RATES, **FAST)
    assert gap.test_reads == 3 * 2  # three contenders, two seeds
    record = gap.to_dict()["search"]
    assert record["scratch"]["grid"] == {"lr": [0.01, 0.05]} and record["scratch"]["seeds"] == [100]
    assert record["fine_tune"]["chosen"].keys() == {"lr", "lr_mult"}
    json.dumps(record)


@pytest.mark.slow
def test_nothing_asked_searches_scratch_as_well_and_trains_it_longer(trained):
    task = tiny_task(3)
    result = train_from_scratch(trained, task, progress=False, read_test=False)
    assert result.history.steps == 3 * 60 and len(result.search.runs) == 3
    assert task.test_reads == 0


def test_the_scratch_twin_has_the_same_shape_and_other_weights(trained):
    twin = reinitialise(trained)
    for one, two in zip(twin.parameters(), trained.parameters(), strict=True):
        assert one.shape == two.shape
    assert not torch.equal(twin.conv1.weight, trained.conv1.weight)
    assert torch.equal(twin.bn1.running_mean, torch.zeros(8))


def test_scratch_does_not_depend_on_the_pretrained_weights(trained):
    one = train_from_scratch(trained, tiny_task(3), seed=1, **FAST)
    two = train_from_scratch(reinitialise(trained), tiny_task(3), seed=1, **FAST)
    assert torch.equal(one.model.fc.weight, two.model.fc.weight)


def test_few_labels_are_nested_and_even():
    task = tiny_task(12)
    small, large = few_labels(task, 3, seed=5), few_labels(task, 6, seed=5)
    assert torch.bincount(small.train.labels).tolist() == [3] * 4
    rows = {image.numpy().tobytes() for image in large.train.inputs}
    assert all(image.numpy().tobytes() in rows for image in small.train.inputs)
    with pytest.raises(ValueError):
        few_labels(task, 13)


def test_the_table_has_a_run_for_each_cell_and_a_row_for_each_mean(trained):
    table = compare({"tiny": trained}, tiny_task(), ["knn", "probe"], per_class=[2, 5], seeds=2)
    assert len(table.runs) == 8 and len(table.rows()) == 4
    assert table.summary()["tiny", "probe", 5].n == 2
    with pytest.raises(ValueError, match="magic"):
        compare({"tiny": trained}, tiny_task(), ["magic"])


def interrupt(step, model):
    raise KeyboardInterrupt


def test_ctrl_c_leaves_the_table_of_what_was_finished(trained, monkeypatch, capsys):
    def interrupted(*args, **options):
        return fine_tune(*args, after_step=interrupt, **FAST, **options)

    monkeypatch.setattr("tlhelpers.transfer.compare.fine_tune", interrupted)
    table = compare({"tiny": trained}, tiny_task(), ["probe", "fine_tune"], per_class=[2], seeds=2)
    assert [run["strategy"] for run in table.runs] == ["probe"], "half a run is no result"
    assert "1" in capsys.readouterr().out.splitlines()[-1]
    with pytest.raises(KeyboardInterrupt):
        compare({"tiny": trained}, tiny_task(), ["fine_tune"], per_class=[2])
    with pytest.raises(KeyboardInterrupt):
        negative_transfer_gap(trained, tiny_task(3), seeds=2, after_step=interrupt, **FAST)


def test_the_scratch_twin_reads_its_inputs_as_the_network_does():
    network = backbone("zukan-resnet", size=48)
    fresh = reinitialise(network)
    assert fresh.preprocess is network.preprocess
    assert not torch.equal(fresh.conv1.weight, network.conv1.weight)
