"""Real weights and real photos, through the same doors that a learner uses.

Needs TLHELPERS_REAL, a folder that is no part of the project; skips without it. The bars are those
of frozen ImageNet features; measured means stand beside them.
"""

from pathlib import Path

import pytest
import torch

import tlhelpers as tl
from tlhelpers.data import public
from tlhelpers.data.folder import load_folder
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.heads import Standardizer, choose_head, fit_heads

pytestmark = pytest.mark.slow


def probe_on(task, network) -> float:
    train, valid, test = (
        extract_features(network, split, batch_size=32)
        for split in (task.train, task.valid, task.test)
    )
    standardizer = Standardizer(train)
    heads = fit_heads(standardizer(train), task.train.labels, task.num_classes)
    best, _ = choose_head(heads, standardizer(valid), task.valid.labels)
    with torch.no_grad():
        answers = heads.head(best, standardizer)(test).argmax(1)
    return (answers == task.test.labels).double().mean().item()


@pytest.fixture(scope="module")
def weights(real) -> Path:
    return real / "weights" / "mobilenet_v2_imagenet_dequant.pth"


def test_cats_and_dogs_with_imagenet_features(real_photos, weights):
    """0.975 [0.968, 0.982] over five folds of all 2,000 photos at 150 px; here a tenth of them."""
    task = load_folder(real_photos("cats_dogs_train_160.tar", 10), size=150)
    assert task.inspection.counts == {"cats": 100, "dogs": 100}
    network = tl.backbone("mobilenet_v2", weights=weights, size=150)
    assert probe_on(task, network) >= 0.9


def test_blood_cells_split_by_picture(real_photos, weights):
    """0.990 [0.984, 0.995] over five folds of all 1,431 crops; here a third of them."""
    task = load_folder(real_photos("blood_cells_96.tar", 3), size=96)
    assert task.inspection.grouping == "names"
    pictures = [{path.stem.rsplit("_", 1)[0] for path in paths} for paths in task.paths.values()]
    assert not pictures[0] & pictures[2] and not pictures[0] & pictures[1]
    network = tl.backbone("mobilenet_v2", weights=weights, size=96)
    assert probe_on(task, network) >= 0.93


def test_real_fashion_mnist_is_read(real):
    parts, _ = public.read_idx(real / "images" / "FashionMNIST" / "raw")
    assert parts["train"].labels.bincount().tolist() == [6000] * 10
    images = parts["test"].read(torch.arange(3), 64)
    assert images.shape == (3, 3, 64, 64) and images.float().std() > 20


def test_real_omniglot_is_read(tmp_path, real):
    from tlhelpers.data import archive

    archive.extract(
        real / "images" / "omniglot_images_background_small1.zip", tmp_path / "unpacked" / "images"
    )
    parts, names = public.read_omniglot(tmp_path)
    assert len(names) == 136 and len(parts["train"].labels) == 136 * 20
    images = parts["train"].read(torch.tensor([0, 500]), 64)
    assert images.float().mean() > 200  # black ink on white paper
