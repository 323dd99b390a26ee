"""Training on a computer that does something else as well: a video call, a second notebook."""

import os
import subprocess
import sys
from contextlib import contextmanager

import pytest

pytestmark = pytest.mark.slow

# Prints the processor seconds of 60 small training steps on two threads. What spins costs these,
# and other people's work, which would lengthen the seconds on the clock, does not.
TRAINING = """
import os, time
os.sched_setaffinity(0, {cores})
import tlhelpers
import torch
from torch import nn

torch.manual_seed(0)
torch.set_num_threads({threads})
layers = []
for channels in (3, 16):
    layers += [nn.Conv2d(channels, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU()]
net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))
images, labels = torch.randn(32, 3, 32, 32), torch.randint(10, (32,))
optimizer = torch.optim.SGD(net.parameters(), 0.1)

def step():
    optimizer.zero_grad()
    nn.functional.cross_entropy(net(images), labels).backward()
    optimizer.step()

for _ in range(5):
    step()
started = time.process_time()
for _ in range(60):
    step()
print(time.process_time() - started)
"""
BUSY = "import os; os.sched_setaffinity(0, {cores})\nwhile True: pass"


@contextmanager
def busy(cores):
    process = subprocess.Popen([sys.executable, "-c", BUSY.format(cores=cores)])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def train(cores, threads, **variables):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}
    script = TRAINING.format(cores=cores, threads=threads)
    done = subprocess.run(
        [sys.executable, "-P", "-c", script],
        env=kept | variables,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return float(done.stdout)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores are chosen on Linux only")
def test_training_beside_a_busy_program_takes_at_most_three_times_the_work():
    cores = set(sorted(os.sched_getaffinity(0))[:2])
    if len(cores) < 2:
        pytest.skip("there is one core only, and threads share none")
    alone = train(cores, threads=1)
    with busy(cores):
        beside = train(cores, threads=2)
    assert beside < 3 * alone


def test_the_way_threads_wait_is_the_users_where_it_was_set():
    ask = "import tlhelpers, os; print(os.environ['OMP_WAIT_POLICY'])"

    def policy(**variables):
        kept = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
        command = [sys.executable, "-P", "-c", ask]
        return subprocess.check_output(command, env=kept | variables, text=True).strip()

    assert policy() == "PASSIVE"
    assert policy(OMP_WAIT_POLICY="ACTIVE") == "ACTIVE"


def test_one_thread_where_torch_came_before_us_and_spins():
    """A notebook that imports torch first, opened by an editor that `tl lab` did not start."""
    ask = (
        "import torch, tlhelpers\nfrom tlhelpers.runtime import device\nprint(device.set_threads())"
    )

    def threads(**variables):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}
        command = [sys.executable, "-P", "-c", ask]
        return int(subprocess.check_output(command, env=kept | variables, text=True))

    assert threads() == 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if cores > 1:
        assert threads(OMP_WAIT_POLICY="PASSIVE") > 1
