"""Several processes: two that share a batch learn what one learns from all of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

RUNS = Path(__file__).with_name("shared_runs.py")
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
SETTINGS = os.environ | {"OMP_NUM_THREADS": "1", "TLHELPERS_LANG": "en"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """What one process found, and each of two; and what the two wrote.

    29 examples in batches of 7: shares of 4 and 3, and a last batch of 1 for two processes.
    """
    folder = tmp_path_factory.mktemp("runs")
    for name, launcher in (("one", [sys.executable]), ("two", [*TORCHRUN, "--standalone"])):
        done = subprocess.run(
            [*launcher, str(RUNS), str(folder / name)],
            capture_output=True,
            text=True,
            timeout=240,
            env=SETTINGS,
        )
        assert done.returncode == 0, done.stderr
    names = ("one.0", "two.0", "two.1")
    return *(json.loads((folder / name).read_text()) for name in names), done


EQUAL = ["classification", "lwf", "penalty", "lora", "texts", "parts", "later", "micro", "short",
         "synced", "stream", "sampled", "one_shard", "evaluation"]  # fmt: skip


@pytest.mark.parametrize("case", EQUAL)
def test_two_processes_learn_what_one_learns_at_the_same_global_batch(runs, case):
    one, first, second, _ = (run[case] if isinstance(run, dict) else run for run in runs)
    assert first == {**second, "micro_batch": first["micro_batch"]}, "all end with the same weights"
    for part in ("weights", "losses"):
        assert first[part] == pytest.approx(one[part], rel=1e-10, abs=1e-12)
    for ours, theirs in zip(first["valid"], one["valid"], strict=True):
        assert ours == pytest.approx(theirs, rel=1e-6, nan_ok=True)


def test_a_process_out_of_memory_halves_its_part_and_all_agree_on_it(runs):
    one, first, second, done = runs
    assert one["short"]["micro_batch"] == 7
    assert first["short"]["micro_batch"] == second["short"]["micro_batch"] == 1
    assert "parts of 2" in done.stdout and "parts of 1" in done.stdout, "the learner must be told"


def test_processes_with_batchnorm_stay_in_step_and_are_warned_about_once(runs):
    one, first, second, done = runs
    assert first["unsynced"] == second["unsynced"], "running statistics belong to the weights"
    assert first["unsynced"]["losses"] != pytest.approx(one["unsynced"]["losses"], rel=1e-3)
    before, after = done.stderr.split("without sync", 1)
    assert "BatchNorm" not in before and after.count("uses BatchNorm") == 1


def test_every_example_of_a_stream_of_shards_is_read_once(runs):
    one, first, second, _ = runs
    assert len(first["seen"]) == 6 and len(second["seen"]) == 23
    assert sorted(first["seen"] + second["seen"]) == sorted(one["seen"]) == list(range(29))


def test_streams_that_differ_between_the_processes_are_refused(runs):
    one, first, second, _ = runs
    assert one["unlike"] is None
    assert "ShardStream" in first["unlike"] and first["unlike"] == second["unlike"]


def test_a_loss_that_breaks_down_in_one_process_ends_all_with_the_sentence(runs):
    for run in runs[:3]:
        stopped, told = run["broken"]
        assert stopped == "loss_not_finite" and "finite number" in told[0]


def test_a_hook_that_ends_the_training_in_one_process_ends_it_in_all(runs):
    assert [run["one_stops"] for run in runs[:3]] == [3, 3, 3]
