"""Streams of classes, tasks and domains: what each learner keeps, and what is refused."""

import json

import pytest
import torch

from tests.tiny import TinyNet, tiny_task
from tlhelpers.transfer.finetune import fine_tune
from tlhelpers.transfer.incremental import incremental
from tlhelpers.transfer.learners import METHODS

FAST = {"epochs": 8, "batch_size": 16, "lr": 0.05, "progress": False}
KEPT = {
    "replay": {"per_class": 6},
    "icarl": {"memory": 24},
    "der": {"memory": 24},
    "ewc": {"strength": 100.0},
}


def settings(method):
    return {} if method == "nearest_mean" else {**FAST, **KEPT.get(method, {})}


@pytest.fixture(scope="module")
def backbone():
    """A network that knows the four colours from other pictures."""
    torch.manual_seed(0)
    return fine_tune(TinyNet(), tiny_task(seed=9), epochs=10, batch_size=16, lr=0.05).model


@pytest.fixture(scope="module")
def results(backbone):
    task = tiny_task()
    return {m: incremental(backbone, task, [2, 2], m, **settings(m)) for m in METHODS}


def test_a_fresh_head_forgets_and_joint_training_does_not(results):
    assert results["new_head"].accuracy[1, 0] < 0.2
    assert results["joint"].accuracy[1].min() > 0.8


@pytest.mark.parametrize("method", ["replay", "der", "icarl", "nearest_mean"])
def test_what_keeps_examples_or_means_keeps_the_old_classes(results, method):
    assert results[method].accuracy[1, 0] > results["kept_rows"].accuracy[1, 0] + 0.2


def test_the_matrix_is_nan_above_the_diagonal_and_the_numbers_come_from_it(results):
    result = results["replay"]
    assert result.accuracy[0, 1].isnan() and not result.accuracy.tril().isnan().any()
    assert result.average_accuracy == pytest.approx(result.accuracy[1].mean().item())
    assert result.first_minus_last == -result.backward_transfer


def test_each_run_reads_the_test_split_once(results):
    assert {result.test_reads for result in results.values()} == {1}


def test_the_stream_player_sees_each_class_while_it_learns(backbone):
    result = incremental(backbone, tiny_task(), [2, 2], "kept_rows", watch=4, **FAST)
    steps, accuracies = zip(*result.trace, strict=True)
    assert list(steps) == sorted(set(steps)) and len(accuracies[0]) == 4


def test_frozen_batchnorm_keeps_its_statistics_after_the_first_step(backbone):
    model = incremental(backbone, tiny_task(), [2, 2], "lwf", **FAST).model
    first = incremental(backbone, tiny_task().only_classes([0, 1]), [2], "lwf", **FAST).model
    assert torch.equal(model.bn1.running_mean, first.bn1.running_mean)


@pytest.mark.parametrize("steps", [[3, 2], [0, 2], []])
def test_steps_that_do_not_fit_are_refused(backbone, steps):
    with pytest.raises(ValueError):
        incremental(backbone, tiny_task(), steps)


def test_a_class_without_examples_is_named(backbone):
    task = tiny_task()
    task.train = task.train.subset((task.train.labels != 2).nonzero()[:, 0])
    with pytest.raises(ValueError, match=r"2.*train"):
        incremental(backbone, task, [2, 2])


def test_ctrl_c_does_not_pass_half_a_stream_for_a_whole_one(backbone):
    def interrupt(images, generator):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        incremental(backbone, tiny_task(), [2, 2], augment=interrupt)


def test_the_matrix_is_shown_row_by_row_and_saved_as_plain_numbers(results):
    result = results["replay"]
    assert "tensor" not in str(result) + result._repr_html_() and "; " in str(result)
    assert json.loads(json.dumps(result.to_dict()))["accuracy"][1] == result.accuracy[1].tolist()


def test_an_unknown_method_is_refused_with_the_known_ones(backbone):
    with pytest.raises(ValueError, match="replay"):
        incremental(backbone, tiny_task(), [2, 2], "magic")


@pytest.mark.parametrize(
    ("method", "ignored"),
    [
        ("nearest_mean", {"epochs": 3}),
        ("nearest_mean", {"watch": 2}),
        ("replay", {"strength": 1.0}),
        ("ewc", {"per_class": 5}),
        ("lwf", {"epoch": 3}),
        ("joint", {"backbone": None}),
    ],
)
def test_an_option_that_the_method_ignores_is_refused_before_training(method, ignored):
    with pytest.raises((ValueError, TypeError), match=next(iter(ignored))):
        incremental(None, tiny_task(), [2, 2], method, **ignored)


@pytest.mark.parametrize("method", ["icarl", "new_rows"])
def test_a_method_without_meaning_in_a_scenario_is_refused(method):
    with pytest.raises(ValueError, match="domain"):
        incremental(None, [tiny_task(), tiny_task(seed=1)], method=method, scenario="domain")


def test_scenarios_and_tasks_that_do_not_fit_are_refused(backbone):
    with pytest.raises(ValueError, match="class, task, domain"):
        incremental(backbone, tiny_task(), [2, 2], scenario="new")
    with pytest.raises(ValueError, match="list of tasks"):
        incremental(backbone, tiny_task(), [2, 2], scenario="domain")
    with pytest.raises(ValueError, match="same classes"):
        three = tiny_task(classes=3)
        incremental(backbone, [tiny_task(), three], method="replay", scenario="domain")
    with pytest.raises(ValueError, match="memory"):
        incremental(backbone, tiny_task(), [2, 2], "icarl", memory=3)


def test_knowing_the_task_leaves_little_to_forget(backbone):
    """What new data alone destroys is above all the choice between old and new classes."""
    known = incremental(backbone, tiny_task(), [2, 2], "kept_rows", scenario="task", **FAST)
    unknown = incremental(backbone, tiny_task(), [2, 2], "kept_rows", **FAST)
    assert known.accuracy[1, 0] > unknown.accuracy[1, 0] + 0.4


def darker(task):
    for split in (task.train, task.valid, task.test):
        split._inputs = split.inputs // 4
    return task


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"icarl", "new_rows"}))
def test_domains_come_one_after_the_other_with_the_same_classes(backbone, method):
    tasks = [tiny_task(), darker(tiny_task(seed=1))]
    result = incremental(backbone, tasks, method=method, scenario="domain", **settings(method))
    assert result.accuracy.shape == (2, 2) and result.per_class.shape == (2, 4)
    assert result.test_reads == 1
    assert result.accuracy[1, 1] > 0.5
    assert not result.per_class.isnan().any()
