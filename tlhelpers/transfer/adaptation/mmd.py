"""MMD as a loss: train so that no smooth function tells the domains apart by its mean.

Long et al., "Learning Transferable Features with Deep Adaptation Networks", 2015
(arXiv:1502.02791). The squared maximum mean discrepancy of Gretton et al. (JMLR 2012) between the
features of the two domains is added to the loss; its kernel is a mean of Gaussians of several
widths, since no one width fits all of training. Here it acts on the
features that enter the head alone.

    MMD^2 = mean k(s, s') + mean k(t, t') - 2 mean k(s, t)
    k(a, b) = mean over f of exp(-||a - b||^2 / (f * w)), w the mean squared distance of the batch
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tlhelpers.data.task import Split, Task
from tlhelpers.transfer.adaptation.joint import train_together

FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)


def mmd_training(
    model: nn.Module,
    source: Task,
    pool: Split,
    *,
    strength: float = 1.0,
    lr: float = 0.02,
    epochs: int = 6,
    batch_size: int = 64,
    seed: int = 0,
) -> nn.Module:
    """A copy of `model`, trained on with the MMD between the domains in its loss, then AdaBN."""
    return train_together(
        model,
        source,
        pool,
        MultiKernelMMD(),
        strength=strength,
        lr=lr,
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
    )


class MultiKernelMMD(nn.Module):
    """`mmd_loss` as `train_together` calls it."""

    def forward(self, source: Tensor, target: Tensor, _progress: float) -> Tensor:
        return mmd_loss(source, target)


def mmd_loss(source: Tensor, target: Tensor) -> Tensor:
    """The biased estimate, at least 0, of features (n, d) and (m, d); a scalar with a gradient."""
    both = torch.cat([source, target])
    squares = (both[:, None] - both[None]).square().sum(2)
    n, count = len(source), len(both)
    width = (squares.detach().sum() / (count**2 - count)).clamp_min(1e-12)
    kernel = torch.stack([torch.exp(-squares / (factor * width)) for factor in FACTORS]).mean(0)
    return kernel[:n, :n].mean() + kernel[n:, n:].mean() - 2 * kernel[:n, n:].mean()
