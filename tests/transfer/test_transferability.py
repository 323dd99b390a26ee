"""The scores are their papers' formulas, also where images are fewer than features."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import nn

from tlhelpers.data.task import Split, Task
from tlhelpers.transfer.transferability import h_score, leep, logme, nce, nearest, transferability


def make_features(n, d, classes, signal, seed=0):
    """Gaussian features in float64 whose class means differ by `signal`, and labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    centres = rng.normal(size=(classes, d))
    features = rng.normal(size=(n, d)) + signal * centres[labels]
    return torch.tensor(features), torch.tensor(labels)


def log_evidence(features, y, alpha, beta):
    """log N(y | 0, I / beta + F F^T / alpha): the model's own definition, without any algebra."""
    n = len(y)
    covariance = np.eye(n) / beta + features @ features.T / alpha
    _, log_determinant = np.linalg.slogdet(covariance)
    fit = y @ np.linalg.solve(covariance, y)
    return -0.5 * (n * np.log(2 * np.pi) + log_determinant + fit)


@pytest.mark.parametrize("n, d", [(60, 8), (30, 80), (60, 59)])
def test_logme_is_the_maximum_of_the_evidence(n, d):
    """Golden: the evidence in float64, maximised over alpha and beta by a general optimiser."""
    features, labels = make_features(n, d, classes=3, signal=0.8)
    best = []
    for c in range(3):
        y = (labels.numpy() == c).astype(float)
        found = minimize(
            lambda logs, y=y: -log_evidence(features.numpy(), y, *np.exp(logs)),
            x0=[3.0, 2.0],
            method="Nelder-Mead",
            options={"xatol": 1e-6, "fatol": 1e-9, "maxiter": 2000},
        )
        best.append(-found.fun / n)
    assert logme(features, labels) == pytest.approx(np.mean(best), abs=1e-5)


def test_logme_does_not_grow_with_the_number_of_features():
    """The trap. For 120 images, 512 random features and 32 classes the widespread code, which
    lacks -(d - k)/2 log alpha, gives about 16; the formula gives about 0.32."""
    features, labels = make_features(120, 512, classes=32, signal=0.0)
    score = logme(features, labels)
    assert score == pytest.approx(0.32, abs=0.03)
    padded = torch.cat([features, torch.zeros(120, 512)], 1)
    assert logme(padded, labels) == pytest.approx(score, abs=1e-6)


def test_logme_prefers_features_that_tell_the_classes_apart():
    scores = [logme(*make_features(100, 200, 5, signal)) for signal in (0.0, 0.3, 1.0)]
    assert scores[0] < scores[1] < scores[2]


def test_leep_by_hand():
    # theta: three images, two source classes; labels 0, 0, 1.
    # P(y, z) = [[.8 + .6, .2 + .4], [.1, .9]] / 3, so P(0 | z) = (14/15, 6/15)
    theta = torch.tensor([[0.8, 0.2], [0.6, 0.4], [0.1, 0.9]], dtype=torch.float64)
    expected = [
        0.8 * 14 / 15 + 0.2 * 6 / 15,
        0.6 * 14 / 15 + 0.4 * 6 / 15,
        0.1 * 1 / 15 + 0.9 * 9 / 15,
    ]
    assert leep(theta, torch.tensor([0, 0, 1])) == pytest.approx(np.log(expected).mean(), abs=1e-9)


def test_nearest_by_hand():
    # By angle 0 and 1 are neighbours, 2 and 4, and 3 is nearest to 2; by dot product 4 to 3.
    features = torch.tensor([[1.0, 0.0], [9.0, 1.0], [0.0, 1.0], [1.0, 9.0], [-0.2, 5.0]])
    assert nearest(features, torch.tensor([0, 0, 1, 1, 1])) == 1
    assert nearest(features, torch.tensor([0, 1, 1, 0, 1])) == pytest.approx(2 / 5)


def test_nce_by_hand():
    # source 0 is seen with targets 0, 0, 1 and source 1 with target 1 only:
    # H(Y | Z) = 3/4 * H(2/3, 1/3) + 1/4 * 0
    entropy = -(2 / 3 * np.log(2 / 3) + 1 / 3 * np.log(1 / 3))
    source, target = torch.tensor([0, 0, 0, 1]), torch.tensor([0, 0, 1, 1])
    assert nce(source, target) == pytest.approx(-0.75 * entropy, abs=1e-9)
    logits = nn.functional.one_hot(source).float() * 3
    assert nce(logits, target) == pytest.approx(-0.75 * entropy, abs=1e-9)
    assert nce(target, target) == pytest.approx(0.0, abs=1e-12)


def test_h_score_is_its_formula():
    # tr(cov(f)^-1 cov(E[f | y])), in float64 with NumPy, seed 0
    features, labels = make_features(200, 6, classes=4, signal=0.7)
    f, y = features.numpy(), labels.numpy()
    means = np.stack([f[y == c].mean(0) for c in range(4)])[y]
    expected = np.trace(np.linalg.inv(np.cov(f.T)) @ np.cov(means.T))
    assert h_score(features, labels) == pytest.approx(expected, abs=1e-9)


def test_plain_h_score_is_blind_with_few_images_and_the_shrunk_one_is_not():
    noise, signal = (make_features(60, 200, classes=5, signal=s) for s in (0.0, 1.0))
    assert h_score(*noise) == pytest.approx(4.0, abs=1e-6)
    assert h_score(*signal) == pytest.approx(4.0, abs=1e-6)
    assert h_score(*noise, shrinkage=True) < 1 < h_score(*signal, shrinkage=True) < 4


@pytest.mark.parametrize("score", [logme, leep, nce, h_score, nearest])
def test_wrong_shapes_labels_and_empty_classes_are_refused(score):
    given = torch.softmax(torch.randn(12, 5), 1)
    labels = torch.arange(12) % 3
    for spoilt in (
        (given[:11], labels),
        (given, labels[:, None]),
        (given, labels.float()),
        (given, labels - 1),
        (given, labels * 2),
        (given, labels * 0),
    ):
        with pytest.raises(ValueError):
            score(*spoilt)


def test_labels_of_one_class_are_told_so():
    with pytest.raises(ValueError, match="one class; a score needs"):
        logme(torch.randn(12, 5), torch.zeros(12, dtype=torch.long))


def test_values_that_are_no_features_or_probabilities_are_refused():
    features, labels = torch.randn(12, 5), torch.arange(12) % 3
    with pytest.raises(ValueError, match="softmax"):
        leep(features, labels)
    features[3, 2] = float("nan")
    with pytest.raises(ValueError):
        logme(features, labels)


class Blurred(nn.Module):
    """A backbone that lets `share` of its input through, with a head of its source."""

    def __init__(self, share):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Linear(16, 16)
        self.body.weight.data = share * torch.eye(16)
        self.body.bias.data.zero_()
        self.fc = nn.Linear(16, 6)
        self.preprocess = nn.Identity()

    def forward(self, inputs):
        noise = torch.randn(inputs.shape, generator=torch.Generator().manual_seed(1))
        return self.fc(self.body(inputs) + noise)


def test_the_table_ranks_backbones_and_leaves_the_test_split_closed():
    names = [str(c) for c in range(4)]
    splits = (Split(f.float(), y) for f, y in [make_features(80, 16, 4, 1.0)] * 3)
    task = Task("clusters", *splits, classes={"en": names, "ja": names})
    backbones = {"blind": Blurred(0.0), "dim": Blurred(0.3), "clear": Blurred(3.0)}
    kinds = ["logme", "leep", "nce", "h_score", "knn", "probe"]
    result = transferability(backbones, task, kinds)
    assert list(result.scores) == ["clear", "dim", "blind"]
    for kind in kinds:
        assert result.scores["clear"][kind] > result.scores["blind"][kind], kind
    assert task.test_reads == 0
    assert [row["backbone"] for row in result.rows()] == ["clear", "dim", "blind"]
    with pytest.raises(ValueError, match="parc"):
        transferability(backbones, task, ["parc"])
