"""Where things lie: in the clone that this package runs from, or inside an installed package.

A clone holds everything. A package installed from a wheel carries lessons and data in `shipped/`,
and what a learner writes goes to a folder of their own: `TLHELPERS_HOME`, or `transfer-learning` in
their home folder. Only the standard library is used.
"""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
IN_CLONE = (PACKAGE.parent / "pyproject.toml").is_file()
SHIPPED = PACKAGE.parent if IN_CLONE else PACKAGE / "shipped"


def _home() -> Path:
    """The learner's folder of an installed package."""
    asked = os.environ.get("TLHELPERS_HOME")
    return Path(asked).expanduser().absolute() if asked else Path.home() / "transfer-learning"


ROOT = PACKAGE.parent if IN_CLONE else _home()
LESSONS = SHIPPED / "lessons"  # source/ (in a clone), and the built ja/ and en/
WORK = Path(os.environ.get("TLHELPERS_WORK") or ROOT / "work")  # the learner's own copies
DATASETS = SHIPPED / "datasets"
RESULTS = DATASETS / "results"
LOCKS = PACKAGE / "course" / "locks"  # every package of an installation, with its checksum
