"""Fine-tuning with nothing asked, on real photos and real weights: never below the probe.

Needs TLHELPERS_REAL, a folder that is no part of the project; skips without it.
"""

import pytest

import tlhelpers as tl
from tlhelpers.data.folder import load_folder

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("archive", ["blood_cells_96.tar", "flowers5_128.tar"])
def test_nothing_asked_is_never_below_the_probe(real, real_photos, archive):
    task = load_folder(real_photos(archive, 10), size=64)
    weights = real / "weights" / "mobilenet_v2_imagenet_dequant.pth"
    network = tl.backbone("mobilenet_v2", weights=weights, size=64)
    still, tuned = tl.probe(network, task), tl.fine_tune(network, task)
    assert tuned.start_acc == pytest.approx(still.valid_acc, abs=0.01)
    assert tuned.valid_acc >= still.valid_acc - 0.01
    assert tuned.test_acc >= still.test_acc - 0.05  # some thirty test photos


def test_a_head_that_is_a_convolution_starts_as_the_probe(real, real_photos):
    task = load_folder(real_photos("hymenoptera_256.tar", 4), size=64)
    weights = real / "weights" / "squeezenet1_1_imagenet_caffe.pth"
    network = tl.backbone("squeezenet1_1", weights=weights, size=64)
    tuned = tl.fine_tune(network, task, lr=0.002, epochs=1, read_test=False)
    assert tuned.start_acc == pytest.approx(tl.probe(network, task).valid_acc, abs=0.01)
    assert tuned.valid_acc >= tuned.start_acc
