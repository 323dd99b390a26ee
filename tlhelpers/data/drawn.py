"""Tasks of the drawn world (zukan): pictures are drawn when they are needed, never stored.

Train, valid and test take their pictures from ranges of numbers that never meet, and only the
train pictures depend on `seed`.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from pathlib import Path

import torch
from torch import Tensor

from tlhelpers.data import zukan
from tlhelpers.data.request import Request
from tlhelpers.data.task import Split, Task
from tlhelpers.runtime.language import text
from tlhelpers.runtime.stamp import hash_files

# Where each split's pictures begin: train counts up from 0 and never gets as far as valid.
VALID_FIRST, TEST_FIRST = 2**40, 2**41
HELD_IN_MEMORY = 50_000  # pictures of a split at 64 pixels; more are drawn when they are asked for
_KEPT_BYTES = 512 * 2**20  # drawn splits kept for the next task that asks for the same


def load_drawn(asked: Request) -> Task:
    """A task of the drawn world."""
    domain = zukan.DOMAINS[asked.name]
    chosen = asked.classes or tuple(range(domain.num_classes))

    def split(per_class: int, first: int, seed: int) -> Split:
        return _split(asked.name, chosen, per_class, first, seed, asked.size, asked.style)

    keep = [int(c) for c in chosen]
    return Task(
        name=asked.name,
        train=split(asked.per_class, 0, asked.seed),
        valid=split(asked.valid_per_class, VALID_FIRST, 0),
        test=split(asked.test_per_class, TEST_FIRST, 0),
        classes={lang: [names[c] for c in keep] for lang, names in domain.classes.items()},
        attributes=None if domain.attributes is None else domain.attributes[keep],
        attribute_names=domain.attribute_names,
        licence=domain.licence,
        source=text("catalog.drawn", name=asked.name),
    )


@functools.cache
def drawing_code() -> str:
    """A hash of the code that draws: pictures are the same while it is."""
    folder = Path(zukan.__file__).parent
    return hash_files(folder.glob("*.py"), folder, newlines=True)


_kept: OrderedDict[tuple, Tensor] = OrderedDict()


def _split(
    name: str,
    chosen: tuple[int, ...],
    per_class: int,
    first: int,
    seed: int,
    size: int,
    style: str,
) -> Split:
    """Row r shows class r % k with the number first + r // k, for k chosen classes."""
    k = len(chosen)
    labels = torch.arange(k).repeat(per_class)
    numbers = torch.tensor(chosen)

    def draw(rows: Tensor) -> Tensor:
        rows = rows.cpu()
        return zukan.draw(name, numbers[rows % k], first + rows // k, seed, size, style)

    key = (name, chosen, per_class, first, seed, size, style)
    if len(labels) * size * size > HELD_IN_MEMORY * 64 * 64:
        return Split(draw, labels, f"zukan-{drawing_code()}/{key}")
    if key not in _kept:
        _kept[key] = draw(torch.arange(len(labels)))
        while sum(kept.nbytes for kept in _kept.values()) > _KEPT_BYTES and len(_kept) > 1:
            _kept.popitem(last=False)
    _kept.move_to_end(key)
    return Split(_kept[key], labels)
