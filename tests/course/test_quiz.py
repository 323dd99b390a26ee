"""The quizzes: how answers are judged, what paper shows, and that the shipped ones are right."""

import json
import tomllib

import pytest

from tlhelpers.course import quizzes, record
from tlhelpers.course.syllabus import lessons
from tlhelpers.show.questions import as_html, read_number, read_question, run_code
from tlhelpers.show.quiz import Quiz

SHIPPED = [n for n, one in lessons().items() if (one.folder / "quiz.toml").exists()]
TABLE = """
[[question]]
key = "frozen"
kind = "choice"
ask = { en = "What is `trained`?", ja = "`trained` は?" }
option = [
  { en = "the head", ja = "出力層", right = true, why = { en = "Only it.", ja = "だけ。" } },
  { en = "all", ja = "全部", why = { en = "That is fine-tuning.", ja = "それは別です。" } },
]
[[question]]
key = "size"
kind = "number"
ask = { en = "How many?", ja = "いくつ?" }
answer = 2565
unit = { en = " of them", ja = "個" }
why = { en = "Weights and biases.", ja = "重みとバイアス。" }
mistake = [{ value = 2560, why = { en = "No biases.", ja = "バイアスがない。" } }]
[[question]]
key = "guess"
kind = "predict"
ask = { en = "What is printed?", ja = "何が出る?" }
code = "print(6 * 7)"
answer = 42
tolerance = 5
why = { en = "Six times seven.", ja = "6×7。" }
"""


@pytest.fixture(autouse=True)
def english(monkeypatch, tmp_path):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    monkeypatch.setenv("TLHELPERS_WORK", str(tmp_path))


@pytest.fixture
def asked():
    records = []
    questions = [read_question(table, "x") for table in tomllib.loads(TABLE)["question"]]
    quiz = Quiz("90", questions, lambda key, right: records.append((key, right)))
    quiz.records = records
    return quiz


@pytest.mark.parametrize(
    ("key", "given", "right", "part"),
    [
        ("frozen", "0", True, "Only it."),
        ("frozen", 1, False, "That is fine-tuning."),
        ("size", "2,565", True, "Weights and biases."),
        ("size", "2565個", None, "no number"),
        ("size", "2560", False, "No biases."),
        ("size", "7", False, "once more"),
        ("guess", "45", True, "That is close"),
        ("guess", "100", True, "overlook"),
    ],
)
def test_an_answer_is_judged_explained_and_recorded(asked, key, given, right, part):
    said = asked.answer(key, given)
    assert said["right"] is right
    assert part in said["headline"] + said["why"]
    assert asked.records == ([] if right is None else [(key, right)])


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("12", 12),
        ("2,565", 2565),
        ("0,5", 0.5),
        (" 83 % ", 83),
        ("0.9", 0.9),
        ("-3", -3),
        ("−0.5", -0.5),
    ],
)
def test_numbers_are_read_as_people_write_them(typed, number):
    assert read_number(typed) == number


def test_code_of_a_prediction_runs_and_its_error_is_shown_in_place(asked):
    assert asked.run("guess") == "42"
    object.__setattr__(asked.questions[2], "code", "1 / 0")
    assert "ZeroDivisionError" in asked.run("guess")


def test_a_sheet_has_every_option_and_folds_the_answers(asked):
    sheet = asked.sheet()
    for part in ("<code>trained</code>", "the head", "all", "print(6 * 7)", "<details>", "2,565"):
        assert part in sheet
    before, after = sheet.split("<details>")
    assert "Weights and biases." in after and "Weights and biases." not in before
    assert "A. the head" in repr(asked)


def test_the_form_gets_no_answers_and_the_sheet_goes_along(asked):
    bundle = asked._repr_mimebundle_()
    assert bundle["text/html"] == asked.sheet()
    sent = json.dumps(asked.widget.questions)
    assert "Only it." not in sent and "2565" not in sent and "right" not in sent


def test_each_learner_has_an_own_order_of_options_that_stays(asked):
    many = tomllib.loads(TABLE)["question"][0]
    many["option"] += [dict(many["option"][1], en=str(n), ja=str(n)) for n in range(6)]
    question = read_question(many, "x")

    def order(learner):
        form = Quiz("90", [question], learner=learner).widget
        return [option["place"] for option in form.questions[0]["options"]]

    assert order("") == list(range(8))
    assert order("Aoi") == order("Aoi") != order("Ben")
    assert sorted(order("Aoi")) == list(range(8))


def test_a_message_of_the_form_is_answered(asked):
    form = asked.widget
    form._handle_custom_msg({"key": "frozen", "value": "1"}, [])
    assert form.feedback["frozen"]["right"] is False
    form._handle_custom_msg({"key": "frozen", "value": "0"}, [])
    form._handle_custom_msg({"key": "guess", "run": True}, [])
    assert form.feedback["frozen"]["right"] is True
    assert form.done == ["frozen"]
    assert form.printed == {"guess": "42"}


def test_markup_cannot_smuggle_html_in():
    assert as_html("`a<b` **c** <script>") == (
        "<code>a&lt;b</code> <strong>c</strong> &lt;script&gt;"
    )


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "essay"},
        {"ask": {"en": "only English"}},
        {"option": []},
        {"option": [{"en": "a", "ja": "あ", "why": {"en": "x", "ja": "x"}}] * 2},
    ],
)
def test_a_broken_table_is_refused_by_name(fault):
    table = {**tomllib.loads(TABLE)["question"][0], **fault}
    with pytest.raises(ValueError, match=r"90\.toml · frozen"):
        read_question(table, "90.toml · frozen")


def test_a_lesson_without_a_quiz_says_which_have_one():
    with pytest.raises(ValueError, match="no quiz for lesson 99"):
        quizzes.quiz("99")


@pytest.mark.parametrize("number", SHIPPED)
def test_a_shipped_quiz_has_enough_questions_of_two_kinds(number):
    questions = quizzes.read_quiz(number)
    assert len(questions) >= (3 if number == "00" else 5)  # 00 only shows how a quiz works
    assert {question.kind for question in questions} >= {"choice", "number"}
    assert len({question.key for question in questions}) == len(questions)


@pytest.mark.parametrize("number", SHIPPED)
def test_the_code_of_a_shipped_prediction_prints_its_answer(number):
    for question in quizzes.read_quiz(number):
        if question.code:
            printed = read_number(run_code(question.code).splitlines()[-1])
            assert abs(printed - question.answer) <= question.tolerance + 1e-9, question.key


@pytest.mark.parametrize("number", SHIPPED)
def test_answers_of_a_shipped_quiz_reach_the_progress(number):
    quiz = quizzes.quiz(number)
    for question in quiz.questions:
        given = next((i for i, o in enumerate(question.options) if o.right), question.answer)
        assert quiz.answer(question.key, given)["right"] is True
    assert len(record.load()["quizzes"][number]) == len(quiz.questions)
    assert quizzes.quiz(number).done == {question.key for question in quiz.questions}


def test_the_place_of_an_answer_on_a_sheet_tells_nothing():
    places = []
    for lesson in lessons():
        for question in quizzes.read_quiz(lesson):
            if question.kind == "choice":
                sheet = Quiz(lesson, [question]).sheet()
                right = next(option for option in question.options if option.right)
                said = [as_html(option.says["en"]) for option in question.options]
                order = sorted(said, key=lambda words: sheet.index(f"<li>{words}</li>"))
                places.append(order.index(as_html(right.says["en"])))
    assert len(places) > 20
    assert all(places.count(place) < 0.6 * len(places) for place in set(places))
