"""Pictures of what the course works with: contact sheets, learning curves, confusion matrices.

Every function returns a `Picture`: the notebook shows it, `.alt` says in one sentence what is on
it, and a terminal prints that sentence. A notebook gets the image within HTML, because JupyterLab
shows a bare one without its alt text, whatever its metadata say. Photographs and drawings are
stored as JPEG, which takes a tenth of the space that PNG takes for them.
"""

from __future__ import annotations

import base64
import html
import io
import os
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from tlhelpers.data.inspection import shortened
from tlhelpers.data.task import Task
from tlhelpers.runtime.language import text
from tlhelpers.show import figures
from tlhelpers.transfer.intervals import Interval

FINER = 2  # pixels of an image for one of the page
HTML = re.compile(  # as `Picture.html` writes it: kind, content and width of the image
    r'<p><img src="data:(image/[\w+]+);base64,([^"]+)" alt="[^"]*"(?: width="(\d+)")?></p>'
)
SHORT_NAME = 4  # characters of a class that stand side by side under a confusion matrix
LONGEST_NAME = 32  # characters of a class beside a figure; the middle of a longer one is left out


@dataclass
class Picture:
    """A drawn figure with its alt text. `data` holds the encoded image.

    size: (width, height) in pixels of the page, where the image holds more (None: its own).
    """

    alt: str
    data: bytes = field(repr=False)
    mime: str = "image/jpeg"
    size: tuple[int, int] | None = None

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": self.alt}

    def html(self) -> str:
        """An HTML element that holds the image itself."""
        content = base64.b64encode(self.data).decode("ascii")
        alt = html.escape(self.alt, quote=True)
        width = f' width="{self.size[0]}"' if self.size else ""
        return f'<p><img src="data:{self.mime};base64,{content}" alt="{alt}"{width}></p>'

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the encoded image (JPEG or PNG, see `mime`) to `path`."""
        from tlhelpers.runtime.store import write_atomic

        write_atomic(path, self.data)


def picture(figure: Figure, alt: str, photographic: bool = False) -> Picture:
    """Encodes and closes a matplotlib figure: JPEG where it holds drawings or photographs.

    What has lines and words is drawn twice as fine as the page, for screens that show it.
    """
    buffer = io.BytesIO()
    with warnings.catch_warnings():  # a name may hold characters that no font has: boxes then
        warnings.filterwarnings("ignore", "Glyph .* missing")
        if photographic:
            compact = {"quality": 70, "optimize": True, "progressive": True}
            figure.savefig(buffer, format="jpg", pil_kwargs=compact)
        else:
            figure.savefig(buffer, format="png", dpi=FINER * figures.DOTS)
    plt.close(figure)
    if photographic:
        return Picture(alt, buffer.getvalue())
    with Image.open(buffer) as drawn:
        size = (drawn.width // FINER, drawn.height // FINER)
    return Picture(alt, buffer.getvalue(), "image/png", size)


def show(task: Task, per_class: int = 6, classes: Sequence[int] | None = None) -> Picture:
    """A contact sheet of the training split: a row for each class, its name at the left."""
    if task.kind != "image":
        raise ValueError(text("plots.show_images_only", name=task.name, kind=task.kind))
    chosen = list(range(task.num_classes)) if classes is None else list(classes)
    labels = task.train.labels
    rows = []
    for c in chosen:
        of_class = (labels == c).nonzero()[:per_class, 0]
        rows.append(task.train.batch(of_class)[0])
    names = [task.class_names[c] for c in chosen]
    shown = ", ".join(names[:12]) + (" ..." if len(names) > 12 else "")
    alt = text("plots.show_alt", name=task.name, classes=shown, per_class=per_class)
    return sheet(rows, names, alt)


def sheet(rows: Sequence[Tensor], names: Sequence[str], alt: str, zoom: float = 1.25) -> Picture:
    """Rows of pictures, uint8 (n, 3, height, width) each, with a name at the left of each row."""
    figures.use()
    names = [shortened(name, LONGEST_NAME) for name in names]
    height, width = rows[0].shape[-2:]
    gap, columns = 4, max(len(row) for row in rows)
    canvas = torch.full(
        (len(rows) * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, dtype=torch.uint8
    )
    for r, row in enumerate(rows):
        for c, drawing in enumerate(row.cpu()):
            top, left = r * (height + gap), c * (width + gap)
            canvas[top : top + height, left : left + width] = drawing.permute(1, 2, 0)
    inch = zoom / 100
    margin = 0.15 + 0.09 * max(_columns(name) for name in names)
    size = (canvas.shape[1] * inch + margin, canvas.shape[0] * inch + 0.1)
    figure = plt.figure(figsize=size, layout="none")
    axes = figure.add_axes(
        (margin / size[0], 0.05 / size[1], 1 - margin / size[0], 1 - 0.1 / size[1])
    )
    axes.imshow(canvas.numpy(), interpolation="bilinear")
    middles = [r * (height + gap) + height / 2 for r in range(len(rows))]
    axes.set_yticks(middles, names, parse_math=False)
    axes.tick_params(length=0)
    axes.set_xticks([])
    axes.grid(False)
    for side in axes.spines.values():
        side.set_visible(False)
    return picture(figure, alt, photographic=True)


def gallery(
    images: Tensor, captions: Sequence[str], alt: str, columns: int = 6, zoom: float = 1.4
) -> Picture:
    """Pictures, uint8 (n, 3, height, width), each with its caption below, `columns` a row."""
    figures.use()
    rows = -(-len(images) // columns)
    side = images.shape[-1] * zoom / 100
    lines = [caption.splitlines() for caption in captions]
    longest = max((_columns(line) for caption in lines for line in caption), default=0)
    width = max(side + 0.1, 0.15 + 0.075 * longest)  # inches: captions do not touch each other
    height = side + 0.15 + 0.17 * max(map(len, lines), default=0)
    grid, axes = plt.subplots(
        rows, columns, figsize=(columns * width, rows * height), squeeze=False
    )
    for place in axes.flat:
        place.axis("off")
    for place, drawing, caption in zip(axes.flat, images.cpu(), captions, strict=False):
        place.imshow(drawing.permute(1, 2, 0).numpy(), interpolation="bilinear")
        place.set_title(caption, fontsize=9, loc="center", parse_math=False)
    return picture(grid, alt, photographic=True)


def plot_confusion(labels: Tensor, answers: Tensor, names: Sequence[str]) -> Picture:
    """Which class is taken for which: counts, a row for each true class.

    labels, answers: LongTensor (n,), the true and the predicted classes.
    """
    figures.use()
    k = len(names)
    counts = torch.bincount(labels * k + answers, minlength=k * k).view(k, k)
    figure, axes = plt.subplots(figsize=(1.6 + 0.5 * k, 1.2 + 0.45 * k))
    share = counts / counts.sum(1, keepdim=True).clamp(min=1)
    axes.imshow(share.numpy(), cmap="Blues", vmin=0, vmax=1)
    for r in range(k):
        for c in range(k):
            if counts[r, c]:
                ink = "white" if share[r, c] > 0.55 else figures.INK
                axes.text(c, r, int(counts[r, c]), ha="center", va="center", color=ink, fontsize=9)
    names = [shortened(name, LONGEST_NAME) for name in names]
    long = any(_columns(name) > SHORT_NAME for name in names)
    tilt = {"rotation": 40, "ha": "right"} if long else {}
    axes.set_xticks(range(k), names, parse_math=False, **tilt)
    axes.set_yticks(range(k), names, parse_math=False)
    axes.set(xlabel=text("plots.predicted"), ylabel=text("plots.true"))
    axes.grid(False)
    right = float((labels == answers).float().mean())
    return picture(figure, text("plots.confusion_alt", classes=k, accuracy=f"{right:.0%}"))


def plot_label_curve(counts: Sequence[int], accuracies: Sequence[Interval], title: str) -> Picture:
    """Accuracy over the number of training photos, with the 95% interval over draws."""
    figures.use()
    figure, axes = plt.subplots(figsize=(5.5, 3.2))
    means = [point.mean for point in accuracies]
    axes.plot(counts, means, marker="o")
    low = np.clip([point.low for point in accuracies], 0, 1)  # a single draw has none: nan
    high = np.clip([point.high for point in accuracies], 0, 1)
    axes.fill_between(counts, low, high, alpha=0.2, linewidth=0)
    axes.set_xscale("log", base=2)
    axes.set_xticks(counts, [f"{count:,}" for count in counts])
    axes.minorticks_off()
    axes.set(xlabel=text("plots.training_photos"), ylabel=text("label.valid_acc"), title=title)
    alt = text("plots.label_curve_alt", first=f"{means[0]:.0%}", last=f"{means[-1]:.0%}")
    return picture(figure, alt)


def _columns(name: str) -> int:
    return sum(2 if ord(character) > 0x2E7F else 1 for character in name)
