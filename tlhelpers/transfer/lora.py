"""LoRA: leave every pretrained weight alone and learn a low-rank change beside it.

Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021 (arXiv:2106.09685). The
change of a weight matrix while a network adapts needs few directions. Only those are trained, so
that a task costs little memory and little disk; the library peft puts them into the layers.

    W + (alpha / r) B A, with A (r, in), B (out, r), B starting at 0; here alpha = 2 r

LoRA wants AdamW and about ten times the rate of full fine-tuning: its rates are searched on a
grid of their own.
"""

from __future__ import annotations

import copy
from typing import Any

from torch import nn

from tlhelpers.data.task import Task, require_task
from tlhelpers.models.surgery import freeze, stages
from tlhelpers.runtime.arguments import require_whole
from tlhelpers.transfer.finetune import (
    DEFAULTS,
    FineTuneResult,
    discriminative_rates,
    tune,
    with_head,
)

# Where language models compute queries and values, under the names of transformers.
ATTENTION = ("query", "value", "q_proj", "v_proj", "c_attn")
RATES = {"image": (1e-4, 5e-4, 2e-3), "text": (5e-4, 2e-3, 8e-3), "sound": (5e-4, 2e-3, 8e-3)}


def lora(
    backbone: nn.Module,
    task: Task,
    *,
    rank: int = 8,
    lr: float | None = None,
    epochs: int | None = None,
    freeze_epochs: int | None = None,
    head: nn.Module | None = None,
    dropout: float = 0.0,
    seed: int = 0,
    read_test: bool = True,
    **fit_options: Any,
) -> FineTuneResult:
    """Give a copy of `backbone` a head for `task`, train it and a change of this rank beside the
    weights of the body, and read the test split once.

    lr: the learning rate of both; None tries three on the validation split. The other options are
    those of `fine_tune`, and so is the promise that the result is never worse on the validation
    split than the head it began with. Raises ValueError for a rank below 1.
    """
    require_task(task)
    require_whole("rank", rank, 1)
    options = {**DEFAULTS[task.kind], "optimizer": "adamw", "seed": seed, **fit_options}

    def prepare(model: nn.Module, lr: float) -> tuple[nn.Module, dict]:
        model = add_lora(freeze(model), rank)
        return model, {"param_groups": discriminative_rates(model, lr)}

    start = with_head(backbone, task, head, freeze_epochs, lr, dropout, options)
    grid = {"lr": RATES[task.kind] if lr is None else (lr,)}
    return tune(start, task, prepare, grid, epochs, options, read_test)


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


def merged(model: nn.Module) -> nn.Module:
    """A copy in which the learned change is added to the weights: a network of plain layers."""
    from peft.tuners.lora import LoraLayer

    model = copy.deepcopy(model)
    for name, layer in list(model.named_modules()):
        if isinstance(layer, LoraLayer):
            layer.merge()
            parent = model.get_submodule(name.rpartition(".")[0])
            setattr(parent, name.rpartition(".")[2], layer.get_base_layer())
    return model.requires_grad_(True)
