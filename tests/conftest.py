"""What all tests share: English, a cache of their own, one thread a process."""

import gc
import os
import tarfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch loads: workers share the cores
# Real data beside the clone, where somebody has them; tests that need them skip elsewhere.
BESIDE = Path(__file__).parents[2] / "shared" / "real"
if BESIDE.is_dir():
    os.environ.setdefault("TLHELPERS_REAL", str(BESIDE))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Notebooks and files with many slow tests first: no worker ends on one while another waits."""
    slow = Counter(item.path for item in items if is_slow(item))
    items.sort(key=lambda item: -slow[item.path])


def pytest_collection_finish() -> None:
    """What collection brought in is not looked through again each time that garbage is sought."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    gc.unfreeze()


def is_slow(item: pytest.Item) -> bool:
    marks = ("slow", "browser")
    return hasattr(item, "cell_num") or any(item.get_closest_marker(mark) for mark in marks)


@pytest.fixture(scope="session", autouse=True)
def own_cache_and_progress(tmp_path_factory):
    """What is checked here is no progress of the learner whose clone this is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLHELPERS_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("TLHELPERS_WORK", str(tmp_path_factory.mktemp("work")))
        yield


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setenv("TLHELPERS_LANG", "en")


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real data and weights, which is no part of the project."""
    folder = os.environ.get("TLHELPERS_REAL")
    if not folder:
        pytest.skip("needs real data and weights: set TLHELPERS_REAL to their folder")
    return Path(folder)


@pytest.fixture
def real_photos(real, tmp_path) -> Callable[[str, int], Path]:
    """(archive, every): a folder with every so many of its photos, for whole sets take minutes."""

    def unpack(archive: str, every: int) -> Path:
        with tarfile.open(real / "images" / archive) as packed:
            photos = [entry for entry in packed.getmembers() if entry.isfile()]
            packed.extractall(tmp_path, members=photos[::every], filter="data")
        return tmp_path

    return unpack
