"""Lesson 02 on real photos, and its verdicts under other settings."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from tlhelpers.course.results import CROSS_VALIDATED, VARIED, experiment
from tlhelpers.data.catalog import load_task
from tlhelpers.data.real import real_photos
from tlhelpers.data.task import Split, Task
from tlhelpers.models.backbones import backbone
from tlhelpers.models.real import mobilenet
from tlhelpers.train.engine import evaluate, fit
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.logistic import draw_rows, logistic_accuracy, logistic_curves

SEEDS, LABELS = 10, (10, 50)
SIDE = 96
LAYERS = (2, 4, 7, 11, 14, 18)  # of MobileNetV2's 19 blocks
DRIFT_STEPS, DRIFT_BATCH = 60, 16


@experiment(
    "02_real",
    weights=(),
    unit="draws of labelled and test photos",
    seeds=10,
    labels="10, 50",
    settings=CROSS_VALIDATED,
)
def real() -> dict:
    """Real cats and dogs through MobileNetV2, read at several depths and in two ways.

    {"layers": {block: {labels a class: [accuracy a draw]}}, "pooling": {"mean" | "max": ...},
    "drift": {"still" | "drifted": [accuracy a draw]}}: drifted features come from the same network
    after DRIFT_STEPS batches of its "frozen" body in train mode; the head learned before.
    """
    photos = real_photos("cats_dogs")
    labels, groups = photos.split.labels, photos.groups
    network = mobilenet(SIDE)
    by_layer, pooled = _read(network, photos.split.inputs)
    found = {
        "photos": len(labels),
        "pixels": SIDE,
        "layers": logistic_curves(by_layer, labels, groups, LABELS, SEEDS),
        "pooling": logistic_curves(pooled, labels, groups, LABELS, SEEDS),
    }
    found["drift"] = _drift(network, photos.split.inputs, labels, groups, pooled["mean"])
    return found


def _read(network: nn.Module, images: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """(features of each of LAYERS, the last maps averaged and at their highest)."""
    maps: dict[str, list[Tensor]] = {str(layer): [] for layer in LAYERS}
    highest = []
    with torch.inference_mode():
        for batch in images.split(64):
            state = network.preprocess(batch)
            for number, block in enumerate(network.features):
                state = block(state)
                if number in LAYERS:
                    maps[str(number)].append(state.mean((2, 3)))
            highest.append(state.amax((2, 3)))
    layers = {name: torch.cat(parts).clone() for name, parts in maps.items()}
    return layers, {"mean": layers[str(LAYERS[-1])], "max": torch.cat(highest).clone()}


def _drift(
    network: nn.Module, images: Tensor, labels: Tensor, groups: Tensor, still: Tensor
) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"still": [], "drifted": []}
    for seed in range(SEEDS):
        train, test = draw_rows(labels, groups, (50,), seed)
        rows, generator = train[50], torch.Generator().manual_seed(seed)
        test = test[torch.randperm(len(test), generator=generator)[:200]]  # they come by classes
        found["still"].append(logistic_accuracy(still, labels, rows, test))
        drifting = copy.deepcopy(network).train()
        with torch.no_grad():
            for _ in range(DRIFT_STEPS):
                some = rows[torch.randperm(len(rows), generator=generator)[:DRIFT_BATCH]]
                drifting(network.preprocess(images[some]))
        mixed = still.clone()  # the head learns from the features as they were
        mixed[test] = extract_features(drifting.eval(), images[test], cache=False)
        found["drifted"].append(logistic_accuracy(mixed, labels, rows, test))
    return found


STABLE_SEEDS, STABLE_EPOCHS = range(10), {"half": 4, "as_told": 8, "three_times": 24}


@experiment(
    "02_stable",
    unit="draws of training and test pictures and of random weights",
    seeds=10,
    labels="10",
    settings=VARIED,
)
def stable() -> dict:
    """Do two verdicts survive other settings? {"verdicts": {name: {setting: [points a draw]}}}.

    "borrowed": a head on borrowed features before one on those of an untrained body, ten birds
    with ten labels each. "drift": what the old task loses while a "frozen" body stays in train
    mode; its weights do not move, so that neither clipping nor the optimizer reaches it. Points
    above 0 say that the verdict holds.
    """
    network = backbone("zukan-resnet")
    before = _on_source(network)
    settings = {name: {"epochs": epochs} for name, epochs in STABLE_EPOCHS.items()}
    settings |= {"clipped": {"clip_norm": 1.0}, "sgd": {"optimizer": "sgd", "lr": 0.05}}
    borrowed: dict[str, list[float]] = {name: [] for name in settings}
    drift: dict[str, list[float]] = {name: [] for name in STABLE_EPOCHS}
    for seed in STABLE_SEEDS:
        task = load_task("birds", 10, seed)
        tested = load_task("birds", 40, 1000 + seed).train  # fresh pictures for each draw
        torch.manual_seed(seed)
        untrained = backbone("zukan-resnet", pretrained=False)  # random weights differ, too
        for name, options in settings.items():
            accuracies = [_head(body, task, tested, options) for body in (network, untrained)]
            borrowed[name].append(_points(*accuracies))
        drifting = copy.deepcopy(network).train()
        generator = torch.Generator().manual_seed(seed)
        for epoch in range(1, max(STABLE_EPOCHS.values()) + 1):
            with torch.no_grad():
                for rows in torch.randperm(len(task.train), generator=generator).split(32):
                    drifting(network.preprocess(task.train.inputs[rows]))
            for name, epochs in STABLE_EPOCHS.items():
                if epoch == epochs:
                    drift[name].append(_points(before, _on_source(drifting)))
    return {"verdicts": {"borrowed": borrowed, "drift": drift}}


def _head(body: nn.Module, task: Task, tested: Split, options: dict) -> float:
    """Test accuracy of a head trained on the features of a body, as the lesson trains it."""
    features = [extract_features(body, split) for split in (task.train, tested)]
    torch.manual_seed(0)
    head = nn.Linear(features[0].shape[1], task.num_classes)
    options = {"epochs": 8, "batch_size": 32, "optimizer": "adamw", "lr": 0.01, **options}
    options |= {"schedule": "constant", "progress": False}
    fit(nn.Sequential(head), Split(features[0], task.train.labels), **options)
    right = head(features[1]).argmax(1) == tested.labels
    return right.double().mean().item()


def _on_source(model: nn.Module) -> float:
    """Accuracy on the 104 kinds of the source, in eval mode; `model` stays in its own."""
    source = load_task("source", per_class=1, valid_per_class=1, test_per_class=2)
    return evaluate(copy.deepcopy(model).eval(), source.test)


def _points(high: float, low: float) -> float:
    return round(100 * (high - low), 2)
