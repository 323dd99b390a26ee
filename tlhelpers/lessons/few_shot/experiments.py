"""Lesson 05 on real handwriting: Omniglot's characters, which no network here was trained on."""

from __future__ import annotations

import torch
from torch import Tensor

from tlhelpers.course.results import FIXED, VARIED, experiment
from tlhelpers.data.catalog import load_task
from tlhelpers.data.real import real_characters, small_pixels
from tlhelpers.models.backbones import backbone
from tlhelpers.models.real import mobilenet
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.fewshot import evaluate_episodes, sample_episodes

SEEDS, EPISODES, CHARACTERS, QUERIES = 10, 100, 100, 5
WAYS, SHOTS = (5, 20), (1, 5)


@experiment(
    "05_real",
    weights=("zukan-resnet",),
    unit="draws of 100 characters",
    seeds=10,
    labels="1, 5",
    settings=FIXED,
)
def real() -> dict:
    """{KIND: {"5-way 1-shot": [mean accuracy a draw], ...}}; a draw has 100 other characters.

    KIND: "imagenet" (MobileNetV2), "zukan" (the course's network), "random" (MobileNetV2, never
    trained), "pixels" (28 x 28).
    """
    drawings = real_characters(64).split
    network = backbone("zukan-resnet")
    kinds = {
        "imagenet": extract_features(mobilenet(96), drawings, batch_size=64),
        "zukan": extract_features(network, drawings),
        "random": extract_features(mobilenet(96, pretrained=False), drawings, batch_size=64),
        "pixels": small_pixels(drawings.inputs[:, :1], 28),
    }
    found: dict = {"characters": int(drawings.labels.max()) + 1, "episodes": EPISODES}
    found |= {kind: {} for kind in kinds}
    for seed in range(SEEDS):
        order = torch.randperm(found["characters"], generator=torch.Generator().manual_seed(seed))
        mine = torch.isin(drawings.labels, order[:CHARACTERS]).nonzero()[:, 0]
        for way in WAYS:
            for shot in SHOTS:
                labels = drawings.labels[mine]
                rows = sample_episodes(labels, way, shot, QUERIES, EPISODES, seed)
                for kind, features in kinds.items():
                    right = evaluate_episodes(features[mine], rows, shot, "prototypes")
                    line = found[kind].setdefault(f"{way}-way {shot}-shot", [])
                    line.append(round(right.mean().item(), 4))
    return found


RULES, SIDES = ("prototypes", "cosine", "nearest", "head"), (64, 96, 128)
STABLE_SEEDS = range(10)


@experiment(
    "05_stable",
    weights=("zukan-resnet",),
    unit="draws of pictures, or of 100 characters",
    seeds=10,
    labels="1-5",
    settings=VARIED,
)
def stable() -> dict:
    """Do two verdicts survive other settings? {"verdicts": {name: {setting: [points a draw]}}}.

    Nothing is trained here: in place of budgets and optimizers, the rule that answers changes, the
    number of pictures, and MobileNetV2's input size. "birds": pretrained features before the better
    of raw pixels and five random networks. "characters": the course's network before MobileNetV2 on
    Omniglot. Points above 0 say that the verdict holds.
    """
    return {"verdicts": {"birds": _on_birds(), "characters": _on_characters()}}


def _on_birds() -> dict[str, list[float]]:
    network, found = backbone("zukan-resnet"), {}
    bodies = []
    for seed in range(5):
        torch.manual_seed(seed)
        bodies.append(backbone("zukan-resnet", pretrained=False))
    for seed in STABLE_SEEDS:
        drawings = load_task("birds", 40, 1000 + seed).train
        rivals = [extract_features(body, drawings) for body in bodies]
        rivals.append(small_pixels(drawings.inputs, 32))
        features = extract_features(network, drawings)
        for shot in (1, 2, 5):
            for rule in RULES:
                ours = _accuracy(features, drawings.labels, shot, rule, seed)
                best = max(_accuracy(f, drawings.labels, shot, rule, seed) for f in rivals)
                found.setdefault(f"{rule}, {shot}-shot", []).append(round(ours - best, 2))
    return found


def _on_characters() -> dict[str, list[float]]:
    drawings, found = real_characters(64).split, {}
    ours = extract_features(backbone("zukan-resnet"), drawings)
    theirs = {
        side: extract_features(mobilenet(side), drawings, batch_size=64, cache=False)
        for side in SIDES
    }
    for seed in STABLE_SEEDS:
        count = int(drawings.labels.max()) + 1
        order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
        mine = torch.isin(drawings.labels, order[:CHARACTERS]).nonzero()[:, 0]
        labels = drawings.labels[mine]
        for shot in SHOTS:
            for rule in RULES:
                accuracy = _accuracy(ours[mine], labels, shot, rule, seed)
                for side, features in theirs.items():
                    gap = accuracy - _accuracy(features[mine], labels, shot, rule, seed)
                    name = f"{rule}, {shot}-shot, {side} px"
                    found.setdefault(name, []).append(round(gap, 2))
    return found


def _accuracy(features: Tensor, labels: Tensor, shot: int, rule: str, seed: int) -> float:
    """Mean accuracy over 5-way episodes, in per cent."""
    rows = sample_episodes(labels, 5, shot, QUERIES, EPISODES, seed)
    return 100 * evaluate_episodes(features, rows, shot, rule).mean().item()
