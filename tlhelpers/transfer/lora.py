"""LoRA: leave every pretrained weight alone and learn a low-rank change beside it.

Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021 (arXiv:2106.09685). The
change of a weight matrix while a network adapts needs few directions. Only those are trained, so
that a task costs little memory and little disk; the library peft puts them into the layers.

    W + (alpha / r) B A, with A (r, in), B (out, r), B starting at 0; here alpha = 2 r
"""

from __future__ import annotations

from torch import nn

from tlhelpers.models.surgery import stages

# Where language models compute queries and values, under the names of transformers.
ATTENTION = ("query", "value", "q_proj", "v_proj", "c_attn")


def add_lora(model: nn.Module, rank: int = 8) -> nn.Module:
    """Freeze `model` except its head and add LoRA of this rank to the body.

    Language models get it at the queries and values of their attention, as in the paper; other
    networks at every layer.
    """
    from peft import LoraConfig, inject_adapter_in_model

    *body, (_, head) = stages(model)
    inside = {id(layer) for _, stage in body for layer in stage.modules()}
    layers = (nn.Linear, nn.Conv2d)
    targets = [
        name
        for name, layer in model.named_modules()
        if id(layer) in inside and isinstance(layer, layers) and getattr(layer, "groups", 1) == 1
    ]
    attention = [
        name
        for name, layer in model.named_modules()
        if id(layer) in inside and name.rpartition(".")[2] in ATTENTION
    ]
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=attention or targets)
    model = inject_adapter_in_model(config, model)
    for parameter in head.parameters():
        parameter.requires_grad_(True)
    return model
