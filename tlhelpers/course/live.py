"""Whether a lesson's real cell computes here and now, or its stored result stands.

Real networks and data come with the starter pack, which `lab` fetches in the background. A cell
asks, says which, and never waits for a network itself.
"""

from __future__ import annotations

from tlhelpers.data.public import folder_of, public_sets
from tlhelpers.models.backbones import is_here
from tlhelpers.models.hub import encoders_here, is_hub_name
from tlhelpers.runtime.language import text


def live(*names: str) -> bool:
    """True where these networks and data sets lie on this computer; says in one sentence whether
    the cell computes with them now or the result that is stored stands.

    names: as `backbone` and `load_task(..., source="public")` take them. Nothing is downloaded.
    """
    absent = [name for name in names if not _lies_here(name)]
    key, told = ("live.stored", absent) if absent else ("live.computed", names)
    print(text(key, names=", ".join(told)))
    return not absent


def _lies_here(name: str) -> bool:
    if name in public_sets():
        line = public_sets()[name]
        return all((folder_of(line) / file.name).is_file() for file in line.files)
    return name in encoders_here() if is_hub_name(name) else is_here(name)
