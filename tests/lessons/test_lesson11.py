"""Lesson 11: its steps do what its prose says, and its stored results hold what it promises."""

import warnings

import pytest
import torch
from matplotlib.axes import Axes
from torch import nn

from tests.tiny import TinyNet, tiny_task
from tlhelpers.course.exercises import check
from tlhelpers.course.results import stored
from tlhelpers.data.task import Split
from tlhelpers.data.text import read_rows
from tlhelpers.lessons.distillation import checks, experiments, figures, onnx_int8, steps, widget
from tlhelpers.models.backbones import backbone
from tlhelpers.runtime.language import LANGUAGES, text
from tlhelpers.train.engine import fit
from tlhelpers.transfer.intervals import interval

# --- the steps ------------------------------------------------------------------------------


def test_the_student_is_the_small_network_at_most_an_eighth_of_the_teacher():
    count = {
        name: sum(p.numel() for p in model.parameters())
        for name, model in {
            "teacher": backbone("zukan-resnet", pretrained=False, num_classes=10),
            "student": steps.new_student(),
            "named": backbone("zukan-small", pretrained=False, num_classes=10),
        }.items()
    }
    assert 60_000 <= count["student"] == count["named"] <= count["teacher"] / 8


def test_a_student_of_other_channels_has_other_weights_and_the_same_answers():
    sizes = []
    for channels in (None, (8, 8, 12, 16), (2, 2, 3, 4)):
        student = steps.new_student(classes=7, channels=channels).eval()
        assert student(torch.zeros(2, 3, 64, 64)).shape == (2, 7)
        sizes.append(sum(p.numel() for p in student.parameters()))
    assert sizes[0] > 5 * sizes[1] > 10 * sizes[2]


def test_eight_bits_move_a_weight_by_at_most_half_a_step():
    torch.manual_seed(0)
    model = TinyNet()
    rounded = steps.in_eight_bits(model)
    for old, new in zip(model.modules(), rounded.modules(), strict=True):
        if isinstance(old, nn.Conv2d | nn.Linear):
            step = old.weight.flatten(1).abs().amax(1) / 127
            moved = (old.weight - new.weight).flatten(1).abs().amax(1)
            assert (moved <= step / 2 + 1e-7).all() and moved.max() > 0
            levels = (new.weight[0] / step[0]).round()
            torch.testing.assert_close(levels * step[0], new.weight[0])
    layer = nn.Linear(3, 2)
    assert steps.kilobytes_in_eight_bits(layer) == (6 + 4 * 2 + 4 * 2) / 1000


def test_cut_weights_stay_cut_while_the_rest_learns():
    task = tiny_task(4)
    torch.manual_seed(0)
    cut = steps.cut_weights(TinyNet(), 0.75)
    fit(cut, task, max_steps=3, lr=0.05, progress=False)
    done = steps.finish_cut(cut)
    weights = torch.cat(
        [m.weight.flatten() for m in done.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    )
    assert (weights == 0).double().mean().item() == pytest.approx(0.75, abs=0.01)
    others = sum(v.numel() for v in (*done.parameters(), *done.buffers())) - len(weights)
    assert steps.kilobytes_cut(done) <= 6 * (weights.count_nonzero() + others) / 1000


def test_a_sign_is_a_square_of_its_colour_and_leaves_the_rest_alone():
    split = Split(torch.full((2, 3, 32, 32), 7, dtype=torch.uint8), [0, 1])
    signed = steps.with_signs(split, torch.tensor([3, 0]))
    side = steps.SIGN
    assert (signed.inputs[:, :, side:] == 7).all() and (signed.inputs[:, :, :, side:] == 7).all()
    assert signed.inputs[0, :, 0, 0].tolist() == steps.COLOURS[3].tolist()
    assert (split.inputs == 7).all() and len(steps.COLOURS.unique(dim=0)) == 10


def test_mistakes_are_a_share_of_the_labels_and_all_of_them_wrong():
    right = Split(torch.zeros(20, 3, 8, 8, dtype=torch.uint8), torch.arange(20) % 4)
    wrong = steps.with_mistakes(right, 0.4)
    assert (wrong.labels != right.labels).sum() == 8 and wrong.labels.max() < 4
    assert (right.labels == torch.arange(20) % 4).all() and wrong.inputs is right.inputs


def test_averaged_vectors_see_neither_order_nor_padding():
    torch.manual_seed(0)
    student = steps.AveragedVectors(vocabulary=20, classes=3)
    ids = torch.tensor([[4, 7, 9, 0], [9, 4, 7, 5]])
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 0]])
    first, second = student(ids, mask)
    torch.testing.assert_close(first, second)
    by_hand = student.classifier(student.vectors.weight[[4, 7, 9]].mean(0))
    torch.testing.assert_close(first, by_hand)


def test_letters_come_in_both_languages_and_are_no_labelled_texts():
    english, japanese = (steps.letters(40, lang) for lang in ("en", "ja"))
    assert len(english) == len(japanese) == 40 and english == steps.letters(40, "en")
    assert not any(letter.isascii() for letter in japanese)
    known = [row.text for row in read_rows("enquiries")]
    assert not {*english, *japanese} & {*known}


def test_the_students_of_a_draw_see_no_picture_that_measures_or_chooses():
    task = experiments.redrawn("birds", 2, 0, valid=2, test=2, size=48)
    pool = experiments.load_task("birds", 4, 3000, size=48).train
    rows = [set(map(bytes, part.inputs.flatten(1).numpy())) for part in (task.valid, task.test)]
    assert not set(map(bytes, pool.inputs.flatten(1).numpy())) & (rows[0] | rows[1])


# --- the exercises --------------------------------------------------------------------------


def right_loss(student, teacher, T):
    p = (teacher / T).softmax(1)
    return T**2 * (p * (p.log() - (student / T).log_softmax(1))).sum(1).mean()


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        (lambda s, t, T: right_loss(s, t, T).item(), "kind"),
        (lambda s, t, T: right_loss(s, t, T) / T**2, "no_square"),
        (lambda s, t, T: right_loss(s, t, T) / T, "one_factor"),
        (lambda s, t, T: right_loss(t, s, T), "other_way"),
        (lambda s, t, T: T**2 * right_loss(s, t, 1), "cold"),
        (lambda s, t, T: right_loss(s, t, T) / s.shape[1], "over_classes"),
        (lambda s, t, T: right_loss(s, t, T) * len(s), "sum"),
        (lambda s, t, T: T**2 * cross(s / T, (t / T).softmax(1)), "only_cross"),
        (lambda s, t, T: (s - t).pow(2).mean(), "other"),
        (lambda s, t, T: right_loss(s, t, 4), "other"),
    ],
)
def test_each_mistake_in_the_loss_has_its_own_sentence(monkeypatch, mistake, sentence):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    verdict = check("11-b", {"soft_loss": mistake})
    assert not verdict.passed
    expected = text(f"lesson11.loss_{sentence}", found="x", right="x")
    assert verdict.message.startswith(expected[:22])


def cross(answers, wanted):
    return nn.functional.cross_entropy(answers, wanted)


def test_the_loss_of_the_paper_passes():
    assert check("11-b", {"soft_loss": right_loss}).passed
    assert check("11-b", {"soft_loss": lambda s, t, T: right_loss(s.float(), t.float(), T)}).passed


@pytest.mark.slow
@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_widget_is_read_in_the_readers_language(monkeypatch, lang):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    logits = stored("11_answers")["logits"][checks.PHOTO]
    names = widget.birds().class_names
    order = sorted(range(10), key=lambda c: -logits[c])
    warm = [t for t in widget.TEMPERATURES if max(widget.shares(logits, t)) < 0.5]
    right = {"runner_up": names[order[1]], "below_half": warm[0]}
    assert check("11-a", right).passed
    assert check("11-a", right | {"runner_up": f" {names[order[1]].upper()}"}).passed
    wrong = {
        "read_unknown": {"runner_up": "penguin"},
        "read_first": {"runner_up": names[order[0]]},
        "read_other": {"runner_up": names[order[2]]},
        "read_marks": {"below_half": 3},
        "read_cold": {"below_half": 1},
        "read_hot": {"below_half": warm[-1]},
    }
    assert len(warm) > 1
    for sentence, change in wrong.items():
        verdict = check("11-a", right | change)
        name, warmth = change.get("runner_up"), change.get("below_half")
        marks = ", ".join(map(str, widget.TEMPERATURES))
        birds = ", ".join(names)
        asked = {"name": name, "temperature": warmth, "marks": marks, "names": birds}
        assert verdict.message.startswith(text(f"lesson11.{sentence}", **asked)), sentence


PLAN = dict.fromkeys(("teacher", "student", "photos", "check", "why"), "One whole sentence of it.")


@pytest.mark.parametrize(
    ("change", "sentence"), [({"photos": ...}, "plan_missing"), ({"why": "better"}, "plan_short")]
)
def test_a_plan_with_a_gap_is_not_accepted(monkeypatch, change, sentence):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    assert check("11-c", {"plan": PLAN}).passed
    verdict = check("11-c", {"plan": PLAN | change})
    assert not verdict.passed
    assert verdict.message.startswith(text(f"lesson11.{sentence}", keys=next(iter(change)))[:20])


# --- the widget -----------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_state_of_the_widget_says_what_it_shows(monkeypatch, lang):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    found = stored("11_answers")
    for row in range(widget.PHOTOS):
        cold, warm = (widget.draw(found, row, value) for value in (1.0, 16.0))
        assert cold.says != warm.says and cold.picture.count("<rect") == 12
        assert sum(widget.shares(found["logits"][row], 16.0)) == pytest.approx(1)
    assert widget.build({"11_answers": found}).drawn().says


@pytest.mark.slow
def test_the_live_run_can_be_stopped():
    views = []

    def watch(view):
        views.append(view)
        return True

    last = widget.run({"row": 0, "temperature": 4.0}, watch)
    assert len(views) == 1
    assert last.says == text("widget.stopped", says=text("widget11.no_student"))


def test_without_onnx_the_lesson_says_what_is_missing(monkeypatch):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    monkeypatch.setattr(onnx_int8, "NEEDED", ("no_such_package",))
    assert onnx_int8.try_onnx(TinyNet(), tiny_task(2)) == [
        "Not installed here: no_such_package. The part with ONNX is left out."
    ]


# --- the bars: low ends of paired intervals over the stored draws ----------------------------


def paired(first, second):
    return interval([a - b for a, b in zip(first, second, strict=True)])


def test_the_photos_without_names_gain_ten_points_and_more():
    ways = stored("11_ways")
    assert len(ways["all"]) >= 10
    assert paired(ways["all"], ways["hard"]).low > 0.1
    assert paired(ways["all"], ways["soft"]).low > 0
    assert paired(ways["pseudo"], ways["soft"]).low > 0
    assert paired(ways["all"], ways["teacher"]).low > 0
    assert not any(found["at_edge"] for found in ways["search"].values())


def test_the_gain_is_large_with_few_labels_and_gone_with_many():
    found = stored("11_labels")
    gains = [paired(*runs) for runs in zip(found["all"], found["hard"], strict=True)]
    assert gains[0].low > 0.2 and gains[-1].high < 0.03
    assert [gain.mean for gain in gains] == sorted((gain.mean for gain in gains), reverse=True)


def test_the_student_of_photos_with_signs_reads_signs_and_its_teacher_does_not():
    with_mixed = {who: tests["mixed"] for who, tests in stored("11_colour").items()}
    for who in ("teacher", "mixed", "none"):
        assert paired(with_mixed[who], with_mixed["kept"]).low > 0.1, who


def test_pretraining_helps_without_photos_and_adds_nothing_to_a_teacher_with_them():
    runs = {way: kept["accuracy"] for way, kept in stored("11_alternatives").items()}
    assert len(runs["hard"]) >= 10
    assert paired(runs["tuned"], runs["hard"]).low > 0.1
    assert paired(runs["all"], runs["tuned"]).low > 0
    assert abs(paired(runs["tuned_all"], runs["all"]).mean) < 0.01


def test_a_student_is_above_a_wrong_teacher_and_far_below_that_of_a_right_one():
    ways, found = stored("11_ways"), stored("11_teachers")
    wrong, smooth = found["wrong"], found["smooth"]
    assert paired(wrong["all"], wrong["teacher"]).low > 0
    assert paired(wrong["all"], wrong["hard"]).low > 0.1
    assert paired(wrong["all"], ways["all"]).high < -0.3
    assert paired(smooth["soft"], ways["soft"]).high < 0  # smoothing costs a little
    for way in ("teacher", "all"):  # and changes neither of these clearly
        apart = paired(smooth[way], ways[way])
        assert apart.low < 0 < apart.high


def test_every_temperature_teaches_and_the_highest_a_little_less():
    ways, found = stored("11_ways"), stored("11_temperature")
    for way in ("soft", "all"):
        cold, hot = found[way]
        for runs in (cold, hot):
            assert paired(runs, ways["hard"]).low > 0
            assert abs(paired(runs, ways[way]).mean) < 0.05
        apart = paired(cold, ways[way])
        assert apart.low < 0 < apart.high and paired(hot, ways[way]).high < 0
    assert not any(one["at_edge"] for each in found["search"].values() for one in each)


def test_patience_is_for_labels_alone_and_a_teacher_is_worth_more_still():
    ways, found = stored("11_ways"), stored("11_patience")
    shortest, longest = map(found["steps"].index, (100, 900))
    assert paired(found["hard"][longest], ways["hard"]).low > 0.05
    assert paired(found["hard"][shortest], ways["hard"]).low > 0  # the dip that the text tells of
    taught = paired(found["all"][longest], ways["all"])
    assert taught.low < 0 < taught.high
    assert paired(found["all"][shortest], ways["all"]).low > 0
    assert paired(found["all"][longest], found["hard"][longest]).low > 0.05


def test_a_student_of_an_eighth_learns_as_well_with_an_assistant_or_without():
    found = stored("11_gap")
    assert 7 < found["parameters"][1] / found["parameters"][0] < 9
    apart = paired(found["assistant"], found["all"])
    assert apart.low < 0 < apart.high
    assert paired(found["all"], found["hard"]).low > 0.1 and interval(found["all"]).mean > 0.9
    assert not any(one["at_edge"] for one in found["search"].values())


@pytest.mark.parametrize("photos", ["cats_dogs", "flowers"])
def test_with_real_photos_more_of_them_gain_and_the_teacher_stays_ahead(photos):
    found = stored("11_real")[photos]
    assert len(found["all"]) >= 10
    assert paired(found["all"], found["hard"]).low > 0.09
    same = paired(found["soft"], found["hard"])
    assert same.low < 0 < same.high
    assert paired(found["teacher"], found["all"]).low > 0.05


FIGURES = {
    "win": ("11_ways",),
    "ways": ("11_ways",),
    "amount": ("11_labels", "11_photos", "11_ways"),
    "colour": ("11_colour",),
    "small": ("11_alternatives",),
    "teachers": ("11_teachers", "11_ways"),
    "temperature": ("11_temperature", "11_ways"),
    "real": ("11_real",),
    "texts": ("11_texts",),
}
LIVE = {"win": {"hard": 0.6, "all": 0.9}, "small": {"teacher": 5.0, "student": 0.5}}


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_draws_its_stored_result_and_says_what_it_shows(monkeypatch, name, lang):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    more = {"live": LIVE[name]} if name in LIVE else {}
    more |= {"task": widget.birds()} if name == "colour" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a missing glyph is a warning of matplotlib's
        drawn = getattr(figures, f"draw_{name}")(*map(stored, FIGURES[name]), **more)
    assert drawn.alt and "lesson11" not in drawn.alt


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_figure_of_patience_names_its_ends(monkeypatch, lang):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    titles = []
    monkeypatch.setattr(Axes, "set_title", lambda _axes, says, **_: titles.append(says))
    longer, sizes = stored("11_patience"), {90_000: 0.7, 2_000: 0.4}
    drawn = figures.draw_patience(longer, stored("11_ways"), sizes, 0.45, {"teacher": 0.8})
    assert drawn.alt and "lesson11" not in drawn.alt
    for title, ends in zip(titles, (("900", "91%", "79%"), ("90,000", "70%", "40%")), strict=True):
        assert all(end in title for end in ends)
