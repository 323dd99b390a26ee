"""Eight ways to learn a stream of classes: what each keeps, forgets and stores."""

import json

import pytest
import torch

from tests.tiny import TinyNet, tiny_task
from tlhelpers.transfer.finetune import fine_tune
from tlhelpers.transfer.incremental import incremental
from tlhelpers.transfer.learners import METHODS

FAST = {"epochs": 8, "batch_size": 16, "lr": 0.05, "per_class": 6, "progress": False}


@pytest.fixture(scope="module")
def backbone():
    """A network that knows the four colours from other pictures."""
    torch.manual_seed(0)
    return fine_tune(TinyNet(), tiny_task(seed=9), epochs=10, batch_size=16, lr=0.05).model


@pytest.fixture(scope="module")
def results(backbone):
    task = tiny_task()
    return {m: incremental(backbone, task, [2, 2], m, **FAST) for m in METHODS}


def test_a_fresh_head_forgets_and_joint_training_does_not(results):
    assert results["new_head"].accuracy[1, 0] < 0.2
    assert results["joint"].accuracy[1].min() > 0.8


@pytest.mark.parametrize("method", ["replay", "icarl", "nearest_mean"])
def test_what_keeps_examples_or_means_keeps_the_old_classes(results, method):
    assert results[method].accuracy[1, 0] > results["kept_rows"].accuracy[1, 0] + 0.2


def test_the_matrix_is_nan_above_the_diagonal_and_the_numbers_come_from_it(results):
    result = results["replay"]
    assert result.accuracy[0, 1].isnan() and not result.accuracy.tril().isnan().any()
    assert result.average_accuracy == pytest.approx(result.accuracy[1].mean().item())
    assert result.first_minus_last == -result.backward_transfer


def test_each_run_reads_the_test_split_once(results):
    assert {result.test_reads for result in results.values()} == {1}


def test_replay_stores_its_exemplars_and_no_more(results):
    assert results["replay"].kept_bytes == 4 * 6 * 3 * 16 * 16
    assert results["new_head"].kept_bytes == 0


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
