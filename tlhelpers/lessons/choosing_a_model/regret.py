"""What it costs to choose a network beforehand: how far the chosen one stays behind the best one.

Whoever chooses sees scores of one draw of labelled pictures; what the choice is worth is the mean
test accuracy over all draws. Regret = accuracy of the best network - accuracy of the chosen one, in
points, within one target.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean

from tlhelpers.transfer.intervals import Interval, interval

SCORES = ("knn", "probe", "logme", "leep", "h_score")


def truths(found: Mapping, target: str, place: int) -> dict[str, float]:
    """{network: mean test accuracy} of 07_choice at the label count of this place."""
    networks = found["targets"][target]
    return {name: fmean(runs["frozen"][place]) for name, runs in networks.items()}


def tuned_truths(tuned: Mapping, target: str) -> dict[str, float]:
    """{network: mean test accuracy} of 07_tuned: fine-tuned instead of frozen."""
    return {name: fmean(runs["accuracy"]) for name, runs in tuned["targets"][target].items()}


def choices(found: Mapping, target: str, score: str, place: int) -> list[str]:
    """The network that has the highest score, for each draw."""
    networks = found["targets"][target]
    draws = zip(*(networks[name][score][place] for name in networks), strict=True)
    names = list(networks)
    return [names[values.index(max(values))] for values in draws]


def regrets(found: Mapping, target: str, score: str, place: int) -> list[float]:
    """Points lost in each draw.

    score: one of SCORES, or "random" (the mean over all networks).
    """
    truth = truths(found, target, place)
    best = max(truth.values())
    if score == "random":
        return [100 * (best - fmean(truth.values()))]
    chosen = choices(found, target, score, place)
    return [100 * (best - truth[name]) for name in chosen]


def regret_by_job(found: Mapping, score: str, place: int) -> dict[str, float]:
    """{target: the mean regret of its draws}."""
    return {target: fmean(regrets(found, target, score, place)) for target in found["targets"]}


def lost_when_tuned(found: Mapping, tuned: Mapping, place: int = 1) -> dict[str, dict[str, float]]:
    """{"frozen" | "random": {target: points below the best fine-tuned network}}, fine-tuned: of the
    network that is best frozen, and of one taken at random.
    """
    lost: dict[str, dict[str, float]] = {"frozen": {}, "random": {}}
    for target in found["targets"]:
        frozen, truth = truths(found, target, place), tuned_truths(tuned, target)
        best = max(truth.values())
        lost["frozen"][target] = 100 * (best - truth[max(frozen, key=frozen.__getitem__)])
        lost["random"][target] = 100 * (best - fmean(truth.values()))
    return lost


def mean_regret(found: Mapping, score: str, place: int) -> Interval:
    """Over targets, each the mean of its draws."""
    return interval(regret_by_job(found, score, place).values())
