"""What all tests share."""

import os
from pathlib import Path

import pytest

# Real data beside the clone, where somebody has them; tests that need them skip elsewhere.
BESIDE = Path(__file__).parents[2] / "shared" / "real"
if BESIDE.is_dir():
    os.environ.setdefault("TLHELPERS_REAL", str(BESIDE))


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real data and weights, which is no part of the project."""
    folder = os.environ.get("TLHELPERS_REAL")
    if not folder:
        pytest.skip("needs real data and weights: set TLHELPERS_REAL to their folder")
    return Path(folder)
