"""What lesson 09 stores: classes without a picture, found by a description, a caption or a name.

Accuracies are fractions, one number a seed. A seed redraws all pictures, those of the test as well,
and where classes are held out, which ones. Strengths are chosen on seen classes alone, as
`tl.zero_shot` does, or were set before anything was measured.
"""

from __future__ import annotations

import functools
import tarfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from torch import Tensor, nn
from torch.nn import functional as F

from tlhelpers.course.results import CROSS_VALIDATED, FIXED, VARIED, experiment
from tlhelpers.data.catalog import redrawn
from tlhelpers.data.real import real_file, real_photos, small_pixels
from tlhelpers.data.task import Task
from tlhelpers.data.text import CLASSES, read_rows
from tlhelpers.lessons.zero_shot.steps import (
    FRAMES,
    NEW_FRAME,
    SEPARATOR,
    best_fitting,
    captioned_birds,
    describe,
    in_other_words,
    learn_reader,
    name_features,
    without_colours,
    write_captions,
)
from tlhelpers.models.backbones import backbone
from tlhelpers.models.real import encode_texts, mobilenet
from tlhelpers.transfer.contrastive import TwoTowers, train_two_towers
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.generalised import generalised_zero_shot, seen_unseen_curve
from tlhelpers.transfer.logistic import draw_rows, logistic_accuracy
from tlhelpers.transfer.zeroshot import class_averaged_accuracy, zero_shot

NETWORK = "zukan-resnet"
LANGUAGES = ("en", "ja")  # in the order of the words below
SEEDS, FEW_SEEDS = range(20), range(10)
SHOWN = 50  # training pictures of each seen class
COUNTS = (30, 100, 300, 1000, 3000)  # pairs of picture and caption
ENOUGH = 3000  # pairs with which wordings and temperatures are compared
TEMPERATURES = (1.0, 0.1, 0.01)
FOUND = 10  # photos that a card brings up
LABELS = (1, 2, 5, 10, 20)  # of each class, beside no label at all
TEXTS, OPENING = 50, 150  # articles of each topic, and letters after the headline
CATS, DOGS = range(281, 286), range(151, 269)  # of ImageNet's classes, counted from 0
ANT, BEE = 310, 309


def rounded(values: Iterable[float]) -> list[float]:
    return [round(value, 4) for value in values]


def networks() -> dict[str, nn.Module]:
    return {"zukan": backbone(NETWORK), "random": backbone(NETWORK, pretrained=False)}


# --- by description --------------------------------------------------------------------------


@experiment(
    "09_cards", unit="draws of training and test pictures", seeds=10, labels="50", settings=FIXED
)
def cards() -> dict:
    """Each of ten fish left out in turn and found by its card.

    {way: {species (English): [share of the species among the FOUND photos that fit its card best,
    one a seed]}}, ways: "zukan", "random", "pixels" (16 x 16).
    """
    ways: dict[str, Callable] = {
        name: functools.partial(extract_features, network) for name, network in networks().items()
    }
    ways["pixels"] = lambda split: small_pixels(split.inputs)
    found: dict = {way: {} for way in ways}
    for seed in FEW_SEEDS:
        task = redrawn("fish", SHOWN, seed)
        assert task.attributes is not None
        for way, of in ways.items():
            features, new = of(task.train), of(task.test)
            for left_out, name in enumerate(task.classes["en"]):
                rows = task.train.labels != left_out
                read = learn_reader(features[rows], task.attributes[task.train.labels[rows]])
                best = best_fitting(read(new), task.attributes[left_out], FOUND)
                share = (task.test.labels[best] == left_out).double().mean().item()
                found[way].setdefault(name, []).append(share)
    return found


@experiment(
    "09_splits",
    unit="draws of unseen species and of all pictures",
    seeds=20,
    labels="50",
    settings=CROSS_VALIDATED,
)
def splits() -> dict:
    """Five of 24 birds without a picture: {"all": ways, "shape": ways without colour attributes},
    ways: {"zukan", "nearest", "random", "pixels": [class-averaged accuracy a seed]}.

    "nearest" is the nearest signature on the pretrained network, the others are ESZSL.
    """
    of = networks()
    found: dict = {"all": {}, "shape": {}}
    for seed in SEEDS:
        task = redrawn("birds24", SHOWN, seed, valid=1, test=20)
        for told, described in (("all", task), ("shape", without_colours(task))):
            results = {
                "zukan": zero_shot(of["zukan"], described, seed=seed),
                "nearest": zero_shot(of["zukan"], described, seed=seed, method="output_codes"),
                "random": zero_shot(of["random"], described, seed=seed),
                "pixels": zero_shot("pixels", described, seed=seed),
            }
            for way, result in results.items():
                found[told].setdefault(way, []).append(round(result.accuracy, 4))
    return found


@experiment(
    "09_generalised",
    unit="draws of unseen species and of all pictures",
    seeds=20,
    labels="50 + 20",
    settings=CROSS_VALIDATED,
)
def generalised() -> dict:
    """All 24 birds to choose from, five of them unseen.

    {"plain" and "calibrated": {"seen", "unseen", "harmonic": [one a seed]}, "area": [one a seed],
    "curve": {"seen", "unseen": [[one a step] a seed]}}: the curve over delta, of ESZSL.
    """
    network = backbone(NETWORK)
    names = ("seen", "unseen", "harmonic")
    found: dict = {kind: {name: [] for name in names} for kind in ("plain", "calibrated")}
    found |= {"area": [], "curve": {"seen": [], "unseen": []}}
    for seed in SEEDS:
        task = redrawn("birds24", SHOWN, seed, valid=20, test=20)
        result = generalised_zero_shot(network, task, seed=seed)
        for name in names:
            found["plain"][name].append(round(result.plain[name], 4))
            found["calibrated"][name].append(round(getattr(result, name), 4))
        found["area"].append(round(result.area, 4))
        _, seen, unseen = seen_unseen_curve(result.scores, result.labels, result.is_seen)
        found["curve"]["seen"].append(rounded(seen[::5]))
        found["curve"]["unseen"].append(rounded(unseen[::5]))
    return found


# --- by caption ------------------------------------------------------------------------------


def read_captions(captions: Sequence[str]) -> Callable[[Sequence[str]], Tensor]:
    """A function from sentences to features (n, e): pieces of one to three letters, TF-IDF."""
    reader = TfidfVectorizer(analyzer="char", ngram_range=(1, 3)).fit(captions)
    return lambda sentences: torch.tensor(reader.transform(sentences).toarray()).float()


def by_sentence(towers: TwoTowers, features: Tensor, told: Tensor, labels: Tensor) -> float:
    """Class-averaged accuracy where each picture gets the class of the nearest sentence."""
    return round(class_averaged_accuracy(towers(features, told), labels).mean().item(), 4)


def wordings(task: Task, lang: str) -> dict[str, list[str]]:
    """{wording: a sentence for each class of the task}."""
    assert task.attributes is not None
    return {
        "caption": describe(task, lang=lang),
        "list": [SEPARATOR[lang].join(name_features(row, lang)) for row in task.attributes],
        "frame": describe(task, NEW_FRAME[lang], lang),
        "words": in_other_words(describe(task, lang=lang), lang),
        "name": [FRAMES[lang][0].format(name) for name in task.classes[lang]],
    }


@experiment(
    "09_pairs", unit="draws of pairs and of test pictures", seeds=10, labels="none", settings=VARIED
)
def pairs() -> dict:
    """24 birds by one sentence about each, of two towers that learned from captioned birds.

    {"counts", lang: {"own": [[accuracy a seed] a count], "shuffled": the same with the captions
    mixed, "wordings": {wording: [..]}, "ensemble": [..], "temperatures": {start: [..]}}}. What
    follows "shuffled" learned from ENOUGH pairs; "ensemble" is the mean of all four frames.
    """
    network = backbone(NETWORK)
    found: dict = {"counts": list(COUNTS)}
    for lang in LANGUAGES:
        found[lang] = {
            "own": [[] for _ in COUNTS],
            "shuffled": [[] for _ in COUNTS],
            "wordings": {},
            "ensemble": [],
            "temperatures": {f"{start:g}": [] for start in TEMPERATURES},
        }
    for seed in FEW_SEEDS:
        task = redrawn("birds24", 1, seed, valid=1, test=20)
        new, labels = extract_features(network, task.test), task.test.labels
        drawn = captioned_birds(max(COUNTS), seed, LANGUAGES[0])
        features = extract_features(network, drawn.pictures)
        for lang in LANGUAGES:
            captions = write_captions(drawn.attributes, seed, lang)
            _measure_pairs(found[lang], features, captions, task, new, labels, seed, lang)
    return found


def _measure_pairs(
    kept: dict,
    features: Tensor,
    captions: list[str],
    task: Task,
    new: Tensor,
    labels: Tensor,
    seed: int,
    lang: str,
) -> None:
    order = torch.randperm(len(captions), generator=torch.Generator().manual_seed(seed)).tolist()
    mixed = [captions[row] for row in order]
    said = wordings(task, lang)
    for place, size in enumerate(COUNTS):
        for way, written in (("own", captions), ("shuffled", mixed)):
            read = read_captions(written[:size])
            towers = train_two_towers(features[:size], read(written[:size]), seed=seed)
            kept[way][place].append(by_sentence(towers, new, read(said["caption"]), labels))
    size = min(ENOUGH, max(COUNTS))
    read = read_captions(captions[:size])
    told = read(captions[:size])
    towers = train_two_towers(features[:size], told, seed=seed)
    for wording, sentences in said.items():
        accuracy = by_sentence(towers, new, read(sentences), labels)
        kept["wordings"].setdefault(wording, []).append(accuracy)
    frames = [towers(new, read(describe(task, frame, lang))) for frame in FRAMES[lang]]
    together = class_averaged_accuracy(torch.stack(frames).mean(0), labels)
    kept["ensemble"].append(round(together.mean().item(), 4))
    for start in TEMPERATURES:
        other = train_two_towers(features[:size], told, temperature=start, seed=seed)
        accuracy = by_sentence(other, new, read(said["caption"]), labels)
        kept["temperatures"][f"{start:g}"].append(accuracy)


# --- the real twin ---------------------------------------------------------------------------


@experiment(
    "09_real",
    weights=("zukan-bert",),
    unit="draws of labelled and test photos; for texts, all texts",
    seeds=10,
    labels="none; 1-20 for comparison",
    settings=CROSS_VALIDATED,
)
def real() -> dict:
    """Real photos and texts without a label.

    {"photos": {set: {"sums", "means": [accuracy a draw], "labels": {count: [accuracy a draw]}}},
    "texts": {set: {"classes", encoder: {"name": accuracy, "sentence": accuracy}}}}. Photos go
    through ImageNet's own head: the probabilities of all its classes of cats (or ants) are added,
    or averaged, and likewise those of dogs (or bees). Raises StoreError without real data.
    """
    photos = {
        "cats_dogs": _photos("cats_dogs", (CATS, DOGS)),
        "ants_bees": _photos("ants_bees", ([ANT], [BEE])),
    }
    texts = {name: _texts(*of()) for name, of in TEXT_SETS.items()}
    return {"photos": photos, "texts": texts}


def _photos(name: str, members: tuple[Iterable[int], Iterable[int]]) -> dict:
    """members: ImageNet's classes of the first and of the second class of the set."""
    photos = real_photos(name)
    network = mobilenet(150)
    features = extract_features(network, photos.split)
    (head,) = [part for part in network.modules() if isinstance(part, nn.Linear)]
    with torch.no_grad():
        probabilities = head(features).softmax(1)
    parts = [probabilities[:, list(columns)] for columns in members]
    labels = photos.split.labels
    answers = {
        "sums": torch.stack([part.sum(1) for part in parts], 1).argmax(1),
        "means": torch.stack([part.mean(1) for part in parts], 1).argmax(1),
    }
    found: dict = {way: [] for way in answers} | {"labels": {}}
    for seed in range(10):
        train, test = draw_rows(labels, photos.groups, LABELS, seed)
        for way, answer in answers.items():
            found[way].append(round((answer == labels)[test].double().mean().item(), 4))
        for count, rows in train.items():
            accuracy = logistic_accuracy(features, labels, rows, test)
            found["labels"].setdefault(str(count), []).append(round(accuracy, 4))
    return found


SENTENCES = {  # one sentence on each class of the enquiries, written before anything was measured
    "billing": (
        "The customer has a question about an invoice, a price or a payment.",
        "請求書や料金、支払いについての問い合わせです。",
    ),
    "delivery": (
        "The customer asks where a parcel is and when it will arrive.",
        "荷物がいつ届くのか、どこにあるのかについての問い合わせです。",
    ),
    "returns": (
        "The customer wants to send an item back or exchange it.",
        "商品を返したい、別の商品と取り替えたいという問い合わせです。",
    ),
    "login": (
        "The customer cannot sign in or has trouble with a password or an account.",
        "ログインできない、パスワードを忘れたなど、アカウントの問い合わせです。",
    ),
    "product": (
        "The customer asks about the size, the material or the use of an item.",
        "商品の大きさや素材、使い方についての問い合わせです。",
    ),
    "cancel": (
        "The customer wants to cancel a contract or is not satisfied.",
        "解約したい、サービスに不満があるという問い合わせです。",
    ),
}
TOPICS = {  # of the news: (name, sentence)
    "dokujo-tsushin": ("独身女性", "独身の女性の暮らしや恋愛についての記事です。"),
    "it-life-hack": ("ITの活用術", "パソコンやアプリの便利な使い方についての記事です。"),
    "kaden-channel": ("家電", "家電製品についての記事です。"),
    "livedoor-homme": ("男性の生活", "働く男性の仕事や趣味、持ち物についての記事です。"),
    "movie-enter": ("映画", "映画や俳優についての記事です。"),
    "peachy": ("女性の美容と恋愛", "女性に向けた美容、ファッション、恋愛の記事です。"),
    "smax": ("スマートフォン", "スマートフォンや携帯電話についての記事です。"),
    "sports-watch": ("スポーツ", "野球やサッカーなど、スポーツについての記事です。"),
    "topic-news": ("話題のニュース", "世の中で話題になっているニュースについての記事です。"),
}


def _enquiries(lang: str) -> tuple[list[str], list[int], list[str], list[str]]:
    place = LANGUAGES.index(lang)
    rows = [row for row in read_rows("enquiries") if row.lang == lang]
    keys = sorted({row.label for row in rows})
    names = [CLASSES["enquiries"][key][place] for key in keys]
    sentences = [SENTENCES[key][place] for key in keys]
    return [row.text for row in rows], [keys.index(row.label) for row in rows], names, sentences


def _news() -> tuple[list[str], list[int], list[str], list[str]]:
    """Headline and opening of TEXTS articles a topic."""
    topics: dict[str, list[str]] = {}
    packed: Path = real_file("text", "ja_livedoor_news_verbatim.tar.gz")
    with tarfile.open(packed) as archive:
        for member in archive:
            topic = Path(member.name).parent.name
            written = member.isfile() and not member.name.endswith("LICENSE.txt")
            if topic in TOPICS and written and len(topics.setdefault(topic, [])) < TEXTS:
                content = archive.extractfile(member)
                assert content is not None
                _, _, headline, *body = content.read().decode().split("\n")
                topics[topic].append(headline + " " + "".join(body)[:OPENING])
    keys = sorted(topics)
    texts = [words for key in keys for words in topics[key]]
    labels = [label for label, key in enumerate(keys) for _ in topics[key]]
    return texts, labels, [TOPICS[key][0] for key in keys], [TOPICS[key][1] for key in keys]


TEXT_SETS: dict[str, Callable] = {
    "enquiries_en": functools.partial(_enquiries, "en"),
    "enquiries_ja": functools.partial(_enquiries, "ja"),
    "news_ja": _news,
}


def _texts(
    texts: list[str], labels: list[int], names: list[str], sentences: list[str]
) -> dict[str, object]:
    encoders: dict[str, Callable] = {
        "minilm": functools.partial(encode_texts, "minilm"),
        "e5": functools.partial(encode_texts, "e5"),
        "zukan": functools.partial(extract_features, backbone("zukan-bert")),
        "tfidf": _by_letters(texts),
    }
    found: dict[str, object] = {"classes": len(names)}
    truth = torch.tensor(labels)
    for encoder, of in encoders.items():
        seen = F.normalize(of(texts), dim=1)
        found[encoder] = {
            kind: round(
                class_averaged_accuracy(seen @ F.normalize(of(told), dim=1).T, truth).mean().item(),
                4,
            )
            for kind, told in (("name", names), ("sentence", sentences))
        }
    return found


def _by_letters(texts: list[str]) -> Callable[[list[str]], Tensor]:
    reader = TfidfVectorizer(analyzer="char", ngram_range=(1, 3)).fit(texts)
    return lambda asked: torch.tensor(reader.transform(asked).toarray()).float()
