"""Which cells stand in a section marked `deeper`: from that heading to the next of its rank."""

from __future__ import annotations

import re
from collections.abc import Iterable

HEADING = re.compile(r"^(#{1,6}) +(.+)$", re.MULTILINE)


def deeper_sections(cells: Iterable[tuple[str, str, Iterable[str]]]) -> dict[str, str]:
    """{key of a cell: the heading of its deeper section}; cells of the core path are not in it.

    cells: (key, Markdown or "" for code, tags), in order. Prose may hold a heading on any line, as
    JupyterLab folds by it.
    """
    found = {}
    rank, title = 0, ""  # of the deeper section that is open; 0: none
    for key, prose, tags in cells:
        if heading := HEADING.search(prose):
            if rank and len(heading[1]) <= rank:
                rank = 0
            if not rank and "deeper" in tags:
                rank, title = len(heading[1]), heading[2].strip()
        if rank:
            found[key] = title
    return found
