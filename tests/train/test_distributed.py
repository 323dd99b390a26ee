"""Several processes: two that share a batch learn what one learns from all of it."""

import json
import os
import runpy
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.slow

RUNS, BROKEN, SHARDED = (
    Path(__file__).with_name(f"{name}_runs.py") for name in ("shared", "broken", "sharded")
)
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
ACCELERATE = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu",
              "--num_processes=2", "--num_machines=1", "--mixed_precision=no",
              "--dynamo_backend=no"]  # fmt: skip
SETTINGS = os.environ | {
    "OMP_NUM_THREADS": "1",
    "TLHELPERS_LANG": "en",
    "TLHELPERS_DEVICE": "cpu",
}


def run_here(script: Path, *arguments: str | Path) -> None:
    """As a process of its own would, without loading everything once more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [str(script), *map(str, arguments)])
        patch.setenv("TLHELPERS_LANG", "en")
        runpy.run_path(str(script), run_name="__main__")


def run_script(launcher: list[str], script: Path, *arguments: str | Path):
    return subprocess.run(
        [*launcher, str(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=240,
        env=SETTINGS,
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """What one process found, and each of two; and what the two wrote.

    The two come from `accelerate launch`, everything below from torchrun.
    29 examples in batches of 7: shares of 4 and 3, and a last batch of 1 for two processes.
    """
    folder = tmp_path_factory.mktemp("runs")
    done = run_script(ACCELERATE, RUNS, folder / "two")
    assert done.returncode == 0, done.stderr
    run_here(RUNS, folder / "one")
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
    assert first["micro"]["micro_batch"] == second["micro"]["micro_batch"] == 1
    assert "parts of 2" in done.stdout and "parts of 1" in done.stdout, "the learner must be told"


def test_processes_with_batchnorm_stay_in_step_and_are_warned_about_once(runs):
    one, first, second, done = runs
    assert first["unsynced"] == second["unsynced"], "running statistics belong to the weights"
    assert first["unsynced"]["losses"] != pytest.approx(one["unsynced"]["losses"], rel=1e-3)
    before, after = done.stderr.split("without sync", 1)
    assert "BatchNorm" not in before
    assert after.count("uses BatchNorm") == 2, "once in each of two runs, not in each process"


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


def test_a_sharded_model_learns_what_a_whole_one_learns_and_comes_back_whole(tmp_path):
    for name in ("two", "one"):
        (tmp_path / name).mkdir()
    done = run_script(TORCHRUN, SHARDED, tmp_path / "two")
    assert not done.returncode, done.stderr
    run_here(SHARDED, tmp_path / "one")
    one, first, second = (torch.load(path) for path in sorted(tmp_path.glob("*/found.*")))
    assert one["sharded"][0] == "Parameter" and first["sharded"][0] == "DTensor"
    assert "penalty" in first["penalty"]
    for run in one.keys() - {"continued", "sharded"}:
        for part, close in zip(first[run], one[run], strict=True):
            torch.testing.assert_close(part, close, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(one["continued"], one["plain"], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(first["plain"], first["resumed"], rtol=0, atol=0)
    torch.testing.assert_close(first["plain"], second["plain"], rtol=0, atol=0)


# --- processes that fail ------------------------------------------------------------------


def start_nodes(case: str, folder: Path, launched: bool) -> list[subprocess.Popen]:
    """Two machines of one process each, as far as they can tell, that meet over loopback.

    launched: by torchrun. Otherwise each is told what torchrun would tell it.
    """
    port = free_port()
    torchrun = ["-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1"]
    torchrun += ["--rdzv-backend=c10d", f"--rdzv-endpoint=127.0.0.1:{port}"]
    torchrun += ["--local-addr=127.0.0.1"]
    told = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    told |= {"LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"}
    return [
        subprocess.Popen(
            [sys.executable, *(torchrun if launched else ()), str(BROKEN), case, str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=SETTINGS if launched else SETTINGS | told | {"RANK": str(rank)},
        )
        for rank in range(2)
    ]


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return asked.getsockname()[1]


def test_two_machines_of_which_one_is_killed_go_on_as_if_it_had_not_happened(tmp_path):
    nodes = start_nodes("killed", tmp_path, launched=True)
    said = [node.communicate(timeout=120)[0] for node in nodes]
    assert all(node.returncode for node in nodes)
    sentences = [word for word in ("no longer answers", "was told to end") if word in "".join(said)]
    assert sentences, said
    assert str(tmp_path / "saved") in "".join(said), "how to go on must be said"
    nodes = start_nodes("resumed", tmp_path, launched=False)
    said = [node.communicate(timeout=120)[0] for node in nodes]
    assert not any(node.returncode for node in nodes), said
    ends = [torch.load(tmp_path / f"{name}.{r}") for name in ("whole", "resumed") for r in (0, 1)]
    for end in ends[1:]:
        assert all(torch.equal(ends[0][name], end[name]) for name in end)


def test_memory_that_falls_short_while_others_wait_ends_all_with_a_sentence(tmp_path):
    begun = time.monotonic()
    done = run_script(TORCHRUN, BROKEN, "late", tmp_path)
    assert done.returncode and time.monotonic() - begun < 60
    assert "Start it again with micro_batch=2" in done.stderr
    assert "Process 1 has failed" in done.stderr or "was told to end" in done.stderr


def test_a_process_that_lives_and_is_silent_is_not_waited_for_without_end(tmp_path):
    begun = time.monotonic()
    done = run_script(TORCHRUN, BROKEN, "silent", tmp_path)
    assert done.returncode and time.monotonic() - begun < 120
    assert "Another process no longer answers: it was killed" in done.stderr
