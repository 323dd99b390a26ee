"""The photos of lesson 14: what a customer sends, with everyday mistakes in it.

A pet insurer sorts photos of cats and dogs that owners sent, up to three of each animal. All of it
is drawn, and the same for the same seed, so that everybody meets the same mistakes.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from tlhelpers.data.catalog import load_task

CATS, DOGS, MORE_CATS, NEW = 25, 75, 50, 100  # animals; NEW: of each kind, next month
SHOTS = 3  # photos of each animal
PIXELS = 128
COPIES = 12  # sent twice, as they are; as many again in a smaller size
WRONG = {"cat": 2, "dog": 2}  # the animals, by their place in their class, in the other folder


class Delivery(NamedTuple):
    """Three folders with the folders `cat` and `dog` in each."""

    inbox: Path  # as it came
    more_cats: Path  # sent later: cats alone, three photos each
    next_month: Path  # one photo of each of 200 other animals, with no mistake


def receive_photos(folder: Path | None = None, seed: int = 0) -> Delivery:
    """Write the three folders below `folder` (None: a new temporary one) as JPEG files.

    A file is named after the owner's number and the photo's: 0417_2.jpg.
    """
    folder = Path(tempfile.mkdtemp()) if folder is None else folder
    delivery = Delivery(folder / "inbox", folder / "more_cats", folder / "next_month")
    images, labels = animals(CATS + MORE_CATS, DOGS, seed, PIXELS)
    later = torch.zeros(len(labels), dtype=torch.bool)
    later[CATS : CATS + MORE_CATS] = True
    owners = 100 + torch.randperm(800, generator=_generator(seed))[: len(labels)]
    _write(delivery.inbox, images[~later], labels[~later], owners[~later], SHOTS, seed)
    _write(delivery.more_cats, images[later], labels[later], owners[later], SHOTS, seed + 1)
    new, of_new = animals(NEW, NEW, seed + 1000, PIXELS)
    _write(delivery.next_month, new, of_new, torch.arange(1001, 1001 + len(of_new)), 1, seed)
    wrong = owners[[WRONG["cat"], CATS + MORE_CATS + WRONG["dog"]]].tolist()
    _make_mistakes(delivery.inbox, dict(zip(("cat", "dog"), wrong, strict=True)))
    return delivery


def animals(cats: int, dogs: int, seed: int, size: int = 64) -> tuple[Tensor, Tensor]:
    """So many animals, cats first: uint8 (n, 3, size, size), labels (n,) with 0 for a cat."""
    most = max(cats, dogs)
    pets = load_task("pets", most, seed, size=size, valid_per_class=1, test_per_class=1).train
    rows = torch.cat([(pets.labels == c).nonzero()[:n, 0] for c, n in enumerate((cats, dogs))])
    return pets.inputs[rows], pets.labels[rows]


def read_photos(folder: Path, size: int = PIXELS) -> tuple[Tensor, Tensor, list[Path]]:
    """The photos below `cat` and `dog` that can be read, by name; others are skipped in silence.

    Returns images, uint8 (n, 3, size, size); labels (n,) with 0 for a cat; and the n files.
    """
    images, labels, paths = [], [], []
    for path in sorted(folder.glob("*/*.jpg")):
        with suppress(OSError), Image.open(path) as opened:
            photo = opened.convert("RGB").resize((size, size))
            images.append(torch.from_numpy(np.array(photo)).permute(2, 0, 1))
            labels.append(("cat", "dog").index(path.parent.name))
            paths.append(path)
    return torch.stack(images), torch.tensor(labels), paths


def owners_of(paths: Sequence[Path], images: Tensor) -> np.ndarray:
    """The owner's number of each photo, by its name: "0417" for 0417_2.jpg.

    A copy that bears no such name has the owner of the photo that it repeats: of those with a
    number, the one with the most similar pixels. images: uint8 (n, 3, height, width).
    """
    owners = np.array([path.stem.split("_")[0] for path in paths])
    named = torch.tensor([owner.isdigit() for owner in owners])
    coarse = F.adaptive_avg_pool2d(images.float(), 16).flatten(1)
    repeated = torch.cdist(coarse[~named], coarse[named]).argmin(1)
    owners[~named.numpy()] = owners[named.numpy()][repeated.numpy()]
    return owners


def photograph(images: Tensor) -> Tensor:
    """Each picture, uint8 (n, 3, height, width), turned by up to 20 degrees, half of them flipped.

    Torch's global generator decides; what is turned in from outside is a reflection.
    """
    angle = (torch.rand(len(images)) - 0.5) * 0.7
    flip = torch.where(torch.rand(len(images)) < 0.5, -1.0, 1.0)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros(len(images))
    turn = torch.stack([flip * cos, -sin, zero, flip * sin, cos, zero], 1).view(-1, 2, 3)
    grid = F.affine_grid(turn, images.shape, align_corners=False)
    turned = F.grid_sample(images.float(), grid, padding_mode="reflection", align_corners=False)
    return turned.round().to(torch.uint8)


def _write(
    folder: Path, images: Tensor, labels: Tensor, owners: Tensor, shots: int, seed: int
) -> None:
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        taken = [photograph(images) for _ in range(shots)]
    for number, photos in enumerate(taken, 1):
        for photo, label, owner in zip(photos, labels.tolist(), owners.tolist(), strict=True):
            place = folder / ("cat", "dog")[label] / f"{owner:04}_{number}.jpg"
            Image.fromarray(photo.permute(1, 2, 0).numpy()).save(place, quality=90)


def _make_mistakes(inbox: Path, wrong: dict[str, int]) -> None:
    """Two broken files, copies, one photo in both folders, and two animals in the wrong one.

    wrong: the owner's number of the cat among the dogs, and of the dog among the cats.
    """
    cats, dogs = (
        [p for p in sorted((inbox / name).iterdir()) if not p.name.startswith(f"{wrong[name]:04}")]
        for name in ("cat", "dog")
    )
    for name, other in (("cat", "dog"), ("dog", "cat")):
        for photo in list((inbox / name).glob(f"{wrong[name]:04}_*.jpg")):
            photo.rename(inbox / other / photo.name)
    cut = dogs[0].read_bytes()
    dogs[0].write_bytes(cut[: len(cut) // 2])
    (inbox / "cat" / "list.jpg").write_text("owners of cats")
    shutil.copy(cats[0], inbox / "dog" / cats[0].name)
    for number, photo in enumerate(dogs[1 : 1 + 4 * COPIES : 4]):
        shutil.copy(photo, inbox / "dog" / f"IMG_{2031 + number}.jpg")
    for number, photo in enumerate(dogs[60 : 60 + 4 * COPIES : 4]):
        with Image.open(photo) as opened:
            opened.resize((96, 96)).save(inbox / "dog" / f"thumb_{31 + number}.jpg", quality=80)


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
