"""Zukan (図鑑), the illustrated encyclopedia: a drawn world that the course carries with it.

`draw` makes any picture of it from (domain, label, seed, index): the same numbers give the same
bytes, whatever the batch, the order or the number of threads.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from tlhelpers.data.zukan import (
    birds,
    creatures,
    fish,
    glyphs,
    land_use,
    materials,
    pets,
    purposes,
    source,
    surfaces,
    xray,
)
from tlhelpers.data.zukan.domain import Domain
from tlhelpers.data.zukan.kit import Canvas, combine
from tlhelpers.data.zukan.styles import STYLES, apply_style
from tlhelpers.runtime.language import text

# The domains by name.
DOMAINS = {
    "source": source.DOMAIN,
    "novel": creatures.DOMAIN,
    "birds": birds.DOMAIN,
    "birds24": birds.DOMAIN_24,
    "fish": fish.DOMAIN,
    "pets": pets.DOMAIN,
    "surfaces": surfaces.DOMAIN,
    "xray": xray.DOMAIN,
    "land_use": land_use.DOMAIN,
    "strokes": glyphs.DOMAIN,
    "shapes": purposes.SHAPES,
    "textures": materials.DOMAIN,
    "paint": purposes.PAINT,
}
SIZES = range(48, 225, 8)
_TOGETHER = {"cpu": 32}  # pictures on one canvas: a multiple of any vector width, small for caches
_TOGETHER_ELSEWHERE = 512
_thread_count = threading.Lock()


def keys_of(domain: str, labels: Tensor, indices: Tensor, seed: int = 0) -> Tensor:
    """The 64-bit key of each picture, LongTensor (n,)."""
    name = int.from_bytes(hashlib.sha256(domain.encode()).digest()[:8], "little", signed=True)
    key = combine(torch.full_like(labels, name), labels)
    return combine(combine(key, seed), indices)


def draw(
    domain: str,
    labels: Tensor,
    indices: Tensor,
    seed: int = 0,
    size: int = 64,
    style: str = "photo",
    device: str | torch.device = "cpu",
) -> Tensor:
    """Pictures of `domain`, uint8 (n, 3, size, size).

    labels, indices: LongTensor (n,), the class and the number of each picture. The same
    (domain, label, seed, index, size, style) gives the same bytes in any batch and order and
    with any number of threads. Memory beyond the result does not grow with n.
    Raises ValueError for a domain, style, size or label that does not exist.
    """
    labels = torch.as_tensor(labels, dtype=torch.long).cpu()
    indices = torch.as_tensor(indices, dtype=torch.long).cpu()
    chosen = _checked(domain, labels, indices, size, style)
    device = torch.device(device)
    keys = keys_of(domain, labels, indices, seed)
    result = torch.empty(len(labels), 3, size, size, dtype=torch.uint8, device=device)
    together = _TOGETHER.get(device.type, _TOGETHER_ELSEWHERE)

    def paint(rows: Tensor) -> None:
        # Vector code and its scalar remainder differ in the last bit, so a canvas is always full
        # (the last one repeats a picture) and one thread paints it.
        full = torch.cat([rows, rows[-1:].expand(together - len(rows))])
        with torch.no_grad():
            canvas = Canvas(keys[full], size, device)
            chosen.draw(canvas, labels[full].to(device))
            image = apply_style(canvas.image.clamp(0, 1), canvas.keys, style)
            done = (image[: len(rows)] * 255 + 0.5).to(torch.uint8)
            result[rows.to(device)] = done

    canvases = list(_canvases(chosen, labels, together))
    if device.type != "cpu":
        for rows in canvases:
            paint(rows)
        return result
    with _thread_count:
        threads = torch.get_num_threads()
        try:
            torch.set_num_threads(1)
            workers = min(threads, os.cpu_count() or 1, len(canvases))
            if workers > 1:
                with ThreadPoolExecutor(
                    workers, initializer=torch.set_num_threads, initargs=(1,)
                ) as pool:
                    list(pool.map(paint, canvases))
            else:
                for rows in canvases:
                    paint(rows)
        finally:
            torch.set_num_threads(threads)
    return result


def _canvases(domain: Domain, labels: Tensor, together: int) -> Iterator[Tensor]:
    """Row numbers, at most `together` at a time, each batch for one painter of the domain."""
    if domain.group is None:
        yield from torch.arange(len(labels)).split(together) if len(labels) else ()
        return
    group = domain.group(labels)
    for number in group.unique().tolist():
        yield from (group == number).nonzero()[:, 0].split(together)


def _checked(domain: str, labels: Tensor, indices: Tensor, size: int, style: str) -> Domain:
    """The domain asked for, or a ValueError that says what is wrong."""
    if domain not in DOMAINS:
        raise ValueError(text("zukan.no_domain", name=domain, known=", ".join(DOMAINS)))
    if style not in STYLES:
        raise ValueError(text("zukan.no_style", name=style, known=", ".join(STYLES)))
    if size not in SIZES:
        raise ValueError(
            text("zukan.no_size", size=size, least=SIZES[0], most=SIZES[-1], step=SIZES.step)
        )
    if labels.shape != indices.shape or labels.dim() != 1:
        raise ValueError(
            text("zukan.lengths_differ", labels=tuple(labels.shape), indices=tuple(indices.shape))
        )
    chosen = DOMAINS[domain]
    if len(labels) and not (labels.min() >= 0 and labels.max() < chosen.num_classes):
        raise ValueError(text("zukan.no_class", name=domain, last=chosen.num_classes - 1))
    return chosen
