"""Real data and weights that are no part of the project, for the results made with them."""

from __future__ import annotations

import os
from pathlib import Path

from tlhelpers.runtime import store
from tlhelpers.runtime.language import text
from tlhelpers.runtime.store import StoreError


def real_folder() -> Path:
    """The folder that `TLHELPERS_REAL` names, else `real` in the mirror's folder.

    Raises StoreError where there is none.
    """
    named = os.environ.get("TLHELPERS_REAL")
    place = Path(named or Path(store.mirror() or "", "real")).expanduser()
    if not (named or store.mirror()) or not place.is_dir():
        raise StoreError(text("real.absent"))
    return place
