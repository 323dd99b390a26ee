"""Real data sets by name: `load_task("pets", source="public")`.

`catalogue/public.toml` says where each file is, its licence, and the checksum that its publisher
states; `store.fetch` brings it (from the mirror where there is one). Only the photos that a task
asks for are decoded. None of these files is a pickle, and none is ever run.
"""

from __future__ import annotations

import functools
import gzip
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tlhelpers.data import archive
from tlhelpers.data.photo import PhotoError, no_warnings, read_photo
from tlhelpers.data.request import Entry, Request
from tlhelpers.data.task import Split, Task, rows_of_each
from tlhelpers.data.zukan import keys_of
from tlhelpers.data.zukan.styles import apply_style
from tlhelpers.runtime import store
from tlhelpers.runtime.language import LANGUAGES, text
from tlhelpers.runtime.store import StoreError

CATALOGUE = Path(__file__).with_name("catalogue")
HELD_OUT = 0.2  # of each class for test, and of the rest for valid, where the publisher names none


@dataclass(frozen=True)
class PublishedFile:
    """A file of a public data set. md5 is empty where its publisher states none."""

    url: str
    md5: str
    checksum_from: str
    megabytes: float

    @property
    def name(self) -> str:
        return self.url.split("?")[0].rsplit("/", 1)[-1]


@dataclass(frozen=True)
class PublicSet:
    """A line of the catalogue."""

    name: str
    reader: str
    classes: int
    description: dict[str, str]
    licence: str
    citation: str
    homepage: str
    stands_for: tuple[str, ...]
    names: dict[str, list[str]] | None
    files: tuple[PublishedFile, ...]


@dataclass
class Part:
    """Examples as published. read: row numbers and a size -> uint8 (n, 3, size, size)."""

    labels: Tensor
    read: Callable[[Tensor, int], Tensor]


@functools.cache
def public_sets() -> dict[str, PublicSet]:
    """The catalogue of public data sets, by name."""
    content = tomllib.loads((CATALOGUE / "public.toml").read_text(encoding="utf-8"))
    return {
        name: PublicSet(
            name=name,
            **{
                **line,
                "stands_for": tuple(line["stands_for"]),
                "names": line.get("names"),
                "files": tuple(PublishedFile(**file) for file in line["files"]),
            },
        )
        for name, line in content.items()
    }


def public_entries() -> list[Entry]:
    """The lines that `list_tasks` shows, and one for each drawn task that a set stands for."""
    return [
        Entry(
            name=name,
            kind="image",
            classes=line.classes,
            description=line.description,
            licence=line.licence,
            load=load_public,
            source="public",
        )
        for line in public_sets().values()
        for name in (line.name, *line.stands_for)
    ]


def find_set(name: str) -> PublicSet:
    """The set `name`, or the one that stands for the drawn task `name`."""
    sets = public_sets()
    if name in sets:
        return sets[name]
    return next(line for line in sets.values() if name in line.stands_for)


def folder_of(line: PublicSet) -> Path:
    """Where the files of a set lie. Sets of the same files share one folder."""
    first = next(s for s in public_sets().values() if s.files == line.files)
    return store.cache_folder() / "public" / first.name


def fetch_set(line: PublicSet) -> Path:
    """Brings the files of a set, and unpacks its archives; returns its folder."""
    folder = folder_of(line)
    for file in line.files:
        target = folder / file.name
        try:
            store.fetch(file.url, target, md5=file.md5 or None)
        except StoreError as error:
            raise StoreError(text("public.not_here", name=line.name, reason=error)) from error
        if archive.is_archive(file.name):
            archive.extract(target, folder / "unpacked" / file.name.split(".")[0])
    return folder


def load_public(asked: Request) -> Task:
    """The public task asked for. Raises StoreError where its files cannot be had."""
    line = find_set(asked.name)
    folder = fetch_set(line)
    try:
        parts, found = READERS[line.reader](folder)
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise StoreError(text("public.unreadable", name=line.name, folder=folder)) from error
    names = line.names or dict.fromkeys(LANGUAGES, found)
    return build_task(asked, line, parts, names)


def build_task(
    asked: Request, line: PublicSet, parts: dict[str, Part], names: dict[str, list[str]]
) -> Task:
    """Train, valid and test of as many examples of each class as were asked for."""
    chosen = [int(c) for c in asked.classes or range(len(names["en"]))]
    pools = _pools(parts)

    def split(part: str, argument: str, count: int, seed: int) -> Split:
        source, rows = pools[part]
        picked = []
        for label in chosen:
            mine = rows[source.labels[rows] == label]
            if len(mine) < count:
                values = {"name": names["en"][label], "argument": argument, "most": len(mine)}
                raise ValueError(text("catalog.too_many", **values))
            order = torch.randperm(len(mine), generator=torch.Generator().manual_seed(seed))
            picked.append(mine[order[:count]])
        picked = torch.stack(picked, 1).flatten()
        labels = torch.arange(len(chosen)).repeat(count)
        images = source.read(picked, asked.size)
        if asked.style != "photo":
            keys = keys_of(line.name, labels, picked)
            styled = apply_style(images.float() / 255, keys, asked.style).clamp(0, 1)
            images = (styled * 255 + 0.5).to(torch.uint8)
        return Split(images, labels)

    return Task(
        name=line.name,
        train=split("train", "per_class", asked.per_class, asked.seed),
        valid=split("valid", "valid_per_class", asked.valid_per_class, 0),
        test=split("test", "test_per_class", asked.test_per_class, 0),
        classes={lang: [names[lang][c] for c in chosen] for lang in LANGUAGES},
        licence=line.licence,
        source=text("public.source", citation=line.citation, homepage=line.homepage),
    )


def _pools(parts: dict[str, Part]) -> dict[str, tuple[Part, Tensor]]:
    """For train, valid and test the published part, and the rows of it that may be used."""
    pools = {name: (part, torch.arange(len(part.labels))) for name, part in parts.items()}
    for name in ("test", "valid"):
        if name not in pools:
            part, rows = pools["train"]
            taken, left = _hold_out(part.labels[rows])
            pools[name], pools["train"] = (part, rows[taken]), (part, rows[left])
    return pools


def _hold_out(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of HELD_OUT of each class, always the same ones, and the other rows."""
    taken = torch.zeros(len(labels), dtype=torch.bool)
    taken[rows_of_each(labels, HELD_OUT, torch.Generator().manual_seed(0))] = True
    return taken.nonzero()[:, 0], (~taken).nonzero()[:, 0]


# --- how each publisher arranged it -------------------------------------------------------


def _photos(paths: Sequence[Path], labels: Sequence[int]) -> Part:
    def read(rows: Tensor, size: int) -> Tensor:
        images = torch.empty(len(rows), 3, size, size, dtype=torch.uint8)
        with no_warnings():
            for place, row in enumerate(rows.tolist()):
                try:
                    images[place] = torch.from_numpy(read_photo(paths[row], size).pixels)
                except PhotoError as error:
                    raise ValueError(f"{paths[row]}: {error}") from error
        return images

    return Part(torch.as_tensor(labels, dtype=torch.long), read)


def _arrays(images: np.ndarray, labels: np.ndarray) -> Part:
    """images: uint8 (n, height, width) or (n, height, width, 3)."""

    def read(rows: Tensor, size: int) -> Tensor:
        some = torch.from_numpy(np.ascontiguousarray(images[rows.numpy()]))
        some = some[:, None].expand(-1, 3, -1, -1) if some.ndim == 3 else some.permute(0, 3, 1, 2)
        large = F.interpolate(
            some.float(), (size, size), mode="bilinear", align_corners=False, antialias=True
        )
        return (large + 0.5).clamp(0, 255).to(torch.uint8)

    return Part(torch.as_tensor(labels.astype(np.int64).reshape(-1)), read)


def read_pets(folder: Path, column: int = 2) -> tuple[dict[str, Part], list[str]]:
    """annotations/{trainval,test}.txt: image, breed, species, number, all from 1."""
    photos = folder / "unpacked" / "images" / "images"
    lists = folder / "unpacked" / "annotations" / "annotations"
    parts: dict[str, Part] = {}
    names: dict[int, str] = {}
    for part, file in (("train", "trainval.txt"), ("test", "test.txt")):
        lines = [line.split() for line in (lists / file).read_text().splitlines() if line.strip()]
        labels = [int(line[column]) - 1 for line in lines]
        parts[part] = _photos([photos / f"{line[0]}.jpg" for line in lines], labels)
        names |= {
            label: line[0].rsplit("_", 1)[0].replace("_", " ").lower()
            for label, line in zip(labels, lines, strict=True)
        }
    return parts, [names[label] for label in sorted(names)]


def read_breeds(folder: Path) -> tuple[dict[str, Part], list[str]]:
    """The same photos, with the breed as the class."""
    return read_pets(folder, column=1)


def read_flowers(folder: Path) -> tuple[dict[str, Part], list[str]]:
    """imagelabels.mat and setid.mat; the names are torchvision's list."""
    from scipy.io import loadmat
    from torchvision.datasets import Flowers102

    labels = loadmat(folder / "imagelabels.mat")["labels"].reshape(-1).astype(int) - 1
    numbers = loadmat(folder / "setid.mat")
    photos = folder / "unpacked" / "102flowers" / "jpg"
    parts = {}
    for part, key in (("train", "trnid"), ("valid", "valid"), ("test", "tstid")):
        rows = numbers[key].reshape(-1).astype(int)
        parts[part] = _photos([photos / f"image_{row:05d}.jpg" for row in rows], labels[rows - 1])
    return parts, list(Flowers102.classes)


def read_cifar10(folder: Path) -> tuple[dict[str, Part], list[str]]:
    """cifar-10-batches-bin: records of one label and 3 x 32 x 32 bytes."""
    root = folder / "unpacked" / "cifar-10-binary" / "cifar-10-batches-bin"
    parts = {}
    for part, pattern in (("train", "data_batch_*.bin"), ("test", "test_batch.bin")):
        files = sorted(root.glob(pattern))
        records = np.concatenate([np.fromfile(file, np.uint8) for file in files]).reshape(-1, 3073)
        images = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        parts[part] = _arrays(images, records[:, 0])
    return parts, (root / "batches.meta.txt").read_text().split()


def read_eurosat(folder: Path) -> tuple[dict[str, Part], list[str]]:
    """2750/CLASS/CLASS_number.jpg, without parts of its own."""
    return _from_folders(folder / "unpacked" / "EuroSAT" / "2750", "*.jpg")


def read_omniglot(folder: Path, part: str = "*") -> tuple[dict[str, Part], list[str]]:
    """images_background/ALPHABET/characterNN/*.png."""
    root = next((folder / "unpacked").glob(f"{part}/images_background*"))
    return _from_folders(root, "*.png", depth=2)


def _from_folders(root: Path, pattern: str, depth: int = 1) -> tuple[dict[str, Part], list[str]]:
    classes = sorted(path for path in root.glob("/".join(["*"] * depth)) if path.is_dir())
    photos = [(photo, c) for c, path in enumerate(classes) for photo in sorted(path.glob(pattern))]
    if not photos:
        raise ValueError(f"no {pattern} in {root}")
    paths, labels = zip(*photos, strict=True)
    names = [path.relative_to(root).as_posix().replace("_", " ") for path in classes]
    return {"train": _photos(paths, labels)}, names


def read_dtd(folder: Path) -> tuple[dict[str, Part], list[str]]:
    """labels/{train,val,test}1.txt: the first of the ten published splits."""
    root = folder / "unpacked" / "dtd-r1" / "dtd"
    names = sorted(path.name for path in (root / "images").iterdir() if path.is_dir())
    parts = {}
    for part, file in (("train", "train1.txt"), ("valid", "val1.txt"), ("test", "test1.txt")):
        lines = (root / "labels" / file).read_text().split()
        labels = [names.index(line.split("/")[0]) for line in lines]
        parts[part] = _photos([root / "images" / line for line in lines], labels)
    return parts, names


def read_medmnist(folder: Path) -> tuple[dict[str, Part], list[str]]:
    """One .npz of plain arrays: {train,val,test}_{images,labels}."""
    (file,) = folder.glob("*.npz")
    with np.load(file, allow_pickle=False) as arrays:
        parts = {
            part: _arrays(arrays[f"{key}_images"], arrays[f"{key}_labels"])
            for part, key in (("train", "train"), ("valid", "val"), ("test", "test"))
        }
    return parts, []


def read_idx(folder: Path) -> tuple[dict[str, Part], list[str]]:
    """MNIST's own format: a head of big-endian numbers, then bytes."""
    parts = {}
    for part, key in (("train", "train"), ("test", "t10k")):
        images = _idx(folder / f"{key}-images-idx3-ubyte.gz", 3)
        parts[part] = _arrays(images, _idx(folder / f"{key}-labels-idx1-ubyte.gz", 1))
    return parts, []


def _idx(path: Path, dimensions: int) -> np.ndarray:
    with gzip.open(path, "rb") as file:
        content = file.read()
    head = np.frombuffer(content, ">i4", 1 + dimensions)
    if head[0] != 0x800 + dimensions:
        raise ValueError(f"{path} is not in the idx format")
    return np.frombuffer(content, np.uint8, offset=4 * len(head)).reshape(head[1:])


# What `reader` in the catalogue names.
READERS: dict[str, Callable[[Path], tuple[dict[str, Part], list[str]]]] = {
    "read_pets": read_pets,
    "read_breeds": read_breeds,
    "read_flowers": read_flowers,
    "read_cifar10": read_cifar10,
    "read_eurosat": read_eurosat,
    "read_omniglot": read_omniglot,
    "read_dtd": read_dtd,
    "read_medmnist": read_medmnist,
    "read_idx": read_idx,
}
