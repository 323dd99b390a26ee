"""What lesson 13 stores: new words, a new accent, noise and unknown words.

Every number is a fraction, one a seed. A seed deals the voices anew into those to learn from, to
choose with and to test on, and redraws recordings and noise. Every way that is trained chooses its
rate on the validation voices of its draw; what learns by gradient hears the same augmentation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import torch
from torch import Tensor, nn

from tlhelpers.course.results import CROSS_VALIDATED, FIXED, IN_EACH_DRAW, experiment
from tlhelpers.data.sounds.frontend import LogMel
from tlhelpers.data.sounds.noise import add_noise, as_float, vary
from tlhelpers.data.sounds.words import WORDS, Clips, load_words, read_clips
from tlhelpers.data.task import Split, Task, rows_of_each
from tlhelpers.lessons.speech import people
from tlhelpers.lessons.speech.steps import (
    as_pictures,
    head_accuracy,
    joined,
    means,
    nearness,
    only_words,
)
from tlhelpers.models.backbones import backbone
from tlhelpers.train.engine import evaluate, predict
from tlhelpers.transfer.adaptation.adabn import adabn
from tlhelpers.transfer.dtw import STEP, dtw_accuracy, dtw_distances, mfcc
from tlhelpers.transfer.features import probe
from tlhelpers.transfer.finetune import fine_tune
from tlhelpers.transfer.logistic import logistic_accuracy
from tlhelpers.transfer.negative import reinitialise, train_from_scratch

NETWORK, PICTURES = "zukan-speech", "zukan-resnet"
SEEDS = range(10)
TWO = 2  # recordings of each word, where all ways are compared
MORE_COUNTS = (1, 10)  # beside these two
TEN, FIVE = 10, 5
MANY = 30  # recordings of each word where the two ways to split are compared
SPLITS = ("voice", "random")
ACCENTS = ("standard", "caribbean", "scotland", "lancaster", "japanese")
REPLAYED = 5  # old recordings of each word
LEVELS = (None, 20.0, 10.0, 0.0)  # dB of speech over noise; None: no noise
QUIET = 20.0  # dB, of the line on which the words were learned
ALARMS = 0.05  # of unknown words may be taken for a known one
UNIT = "draws of voices, recordings and noise"


def rounded(values: Iterable[float]) -> list[float]:
    return [round(value, 4) for value in values]


def by_seed(run: Callable[[int], dict[str, float]], seeds: Iterable[int]) -> dict[str, list[float]]:
    """{what: [a number a seed]} of a function of the seed that returns {what: number}."""
    found = [run(seed) for seed in seeds]
    return {what: rounded(one[what] for one in found) for what in found[0]}


def scratch(task: Task, seed: int) -> float:
    network = backbone(NETWORK)
    return train_from_scratch(network, task, seed=seed, augment=vary, progress=False).test_acc


def frozen(task: Task, seed: int) -> float:
    return probe(backbone(NETWORK), task, seed=seed).test_acc


def tuned(task: Task, seed: int, augment: Callable | None = vary) -> nn.Module:
    options = {"seed": seed, "augment": augment, "progress": False, "read_test": False}
    return fine_tune(backbone(NETWORK), task, **options).model


def nearest(task: Task, seed: int) -> float:
    """The nearest recording under dynamic time warping; nothing is drawn or chosen."""
    front = LogMel()
    return dtw_accuracy(task, front(task.train.inputs), front(task.test.inputs))


# --- new words ------------------------------------------------------------------------------


@experiment(
    "13_two",
    weights=(NETWORK, PICTURES),
    unit=UNIT,
    seeds=10,
    labels="2 + 8",
    settings=IN_EACH_DRAW,
)
def two() -> dict:
    """Five words of a call centre, two recordings of each: {way: [test accuracy a seed]}.

    "random" is the frozen network before its pre-training, "pictures" a frozen network of drawings
    on the spectrograms, "means" a head on the means of the bands, "nearest" DTW on MFCC.
    """

    def run(seed: int) -> dict[str, float]:
        task = load_words("calls", TWO, seed)
        pictures = probe(backbone(PICTURES), as_pictures(task), seed=seed).test_acc
        return trained(task, seed) | {
            "random": probe(reinitialise(backbone(NETWORK)), task, seed=seed).test_acc,
            "pictures": pictures,
            "means": head_accuracy(means, task, seed),
            "nearest": nearest(task, seed),
        }

    return by_seed(run, SEEDS)


def trained(task: Task, seed: int) -> dict[str, float]:
    return {
        "scratch": scratch(task, seed),
        "frozen": frozen(task, seed),
        "tuned": evaluate(tuned(task, seed), task.open_test()),
    }


@experiment(
    "13_shots",
    weights=(NETWORK,),
    unit=UNIT,
    seeds=10,
    labels="1-10 + 8",
    settings=IN_EACH_DRAW,
)
def shots() -> dict:
    """The same with other numbers of recordings: {recordings: {way: [test accuracy a seed]}}."""

    def run(count: int, seed: int) -> dict[str, float]:
        return trained(load_words("calls", count, seed), seed)

    return {
        str(count): by_seed(lambda seed, count=count: run(count, seed), SEEDS)
        for count in MORE_COUNTS
    }


@experiment(
    "13_leak",
    weights=(NETWORK,),
    unit=UNIT,
    seeds=10,
    labels="30 + 8",
    settings=IN_EACH_DRAW,
)
def leak() -> dict:
    """The same words and counts, split by voice and at random: {split: {way: [accuracy]}}."""

    def run(split: str, seed: int) -> dict[str, float]:
        task = load_words("calls", MANY, seed, split=split)
        return {
            "nearest": nearest(task, seed),
            "means": head_accuracy(means, task, seed),
            "frozen": frozen(task, seed),
        }

    return {split: by_seed(lambda seed, split=split: run(split, seed), SEEDS) for split in SPLITS}


@experiment(
    "13_japanese",
    weights=(NETWORK,),
    unit=UNIT,
    seeds=10,
    labels="10 + 8",
    settings=IN_EACH_DRAW,
)
def japanese() -> dict:
    """Ten Japanese words, learned from espeak-ng: {"same", "other": {way: [accuracy]}}.

    "same" is tested on other voices of espeak-ng, "other" on the voice of Open JTalk.
    """
    found: dict = {"same": {}, "other": {}}
    for seed in SEEDS:
        task = load_words("calls_ja", TEN, seed)
        other = load_words("calls_ja", TEN, seed, test_accent="open-jtalk").test
        network = backbone(NETWORK)
        options = {"seed": seed, "augment": vary, "progress": False, "read_test": False}
        models = {
            "tuned": tuned(task, seed),
            "scratch": train_from_scratch(network, task, **options).model,
            "frozen": network_with(network, probe(network, task, seed=seed, read_test=False).head),
        }
        for way, model in models.items():
            for where, split in (("same", task.test), ("other", other)):
                found[where].setdefault(way, []).append(round(evaluate(model, split), 4))
    return found


def network_with(network: nn.Module, head: nn.Linear) -> nn.Module:
    """The frozen network, with a head that was learned on its features."""
    network.head = head
    return network


@experiment(
    "13_who",
    weights=(NETWORK,),
    unit=UNIT,
    seeds=10,
    labels="5 + 3",
    settings=IN_EACH_DRAW,
)
def who() -> dict:
    """Ten voices to tell apart, whatever they say, by five recordings: {way: [accuracy]}."""

    def run(seed: int) -> dict[str, float]:
        task = speakers(FIVE, seed)
        return trained(task, seed) | {
            "random": probe(reinitialise(backbone(NETWORK)), task, seed=seed).test_acc,
            "means": head_accuracy(means, task, seed),
        }

    return by_seed(run, SEEDS)


def speakers(count: int, seed: int) -> Task:
    """Who speaks? Ten voices; they are learned from the call centre's words and tested on others.

    Of each voice's ten commands three choose settings and seven test.
    """
    generator = torch.Generator().manual_seed(seed)
    learned, tested = read_clips("calls"), read_clips("commands")
    names = sorted(set(learned.voices))
    chosen = [names[at] for at in torch.randperm(len(names), generator=generator)[:10].tolist()]

    def part(clips: Clips, first: int, last: int) -> Split:
        rows, labels = [], []
        for label, voice in enumerate(chosen):
            own = [row for row in clips.rows("standard") if clips.voices[row] == voice]
            order = torch.randperm(len(own), generator=torch.Generator().manual_seed(seed))
            rows += [own[at] for at in order[first:last].tolist()]
            labels += [label] * (min(last, len(own)) - first)
        waves = add_noise(as_float(clips.waves[rows]), QUIET, generator)
        return Split(waves, torch.tensor(labels))

    parts = (part(learned, 0, count), part(tested, 0, 3), part(tested, 3, 10))
    return Task("speakers", *parts, classes={"en": chosen, "ja": chosen}, kind="sound")


# --- a new accent ---------------------------------------------------------------------------


@experiment(
    "13_accents",
    weights=(NETWORK,),
    unit=UNIT,
    seeds=10,
    labels="0",
    settings=FIXED,
)
def accents() -> dict:
    """The ten commands as they are known: {"accents": {accent: [accuracy without a new label]}}."""
    network = backbone(NETWORK)

    def run(seed: int) -> dict[str, float]:
        found = {}
        for accent in ACCENTS:
            task = load_words("commands", 1, seed, accent=accent)
            found[accent] = evaluate(only_words(network, task.classes["en"]), task.test)
        return found

    return {"accents": by_seed(run, SEEDS)}


@experiment(
    "13_replay",
    weights=(NETWORK,),
    unit=UNIT,
    seeds=10,
    labels="2-5 + 8",
    settings=IN_EACH_DRAW,
)
def replay() -> dict:
    """Commands with a Japanese accent: {recordings: {way: {"new", "old": [accuracy]}}}.

    "new" is the accent, "old" standard English, both by voices never heard. "before" knows no
    recording of the accent; "replay" hears old recordings beside the new ones.
    """
    return {str(count): _replay(count) for count in (2, 5)}


def _replay(count: int) -> dict:
    found: dict = {}

    def note(way: str, model: nn.Module, new: Split, old: Split) -> None:
        for which, split in (("new", new), ("old", old)):
            place = found.setdefault(way, {"new": [], "old": []})[which]
            place.append(round(evaluate(model, split), 4))

    for seed in SEEDS:
        task = load_words("commands", count, seed, accent="japanese")
        known = load_words("commands", REPLAYED, seed)
        start = only_words(backbone(NETWORK), task.classes["en"])
        both = replace(task, train=joined(task.train, known.train), test_reads=0)
        options = {"seed": seed, "augment": vary, "progress": False, "read_test": False}
        models = {
            "before": start,
            "tuned": fine_tune(start, task, head=start.head, **options).model,
            "replay": fine_tune(start, both, head=start.head, **options).model,
        }
        for way, model in models.items():
            note(way, model, task.test, known.test)
    return found


# --- noise, and words that nobody taught ----------------------------------------------------


@experiment(
    "13_noise",
    weights=(NETWORK,),
    unit=UNIT,
    seeds=10,
    labels="10 + 8",
    settings=IN_EACH_DRAW,
)
def noise() -> dict:
    """Words learned on a quiet line: {level in dB: {way: [accuracy]}}.

    "plain" (fine-tuned) hears quiet lines alone, "augmented" noisy ones as well;
    "adapted" is "plain" with BatchNorm measured on 100 unlabelled recordings of that level.
    """
    found: dict = {str(level): {} for level in LEVELS}
    for seed in SEEDS:
        task = load_words("calls", TEN, seed, snr=QUIET)
        models = {
            "plain": tuned(task, seed, None),
            "augmented": tuned(task, seed),
        }
        for level in LEVELS:
            loud = load_words("calls", 2 * TEN, seed, snr=level)
            models["adapted"] = adabn(models["plain"], None, loud.train, seed=seed)
            for way, model in models.items():
                place = found[str(level)].setdefault(way, [])
                place.append(round(evaluate(model, loud.test), 4))
    return found


@experiment(
    "13_unknown",
    weights=(NETWORK,),
    unit=UNIT,
    seeds=10,
    labels="10 + 8",
    settings=IN_EACH_DRAW,
)
def unknown() -> dict:
    """Rejecting what is none of the five words: {way: {"caught", "alarms": [share]}}.

    A threshold lets `ALARMS` of the unknown words pass that are there to set it; other unknown
    words, by other voices, test it. caught: known words that pass and are named right.
    """
    runs = [_unknown(seed) for seed in SEEDS]
    return {
        way: {what: rounded(run[way][what] for run in runs) for what in runs[0][way]}
        for way in runs[0]
    }


def _unknown(seed: int) -> dict[str, dict[str, float]]:
    task = load_words("calls", TEN, seed)
    setting, testing = strangers(seed)
    network = backbone(NETWORK)
    reader = network_with(network, probe(network, task, seed=seed, read_test=False).head)
    sixth = replace(
        task,
        train=joined(task.train, Split(setting.inputs, setting.labels + task.num_classes)),
        classes={lang: [*names, "?"] for lang, names in task.classes.items()},
    )
    other = backbone(NETWORK)
    guard = network_with(other, probe(other, sixth, seed=seed, read_test=False).head)
    scores: dict[str, Callable[[Tensor], Tensor]] = {
        "sure": lambda waves: predict(reader, waves).softmax(1).amax(1),
        "near": nearness(network, task.train.inputs),
        "sixth": lambda waves: 1 - predict(guard, waves).softmax(1)[:, -1],
    }
    test = task.open_test()
    right = predict(reader, test).argmax(1) == test.labels
    found = {}
    for way, score in scores.items():
        threshold = score(setting.inputs).quantile(1 - ALARMS)
        caught = (score(test.inputs) > threshold) & right
        alarms = score(testing.inputs) > threshold
        found[way] = {"caught": share(caught), "alarms": share(alarms)}
    return found


def share(which: Tensor) -> float:
    return which.double().mean().item()


def strangers(seed: int) -> tuple[Split, Split]:
    """Unknown words on the line: to set a threshold with, and other words and voices to test it."""
    clips = read_clips("others")
    generator = torch.Generator().manual_seed(seed)
    halves = []
    for names in (sorted(set(clips.words)), sorted(set(clips.voices))):
        order = torch.randperm(len(names), generator=generator).tolist()
        halves.append({names[at] for at in order[: len(names) // 2]})
    parts = []
    for first in (True, False):
        rows = [
            row
            for row, (word, voice) in enumerate(zip(clips.words, clips.voices, strict=True))
            if (word in halves[0]) == (voice in halves[1]) == first
        ]
        waves = add_noise(as_float(clips.waves[rows]), 10.0, generator)
        parts.append(Split(waves, torch.zeros(len(rows), dtype=torch.long)))
    return parts[0], parts[1]


# --- people ---------------------------------------------------------------------------------


@experiment(
    "13_real",
    weights=(NETWORK, PICTURES),
    unit="draws of speakers and recordings",
    seeds=10,
    labels="1-10",
    settings=CROSS_VALIDATED,
)
def real() -> dict:
    """People: {set: {features: {recordings of each word: [accuracy]}, "classes": number}}.

    "digits": six people say 0 to 9, two of them are held out; "takes": the same, with other takes
    of the same people held out instead. "commands": 30 words by 41 people, a third held out. A
    logistic head reads frozen features: "speech" is our network, "embedding" Google's network for
    key words (its log-mels and weights come with the real data), "pictures" our network of
    drawings on spectrograms, "means" those of the bands; "dtw" is the nearest recording. Raises
    StoreError where there are no real data.
    """
    digits = people.digits()
    return {
        "digits": _people(digits, 2, (1, 2, 5, 10)),
        "takes": _people(digits, None, (5, 10)),
        "commands": _people(people.commands(), 14, (2, 5)),
    }


@experiment(
    "13_known",
    weights=(NETWORK,),
    unit="recordings by people",
    seeds=1,
    labels="0",
    settings=FIXED,
)
def known() -> dict[str, int]:
    """The ten commands said by people: how many recordings there are, and are heard right.

    Raises StoreError where there are no real data.
    """
    said, words = people.commands(), WORDS["commands"]
    names = [said.words[label] for label in said.labels.tolist()]
    rows = [row for row, name in enumerate(names) if name in words]
    labels = torch.tensor([words.index(names[row]) for row in rows])
    answers = predict(only_words(backbone(NETWORK), words), said.waves[rows]).argmax(1)
    return {"recordings": len(rows), "right": int((answers == labels).sum())}


def _people(said: people.Said, held_out: int | None, counts: tuple[int, ...]) -> dict:
    """held_out: so many speakers are tested on, and nobody else; None: other takes of the same."""
    features = people.features(said)
    templates = mfcc(LogMel()(said.waves))[..., ::STEP]
    found: dict = {kind: {str(count): [] for count in counts} for kind in (*features, "dtw")}
    for seed in SEEDS:
        generator = torch.Generator().manual_seed(seed)
        names = sorted(set(said.speakers))
        order = torch.randperm(len(names), generator=generator).tolist()
        away = {names[at] for at in order[: held_out or 0]}
        rows = torch.randperm(len(said.labels), generator=generator)
        is_away = torch.tensor([said.speakers[row] in away for row in rows.tolist()])
        half = len(rows) // 2
        pool, test = (rows[~is_away], rows[is_away]) if held_out else (rows[half:], rows[:half])
        test = test[: people.TESTED]
        for count in counts:
            train = pool[rows_of_each(said.labels[pool], count, generator)]
            for kind, values in features.items():
                accuracy = logistic_accuracy(values, said.labels, train, test)
                found[kind][str(count)].append(round(accuracy, 4))
            closest = dtw_distances(templates[test], templates[train]).argmin(1)
            right = said.labels[train][closest] == said.labels[test]
            found["dtw"][str(count)].append(round(share(right), 4))
    return found | {"classes": int(said.labels.max()) + 1}
