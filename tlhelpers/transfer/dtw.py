"""Speech recognition as it was before networks: nearest template under dynamic time warping.

Sakoe and Chiba, "Dynamic programming algorithm optimization for spoken word recognition", 1978
(doi:10.1109/TASSP.1978.1163055). Two sayings of a word differ in speed. The warping path runs
through both from start to end, may wait in either, and is the one of the smallest total distance:

    D[i, j] = d(x_i, y_j) + min(D[i-1, j-1], D[i-1, j], D[i, j-1]),    distance = D[I, J] / (I + J)

x_i are MFCCs: the first coefficients of a cosine transform of a log-mel frame (Davis and
Mermelstein, 1980), each with mean 0 and deviation 1 over its sound, so that line and loudness
cancel. It is to speech what TF-IDF is to texts: no pre-training, and hard to beat on one voice.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tlhelpers.data.task import Task

COEFFICIENTS = 13  # of the cosine transform, without the first, which is loudness
STEP = 2  # frames: every second one is compared
PAIRS = 4096  # compared at a time


def mfcc(log_mels: Tensor, coefficients: int = COEFFICIENTS) -> Tensor:
    """Log-mels (n, bands, frames) -> (n, coefficients, frames), standardised over the frames."""
    bands = log_mels.shape[1]
    order = torch.arange(1, coefficients + 1)[:, None]
    basis = torch.cos(math.pi * order * (torch.arange(bands) + 0.5) / bands)
    found = basis.to(log_mels) @ log_mels
    mean, std = found.mean(2, keepdim=True), found.std(2, keepdim=True)
    return (found - mean) / (std + 1e-6)


def dtw_distances(sounds: Tensor, templates: Tensor) -> Tensor:
    """Distances (n, m) between sounds (n, d, frames) and templates (m, d, frames)."""
    parts = [
        torch.cat([_distances(one[None], some) for some in templates.split(PAIRS)])
        for one in sounds
    ]
    return torch.stack(parts)


def _distances(sound: Tensor, templates: Tensor) -> Tensor:
    """(m,): of one sound (1, d, I) to m templates (m, d, J), one diagonal at a time."""
    local = torch.cdist(sound.transpose(1, 2), templates.transpose(1, 2))  # (m, I, J)
    count, rows, columns = local.shape
    total = torch.full((count, rows + 1, columns + 1), math.inf)
    total[:, 0, 0] = 0
    for diagonal in range(2, rows + columns + 1):
        i = torch.arange(max(1, diagonal - columns), min(rows, diagonal - 1) + 1)
        j = diagonal - i
        before = torch.stack([total[:, i - 1, j - 1], total[:, i - 1, j], total[:, i, j - 1]])
        total[:, i, j] = local[:, i - 1, j - 1] + before.amin(0)
    return total[:, rows, columns] / (rows + columns)


def dtw_accuracy(task: Task, log_mels: Tensor, test_log_mels: Tensor) -> float:
    """The share of test sounds whose nearest training sound is of their class.

    log_mels, test_log_mels: (n, bands, frames), of the training and the test split of `task`.
    """
    templates, sounds = (mfcc(one)[..., ::STEP] for one in (log_mels, test_log_mels))
    nearest = dtw_distances(sounds, templates).argmin(1)
    right = task.train.labels[nearest] == task.open_test().labels
    return right.double().mean().item()
