"""The widgets as functions: what they draw, how fast, and what happens when they fail."""

import itertools
import re
import threading
import time
import xml.etree.ElementTree as ET

import pytest
import torch

from tlhelpers.course.syllabus import lessons
from tlhelpers.course.widgets import widget
from tlhelpers.lessons.feature_extraction import widget as lesson02
from tlhelpers.lessons.few_shot import widget as lesson05
from tlhelpers.lessons.fine_tuning import widget as lesson03
from tlhelpers.lessons.incremental_learning import widget as lesson04
from tlhelpers.lessons.language_models import widget as lesson12
from tlhelpers.lessons.negative_transfer import widget as lesson06
from tlhelpers.lessons.start_here import strategy
from tlhelpers.lessons.start_here.strategy import advise
from tlhelpers.lessons.why_transfer import widget as lesson01
from tlhelpers.runtime.language import LANGUAGES, catalogue, text
from tlhelpers.runtime.places import ROOT
from tlhelpers.show import figures
from tlhelpers.show.widgets.chart import Chart
from tlhelpers.show.widgets.explorer import Control, Explorer, View
from tlhelpers.show.widgets.live import LiveCurve, _round_step
from tlhelpers.show.widgets.typed import Typed

PATIENCE = 60  # seconds, for what a thread does on a busy machine
CURVES = {
    "01_birds": {
        "labels": [2, 5, 50],
        "probe": [[0.5, 0.6, 0.55], [0.8, 0.82, 0.81], [0.9, 0.9, 0.91]],
        "fine_tune": [[0.6, 0.62, 0.6], [0.88, 0.9, 0.89], [0.97, 0.97, 0.96]],
        "scratch": [[0.3, 0.33, 0.3], [0.5, 0.55, 0.5], [0.9, 0.92, 0.9]],
    },
    "01_pets": {
        "labels": [5, 200],
        "probe": [[0.6, 0.65], [0.8, 0.8]],
        "fine_tune": [[0.6, 0.6], [0.85, 0.85]],
        "scratch": [[0.5, 0.5], [0.9, 0.9]],
    },
}
GRID = {
    "rates": [0.01, 0.1, 1.0],
    "frozen": {"accuracy": [0.6, 0.62], "source": [0.97, 0.97]},
    "free": [
        {"accuracy": [0.74, 0.76], "source": [0.6, 0.6]},
        {"accuracy": [0.7, 0.7], "source": [0.3, 0.3]},
        {"accuracy": [0.2, 0.22], "source": [0.01, 0.03]},
    ],
    "clipped": [{"accuracy": [0.7, 0.72], "source": [0.5, 0.5]}] * 3,
}
STREAM = {
    "steps": [2, 1],
    "classes": {"en": ["heron", "canary", "toucan"], "ja": ["サギ", "カナリア", "オオハシ"]},
    "methods": ["kept_rows", "replay"],
    "per_class": [
        [[[0.9, 0.8, None], [0.0, 0.1, 1.0]], [[0.9, 0.8, None], [0.0, 0.1, 1.0]]],
        [[[0.9, 0.8, None], [0.8, 0.8, 0.9]], [[0.9, 0.8, None], [0.8, 0.8, 0.9]]],
    ],
}
PAIRS = {
    way: {
        "scratch": {"sounds": [0.5, 0.52, 0.51], "surfaces": [0.8, 0.82, 0.81]},
        "zukan-shape": {"sounds": [0.7, 0.72, 0.71], "surfaces": [0.5, 0.52, 0.53]},
        "zukan-paint": {"sounds": [0.4, 0.62, 0.51], "surfaces": [0.6, 0.62, 0.61]},
    }
    for way in ("frozen", "fine_tuned")
}


def counter(draw, run=None, **options):
    control = Control("number", "a number", [(str(n), n) for n in range(5)], 2)
    return Explorer("Numbers", [control], draw, run, **options)


def shown(number):
    return View(Chart(f"this is {number}", (0, 1)).svg(), f"this is {number}")


# --- the frame ------------------------------------------------------------------------------


def test_a_move_draws_once_and_a_state_that_comes_back_is_remembered():
    drawn = []
    explorer = counter(lambda number: drawn.append(number) or shown(number))
    assert explorer.view().says == "this is 2"
    assert explorer.move(number=4).says == "this is 4"
    assert explorer.move(number=2).says == "this is 2"
    assert drawn == [2, 4]


def test_an_error_is_shown_in_the_place_of_the_picture_and_goes_with_the_next_move():
    explorer = counter(lambda number: shown(6 // number))
    broken = explorer.move(number=0)
    assert "ZeroDivisionError" in broken.picture and 'role="alert"' in broken.picture
    assert explorer.move(number=3).says == "this is 2"


def test_the_page_moves_the_widget_and_gets_the_picture():
    explorer = counter(shown)
    explorer.widget.positions = {"number": 1}
    assert explorer.widget.view["says"] == "this is 1"
    assert ET.fromstring(explorer.widget.view["picture"]).attrib["aria-label"] == "this is 1"


def test_a_click_on_the_picture_reaches_draw():
    explorer = counter(lambda number, picked: shown(number + picked), picks={"picked": 0})
    explorer.widget.positions = {"number": 1, "picked": 30}
    assert explorer.widget.view["says"] == "this is 31"


def test_without_a_front_end_the_picture_of_the_first_state_stays():
    bundle = counter(shown)._repr_mimebundle_()
    assert bundle["image/svg+xml"].startswith("<svg")
    assert bundle["text/plain"] == "Numbers: this is 2"
    assert "text/html" not in bundle, "GitHub would show it, without the picture in it"


@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("number", ["01", "03", "06", "15"])
def test_on_paper_a_widget_says_what_its_controls_are_set_to(monkeypatch, number, lang):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    explorer = widget(number)
    words = " ".join(ET.fromstring(explorer.still()["image/svg+xml"]).itertext())
    assert explorer.title in words
    for control in explorer.controls:
        assert control.label in words and control.options[control.start][0] in words


def test_a_live_run_shows_its_views_and_stops_when_asked():
    steps, views, over = [], [], threading.Event()

    def run(values, watch):
        while not watch(shown(values["number"])):
            steps.append(len(steps))
            time.sleep(0.01)
        return View("<svg/>", "stopped")

    explorer = counter(shown, run)
    explorer.start(views.append, over.set)
    assert views[0].picture == explorer.view().picture and "Getting ready" in views[0].says
    while not steps:
        time.sleep(0.01)
    explorer.stop(wait=5)
    assert over.wait(PATIENCE)
    assert views[1].says == "this is 2" and views[-1].says == "stopped"
    assert len(views) <= 4, "pictures are sent more often than they can be seen"


def test_a_live_run_asked_for_in_a_cell_that_is_run_again_ends_the_one_before():
    busy, over = [0], [threading.Event() for _ in range(3)]

    def run(values, watch):
        busy[0] += 1
        assert busy[0] == 1, "two runs at once"
        while not watch(shown(values["number"])):
            time.sleep(0.01)
        busy[0] -= 1
        return shown(7)

    explorers, views = [counter(shown, run) for _ in over], [[], [], []]
    for explorer, seen, event in zip(explorers, views, over, strict=True):
        explorer.start(seen.append, event.set)
    assert over[0].wait(PATIENCE) and over[1].wait(PATIENCE) and not over[2].is_set()
    explorers[2].stop()
    assert over[2].wait(PATIENCE)
    assert not any("tl-failed" in seen[-1].picture for seen in views)


def test_a_live_run_that_fails_says_so_and_leaves_the_way_free():
    views, over = [], threading.Event()

    def run(values, watch):
        raise RuntimeError("no memory")

    for _ in range(2):
        over.clear()
        counter(shown, run).start(views.append, over.set)
        assert over.wait(PATIENCE)
    assert "RuntimeError: no memory" in views[-1].picture


def test_the_buttons_start_and_stop_a_run():
    over = threading.Event()

    def run(values, watch):
        while not watch(shown(0)):
            time.sleep(0.01)
        over.set()
        return shown(9)

    page = counter(shown, run).widget
    page._handle_custom_msg({"run": True}, [])
    assert page.running
    page._handle_custom_msg({"stop": True}, [])
    assert over.wait(PATIENCE)
    for _ in range(100):
        if not page.running:
            break
        time.sleep(0.02)
    assert not page.running and page.view["says"] == "this is 9"


# --- the strategy map -----------------------------------------------------------------------

FACTS = list(itertools.product(strategy.LABELS, strategy.SIMILARITY, *[(False, True)] * 4))


@pytest.mark.parametrize("facts", FACTS, ids=lambda facts: "-".join(map(str, facts)))
def test_advice_fits_every_combination_of_facts(facts):
    labels, similarity, unlabelled, arriving, keep, shrink = facts
    advice = advise(*facts)
    steps = [advice.first, *advice.then]
    assert all(f"strategy.{step}" in catalogue() for step in steps)
    assert len(set(steps)) == len(steps)
    needs_labels = {"probe", "fine_tune", "few_shot", "backbone"}
    assert (advice.first in needs_labels) == (labels != "none")
    assert ("guard" in steps) == (advice.first == "fine_tune")
    assert (advice.first == "adapt") == (labels == "none" and unlabelled and similarity != "far")
    assert (advice.first == "backbone") == (labels == "few" and similarity == "far")
    learns_on = labels == "few" and unlabelled and similarity != "close"
    assert ("learn_on" in steps) == learns_on
    tuned = advice.first == "fine_tune"
    assert ("replay" in steps) == (arriving and keep and tuned)
    assert ("new_means" in steps) == (arriving and keep and not tuned)
    assert ("train_on" in steps) == (arriving and not keep)
    assert ("distil" in steps) == shrink
    assert ("control" in steps) == (labels != "none")  # near sources can do harm, too


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_map_draws_every_place_and_says_why(monkeypatch, lang):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    explorer = strategy.strategy_map()
    for labels, similarity in itertools.product(strategy.LABELS, strategy.SIMILARITY):
        view = explorer.move(labels=labels, similarity=similarity, shrink=True)
        assert ET.fromstring(view.picture).attrib["aria-label"] == view.says
        first = strategy.name_of(advise(labels, similarity).first)
        assert first in view.says and strategy.name_of("distil") in view.says


def test_the_lesson_that_advice_names_is_there():
    words = [both for key, both in catalogue().items() if key.startswith("strategy.")]
    named = {found for both in words for found in re.findall(r"lesson (\d\d)[^)]*", both["en"])}
    assert {"07", "09", "10", "11"} <= named <= set(lessons())
    assert not any("to come" in both["en"] for both in words)


# --- the lessons ----------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_lesson_01_reads_the_curves_at_the_slider(monkeypatch, lang):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    explorer = lesson01.build(CURVES)
    says = explorer.view().says
    assert all(part in says for part in ("5", "89%", "81%", "52%", "37"))
    assert "90%" in explorer.move(task="01_pets", labels=200).says
    ET.fromstring(explorer.view().picture)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_lesson_02_shows_late_layers_gathering_the_same_kind(monkeypatch, lang):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    seen, share = lesson02.look(), lesson02.shares()
    assert share["layer4"] > share["conv1"] + 0.2
    explorer = lesson02.build({})
    for layer in lesson02.LAYERS:
        view = explorer.move(layer=layer, picked=12)
        assert layer in view.says
        ET.fromstring(view.picture)
    assert (seen.neighbours("layer2")[:, 0] != torch.arange(60)).all(), (
        "a bird is its own neighbour"
    )


@pytest.mark.parametrize("lang", LANGUAGES)
def test_lesson_03_tells_what_a_rate_destroys(monkeypatch, lang):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    explorer = lesson03.build({"03_rates": GRID})
    says = explorer.move(rate=1.0, clip="free").says
    assert all(part in says for part in ("21%", "61%", "2%"))
    ET.fromstring(explorer.view().picture)
    assert "71%" in explorer.move(clip="clipped").says


@pytest.mark.parametrize("lang", LANGUAGES)
def test_lesson_04_shows_old_classes_fall_or_hold(monkeypatch, lang):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    explorer = lesson04.build({"04_stream": STREAM})
    forgets = explorer.move(method="kept_rows", step=1).says
    holds = explorer.move(method="replay", step=1).says
    assert "85%" in forgets and "5%" in forgets and "80%" in holds
    ET.fromstring(explorer.view().picture)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_lesson_05_moves_a_prototype_to_the_mean_of_what_was_picked(monkeypatch, lang):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    features = torch.tensor([[0.0, 0.0], [0.0, 2.0], [4.0, 0.0]])
    rows = [torch.tensor([0, 1]), torch.tensor([2])]
    prototypes, answers = lesson05.classify(features, rows, torch.tensor([[0.0, 9.0], [3.0, 0.0]]))
    assert prototypes.tolist() == [[0.0, 1.0], [4.0, 0.0]]
    assert answers.tolist() == [0, 1]
    explorer = lesson05.build({})
    few, many = explorer.view(), explorer.move(support=(1 << 24) - 1)
    accuracy = [int(re.search(r"(\d+)%", view.says)[1]) for view in (few, many)]
    assert accuracy[1] > accuracy[0] + 10
    nothing = explorer.move(support=0)
    for view in (few, many, nothing):
        ET.fromstring(view.picture)
    assert nothing.picture.count("data-set") == 24


@pytest.mark.parametrize("lang", LANGUAGES)
def test_lesson_06_gives_the_gap_and_leaves_the_verdict_to_the_exercise(monkeypatch, lang):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    explorer = lesson06.build({"06_pairs": PAIRS})
    helps = explorer.move(source="zukan-shape", target="sounds").says
    harms = explorer.move(source="zukan-paint", target="surfaces").says
    undecided = explorer.move(source="zukan-paint", target="sounds").says
    gap = {"en": "Gap: {} points", "ja": "ギャップは {}ポイント"}[lang]
    for says, points in ((helps, "−20"), (harms, "+20"), (undecided, "+0")):
        assert says.count(gap.format(points)) == 2  # the head alone, and everything trained
        assert not any(verdict in says.lower() for verdict in ("harm", "help", "害", "効果"))
    ET.fromstring(explorer.view().picture)


def test_the_stream_of_lesson_04_runs_live_and_ends_when_asked():
    seen = []

    def watch(view):
        seen.append(view)
        return len(seen) == 3

    explorer = lesson04.build({"04_stream": STREAM})
    ended = explorer.run({"method": "replay", "step": 0}, watch)
    assert len(seen) == 3 and ended.says.startswith("Stopped")
    ET.fromstring(ended.picture)


@pytest.mark.parametrize("lesson", ["01", "02", "03", "04", "05", "06"])
def test_the_widget_of_a_lesson_reads_its_stored_results(lesson):
    try:
        explorer = widget(lesson)
    except FileNotFoundError as missing:
        pytest.skip(str(missing))
    for control in explorer.controls:
        for _, value in control.options:
            assert explorer.move(**{control.name: value}).picture.startswith("<svg")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_lesson_12_reads_what_is_typed_in_either_language(monkeypatch, lang):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    typed = widget("12")
    names = lesson12.open_desk().classes[lang]
    for words, label in (
        ("the parcel should have come on Monday, where is it?", 1),
        ("追跡ページが一週間動いていません", 1),
        ("I forgot my password and cannot get in", 3),
        ("ﾊﾟｽﾜｰﾄﾞを忘れて入れません", 3),
    ):
        view = typed.write(words)
        assert names[label] in view.says
        ET.fromstring(view.picture)
    assert "data:" not in view.picture and "パスワード" in view.picture


def test_lesson_12_says_what_cannot_be_read_and_survives_any_text():
    typed = widget("12")
    assert "empty" in typed.write(" \n").says
    assert "unknown" in typed.write("Где мой заказ? 😀").says
    for words in ("a" * 100_000, "返金" * 50_000, "<b>&amp;</b> refund", "\x00", "x\u2028y"):
        assert 'role="alert"' not in typed.write(words).picture


def test_lesson_12_leaves_out_one_word_at_a_time():
    desk = lesson12.open_desk()
    scores, words, influence, _ = lesson12.leave_one_out(desk, "where is my parcel")
    assert words == ["where", "is", "my", "parcel"]
    without = desk.score(["where is my"])[0][0]
    assert influence[3].item() == pytest.approx(
        (scores - without)[scores.argmax()].item(), abs=1e-4
    )


def test_the_page_types_and_gets_the_picture():
    typed = Typed("Echo", "words", lambda words: View("<svg/>", words), ["first", "second"])
    assert typed.widget.words == "first" and typed.widget.view["says"] == "first"
    typed.widget.words = "typed by a learner"
    assert typed.widget.view["says"] == "typed by a learner"
    assert typed._repr_mimebundle_()["image/svg+xml"] == "<svg/>"
    broken = Typed("Broken", "words", lambda words: 1 / 0, ["x"])
    assert "ZeroDivisionError" in broken.view().picture


def test_a_lesson_without_a_widget_says_which_have_one():
    with pytest.raises(ValueError, match="There are: 01, 02"):
        widget("99")


def test_names_below_the_axis_that_do_not_fit_beside_each_other_step_down():
    def lines(*names):
        places = list(enumerate(names))
        picture = Chart("", (-0.6, 9.6), y_ticks=(), x_ticks=places).svg()
        return [n.get("y") for n in ET.fromstring(picture).iter() if n.text in names]

    assert len(set(lines("seal", "owl", "goat"))) == 1
    first, second, third = lines("セキレイ", "キレンジャク", "アオサギ")
    assert first == third != second


def test_a_live_run_has_the_colours_of_the_stored_picture_and_round_ticks():
    curve = LiveCurve(valid=None, steps=31, watch=lambda view: False)
    for method in ("scratch", "fine_tune"):
        curve.begin(method, figures.METHODS[method]["color"]).curves[method] += [(0, 0.1), (30, 1)]
    picture = curve.view().picture
    stored = lesson01.build(CURVES).view().picture
    for method in ("scratch", "fine_tune"):
        assert (
            figures.METHODS[method]["color"] in picture
            and figures.METHODS[method]["color"] in stored
        )
    ticks = [n.text for n in ET.fromstring(picture).iter() if n.get("font-size") == "12"]
    assert ticks == ["0", "10", "20", "30"]
    for steps in (1, 2, 3, 7, 100, 1234):
        assert len(range(0, steps + 1, _round_step(steps))) <= 6


def test_prose_calls_the_button_of_a_live_run_what_it_is_called(monkeypatch):
    for source in sorted((ROOT / "lessons" / "source").glob("*.py")):
        prose = source.read_text(encoding="utf-8")
        quoted = []
        for lang, quote in (("en", '"{}"'), ("ja", "「{}」")):
            monkeypatch.setenv("TLHELPERS_LANG", lang)
            quoted.append(prose.count(quote.format(text("widget.run"))))
        assert quoted[0] == quoted[1], source.name


def test_live_training_draws_its_curve_and_stops_at_once(monkeypatch):
    views = []

    def watch(view):
        views.append(view)
        return len(views) == 2

    last = lesson01.train({"labels": [2, 5]}, {"task": "01_birds", "labels": 1}, watch)
    assert len(views) == 2 and last.says.startswith("Stopped")
    ET.fromstring(last.picture)


def test_a_move_is_drawn_in_far_less_than_150_ms():
    explorer = lesson01.build(CURVES)
    started = time.process_time()
    for labels in (2, 5, 50, 200):
        for task in lesson01.RESULTS:
            explorer.move(task=task, labels=labels)
    assert (time.process_time() - started) / 8 < 0.05
