"""Running a built notebook as its learner would, and leaving clean outputs in it."""

from __future__ import annotations

import asyncio
import base64
import io
import itertools
import re
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tlhelpers.course.author.notebook import code_cells, written
from tlhelpers.course.author.reading import Lesson
from tlhelpers.course.quick_nbformat import nbformat
from tlhelpers.runtime.stamp import code_hash

if TYPE_CHECKING:
    from PIL.Image import Image

NotebookNode = nbformat.NotebookNode
CELL_SECONDS = 120
COLOURS = 80  # of a stored figure; with 64 a band has fringes
EXACT, FLAT = 32, 16  # of these, so many that stay what they are where so many pixels have them
ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
WIDGET = "application/vnd.jupyter.widget-view+json"


class CellFailed(Exception):
    """A cell of a lesson raised an error, took too long, or lost its kernel."""


async def execute(notebook: NotebookNode, folder: Path, label: str) -> None:
    """Runs a notebook as its learner would, in its folder, and stores clean outputs in it.

    Raises CellFailed, which names the lesson, the key of the cell and the error.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    from tlhelpers.course.kernel import LessonKernelManager, lesson_environment

    started: dict[str, float] = {}
    seconds: dict[str, float] = {}

    def on_start(cell: NotebookNode, cell_index: int) -> None:
        started[cell.id] = time.monotonic()

    def on_end(cell: NotebookNode, cell_index: int, execute_reply: dict) -> None:
        seconds[cell.id] = time.monotonic() - started[cell.id]

    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        record_timing=False,
        store_widget_state=False,
        kernel_manager_class=LessonKernelManager,
        on_cell_execute=on_start,
        on_cell_executed=on_end,
    )
    metadata = dict(notebook.metadata)
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        try:
            await client.async_execute(cwd=str(folder), env=lesson_environment(scratch))
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            key = next(reversed(started))
            raise CellFailed(f"{label} · {key}: {error}") from error
    for number, cell in enumerate(code_cells(notebook), 1):
        clean_outputs(cell, number)
    # nbclient adds the versions of the kernel, which say nothing to a reader
    notebook.metadata = nbformat.from_dict({**metadata, "package": code_hash()})
    slowest = max(seconds, key=seconds.__getitem__, default="-")
    total = time.monotonic() - begin
    print(
        f"{label}: {total:.1f} s, {len(written(notebook).encode()) / 1000:.0f} kB; "
        f"{slowest}: {seconds.get(slowest, 0):.1f} s",
        flush=True,
    )


def clean_outputs(cell: NotebookNode, number: int) -> None:
    """Leaves in a cell what the next run would write again: no state, no time, no addresses."""
    from tlhelpers.show.plots import HTML  # brings torch, which a build that runs nothing spares

    outputs: list[NotebookNode] = []
    for output in cell.outputs:
        if output.output_type == "stream":
            output.text = ADDRESS.sub("0x...", re.sub(r"[^\n]*\r(?=[^\n])", "", output.text))
            if outputs and outputs[-1].get("name") == output.name:
                outputs[-1].text += output.text
                continue
        elif output.output_type != "error":
            if output.data.pop(WIDGET, None) and set(output.data) <= {"text/plain"}:
                continue
            output.metadata, width = {}, None
            if shown := HTML.fullmatch(output.data.get("text/html", "")):
                kind, content, width = shown[1], shown[2], int(shown[3] or 0)
                del output.data["text/html"]  # GitHub shows no image within HTML
                svg = kind == "image/svg+xml"
                output.data[kind] = base64.b64decode(content).decode() if svg else content
            for kind, content in output.data.items():
                if kind == "image/png":
                    output.data[kind] = shrink_picture(content, width)
                elif isinstance(content, str):
                    output.data[kind] = ADDRESS.sub("0x...", content)
        if output.output_type == "execute_result":
            output.execution_count = number
        outputs.append(output)
    cell.outputs, cell.execution_count = outputs, number
    cell.metadata.pop("execution", None)


def shrink_picture(content: str, width: int | None = None) -> str:
    """A base64 PNG with a palette of COLOURS colours, where that is smaller.

    width: of the page, in pixels; a finer image is too large to be kept with the lesson.
    """
    from PIL import Image

    picture = Image.open(io.BytesIO(base64.b64decode(content)))
    if picture.mode == "RGBA":
        card = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(card, picture)
    picture = picture.convert("RGB")
    if width and width < picture.width:
        size = (width, round(picture.height * width / picture.width))
        picture = picture.resize(size, Image.Resampling.BOX)  # others make colours of their own
    smaller = io.BytesIO()
    _with_palette(picture).save(smaller, "PNG", optimize=True)
    shrunk = base64.b64encode(smaller.getvalue()).decode()
    return min(shrunk, content.replace("\n", ""), key=len)


def _with_palette(picture: Image) -> Image:
    """The picture in COLOURS colours: those of its flat parts and of marks exactly, others about.

    A mark is small, and its colour says whose it is: an average must not make it another's.
    """
    import numpy as np
    from PIL import Image, ImageColor

    from tlhelpers.show import figures

    marks = {ImageColor.getrgb(colour) for colour in (*figures.PALETTE, figures.GREY)}
    counted = sorted(picture.getcolors(picture.width * picture.height), reverse=True)
    exact = [colour for count, colour in counted[:EXACT] if count >= FLAT]
    exact += [colour for _, colour in counted if colour in marks - set(exact)]
    approached = picture.quantize(COLOURS - len(exact))
    pixels, places = np.asarray(picture), np.array(approached)
    places += len(exact)
    for place, colour in enumerate(exact):
        places[(pixels == colour).all(2)] = place
    drawn = Image.fromarray(places)
    others = approached.getpalette()[: 3 * (COLOURS - len(exact))]
    drawn.putpalette([*itertools.chain.from_iterable(exact), *others])
    return drawn


async def execute_both(lesson: Lesson, made: dict[str, NotebookNode]) -> None:
    """Runs the languages side by side, each in a kernel of its own; drops those that fail."""
    jobs = {}
    for lang, notebook in made.items():
        folder = lesson.notebook(lang).parent
        folder.mkdir(parents=True, exist_ok=True)
        jobs[lang] = execute(notebook, folder, f"{lang}/{lesson.name}")
    results = await asyncio.gather(*jobs.values(), return_exceptions=True)
    for lang, result in zip(jobs, results, strict=True):
        if isinstance(result, CellFailed):
            lesson.problems.append(str(result))
            del made[lang]
        elif result is not None:
            raise result
