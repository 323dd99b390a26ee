"""Language models as classifiers: an encoder of transformers, the mean of its token states, a head.

The mean of all tokens, not the state of [CLS]: what [CLS] holds is trained by next-sentence
prediction or not at all, and the mean is better while the encoder is frozen (Reimers and
Gurevych, "Sentence-BERT", 2019, arXiv:1908.10084). A checkpoint whose own files ask for another
reading (its first token, vectors of length 1, words before every text) is read that way.
`zukan-bert` and `zukan-gpt` lie in the clone; public models come by their names on the Hugging Face
hub, through the same resolver as pictures' networks, and only tensors are ever read.
"""

from __future__ import annotations

import copy
import importlib.util
import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tlhelpers.data.task import require_texts
from tlhelpers.models.cards import TextCard, weights_folder
from tlhelpers.models.weights import BackboneInfo, foreign, furnish, hub_sha256, read_tensors
from tlhelpers.runtime import store
from tlhelpers.runtime.language import text
from tlhelpers.runtime.store import StoreError


@dataclass(frozen=True)
class Reading:
    """How an encoder wants to be read: what it was trained with, features come out best with."""

    pooling: str = "mean"  # over the tokens; "cls": the first one
    normalize: bool = False  # features have length 1
    prefix: str = ""  # words before every text


@dataclass(frozen=True)
class HubModel:
    """A public model: where it lies, whose licence it has, what it needs besides transformers."""

    repository: str
    licence: str
    read: str  # what it was pre-trained on
    millions: int  # of parameters
    extras: tuple[str, ...] = ()
    reading: Reading = Reading()


TEXT = ("zukan-bert", "zukan-bert-en", "zukan-gpt")  # the course's own
HUB = {
    "bert-base-uncased": HubModel(
        "google-bert/bert-base-uncased", "Apache-2.0", "English Wikipedia, books", 110
    ),
    "tohoku-nlp/bert-base-japanese-v3": HubModel(
        "tohoku-nlp/bert-base-japanese-v3",
        "Apache-2.0",
        "Japanese Wikipedia, CC-100",
        111,
        ("fugashi", "unidic_lite"),
    ),
    "ProsusAI/finbert": HubModel("ProsusAI/finbert", "unstated", "financial news", 110),
    "gpt2": HubModel("openai-community/gpt2", "MIT", "English web pages", 124),
    "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2": HubModel(
        "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2",
        "Apache-2.0",
        "parallel sentences in 50 languages",
        118,
    ),
}
POOLED = ("bert", "roberta", "xlm-roberta", "camembert", "vit", "deit")  # have a layer for [CLS]
# What a tokenizer may consist of; a repository has some of these.
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
)
# What sentence-transformers says of how features are made.
READING_FILES = ("modules.json", "1_Pooling/config.json", "config_sentence_transformers.json")
MOST_CHARACTERS = 4000  # read of a text: far more than the tokens that the model takes
MOST_TOKENS = 128


# --- the network ------------------------------------------------------------------------------


class TextClassifier(nn.Module):
    """Token ids to class scores: encoder, mean over the tokens, dropout, linear head.

    reading: where the checkpoint wants its first token, or vectors of length 1, instead.
    """

    base_model_prefix = "encoder"  # whose parts are the stages that `surgery` freezes

    def __init__(
        self,
        encoder: nn.Module,
        num_classes: int = 2,
        dropout: float = 0.1,
        reading: Reading = Reading(),
    ):
        super().__init__()
        self.encoder, self.reading = encoder, reading
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(encoder.config.hidden_size, num_classes)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **others: Tensor) -> Tensor:
        """input_ids, attention_mask: (n, tokens), moved to where the model lies; (n, classes)."""
        device = next(self.encoder.parameters()).device
        mask = attention_mask.to(device)
        others = {name: value.to(device) for name, value in others.items()}
        states = self.encoder(input_ids=input_ids.to(device), attention_mask=mask, **others)[0]
        first = self.reading.pooling == "cls"
        features = states[:, 0] if first else mean_of_tokens(states, mask)
        if self.reading.normalize:
            features = F.normalize(features, dim=1)
        return self.classifier(self.dropout(features))


def mean_of_tokens(states: Tensor, mask: Tensor) -> Tensor:
    """The mean (n, d) of states (n, tokens, d) where mask (n, tokens) is 1."""
    weight = mask.unsqueeze(-1).to(states.dtype)
    return (states * weight).sum(1) / weight.sum(1).clamp_min(1)


def without_context(model: TextClassifier) -> TextClassifier:
    """The same model reduced to static vectors: tokens do not see each other, nor their order.

    Its features are the mean of the tokens' unit vectors. Every verb that takes a backbone takes
    it, so that what the context adds can be measured.
    """
    vectors = copy.deepcopy(read_vectors_of(model.encoder))
    static = TextClassifier(_StaticVectors(vectors, model.encoder.config))
    info = replace(model.info, name=f"{model.info.name} (static)")
    return furnish(static, model.preprocess, info).eval()


class _StaticVectors(nn.Module):
    """An encoder that looks up a unit vector for each token, and no more."""

    def __init__(self, vectors: nn.Embedding, config: Any):
        super().__init__()
        self.vectors, self.config = vectors, config

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor]:
        return (F.normalize(self.vectors(input_ids), dim=-1),)


def read_vectors_of(model: nn.Module) -> nn.Embedding:
    """The table of token vectors at the input of a model of transformers."""
    return model.get_input_embeddings()


class TextPreprocess:
    """Texts (a list of n str) to a dict of tensors (n, tokens), padded to the longest of them.

    Every text is tokenized once and its ids are kept, since training asks for it in every epoch.
    Half-width kana and full-width Latin become their usual forms (NFKC). A text may be empty, in
    a script that the tokenizer does not know, or far too long: then its beginning counts.
    prefix: what stands before every text.
    """

    def __init__(self, tokenizer: Any, longest: int = MOST_TOKENS, prefix: str = ""):
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        self.tokenizer, self.longest, self.prefix = tokenizer, longest, prefix
        self._ids: dict[str, np.ndarray] = {}

    def __call__(self, texts: Sequence[str]) -> dict[str, Tensor]:
        if isinstance(texts, str):
            texts = [texts]
        require_texts(texts)
        rows = self._tokenize(texts)
        width = max(map(len, rows))
        ids = torch.full((len(rows), width), self.tokenizer.pad_token_id)
        mask = torch.zeros(len(rows), width, dtype=torch.long)
        for row, found in enumerate(rows):
            ids[row, : len(found)] = torch.from_numpy(found)
            mask[row, : len(found)] = 1
        return {"input_ids": ids, "attention_mask": mask}

    def _tokenize(self, texts: Sequence[str]) -> list[np.ndarray]:
        new = list(dict.fromkeys(words for words in texts if words not in self._ids))
        if new:
            plain = [self.prefix + _usual_form(words[:MOST_CHARACTERS]) for words in new]
            found = self.tokenizer(plain, truncation=True, max_length=self.longest)["input_ids"]
            if len(self._ids) > 100_000:
                self._ids = {words: self._ids[words] for words in texts if words in self._ids}
            nothing = [self.tokenizer.pad_token_id]
            for words, ids in zip(new, found, strict=True):
                self._ids[words] = np.array(ids or nothing, np.int32)
        return [self._ids[words] for words in texts]

    def __deepcopy__(self, memo: dict) -> TextPreprocess:
        return self  # copies of a model read their texts in the same way

    def __repr__(self) -> str:
        return f"TextPreprocess({self.tokenizer.name_or_path!r}, longest={self.longest})"


def _usual_form(words: str) -> str:
    """NFKC; half a character (from a file read in a wrong encoding) becomes U+FFFD."""
    whole = re.sub("[\ud800-\udfff]", "\ufffd", words)
    return unicodedata.normalize("NFKC", whole)


# --- loading ----------------------------------------------------------------------------------


def load_zukan_text(
    name: str,
    *,
    pretrained: bool = True,
    weights: str | Path | None = None,
    size: int | None = None,
) -> nn.Module:
    """One of the course's own. weights: a folder that `AutoModel.from_pretrained` opens."""
    folder = weights_folder() / name if weights is None else Path(weights)
    card = TextCard.read(folder / "card.json")
    if pretrained:
        store.verify(folder / "model.safetensors", card.sha256)
    return open_text(
        folder,
        name,
        pretrained=pretrained,
        size=size,
        read=_read_by(card),
        licence=card.licence,
    )


def load_hub_text(
    name: str,
    *,
    pretrained: bool = True,
    weights: str | Path | None = None,
    size: int | None = None,
) -> nn.Module:
    """One of HUB. weights: a folder with its files; None looks for them as `fetch` does."""
    model = HUB[name]
    missing = [extra for extra in model.extras if importlib.util.find_spec(extra) is None]
    if missing:
        packages = " ".join(extra.replace("_", "-") for extra in missing)
        raise StoreError(text("text_models.extras", name=name, packages=packages))
    folder = _fetched(name, model) if weights is None else Path(weights)
    return open_text(
        folder,
        name,
        pretrained=pretrained,
        size=size,
        read=model.read,
        licence=model.licence,
        reading=model.reading,
    )


def rows_of_text_models() -> list[dict]:
    """The language models' lines of `list_backbones`."""
    rows = []
    for name in TEXT:
        if not (weights_folder() / name).is_dir():
            continue
        card = TextCard.read(weights_folder() / name / "card.json")
        rows.append(
            {
                "name": name,
                "pretrained_on": _read_by(card),
                "parameters": card.parameters,
                "megabytes": round(card.megabytes, 1),
                "available": text("backbones.here"),
            }
        )
    for name, model in HUB.items():
        here = (hub_folder(model) / "model.safetensors").exists()
        rows.append(
            {
                "name": name,
                "pretrained_on": model.read,
                "parameters": model.millions * 1_000_000,
                "megabytes": round(model.millions * 4),
                "available": text("backbones.here" if here else "backbones.to_download"),
            }
        )
    return rows


def _read_by(card: TextCard) -> str:
    return text("text_models.read_both" if len(card.languages) == 2 else "text_models.read_one")


def hub_folder(model: HubModel) -> Path:
    """Where the files of this model are kept."""
    return store.cache_folder() / "hub" / model.repository.replace("/", "--")


def open_text(
    folder: Path,
    name: str,
    *,
    pretrained: bool = True,
    size: int | None = None,
    read: str = "",
    licence: str = "",
    reading: Reading = Reading(),
) -> TextClassifier:
    """The checkpoint in this folder as a TextClassifier.

    reading: where the folder's own files say nothing of it. Raises StoreError where the files are
    missing, damaged, or no encoder that transformers knows by itself.
    """
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    file = folder / "model.safetensors"
    try:
        here = {"local_files_only": True, "trust_remote_code": False}  # else transformers asks
        config = AutoConfig.from_pretrained(folder, **here)
        tokenizer = AutoTokenizer.from_pretrained(folder, **here)
        require_ordinary(config)
        reading = stated_reading(folder, reading)
        config.dtype = torch.float32
        encoder = AutoModel.from_config(config, trust_remote_code=False, **without_pooler(config))
    except Exception as error:  # a stranger's files fail in many ways inside transformers
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise StoreError(text("backbones.damaged", path=folder, reason=reason)) from error
    if pretrained:
        load_encoder(encoder, read_tensors(file), file)
    longest = min(size or MOST_TOKENS, getattr(config, "max_position_embeddings", MOST_TOKENS))
    model = TextClassifier(encoder, reading=reading)
    info = BackboneInfo(
        name=name,
        pretrained_on=read if pretrained else "",
        feature_dim=config.hidden_size,
        classes={"en": [], "ja": []},
        size=longest,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        licence=licence,
        weights_sha256=store.sha256(file) if pretrained else None,
    )
    furnish(model, TextPreprocess(tokenizer, longest, reading.prefix), info)
    return model.eval()


def stated_reading(folder: Path, otherwise: Reading) -> Reading:
    """How sentence-transformers' files in the folder say that the encoder is read.

    modules.json names the steps, 1_Pooling/config.json the pooling, config_sentence_transformers
    the words before a text ("query" where there are several). Raises ValueError for a pooling
    other than the mean and the first token.
    """

    def stated(name: str) -> Any:
        file = folder / name
        return json.loads(store.read_text(file)) if file.is_file() else None

    steps, prompts = stated("modules.json"), stated("config_sentence_transformers.json")
    reading = otherwise
    if steps is not None:
        kinds = [str(step["type"]).rpartition(".")[2] for step in steps]
        reading = replace(reading, normalize="Normalize" in kinds)
        if "Dense" in kinds:
            raise ValueError("2_Dense")
    if (pooling := stated("1_Pooling/config.json")) is not None:
        modes = [key for key, value in pooling.items() if key.startswith("pooling_mode") and value]
        known = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}
        if len(modes) != 1 or modes[0] not in known:
            raise ValueError(", ".join(modes))
        reading = replace(reading, pooling=known[modes[0]])
    if prompts and (words := prompts.get("prompts")):
        prefix = words.get("query", words.get(prompts.get("default_prompt_name") or "", ""))
        reading = replace(reading, prefix=str(prefix))
    return reading


def require_ordinary(config: Any) -> None:
    """Raises ValueError for sizes that would fill the memory before any weight is read."""
    for name, most in (
        ("hidden_size", 16_384),
        ("num_hidden_layers", 128),
        ("intermediate_size", 65_536),
        ("vocab_size", 1_000_000),
    ):
        value = getattr(config, name, 1)
        if not isinstance(value, int) or not 1 <= value <= most:
            raise ValueError(f"{name}: {value!r:.40}")


def load_encoder(encoder: nn.Module, state: dict[str, Tensor], file: Path) -> None:
    """Fills the encoder from a checkpoint that may hold heads and poolers besides.

    Raises StoreError unless every weight of the encoder is there: none stays random.
    """
    renamed = {}
    for key, value in state.items():
        for prefix in ("bert.", "roberta.", "transformer."):
            key = key.removeprefix(prefix)
        renamed[key.replace(".gamma", ".weight").replace(".beta", ".bias")] = value
    wanted = encoder.state_dict()
    missing = [key for key in wanted if key not in renamed]
    wrong = [key for key in wanted if key in renamed and renamed[key].shape != wanted[key].shape]
    if missing or wrong:
        raise foreign(encoder, renamed, file)
    encoder.load_state_dict({key: renamed[key] for key in wanted})


def without_pooler(config: Any) -> dict[str, bool]:
    """Options of a BERT or ViT whose pooler, a layer for [CLS], is not built."""
    return {"add_pooling_layer": False} if config.model_type in POOLED else {}


def _fetched(name: str, model: HubModel) -> Path:
    """The folder of a public model's files, from the mirror, the caches, or the network."""
    folder = hub_folder(model)
    try:
        _fetch(model, "config.json", folder)
        for file in (*TOKENIZER_FILES, *READING_FILES):
            _fetch(model, file, folder, optional=True)
        if not _fetch(model, "model.safetensors", folder, optional=True):
            weights = _fetch(model, "pytorch_model.bin", folder)
            assert weights is not None  # it is not optional
            _convert(weights, folder)
    except StoreError as error:
        raise StoreError(text("backbones.not_available", name=name, reason=error)) from error
    return folder


def _fetch(model: HubModel, file: str, folder: Path, optional: bool = False) -> Path | None:
    """One file: already here, in the mirror, in huggingface_hub's own cache, or downloaded."""
    from huggingface_hub import try_to_load_from_cache

    target = folder / file
    absent = folder / f"{file}.absent"  # the repository has no such file
    sha = hub_sha256(model.repository, file)
    if target.exists() and sha is None:
        return target
    if optional and absent.exists():
        return None
    url = f"https://huggingface.co/{model.repository}/resolve/main/{file}"
    cached = try_to_load_from_cache(model.repository, file)
    if store.mirrored_file(url) is None and isinstance(cached, str):
        return store.fetch(cached, target, sha)
    try:
        return store.fetch(url, target, sha)
    except StoreError as error:
        gone = isinstance(error, store.AbsentError)
        nowhere = store.offline() and store.mirrored_file(url) is None
        if not optional or not (gone or nowhere):
            raise  # a server that fails today may have the file tomorrow
        if gone:
            store.write_atomic(absent, b"")
        return None


def _convert(pickled: Path, folder: Path) -> None:
    """Tensors of an older checkpoint as safetensors; a pickle with anything else is refused."""
    from safetensors.torch import save_file

    tensors = {key: value.clone() for key, value in read_tensors(pickled).items()}
    store.write_atomic(
        folder / "model.safetensors", lambda temporary: save_file(tensors, temporary)
    )
