"""A way to keep fine-tuning from doing harm: stay near the start.

L2-SP: Li, Grandvalet and Davoine, "Explicit Inductive Bias for Transfer Learning with
Convolutional Networks", 2018 (arXiv:1802.01483). Weight decay pulls towards the pretrained weights
w0 instead of towards zero; the new head is decayed as usual:

    penalty = alpha / 2 * ||w - w0||^2 + beta / 2 * ||w_head||^2

It is in place of the optimizer's own weight decay: `fine_tune(penalty=l2_sp)` sets that to 0, and
so should who calls `fit` (weight_decay=0).
"""

from collections.abc import Callable

from torch import Tensor, nn

from tlhelpers.models.surgery import head_of


def l2_sp(model: nn.Module, alpha: float = 0.01, beta: float = 0.01) -> Callable:
    """A penalty(model) for `fit`; the start w0 is where the body of `model` stands now."""
    head = _head(model)
    of_head = {id(p) for p in head.parameters()}
    start = {
        name: p.detach().clone()
        for name, p in model.named_parameters()
        if id(p) not in of_head and p.requires_grad
    }

    def penalty(trained: nn.Module) -> Tensor:
        body, top = 0.0, 0.0
        for name, parameter in trained.named_parameters():
            if name in start:
                start[name] = start[name].to(parameter.device)  # moves at the first step only
                body = body + (parameter - start[name]).square().sum()
            elif parameter.requires_grad:
                top = top + parameter.square().sum()
        return alpha / 2 * body + beta / 2 * top

    return penalty


def _head(model: nn.Module) -> nn.Module:
    return getattr(*head_of(model))
