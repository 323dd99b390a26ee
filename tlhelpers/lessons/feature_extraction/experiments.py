"""Lesson 02 on real photos: which layer, which pooling, and what BatchNorm's drift costs."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from tlhelpers.course.results import experiment
from tlhelpers.data.real import real_photos
from tlhelpers.models.real import mobilenet
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.logistic import draw_rows, logistic_accuracy, logistic_curves

SEEDS, LABELS = 10, (10, 50)
SIDE = 96
LAYERS = (2, 4, 7, 11, 14, 18)  # of MobileNetV2's 19 blocks
DRIFT_STEPS, DRIFT_BATCH, DRIFT_SEEDS = 60, 16, 5


@experiment("02_real", weights=())
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
        "unit": "draws of labelled and test photos",
        "seeds": SEEDS,
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
    for seed in range(DRIFT_SEEDS):
        train, test = draw_rows(labels, groups, (50,), seed)
        rows, test = train[50], test[:200]
        found["still"].append(logistic_accuracy(still, labels, rows, test))
        drifting = copy.deepcopy(network).train()
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for _ in range(DRIFT_STEPS):
                some = rows[torch.randperm(len(rows), generator=generator)[:DRIFT_BATCH]]
                drifting(network.preprocess(images[some]))
        mixed = still.clone()  # the head learns from the features as they were
        mixed[test] = extract_features(drifting.eval(), images[test], cache=False)
        found["drifted"].append(logistic_accuracy(mixed, labels, rows, test))
    return found
