"""Heads, stages and freezing: what transfer learning does to a network before it trains it.

It works on every classification network of torchvision (whose last layer is called `fc`,
`classifier`, `head` or `heads.head`, and is a convolution in SqueezeNet), on the course's own
networks, on classifiers of transformers, and on a plain `nn.Sequential`.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from tlhelpers.runtime.arguments import require_network, require_whole
from tlhelpers.runtime.language import text

# Modules that only hold the stages of a network, under torchvision's and transformers' names.
_CONTAINERS = {
    "features",
    "encoder",
    "layers",
    "layer",
    "h",
    "blocks",
    "trunk_output",
    "transformer",
}
_HEAD_NAMES = ("fc", "classifier", "heads", "head")
# Second heads, which GoogLeNet and Inception v3 have for training only.
MOST_CLASSES = 1_000_000
_AUXILIARY = ("aux1", "aux2", "AuxLogits")


# --- the head -----------------------------------------------------------------------------


def head_of(model: nn.Module) -> tuple[nn.Module, str]:
    """The last layer, as (the module that holds it, its name there).

    `getattr(*head_of(model))` is the layer itself: nn.Linear or, in SqueezeNet, a 1 x 1
    nn.Conv2d. Raises ValueError where the network has neither.
    """
    require_network("model", model)
    parent, name, module = None, "", model
    for name in _HEAD_NAMES:
        if isinstance(getattr(model, name, None), nn.Module):
            parent, module = model, getattr(model, name)
            break
    while not isinstance(module, nn.Linear | nn.Conv2d):
        inner = [(key, child) for key, child in module.named_children() if _holds_layer(child)]
        if not inner:
            raise ValueError(text("surgery.no_head", network=type(model).__name__))
        parent, (name, module) = module, inner[-1]
    if parent is None:
        raise ValueError(text("surgery.no_head", network=type(model).__name__))
    return parent, name


def _holds_layer(module: nn.Module) -> bool:
    return any(isinstance(inner, nn.Linear | nn.Conv2d) for inner in module.modules())


def replace_head(model: nn.Module, num_classes: int, dropout: float | None = None) -> nn.Module:
    """A new, random last layer for `num_classes` classes; returns the model.

    The second heads of GoogLeNet and Inception v3, and what networks note of their classes,
    follow. dropout: the share of features dropped in training, just before the head; None leaves
        the network's own dropout, if any, as it is.
    """
    parent, name = head_of(model)
    head = _resized(getattr(parent, name), num_classes)
    before = _dropout_before(parent, name)
    if before is not None and dropout is not None:
        before.p = dropout
    elif dropout:
        head = nn.Sequential(nn.Dropout(dropout), head)
    setattr(parent, name, head)
    for auxiliary in filter(None, (getattr(model, name, None) for name in _AUXILIARY)):
        place = head_of(auxiliary)
        setattr(*place, _resized(getattr(*place), num_classes))
    _remember_classes(model, num_classes)
    return model


def twin(model: nn.Module) -> nn.Module:
    """A copy of the network that shares every tensor with it, to carry another head on one body.

    To be used, not trained: a step would change both.
    """
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    return copy.deepcopy(model, shared)


def grow_head(model: nn.Module, num_classes: int) -> nn.Module:
    """A last layer for more classes that keeps the rows of the old ones; returns the model.

    The trap: a fresh layer forgets the old classes at once. The head is a new parameter, so
    the optimizer must be built anew. Raises ValueError unless `num_classes` grows.
    """
    parent, name = head_of(model)
    old = getattr(parent, name)
    known = old.weight.shape[0]
    if num_classes <= known:
        raise ValueError(text("surgery.not_growing", known=known, asked=num_classes))
    head = _resized(old, num_classes)
    with torch.no_grad():
        head.weight[:known] = old.weight
        if old.bias is not None:
            head.bias[:known] = old.bias
    setattr(parent, name, head)
    _remember_classes(model, num_classes)
    return model


def _resized(old: nn.Linear | nn.Conv2d, num_classes: int) -> nn.Module:
    """A random layer like `old`, for another number of classes, on the same device."""
    require_whole("num_classes", num_classes, 1, MOST_CLASSES)
    place = {"device": old.weight.device, "dtype": old.weight.dtype}
    bias = old.bias is not None
    if isinstance(old, nn.Linear):
        return nn.Linear(old.in_features, num_classes, bias=bias, **place)
    return nn.Conv2d(
        old.in_channels,
        num_classes,
        old.kernel_size,
        stride=old.stride,
        padding=old.padding,
        dilation=old.dilation,
        padding_mode=old.padding_mode,
        bias=bias,
        **place,
    )


def _dropout_before(parent: nn.Module, name: str) -> nn.Dropout | None:
    """The dropout that stands before the head: a sibling in a Sequential, or `model.dropout`."""
    if isinstance(parent, nn.Sequential):
        siblings = list(parent.named_children())
        place = [key for key, _ in siblings].index(name)
        found = siblings[place - 1][1] if place else None
    else:
        found = getattr(parent, "dropout", None)
    return found if isinstance(found, nn.Dropout) else None


def _remember_classes(model: nn.Module, num_classes: int) -> None:
    """Some networks also note how many classes they have (SqueezeNet, transformers).

    The loss of transformers' classifiers and `save_pretrained` go by what the config says.
    """
    config = getattr(model, "config", None)
    for holder, name in ((model, "num_classes"), (model, "num_labels"), (config, "num_labels")):
        if isinstance(getattr(holder, name, None), int):
            setattr(holder, name, num_classes)


def features_of(model: nn.Module, preprocessed: Tensor | dict) -> Tensor:
    """What the head sees: (n, d), for pictures or tokens that were preprocessed already.

    Taken by a hook on the head's input, so that it is right for every family; maps
    (n, d, height, width) before a convolutional head are averaged over the positions.
    The caller decides about train or eval mode and about gradients.
    """
    caught = []
    hook = getattr(*head_of(model)).register_forward_pre_hook(
        lambda head, inputs: caught.append(inputs[0])
    )
    try:
        model(**preprocessed) if isinstance(preprocessed, dict) else model(preprocessed)
    finally:
        hook.remove()
    return caught[0].mean((2, 3)) if caught[0].ndim == 4 else caught[0]


# --- stages -------------------------------------------------------------------------------


def stages(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """The parts of a network that have parameters, from the input to the head, with names.

    ResNet: conv1, bn1, layer1 ... layer4, fc. VGG: its blocks between poolings, named as the
    slices that they are (`features[0:4]`), and the layers of the classifier.
    """
    require_network("model", model)
    return list(_stages(model, "", getattr(model, "base_model_prefix", "") or None))


def _stages(module: nn.Module, prefix: str, base: str | None) -> Iterator[tuple[str, nn.Module]]:
    poolings = [type(child) is nn.MaxPool2d for child in module.children()]
    if isinstance(module, nn.Sequential) and sum(poolings) > 1:
        start = 0
        for end in [place + 1 for place, pooling in enumerate(poolings) if pooling] + [len(module)]:
            if any(True for _ in module[start:end].parameters()):
                yield f"{prefix[:-1]}[{start}:{end}]", module[start:end]
            start = end
        return
    for name, child in module.named_children():
        is_split_head = name in _HEAD_NAMES and not isinstance(child, nn.Linear | nn.Conv2d)
        if name in _CONTAINERS or name == base or is_split_head:
            yield from _stages(child, f"{prefix}{name}.", None)
        elif any(True for _ in child.parameters()):
            yield prefix + name, child


# --- freezing -----------------------------------------------------------------------------


def freeze(model: nn.Module, to: str | None = None) -> nn.Module:
    """Freezes the network from its input up to the stage `to`, that one included.

    None freezes everything but the head. What comes after is trainable. A frozen part is in
    eval mode and stays there through `model.train()`: without this, the trap of "frozen"
    networks, the running statistics of BatchNorm go on changing. Returns the model.
    Raises ValueError where the network has no stage of this name, or nothing before its head.
    """
    names = [name for name, _ in stages(model)]
    if to is None and len(names) < 2:
        raise ValueError(text("surgery.no_body", stages=", ".join(names)))
    to = names[-2] if to is None else to
    if to not in names:
        raise ValueError(text("surgery.no_stage", asked=to, stages=", ".join(names)))
    unfreeze(model).requires_grad_(False)
    for number, (_, part) in enumerate(stages(model)):
        if number > names.index(to):
            part.requires_grad_(True)
            continue
        for module in part.modules():
            module.train = functools.partial(_stay_in_eval, module)
        part.eval()
    return model


def _stay_in_eval(module: nn.Module, mode: bool = True) -> nn.Module:
    return type(module).train(module, False)


def unfreeze(model: nn.Module) -> nn.Module:
    """Makes every parameter trainable, and lets `train()` reach every module; returns the model."""
    require_network("model", model)
    for module in model.modules():
        module.__dict__.pop("train", None)
    model.train(model.training)
    return model.requires_grad_(True)


def freeze_batchnorm(model: nn.Module) -> nn.Module:
    """Keeps the running statistics of every BatchNorm as they are, through `model.train()` too.

    Its scale and shift stay trainable where they are. Returns the model.
    """
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.train = functools.partial(_stay_in_eval, module)
            module.eval()
    return model


@contextmanager
def assert_frozen(model: nn.Module) -> Iterator[None]:
    """Checks that what is frozen now is the same, bit by bit, at the end of the `with` block.

    Frozen are the parameters without `requires_grad`, and the buffers (BatchNorm's running
    statistics) of modules whose parameters are all frozen. Raises AssertionError that names
    what changed, or says that nothing was frozen.
    """
    before = {name: value.clone() for name, value in _frozen_tensors(model)}
    if not before:
        raise AssertionError(text("surgery.nothing_frozen"))
    yield
    after = dict(model.named_parameters()) | dict(model.named_buffers())
    changed = [name for name, value in before.items() if not torch.equal(value, after[name])]
    if changed:
        shown = ", ".join(changed[:5]) + (" ..." if len(changed) > 5 else "")
        raise AssertionError(text("surgery.frozen_changed", names=shown, count=len(changed)))


def _frozen_tensors(
    module: nn.Module, prefix: str = "", frozen: bool = False
) -> Iterator[tuple[str, Tensor]]:
    """(name, tensor) of every frozen parameter and buffer.

    frozen: what holds for the buffers of a module without parameters: its parent's state.
    """
    parameters = list(module.parameters())
    if parameters:
        frozen = not any(parameter.requires_grad for parameter in parameters)
    for name, parameter in module.named_parameters(recurse=False):
        if not parameter.requires_grad:
            yield prefix + name, parameter.detach()
    if frozen:
        for name, buffer in module.named_buffers(recurse=False):
            yield prefix + name, buffer
    for name, child in module.named_children():
        yield from _frozen_tensors(child, f"{prefix}{name}.", frozen)
