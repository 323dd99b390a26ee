"""Lesson 03: its exercises tell mistakes apart, and its measurements redraw what they should."""

import ast
import builtins
import re
import tomllib
from importlib import resources
from statistics import mean

import numpy as np
import pytest
import torch

from tlhelpers.course.author.reading import LESSONS, read_lesson
from tlhelpers.course.exercises import check
from tlhelpers.course.results import stored
from tlhelpers.lessons import fine_tuning
from tlhelpers.lessons.fine_tuning.experiments import flips, measure
from tlhelpers.runtime.language import LANGUAGES, text
from tlhelpers.transfer.intervals import interval

PLAN = {
    "now": "fine-tune",
    "trained_on": [1, 2],
    "augment": ["flips"],
    "tested_on": [1, 2],
    "later": "Add the 80 pictures.",
    "why": "The first factory's pictures show the same defects.",
}


def factors(images, shape=None):
    return 0.4 + 0.8 * torch.rand(shape or (len(images), 1, 1, 1))


def overflowing(images):
    return (images * factors(images)).to(torch.int64).to(torch.uint8)


def in_place(images):
    images.copy_((images * factors(images)).clamp(0, 255).to(torch.uint8))
    return images.clone()


def fixed(images):
    generator = torch.Generator().manual_seed(0)
    factor = 0.4 + 0.8 * torch.rand((len(images), 1, 1, 1), generator=generator)
    return (images * factor).clamp(0, 255).to(torch.uint8)


@pytest.mark.parametrize(
    ("relight", "sentence"),
    [
        (lambda x: (x * factors(x)).clamp(0, 255), "relight_kind"),
        (lambda x: (x * factors(x, x.shape)).clamp(0, 255).to(torch.uint8), "relight_uneven"),
        (lambda x: (x * factors(x, (1,))).clamp(0, 255).to(torch.uint8), "relight_same"),
        (lambda x: (x[:1] * factors(x[:1])).to(torch.uint8), "relight_shape"),
        (overflowing, "relight_overflow"),
        (in_place, "relight_in_place"),
        (fixed, "relight_fixed"),
    ],
)
def test_each_mistake_in_an_augmentation_has_its_own_sentence(monkeypatch, relight, sentence):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    torch.manual_seed(0)
    verdict = check("03-b", {"relight": relight})
    assert not verdict.passed
    assert (
        verdict.message.split(".")[0] == text(f"lesson03.{sentence}", kind="float32").split(".")[0]
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"now": "tune"}, "plan_way"),
        ({"trained_on": [2]}, "plan_trained"),
        ({"trained_on": 2}, "plan_trained"),
        ({"tested_on": [2]}, "plan_tested"),
        ({"tested_on": 1}, "plan_tested"),
        ({"augment": "flips"}, "plan_augment"),
        ({"why": "better"}, "plan_why"),
        ({"now": ...}, "plan_missing"),
        ({"later": ...}, "plan_missing"),
        ({"later": ""}, "plan_missing"),
    ],
)
def test_a_plan_with_a_gap_or_a_contradiction_is_not_accepted(monkeypatch, change, sentence):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    assert check("03-c", {"plan": PLAN}).passed
    assert check("03-c", {"plan": PLAN | {"trained_on": ["1"], "tested_on": ["1", "2"]}}).passed
    verdict = check("03-c", {"plan": PLAN | change})
    assert not verdict.passed
    wanted = text(f"lesson03.{sentence}", given="tune", keys=next(iter(change)))
    assert verdict.message.startswith(wanted)


def test_an_untouched_plan_is_not_begun_rather_than_wrong():
    verdict = check("03-c", {"plan": dict.fromkeys(PLAN, ...)})
    assert not verdict.passed and not verdict.begun


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_numbers_of_the_text_are_those_that_are_stored(lang):
    lesson = read_lesson(LESSONS / "source" / "03_fine_tuning.py")
    prose = {block.key: block.sources[lang] for block in lesson.blocks if block.kind == "prose"}
    means = {step: mean(runs["accuracy"]) for step, runs in stored("03_knobs").items()}
    for step in ("frozen", "recipe", "scratch"):
        assert f"{means[step]:.0%}" in prose["recipe"]
    assert f"{100 * (means['rate'] - means['frozen']):.0f}" in prose["recipe"]
    assert f"{100 * (means['flips'] - means['clip']):.0f}" in prose["recipe"]
    night = stored("03_knobs")["relight"]["night"]
    assert f"{mean(night):.0%}" in prose["limits-read"]
    assert f"{100 * (max(night) - min(night)):.0f}" in prose["limits-read"]
    assert f"{mean(stored('03_real')['frozen'][-1]):.0%}" in prose["labels-read"]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_clipping_raises_the_good_rates_and_the_best_accuracy_as_told(lang):
    lesson = read_lesson(LESSONS / "source" / "03_fine_tuning.py")
    told = next(block.sources[lang] for block in lesson.blocks if block.key == "clip-read")
    grid = stored("03_rates")
    free, clipped = ([runs["accuracy"] for runs in grid[way]] for way in ("free", "clipped"))
    best_free, best = max(free, key=mean), max(clipped, key=mean)
    assert free.index(best_free) < clipped.index(best) == grid["rates"].index(0.1)
    assert interval([b - a for a, b in zip(best_free, best, strict=True)]).low > 0
    assert interval([a - b for a, b in zip(free[0], clipped[0], strict=True)]).low > 0
    for value in (mean(best_free), mean(best), mean(free[3])):
        assert f"{value:.0%}" in told


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_quiz_and_the_teachers_answer_tell_the_stored_rates(lang):
    found = stored("03_rates")
    runs = {way: dict(zip(found["rates"], found[way], strict=True)) for way in ("clipped", "free")}
    gains = [
        100 * (mean(runs["clipped"][rate]["accuracy"]) - mean(runs["free"][rate]["accuracy"]))
        for rate in (0.1, 0.3, 1.0)
    ]
    quiz = tomllib.loads(resources.files(fine_tuning).joinpath("quiz.toml").read_text("utf-8"))
    asked = next(one for one in quiz["question"] if one["key"] == "read-rates")
    told = next(option["why"][lang] for option in asked["option"] if option.get("right"))
    assert f"{min(gains):.0f}{ {'en': ' to ', 'ja': '〜'}[lang] }{max(gains):.0f}" in told
    lesson = read_lesson(LESSONS / "source" / "03_fine_tuning.py")
    told = next(block.sources[lang] for block in lesson.blocks if block.key == "teacher")
    for rate in (0.01, 0.03):
        assert f"{mean(runs['free'][rate]['source']):.0%}" in told


def test_the_plan_of_the_solution_rests_on_what_was_measured_in_dim_light():
    knobs = stored("03_knobs")
    pairs = zip(knobs["relight"]["night"], knobs["frozen"]["night"], strict=True)
    assert interval([tuned - still for tuned, still in pairs]).low > 0
    lesson = read_lesson(LESSONS / "source" / "03_fine_tuning.py")
    plan = next(block.code for block in lesson.blocks if block.key == "ex-c")
    for step in ("relight", "frozen"):
        assert f"{mean(knobs[step]['night']):.0%}" in plan


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_lesson_tells_what_labels_gain_and_where_that_is_not_sure(lang):
    lesson = read_lesson(LESSONS / "source" / "03_fine_tuning.py")
    told = next(block.sources[lang] for block in lesson.blocks if block.key == "labels-read")
    named = {"surfaces": (20,), "birds": (5, 50)}  # the figure says the others
    for task, curves in stored("03_labels").items():
        for count, frozen, tuned in zip(
            curves["labels"], curves["frozen"], curves["tuned"], strict=True
        ):
            gain = interval([100 * (b - a) for a, b in zip(frozen, tuned, strict=True)])
            assert (gain.low < 0) == (count == 2)
            if count in named[task]:
                assert re.search(rf"(?<!\d){gain.mean:.0f}(?!\d)", told)


def test_opening_the_late_stages_is_as_accurate_and_forgets_less():
    found = stored("03_depths")
    runs = dict(zip(found["depths"], found["runs"], strict=True))

    def gap(measure):
        pairs = zip(runs["layer2"][measure], runs["all"][measure], strict=True)
        return interval([late - all_of_it for late, all_of_it in pairs])

    assert gap("accuracy").low < 0 < gap("accuracy").high
    lesson = read_lesson(LESSONS / "source" / "03_fine_tuning.py")
    told = next(block.sources["en"] for block in lesson.blocks if block.key == "depths-read")
    for kept in ("source", "night"):
        assert gap(kept).low > 0
    for depth in ("layer2", "all"):
        assert all(f"{mean(values):.0%}" in told for values in runs[depth].values())


def test_the_late_stages_are_asked_again_and_the_lesson_says_where_they_save_nothing():
    found = stored("03_depths_stable")
    verdicts = found.pop("verdicts")
    assert min(interval(points).low for points in verdicts["layer2"].values()) > 0
    for setting, runs in found.items():
        pairs = zip(runs["layer2"]["accuracy"], runs["all"]["accuracy"], strict=True)
        gap = interval([100 * (late - all_of_it) for late, all_of_it in pairs])
        if setting == "three_times":
            assert gap.high < 0 and round(gap.mean) == -1
        else:
            assert gap.low < 0 < gap.high
    kept, night = (
        {setting: interval(points) for setting, points in verdicts[name].items()}
        for name in ("kept", "night")
    )
    assert kept.pop("adamw").mean < 2 and min(gap.low for gap in kept.values()) > 0
    assert max(mean(found["adamw"][depth]["source"]) for depth in ("layer2", "all")) < 0.03
    assert min(gap.low for gap in night.values()) > 0


def test_no_gentle_way_lies_above_one_rate_everywhere_as_the_lesson_says():
    rates, ways = stored("03_rates"), stored("03_ways")
    rising = [
        runs for rate, runs in zip(rates["rates"], rates["clipped"], strict=True) if rate <= 0.1
    ]
    line = [[mean(runs[measured]) for runs in rising] for measured in ("accuracy", "source")]
    above = {
        way: [mean(x["source"]) - np.interp(mean(x["accuracy"]), *line) for x in by_rate.values()]
        for way, by_rate in ways.items()
    }
    assert max(max(points) for points in above.values()) < 0.02
    assert max(above["gradual"]) < -0.1
    lesson = read_lesson(LESSONS / "source" / "03_fine_tuning.py")
    (told,) = [block.sources["en"] for block in lesson.blocks if block.key == "frontier-read"]
    assert f"falls from 97% to {line[1][0]:.0%}" in told


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_lesson_tells_what_a_lower_rate_costs_and_keeps(lang):
    lesson = read_lesson(LESSONS / "source" / "03_fine_tuning.py")
    told = next(block.sources[lang] for block in lesson.blocks if block.key == "deeper-stages")
    grid = stored("03_rates")
    for rate in (0.03, 0.1):
        runs = grid["clipped"][grid["rates"].index(rate)]
        for measured in ("accuracy", "source"):
            assert f"{mean(runs[measured]):.0%}" in told


def test_the_probes_head_and_a_random_one_end_alike():
    probe, random = (stored("03_knobs")[name] for name in ("recipe", "random_head"))
    new, source = (
        interval([a - b for a, b in zip(probe[measure], random[measure], strict=True)])
        for measure in ("accuracy", "source")
    )
    assert new.low < 0 < new.high and source.low < 0 < source.high


@pytest.mark.parametrize("rival", ["tuned", "scratch", "flips"])
def test_fine_tuning_stays_ahead_under_every_setting_as_the_lesson_says(rival):
    settings = stored("03_stable")["verdicts"][rival]
    assert set(settings) == {"as_told", "half", "three_times", "unclipped", "adamw"}
    assert min(interval(points).low for points in settings.values()) > 0


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_lesson_tells_how_the_lead_shrinks_with_the_training(lang):
    lesson = read_lesson(LESSONS / "source" / "03_fine_tuning.py")
    told = next(block.sources[lang] for block in lesson.blocks if block.key == "sure-read")
    lead = {s: interval(points) for s, points in stored("03_stable")["verdicts"]["scratch"].items()}
    half, usual, longest = (f"{lead[s].mean:.0f}" for s in ("half", "as_told", "three_times"))
    after = {
        "en": f"{half} points after 12 epochs, {usual} after 24, and {longest} after 72",
        "ja": f"{half}ポイント、24エポックでは{usual}ポイント、72エポックでは{longest}ポイント",
    }
    assert after[lang] in told
    ends = lead["three_times"]
    to = {"en": " to ", "ja": "〜"}[lang]
    assert f"{ends.low:.0f}{to}{ends.high:.0f}" in told
    recipe = stored("03_knobs")["recipe"]["accuracy"]
    unclipped = stored("03_stable")["unclipped"]["accuracy"]
    gap = interval([a - b for a, b in zip(recipe, unclipped, strict=True)])
    assert gap.low < 0 < gap.high and abs(gap.mean) < 0.01


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_lesson_tells_how_much_flips_and_light_gain_under_every_setting(lang):
    lesson = read_lesson(LESSONS / "source" / "03_fine_tuning.py")
    told = next(block.sources[lang] for block in lesson.blocks if block.key == "deeper-sure")
    to = {"en": " to ", "ja": "〜"}[lang]
    for name in ("flips", "relight"):
        gains = [interval(points) for points in stored("03_stable")["verdicts"][name].values()]
        assert min(gain.low for gain in gains) > 0
        means = [gain.mean for gain in gains]
        assert f"{min(means):.0f}{to}{max(means):.0f}" in told


def names(code, bound):
    """The names that the code binds, or those that it reads without a function of its own."""
    nodes = list(ast.walk(ast.parse(code)))
    held = {
        node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    held |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    held |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    held |= {
        alias.asname or alias.name
        for node in nodes
        if hasattr(node, "names")
        for alias in node.names
    }
    read = {
        node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    return held if bound else read - set(dir(builtins))


def test_who_fell_behind_can_go_on_from_any_section():
    blocks = read_lesson(LESSONS / "source" / "03_fine_tuning.py").blocks
    code = {block.key: block.code for block in blocks if block.kind == "code"}
    start = set().union(*(names(code[key], bound=True) for key in ("setup", "frozen", "train")))
    known, missing = set(start), {}
    for block in blocks:
        if block.kind == "prose" and re.search(r"^## ", block.sources["en"], re.MULTILINE):
            known = set(start)
        if block.key == "flips":  # the teacher's note asks for this cell, too
            known |= names(code["clip-run"], bound=True)
        if block.kind == "code":
            known |= names(block.code, bound=True)
            if lost := names(block.code, bound=False) - known:
                missing[block.key] = lost
    assert not missing


def test_no_cell_takes_away_what_train_starts_from():
    blocks = read_lesson(LESSONS / "source" / "03_fine_tuning.py").blocks
    code = [(block.key, block.code) for block in blocks if block.kind == "code"]
    later = code[[key for key, _ in code].index("train") :]
    start = {"network", "preprocess", "frozen"}
    assert not {key for key, cell in later if start & names(cell, bound=True)}


def test_flips_keep_the_pixels_of_every_picture():
    images = torch.arange(4 * 3 * 5 * 5).view(4, 3, 5, 5)
    flipped = flips(images, torch.Generator().manual_seed(1))
    assert not torch.equal(flipped, images)
    assert torch.equal(flipped.flatten(1).sort(1).values, images.flatten(1).sort(1).values)


@pytest.mark.slow
def test_a_measurement_of_the_frozen_body_keeps_the_source_whole():
    found = measure("surfaces", 2, 0, way="frozen")
    assert found["source"] > 0.9 and found["accuracy"] > 0.2
    assert found == measure("surfaces", 2, 0, way="frozen")
