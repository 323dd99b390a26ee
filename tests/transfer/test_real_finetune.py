"""Fine-tuning with nothing asked, on real photos and real weights: never below the probe.

Needs TLHELPERS_REAL, a folder that is no part of the project; skips without it.
"""

import tarfile
from pathlib import Path

import pytest

import tlhelpers as tl
from tlhelpers.data.folder import load_folder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLHELPERS_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("TLHELPERS_LANG", "en")
        yield


def some(real: Path, archive: str, folder: Path, every: int):
    """A task of every `every`-th photo of an archive, at 64 pixels: seconds, not minutes."""
    with tarfile.open(real / "images" / archive) as packed:
        photos = [entry for entry in packed.getmembers() if entry.isfile()]
        packed.extractall(folder, members=photos[::every], filter="data")
    return load_folder(folder, size=64)


@pytest.mark.parametrize("archive", ["blood_cells_96.tar", "flowers5_128.tar"])
def test_nothing_asked_is_never_below_the_probe(tmp_path, real, archive):
    task = some(real, archive, tmp_path, every=10)
    weights = real / "weights" / "mobilenet_v2_imagenet_dequant.pth"
    network = tl.backbone("mobilenet_v2", weights=weights, size=64)
    still, tuned = tl.probe(network, task), tl.fine_tune(network, task)
    assert tuned.start_acc == pytest.approx(still.valid_acc, abs=0.01)
    assert tuned.valid_acc >= still.valid_acc - 0.01
    assert tuned.test_acc >= still.test_acc - 0.05  # some thirty test photos


def test_a_head_that_is_a_convolution_starts_as_the_probe(tmp_path, real):
    task = some(real, "hymenoptera_256.tar", tmp_path, every=4)
    weights = real / "weights" / "squeezenet1_1_imagenet_caffe.pth"
    network = tl.backbone("squeezenet1_1", weights=weights, size=64)
    tuned = tl.fine_tune(network, task, lr=0.002, epochs=1, read_test=False)
    assert tuned.start_acc == pytest.approx(tl.probe(network, task).valid_acc, abs=0.01)
    assert tuned.valid_acc >= tuned.start_acc
