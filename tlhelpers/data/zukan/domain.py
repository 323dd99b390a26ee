"""A domain of the drawn world: a function that paints, and the names of what it paints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from tlhelpers.data.zukan.kit import Canvas


@dataclass(frozen=True, eq=False)
class Domain:
    """One kind of picture with its classes.

    draw: `draw(canvas, labels)` paints `canvas.image` for labels, a LongTensor (n,).
    classes: the class names, {"en": [...], "ja": [...]}.
    attributes: (classes, attributes) of 0 and 1 that describe each class, where there are any.
    group: gives each label, LongTensor (n,), the number of the painter it needs; a canvas then
        holds one painter's pictures only. None: any labels may share a canvas.
    """

    name: str
    draw: Callable[[Canvas, Tensor], None]
    classes: dict[str, list[str]]
    attributes: Tensor | None = None
    attribute_names: dict[str, list[str]] | None = None
    description: dict[str, str] = field(default_factory=lambda: {"en": "", "ja": ""})
    licence: str = "CC BY 4.0"
    group: Callable[[Tensor], Tensor] | None = None

    @property
    def num_classes(self) -> int:
        return len(self.classes["en"])
