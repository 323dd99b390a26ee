"""`tl try PATH`: which way of transfer suits the learner's own photos, recordings or texts.

What is compared, and how the time is shared out, stands in `contest.py`, `sound_contest.py` and
`text_contest.py`.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from numbers import Real
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from tlhelpers.course.cli import Parser, began
from tlhelpers.course.contest import Contest
from tlhelpers.course.exporting import FORMATS, export
from tlhelpers.course.report import Report
from tlhelpers.course.sound_contest import SoundContest
from tlhelpers.course.text_contest import TextContest
from tlhelpers.data.archive import SUFFIXES as ARCHIVES
from tlhelpers.data.folder import FolderTask, load_folder
from tlhelpers.data.layout import shown
from tlhelpers.data.tables import SUFFIXES as TABLES
from tlhelpers.data.task import Task
from tlhelpers.models.backbones import LOADERS, SPEECH, is_picture_network
from tlhelpers.models.hearing import hears
from tlhelpers.runtime.arguments import require_whole
from tlhelpers.runtime.language import text
from tlhelpers.runtime.store import require_writable

WRITING = 2.0  # seconds that the report takes on an idle computer


def try_folder(
    path_or_task: str | os.PathLike | FolderTask,
    minutes: float = 5.0,
    backbones: Sequence[str] | None = None,
    *,
    size: int = 160,
    seed: int = 0,
    epochs: int | None = None,
    progress: bool | None = None,
) -> Report:
    """Compare the ways of transfer on a folder of photos, recordings or texts within a budget of
    minutes.

    backbones: names; None takes the course's own and those whose weights are here. size: pixels
    that photos are cut to. epochs: of fine-tuning at most so many, and three times as many from
    scratch (15 at least); where there is time for them all, a second run gives the same result.
    progress: a bar and a line for each result; None where somebody looks. The first answer (k-NN
    and probe) comes however small the budget is. Ctrl-C ends the search: the best so far answers,
    and the report is marked `interrupted`. Raises ValueError for a budget that is no number of
    minutes, epochs below 1, and a task that is no task of pictures.
    """
    begin = time.monotonic()
    _require_minutes(minutes)
    if epochs is not None:
        require_whole("epochs", epochs, 1)
    visible = sys.stderr.isatty() if progress is None else progress
    names = _names_of(backbones)
    if isinstance(path_or_task, Task):
        task = path_or_task
    else:
        task = load_folder(path_or_task, size, seed, progress=visible)
    return _try_task(task, names, begin, 60 * minutes, seed, size, visible, most_epochs=epochs)


def _try_task(
    task: FolderTask,
    names: Sequence[str],
    begin: float,
    seconds: float,
    seed: int,
    size: int,
    visible: bool,
    **options: Any,
) -> Report:
    """`try_folder` on a task, since the moment `begin` of the monotonic clock. options: fields of
    `Contest`."""
    _require_of_kind(names, task.kind)
    bar = tqdm(disable=not visible, total=0)
    contest = CONTESTS[task.kind](task, begin, seconds, seed, size, bar, **options)
    with bar:
        contest.run(names)
        return contest.finish()


CONTESTS: dict[str, type[Contest]] = {
    "image": Contest,
    "sound": SoundContest,
    "text": TextContest,
}


def _require_minutes(minutes: float) -> None:
    if not isinstance(minutes, Real) or not 0 <= minutes < math.inf:
        raise ValueError(text("report.minutes", minutes=f"{minutes!r:.60}"))


def _names_of(backbones: Sequence[str] | str | None) -> list[str]:
    """Each name once. Raises ValueError for what is no name."""
    names = [backbones] if isinstance(backbones, str) else list(dict.fromkeys(backbones or ()))
    for name in names:
        if not isinstance(name, str):
            raise ValueError(text("report.no_picture_network", name=f"{name!r:.60}"))
    return names


def _require_of_kind(names: Sequence[str], kind: str) -> None:
    """Raises ValueError for a network for pictures among those for texts, and the other way."""
    for name in names:
        pictures = is_picture_network(name)
        if kind == "sound" and not hears(name):
            raise ValueError(text("hearing.unknown", name=f"{name!r:.60}"))
        if kind == "text" and (pictures or name in SPEECH):
            raise ValueError(text("report.no_text_network", name=f"{name!r:.60}"))
        if kind == "image" and name in LOADERS and not pictures:
            raise ValueError(text("report.no_picture_network", name=f"{name!r:.60}"))


# --- the command --------------------------------------------------------------------------


def main(arguments: list[str]) -> int:
    """`tl try PATH`. Status 130 where Ctrl-C ended it; the report is written all the same.

    The minutes are those of the whole command: loading the package, reading and writing count.
    """
    parser = Parser("try")
    parser.add_argument("path", help=text("report.help_path"))
    parser.add_argument("--minutes", type=float, default=5.0, help=text("report.help_minutes"))
    parser.add_argument("--backbone", nargs="+", help=text("report.help_backbone"))
    parser.add_argument("--out", help=text("report.help_out"))
    parser.add_argument("--size", type=int, default=160, help=text("report.help_size"))
    parser.add_argument("--text", nargs="+", help=text("report.help_text"))
    parser.add_argument("--label", help=text("report.help_label"))
    parser.add_argument("--group", help=text("report.help_group"))
    parser.add_argument(
        "--label-from", choices=("top", "leaf"), default="top", help=text("report.help_label_from")
    )
    parser.add_argument("--sep", type=str, help=text("report.help_sep"))
    parser.add_argument("--encoding", help=text("report.help_encoding"))
    parser.add_argument("--no-quotes", action="store_true", help=text("report.help_no_quotes"))
    parser.add_argument("--export", choices=FORMATS, help=text("report.help_export"))
    asked = parser.parse_args(arguments)
    folder = (
        Path(os.path.expanduser(asked.out)) if asked.out else Path(_name_of(asked.path) + "-report")
    )
    try:
        _require_minutes(asked.minutes)
        require_writable(folder)
        columns = {role: getattr(asked, role) for role in ("text", "label", "group")}
        groups, columns["group"] = _grouping(asked.group, asked.path)
        task = load_folder(
            asked.path,
            asked.size,
            groups=groups,
            label_from=asked.label_from,
            columns={role: name for role, name in columns.items() if name},
            sep=asked.sep,
            encoding=asked.encoding,
            progress=True,
        )
        print(task.inspection, flush=True)
        if asked.export and task.kind != "image":
            raise ValueError(text("report.export_images"))
        names, seconds = _names_of(asked.backbone), 60 * asked.minutes
        pace = _pace()
        how = {"writing": WRITING * pace, "pace": pace}
        report = _try_task(task, names, began(), seconds, 0, asked.size, True, **how)
        report.quotes = not asked.no_quotes
        print(f"\n{report}\n")
        print(text("report.saved", report=report.save(folder), model=folder / "model"))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        with suppress(OSError):  # made by `require_writable`, and nothing came into it
            folder.rmdir()
    if asked.export:
        print(text("report.exported", path=export(folder / "model", asked.export)))
    return 130 if report.interrupted else 0


def _pace() -> float:
    """How many seconds on the clock a second of work has taken up to now: more than one on a busy
    computer."""
    return max(1.0, (time.monotonic() - began()) / time.process_time())


def _grouping(asked: str | None, path: str) -> tuple[str | int | None, str | None]:
    """What --group says: (`groups` of `load_folder`, the column of a table)."""
    if asked is None or path.lower().endswith(TABLES):
        return "auto", asked
    if asked in ("none", "folder"):
        return (None if asked == "none" else asked), None
    return (int(asked), None) if asked.isdecimal() else ("auto", asked)


def _name_of(path: str) -> str:
    """What the report is named after: the folder, or the archive without its ending."""
    name = shown(Path(os.path.expanduser(path)).resolve().name)
    ending = next((end for end in (*ARCHIVES, *TABLES) if name.lower().endswith(end)), "")
    return name.removesuffix(name[len(name) - len(ending) :]) if ending else name
