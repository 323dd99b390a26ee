"""Scaling up: what fills the memory, and how devices share the work."""

from __future__ import annotations

from tlhelpers.runtime.language import text
from tlhelpers.show.diagrams.canvas import PALE, SMALL, Diagram, drawn
from tlhelpers.show.figures import BLUE, GREEN, GREY, INK, ORANGE, VERMILION

KINDS = (("parameters", BLUE), ("gradients", ORANGE), ("optimizer", GREEN))


@drawn
def memory() -> Diagram:
    """Five layers side by side, and below each the four kinds of bytes that it needs."""
    d = Diagram("memory", 262)
    left, wide, gap = 196, 92, 12
    d.note(left, 22, "memory_forward", SMALL)
    d.arrow(left, 34, 5 * wide + 4 * gap)
    for place, words in enumerate(("conv1", "layer1", "layer2", "layer3", "layer4")):
        x = left + (wide + gap) * place
        d.block(x, 46, words, width=wide, height=34)
        for y, colour in ((90, ORANGE), (116, GREEN), (134, GREEN)):
            d.add("rect", x=x, y=y, width=wide, height=14, rx=3, fill=PALE[colour], stroke=colour)
        for slip in (2, 1, 0):  # one a photo, the first on top
            size = {"width": wide - 16, "height": 34 - 5 * place}
            at = {"x": x + 8 * slip, "y": 162 + 7 * slip}
            d.add("rect", **at, **size, rx=3, fill=PALE[GREY], stroke=GREY)
    for y, (kind, _) in zip((68, 102, 130, 180), (*KINDS, ("activations", GREY)), strict=True):
        d.note(20, y, f"memory_row_{kind}", SMALL)
    d.arrow(left + 5 * wide + 4 * gap, 226, -(5 * wide + 4 * gap), colour=VERMILION)
    d.note(left, 246, "memory_backward", SMALL, fill=VERMILION)
    return d


@drawn
def data_parallel() -> Diagram:
    """Two processes with the same weights and half a batch each; their gradients are averaged."""
    d = Diagram("data_parallel", 250)
    d.note(24, 24, "parallel_batch", SMALL)
    for row in range(2):
        y = 40 + 104 * row
        for place in range(4):
            d.photo(24 + 34 * place, y + 7, 28)
        d.arrow(166, y + 22, 22)
        d.block(196, y, text(f"diagram.parallel_copy_{row}"), width=136, height=44)
        d.arrow(340, y + 22, 22)
        d.block(370, y, text("diagram.parallel_gradient"), ORANGE, width=96, height=44)
        d.arrow(472, y + 22, 40, 46 if row == 0 else -46)
        d.arrow(596, 92 if row == 0 else 142, 22, -30 if row == 0 else 30, colour=GREEN)
        d.note(624, y + 26, "parallel_same", SMALL)
    d.block(520, 92, text("diagram.parallel_mean"), GREEN, width=72, height=50)
    d.note(196, 116, "parallel_equal", SMALL)
    d.note(24, 226, "parallel_says", SMALL)
    return d


@drawn
def test_shares() -> Diagram:
    """Five test photos over two processes: one of them comes twice."""
    d = Diagram("test_shares", 222)
    d.note(24, 24, "shares_photos", SMALL)
    for photo in range(5):
        _numbered(d, 24 + 52 * photo, 36, photo)
    for row, photos in enumerate(((0, 2, 4), (1, 3, 0))):
        y = 36 + 88 * row
        d.arrow(296, 56, 60, 88 * row)
        d.note(372, y - 12, f"shares_process_{row}", SMALL)
        for place, photo in enumerate(photos):
            again = place == 2 and photo == 0
            _numbered(d, 372 + 52 * place, y, photo, VERMILION if again else INK)
    d.note(528, 138, "shares_again", SMALL, fill=VERMILION)
    d.note(24, 202, "shares_says", SMALL)
    return d


def _numbered(d: Diagram, x: float, y: float, number: int, colour: str = INK) -> None:
    """A photo with its number below; in another colour with a frame."""
    d.photo(x, y, 36)
    if colour != INK:
        frame = {"width": 36, "height": 36, "rx": 3, "fill": "none", "stroke_width": 3}
        d.add("rect", x=x, y=y, stroke=colour, **frame)
    d.text(x + 18, y + 52, str(number), text_anchor="middle", font_size=SMALL, fill=colour)


@drawn
def sharded() -> Diagram:
    """Four devices: all copies (DDP), the optimizer shared (ZeRO-1), everything shared (FSDP)."""
    d = Diagram("sharded", 286)
    for place in range(4):
        middle = 236 + 118 * place
        d.text(middle, 24, text("diagram.sharded_device", number=place + 1), text_anchor="middle")
    rows: dict[str, tuple[int, ...]] = {"ddp": (), "zero": (2,), "fsdp": (0, 1, 2)}
    for row, (name, shared) in enumerate(rows.items()):
        top = 42 + 74 * row
        d.note(24, top + 26, f"sharded_{name}", SMALL)
        for device in range(4):
            left = 184 + 118 * device
            for kind, (_, colour) in enumerate(KINDS):
                y = top + 19 * kind
                d.add("rect", x=left, y=y, width=104, height=15, fill="white", stroke=PALE[colour])
                part = 104 / 4 if kind in shared else 104
                x = left + (device * part if kind in shared else 0)
                d.add("rect", x=x, y=y, width=part, height=15, fill=colour, opacity=0.75)
    for place, (what, colour) in enumerate(KINDS):
        x = 184 + 150 * place
        d.add("rect", x=x, y=266, width=14, height=14, fill=colour, opacity=0.75, stroke=INK)
        d.note(x + 20, 278, f"memory_{what}", SMALL)
    return d
