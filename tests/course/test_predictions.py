"""Claims and predictions: what is printed, kept and compared."""

import ast
import json
import os
import re
import shutil

import pytest

import tlhelpers as tl
from tlhelpers.course import predictions, record
from tlhelpers.course.author.reading import lesson_sources, read_lesson


@pytest.fixture(autouse=True)
def english(monkeypatch, tmp_path):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    monkeypatch.setenv("TLHELPERS_WORK", str(tmp_path))
    monkeypatch.setattr(predictions, "_asked", {})


def test_a_claim_that_holds_is_one_sentence(capsys):
    tl.claim("Two is more than one.", 2 > 1)
    assert capsys.readouterr().out == "✓ Two is more than one.\n"


def test_a_claim_that_fails_says_which(capsys):
    with pytest.raises(AssertionError, match=r"does not: One is more than two\."):
        tl.claim("One is more than two.", 1 > 2)
    assert capsys.readouterr().out == ""


def test_a_claim_in_the_wrong_order_is_refused():
    with pytest.raises(TypeError, match="sentence first"):
        tl.claim(2 > 1, "Two is more than one.")


def test_a_choice_is_kept_and_shown_beside_the_result():
    prompt = tl.predict_first("90-rate", "Which rate?", choices=("small", "large"))
    assert "Now run" in prompt.answer("small")
    assert repr(tl.see_prediction("90-rate", "large")) == "You predicted small; measured: large."
    assert "just as you predicted" in repr(tl.see_prediction("90-rate", "small"))
    again = tl.predict_first("90-rate", "Which rate?", choices=("small", "large"))
    assert again.given == "small" and "small" in again.widget.reply


def test_a_number_is_read_as_people_write_it_and_kept_within_its_bounds():
    prompt = tl.predict_first("90-right", "How many?", between=(0, 100), unit="%")
    assert "between 0 and 100" in prompt.answer("101")
    assert "between 0 and 100" in prompt.answer("many")
    assert record.predictions() == {}
    prompt.answer("６０")
    assert record.predictions() == {"90-right": "60%"}
    assert repr(tl.see_prediction("90-right", 83.0)) == "You predicted 60%; measured: 83%."


def test_what_was_worked_out_is_not_called_measured():
    prompt = tl.predict_first("90-fit", "How many fit?", between=(0, 100))
    assert repr(tl.see_prediction("90-fit", 72, counted=True)) == "Counted: 72."
    prompt.answer("60")
    assert "predicted 60; counted: 72." in repr(tl.see_prediction("90-fit", 72, counted=True))


def test_a_run_without_an_answer_goes_through():
    prompt = tl.predict_first("90-rate", "Which rate?", choices=("small", "large"))
    assert repr(prompt) == "Your prediction: Which rate?\n  - small\n  - large"
    assert repr(tl.see_prediction("90-rate", "large")) == "Measured: large."


def test_the_form_sends_its_answer_to_the_kernel():
    prompt = tl.predict_first("90-rate", "Which `rate`?", choices=("a < b", "a > b"))
    prompt.widget._handle_custom_msg({"value": "a < b"}, [])
    assert prompt.widget.reply.startswith("You predict a < b")
    bundle = prompt._repr_mimebundle_()
    assert "<code>rate</code>" in bundle["text/html"] and "a &lt; b" in bundle["text/html"]


def test_what_the_author_got_wrong_is_said():
    with pytest.raises(ValueError, match="either choices"):
        tl.predict_first("90-rate", "Which rate?")
    with pytest.raises(ValueError, match="'90-rate' has been asked"):
        tl.see_prediction("90-rate", 1)
    tl.predict_first("90-rate", "Which rate?", choices=("small", "large"))
    with pytest.raises(ValueError, match="'medium' is not one"):
        tl.see_prediction("90-rate", "medium")


def test_a_record_of_another_kind_is_no_obstacle():
    record.path().write_text(json.dumps({"exercises": {}, "quizzes": {}, "predictions": [1]}))
    prompt = tl.predict_first("90-rate", "?", choices=("a", "b"))
    assert prompt.given is None
    prompt.answer("a")
    assert record.predictions() == {"90-rate": "a"}


PAGE = """<div id="form"></div><script type="module">
{source}
const values = {values}, acts = {{}};
window.sent = [];
window.model = {{
  get: (name) => values[name],
  set: (name, value) => {{ values[name] = value; acts[`change:${{name}}`]?.(); }},
  on: (event, act) => {{ acts[event] = act; }},
  off: () => {{}},
  send: (message) => sent.push(message.value),
}};
page.render({{ model, el: document.getElementById("form") }});
window.ready = true;
</script>"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("question", "act", "value"),
    [
        ({"choices": ("small", "large")}, lambda page: page.check("input >> nth=1"), "large"),
        ({"between": (0, 100)}, lambda page: page.press("input", "ArrowRight"), "51"),
    ],
)
def test_the_form_asks_first_and_shows_what_was_kept(question, act, value):
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    browser = shutil.which(os.environ.get("TLHELPERS_BROWSER", "chromium"))
    if browser is None:
        pytest.skip("no Chromium found: set TLHELPERS_BROWSER")
    form = tl.predict_first("90-rate", "Which `rate`?", **question).widget
    names = ("ask", "choices", "between", "unit", "labels", "reply", "asleep")
    values = json.dumps({name: getattr(form, name) for name in names})
    source = form._esm.replace("export default", "const page =")
    with sync_api.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page()
        page.set_content(PAGE.format(source=source, values=values))
        page.wait_for_function("window.ready")
        page.click("button")
        assert page.evaluate("sent") == []  # nothing was chosen yet
        act(page)
        page.click("button")
        assert page.evaluate("sent") == [value]
        page.evaluate("model.set('reply', 'kept')")
        assert page.inner_text("[role=status]") == "kept"
        chromium.close()


def _last_expression(code: str) -> str:
    last = ast.parse(code).body[-1]
    return ast.unparse(last) if isinstance(last, ast.Expr) else ""


@pytest.mark.parametrize("path", lesson_sources(), ids=lambda path: path.stem)
def test_a_prediction_ends_its_cell_or_nobody_sees_it(path):
    asks = re.compile(r"tl\.(?:predict_first|see_prediction)\(")
    for block in read_lesson(path).blocks:
        if block.kind == "code" and asks.search(block.code):
            assert asks.match(_last_expression(block.code)), f"{path.stem} · {block.key}"


@pytest.mark.parametrize("path", lesson_sources(), ids=lambda path: path.stem)
def test_whoever_fell_behind_is_asked_before_being_shown_an_answer(path):
    lesson = read_lesson(path)
    (said,) = [b.sources["en"] for b in lesson.blocks if "teacher" in b.tags] or [""]
    (way,) = re.findall(r"fell behind\*\* runs (.+?) and (?:can )?go", said) or [""]
    named = set(re.findall(r"`([^`]+)`", way))
    if "from `" in way or not named:  # all cells of a span, the questions among them
        return
    code = "\n".join(b.code for b in lesson.blocks if b.key in named)
    asked, shown = (
        set(re.findall(rf'{call}\(\s*"([^"]+)"', code))
        for call in ("predict_first", "see_prediction")
    )
    assert shown <= asked, f"{path.stem}: {sorted(shown - asked)}"
