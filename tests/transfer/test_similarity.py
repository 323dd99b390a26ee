"""CKA, MMD and the proxy A-distance are their papers' formulas, with their known limits."""

import numpy as np
import pytest
import torch

from tlhelpers.transfer.similarity import (
    cka,
    kernel_width,
    mmd,
    mmd_score,
    proxy_a_distance,
)


def normal(n, d, seed=0, shift=0.0):
    return torch.tensor(np.random.default_rng(seed).normal(size=(n, d)) + shift)


@pytest.mark.parametrize("n", [12, 60])
def test_cka_is_the_centred_kernel_alignment(n):
    # HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)) with K = X X^T, L = Y Y^T centred by H, float64
    x = normal(n, 20, 0)
    y = torch.cat([x[:, :5], normal(n, 25, 1)], 1)
    h = np.eye(n) - 1 / n
    k, m = (h @ (a @ a.T).numpy() @ h for a in (x, y))
    expected = np.sum(k * m) / np.sqrt(np.sum(k * k) * np.sum(m * m))
    assert cka(x, y, debiased=False) == pytest.approx(expected, abs=1e-9)


def test_debiased_cka_is_the_unbiased_hsic_of_song_et_al():
    # HSIC_1 = [tr(KL) + 1K1 1L1 / ((n-1)(n-2)) - 2/(n-2) 1KL1] / (n (n-3)), diagonals set to 0
    n = 9
    x = normal(n, 4, 0)
    y = torch.cat([x[:, :2], normal(n, 3, 1)], 1)

    def hsic(k, m):
        one = np.ones(n)
        first = np.trace(k @ m) + (one @ k @ one) * (one @ m @ one) / ((n - 1) * (n - 2))
        return (first - 2 / (n - 2) * (one @ k @ m @ one)) / (n * (n - 3))

    k, m = ((a @ a.T).numpy() for a in (x, y))
    for kernel in (k, m):
        np.fill_diagonal(kernel, 0)
    expected = hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m))
    assert cka(x, y) == pytest.approx(expected, abs=1e-9)


def test_unrelated_features_have_a_cka_of_0_only_without_the_bias():
    pairs = [(normal(208, 256, 2 * s), normal(208, 256, 2 * s + 1)) for s in range(3)]
    assert max(abs(cka(*pair)) for pair in pairs) < 0.02
    assert min(cka(*pair, debiased=False) for pair in pairs) > 0.5
    related = torch.cat([pairs[0][0][:, :30], pairs[0][1]], 1)
    assert cka(pairs[0][0], related) > 0.06


def test_cka_ignores_rotation_scale_and_shift_only():
    x = normal(50, 8)
    rotation, _ = torch.linalg.qr(normal(8, 8, 1))
    assert cka(x, 3 * x @ rotation + 7) == pytest.approx(1.0, abs=1e-9)
    assert cka(x, x * torch.arange(1, 9)) < 0.95
    assert cka(x, x, debiased=False) == pytest.approx(1.0, abs=1e-9)
    assert cka(x, normal(50, 8, 2)) < 0.5


def test_unbiased_mmd_is_lemma_6():
    # 1/(n(n-1)) sum_{i != j} k(x_i, x_j) + the same of y - 2/(nm) sum k(x_i, y_j), float64
    x, y, sigma = normal(7, 3, 0).numpy(), normal(5, 3, 1, shift=0.5).numpy(), 1.3

    def k(a, b):
        return np.exp(-np.sum((a - b) ** 2) / (2 * sigma**2))

    xx = np.mean([k(x[i], x[j]) for i in range(7) for j in range(7) if i != j])
    yy = np.mean([k(y[i], y[j]) for i in range(5) for j in range(5) if i != j])
    xy = np.mean([k(a, b) for a in x for b in y])
    found = mmd(torch.tensor(x), torch.tensor(y), sigma)
    assert found == pytest.approx(xx + yy - 2 * xy, abs=1e-9)


def test_mmd_is_near_0_for_one_distribution_and_grows_with_the_distance():
    same = [mmd(normal(60, 4, 2 * s), normal(60, 4, 2 * s + 1)) for s in range(20)]
    assert abs(np.mean(same)) < 0.003 and min(same) < 0
    biased = [mmd(normal(60, 4, 2 * s), normal(60, 4, 2 * s + 1), unbiased=False) for s in range(3)]
    assert min(biased) > 0
    far = [mmd(normal(60, 4), normal(60, 4, 1, shift=shift)) for shift in (0.0, 0.5, 1.5)]
    assert far[0] < far[1] < far[2]


def test_the_width_is_the_median_distance_by_default():
    x, y = normal(9, 3), normal(8, 3, 1)
    pooled = torch.cat([x, y])
    median = torch.pdist(pooled).median().item()
    assert mmd(x, y) == pytest.approx(mmd(x, y, sigma=median), abs=1e-12)


def test_one_width_serves_several_pairs():
    x, y, z = normal(9, 3), normal(8, 3, 1), normal(7, 3, 2)
    assert kernel_width(x, y, z) == torch.pdist(torch.cat([x, y, z])).median().item()


def test_the_score_of_an_mmd_counts_from_what_chance_gives():
    same = [mmd_score(normal(40, 4, 2 * s), normal(40, 4, 2 * s + 1)) for s in range(20)]
    assert abs(np.mean(same)) < 0.6 and 0.6 < np.std(same) < 1.6
    far = [mmd_score(normal(40, 4), normal(40, 4, 1, shift=shift)) for shift in (0.0, 0.5, 1.5)]
    assert far[0] < 3 < far[1] < far[2]
    wide = mmd_score(100 * normal(40, 4), 100 * normal(40, 4, 1, shift=0.5))
    assert wide == pytest.approx(far[1], rel=1e-6)  # the unit of the features does not count


def test_the_proxy_a_distance_runs_from_0_to_2():
    same = [proxy_a_distance(normal(100, 5, 2 * s), normal(100, 5, 2 * s + 1)) for s in range(5)]
    assert abs(np.mean(same)) < 0.3
    assert proxy_a_distance(normal(100, 5), normal(100, 5, 1, shift=10.0)) == 2.0
    part = proxy_a_distance(normal(200, 5), normal(200, 5, 1, shift=0.4))
    assert 0.3 < part < 1.7


def test_the_proxy_a_distance_is_not_fooled_by_unequal_numbers():
    assert abs(proxy_a_distance(normal(400, 3), normal(20, 3, 1))) < 0.8


def test_wrong_shapes_are_refused():
    x = normal(10, 4)
    for spoilt in ((x, x[:9]), (x[0], x[0]), (x[:3], x[:3]), (x, torch.ones(10, 3))):
        with pytest.raises(ValueError):
            cka(*spoilt)
    for measure in (mmd, proxy_a_distance):
        for spoilt in ((x, x[:, :3]), (x[:1], x), (x[0], x)):
            with pytest.raises(ValueError):
                measure(*spoilt)
    with pytest.raises(ValueError):
        mmd(torch.zeros(5, 2), torch.zeros(5, 2))
