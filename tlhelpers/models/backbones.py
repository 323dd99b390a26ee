"""Pretrained networks by name: what there is, and where its weights come from.

`backbone("zukan-resnet")` gives the course's own networks, whose weights lie in the clone;
`backbone("resnet18")` those of torchvision, with ImageNet weights. Other rooms add their names
with `register`. Weights are looked for in one order: an explicit path, the mirror
(`TLHELPERS_MIRROR`), torchvision's own cache, the network. Where they cannot be had this is
said, and the network is never silently random.
"""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tlhelpers.models import networks
from tlhelpers.models.cards import read_card, weights_folder
from tlhelpers.models.preprocess import Preprocess
from tlhelpers.models.surgery import head_of, replace_head
from tlhelpers.runtime import store
from tlhelpers.runtime.language import text
from tlhelpers.runtime.store import StoreError
from tlhelpers.runtime.table import Table

ZUKAN = (
    "zukan-resnet",
    "zukan-vgg",
    "zukan-inception",
    "zukan-shape",
    "zukan-texture",
    "zukan-paint",
)
# The torchvision networks that the lessons speak of; every other one works by its name, too.
TORCHVISION = (
    "resnet18",
    "resnet50",
    "vgg16",
    "googlenet",
    "mobilenet_v2",
    "efficientnet_b0",
    "convnext_tiny",
    "vit_b_16",
)


@dataclass(frozen=True)
class BackboneInfo:
    """What a network was before it is trained on: `backbone(...).info`."""

    name: str
    pretrained_on: str  # "zukan: source", "ImageNet-1K"; "" where the weights are random
    feature_dim: int  # numbers that the head sees
    classes: dict[str, list[str]]  # of the pre-training; empty lists where the weights are random
    size: int  # pixels, the shorter side that `preprocess` resizes to
    parameters: int  # of the network with its own head
    licence: str
    weights_sha256: str | None  # None where the weights are random

    def to_dict(self) -> dict:
        return asdict(self)


def backbone(
    name: str,
    *,
    pretrained: bool = True,
    fallback: str | None = None,
    num_classes: int | None = None,
    weights: str | Path | None = None,
    size: int | None = None,
) -> nn.Module:
    """The network called `name`, in eval mode, with its `.preprocess` and `.info`.

    pretrained: False gives random weights (seeded by torch's own state).
    fallback: what to take where the weights cannot be had: a name, or "zukan" for the course's
        network of the same family. It is said in one line. None: an error.
    num_classes: a new, random head for so many classes; None keeps the pretrained head.
    weights: a file of weights (.safetensors, or .pth with tensors only).
    size: pixels that pictures are resized to; None is what the weights were trained for.

    "resnet50:IMAGENET1K_V2" asks for another of torchvision's sets of weights.
    Raises ValueError for an unknown name, StoreError where the weights cannot be had or are
    damaged.
    """
    load = _loader_of(name)
    try:
        model = load(name, pretrained=pretrained, weights=weights, size=size)
    except StoreError as error:
        if fallback is None:
            raise
        used = _family(name) if fallback == "zukan" else fallback
        print(text("backbones.fallback", name=name, used=used, reason=error))
        return backbone(used, num_classes=num_classes, size=size)
    if num_classes is not None:
        replace_head(model, num_classes)
    return model.eval()


def list_backbones() -> Table:
    """The networks of the lessons, with their size and whether their weights are here."""
    from torchvision.models import get_model_weights

    rows = []
    for name in ZUKAN:
        card = read_card(weights_folder() / f"{name}.json")
        rows.append(
            {
                "name": name,
                "pretrained_on": f"zukan: {card.source}",
                "parameters": card.parameters,
                "megabytes": round(card.bytes / 1e6, 1),
                "available": text("backbones.here"),
            }
        )
    for name in TORCHVISION:
        version = _version(get_model_weights(name), "")
        rows.append(
            {
                "name": name,
                "pretrained_on": "ImageNet-1K",
                "parameters": version.meta["num_params"],
                "megabytes": version.meta["_file_size"],
                "available": text("backbones.here" if is_here(name) else "backbones.to_download"),
            }
        )
    from tlhelpers.models.language_models import rows_of_text_models

    return Table(rows + rows_of_text_models())


def is_here(name: str) -> bool:
    """True where the weights of this network need no network: shipped, fetched or in a mirror."""
    from torchvision.models import get_model_weights

    if name in ZUKAN:
        return (weights_folder() / f"{name}.safetensors").is_file()
    plain, _, asked = name.partition(":")
    url = _version(get_model_weights(plain), asked).url
    return _cached_path(url).exists() or store.mirrored_file(url) is not None


# --- which loader a name belongs to -------------------------------------------------------

_LOADERS: dict[str, Callable[..., nn.Module] | str] = {}


def register(pattern: str, loader: Callable[..., nn.Module] | str) -> None:
    """Lets `backbone` find the networks whose name matches `pattern` ("bert-*").

    loader: called as `loader(name, pretrained=..., weights=..., size=...)`, gives a network with
        `.info` (a BackboneInfo) and `.preprocess` (see `furnish`) and raises StoreError; or
        "module:function", imported when it is first needed.
    """
    _LOADERS[pattern] = loader


def _loader_of(name: str) -> Callable[..., nn.Module]:
    for pattern, loader in _LOADERS.items():
        if fnmatch(name, pattern):
            if isinstance(loader, str):
                module, function = loader.split(":")
                loader = getattr(importlib.import_module(module), function)
            return loader
    if name.partition(":")[0] in _torchvision_names():
        return load_torchvision
    known = [*_LOADERS, *_torchvision_names()]
    near = difflib.get_close_matches(name, known, n=3) or [*ZUKAN[:1], *TORCHVISION[:3]]
    raise ValueError(text("backbones.unknown", name=name, near=", ".join(near)))


def _family(name: str) -> str:
    """The course's network of the same family."""
    if name.startswith("vgg"):
        return "zukan-vgg"
    return "zukan-inception" if name.startswith(("googlenet", "inception")) else "zukan-resnet"


def furnish(model: nn.Module, preprocess: Callable, info: BackboneInfo) -> nn.Module:
    """Gives the network its `.preprocess` and `.info`.

    They are plain attributes: a registered submodule would show up in `children()`, and in
    every `nn.Sequential` that a learner builds from them.
    """
    model.__dict__["preprocess"] = preprocess
    model.__dict__["info"] = info
    return model


# --- the course's own networks ------------------------------------------------------------


def load_zukan(
    name: str,
    *,
    pretrained: bool = True,
    weights: str | Path | None = None,
    size: int | None = None,
) -> nn.Module:
    """One of ZUKAN; its card must lie beside its weights."""
    file = weights_folder() / f"{name}.safetensors" if weights is None else Path(weights)
    card = read_card(file.with_suffix(".json"))
    model = getattr(networks, card.architecture)(card.num_classes)
    if pretrained:
        store.verify(file, card.sha256)
        _load(model, read_tensors(file), file)
    preprocess = Preprocess(card.mean, card.std, size=size or card.size)
    info = BackboneInfo(
        name=name,
        pretrained_on=f"zukan: {card.source}",
        feature_dim=card.feature_dim,
        classes=card.classes,
        size=size or card.size,
        parameters=card.parameters,
        licence=card.licence,
        weights_sha256=card.sha256,
    )
    return furnish(model, preprocess, info if pretrained else _untrained(info))


for _name in ZUKAN:
    register(_name, load_zukan)

# Language models, on the hub's names for public ones; their module needs transformers.
TEXT = ("zukan-bert", "zukan-bert-en", "zukan-gpt")
HUB_TEXT = (
    "bert-base-uncased",
    "tohoku-nlp/bert-base-japanese-v3",
    "ProsusAI/finbert",
    "gpt2",
    "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2",
)
for _name in TEXT:
    register(_name, "tlhelpers.models.language_models:load_zukan_text")
for _name in HUB_TEXT:
    register(_name, "tlhelpers.models.language_models:load_hub_text")


def _untrained(info: BackboneInfo) -> BackboneInfo:
    return replace(info, pretrained_on="", classes={"en": [], "ja": []}, weights_sha256=None)


# --- torchvision's networks ---------------------------------------------------------------


def load_torchvision(
    name: str,
    *,
    pretrained: bool = True,
    weights: str | Path | None = None,
    size: int | None = None,
) -> nn.Module:
    """A classification network of torchvision; "NAME:VERSION" for other weights than the first.

    The first version (IMAGENET1K_V1) is the default: the later recipes score higher on ImageNet
    itself, but their features transfer worse while frozen (Kornblith et al., arXiv:2010.16402).
    """
    from torchvision.models import get_model_weights

    plain, _, asked = name.partition(":")
    version = _version(get_model_weights(plain), asked)
    model = _build(plain)
    file, sha = None, None
    if pretrained:
        file = Path(weights) if weights is not None else _resolve(name, version.url)
        state = read_tensors(file)
        if plain.startswith("densenet"):
            state = _renamed_for_densenet(state)
        _load(model, state, file)
        sha = store.sha256(file)
    for auxiliary in ("aux1", "aux2", "AuxLogits"):  # heads of GoogLeNet that only training uses
        if hasattr(model, auxiliary):
            setattr(model, auxiliary, None)
            model.aux_logits = False
    transforms = version.transforms()
    preprocess = Preprocess(
        transforms.mean,
        transforms.std,
        size=size or transforms.resize_size[0],
        crop=size or transforms.crop_size[0],
        mode=transforms.interpolation.value,
    )
    head = getattr(*head_of(model))
    info = BackboneInfo(
        name=name,
        pretrained_on="ImageNet-1K",
        feature_dim=head.in_features if isinstance(head, nn.Linear) else head.in_channels,
        classes={"en": list(version.meta["categories"])},
        size=size or transforms.crop_size[0],
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        licence="BSD-3-Clause (torchvision); ImageNet: non-commercial research",
        weights_sha256=sha,
    )
    return furnish(model, preprocess, info if pretrained else _untrained(info))


def _torchvision_names() -> list[str]:
    import torchvision

    return torchvision.models.list_models(module=torchvision.models)


def _version(versions: Any, asked: str) -> Any:
    """The set of weights asked for; else the first ImageNet one."""
    known = [version.name for version in versions]
    if asked and asked not in known:
        raise ValueError(text("backbones.no_version", asked=asked, known=", ".join(known)))
    return versions[asked] if asked else next(iter(versions))


def _build(name: str) -> nn.Module:
    """The network without weights, with all the parts that its weights have."""
    from torchvision.models import get_model

    options: dict[str, Any] = {}
    if name in ("googlenet", "inception_v3"):
        options = {"aux_logits": True, "transform_input": True, "init_weights": False}
    return get_model(name, weights=None, **options)


def _cached_path(url: str) -> Path:
    """Where torchvision itself keeps this file."""
    return Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[-1]


def _resolve(name: str, url: str) -> Path:
    """The file of these weights, checked against the checksum in torchvision's file name."""
    target = _cached_path(url)
    stated = re.search(r"-([0-9a-f]{8,})\.pth$", url)
    sha = stated and stated.group(1)
    if target.exists() and sha and not store.sha256(target).startswith(sha):
        # Somebody put this file there by hand, since torchvision checks what it downloads.
        print(text("backbones.not_the_published", path=target, name=name))
        return target
    try:
        return store.fetch(url, target, sha)
    except StoreError as error:
        raise StoreError(text("backbones.not_available", name=name, reason=error)) from error


def _renamed_for_densenet(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The published files call the layers `norm.1` that the network now calls `norm1`."""
    return {
        re.sub(r"(denselayer\d+\.(?:norm|relu|conv))\.(\d)", r"\1\2", k): v
        for k, v in state.items()
    }


# --- reading weights ----------------------------------------------------------------------


def read_tensors(file: str | Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors or .pth file, on the CPU, floats as float32.

    A pickle that holds anything but tensors is refused, and none of its code is run.
    Raises StoreError where the file is missing, damaged, or holds something else.
    """
    import pickle

    from safetensors.torch import load_file

    file = Path(file)
    store.verify(file)
    try:
        if file.suffix == ".safetensors":
            state = load_file(file)
        else:
            state = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise StoreError(text("backbones.not_tensors", path=file)) from error
    except Exception as error:  # torch and safetensors each raise many kinds for a damaged file
        raise StoreError(text("backbones.damaged", path=file, reason=error)) from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise StoreError(text("backbones.not_tensors", path=file))
    for key, value in state.items():  # in place: the dict also carries its layers' versions
        state[key] = value.float() if value.is_floating_point() else value
    return state


def _load(model: nn.Module, state: dict[str, Tensor], file: Path) -> None:
    try:
        model.load_state_dict(state)
    except (RuntimeError, ValueError) as error:
        network = type(model).__name__
        raise StoreError(text("backbones.do_not_fit", path=file, network=network)) from error
