"""The curves of lesson 03: learning rates and depths, remedies, similarity, ways to go gently."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tlhelpers.course.results import experiment, stored
from tlhelpers.data.catalog import load_task
from tlhelpers.data.task import Task
from tlhelpers.models.backbones import backbone
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.features import probe
from tlhelpers.transfer.finetune import fine_tune
from tlhelpers.transfer.regularisers import l2_sp
from tlhelpers.transfer.similarity import cka, proxy_a_distance

SEEDS = range(3)
TASK, LABELS = "surfaces", 20
RATES = (0.001, 0.02, 0.1, 0.5)
DEPTHS = {"layer4": 1, "layer3": 2, "all": "all"}
# A hundred pictures six times: 42 steps. Nothing is chosen on the validation split, so that
# what a setting does shows unhidden.
PLAIN = {"freeze_epochs": 0, "epochs": 6, "batch_size": 16, "valid": False, "progress": False}
GOOD = {"lr": 0.02, "body_lr": 0.02}
WAYS = {
    "discriminative": {"body_lr": None, "lr_mult": 10},
    "gradual": {"unfreeze": "gradual"},
    "no_warm_up": {"warmup": 0.0},
    "random_head": {"head": None},
}
SIMILARITY = {"tasks": ("birds", "surfaces", "xray"), "labels": (5, 50)}


class Keeping:
    """How much of the source a tuned network has kept, on source drawings it never saw."""

    def __init__(self, network: nn.Module):
        task = load_task("source", per_class=1, valid_per_class=1, test_per_class=2)
        self.head, self.split = network.fc, task.test
        self.before = extract_features(network, self.split)

    def __call__(self, model: nn.Module) -> tuple[float, float]:
        """(accuracy with the old head put back, CKA of the features before and after)."""
        after = extract_features(model, self.split, cache=False)
        right = self.head(after).argmax(1) == self.split.labels
        return right.double().mean().item(), cka(self.before, after)


def flip_and_shift(images: Tensor, generator: torch.Generator) -> Tensor:
    """The batch (n, 3, height, width), moved a little, half of its pictures mirrored."""
    mirrored = torch.rand(len(images), 1, 1, 1, generator=generator, device=images.device) < 0.5
    steps = torch.randint(-4, 5, (2,), generator=generator, device=images.device)
    return torch.roll(torch.where(mirrored, images.flip(3), images), steps.tolist(), (2, 3))


REMEDIES = {
    "flip_and_shift": {"augment": flip_and_shift},
    "weight_decay": {"weight_decay": 0.02},
    "l2_sp": {"penalty": lambda model: l2_sp(model, alpha=0.02, beta=0.02)},
    "dropout": {"dropout": 0.5},
    "early_stopping": {"valid": None, "valid_every": 1},
}


@experiment("03_learning_rates")
def learning_rates() -> dict:
    """Surfaces, twenty labels each: rates of the body against the stages that are trained.

    Every run starts from the head of a linear probe, whose accuracy is the row "head".
    """
    network = backbone("zukan-resnet")
    keeping = Keeping(network)
    tasks = [load_task(TASK, LABELS, seed) for seed in SEEDS]
    probes = [probe(network, task, seed=seed) for seed, task in zip(SEEDS, tasks, strict=True)]
    before = [(run.test_acc, *keeping(network)) for run in probes]
    measured = [[before for _ in RATES]]
    for depth in DEPTHS.values():
        measured.append([])
        for rate in RATES:
            settings = {**PLAIN, **GOOD, "body_lr": rate, "unfreeze": depth}
            measured[-1].append(
                [
                    _measure(keeping, task, seed, {"head": start.head, **settings})
                    for seed, task, start in zip(SEEDS, tasks, probes, strict=True)
                ]
            )
    return {
        "task": TASK,
        "labels": LABELS,
        "rates": list(RATES),
        "depths": ["head", *DEPTHS],
        **{
            name: [[[round(run[k], 4) for run in runs] for runs in by_rate] for by_rate in measured]
            for k, name in enumerate(("accuracy", "source_accuracy", "cka"))
        },
    }


@experiment("03_ways")
def ways() -> dict:
    """Surfaces again: one rate or many, one stage after another, no warm-up, a random head.

    "uniform" stands in 03_learning_rates, which must be made before; so does "none" of remedies.
    """
    keeping = Keeping(backbone("zukan-resnet"))
    measured = {way: _runs(keeping, options) for way, options in WAYS.items()}
    return {
        "ways": ["uniform", *WAYS],
        **{
            name: [plain, *([round(run[k], 4) for run in runs] for runs in measured.values())]
            for k, (name, plain) in enumerate(_plain_runs().items())
        },
    }


@experiment("03_remedies")
def remedies() -> dict:
    """Surfaces again: what each remedy against over-fitting does to the test accuracy."""
    measured = {name: _runs(None, options) for name, options in REMEDIES.items()}
    accuracy = [[round(run[0], 4) for run in runs] for runs in measured.values()]
    return {
        "remedies": ["none", *REMEDIES],
        "accuracy": [_plain_runs()["accuracy"], *accuracy],
    }


@experiment("03_similarity")
def similarity() -> dict:
    """{"gain": [[[fine-tuned minus frozen a seed] a count of labels] a task]} and distances.

    distance: the proxy A-distance between source drawings and the task's.
    """
    network = backbone("zukan-resnet")
    source = Keeping(network).before
    found: dict = {name: list(values) for name, values in SIMILARITY.items()}
    found |= {"distance": [], "frozen": [], "tuned": [], "gain": []}
    for name in SIMILARITY["tasks"]:
        pictures = load_task(name, 5).valid
        distance = proxy_a_distance(source, extract_features(network, pictures))
        found["distance"].append(round(distance, 3))
        for row in ("frozen", "tuned", "gain"):
            found[row].append([])
        for labels in SIMILARITY["labels"]:
            pairs = [compare(network, name, labels, seed) for seed in SEEDS]
            found["frozen"][-1].append([round(frozen, 4) for frozen, _ in pairs])
            found["tuned"][-1].append([round(tuned, 4) for _, tuned in pairs])
            found["gain"][-1].append([round(tuned - frozen, 4) for frozen, tuned in pairs])
    return found


def compare(network: nn.Module, name: str, labels: int, seed: int) -> tuple[float, float]:
    """Test accuracy of the linear probe, and of fine-tuning that starts from its head.

    Each picture is shown ten times, or fewer where there are many.
    """
    task = load_task(name, labels, seed)
    start = probe(network, task, seed=seed)
    epochs = max(2, min(10, 600 // len(task.train)))
    settings = {**PLAIN, **GOOD, "epochs": epochs, "seed": seed}
    return start.test_acc, fine_tune(network, task, head=start.head, **settings).test_acc


def _plain_runs() -> dict[str, list[float]]:
    """The runs that all others are compared with: everything trained, at GOOD rates."""
    grid = stored("03_learning_rates")
    column = RATES.index(GOOD["body_lr"])
    return {name: grid[name][-1][column] for name in ("accuracy", "source_accuracy", "cka")}


def _runs(keeping: Keeping | None, options: dict) -> list[tuple[float, ...]]:
    """One run a seed with these options, each from the head of a probe."""
    network = backbone("zukan-resnet")
    tasks = [load_task(TASK, LABELS, seed) for seed in SEEDS]
    heads = [probe(network, task, seed=seed).head for seed, task in zip(SEEDS, tasks, strict=True)]
    return [
        _measure(keeping, task, seed, {"head": head, **PLAIN, **GOOD, **options})
        for seed, task, head in zip(SEEDS, tasks, heads, strict=True)
    ]


def _measure(keeping: Keeping | None, task: Task, seed: int, settings: dict) -> tuple[float, ...]:
    """(test accuracy, source accuracy kept, CKA), or the first alone."""
    run = fine_tune(backbone("zukan-resnet"), task, seed=seed, **settings)
    return (run.test_acc, *keeping(run.model)) if keeping else (run.test_acc,)
