"""What lesson 10 stores: heaps, maps, damage and odd messages, all found without a label.

A seed redraws all pictures. Labels only judge: they choose neither k nor a layer, a threshold or
the length of a training. What could be set was set on the seeds of TUNING, which are not measured,
or is the value of the paper.
"""

from __future__ import annotations

import csv
import functools
import gzip
import random
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tlhelpers.course.results import FIXED, SEARCHED, VARIED, experiment, stored
from tlhelpers.data import zukan
from tlhelpers.data.catalog import load_task, redrawn
from tlhelpers.data.real import real_arrays, real_file, real_photos, small_pixels
from tlhelpers.data.task import Split, Task
from tlhelpers.data.zukan import surfaces as drawing
from tlhelpers.data.zukan.kit import Canvas
from tlhelpers.models.backbones import backbone
from tlhelpers.models.real import encode_texts, mobilenet
from tlhelpers.transfer.adaptation.adabn import adabn
from tlhelpers.transfer.extraction import extract_features, represent
from tlhelpers.transfer.features import probe
from tlhelpers.transfer.text_baseline import vectorizer
from tlhelpers.transfer.unsupervised.anomaly import anomaly, judge, quiet_threshold
from tlhelpers.transfer.unsupervised.clusters import cluster
from tlhelpers.transfer.unsupervised.moments import mean_distance
from tlhelpers.transfer.unsupervised.nearest import nearest_distance
from tlhelpers.transfer.unsupervised.simclr import continue_pretraining

NETWORK = "zukan-resnet"
SEEDS = range(10)
TUNING = (100, 101, 102)
EACH = 40  # pictures of each class to be sorted
SORTED = ("birds", "fish", "digits")
KS = tuple(range(2, 17))
SOUND, TEST = 400, 60  # sound parts to learn from; test parts of each of the five conditions
SOUND_COUNTS = (25, 100, 400)
DIRT = (0.0, 0.01, 0.05, 0.1)  # share of damaged parts among those that pass for sound
ALLOWED = (0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01)  # false alarms among sound parts
LAYERS = (("layer1",), ("layer2",), ("layer3",), ("layer4",), ("layer2", "layer3"))
POOL = 500  # unlabelled pictures to go on learning from
LABELS = 5  # of each class, afterwards
RATES, CROP, EPOCHS = (0.03, 0.1, 0.3), 0.8, 15


def rounded(values: Iterable[float]) -> list[float]:
    return [round(float(value), 4) for value in values]


def random_network(seed: int) -> nn.Module:
    """The network of the course before it has seen anything."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return backbone(NETWORK, pretrained=False)


# --- heaps ----------------------------------------------------------------------------------


@experiment("10_heaps", unit="draws of pictures", seeds=10, labels="0", settings=VARIED)
def heaps() -> dict:
    """{"ks": [...], set: {kind: {"ari", "silhouette": [[a number a seed] a k]}}}.

    Kinds: "pixels", "random" (weights), "pretrained". Sets have ten classes of forty pictures.
    """
    found: dict = {"ks": list(KS)}
    for name in SORTED:
        found[name] = {}
        for kind in ("pixels", "random", "pretrained"):
            runs: dict = {"ari": [[] for _ in KS], "silhouette": [[] for _ in KS]}
            for seed in SEEDS:
                task = load_task(name, EACH, seed)
                eye = {"pixels": "pixels", "random": random_network(seed)}.get(kind)
                features = represent(eye or backbone(NETWORK), task.train, task)
                for place, k in enumerate(KS):
                    one = cluster(features, task, k, starts=5, seed=seed)
                    for measure, values in runs.items():
                        values[place].append(round(getattr(one, measure), 4))
            found[name][kind] = runs
    return found


@experiment("10_maps", unit="draws of pictures", seeds=10, labels="0", settings=FIXED)
def maps() -> dict:
    """{set: {"full", "pca", "tsne": [a share a seed]}}: pictures whose nearest neighbour, among
    all features or on a map of two numbers, is of the same class."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    found: dict = {}
    for name in SORTED:
        runs: dict = {"full": [], "pca": [], "tsne": []}
        for seed in SEEDS:
            task = load_task(name, EACH, seed)
            features = extract_features(backbone(NETWORK), task.train)
            planes = {
                "full": features,
                "pca": torch.tensor(PCA(2, random_state=0).fit_transform(features)),
                "tsne": torch.tensor(TSNE(random_state=seed).fit_transform(features)),
            }
            for way, plane in planes.items():
                runs[way].append(round(neighbours_alike(plane, task.train.labels), 4))
        found[name] = runs
    return found


def neighbours_alike(places: Tensor, labels: Tensor) -> float:
    """The share of points (n, d) whose nearest other point has their label (n,)."""
    apart = torch.cdist(places, places).fill_diagonal_(torch.inf)
    return (labels[apart.argmin(1)] == labels).double().mean().item()


# --- damage ---------------------------------------------------------------------------------


def sound_parts(seed: int, count: int = SOUND) -> Split:
    return load_task("surfaces", count, seed, classes=[drawing.OK]).train


def parts_to_test(seed: int) -> Split:
    """As many sound parts as of each kind of damage; no other use of a seed sees them."""
    return load_task("surfaces", TEST, 1000 + seed).train


@experiment(
    "10_surfaces",
    weights=(NETWORK, "zukan-paint"),
    unit="draws of sound and test parts",
    seeds=10,
    labels="0",
    settings=FIXED,
)
def surfaces() -> dict:
    """Damage found by what learned from sound parts alone.

    {"methods": {network: {method: {"auroc", "alarms_at_95": [a number a seed]}}},
    "damages": {damage: [AUROC of patches]}, "places": {"hit", "chance"}: how often the oddest
    patch touches the damage, and would by chance}.
    """
    methods: dict = {}
    damages: dict = {name: [] for name in ("scratch", "dent", "stain", "crack")}
    places: dict = {"hit": [], "chance": []}
    for seed in SEEDS:
        known, tested = sound_parts(seed), parts_to_test(seed)
        eyes = {
            "pretrained": backbone(NETWORK),
            "random": random_network(seed),
            "paint": backbone("zukan-paint"),
        }
        for name, eye in eyes.items():
            for method in ("mean", "mahalanobis", "nearest", "patches"):
                found = anomaly(eye, known, tested, method=method, seed=seed)
                runs = methods.setdefault(name, {}).setdefault(method, {})
                for measure in ("auroc", "alarms_at_95"):
                    runs.setdefault(measure, []).append(round(getattr(found, measure), 4))
            if name == "pretrained":
                by_kind(damages, found.scores, tested.labels)
                where(places, found.maps, tested.labels, 1000 + seed)
    return {"methods": methods, "damages": damages, "places": places}


def by_kind(damages: dict[str, list], scores: Tensor, labels: Tensor) -> None:
    """Appends the AUROC of each kind of damage against the sound parts."""
    for number, runs in enumerate(damages.values(), start=1):
        chosen = (labels == 0) | (labels == number)
        runs.append(round(judge(scores[chosen], labels[chosen] > 0, 0.0)["auroc"], 4))


def where(places: dict[str, list], maps: Tensor | None, labels: Tensor, seed: int) -> None:
    """Appends how often the oddest patch of a damaged part touches the damage, and chance."""
    if maps is None:
        raise ValueError("only patches have maps")
    bad = labels > 0
    touched = F.adaptive_max_pool2d(damage(labels, seed)[bad].float(), maps.shape[-2:]).flatten(1)
    oddest = maps[bad].flatten(1).argmax(1, keepdim=True)
    places["hit"].append(round(touched.gather(1, oddest).mean().item(), 4))
    places["chance"].append(round(touched.mean().item(), 4))


def damage(labels: Tensor, seed: int) -> Tensor:
    """Where the training parts of this seed are damaged: (n, 1, 64, 64), True on the damage.

    A part drawn with the same key, but sound, is the same elsewhere.
    """
    numbers = torch.arange(len(labels)) // 5
    keys = zukan.keys_of("surfaces", labels, numbers, seed)
    pictures = []
    for kinds in (labels, torch.zeros_like(labels)):
        canvas = Canvas(keys, 64, torch.device("cpu"))
        with torch.no_grad():
            drawing.draw(canvas, kinds)
        pictures.append(canvas.image.clamp(0, 1))
    return (pictures[0] - pictures[1]).abs().amax(1, keepdim=True) > 0.05


@experiment(
    "10_stream", unit="draws of sound and test parts", seeds=10, labels="0", settings=VARIED
)
def stream() -> dict:
    """What a threshold lets through, by the share of false alarms it was set for.

    {"allowed": [...], "caught", "false_alarms": [[a share a seed] for each]}; "dirt": [...],
    "dirty": {method: [[AUROC a seed] for each share of damaged parts among the known]};
    "counts": [...], "by_count": {method: [[AUROC a seed] for each number of sound parts]};
    "layers": {names: [AUROC of patches of these layers a seed]}.
    """
    network = backbone(NETWORK)
    methods = ("mahalanobis", "patches")
    caught: list = [[] for _ in ALLOWED]
    alarms: list = [[] for _ in ALLOWED]
    dirty: dict = {method: [[] for _ in DIRT] for method in methods}
    by_count: dict = {method: [[] for _ in SOUND_COUNTS] for method in methods}
    layers: dict = {" + ".join(names): [] for names in LAYERS}
    for seed in SEEDS:
        known, tested = sound_parts(seed), parts_to_test(seed)
        bad = tested.labels > 0
        held, calm, odd = (
            anomaly(network, known, part, seed=seed).scores
            for part in (
                sound_parts(2000 + seed),
                sound_parts(5000 + seed),
                tested.subset(bad.nonzero()[:, 0]),
            )
        )
        for place, allowed in enumerate(ALLOWED):
            threshold = quiet_threshold(held, allowed)
            caught[place].append(round((odd > threshold).double().mean().item(), 4))
            alarms[place].append(round((calm > threshold).double().mean().item(), 4))
        for method in methods:
            for place, share in enumerate(DIRT):
                found = anomaly(network, mixed(known, share, seed), tested, method=method)
                dirty[method][place].append(round(found.auroc, 4))
            for place, count in enumerate(SOUND_COUNTS):
                few = known.subset(torch.arange(count))
                found = anomaly(network, few, tested, method=method)
                by_count[method][place].append(round(found.auroc, 4))
        for names in LAYERS:
            found = anomaly(network, known, tested, layers=names, seed=seed)
            layers[" + ".join(names)].append(round(found.auroc, 4))
    return {
        "allowed": list(ALLOWED),
        "caught": caught,
        "false_alarms": alarms,
        "dirt": list(DIRT),
        "dirty": dirty,
        "counts": list(SOUND_COUNTS),
        "by_count": by_count,
        "layers": layers,
    }


def mixed(known: Split, share: float, seed: int) -> Split:
    """Sound parts of which this share was exchanged for damaged ones, all kinds alike."""
    count = round(share * len(known))
    if not count:
        return known
    bad = load_task("surfaces", -(-count // 4), 3000 + seed, classes=[1, 2, 3, 4]).train
    inputs = torch.cat([known.inputs[count:], bad.inputs[:count]])
    return Split(inputs, torch.zeros(len(inputs), dtype=torch.long))


# --- going on learning ----------------------------------------------------------------------


@experiment("10_rates", unit="draws of pictures", seeds=3, labels="5 + 20", settings=SEARCHED)
def rates() -> dict:
    """What was tried on surfaces, on validation pictures of draws that are not measured.

    {"tried": [{"lr", "crop", "epochs", "valid_acc"}], "chosen": the best of them}.
    """
    tried = []
    for lr in RATES:
        setting = {"lr": lr, "crop": CROP, "epochs": EPOCHS}
        scores = []
        for seed in TUNING:
            task, pool = few_labels("surfaces", seed), unlabelled("surfaces", seed)
            model = continue_pretraining(
                backbone(NETWORK), pool, seed=seed, progress=False, **setting
            ).model
            scores.append(probe(model, task, seed=seed, read_test=False).valid_acc)
        tried.append({**setting, "valid_acc": round(sum(scores) / len(scores), 4)})
    return {"tried": tried, "chosen": max(tried, key=lambda one: one["valid_acc"])}


@experiment(
    "10_simclr",
    unit="draws of all pictures",
    seeds=10,
    labels="5 + 20",
    settings="searched in 10_rates",
)
def simclr() -> dict:
    """Test accuracy on surfaces of a head on five labels a class, whether or not the body went on
    learning from unlabelled pictures.

    {"before", "adabn" (BatchNorm measured on these pictures, nothing learned), "simclr":
    [accuracy a seed]}.
    """
    best = stored("10_rates")["chosen"]
    chosen = {name: best[name] for name in ("lr", "crop", "epochs")}
    network = backbone(NETWORK)
    found: dict = {"before": [], "adabn": [], "simclr": []}
    for seed in SEEDS:
        task, pool = few_labels("surfaces", seed), unlabelled("surfaces", seed)
        on = continue_pretraining(network, pool, seed=seed, progress=False, **chosen).model
        bodies = {"before": network, "adabn": adabn(network, None, pool), "simclr": on}
        for way, body in bodies.items():
            found[way].append(round(probe(body, task, seed=seed).test_acc, 4))
    return found


def few_labels(name: str, seed: int) -> Task:
    return redrawn(name, LABELS, seed)


def unlabelled(name: str, seed: int) -> Split:
    """Pictures of all classes alike that no other use of a seed sees; nobody reads their labels."""
    classes = 5 if name == "surfaces" else 10
    return load_task(name, POOL // classes, 4000 + seed).train


# --- the real twin --------------------------------------------------------------------------


INTENTS_KNOWN, INTENTS_ASKED = 30, 10  # requests of each of 150 intents: known, and tested
STRANGE = 1000  # requests out of scope
HAM, SPAM = 2000, 700
NEAR = 0.9  # cosine from which two messages count as near-copies
PHOTOS = {"cats_dogs": 250, "flowers": 100}  # of each class
METHODS: dict[str, Callable[[Tensor], Callable[[Tensor], Tensor]]] = {
    "mean": mean_distance,
    "nearest": nearest_distance,
}


@experiment(
    "10_real",
    weights=(NETWORK, "zukan-bert"),
    unit="draws of known and tested messages or of photos",
    seeds=10,
    labels="0",
    settings=FIXED,
)
def real() -> dict:
    """Real messages and photos.

    {"clinc150", "sms": {encoder: {method: [AUROC a draw]}}}, "copies": {"share", "all", "without":
    [a number a draw]}: ham of the test with a near-copy among the known ham, and the AUROC of
    TF-IDF's nearest neighbour with and without it; "photos": {set: {kind: [ARI a draw]}}}.
    """
    found: dict = {"clinc150": {}, "sms": {}, "copies": {"share": [], "all": [], "without": []}}
    requests, strange = clinc150()
    messages, spam = sms()
    for name, encode in encoders().items():
        features = encode([*requests, *strange])
        groups = torch.arange(len(requests)) // (INTENTS_KNOWN + INTENTS_ASKED)
        found["clinc150"][name] = detect(features, groups, INTENTS_KNOWN, len(requests))
        features = encode([*messages, *spam])
        groups = torch.zeros(len(messages), dtype=torch.long)
        found["sms"][name] = detect(features, groups, len(messages) // 2, len(messages))
        if name == "tfidf":
            copies(found["copies"], features, len(messages))
    found["photos"] = {name: photos(name) for name in (*PHOTOS, "fashion")}
    return found


def detect(
    features: Tensor, groups: Tensor, known: int, sound: int
) -> dict[str, dict[str, list[float]]]:
    """{method: [AUROC a draw]}; in each draw, `known` examples of each group are learned from."""
    runs: dict = {method: [] for method in METHODS}
    for seed in SEEDS:
        learned, asked = drawn_rows(groups, known, seed)
        tested = torch.cat([asked, torch.arange(sound, len(features))])
        for method, learn in METHODS.items():
            scores = learn(features[learned])(features[tested])
            runs[method].append(round(judge(scores, tested >= sound, 0.0)["auroc"], 4))
    return runs


def drawn_rows(groups: Tensor, known: int, seed: int) -> tuple[Tensor, Tensor]:
    """`known` rows of each group, and the others."""
    order = torch.randperm(len(groups), generator=torch.Generator().manual_seed(seed))
    parts = [order[groups[order] == group] for group in groups.unique()]
    return torch.cat([rows[:known] for rows in parts]), torch.cat([r[known:] for r in parts])


def copies(runs: dict[str, list], features: Tensor, sound: int) -> None:
    """Appends how much of the tested ham has a near-copy among the known, and what it changes."""
    for seed in SEEDS:
        groups = torch.zeros(sound, dtype=torch.long)
        learned, asked = drawn_rows(groups, sound // 2, seed)
        near = (features[asked] @ features[learned].T).amax(1) > NEAR
        spam = torch.arange(sound, len(features))
        score = nearest_distance(features[learned])
        runs["share"].append(round(near.double().mean().item(), 4))
        for way, ham in (("all", asked), ("without", asked[~near])):
            tested = torch.cat([ham, spam])
            told = judge(score(features[tested]), tested >= sound, 0.0)
            runs[way].append(round(told["auroc"], 4))


def encoders() -> dict[str, Callable[[Sequence[str]], Tensor]]:
    """From texts to features (n, d) of unit length."""

    def zukan_bert(texts: Sequence[str]) -> Tensor:
        return F.normalize(extract_features(backbone("zukan-bert"), list(texts)), dim=1)

    def tfidf(texts: Sequence[str]) -> Tensor:
        counts = vectorizer("words", most_columns=2000).fit_transform(texts)
        return F.normalize(torch.tensor(counts.toarray(), dtype=torch.float32), dim=1)

    return {
        "minilm": functools.partial(encode_texts, "minilm"),
        "zukan": zukan_bert,
        "tfidf": tfidf,
    }


def clinc150() -> tuple[list[str], list[str]]:
    """Requests of the 150 intents, as many of each, one intent behind the other; and requests
    that belong to none."""
    rows = read_rows("en_clinc150.tsv.gz")
    names = sorted({row["intent"] for row in rows} - {"oos"})
    each = INTENTS_KNOWN + INTENTS_ASKED
    of_intent = {
        name: unique(row["text"] for row in rows if row["intent"] == name)[:each] for name in names
    }
    strange = unique(row["text"] for row in rows if row["intent"] == "oos")[:STRANGE]
    return [words for name in names for words in of_intent[name]], strange


def sms() -> tuple[list[str], list[str]]:
    """Messages that were wanted, and spam; each once."""
    rows = read_rows("en_sms_spam.tsv.gz")
    ham, spam = (unique(r["text"] for r in rows if r["label"] == name) for name in ("ham", "spam"))
    return ham[:HAM], spam[:SPAM]


def read_rows(table: str) -> list[dict[str, str]]:
    with gzip.open(real_file("text", table), "rt", encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def unique(texts: Iterable[str]) -> list[str]:
    """Each text once, in an order that says nothing about where it stood."""
    kept = sorted(set(texts))
    random.Random(0).shuffle(kept)
    return kept


def photos(name: str) -> dict[str, list[float]]:
    """{kind: [ARI a draw]} of heaps of real photos, as many as there are classes."""
    if name == "fashion":
        whole, size = real_arrays("FashionMNIST", 64, 200), 64
        each = 50
    else:
        whole, size, each = real_photos(name), 96, PHOTOS[name]
    eyes = {"random": mobilenet(size, pretrained=False), "imagenet": mobilenet(size)}
    features = {kind: extract_features(eye, whole.split) for kind, eye in eyes.items()}
    features["pixels"] = small_pixels(whole.split.inputs)
    runs: dict = {kind: [] for kind in features}
    for seed in SEEDS:
        rows, _ = drawn_rows(whole.split.labels, each, seed)
        for kind, rows_of in features.items():
            part = Split(rows_of[rows], whole.split.labels[rows])
            found = cluster(rows_of[rows], part, len(whole.classes), seed=seed)
            runs[kind].append(round(found.ari, 4))
    return runs
