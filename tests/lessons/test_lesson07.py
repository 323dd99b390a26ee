"""Lesson 07: its exercises tell mistakes apart, its networks and scores are what its prose says."""

from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
import torch
from torch import nn

from tlhelpers.course.exercises import check
from tlhelpers.course.results import stored
from tlhelpers.lessons.choosing_a_model import widget
from tlhelpers.lessons.choosing_a_model.checks import best_small, left_over, lost_by_size
from tlhelpers.lessons.choosing_a_model.chest import FINDINGS, draw_chests
from tlhelpers.lessons.choosing_a_model.depth import Block, tower
from tlhelpers.lessons.choosing_a_model.figures import (
    REAL_CLASSES,
    cheapest_mistake,
    front_of,
)
from tlhelpers.lessons.choosing_a_model.mistakes import MISTAKES
from tlhelpers.lessons.choosing_a_model.regret import (
    choices,
    lost_when_tuned,
    mean_regret,
    regret_by_job,
    regrets,
    truths,
    tuned_truths,
)
from tlhelpers.models.backbones import backbone
from tlhelpers.runtime.language import LANGUAGES, text
from tlhelpers.transfer.intervals import interval, paired

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "lessons/source/07_choosing_a_model.py"
FOUND = {  # two draws, two networks, one count
    "targets": {
        "one": {
            "a": {"frozen": [[0.8, 0.6]], "knn": [[0.5, 0.1]]},
            "b": {"frozen": [[0.6, 0.6]], "knn": [[0.4, 0.3]]},
        },
        "two": {
            "a": {"frozen": [[0.2, 0.2]], "knn": [[0.1, 0.1]]},
            "b": {"frozen": [[0.9, 0.9]], "knn": [[0.2, 0.2]]},
        },
    }
}


def test_regret_by_hand():
    assert truths(FOUND, "one", 0) == pytest.approx({"a": 0.7, "b": 0.6})
    assert choices(FOUND, "one", "knn", 0) == ["a", "b"]
    assert regrets(FOUND, "one", "knn", 0) == pytest.approx([0, 10])
    assert regrets(FOUND, "one", "random", 0) == pytest.approx([5])
    assert regret_by_job(FOUND, "knn", 0) == pytest.approx({"one": 5, "two": 0})
    assert mean_regret(FOUND, "knn", 0).mean == pytest.approx((5 + 0) / 2)


def test_what_the_best_frozen_network_loses_when_all_are_tuned_by_hand():
    runs = {"one": (0.9, 0.8), "two": (0.5, 0.9)}
    targets = {t: {"a": {"accuracy": [a]}, "b": {"accuracy": [b]}} for t, (a, b) in runs.items()}
    lost = lost_when_tuned(FOUND, {"targets": targets}, 0)
    assert lost["frozen"] == pytest.approx({"one": 0, "two": 0})
    assert lost["random"] == pytest.approx({"one": 5, "two": 20})
    targets["one"]["b"]["accuracy"] = [1.0]
    assert lost_when_tuned(FOUND, {"targets": targets}, 0)["frozen"]["one"] == pytest.approx(10)


def test_the_figure_of_six_jobs_shows_the_order_that_the_lesson_tells():
    choice, tuned = stored("07_choice"), stored("07_tuned")
    jobs = {target: truths(choice, target, 1) for target in choice["targets"]}
    best = [max(values, key=values.get) for values in jobs.values()]
    assert best.count("zukan-resnet") == 5
    first_two = {"zukan-resnet", "zukan-vgg"}
    assert all(set(sorted(v, key=v.get)[-2:]) == first_two for v in jobs.values())
    fine = [tuned_truths(tuned, target) for target in jobs]
    assert all(max(values, key=values.get) in first_two for values in fine)
    always = [100 * (max(values.values()) - values["zukan-resnet"]) for values in jobs.values()]
    assert fmean(always) == pytest.approx(0.3, abs=0.05)
    assert jobs["birds"]["zukan-shape"] > jobs["birds"]["zukan-texture"]
    assert jobs["land_use"]["zukan-shape"] < jobs["land_use"]["zukan-texture"]
    lost = lost_when_tuned(choice, tuned)
    assert sum(lost["frozen"].values()) / 6 < 3 < 10 < sum(lost["random"].values()) / 6
    for target, networks in tuned["targets"].items():
        assert networks.keys() == jobs[target].keys()
        for runs in networks.values():
            assert len(runs["accuracy"]) == len(runs["rate"])
            assert set(runs["rate"]) <= set(tuned["rates"])


def test_a_probe_loses_less_than_chance_and_every_score_is_wrong_somewhere():
    found = stored("07_choice")
    lost = {way: regret_by_job(found, way, 1) for way in ("probe", "leep", "knn", "random")}
    means = {way: fmean(jobs.values()) for way, jobs in lost.items()}
    told = {"probe": 1.5, "leep": 2.8, "knn": 2.8, "random": 15.3}
    assert means == pytest.approx(told, abs=0.051)
    assert paired(list(lost["random"].values()), list(lost["probe"].values())).low > 0
    chosen = choices(found, "birds", "leep", 1)
    assert chosen.count("zukan-inception") == 6
    assert round(max(regrets(found, "birds", "leep", 1))) == 9


def test_guessing_on_real_pictures_is_one_of_the_classes_that_were_measured():
    """k-NN is a share of all labelled pictures, so it tells how many classes there were."""
    found = stored("07_real")
    assert set(REAL_CLASSES) == set(found["targets"])
    for target, networks in found["targets"].items():
        pictures = found["labels"][0] * REAL_CLASSES[target]
        for runs in networks.values():
            hits = [share * pictures for share in runs["knn"][0]]
            assert hits == pytest.approx([round(hit) for hit in hits], abs=0.01)


def test_always_taking_imagenet_loses_less_than_knn_and_logme_but_more_than_leep():
    found = stored("07_real")
    habit = [
        100 * (max(truth.values()) - truth["imagenet"])
        for truth in (truths(found, target, 0) for target in found["targets"])
    ]
    assert sum(habit) / len(habit) == pytest.approx(1.7, abs=0.05)
    assert mean_regret(found, "leep", 0).mean == pytest.approx(1.0, abs=0.05)
    assert min(mean_regret(found, score, 0).mean for score in ("knn", "logme")) > 1.7


def test_imagenet_leads_its_own_design_on_five_sets_and_squeezenet_on_digits():
    runs = {
        target: {name: 100 * torch.tensor(one["frozen"][0]) for name, one in networks.items()}
        for target, networks in stored("07_real")["targets"].items()
    }
    design = ("imagenet", "birds", "insects")
    led = [t for t, of in runs.items() if max(design, key=lambda n: of[n].mean()) == "imagenet"]
    assert set(runs) - set(led) == {"blood_cells"}
    lead = interval((runs["digits"]["squeezenet"] - runs["digits"]["imagenet"]).tolist())
    assert [round(value) for value in (lead.low, lead.mean, lead.high)] == [5, 9, 12]
    near = interval((runs["ants_bees"]["insects"] - runs["ants_bees"]["imagenet"]).tolist())
    assert near.low < 0 < near.high


def test_the_first_gradient_of_deep_plain_networks_is_longer_than_with_shortcuts():
    norms = {way: runs[-1] for way, runs in stored("07_depth")["gradient"].items()}
    assert interval(norms["plain"]).low > interval(norms["residual"]).high
    assert [round(fmean(norms[way]), 1) for way in ("plain", "residual")] == [2.2, 1.3]


FAMILIES = ("zukan-resnet", "zukan-vgg", "zukan-inception")
PAIRS = (("zukan-vgg", "zukan-inception"), ("zukan-inception", "zukan-resnet"), FAMILIES[:2])


def sets_of_families(way):
    """{(family, target): (a count, a start) mean accuracy in per cent}."""
    found = stored("07_families")
    return {
        (family, target): 100 * torch.tensor(runs).reshape(2, 3, -1).mean(2)
        for family, targets in found[way].items()
        for target, runs in targets.items()
    }


def clear_differences(way):
    """{(ahead, behind, target, count): its paired interval}, of those that leave 0 out."""
    sets, jobs = sets_of_families(way), stored("07_families")["frozen"]["zukan-vgg"]
    shown = {}
    for one, other in PAIRS:
        for target in jobs:
            for place, count in enumerate((150, 400)):
                span = paired(sets[one, target][place], sets[other, target][place])
                if span.low > 0 or span.high < 0:
                    names = (one, other) if span.low > 0 else (other, one)
                    ends = sorted(map(abs, (span.low, span.high)))
                    shown[(*names, target, count)] = (abs(span.mean), *ends)
    return shown


def test_on_equal_pictures_no_family_wins_every_job():
    found = stored("07_families")
    assert found["pictures"] == [150, 400]
    for family, targets in found["frozen"].items():
        assert [len(home) for home in found["source"][family]] == [3, 3]
        assert {len(draws) for runs in targets.values() for draws in runs} == {9}
        assert 0.98 < fmean(found["source"][family][1]) < 0.99
    shown = clear_differences("frozen")
    told = {
        ("zukan-vgg", "zukan-inception", "birds", 400): (5, 4, 7),
        ("zukan-vgg", "zukan-inception", "land_use", 400): (11, 3, 20),
        ("zukan-inception", "zukan-resnet", "surfaces", 400): (6, 3, 9),
        ("zukan-inception", "zukan-vgg", "xray", 400): (3, 1, 6),
    }
    assert {names for names in shown if names[-1] == 400} == told.keys()
    for names, points in told.items():
        assert tuple(map(round, shown[names])) == points
    assert len(clear_differences("fine_tuned")) == 2  # of 36


def test_more_pictures_raise_frozen_accuracy_and_that_of_inception_most():
    sets = sets_of_families("frozen")
    jobs = list(dict.fromkeys(target for _, target in sets))
    gains = {
        family: torch.stack([sets[family, t][1] - sets[family, t][0] for t in jobs]).mean(0)
        for family in FAMILIES
    }
    told = {"zukan-inception": (6, 4, 9), "zukan-vgg": (4, 1, 6), "zukan-resnet": (1, -3, 6)}
    spans = {family: interval(gain) for family, gain in gains.items()}
    spans["all"] = interval(sum(gains.values()) / 3)
    spans["more"] = paired(gains["zukan-inception"], gains["zukan-resnet"])
    for name, points in {**told, "all": (4, 2, 6), "more": (5, 3, 7)}.items():
        assert tuple(map(round, (spans[name].mean, spans[name].low, spans[name].high))) == points
    clean = interval((gains["zukan-inception"] + gains["zukan-resnet"]) / 2)
    assert round(clean.mean) == 4 and clean.low > 0
    best, last = (
        [[pick(FAMILIES, key=lambda f: sets[f, t][p].mean()) for t in jobs] for p in (0, 1)]
        for pick in (max, min)
    )
    assert [t for t, few, more in zip(jobs, *best, strict=True) if few != more] == ["xray"]
    assert [names.count("zukan-inception") for names in last] == [5, 3]
    lead = paired(sets["zukan-inception", "xray"][1], sets["zukan-resnet", "xray"][1])
    assert tuple(map(round, (lead.mean, lead.low, lead.high))) == (3, -19, 24)


def test_a_single_network_of_each_family_tells_another_order():
    sets = sets_of_families("frozen")
    vgg, resnet = (sets[family, "pets"][1] for family in ("zukan-vgg", "zukan-resnet"))
    lead = paired(vgg, resnet)
    assert round((vgg - resnet)[0].item()) == 7
    assert tuple(map(round, (lead.mean, lead.low, lead.high))) == (-1, -18, 16)
    apart = {names: (runs.amax(1) - runs.amin(1)).max().item() for names, runs in sets.items()}
    widest = max(apart, key=apart.get)
    assert widest == ("zukan-resnet", "xray") and round(apart[widest]) == 13


def test_the_cheapest_mistake_of_the_prediction_is_a_choice_and_grey(monkeypatch):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    found = stored("07_mistakes")
    assert cheapest_mistake(found, "birds") == text("lesson07.mistake_grey")
    left = {when: [fmean(v) for v in runs.values()] for when, runs in found["birds"].items()}
    told = {"in_use": [95, 45, 78, 18, 10, 16], "always": [95, 94, 89, 73, 69, 73]}
    for when, shares in left.items():
        assert [100 * share for share in shares] == pytest.approx(told[when], abs=0.51)
    source = SOURCE.read_text(encoding="utf-8")
    for lang in LANGUAGES:
        monkeypatch.setenv("TLHELPERS_LANG", lang)
        names = [text(f"lesson07.mistake_{name}") for name in MISTAKES if name != "right"]
        assert f"choices=({', '.join(map(repr, names))})".replace("'", '"') in source


def test_the_first_table_has_the_weights_of_its_networks():
    source = SOURCE.read_text(encoding="utf-8")
    weights = {}
    for name in ("zukan-inception", "zukan-vgg", "zukan-texture"):
        weights[name] = backbone(name).info.parameters
        assert f"# | `{name}` | {weights[name] / 1e6:.2f} million |" in source
        assert f"# | `{name}` | {weights[name] / 1e4:.0f}万 |" in source
    assert weights["zukan-inception"] > weights["zukan-vgg"]


def test_the_candidates_of_the_last_exercise_have_the_costs_that_were_measured():
    costs = stored("07_cost")["real"]
    source = SOURCE.read_text(encoding="utf-8")
    names = {"ResNet-50": "resnet50", "MobileNetV2": "mobilenet_v2", "SqueezeNet": "squeezenet1_1"}
    for shown, name in names.items():
        ms, mb = (round(costs[name][unit]) for unit in ("ms", "mb"))
        for line in (f"ImageNet | {mb} MB | {ms} ms |", f"ImageNet | {mb} MB | {ms}ミリ秒 |"):
            assert f"# | {shown} | {line}" in source


def test_a_job_of_two_classes_has_higher_leep_than_one_of_ten_whatever_the_network():
    targets = stored("07_choice")["targets"]
    scores = {t: [fmean(runs["leep"][1]) for runs in targets[t].values()] for t in targets}
    assert min(scores["pets"]) == pytest.approx(-0.7, abs=0.05)
    assert max(scores["birds"]) == pytest.approx(-1.1, abs=0.05)


def test_more_labels_alone_help_logme_and_not_the_probe():
    found = stored("07_choosing_stable")
    assert found["labels"] == [10, 60]
    told = {"probe": (2.0, 2.3), "logme": (2.9, 1.1), "knn": (3.4, 1.3), "random": (15.8, 14.4)}
    for score, points in told.items():
        measured = [mean_regret(found, score, place).mean for place in (0, 1)]
        assert measured == pytest.approx(points, abs=0.051), score
    assert regret_by_job(found, "probe", 1)["pets"] == pytest.approx(7, abs=0.5)
    few, many = (
        paired(found["verdicts"]["logme"][labels], found["verdicts"]["probe"][labels])
        for labels in ("half", "three_times")
    )
    assert few.low < 0 < few.high
    assert (round(many.low, 1), round(many.high, 1)) == (0.4, 2.0)


def test_three_times_the_epochs_make_up_for_missing_shortcuts():
    points = stored("07_stable")["verdicts"]["shortcuts"]
    assert max(points["three_times"]) < 3
    assert [len(draws) for draws in points.values()] == [10] * 4
    assert min(min(points[way]) for way in ("half", "clipped", "adamw")) > 0


def test_without_shortcuts_deep_networks_learn_less_of_their_training_data():
    depth = stored("07_depth")
    assert paired(depth["residual"][-1], depth["plain"][-1]).low > 0
    assert [len(runs) for runs in depth["plain"]] == [10] * 3
    means = [fmean(runs) for runs in depth["plain"]]
    assert means == sorted(means, reverse=True)


@pytest.mark.parametrize("depth", [8, 14, 20])
def test_plain_and_residual_differ_in_the_shortcut_alone(depth):
    plain, residual = (tower(depth, skip, 6) for skip in (False, True))
    layers = [m for m in plain.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert len(layers) == depth
    shapes = [[tuple(p.shape) for p in m.parameters()] for m in (plain, residual)]
    assert shapes[0] == shapes[1]
    residual.load_state_dict(plain.state_dict())
    pictures = torch.rand(4, 3, 64, 64)
    assert not torch.allclose(plain(pictures), residual(pictures))


def test_a_block_that_does_nothing_passes_its_input_on_only_with_a_shortcut():
    x = torch.rand(2, 4, 8, 8)
    for skip, wanted in ((True, x), (False, torch.zeros_like(x))):
        block = Block(4, 4, skip).eval()
        nn.init.zeros_(block.conv2.weight)
        assert torch.allclose(block(x), wanted, atol=1e-6)
    halved = Block(4, 8, True).eval()
    nn.init.zeros_(halved.conv2.weight)
    assert torch.allclose(halved(x)[:, :4], x[:, :, ::2, ::2], atol=1e-6)
    with pytest.raises(ValueError, match="8, 14, 20"):
        tower(10, True, 6)


def test_the_right_way_to_feed_a_network_is_its_own_and_no_mistake_raises():
    network = backbone("zukan-resnet", pretrained=False)
    pictures = torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8)
    assert torch.allclose(MISTAKES["right"](pictures), network.preprocess(pictures), atol=1e-6)
    for name, feed in MISTAKES.items():
        assert network(feed(pictures)).isfinite().all(), name
        if name != "right":
            assert not torch.equal(feed(pictures), MISTAKES["right"](pictures)), name


def test_chests_are_drawn_the_same_again_and_show_their_finding():
    first, again = (draw_chests(2, seed=5) for _ in range(2))
    assert torch.equal(first.inputs, again.inputs)
    assert first.labels.tolist() == [c for c in range(len(FINDINGS)) for _ in range(2)]
    assert first.inputs.shape == (16, 3, 64, 64) and first.inputs.float().std() > 10


def test_no_network_on_the_front_is_beaten():
    points = {"cheap": (1.0, 0.5), "worse": (2.0, 0.4), "dear": (3.0, 0.9), "twin": (3.0, 0.9)}
    assert front_of(points) == ["cheap", "dear", "twin"]


def test_a_source_of_the_field_leads_few_kinds_and_not_many():
    xray, mail = stored("07_xray"), stored("07_mail")
    frozen, tuned = xray["frozen"], xray["fine_tuned"]
    few, many = (
        [paired(*runs) for runs in zip(frozen["chest"], frozen[other], strict=True)]
        for other in ("general_8", "general")
    )
    variety = [paired(*r) for r in zip(frozen["general"], frozen["general_8"], strict=True)]
    assert all(one.low > 0 for one in (*few, *variety)) and all(one.low < 0 for one in many)
    last = paired(tuned["chest"][-1], tuned["general"][-1])
    whole, part = (
        {lang: paired(mail[lang][kind][-1], mail[lang]["daily"][-1]) for lang in LANGUAGES}
        for kind in ("mail", "mail_few")
    )
    assert whole["ja"].low > 0 and part["en"].low > 0 > part["ja"].low
    best = max(interval(runs).mean for lang in LANGUAGES for runs in mail[lang]["mail"])
    least, most = (100 * choose(one.mean for one in few) for choose in (min, max))
    said = SOURCE.read_text(encoding="utf-8")
    span = f"{100 * last.low:.0f}", f"{100 * last.high:.0f}"
    assert f"is {least:.0f} to {most:.0f} points" in said
    assert f"by {100 * last.mean:.0f} points with 100 labels (95% interval {span[0]} to" in said
    assert f"are {100 * whole['en'].mean:.0f} points ahead of those from travel" in said
    assert f"leads by {100 * part['en'].mean:.0f} points. In Japanese it leads by 1," in said
    assert round(100 * part["ja"].mean) == 1
    assert f"themselves, {best:.0%} at most" in said
    assert f"差は、{least:.0f}〜{most:.0f}ポイント" in said
    assert f"{100 * last.mean:.0f}ポイント上でした（95%信頼区間{span[0]}〜{span[1]}" in said
    assert f"10件のラベルで{100 * whole['en'].mean:.0f}ポイント上です" in said


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_widget_names_the_best_within_the_limits(monkeypatch, lang):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    shown = widget.build({name: stored(name) for name in widget.RESULTS})
    costs, choice = stored("07_cost")["zukan"], stored("07_choice")
    for target in choice["targets"]:
        truth = truths(choice, target, 1)
        best = max(truth, key=truth.__getitem__)
        assert best in shown.move(target=target).says
    small = min(one["mb"] for one in costs.values())
    limit = min(widget.limits(costs, "mb"))
    view = shown.move(target="birds", mb=limit)
    truth = truths(choice, "birds", 1)
    best = max((n for n in truth if costs[n]["mb"] <= limit), key=truth.__getitem__)
    assert small <= limit and best in view.says and 'fill="white"' in view.picture
    assert text("widget07.rings") in view.says
    assert (
        text("widget07.rings")
        not in shown.move(target="birds", mb=widget.limits(costs, "mb")[-1]).says
    )
    fastest = min(widget.limits(costs, "ms"))
    assert shown.move(ms=fastest, mb=limit).says


def by_place(scores, accuracy):
    chosen = max(range(3), key=[*scores.values()].__getitem__)
    return 100 * (max(accuracy.values()) - [*accuracy.values()][chosen])


@pytest.mark.parametrize("number", [float, np.float32, torch.tensor])
def test_a_regret_may_be_a_number_of_any_library(number):
    def regret(scores, accuracy):
        return number(100 * (max(accuracy.values()) - accuracy[max(scores, key=scores.get)]))

    assert check("07-b", {"regret": regret}).passed


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        (by_place, "regret_wrong"),
        (lambda s, a: max(a.values()) - a[max(s, key=s.get)], "regret_fraction"),
        (lambda s, a: 100 * (a[max(s, key=s.get)] - max(a.values())), "regret_sign"),
        (lambda s, a: 100 * (max(a.values()) - min(a.values())), "regret_lowest"),
        (lambda s, a: 0, "regret_wrong"),
        (lambda s, a: 5, "regret_none"),
    ],
)
def test_each_mistake_in_regret_has_its_own_sentence(monkeypatch, mistake, sentence):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    verdict = check("07-b", {"regret": mistake})
    given = "0.00" if sentence == "regret_wrong" else "5.00"
    assert not verdict.passed
    assert verdict.message.startswith(text(f"lesson07.{sentence}", given=given))


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"small_aerial": "vgg"}, "read_unknown"),
        ({"small_aerial": "zukan-resnet"}, "read_over"),
        ({"small_birds": "zukan-texture"}, "read_wrong"),
        ({"lost": 50}, "read_lost"),
    ],
)
def test_the_widget_is_read_step_by_step(monkeypatch, changed, sentence):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    assert set(left_over()) == {"zukan-shape", "zukan-texture", "zukan-paint"}
    right = {
        "small_aerial": best_small("land_use"),
        "small_birds": best_small("birds"),
        "lost": round(lost_by_size("birds")),
    }
    assert right == {"small_aerial": "zukan-texture", "small_birds": "zukan-shape", "lost": 20}
    assert check("07-a", dict(right)).passed
    verdict = check("07-a", {**right, **changed})
    known = ", ".join(stored("07_choice")["targets"]["birds"])
    job = text("widget07.birds")
    values = {"name": next(iter(changed.values())), "known": known, "job": job, "lost": 50}
    assert not verdict.passed
    assert verdict.message.startswith(text(f"lesson07.{sentence}", **values))


def test_a_plan_with_gaps_or_a_word_is_sent_back(monkeypatch):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    plan = dict.fromkeys(("shortlist", "labels", "judge", "checks", "why"), "a whole sentence here")
    assert check("07-c", {"plan": dict(plan)}).passed
    for spoilt, word in (({"judge": ...}, "judge"), ({"why": "so"}, "why")):
        verdict = check("07-c", {"plan": {**plan, **spoilt}})
        assert not verdict.passed and word in verdict.message
