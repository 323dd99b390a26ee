"""Lesson 05 on real handwriting: Omniglot's characters, which no network here was trained on."""

from __future__ import annotations

import torch

from tlhelpers.course.results import experiment
from tlhelpers.data.real import real_characters, small_pixels
from tlhelpers.models.backbones import backbone
from tlhelpers.models.real import mobilenet
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.fewshot import evaluate_episodes, sample_episodes

SEEDS, EPISODES, CHARACTERS, QUERIES = 10, 100, 100, 5
WAYS, SHOTS = (5, 20), (1, 5)


@experiment("05_real", weights=("zukan-resnet",))
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
    found |= {"unit": "draws of 100 characters", "seeds": SEEDS, **{kind: {} for kind in kinds}}
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
