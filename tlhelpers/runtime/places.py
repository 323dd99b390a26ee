"""Where things lie in the clone that this package runs from. Only the standard library is used."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
ROOT = PACKAGE.parent
LESSONS = ROOT / "lessons"  # source/, and the built ja/ and en/
WORK = ROOT / "work"  # the learner's own copies
DATASETS = ROOT / "datasets"
RESULTS = DATASETS / "results"
