"""What lesson 07 stores: which network serves which job, and what could be known before.

Every accuracy is one draw of all pictures of the target, training, validation and test. Networks of
the same draw see the same pictures, so that differences are paired. What is called a score
beforehand (see `transfer/transferability.py`) never sees a test picture.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import get_model_weights

from tlhelpers.course.results import (
    CROSS_VALIDATED,
    FIXED,
    IN_EACH_DRAW,
    SEARCHED,
    VARIED,
    experiment,
)
from tlhelpers.data import corpus, zukan
from tlhelpers.data.catalog import load_task, redrawn
from tlhelpers.data.real import PHOTOS, RealPhotos, real_arrays, real_mnist, real_photos
from tlhelpers.data.task import Split, Task
from tlhelpers.data.text import CLASSES, read_rows
from tlhelpers.lessons.choosing_a_model.chest import FINDINGS, draw_chests
from tlhelpers.lessons.choosing_a_model.depth import tower
from tlhelpers.lessons.choosing_a_model.mistakes import MISTAKES
from tlhelpers.lessons.choosing_a_model.regret import regrets
from tlhelpers.models import networks
from tlhelpers.models.backbones import backbone
from tlhelpers.models.cards import ModelCard, weights_folder
from tlhelpers.models.preprocess import Preprocess
from tlhelpers.models.pretrain import (
    MEAN,
    RECIPES,
    SIZE,
    STD,
    TEST_PER_CLASS,
    TEST_SEED,
    TRAIN_SEED,
    Recipe,
    draw_split,
    shift_and_erase,
)
from tlhelpers.models.pretrain_text import (
    SPECIAL,
    TEXT_RECIPES,
    encode,
    static_vectors,
    train_tokenizer,
    without_evaluation,
)
from tlhelpers.models.real import inaturalist, mobilenet, squeezenet
from tlhelpers.models.surgery import head_of
from tlhelpers.runtime import device as devices
from tlhelpers.train.engine import evaluate, fit, predict
from tlhelpers.train.preprocessing import attach_preprocess
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.features import probe
from tlhelpers.transfer.finetune import DEFAULTS, TRIAL, FineTuneResult, epochs_for, fine_tune
from tlhelpers.transfer.heads import select_head
from tlhelpers.transfer.logistic import draw_rows, logistic_accuracy
from tlhelpers.transfer.search import search
from tlhelpers.transfer.transferability import h_score, leep, logme, nearest, transferability

NETWORKS = (
    "zukan-vgg",
    "zukan-inception",
    "zukan-resnet",
    "zukan-shape",
    "zukan-texture",
    "zukan-paint",
)
JOBS = ("birds", "pets", "land_use", "surfaces", "xray", "strokes")
SCORES = ("knn", "probe", "logme", "leep", "h_score")
LABELS = (5, 20)  # of each class, to learn from
STABLE_LABELS = {"half": LABELS[-1] // 2, "three_times": 3 * LABELS[-1]}
VALID, TEST = 10, 40  # pictures a class, for choosing and for measuring
SEEDS = range(10)  # of the draws
TUNED_RATES = (0.002, 0.01, 0.05, 0.2)
MIXED = "bf16"  # where whole networks are trained: twice as fast, and as accurate


def rounded(value: float) -> float:
    return round(value, 4)


# --- six networks, six jobs -----------------------------------------------------------------


@experiment(
    "07_choice",
    weights=NETWORKS,
    unit="draws of training, validation and test pictures",
    seeds=10,
    labels="5-20 + 10",
    settings=IN_EACH_DRAW,
)
def choice() -> dict:
    """Linear probes of the six networks on six targets, and every score beforehand.

    {"labels": [a class], "targets": {target: {network: {"frozen" | score: [[a draw] a count]}}},
    "seconds": {"features" | score: of one network on one target, with 20 labels a class}}.
    """
    found, seconds = networks_on_jobs(LABELS, SEEDS)
    return {"labels": list(LABELS), "targets": found, "seconds": seconds}


def networks_on_jobs(counts: Sequence[int], seeds: Sequence[int]) -> tuple[dict, dict]:
    """Every network on every job: ({target: {network: {"frozen" | score: [[a draw] a count]}}}, CPU
    seconds of one network on one target with the last count).
    """
    models = {name: backbone(name) for name in NETWORKS}
    found: dict = {t: {n: {} for n in NETWORKS} for t in JOBS}
    spent = dict.fromkeys(("features", *SCORES), 0.0)
    for target in JOBS:
        for place, labels in enumerate(counts):
            for seed in seeds:
                task = redrawn(target, labels, seed, valid=VALID, test=TEST)
                for name, model in models.items():
                    before, seconds = _scores(model, task, seed)
                    for key, value in before.items():
                        runs = found[target][name].setdefault(key, [[] for _ in counts])
                        runs[place].append(rounded(value))
                    if labels == counts[-1]:
                        for key, value in seconds.items():
                            spent[key] += value / (len(JOBS) * len(NETWORKS) * len(seeds))
    return found, {key: rounded(value) for key, value in spent.items()}


@experiment(
    "07_choosing_stable",
    weights=NETWORKS,
    unit="draws of training, validation and test pictures",
    seeds=10,
    labels="10-60 + 10",
    settings=VARIED,
)
def choosing() -> dict:
    """Do the scores choose well at half and at three times the labels, too?

    {"labels", "targets": as in 07_choice, "verdicts": {score: {condition: [points by which its
    choice beats a random one, the mean of all jobs, a draw each]}}}.
    """
    targets, _ = networks_on_jobs(tuple(STABLE_LABELS.values()), SEEDS)
    found: dict = {"labels": list(STABLE_LABELS.values()), "targets": targets}
    points: dict[str, dict[str, list[float]]] = {score: {} for score in SCORES}
    for place, condition in enumerate(STABLE_LABELS):
        by_chance = fmean(regrets(found, target, "random", place)[0] for target in JOBS)
        for score in SCORES:
            jobs = [regrets(found, target, score, place) for target in JOBS]
            draws = [fmean(lost) for lost in zip(*jobs, strict=True)]
            points[score][condition] = [round(by_chance - lost, 2) for lost in draws]
    return {**found, "verdicts": points}


@experiment(
    "07_tuned",
    weights=NETWORKS,
    unit="draws of training, validation and test pictures",
    seeds=10,
    labels="20 + 10",
    settings=IN_EACH_DRAW,
)
def tuned() -> dict:
    """The same networks fine-tuned, with 20 labels a class, on the draws of 07_choice.

    {"rates": [tried on the validation pictures of every draw], "targets": {target: {network:
    {"accuracy": [test accuracy a draw], "rate": [the one chosen]}}}}.
    """
    found: dict = {t: {n: {"accuracy": [], "rate": []} for n in NETWORKS} for t in JOBS}
    for seed in SEEDS:
        for target in JOBS:
            task = redrawn(target, LABELS[-1], seed, valid=VALID, test=TEST)
            for name in NETWORKS:
                accuracy, rate = _tuned(backbone(name), task, seed)
                found[target][name]["accuracy"].append(rounded(accuracy))
                found[target][name]["rate"].append(rate)
    return {"rates": list(TUNED_RATES), "targets": found}


def _tuned(model: nn.Module, task: Task, seed: int) -> tuple[float, float]:
    """Test accuracy after fine-tuning, and the learning rate: the one of TUNED_RATES that was best
    on the validation pictures after a third of the epochs.
    """
    options = {"head": probe(model, task, seed=seed, read_test=False).head, "seed": seed}
    options |= {"precision": MIXED, "progress": False}
    third = math.ceil(epochs_for(task, DEFAULTS["image"]["batch_size"]) / TRIAL)

    def tried(lr: float) -> FineTuneResult:
        return fine_tune(
            model, task, lr=lr, epochs=third, valid_every=third, read_test=False, **options
        )

    rate = search(tried, {"lr": TUNED_RATES}).chosen["lr"]
    return fine_tune(model, task, lr=rate, **options).test_acc, rate


def _scores(model: nn.Module, task: Task, seed: int) -> tuple[dict[str, float], dict[str, float]]:
    """Every score of one network and the test accuracy of its probe ("frozen"); and the CPU seconds
    that each score takes once the features are there.
    """

    seconds, values = {}, {}
    started = time.process_time()
    for split in (task.train, task.valid):
        extract_features(model, split)
    seconds["features"] = time.process_time() - started
    for score in SCORES:
        started = time.process_time()
        if score == "probe":
            run = probe(model, task, seed=seed, read_test=False)
            values[score] = run.valid_acc
        else:
            values[score] = transferability({"": model}, task, (score,)).scores[""][score]
        seconds[score] = time.process_time() - started
    answers = run.head(extract_features(model, task.test)).argmax(1)
    right = (answers == task.test.labels).double().mean().item()
    return {**values, "frozen": right}, seconds


# --- three families on equal pictures -------------------------------------------------------

FAMILIES = ("zukan-resnet", "zukan-vgg", "zukan-inception")
COUNTS = (150, 400)  # pictures of each class of the source
STARTS = range(3)  # networks of each family: initial weights and orders of the pictures
PROBED = 3  # draws of each network


@experiment(
    "07_families",
    weights=(),
    unit="networks pretrained anew, each with draws of the target",
    seeds=3,
    labels="20 + 10",
    settings=IN_EACH_DRAW,
)
def families() -> dict:
    """VGG, Inception and ResNet pretrained anew on equally many pictures of the drawn world, by the
    recipe of each family.

    {"pictures": [of a class], "source": {family: [[accuracy at home a network] a count]}, "frozen",
    "fine_tuned": {family: {target: [[accuracy] a count]}}}. Each network is probed on PROBED draws
    of a target, and fine-tuned on the first; networks of one start see the same draws.
    """
    found: dict = {"pictures": list(COUNTS), "source": {}, "frozen": {}, "fine_tuned": {}}
    for family in FAMILIES:
        found["source"][family] = []
        for way in ("frozen", "fine_tuned"):
            found[way][family] = {target: [[] for _ in COUNTS] for target in JOBS}
        for place, count in enumerate(COUNTS):
            runs = [raised_and_judged(family, count, start) for start in STARTS]
            found["source"][family].append([run["source"] for run in runs])
            for run in runs:
                for way in ("frozen", "fine_tuned"):
                    for target in JOBS:
                        found[way][family][target][place] += run[way][target]
    return found


def raised_and_judged(family: str, count: int, start: int) -> dict:
    """One network, pretrained anew: {"source": accuracy at home, "frozen", "fine_tuned": {target:
    accuracies}}.
    """
    recipe = replace(RECIPES[family], seed=start)
    model = _pretrained(getattr(networks, recipe.architecture), _source_pictures(count), recipe)
    home = draw_split("source", TEST_PER_CLASS, TEST_SEED, devices.pick_device())
    found: dict = {"source": rounded(evaluate(model, home)), "frozen": {}, "fine_tuned": {}}
    for target in JOBS:
        seeds = range(PROBED * start, PROBED * (start + 1))
        tasks = [redrawn(target, LABELS[-1], seed, valid=VALID, test=TEST) for seed in seeds]
        runs = [probe(model, task, seed=s) for task, s in zip(tasks, seeds, strict=True)]
        found["frozen"][target] = [rounded(run.test_acc) for run in runs]
        run = fine_tune(model, tasks[0], seed=seeds[0], precision=MIXED, progress=False)
        found["fine_tuned"][target] = [rounded(run.test_acc)]
    return found


@functools.cache
def _source_pictures(count: int) -> Split:
    return draw_split("source", count, TRAIN_SEED, devices.pick_device())


def _untrained(build: Callable[[int], nn.Module], classes: int, seed: int) -> nn.Module:
    devices.set_seed(seed)
    return attach_preprocess(build(classes), Preprocess(MEAN, STD, size=SIZE)).eval()


def _pretrained(build: Callable[[int], nn.Module], pictures: Split, recipe: Recipe) -> nn.Module:
    """`pretrain` without validation and files."""
    model = _untrained(build, int(pictures.labels.max()) + 1, recipe.seed)
    fit(
        model,
        pictures,
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        optimizer="sgd",
        lr=recipe.lr,
        warmup=recipe.warmup,
        weight_decay=recipe.weight_decay,
        augment=shift_and_erase,
        valid=False,
        keep_best=False,
        seed=recipe.seed,
        precision=MIXED,
        progress=False,
    )
    return model


# --- with and without shortcuts -------------------------------------------------------------

DEPTHS = (8, 14, 20)
DEEP_LABELS = 40  # of each class; all that counts here is whether they are learned
DEEP_EPOCHS, DEEP_BATCH = 15, 32
DEEP_TUNING, DEEP_RUNS = 1, 10  # initial weights to choose a rate with, and others to measure
DEEP_RATES = (0.01, 0.03, 0.1)


@experiment(
    "07_depth",
    weights=(),
    unit="initial weights and orders of the same 240 pictures",
    seeds=10,
    labels="40",
    settings=SEARCHED,
)
def depth() -> dict:
    """Training accuracy of plain and residual networks of several depths on aerial photos.

    {"depths", "plain" | "residual": [[training accuracy a start] a depth], "gradient": {way: [[norm
    at the first layer before the first step] a depth]}, "tuning": {way: {depth: {"tried",
    "choice"}}}}.
    """
    pictures = load_task("land_use", DEEP_LABELS).train
    found: dict = {"depths": list(DEPTHS), "gradient": {}, "tuning": {}}
    for way in ("plain", "residual"):
        skip = way == "residual"
        found["tuning"][way] = {}
        found[way], found["gradient"][way] = [], []
        for layers in DEPTHS:
            record = _choose_rate(pictures, layers, skip)
            found["tuning"][way][layers] = record
            runs = [_grown(pictures, layers, skip, record["choice"], s) for s in range(DEEP_RUNS)]
            found[way].append([rounded(accuracy) for accuracy in runs])
            norms = [_first_gradient(pictures, layers, skip, s) for s in range(DEEP_RUNS)]
            found["gradient"][way].append([rounded(norm) for norm in norms])
    return found


def _choose_rate(
    pictures: Split,
    layers: int,
    skip: bool,
    rates: Sequence[float] = DEEP_RATES,
    **options: Any,
) -> dict:
    """The rate that learns these pictures best, on starts that are not measured."""

    def tried(rate: float) -> float:
        starts = range(100, 100 + DEEP_TUNING)
        return sum(_grown(pictures, layers, skip, rate, s, **options) for s in starts) / DEEP_TUNING

    found = search(tried, {"rate": rates})
    scores = {str(run["rate"]): rounded(run["valid_acc"]) for run in found.runs}
    return {"tried": scores, "choice": found.chosen["rate"]}


def _new_tower(layers: int, skip: bool, classes: int, seed: int) -> nn.Module:
    return _untrained(functools.partial(tower, layers, skip), classes, seed)


def _grown(
    pictures: Split, layers: int, skip: bool, rate: float, seed: int, **options: Any
) -> float:
    """Accuracy on its own training pictures, after training on them."""
    model = _new_tower(layers, skip, int(pictures.labels.max()) + 1, seed)
    asked = {"epochs": DEEP_EPOCHS, "optimizer": "sgd", **options}
    fit(
        model,
        pictures,
        batch_size=DEEP_BATCH,
        lr=rate,
        weight_decay=0.0,
        valid=False,
        keep_best=False,
        seed=seed,
        progress=False,
        **asked,
    )
    return evaluate(model, pictures)


def _first_gradient(pictures: Split, layers: int, skip: bool, seed: int) -> float:
    """Length of the gradient of the first layer's weights, before anything is learned."""
    model = _new_tower(layers, skip, int(pictures.labels.max()) + 1, seed).train()
    rows = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(seed))[:64]
    batch = pictures.subset(rows)
    loss = F.cross_entropy(model(model.preprocess(batch.inputs)), batch.labels)
    loss.backward()
    return next(model.parameters()).grad.norm().item()


@experiment(
    "07_stable",
    weights=(),
    unit="initial weights and orders of the same 240 pictures",
    seeds=10,
    labels="40",
    settings=VARIED,
)
def stable() -> dict:
    """Does the gain of shortcuts at 20 layers last? {"verdicts": {"shortcuts": {condition: [points
    of training accuracy by which they are ahead, a start each]}}}.

    Half and three times the epochs, clipping and AdamW; each way at a rate of its own.
    """
    pictures = load_task("land_use", DEEP_LABELS).train
    return {"verdicts": {"shortcuts": shortcuts(pictures)}}


def shortcuts(pictures: Split) -> dict[str, list[float]]:
    """{condition: points of training accuracy by which shortcuts are ahead, a start each}."""
    conditions: dict[str, dict] = {
        "half": {"epochs": math.ceil(DEEP_EPOCHS / 2)},
        "three_times": {"epochs": 3 * DEEP_EPOCHS},
        "clipped": {"clip_norm": 1.0},
        "adamw": {"optimizer": "adamw", "rates": tuple(rate / 10 for rate in DEEP_RATES)},
    }
    points = {}
    for condition, options in conditions.items():
        grown = {}
        for skip in (False, True):
            rate = _choose_rate(pictures, DEPTHS[-1], skip, **options)["choice"]
            rest = {key: value for key, value in options.items() if key != "rates"}
            grown[skip] = [_grown(pictures, DEPTHS[-1], skip, rate, s, **rest) for s in SEEDS]
        gains = zip(grown[True], grown[False], strict=True)
        points[condition] = [round(100 * (with_it - plain), 2) for with_it, plain in gains]
    return points


# --- a source that matches the domain -------------------------------------------------------

SOURCE_PICTURES, SOURCE_EPOCHS = 5200, 8
XRAY_LABELS = (5, 20, 100)
GENERAL = (
    8  # classes of the general source in the version with as few classes as there are findings
)


@experiment(
    "07_xray",
    weights=(),
    unit="networks pretrained anew, each with a draw of all pictures of the target",
    seeds=10,
    labels="5-100 + 10",
    settings=IN_EACH_DRAW,
)
def matched_pictures() -> dict:
    """X-rays with a nodule, an opacity or neither, from three sources of 5,200 pictures each.

    {"labels", "frozen" | "fine_tuned": {source: [[accuracy] a count]}}; the sources are "chest"
    (chest phantoms with other findings), "general" (104 classes of everything), "general_8" (8 of
    these) and "random" (nothing).
    """
    found: dict = {"labels": list(XRAY_LABELS)}
    sources = ("chest", "general", "general_8", "random")
    found |= {w: {s: [[] for _ in XRAY_LABELS] for s in sources} for w in ("frozen", "fine_tuned")}
    for source in sources:
        for seed in SEEDS:
            model = _trained_on(source, seed)
            for place, labels in enumerate(XRAY_LABELS):
                task = redrawn("xray", labels, seed, valid=VALID, test=TEST)
                frozen = probe(model, task, seed=seed).test_acc
                found["frozen"][source][place].append(rounded(frozen))
                run = fine_tune(model, task, seed=seed, progress=False)
                found["fine_tuned"][source][place].append(rounded(run.test_acc))
    return found


def _trained_on(source: str, seed: int) -> nn.Module:
    if source == "random":
        return _untrained(networks.zukan_resnet, len(FINDINGS), seed)
    recipe = replace(RECIPES["zukan-resnet"], epochs=SOURCE_EPOCHS, seed=seed)
    return _pretrained(networks.zukan_resnet, _pictures_of(source, seed), recipe)


def _pictures_of(source: str, seed: int) -> Split:
    """SOURCE_PICTURES of a source, as many of each class; "general_8" takes 8 classes at random."""
    place = devices.pick_device()
    if source == "chest":
        return draw_chests(SOURCE_PICTURES // len(FINDINGS), TRAIN_SEED, place)
    classes = torch.arange(zukan.DOMAINS["source"].num_classes)
    if source == "general_8":
        order = torch.randperm(len(classes), generator=torch.Generator().manual_seed(seed))
        classes = classes[order[:GENERAL]]
    each = SOURCE_PICTURES // len(classes)
    indices = torch.arange(each).repeat(len(classes))
    drawn = zukan.draw(
        "source", classes.repeat_interleave(each), indices, TRAIN_SEED, SIZE, device=place
    )
    return Split(drawn, torch.arange(len(classes)).repeat_interleave(each))


MAIL = ("charged twice", "how to pay", "invoice", "late delivery", "delivery place", "send back")
MAIL += ("refund", "exchange", "sign in", "about a product", "stop a service", "complaint")
MAIL += ("broken device", "shop hours")
TEXTS = {  # subjects of the letters; the last two have eleven sentence patterns each
    "mail": MAIL,
    "mail_few": ("charged twice", "late delivery", "broken device", "shop hours"),
    "daily": ("travel", "daily life", "advertising"),
}
LETTERS = 6000  # of each kind, from which word vectors are made
TEXT_LABELS = (2, 5, 10)  # of each class


@experiment(
    "07_mail",
    weights=(),
    unit="letters written anew, each with a draw of labelled texts",
    seeds=10,
    labels="2-10",
    settings=CROSS_VALIDATED,
)
def matched_texts() -> dict:
    """Customer enquiries read with word vectors made from 6,000 letters of one kind: the mean of a
    text's vectors, under a logistic head.

    {"labels", "en" | "ja": {kind of TEXTS: [[accuracy] a count]}}.
    """
    found: dict = {"labels": list(TEXT_LABELS)}
    found |= {lang: {kind: [[] for _ in TEXT_LABELS] for kind in TEXTS} for lang in ("en", "ja")}
    for seed in SEEDS:
        every, _ = without_evaluation(corpus.write_letters(8 * LETTERS, seed=seed))
        for kind, subjects in TEXTS.items():
            letters = [letter for letter in every if letter.subject in subjects][:LETTERS]
            read = _word_vectors(letters, seed)
            for lang in ("en", "ja"):
                rows = [row for row in read_rows("enquiries") if row.lang == lang]
                vectors = read([row.text for row in rows])
                classes = list(CLASSES["enquiries"])
                labels = torch.tensor([classes.index(row.label) for row in rows])
                train, test = draw_rows(labels, torch.arange(len(rows)), TEXT_LABELS, seed, 0.5)
                for place, count in enumerate(TEXT_LABELS):
                    accuracy = logistic_accuracy(vectors, labels, train[count], test)
                    found[lang][kind][place].append(accuracy)
    return found


def _word_vectors(letters: Sequence[corpus.Letter], seed: int) -> Callable[[list[str]], Tensor]:
    """Reads texts as the mean of their tokens' unit vectors, learned from these letters alone."""
    recipe = replace(TEXT_RECIPES["zukan-bert"], letters=len(letters), vocabulary=4000, seed=seed)
    devices.set_seed(seed)
    tokenizer = train_tokenizer(letters, recipe)
    with TemporaryDirectory() as kept:
        texts = encode(tokenizer, letters, recipe, Path(kept))
    vectors = F.normalize(static_vectors(texts, len(tokenizer), recipe.hidden), dim=1)

    def read(written: list[str]) -> Tensor:
        ids = tokenizer(written)["input_ids"]
        kept = [[i for i in row if i >= len(SPECIAL)] for row in ids]
        return torch.stack([vectors[row].sum(0) / max(1, len(row)) for row in kept])

    return read


# --- silent mistakes, and what a network costs ----------------------------------------------

MISTAKEN = ("birds", "land_use")
WHEN = ("in_use", "always")


@experiment(
    "07_mistakes",
    unit="draws of training, validation and test pictures",
    seeds=10,
    labels="20 + 10",
    settings=IN_EACH_DRAW,
)
def silent_mistakes() -> dict:
    """What each mistake costs zukan-resnet: {target: {"in_use" | "always": {mistake: [accuracy]}}}.

    "in_use": the head learned from right pictures, and meets mistaken ones; "always": it learned
    from mistaken ones as well.
    """
    network = backbone("zukan-resnet")
    found: dict = {t: {w: {m: [] for m in MISTAKES} for w in WHEN} for t in MISTAKEN}
    for target in MISTAKEN:
        for seed in SEEDS:
            task = redrawn(target, LABELS[-1], seed, valid=VALID, test=TEST)
            right = _head(network, task, MISTAKES["right"])
            for name, mistake in MISTAKES.items():
                test = extract_features(network, task.test, preprocess=mistake)
                heads = {"in_use": right, "always": _head(network, task, mistake)}
                for when, head in heads.items():
                    answers = head(test).argmax(1)
                    accuracy = (answers == task.test.labels).double().mean().item()
                    found[target][when][name].append(rounded(accuracy))
    return found


def _head(network: nn.Module, task: Task, preprocess: Callable[[Tensor], Tensor]) -> nn.Module:
    train, valid = (
        extract_features(network, part, preprocess=preprocess) for part in (task.train, task.valid)
    )
    return select_head(train, task.train.labels, valid, task.valid.labels).head


REAL_NETWORKS = (
    "squeezenet1_1",
    "mobilenet_v2",
    "efficientnet_b0",
    "googlenet",
    "resnet18",
    "resnet50",
    "convnext_tiny",
    "vgg16",
    "vit_b_16",
)
TIMED, REPEATS = 2, 3  # pictures of a batch; the fastest of so many passes counts


@experiment(
    "07_cost",
    weights=NETWORKS,
    unit="fastest of three passes over 2 pictures, one CPU thread",
    seeds=3,
    labels="0",
    settings=FIXED,
)
def cost() -> dict:
    """{"zukan" | "real": {network: {"ms": CPU time a picture, "mb", "licence", "source": accuracy
    at home}}}. What torchvision's networks reach on ImageNet is as torchvision publishes it.
    """
    found: dict = {"zukan": {}, "real": {}}
    cards = {name: ModelCard.read(weights_folder() / f"{name}.json") for name in NETWORKS}
    times: dict[str, float] = {}  # networks of one architecture take the same time
    for name, card in cards.items():
        spent = _milliseconds(backbone(name), SIZE)
        times[card.architecture] = min(spent, times.get(card.architecture, spent))
    for name, card in cards.items():
        facts = {"mb": round(card.megabytes, 1), "licence": card.licence, "source": card.accuracy}
        found["zukan"][name] = {"ms": times[card.architecture], **facts}
    for name in REAL_NETWORKS:
        meta = next(iter(get_model_weights(name))).meta
        model = backbone(name, pretrained=False)
        accuracy = meta["_metrics"]["ImageNet-1K"]["acc@1"] / 100
        facts = {"mb": round(meta["_file_size"], 1), "source": rounded(accuracy)}
        facts["licence"] = model.info.licence
        found["real"][name] = {"ms": _milliseconds(model, model.info.size), **facts}
    return found


def _milliseconds(model: nn.Module, size: int) -> float:
    """CPU time a picture, which another program on the computer hardly changes."""
    pictures = torch.zeros(TIMED, 3, size, size)
    spent = []
    with torch.inference_mode():
        for _ in range(1 + REPEATS):  # the first pass warms up
            started = time.process_time()
            model(pictures)
            spent.append(time.process_time() - started)
    return round(1000 * min(spent[1:]) / TIMED, 2)


# --- the real twin --------------------------------------------------------------------------

REAL_TARGETS = ("ants_bees", "flowers", "cats_dogs", "blood_cells", "clothes", "digits")
REAL_SOURCES: dict[str, Callable[[int], nn.Module]] = {
    "imagenet": mobilenet,
    "birds": functools.partial(inaturalist, "birds"),
    "insects": functools.partial(inaturalist, "insects"),
    "squeezenet": squeezenet,
}
REAL_LABELS, REAL_DRAWS = (10,), 10
MOST_PHOTOS = 240  # of a target
REAL_SCORES = {
    "knn": nearest,
    "logme": logme,
    "h_score": functools.partial(h_score, shrinkage=True),
}


@experiment(
    "07_real",
    weights=(),
    unit="draws of labelled and test pictures",
    seeds=10,
    labels="10",
    settings=CROSS_VALIDATED,
)
def real() -> dict:
    """Four real networks on six real targets, their features under a logistic head.

    {"labels", "targets": {target: {network: {"frozen" | score: [[a draw] a count]}}}}. Three are
    MobileNetV2, trained on ImageNet, on birds and on insects; SqueezeNet 1.1 is smaller and trained
    on ImageNet. LEEP uses their own heads.
    """
    found: dict = {}
    for target in REAL_TARGETS:
        pictures, side = _real_target(target)
        found[target] = {}
        for name, load in REAL_SOURCES.items():
            model = load(side)
            features = extract_features(model, pictures.split, batch_size=64)
            head = getattr(*head_of(model))
            if isinstance(head, nn.Linear):
                answers = head(features).detach()
            else:  # SqueezeNet answers at every place of its map, and averages afterwards
                answers = predict(model, pictures.split, batch_size=64)
            found[target][name] = _real_runs(features, answers.softmax(1), pictures)
    return {"labels": list(REAL_LABELS), "targets": found}


def _real_runs(features: Tensor, answers: Tensor, pictures: RealPhotos) -> dict:
    runs: dict = {key: [[] for _ in REAL_LABELS] for key in ("frozen", "leep", *REAL_SCORES)}
    labels = pictures.split.labels
    for seed in range(REAL_DRAWS):
        train, test = draw_rows(labels, pictures.groups, REAL_LABELS, seed)
        for place, count in enumerate(REAL_LABELS):
            rows = train[count]
            accuracy = logistic_accuracy(features, labels, rows, test)
            runs["frozen"][place].append(rounded(accuracy))
            runs["leep"][place].append(rounded(leep(answers[rows], labels[rows])))
            for score, measure in REAL_SCORES.items():
                runs[score][place].append(rounded(measure(features[rows], labels[rows])))
    return runs


def _real_target(name: str) -> tuple[RealPhotos, int]:
    """At most MOST_PHOTOS pictures of a real target, and the size at which a network reads them."""
    if name == "clothes":
        return real_arrays("FashionMNIST", 96, per_class=MOST_PHOTOS // 10), 96
    pictures = real_mnist(96) if name == "digits" else real_photos(name)
    each = MOST_PHOTOS // len(pictures.classes)
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(pictures.split), generator=generator)
    labels = pictures.split.labels[order]
    rows = torch.cat([order[labels == c][:each] for c in labels.unique()])
    kept = pictures.split.subset(rows)
    return RealPhotos(kept, pictures.groups[rows], pictures.classes), PHOTOS.get(name, ("", 96))[1]
