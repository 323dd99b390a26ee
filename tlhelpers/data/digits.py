"""Real handwriting: scikit-learn's digits, enlarged, as a `Task`.

1,797 digits by 43 people, 8 x 8 points with 17 greys (UCI "Optical Recognition of Handwritten
Digits", Alpaydin and Kaynak 1998). The test part never changes; `seed` chooses the training
examples from what is left.
"""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor

from tlhelpers.data.request import Request
from tlhelpers.data.task import Split, Task
from tlhelpers.data.zukan import keys_of
from tlhelpers.data.zukan.styles import apply_style
from tlhelpers.runtime.language import LANGUAGES, text

TEST, VALID, TRAIN = 60, 30, 84  # examples of each digit kept for each part
_NAMES = [str(digit) for digit in range(10)]


@functools.cache
def _digits() -> tuple[Tensor, list[Tensor]]:
    """The pictures (1797, 1, 8, 8) in 0..1, and the rows of each digit in a fixed mixed order."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    labels = torch.as_tensor(bunch.target)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    rows = [order[labels[order] == digit] for digit in range(10)]
    return torch.as_tensor(bunch.images, dtype=torch.float32)[:, None] / 16, rows


def load_digits_task(asked: Request) -> Task:
    """The digits asked for; raises ValueError where there are not enough of them."""
    for argument, most in (
        ("test_per_class", TEST),
        ("valid_per_class", VALID),
        ("per_class", TRAIN),
    ):
        if getattr(asked, argument) > most:
            raise ValueError(
                text("catalog.too_many", name=asked.name, argument=argument, most=most)
            )
    images, rows = _digits()
    chosen = asked.classes or tuple(range(10))

    def split(first: int, last: int, count: int, seed: int) -> Split:
        """`count` of the examples first..last-1 of each digit, chosen by `seed`."""
        generator = torch.Generator().manual_seed(seed)
        orders = [torch.randperm(last - first, generator=generator) for _ in range(10)]
        picked = torch.stack([rows[d][first:last][orders[d]][:count] for d in chosen], 1)
        labels = torch.arange(len(chosen)).repeat(count)
        picked = picked.flatten()
        small = images[picked].expand(-1, 3, -1, -1)
        shape = (asked.size, asked.size)
        large = F.interpolate(small, shape, mode="bilinear", align_corners=False)
        keys = keys_of(asked.name, torch.tensor(chosen)[labels], picked)
        styled = apply_style(large, keys, asked.style).clamp(0, 1)
        return Split((styled * 255 + 0.5).to(torch.uint8), labels)

    return Task(
        name=asked.name,
        train=split(TEST + VALID, TEST + VALID + TRAIN, asked.per_class, asked.seed),
        valid=split(TEST, TEST + VALID, asked.valid_per_class, 0),
        test=split(0, TEST, asked.test_per_class, 0),
        classes={lang: [_NAMES[d] for d in chosen] for lang in LANGUAGES},
        licence="CC BY 4.0",
        source=text("catalog.digits_source"),
    )
