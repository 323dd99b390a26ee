"""Real photos, characters and texts from a folder of one's own: what the real twins measure.

A lesson's central claim has a twin on real data, `NN_real.json`. The data are no part of the
course; `TLHELPERS_REAL`, or `real` in the mirror, is the folder that holds them: `images/` with
archives of photos, `text/` with tables, `weights/`. Without it every function here raises
StoreError, and the stored results stand.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from tlhelpers.data import archive, public
from tlhelpers.data.folder import load_folder
from tlhelpers.data.task import Split
from tlhelpers.runtime import store
from tlhelpers.runtime.language import text
from tlhelpers.runtime.store import StoreError

PHOTOS = {  # name -> its archive in images/, and the pixels that its photos are read at
    "cats_dogs": ("cats_dogs_train_160.tar", 150),
    "blood_cells": ("blood_cells_96.tar", 96),
    "ants_bees": ("hymenoptera_256.tar", 150),
    "flowers": ("flowers5_128.tar", 128),
}
OMNIGLOT = ("omniglot_images_background_small1.zip", "omniglot_images_background_small2.zip")
ENCODERS = {"minilm": ("minilm_l6", ""), "e5": ("e5_small_ja_en", "query: ")}  # folder, prefix


@dataclass(frozen=True)
class RealPhotos:
    """All pictures of a set. groups: (n,), equal where two must not stand in different parts."""

    split: Split
    groups: Tensor
    classes: list[str]


def real_folder() -> Path:
    """The folder that `TLHELPERS_REAL` names, else `real` in the mirror's folder.

    Raises StoreError where there is none.
    """
    named = os.environ.get("TLHELPERS_REAL")
    place = Path(named or Path(store.mirror() or "", "real")).expanduser()
    if not (named or store.mirror()) or not place.is_dir():
        raise StoreError(text("real.absent"))
    return place


def real_file(*parts: str) -> Path:
    """A file of the real folder. Raises StoreError where it is not there."""
    path = Path(real_folder(), *parts)
    if not path.exists():
        raise StoreError(text("real.file_absent", file="/".join(parts)))
    return path


def real_photos(name: str) -> RealPhotos:
    """A set of PHOTOS, decoded once and kept in the cache."""
    packed, size = PHOTOS[name]
    task = load_folder(real_file("images", packed), size=size, progress=False)
    parts = ("train", "valid", "test")
    splits = [getattr(task, part) for part in parts]
    rows = [group for part in parts for group in task.groups[part]]
    _, groups = torch.tensor(rows).unique(return_inverse=True)
    images = torch.cat([split.inputs for split in splits])
    labels = torch.cat([split.labels for split in splits])
    return RealPhotos(Split(images, labels), groups, task.classes["en"])


def real_characters(size: int = 64) -> RealPhotos:
    """Omniglot's characters, 20 drawings each, uint8 (n, 3, size, size); each its own group."""
    images, labels = [], []
    for packed in OMNIGLOT:
        folder = store.cache_folder() / "unpacked" / "omniglot" / "unpacked" / packed[:-4]
        archive.extract(real_file("images", packed), folder)
        part = public.read_omniglot(folder.parents[1], packed[:-4])[0]["train"]
        count = 1 + max((int(known.max()) for known in labels), default=-1)
        images.append(part.read(torch.arange(len(part.labels)), size))
        labels.append(part.labels + count)
    whole = torch.cat(labels)
    names = [str(number) for number in range(int(whole.max()) + 1)]
    return RealPhotos(Split(torch.cat(images), whole), torch.arange(len(whole)), names)


def real_arrays(folder: str, size: int, per_class: int) -> RealPhotos:
    """The first `per_class` pictures of each class of a set in MNIST's format."""
    part = public.read_idx(real_file("images", folder, "raw"))[0]["train"]
    rows = torch.cat([(part.labels == c).nonzero()[:per_class, 0] for c in part.labels.unique()])
    split = Split(part.read(rows, size), part.labels[rows])
    names = [str(c) for c in part.labels.unique().tolist()]
    return RealPhotos(split, torch.arange(len(rows)), names)


def small_pixels(images: Tensor, side: int = 16) -> Tensor:
    """The pictures as they are, averaged to side x side: (n, 3 * side * side) in [0, 1]."""
    return nn.functional.adaptive_avg_pool2d(images.float() / 255, side).flatten(1)


def mobilenet(size: int, pretrained: bool = True, seed: int = 0) -> nn.Module:
    """MobileNetV2 with the ImageNet weights of the folder, or with random ones."""
    from tlhelpers.models.backbones import backbone

    if pretrained:
        weights = real_file("weights", "mobilenet_v2_imagenet_dequant.pth")
        return backbone("mobilenet_v2", weights=weights, size=size)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return backbone("mobilenet_v2", pretrained=False, size=size)


def encode_texts(encoder: str, texts: Sequence[str], batch_size: int = 64) -> Tensor:
    """Sentence embeddings (n, d) of unit length: the mean over tokens of a real encoder."""
    from transformers import AutoModel, AutoTokenizer

    folder, prefix = ENCODERS[encoder]
    place = str(real_file("weights", folder))
    tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=False)
    model = AutoModel.from_pretrained(place, trust_remote_code=False).eval()
    found = torch.empty(len(texts), model.config.hidden_size)
    by_length = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    for start in range(0, len(texts), batch_size):
        rows = by_length[start : start + batch_size]
        batch = tokenizer(
            [prefix + texts[row] for row in rows],
            padding=True,
            truncation=True,
            max_length=256,
            return_tensors="pt",
        )
        with torch.inference_mode():
            states = model(**batch).last_hidden_state
        mask = batch["attention_mask"][..., None].float()
        found[rows] = nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=1)
    return found
