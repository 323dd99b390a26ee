"""Lesson 06: one thing differs, mistakes in its exercises are told apart, its figures agree."""

import ast
import copy

import pytest
import torch

import tlhelpers as tl
from tlhelpers.course.author.reading import read_lesson
from tlhelpers.course.exercises import check
from tlhelpers.course.results import stored
from tlhelpers.lessons.negative_transfer import experiments, figures
from tlhelpers.lessons.negative_transfer.widget import gap_of, verdict_of
from tlhelpers.runtime.language import LANGUAGES, text
from tlhelpers.runtime.places import ROOT
from tlhelpers.transfer.intervals import interval

PLAN = {
    "sources": ["imagenet", "dye"],
    "compare_with": ["random probe", "scratch"],
    "chosen_on": "validation",
    "if_harm": "We change the source first.",
    "why": "It learned to ignore what we need.",
}


def fresh():
    return tl.backbone("zukan-resnet", pretrained=False)


def renewed(network):
    made = copy.deepcopy(network)
    other = fresh()
    made.conv1, made.bn1 = other.conv1, other.bn1
    return made


def in_place(network):
    network.conv1 = fresh().conv1
    return network


def conv_only(network):
    made = copy.deepcopy(network)
    made.conv1 = fresh().conv1
    return made


def weights_only(network):
    made = copy.deepcopy(network)
    other = fresh()
    made.conv1 = other.conv1
    torch.nn.init.uniform_(made.bn1.weight)
    made.bn1.running_mean.zero_()
    return made


@pytest.mark.parametrize(
    ("renew", "sentence", "part"),
    [
        (lambda network: network.conv1.weight, "renew_kind", ""),
        (in_place, "renew_in_place", ""),
        (copy.deepcopy, "renew_old", "conv1"),
        (conv_only, "renew_old", "bn1"),
        (lambda network: fresh(), "renew_too_much", "layer1"),
        (weights_only, "renew_memory", ""),
        (lambda network: tl.backbone("zukan-vgg"), "renew_shape", "conv1"),
    ],
)
def test_each_way_to_renew_the_wrong_thing_has_its_own_sentence(monkeypatch, renew, sentence, part):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    assert check("06-b", {"renew_first": renewed}).passed
    verdict = check("06-b", {"renew_first": renew})
    assert not verdict.passed
    expected = text(f"lesson06.{sentence}", part=part, kind="Parameter")
    assert verdict.message.startswith(expected)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"sources": ["cats"]}, "plan_sources"),
        ({"compare_with": ["pixels"]}, "plan_lines"),
        ({"chosen_on": "test"}, "plan_chosen"),
        ({"chosen_on": "validation data"}, "plan_data"),
        ({"sources": 1}, "plan_sources"),
        ({"why": "better"}, "plan_short"),
        ({"if_harm": ...}, "plan_missing"),
    ],
)
def test_a_plan_with_a_gap_or_a_contradiction_is_not_accepted(monkeypatch, change, sentence):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    assert check("06-c", {"plan": PLAN}).passed
    verdict = check("06-c", {"plan": PLAN | change})
    assert not verdict.passed
    given = change.get("chosen_on")
    keys = {"key": "why", "keys": "if_harm", "given": given}
    assert verdict.message.startswith(text(f"lesson06.{sentence}", **keys))


def test_a_short_japanese_sentence_is_a_sentence(monkeypatch):
    monkeypatch.setenv("TLHELPERS_LANG", "ja")
    assert check("06-c", {"plan": PLAN | {"if_harm": "害なら転移元を替える。"}}).passed


def test_a_verdict_needs_the_whole_interval(monkeypatch):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    pairs = stored("06_pairs")
    sources = [name for name in pairs["fine_tuned"] if name != "scratch"]
    right = {s: verdict_of(gap_of(pairs, "fine_tuned", s, "surfaces")) for s in sources}
    assert right["zukan-paint"] == "harm" and right["zukan-resnet"] == "help"
    assert check("06-a", {"verdicts": right}).passed
    assert not check("06-a", {"verdicts": right | {"zukan-paint": "help"}}).passed
    half = check("06-a", {"verdicts": right | {"zukan-paint": ...}})
    assert not half.passed and "nothing yet about zukan-paint" in half.message


def test_of_sixteen_pairs_the_two_that_harm_start_from_the_paint_sorter():
    pairs = stored("06_pairs")
    heads = {
        (source, target): verdict_of(gap_of(pairs, "frozen", source, target))
        for source in pairs["frozen"]
        for target in pairs["frozen"][source]
        if source != "scratch"
    }
    assert len(heads) == 16
    harmed = {pair for pair, verdict in heads.items() if verdict == "harm"}
    assert harmed == {("zukan-paint", "surfaces"), ("zukan-paint", "xray")}
    helped = {pair for pair, verdict in heads.items() if verdict == "help"}
    assert {("zukan-paint", "land_use"), ("zukan-paint", "sounds")} < helped
    assert {("zukan-resnet", target) for target in pairs["frozen"]["scratch"]} < helped


def test_two_runs_of_a_draw_differ_in_the_start_alone(monkeypatch):
    """The same pictures, batches, head and settings: from equal weights the same result."""
    monkeypatch.setattr(experiments, "LABELS", 2)
    monkeypatch.setattr(experiments, "VALID", 2)
    monkeypatch.setattr(experiments, "TEST", 2)
    experiments.redrawn.cache_clear()
    short = {"steps": 2, "lr": 0.03, "clip_norm": 1.0}
    start = experiments.network_of(experiments.SCRATCH, 0)
    once = experiments.measure(experiments.SCRATCH, "surfaces", 0, **short)
    assert once == experiments.measure(start, "surfaces", 0, **short)
    first, second = (experiments.redrawn("surfaces", seed) for seed in (0, 1))
    experiments.redrawn.cache_clear()
    for part in ("train", "valid", "test"):
        pictures = [getattr(task, part).inputs for task in (first, second)]
        assert not torch.equal(*pictures), f"another draw has other {part} pictures"


def test_what_is_renewed_starts_at_random_and_what_is_not_stays(monkeypatch):
    taken = {}

    def watch(network, task, **options):
        taken["start"] = network
        raise StopIteration

    monkeypatch.setattr(experiments, "fine_tune", watch)
    with pytest.raises(StopIteration):
        experiments.measure("zukan-paint", "surfaces", 0, renewed=experiments.FIRST, lr=0.1)
    paint, made = tl.backbone("zukan-paint").state_dict(), taken["start"].state_dict()
    for name in ("conv1.weight", "bn1.running_mean"):
        assert not torch.equal(paint[name], made[name]), name
    assert torch.equal(paint["layer1.0.conv1.weight"], made["layer1.0.conv1.weight"])


def test_a_new_entrance_comes_level_with_scratch_and_not_above():
    found, tuned = stored("06_remedies"), stored("06_pairs")["fine_tuned"]
    scratch, paint = tuned["scratch"]["surfaces"], tuned["zukan-paint"]["surfaces"]
    renewed_first, kept = found["renewed_first"], found["kept_first"]
    gain = interval(figures.difference(renewed_first, paint))
    left = interval(figures.difference(scratch, renewed_first))
    assert gain.low > 0.1 and left.low < 0 < left.high < 0.04
    lost, stays = (interval(figures.difference(scratch, runs)) for runs in (paint, kept))
    assert stays.low > 0 and 0.4 < stays.mean / lost.mean < 0.6, "about half of the harm stays"


def test_twins_differ_at_the_defect_alone():
    sound, damaged = figures.draw_twins(8)
    changed = (sound != damaged).any(1).flatten(1).double().mean(1)
    assert (changed > 0).all() and (changed < 0.6).all()


def test_the_score_that_orders_the_sources_backwards_is_found_out():
    pairs = {
        way: {
            "scratch": {"a": [0.5, 0.5], "b": [0.5, 0.5]},
            "good": {"a": [0.8, 0.8], "b": [0.7, 0.7]},
            "middle": {"a": [0.6, 0.6], "b": [0.6, 0.6]},
            "bad": {"a": [0.2, 0.2], "b": [0.3, 0.3]},
        }
        for way in ("frozen", "fine_tuned")
    }
    agrees = {"good": {"a": 0.1, "b": 0.3}, "middle": {"a": 0.5, "b": 0.5}}
    agrees["bad"] = {"a": 1.0, "b": 0.9}
    against = {name: {t: 2 - v for t, v in row.items()} for name, row in agrees.items()}
    pairs["warnings"] = {"distance": agrees, "mmd": against}
    with_, without = figures.warning_rows(pairs)
    assert (with_["within_targets"], with_["best_chosen"]) == ("+1.00", "2 / 2")
    assert (without["within_targets"], without["best_chosen"]) == ("−1.00", "0 / 2")


def test_both_scores_are_held_against_the_same_gap(monkeypatch):
    panels = []
    monkeypatch.setattr(figures, "picture", lambda figure, alt: panels.extend(figure.axes))
    figures.draw_warnings(stored("06_pairs"))
    left, right = (
        {
            line.get_label(): line.get_ydata().tolist()
            for line in axes.lines
            if len(line.get_ydata()) == 1
        }
        for axes in panels
    )
    assert len(left) == 4 and left == right
    assert panels[0].get_ylim() == panels[1].get_ylim()
    live = {"distance": 1.8, "above_random": -0.1, "gap": 0.4}
    panels.clear()
    figures.draw_warnings(stored("06_pairs"), live=live)
    for axes, name in zip(panels, ("distance", "above_random"), strict=True):
        (ring,) = (line for line in axes.lines if line.get_label() == text("lesson06.today"))
        assert ([live[name]], [live["gap"]]) == (list(ring.get_xdata()), list(ring.get_ydata()))
        assert axes.get_ylim()[1] > live["gap"], "the ring is inside the figure"


def test_every_pretraining_of_the_paint_sorter_does_harm_as_the_lesson_says():
    found = stored("06_sorters")
    assert len(found["source"]) == 3 and min(found["source"]) > 0.95
    for gaps in found["gaps"].values():
        assert len(gaps) == 3 and interval(gaps).low > 0
    assert [round(gap) for gap in found["gaps"]["fine_tuned"]] == [18, 22, 14]


def test_the_verdicts_under_other_conditions_are_those_of_the_lesson():
    verdicts = stored("06_stable")["verdicts"]
    harm, help_ = (
        {name: interval(points) for name, points in verdicts[verdict].items()}
        for verdict in ("harm", "other_source")
    )
    longest = harm.pop("three_times")
    assert longest.low < 0 < longest.high and min(gap.low for gap in harm.values()) > 0
    assert set(help_) == {"half", "three_times", "free", "clipped", "adamw"}
    assert min(lead.low for lead in help_.values()) > 0


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("ways", [("frozen",), ("frozen", "fine_tuned")])
def test_the_titles_that_name_two_means_fit_into_their_figure(monkeypatch, lang, ways):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    drawn = []
    monkeypatch.setattr(figures, "picture", lambda figure, alt: drawn.append(figure))
    figures.draw_starts(stored("06_pairs"), ways, live={("frozen", "scratch"): 0.3})
    drawn[0].draw_without_rendering()
    assert drawn[0].axes[0].title.get_window_extent().x1 <= drawn[0].bbox.x1


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_other_condition_is_shown_under_a_whole_title(monkeypatch, lang):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    drawn = []
    monkeypatch.setattr(figures, "picture", lambda figure, alt: drawn.append(figure))
    figures.draw_stable(stored("06_pairs"), stored("06_stable"))
    drawn[0].draw_without_rendering()
    assert drawn[0].axes[0].title.get_window_extent().x1 <= drawn[0].bbox.x1
    conditions = set(stored("06_stable")) - {"verdicts"}
    assert len(drawn[0].axes[0].get_yticks()) == 1 + len(conditions)


def test_every_point_of_the_real_pictures_rests_on_ten_draws():
    curves = [stored("06_real")[name] for name in experiments.REAL_TARGETS]
    kinds = [of[kind] for of in curves for kind in ("imagenet", "random", "pixels")]
    assert {len(runs) for counts in kinds for runs in counts.values()} == {10}


def test_pixels_come_close_on_blood_cells_but_the_source_adds_a_little_as_the_lesson_says():
    cells = stored("06_real")["blood_cells"]
    runs = zip(cells["imagenet"]["50"], cells["pixels"]["50"], strict=True)
    lead = interval([100 * (tuned - plain) for tuned, plain in runs])
    assert lead.low > 0 and round(lead.mean) == 1


def test_imagenet_does_clear_harm_on_no_real_target_as_the_lesson_says():
    for name in experiments.REAL_TARGETS:
        curves = stored("06_real")[name]
        for labels, runs in curves["imagenet"].items():
            assert interval(figures.difference(curves["random"][labels], runs)).low < 0, name


def test_the_cell_of_real_pictures_leaves_the_names_of_the_lesson_alone():
    """Where its networks are at hand it runs live, and later cells still need the three eyes."""
    lesson = read_lesson(ROOT / "lessons" / "source" / "06_negative_transfer.py")
    cells = [block for block in lesson.blocks if block.kind == "code"]
    place = next(row for row, cell in enumerate(cells) if cell.key == "real-figure")

    def assigned(code):
        nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Assign)]
        return {name.id for node in nodes for name in node.targets if isinstance(name, ast.Name)}

    before = set().union(*(assigned(cell.code) for cell in cells[:place]))
    assert "eyes" in before and not before & assigned(cells[place].code)
