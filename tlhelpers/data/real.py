"""Real photos, characters and texts from a folder of one's own: what the real twins measure.

A lesson's central claim has a twin on real data, `NN_real.json`. The data are no part of the
course; `TLHELPERS_REAL`, or `real` in the mirror, is the folder that holds them: `images/` with
archives of photos, `text/` with tables, `weights/`. Without it every function here raises
StoreError, and the stored results stand.
"""

from __future__ import annotations

import gzip
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
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
    place = Path(os.path.expanduser(named or Path(store.mirror() or "", "real")))
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
    images: list[Tensor] = []
    labels: list[Tensor] = []
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


def real_mnist(size: int, count: int = 1000) -> RealPhotos:
    """The first `count` of MNIST's 10,000 test digits, uint8 (n, 3, size, size)."""
    images, labels = (
        np.frombuffer(gzip.decompress(real_file("digits", name).read_bytes()), np.uint8, offset=at)
        for name, at in (
            ("mnist_t10k-images-idx3-ubyte.gz", 16),
            ("mnist_t10k-labels-idx1-ubyte.gz", 8),
        )
    )
    small = torch.tensor(images[: 784 * count]).view(-1, 1, 28, 28).float()
    large = nn.functional.interpolate(small, size, mode="bilinear", align_corners=False)
    split = Split(large.to(torch.uint8).expand(-1, 3, -1, -1), labels[:count].tolist())
    return RealPhotos(split, torch.arange(count), [str(digit) for digit in range(10)])


def small_pixels(images: Tensor, side: int = 16) -> Tensor:
    """The pictures as they are, averaged to side x side: (n, 3 * side * side) in [0, 1]."""
    return nn.functional.adaptive_avg_pool2d(images.float() / 255, side).flatten(1)
