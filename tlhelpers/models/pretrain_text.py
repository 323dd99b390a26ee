"""How the course's own language models were made, and how to make them again.

    tl pretrain zukan-bert            about six minutes on one core
    tl pretrain zukan-gpt --out DIR   leaves the weights of the course as they are

Letters are written by `tlhelpers.data.corpus`; those that come close to a sentence of the tasks
are thrown away. Then, in this order: a tokenizer (BPE, never across two scripts), static vectors
of its tokens (PPMI and SVD: Levy and Goldberg, "Neural Word Embedding as Implicit Matrix
Factorization", 2014), masked words to be guessed in letters and in pairs of translations (MLM,
Devlin et al., 2018, arXiv:1810.04805; TLM, Conneau and Lample, 2019, arXiv:1901.07291), and
sentences to be matched with their translation, their paraphrase or their neighbour (InfoNCE, van
den Oord et al., 2018, arXiv:1807.03748; as in LaBSE, arXiv:2007.01852). zukan-gpt learns the next
token instead. The result is a folder that `transformers.AutoModel.from_pretrained` opens.
"""

from __future__ import annotations

import itertools
import json
import random
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tlhelpers.data import corpus
from tlhelpers.data.corpus import Letter
from tlhelpers.data.digest import digest
from tlhelpers.data.task import Split
from tlhelpers.data.text import evaluation_texts
from tlhelpers.models.cards import TextCard, weights_folder
from tlhelpers.models.language_models import mean_of_tokens, read_vectors_of
from tlhelpers.runtime import store
from tlhelpers.runtime.device import describe, pick_device, pick_precision, set_seed
from tlhelpers.train.engine import fit
from tlhelpers.train.preprocessing import attach_preprocess

# --- settings -------------------------------------------------------------------------------


@dataclass(frozen=True)
class TextRecipe:
    """What is trained for how long; a step of `guess` reads 64 texts, one of `match` 64 pairs."""

    family: str = "bert"  # or "gpt"
    languages: tuple[str, ...] = ("en", "ja")
    letters: int = 40_000
    vocabulary: int = 8000
    hidden: int = 128
    layers: int = 2
    heads: int = 4
    guess_steps: int = 400  # masked tokens; the next token for GPT
    guess_lr: float = 2e-3
    match_steps: int = 1000
    match_lr: float = 1e-3
    seed: int = 0


TEXT_RECIPES = {
    "zukan-bert": TextRecipe(),
    "zukan-bert-en": TextRecipe(languages=("en",), vocabulary=5000),
    "zukan-gpt": TextRecipe(family="gpt", guess_steps=1000, match_steps=0),
}

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PAD, CLS, SEP, MASK = 0, 2, 3, 4
# Japanese puts no spaces: without these cuts whole endings ("されていないんですが") become tokens.
ENDINGS = (
    "ください|ました|ません|ます|でした|です|ない|たい|ほしい|いただけ|もらえ|でき|って|けど|から|まで"
    "|ので|のに|まだ|もう|いつ|どこ|どう|なぜ|どれ|だれ|ちゃ|れる|られ|され|して|した|する|[はがをにでともへの]"
)
LONGEST = 64  # tokens of a training text
BATCH = 64
MASKED = 0.2  # of the tokens
TEMPERATURE = 0.07
DROPPED = 0.1  # of the tokens of a text to be matched, so that no single word settles it
# What a text is matched with. A neighbour is another sentence of the same letter.
MATCHES = {"translation": 0.5, "paraphrase": 0.2, "neighbour": 0.3}


# --- the script, in the order it runs ---------------------------------------------------------


def pretrain_text(
    name: str,
    out: str | Path | None = None,
    *,
    resume: bool = True,
    recipe: TextRecipe | None = None,
    device: str | None = None,
    progress: bool | None = None,
) -> TextCard:
    """Makes the folder `out`/`name` and returns its card.

    out: None is the course's own folder of weights. recipe: other settings than
    TEXT_RECIPES[name]. resume: go on from a run that was stopped; False starts anew.
    """
    recipe = recipe or TEXT_RECIPES[name]
    folder = (weights_folder() if out is None else Path(out)) / name
    checkpoint = store.cache_folder() / "pretrain" / name
    if not resume:
        shutil.rmtree(checkpoint, ignore_errors=True)
    place = pick_device(device)
    set_seed(recipe.seed)
    started, worked = time.perf_counter(), time.process_time()

    letters = corpus.write_letters(recipe.letters, recipe.seed)
    letters, dropped = without_evaluation(letters)
    tokenizer = train_tokenizer(letters, recipe)
    texts = encode(tokenizer, letters, recipe, checkpoint)
    model = build_model(recipe, len(tokenizer))
    with torch.no_grad():
        vectors = static_vectors(texts, len(tokenizer), recipe.hidden)
        read_vectors_of(model).weight[len(SPECIAL) :] = vectors[len(SPECIAL) :]

    options = {
        "schedule": "cosine",
        "clip_norm": 1.0,
        "keep_best": False,
        "valid": False,
        "batch_size": 1,
        "seed": recipe.seed,
        "device": place,
        "checkpoint_every": 200,
        "progress": progress,
    }
    history = fit(
        attach_preprocess(model, pad_texts),
        batches_of_like_length(texts, recipe.seed),
        max_steps=recipe.guess_steps,
        lr=recipe.guess_lr,
        loss=guess_masked if recipe.family == "bert" else guess_next,
        checkpoint=checkpoint / "guess",
        **options,
    )
    losses = {"guess": history.train_loss}
    if recipe.match_steps:
        history = fit(
            attach_preprocess(model, pad_pairs),
            write_pairs(tokenizer, recipe, checkpoint),
            max_steps=recipe.match_steps,
            lr=recipe.match_lr,
            loss=match_pairs,
            checkpoint=checkpoint / "match",
            **options,
        )
        losses["match"] = history.train_loss

    fresh = folder.with_name(f".{name}.new")  # takes the place of the old one when it is whole
    save(model.cpu(), tokenizer, fresh)
    size = sum(file.stat().st_size for file in fresh.iterdir() if file.name[:4] in ("mode", "toke"))
    card = TextCard(
        name=name,
        feature_dim=recipe.hidden,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        sha256=store.sha256(fresh / "model.safetensors"),
        bytes=size,
        recipe={**asdict(recipe), "languages": list(recipe.languages)},
        seconds=round(time.perf_counter() - started, 1),
        device=describe(place, pick_precision(place)),
        torch=torch.__version__,
        family=recipe.family,
        languages=list(recipe.languages),
        letters=len(letters),
        letters_dropped=dropped,
        loss={key: [round(value, 3) for value in values[-3:]] for key, values in losses.items()},
        cpu_seconds=round(time.process_time() - worked, 1),
    )
    card.write(fresh / "card.json", fresh / "README.md")
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    shutil.rmtree(checkpoint, ignore_errors=True)
    return card


def without_evaluation(letters: list[Letter]) -> tuple[list[Letter], int]:
    """The letters without a sentence that comes too close to one of the tasks, and how many went.

    Too close: 8 words in a row, or 12 characters of Japanese (see `corpus.too_close`).
    """
    close = corpus.too_close(evaluation_texts())
    kept = [
        letter
        for letter in letters
        if not any(close(side) for pair in letter.sentences for side in pair)
    ]
    return kept, len(letters) - len(kept)


# --- the tokenizer ----------------------------------------------------------------------------


def train_tokenizer(letters: Sequence[Letter], recipe: TextRecipe) -> Any:
    """A fast BPE tokenizer: NFKC, lower case, and no token that mixes kanji, kana and Latin."""
    from tokenizers import (
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        processors,
        trainers,
    )
    from transformers import PreTrainedTokenizerFast

    def alone(pattern: str) -> Any:
        return pre_tokenizers.Split(Regex(pattern), "isolated")

    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(prepend_scheme="always"),
            alone(r"▁?[a-z']+"),
            pre_tokenizers.Punctuation(),
            pre_tokenizers.Digits(individual_digits=True),
            alone(r"[\u4e00-\u9fff々]+"),
            alone(r"[\u30a1-\u30ffー]+"),
            alone(ENDINGS),
            alone(r"[\u3041-\u309f]+"),
        ]
    )
    texts = [text for letter in letters[:20_000] for text in sides(letter, recipe)]
    letters_and_kana = [chr(c) for c in (*range(97, 123), *range(0x3041, 0x3097))]
    letters_and_kana += [chr(c) for c in range(0x30A1, 0x30FB)]
    trainer = trainers.BpeTrainer(
        vocab_size=recipe.vocabulary,
        special_tokens=SPECIAL,
        initial_alphabet=letters_and_kana,
        min_frequency=5,
        max_token_length=12,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)],
    )
    tokenizer.decoder = decoders.Metaspace()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=128,
    )


def sides(letter: Letter, recipe: TextRecipe) -> list[str]:
    """The letter in the languages that the model is to know."""
    both = {"en": letter.english, "ja": letter.japanese}
    return [both[lang] for lang in recipe.languages]


@dataclass
class Encoded:
    """Token ids of one text, or of a text and its translation, which begins at `second`."""

    ids: list[int]
    second: int


def encode(
    tokenizer: Any, letters: Sequence[Letter], recipe: TextRecipe, kept: Path
) -> list[Encoded]:
    """Half the letters in one language at a time, half side by side with their translation."""
    columns = cut(tokenizer, [sides(letter, recipe) for letter in letters], kept)
    encoded = []
    for number, row in enumerate(zip(*columns, strict=True)):
        if len(row) == 2 and number % 2 and recipe.family == "bert":
            first, other = row if number % 4 == 1 else row[::-1]
            encoded.append(Encoded((first + other[1:])[: 2 * LONGEST], len(first)))
        else:
            encoded += [Encoded(ids, len(ids)) for ids in row]
    return encoded


def cut(tokenizer: Any, rows: Sequence[Sequence[str]], kept: Path) -> list[list[list[int]]]:
    """Token ids of each column of texts.

    Words are cut now here, now there (BPE dropout, Provilkov et al., 2020, arXiv:1910.13267), so
    that pieces have a meaning of their own. The library knows no seed for that: the ids are kept
    in the folder `kept`, where a run that goes on finds those that it began with.
    """
    file = kept / f"ids-{digest(rows, len(tokenizer))[:16]}.json"
    if file.is_file():
        return json.loads(file.read_text(encoding="utf-8"))
    tokenizer.backend_tokenizer.model.dropout = 0.1
    columns = [
        tokenizer(list(column), truncation=True, max_length=LONGEST)["input_ids"]
        for column in zip(*rows, strict=True)
    ]
    tokenizer.backend_tokenizer.model.dropout = None
    store.write_atomic(file, json.dumps(columns))
    return columns


# --- static vectors ---------------------------------------------------------------------------


def static_vectors(texts: Sequence[Encoded], vocabulary: int, hidden: int) -> Tensor:
    """A vector (vocabulary, hidden) for each token, from the tokens that it stands beside.

    Positive pointwise mutual information, log(p(a, b) / (p(a) p(b)^0.75)), of tokens within four
    places of each other, and of tokens of a text and its translation; then its largest `hidden`
    singular values. The mean length is 0.5.
    """
    import scipy.sparse as sparse
    from sklearn.utils.extmath import randomized_svd

    flat = np.concatenate([[0] * 4 + text.ids for text in texts])
    beside = sparse.csr_matrix((vocabulary, vocabulary), dtype=np.float32)
    for distance in (1, 2, 3, 4):
        one, two = flat[:-distance], flat[distance:]
        words = (one >= len(SPECIAL)) & (two >= len(SPECIAL))
        weight = np.full(words.sum(), 1 / distance, np.float32)
        shape = vocabulary, vocabulary
        beside += sparse.coo_matrix((weight, (one[words], two[words])), shape=shape).tocsr()
    pairs = [text for text in texts if text.second < len(text.ids)]
    if pairs:
        left = bags([text.ids[: text.second] for text in pairs], vocabulary)
        right = bags([text.ids[text.second :] for text in pairs], vocabulary)
        across = left.T @ right
        beside += across * (0.5 * beside.sum() / across.sum())
    counts = (beside + beside.T).tocoo()
    total = counts.sum()
    share = np.asarray(counts.sum(1)).ravel()
    context = np.maximum(share, 1e-9) ** 0.75
    context /= context.sum()
    expected = share[counts.row] / total * context[counts.col]
    counts.data = np.maximum(np.log(counts.data / total / expected), 0).astype(np.float32)
    left, values, _ = randomized_svd(counts.tocsr(), hidden, n_iter=3, random_state=0)
    vectors = torch.from_numpy(np.ascontiguousarray(left * np.sqrt(values))).float()
    return vectors * (0.5 / vectors.norm(dim=1).mean())


def bags(texts: Sequence[list[int]], vocabulary: int) -> Any:
    """Which tokens each text has: a sparse (texts, vocabulary), every text of the same weight."""
    import scipy.sparse as sparse

    rows = np.repeat(np.arange(len(texts)), [len(ids) for ids in texts])
    columns = np.concatenate(texts)
    words = columns >= len(SPECIAL)
    lengths = np.maximum(np.bincount(rows[words], minlength=len(texts)), 1)
    weight = (1 / np.sqrt(lengths[rows[words]])).astype(np.float32)
    shape = len(texts), vocabulary
    return sparse.coo_matrix((weight, (rows[words], columns[words])), shape=shape).tocsr()


# --- the model and what it learns -------------------------------------------------------------


def build_model(recipe: TextRecipe, vocabulary: int) -> nn.Module:
    """A small model of transformers, with random weights."""
    from transformers import BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel

    if recipe.family == "gpt":
        return GPT2LMHeadModel(
            GPT2Config(
                vocab_size=vocabulary,
                n_positions=128,
                n_embd=recipe.hidden,
                n_layer=recipe.layers,
                n_head=recipe.heads,
                bos_token_id=CLS,
                eos_token_id=SEP,
                pad_token_id=PAD,
                resid_pdrop=0.05,
                embd_pdrop=0.05,
                attn_pdrop=0.05,
            )
        )
    return BertForMaskedLM(
        BertConfig(
            vocab_size=vocabulary,
            hidden_size=recipe.hidden,
            num_hidden_layers=recipe.layers,
            num_attention_heads=recipe.heads,
            intermediate_size=4 * recipe.hidden,
            max_position_embeddings=128,
            pad_token_id=PAD,
            hidden_dropout_prob=0.05,
            attention_probs_dropout_prob=0.05,
        )
    )


def batches_of_like_length(texts: Sequence[Encoded], seed: int) -> Split:
    """Each input is a whole batch of texts of like length, so that little of it is padding."""
    order = list(range(len(texts)))
    random.Random(seed).shuffle(order)
    batches = []
    for start in range(0, len(order) - BATCH * 50 + 1, BATCH * 50):
        chunk = sorted(order[start : start + BATCH * 50], key=lambda row: len(texts[row].ids))
        batches += [
            [texts[row] for row in chunk[at : at + BATCH]] for at in range(0, len(chunk), BATCH)
        ]
    batches = batches or [[texts[row] for row in order]]
    return Split(batches, torch.zeros(len(batches)))


def pad_texts(batches: Sequence[Sequence[Encoded]]) -> dict[str, Tensor]:
    """One batch of texts as tensors (texts, tokens)."""
    (batch,) = batches
    width = max(len(text.ids) for text in batch)
    ids = torch.zeros(len(batch), width, dtype=torch.long)
    kinds = torch.zeros_like(ids)
    for row, text in enumerate(batch):
        ids[row, : len(text.ids)] = torch.tensor(text.ids)
        kinds[row, text.second : len(text.ids)] = 1
    return {"input_ids": ids, "attention_mask": (ids != PAD).long(), "token_type_ids": kinds}


def guess_masked(model: nn.Module, inputs: dict, labels: Tensor, rows: Tensor) -> Tensor:
    """Cross-entropy at the hidden tokens: 80% of them [MASK], 10% another token, 10% themselves."""
    inputs = {name: value.to(labels.device) for name, value in inputs.items()}
    ids = inputs["input_ids"]
    hidden = (torch.rand(ids.shape, device=ids.device) < MASKED) & (ids >= len(SPECIAL))
    chance = torch.rand(ids.shape, device=ids.device)
    other = torch.randint_like(ids, len(SPECIAL), model.config.vocab_size)
    seen = torch.where(hidden & (chance < 0.8), MASK, ids)
    seen = torch.where(hidden & (chance >= 0.9), other, seen)
    states = model.bert(**inputs | {"input_ids": seen})[0]
    return F.cross_entropy(model.cls(states[hidden]).float(), ids[hidden])


def guess_next(model: nn.Module, inputs: dict, labels: Tensor, rows: Tensor) -> Tensor:
    """Cross-entropy of every token given those before it."""
    ids = inputs["input_ids"].to(labels.device)
    logits = model(input_ids=ids, attention_mask=inputs["attention_mask"].to(ids.device)).logits
    return F.cross_entropy(
        logits[:, :-1].flatten(0, 1).float(), ids[:, 1:].flatten(), ignore_index=PAD
    )


# --- matching ---------------------------------------------------------------------------------


def write_pairs(tokenizer: Any, recipe: TextRecipe, kept: Path) -> Split:
    """Batches of pairs of texts that belong together; see MATCHES."""
    pairs = list(itertools.islice(_pairs(recipe), recipe.match_steps * BATCH))
    close = corpus.too_close(evaluation_texts())
    pairs = [pair for pair in pairs if not any(map(close, pair))]
    first, second = cut(tokenizer, pairs, kept)
    rows = list(zip(first, second, strict=True))
    batches = [rows[at : at + BATCH] for at in range(0, len(rows), BATCH)]
    return Split(batches, torch.zeros(len(batches)))


def _pairs(recipe: TextRecipe) -> Iterator[tuple[str, str]]:
    """Pairs of sentences without end."""
    rng = random.Random(recipe.seed + 1)
    frames = corpus.frames()
    subjects = list(frames)
    english_only = recipe.languages == ("en",)
    while True:
        (kind,) = rng.choices(list(MATCHES), list(MATCHES.values()))
        subject = rng.choice(subjects)
        one = two = rng.choice(frames[subject])
        if kind == "neighbour":
            two = rng.choice(frames[subject])
        words: corpus.Words = {}
        left, right = (corpus.write_sentence(frame, rng, words) for frame in (one, two))
        side = 0 if english_only else rng.randrange(2)
        crosses = kind == "translation" or (kind == "neighbour" and rng.random() < 0.5)
        yield left[side], right[side if english_only or not crosses else 1 - side]


def pad_pairs(batches: Sequence[Sequence[tuple[list[int], list[int]]]]) -> dict[str, Tensor]:
    """One batch of pairs as tensors (2 pairs, tokens): all first texts, then all second ones."""
    (batch,) = batches
    ids = [pair[0] for pair in batch] + [pair[1] for pair in batch]
    return pad_texts([[Encoded(text, len(text)) for text in ids]])


def match_pairs(model: nn.Module, inputs: dict, labels: Tensor, rows: Tensor) -> Tensor:
    """InfoNCE both ways over the batch, plus half the loss of masked tokens, lest it forgets them.

    -log exp(s(a_i, b_i) / t) / sum_j exp(s(a_i, b_j) / t), s the cosine of mean token states.
    """
    inputs = {name: value.to(labels.device) for name, value in inputs.items()}
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    dropped = (torch.rand(ids.shape, device=ids.device) < DROPPED) & (ids >= len(SPECIAL))
    seen = inputs | {"input_ids": torch.where(dropped, MASK, ids)}
    states = model.bert(**seen)[0]
    means = F.normalize(mean_of_tokens(states.float(), mask), dim=1)
    first, second = means.chunk(2)
    scores = first @ second.T / TEMPERATURE
    target = torch.arange(len(scores), device=scores.device)
    matched = (F.cross_entropy(scores, target) + F.cross_entropy(scores.T, target)) / 2
    return matched + 0.5 * F.cross_entropy(model.cls(states[dropped]).float(), ids[dropped])


# --- what is kept -----------------------------------------------------------------------------


def save(model: nn.Module, tokenizer: Any, folder: Path) -> None:
    """An ordinary checkpoint of transformers: half precision, safetensors, a fast tokenizer."""
    shutil.rmtree(folder, ignore_errors=True)
    model.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    model.float()
