"""What lesson 15 stores: rates against batch sizes, precision, memory and seconds, two processes.

Accuracies are fractions, one a seed, and a seed redraws all pictures. Memory is in bytes, time in
seconds; what they were measured on stands in the record ("machine"), and in the data where it is
a GPU.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import torch

from tlhelpers.course.results import FIXED, IN_EACH_DRAW, experiment
from tlhelpers.data.catalog import redrawn
from tlhelpers.data.task import Split, Task
from tlhelpers.lessons.scaling_up.steps import Stepper, launch, networks
from tlhelpers.models.backbones import backbone
from tlhelpers.models.surgery import freeze, replace_head
from tlhelpers.runtime.language import text
from tlhelpers.runtime.store import StoreError
from tlhelpers.train.engine import evaluate, fit
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.finetune import fine_tune

NETWORK = "zukan-resnet"
SEEDS = range(10)
EACH, VALID, TEST = 32, 20, 40  # pictures of each of ten birds
BATCHES = (8, 16, 32, 64, 128, 256)
RATES = tuple(0.002 * 2**step for step in range(7))  # 0.002 to 0.128
WARM_UP, WARMED = 0.2, BATCHES[3:]  # share of the steps, and the batches that are tried with it
ROUNDS = 6  # passes over the pictures, at every batch size
WAYS = ("fp32", "bf16", "checkpointed")
SIZES = {"zukan-resnet": (64, 128), "mobilenet_v2": (8, 16), "minilm": (20, 28), "resnet50": (4, 8)}
LARGE = {"zukan-resnet": (1024, 2048), "mobilenet_v2": (64, 128), "minilm": (64, 128)}
LARGE |= {"resnet50": (64, 128)}  # for a GPU
REPEATS, TIMED = 5, 10

CLOCK = """
import json, os, sys
from tlhelpers.lessons.scaling_up.experiments import seconds_of

repeats, *kinds = sys.argv[2:]
found = {what: [seconds_of(what) for _ in range(int(repeats))] for what in kinds}
if os.environ["RANK"] == "0":
    with open(sys.argv[1], "w") as file:
        json.dump(found, file)
"""


def _birds(seed: int) -> Task:
    return redrawn("birds", EACH, seed, valid=VALID, test=TEST)


def _tuned(task: Task, seed: int, batch_size: int, lr: float, **options: object) -> list[float]:
    """[validation, test] accuracy after the last step; nothing is chosen on the way."""
    result = fine_tune(
        backbone(NETWORK),
        task,
        lr=lr,
        batch_size=batch_size,
        epochs=ROUNDS,
        freeze_epochs=0,
        clip_norm=None,
        schedule="cosine",
        keep_best=False,
        seed=seed,
        progress=False,
        read_test=False,
        valid=False,  # with it, a rate that breaks the training would be hidden
        **{"warmup": 0.0, "precision": "fp32", **options},
    )
    return [evaluate(result.model, part) for part in (task.valid, task.open_test())]


@experiment(
    "15_rates",
    unit="draws of training, validation and test pictures",
    seeds=10,
    labels="32 + 20",
    settings=IN_EACH_DRAW,
)
def rates() -> dict:
    """Fine-tuning at every batch size and rate, all for equally many pictures.

    {"batches", "rates", "tried": {batch: {rate: [[valid, test] a seed]}}, "warm": the same for
    the larger batches, with warm-up}.
    """
    found: dict = {"batches": BATCHES, "rates": RATES}
    for key, batches, warmup in (("tried", BATCHES, 0.0), ("warm", WARMED, WARM_UP)):
        found[key] = {batch: {rate: [] for rate in RATES} for batch in batches}
        for seed in SEEDS:
            task = _birds(seed)
            for batch, of_batch in found[key].items():
                for rate, runs in of_batch.items():
                    runs.append(_tuned(task, seed, batch, rate, warmup=warmup))
    return found


@experiment(
    "15_precision",
    unit="draws of training, validation and test pictures",
    seeds=10,
    labels="32 + 20",
    settings=FIXED,
)
def precision() -> dict:
    """Test accuracy of fine-tuned birds in fp32 and in bf16, the same pictures a seed."""
    found: dict[str, list[float]] = {"fp32": [], "bf16": []}
    for seed in SEEDS:
        for asked, accuracies in found.items():
            task = _birds(seed)
            accuracies.append(_tuned(task, seed, 32, 0.008, precision=asked)[1])
    return found


def _coefficients(device: torch.device, sizes: dict[str, Sequence[int]], repeats: int) -> dict:
    """{network: {"parameters", way: {"peaks", "batches", "each", "seconds"}}}.

    each: bytes that one more example adds to the peak of a step. seconds: of one example, once a
    repeat, at the larger batch.
    """
    found: dict = {}
    for name in networks():
        small, large = sizes[name]
        row: dict = {"batches": [small, large]}
        for way in WAYS:
            peaks = [Stepper(name, batch, way, device).peak() for batch in (small, large)]
            stepper = Stepper(name, large, way, device)
            times = [stepper.seconds(1) / large for _ in range(repeats)]
            row["parameters"] = sum(4 * p.numel() for p in stepper.model.parameters())
            each = (peaks[1] - peaks[0]) / (large - small)
            row[way] = {"peaks": peaks, "each": round(each), "seconds": _rounded(times)}
        found[name] = row
    return found


@experiment("15_cpu", unit="repeats of one step", seeds=3, labels="none", settings=FIXED)
def cpu() -> dict:
    """Memory and time of a training step on the CPU; weights are random, they change neither."""
    return _coefficients(torch.device("cpu"), SIZES, 3)


@experiment("15_gpu", unit="repeats of one step", seeds=5, labels="none", settings=FIXED)
def gpu() -> dict:
    """The same on a GPU, and its name. Raises StoreError where there is none."""
    if not torch.cuda.is_available():
        raise StoreError(text("lesson15.needs_gpu"))
    device = torch.device("cuda", 0)
    return {
        "device": torch.cuda.get_device_name(device),
        "networks": _coefficients(device, LARGE, REPEATS),
    }


@experiment("15_speed", unit="repeats of the whole training", seeds=10, labels="50", settings=FIXED)
def speed() -> dict:
    """CPU seconds that a process takes for ten passes over 500 birds, with one thread.

    {"one", "two", "cached": repeats}: a head on a frozen body by one process, by each of two, and
    on features that were extracted once. CPU seconds, since those of the clock grow with whatever
    else the computer does.
    """
    one = launch(CLOCK, str(TIMED), "frozen", "cached", processes=1)
    two = launch(CLOCK, str(TIMED), "frozen", processes=2)
    if one is None or two is None:
        raise RuntimeError(text("lesson15.not_launched", reason="15_speed"))
    return {"one": one["frozen"], "two": two["frozen"], "cached": one["cached"]}


def seconds_of(what: str, each: int = 50, passes: int = 10) -> float:
    """CPU seconds in which this process trains a head, with the body "frozen" or "cached"."""
    drawn = redrawn("birds", each, 0, valid=1, test=1).train
    train = Split(drawn.inputs, drawn.labels)  # drawn before the clock starts
    torch.manual_seed(0)
    network = replace_head(backbone(NETWORK), 10)
    options: dict[str, Any] = {"batch_size": 50, "epochs": passes, "device": "cpu", "valid": False}
    start = time.process_time()
    if what == "cached":
        features = extract_features(network, train.inputs, cache=False)
        head = torch.nn.Linear(features.shape[1], 10)
        fit(head, Split(features, train.labels), progress=False, **options)
    else:
        fit(freeze(network), train, progress=False, **options)
    return round(time.process_time() - start, 3)


CURVE = """
import json, os, sys
import tlhelpers as tl

birds = tl.load_task("birds", per_class=20, seed=int(sys.argv[2]))
network = tl.backbone("zukan-resnet")
trained = tl.fine_tune(
    network, birds, lr=0.02, epochs=4, freeze_epochs=0, batch_size=40, read_test=False
)
if os.environ["RANK"] == "0":
    weights = [p.detach().double().sum().item() for p in trained.model.parameters()]
    json.dump({"loss": trained.history.train_loss, "weights": weights}, open(sys.argv[1], "w"))
"""


@experiment("15_curves", unit="draws of pictures", seeds=3, labels="20 + 20", settings=FIXED)
def curves() -> dict:
    """{"one", "two": [training loss an epoch] a seed}: one process, and two that share batches."""
    found: dict[str, list] = {"one": [], "two": []}
    for seed in range(3):
        for processes, way in ((1, "one"), (2, "two")):
            made = launch(CURVE, str(seed), processes=processes)
            if made is None:
                raise RuntimeError(text("lesson15.not_launched", reason=way))
            found[way].append([round(value, 7) for value in made["loss"]])
    return found


def _rounded(values: Iterable[float]) -> list[float]:
    return [round(value, 6) for value in values]
