"""Pretrained networks by name: what there is, and where its weights come from.

`backbone("zukan-resnet")` gives the course's own networks, whose weights lie in the clone;
`backbone("resnet18")` those of torchvision, with ImageNet weights; `LOADERS` names the others, and
any model of the hub or in a folder works by its name (`hub.py`).
Weights are looked for in one order: an explicit path, the mirror (`TLHELPERS_MIRROR`),
torchvision's own cache, the network. Where they cannot be had this is said, and the network is
never silently random.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tlhelpers.data.sounds.frontend import LogMel
from tlhelpers.models import networks
from tlhelpers.models.cards import ModelCard, SpeechCard, weights_folder
from tlhelpers.models.hub import KNOWN, is_hub_name, is_model_folder, load_hub, rows_of_hub
from tlhelpers.models.language_models import (
    HUB,
    TEXT,
    load_hub_text,
    load_zukan_text,
    rows_of_text_models,
)
from tlhelpers.models.preprocess import Preprocess
from tlhelpers.models.speech import ContextNet
from tlhelpers.models.surgery import MOST_CLASSES, head_of, replace_head
from tlhelpers.models.weights import (
    BackboneInfo,
    furnish,
    load_into,
    read_tensors,
    torchvision_sha256,
    untrained,
)
from tlhelpers.runtime import store
from tlhelpers.runtime.arguments import require_whole
from tlhelpers.runtime.console import printable
from tlhelpers.runtime.language import text
from tlhelpers.runtime.store import StoreError
from tlhelpers.runtime.table import Table

ZUKAN = (
    "zukan-resnet",
    "zukan-vgg",
    "zukan-inception",
    "zukan-small",
    "zukan-shape",
    "zukan-texture",
    "zukan-paint",
)
SPEECH = ("zukan-speech",)
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

    "resnet50:IMAGENET1K_V2" asks for another of torchvision's sets of weights; "owner/name" for a
    model of the Hugging Face hub; the path of a folder for a model as transformers saves it.
    Raises ValueError for an unknown name, StoreError where the weights cannot be had or are
    damaged.
    """
    load = _loader_of(name)
    if fallback not in (None, "zukan"):
        _loader_of(fallback)
    if size is not None:
        require_whole("size", size, *((16, 2048) if is_picture_network(name) else (2, 8192)))
    if num_classes is not None:
        require_whole("num_classes", num_classes, 1, MOST_CLASSES)
    try:
        if weights is not None and not _is_named(weights):
            raise StoreError(text("store.file_missing", path=f"{weights!r:.60}"))
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
        card = ModelCard.read(weights_folder() / f"{name}.json")
        rows.append(
            {
                "name": name,
                "pretrained_on": f"zukan: {card.source}",
                "parameters": card.parameters,
                "megabytes": round(card.megabytes, 1),
                "available": text("backbones.here"),
            }
        )
    for name in SPEECH:
        heard = SpeechCard.read(weights_folder() / f"{name}.json")
        rows.append(
            {
                "name": name,
                "pretrained_on": text("speech.read"),
                "parameters": heard.parameters,
                "megabytes": round(heard.megabytes, 1),
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
    return Table(rows + rows_of_text_models() + rows_of_hub())


def is_here(name: str) -> bool:
    """True where the weights of this network need no network: shipped, fetched or in a mirror."""
    from torchvision.models import get_model_weights

    if name in ZUKAN:
        return (weights_folder() / f"{name}.safetensors").is_file()
    plain, _, asked = name.partition(":")
    url = _version(get_model_weights(plain), asked).url
    return _cached_path(url).exists() or store.mirrored_file(url) is not None


def is_picture_network(name: str) -> bool:
    """True for the name of a network for pictures: the course's own, or torchvision's."""
    return name in ZUKAN or name.partition(":")[0] in _torchvision_names()


def _loader_of(name: str) -> Callable[..., nn.Module]:
    asked = name if isinstance(name, str) else repr(name)
    if asked in LOADERS:
        return LOADERS[asked]
    if asked.partition(":")[0] in _torchvision_names():
        return load_torchvision
    if isinstance(name, (str, Path)) and (is_model_folder(name) or is_hub_name(name)):
        return load_hub
    known = [*LOADERS, *_torchvision_names()]
    near = difflib.get_close_matches(asked.lower(), known, n=3) or [*ZUKAN[:1], *TORCHVISION[:3]]
    raise ValueError(text("backbones.unknown", name=printable(asked[:80]), near=", ".join(near)))


def _is_named(weights: Any) -> bool:
    """True for what could be the path of a file."""
    return (
        isinstance(weights, (str, Path))
        and "\0" not in str(weights)
        and Path(weights).name.strip() != ""
    )


def _family(name: str) -> str:
    """The course's network of the same family."""
    if name.startswith("vgg"):
        return "zukan-vgg"
    return "zukan-inception" if name.startswith(("googlenet", "inception")) else "zukan-resnet"


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
    store.verify(file)
    card = ModelCard.read(file.with_suffix(".json"))
    model = networks.ARCHITECTURES[card.architecture](card.num_classes)
    if pretrained:
        store.verify(file, card.sha256)
        load_into(model, read_tensors(file), file)
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
    return furnish(model, preprocess, info if pretrained else untrained(info))


def load_zukan_speech(
    name: str,
    *,
    pretrained: bool = True,
    weights: str | Path | None = None,
    size: int | None = None,
) -> nn.Module:
    """The course's network of spoken words: waves (n, samples) at its own rate go in.

    size does not concern sounds.
    """
    file = weights_folder() / f"{name}.safetensors" if weights is None else Path(weights)
    store.verify(file)
    card = SpeechCard.read(file.with_suffix(".json"))
    model = ContextNet(len(card.words), card.mels)
    if pretrained:
        store.verify(file, card.sha256)
        load_into(model, read_tensors(file), file)
    info = BackboneInfo(
        name=name,
        pretrained_on=text("speech.read"),
        feature_dim=card.feature_dim,
        classes={"en": card.words, "ja": card.words},
        size=card.rate,
        parameters=card.parameters,
        licence=card.licence,
        weights_sha256=card.sha256,
    )
    preprocess = LogMel(card.rate, card.mels)
    return furnish(model, preprocess, info if pretrained else untrained(info))


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
        load_into(model, state, file)
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
    return furnish(model, preprocess, info if pretrained else untrained(info))


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
    """The file of these weights, checked against torchvision's checksum."""
    target = _cached_path(url)
    sha = torchvision_sha256(url)
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


# Name -> what gives the network: `loader(name, pretrained=..., weights=..., size=...)` returns one
# with `.info` and `.preprocess` (see `furnish`) or raises StoreError. torchvision's need no line.
LOADERS: dict[str, Callable[..., nn.Module]] = {
    **dict.fromkeys(ZUKAN, load_zukan),
    **dict.fromkeys(SPEECH, load_zukan_speech),
    **dict.fromkeys(TEXT, load_zukan_text),
    **dict.fromkeys(HUB, load_hub_text),
    **dict.fromkeys(KNOWN, load_hub),
}
