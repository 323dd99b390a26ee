"""What a saved model of texts needs beside its weights: how words become numbers.

    folder/encoder/          config.json and the tokenizer's files of the encoder (no weights)
    folder/vocabulary.json   of TF-IDF: the run of characters or the words of each column

All of it is data: nothing that stands in the folder is run or downloaded.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tlhelpers.data.own_texts import read_texts
from tlhelpers.data.tables import decoded
from tlhelpers.models.language_models import Reading, TextClassifier, open_text
from tlhelpers.models.surgery import replace_head
from tlhelpers.runtime import store
from tlhelpers.runtime.store import write_atomic
from tlhelpers.transfer.text_baseline import RUNS
from tlhelpers.transfer.text_rivals import ByNames, CountPreprocess, Guess, WordCounts

MOST_COLUMNS = 5_000_000


def describe(model: nn.Module, folder: Path) -> dict[str, Any]:
    """Writes what is needed beside the weights; returns what the config says of the model."""
    if isinstance(model, Guess):
        return {"form": "guess"}
    if isinstance(model, WordCounts):
        words = json.dumps(model.preprocess.vocabulary, ensure_ascii=False)
        write_atomic(folder / "vocabulary.json", words)
        return {"form": "words", "runs": model.preprocess.runs}
    body = model if isinstance(model, TextClassifier) else model.body
    (folder / "encoder").mkdir(parents=True, exist_ok=True)
    body.encoder.config.save_pretrained(folder / "encoder")
    model.preprocess.tokenizer.save_pretrained(folder / "encoder")
    form = "names" if isinstance(model, ByNames) else "encoder"
    return {"form": form, "reading": asdict(body.reading)}


def built(config: dict[str, Any], state: dict[str, Tensor], folder: Path) -> nn.Module:
    """The model of this config, still with other weights.

    Raises ValueError, KeyError or StoreError where the folder does not hold what it needs.
    """
    classes = len(config["classes"]["en"])
    form = config["form"]
    if form == "guess":
        return Guess(torch.zeros(1, dtype=torch.long), classes)
    if form == "words":
        words = json.loads(store.read_text(folder / "vocabulary.json", 2**28))
        if config["runs"] not in RUNS or not _is_list_of_words(words):
            raise ValueError("vocabulary")
        return WordCounts(CountPreprocess(config["runs"], words), classes)
    if form not in ("encoder", "names"):
        raise ValueError(f"form: {form!r:.60}")
    reading = Reading(**config["reading"])
    if reading.pooling not in ("mean", "cls") or not isinstance(reading.prefix, str):
        raise ValueError(f"reading: {reading!r:.100}")
    size, name = config["input_size"], str(config["backbone"])
    model = open_text(folder / "encoder", name, pretrained=False, size=size, reading=reading)
    if form == "encoder":
        return replace_head(model, classes)
    return ByNames(model, torch.zeros_like(state["centre"]), torch.ones_like(state["names"]))


def _is_list_of_words(words: Any) -> bool:
    if not isinstance(words, list) or not 0 < len(words) <= MOST_COLUMNS:
        return False
    return all(isinstance(word, str) for word in words) and len(set(words)) == len(words)


def texts_of(path: Path, column: list[str] | None, usual: Any) -> tuple[list[str], list[list[str]]]:
    """(texts, rows): the texts of a table to be answered, and its rows, header first; or of a .txt.

    column: which hold the texts; None takes those of the training table (`usual`) where the table
    has them, else looks for one. Raises FolderError where it cannot be read.
    """
    if path.suffix.lower() == ".txt":
        return [decoded(path)[0]], [["file"], [path.name]]
    table, texts = read_texts(path, column, usual if isinstance(usual, list) else [])
    return texts, [table.header, *table.rows]
