"""Any public model by its name on the Hugging Face hub ("intfloat/multilingual-e5-small"), or in a
folder of one's own.

What a repository holds, with sizes, checksums and licence, is told by one page of the hub's, which
a mirror keeps like any other file. Only tensors are read (safetensors), and no code of a stranger
is run. Before a download its size and licence are named. An encoder of texts becomes a
`TextClassifier`, one of pictures a `PictureClassifier`; what the checkpoint's own files say of
reading and preprocessing is followed.
"""

from __future__ import annotations

import importlib.util
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tlhelpers.models.language_models import (
    HUB,
    READING_FILES,
    TOKENIZER_FILES,
    HubModel,
    Reading,
    hub_folder,
    open_text,
    require_ordinary,
    without_pooler,
)
from tlhelpers.models.preprocess import Preprocess
from tlhelpers.models.surgery import head_of
from tlhelpers.models.weights import BackboneInfo, furnish, load_into, read_tensors
from tlhelpers.runtime import store
from tlhelpers.runtime.console import printable
from tlhelpers.runtime.language import text
from tlhelpers.runtime.store import StoreError

# Small encoders that the lessons speak of; any other works by its name.
KNOWN = {
    "sentence-transformers/all-MiniLM-L6-v2": HubModel(
        "sentence-transformers/all-MiniLM-L6-v2",
        "Apache-2.0",
        "a billion pairs of English sentences",
        23,
        reading=Reading(normalize=True),
    ),
    "intfloat/multilingual-e5-small": HubModel(
        "intfloat/multilingual-e5-small",
        "MIT",
        "a billion pairs of texts in 94 languages",
        118,
        reading=Reading(normalize=True, prefix="query: "),
    ),
}
HUB_URL = "https://huggingface.co"
NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
TIMM_PREFIX = "hf-hub:"
WEIGHTS, PAGE = "model.safetensors", "repository.json"
PICTURES = "preprocessor_config.json"
# Those of a model that are looked for; where no page tells what there is, each is asked for.
FILES = ("config.json", PICTURES, *TOKENIZER_FILES, *READING_FILES, WEIGHTS)
# model_type -> the features of a picture: the first token's state, or what the encoder pools
PICTURE_MODELS = ("vit", "deit", "dinov2")
# Its pages ask for words before every text, which no file of theirs states.
E5 = re.compile(r"(^|[/_-])(multilingual-)?e5[-_](small|base|large)", re.I)


# --- what a repository holds ----------------------------------------------------------------


@dataclass(frozen=True)
class HubFile:
    """A file of a repository. size in bytes; sha256: None where the hub states none."""

    repository: str
    name: str
    size: int = 0
    sha256: str | None = None

    @property
    def url(self) -> str:
        return f"{HUB_URL}/{self.repository}/resolve/main/{self.name}"


@dataclass(frozen=True)
class Repository:
    """What the hub says of a repository: its licence, and the files that a model is made of."""

    name: str
    licence: str
    files: tuple[HubFile, ...]

    @property
    def megabytes(self) -> float:
        return sum(file.size for file in self.files) / 1e6


def is_hub_name(name: str) -> bool:
    """True for "owner/name", and for timm's way to write it, "hf-hub:owner/name"."""
    return NAME.fullmatch(name.removeprefix(TIMM_PREFIX)) is not None and ".." not in name


def is_model_folder(name: str) -> bool:
    """True for a folder that holds a model as transformers saves it."""
    named = str(name).strip() != ""  # an empty name would be the current folder
    return named and (Path(name).expanduser() / "config.json").is_file()


def short_name(name: str) -> str:
    """What a model is called: of a folder its name, not where it lies."""
    return Path(name).expanduser().resolve().name if is_model_folder(name) else name


def folder_of(name: str) -> Path:
    """Where the files of this repository are kept."""
    return store.cache_folder() / "hub" / name.replace("/", "--")


def page_of(name: str) -> str:
    """The address of the page that tells what a repository holds."""
    return f"{HUB_URL}/api/models/{name}?blobs=true"


def repository(name: str, folder: Path | None = None) -> Repository:
    """What the hub, or a mirror, tells of this repository. Raises StoreError."""
    folder = folder or folder_of(name)
    page = folder / PAGE
    if not page.is_file():
        store.fetch(page_of(name), page, progress=False)
    try:
        facts = json.loads(store.read_text(page))
        found = {str(one["rfilename"]): one for one in facts["siblings"]}
        licence = (facts.get("cardData") or {}).get("license") or text("hub.no_licence")
        files = [
            HubFile(name, file, _size(found[file]), (found[file].get("lfs") or {}).get("sha256"))
            for file in FILES
            if file in found
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        page.unlink(missing_ok=True)
        raise StoreError(text("hub.page_odd", name=name)) from error
    return Repository(name, printable(str(licence)), tuple(files))


def _size(entry: dict[str, Any]) -> int:
    size = (entry.get("lfs") or {}).get("size") or entry.get("size") or 0
    return size if isinstance(size, int) else 0


def fetched(name: str) -> tuple[Path, Repository]:
    """The folder with all files of this model, fetched where they are not there yet.

    Raises StoreError where the hub has no such model, or none in safetensors.
    """
    folder = folder_of(name)
    try:
        found = repository(name)
    except store.AbsentError as error:
        raise StoreError(text("hub.absent", name=name)) from error
    except StoreError as error:
        raise StoreError(text("backbones.not_available", name=name, reason=error)) from error
    there = {file.name for file in found.files}
    for needed in ("config.json", WEIGHTS):
        if needed not in there:
            raise StoreError(text("hub.no_safetensors", name=name, file=needed))
    missing = [file for file in found.files if not _is_here(file, folder)]
    if missing:
        size = sum(file.size for file in missing) / 1e6
        values = {"name": name, "megabytes": f"{size:,.0f}", "licence": found.licence}
        print(text("hub.fetching", folder=folder, **values), flush=True)
    try:
        for file in missing:
            store.fetch(file.url, folder / file.name, file.sha256)
    except StoreError as error:
        raise StoreError(text("backbones.not_available", name=name, reason=error)) from error
    return folder, found


def _is_here(file: HubFile, folder: Path) -> bool:
    try:
        store.verify(folder / file.name, file.sha256)
    except StoreError:
        return False
    return True


def encoders_here() -> list[str]:
    """The public encoders of texts whose files need no network: fetched, or in a mirror folder.

    Not those that only continue a text (gpt2).
    """
    folders = {
        name: hub_folder(model)
        for name, model in (HUB | KNOWN).items()
        if name != "gpt2"
        and all(importlib.util.find_spec(extra) is not None for extra in model.extras)
    }
    for page in sorted((store.cache_folder() / "hub").glob(f"*--*/{PAGE}")):
        folders.setdefault(page.parent.name.replace("--", "/", 1), page.parent)
    return [name for name, folder in folders.items() if _is_encoder_here(name, folder)]


def _is_encoder_here(name: str, folder: Path) -> bool:
    if (folder / WEIGHTS).is_file() and (folder / "config.json").is_file():
        return kind_of(folder) not in (*PICTURE_MODELS, "timm")
    known = HUB.get(name) or KNOWN.get(name)
    if known is None:
        return False
    file = HubFile(known.repository, WEIGHTS)
    return store.mirrored_file(file.url) is not None


def rows_of_hub() -> list[dict[str, Any]]:
    """The lines of KNOWN in `list_backbones`."""
    here = encoders_here()
    return [
        {
            "name": name,
            "pretrained_on": model.read,
            "parameters": model.millions * 1_000_000,
            "megabytes": round(model.millions * 4),
            "available": text("backbones.here" if name in here else "backbones.to_download"),
        }
        for name, model in KNOWN.items()
    ]


# --- loading --------------------------------------------------------------------------------


def load_hub(
    name: str,
    *,
    pretrained: bool = True,
    weights: str | Path | None = None,
    size: int | None = None,
) -> nn.Module:
    """The model of this name, or in this folder. size: tokens of a text, or pixels.

    weights: a folder with its files, in place of the hub. Raises StoreError where it cannot be had,
    is damaged, or is of a kind that the course does not know.
    """
    licence, name = "", name.removeprefix(TIMM_PREFIX)
    if weights is not None:
        folder = Path(weights)
    elif is_model_folder(name):
        folder = Path(name).expanduser()
    else:
        folder, found = fetched(name)
        licence = found.licence
    kind = kind_of(folder)
    how: dict[str, Any] = {"pretrained": pretrained, "size": size, "licence": licence}
    if kind in PICTURE_MODELS:
        return open_pictures(folder, name, **how)
    if kind == "timm":
        return open_timm(folder, name, **how)
    reading = Reading(normalize=True, prefix="query: ") if E5.search(name) else Reading()
    read = text("hub.read", name=name)
    if name in KNOWN:
        reading, read = KNOWN[name].reading, KNOWN[name].read
    return open_text(folder, name, reading=reading, read=read, **how)


def kind_of(folder: Path) -> str:
    """The model_type of a checkpoint, "timm" for one of timm's. Raises StoreError for neither."""
    try:
        config = json.loads(store.read_text(folder / "config.json"))
        kind = config.get("model_type") or ("timm" if "architecture" in config else "")
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise StoreError(text("backbones.damaged", path=folder, reason=error)) from error
    return str(kind)


class PictureClassifier(nn.Module):
    """Pictures to class scores: a vision encoder of transformers, its first token, a head."""

    base_model_prefix = "encoder"

    def __init__(self, encoder: nn.Module, num_classes: int = 2):
        super().__init__()
        self.encoder = encoder
        self.classifier = nn.Linear(encoder.config.hidden_size, num_classes)

    def forward(self, pictures: Tensor) -> Tensor:
        """pictures: floats (n, 3, height, width) as `preprocess` makes them -> (n, classes)."""
        resized = {} if self._is_usual(pictures) else {"interpolate_pos_encoding": True}
        states = self.encoder(pixel_values=pictures, **resized)[0]
        return self.classifier(states[:, 0])

    def _is_usual(self, pictures: Tensor) -> bool:
        usual = self.encoder.config.image_size
        return self.encoder.config.model_type == "dinov2" or pictures.shape[-1] == usual


def open_pictures(
    folder: Path, name: str, *, pretrained: bool = True, size: int | None = None, licence: str = ""
) -> PictureClassifier:
    """The checkpoint in this folder as a PictureClassifier, with its own preprocessing."""
    from transformers import AutoConfig, AutoModel

    file = folder / WEIGHTS
    try:
        here = {"local_files_only": True, "trust_remote_code": False}
        config = AutoConfig.from_pretrained(folder, **here)
        require_ordinary(config)
        config.dtype = torch.float32
        preprocess = stated_preprocess(folder, size or config.image_size, size is None)
        how = {"trust_remote_code": False, **without_pooler(config)}
        if pretrained:  # transformers knows the older names of these layers
            store.verify(file)
            how |= {"config": config, "local_files_only": True, "use_safetensors": True}
            encoder, told = AutoModel.from_pretrained(folder, output_loading_info=True, **how)
            lacking = sorted(map(str, [*told["missing_keys"], *told["mismatched_keys"]]))
            if lacking:
                raise ValueError(", ".join(lacking[:3]))
        else:
            encoder = AutoModel.from_config(config, **how)
    except Exception as error:  # a stranger's files fail in many ways inside transformers
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise StoreError(text("backbones.damaged", path=folder, reason=reason)) from error
    model = PictureClassifier(encoder)
    info = BackboneInfo(
        name=name,
        pretrained_on=text("hub.read", name=name) if pretrained else "",
        feature_dim=config.hidden_size,
        classes={"en": [], "ja": []},
        size=preprocess.crop or preprocess.size or config.image_size,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        licence=licence,
        weights_sha256=store.sha256(file) if pretrained else None,
    )
    return furnish(model, preprocess, info).eval()


def open_timm(
    folder: Path, name: str, *, pretrained: bool = True, size: int | None = None, licence: str = ""
) -> nn.Module:
    """The checkpoint in this folder as the library timm builds it, where that is installed.

    config.json names the architecture and says how pictures are read. A transformer keeps the size
    of picture that its positions were trained for.
    """
    if importlib.util.find_spec("timm") is None:
        raise StoreError(text("hub.timm", name=name))
    import timm

    file = folder / WEIGHTS
    try:
        config = json.loads(store.read_text(folder / "config.json"))
        stated = config.get("pretrained_cfg", config)
        architecture = config["architecture"]
        if architecture not in timm.list_models():  # it might name a file, or another repository
            raise ValueError(f"{architecture!r:.60}")
        classes = config.get("num_classes", stated.get("num_classes", 1000))
        options = _plain_arguments(config.get("model_args") or {})
        model = timm.create_model(architecture, pretrained=False, num_classes=classes, **options)
        usual = _side(stated["input_size"][-1], 224)
        side = usual if size is None or hasattr(model, "pos_embed") else _side(size, usual)
        whole = round(side / float(stated.get("crop_pct") or 1)) if side == usual else side
        mode = "bicubic" if stated.get("interpolation") == "bicubic" else "bilinear"
        preprocess = Preprocess(stated["mean"], stated["std"], size=whole, crop=side, mode=mode)
        if pretrained:
            load_into(model, read_tensors(file), file)
        if not classes:  # features alone: where there is no head, the last block is none
            model.reset_classifier(2)
        head = getattr(*head_of(model))
    except StoreError:
        raise
    except Exception as error:  # a stranger's files fail in many ways inside timm
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise StoreError(text("backbones.damaged", path=folder, reason=reason)) from error
    info = BackboneInfo(
        name=name,
        pretrained_on=text("hub.read", name=name) if pretrained else "",
        feature_dim=head.in_features if isinstance(head, nn.Linear) else head.in_channels,
        classes={"en": [], "ja": []},
        size=side,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        licence=licence,
        weights_sha256=store.sha256(file) if pretrained else None,
    )
    return furnish(model, preprocess, info).eval()


def _plain_arguments(stated: dict[str, Any]) -> dict[str, Any]:
    """Of what a stranger asks a network to be built with: numbers of a usual size, and how it
    pools. Raises ValueError for anything else, such as the path of a file."""
    for key, value in stated.items():
        pools = key in ("global_pool", "act_layer") and isinstance(value, str)
        if not pools and not (isinstance(value, int | float) and abs(value) <= 16_384):
            raise ValueError(f"{key!r:.40}: {value!r:.40}")
    return stated


def stated_preprocess(folder: Path, size: int, own_size: bool) -> Preprocess:
    """What preprocessor_config.json asks for; own_size: its size, too, else `size` pixels."""
    file = folder / PICTURES
    stated = json.loads(store.read_text(file)) if file.is_file() else {}
    side = _side(stated.get("size"), size) if own_size else size
    cut = own_size and stated.get("do_center_crop")
    crop = _side(stated.get("crop_size"), side) if cut else side
    half = [0.5, 0.5, 0.5]
    return Preprocess(
        stated.get("image_mean") or half,
        stated.get("image_std") or half,
        size=side,
        crop=crop,
        mode="bicubic" if stated.get("resample") == 3 else "bilinear",
    )


def _side(stated: Any, otherwise: int) -> int:
    """A number of pixels, {"height": 224, "width": 224} or {"shortest_edge": 256}."""
    if isinstance(stated, dict):
        stated = stated.get("shortest_edge") or stated.get("height")
    side = int(stated or otherwise)
    if not 16 <= side <= 2048:
        raise ValueError(f"{PICTURES}: {side}")
    return side
