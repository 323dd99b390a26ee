"""The book and the slides: every page, every state, no kernel and no network."""

import json
import math
import os
import re
from random import Random

import nbformat
import pytest
from filelock import FileLock
from playwright import sync_api as playwright

from tests.barriers import ALL_BUT_COLOURS, grave_barriers, graves, needs_browser, tab_to
from tlhelpers.course.book import alive, command, pages, paper, slides
from tlhelpers.course.cli import main
from tlhelpers.course.quizzes import read_quiz
from tlhelpers.course.syllabus import lessons
from tlhelpers.course.widgets import widget
from tlhelpers.runtime.language import LANGUAGES, catalogue
from tlhelpers.runtime.places import LESSONS

LESSON_NAMES = [one.name for one in lessons().values()]


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """The whole book, built once for all processes, under a path with a blank and Japanese."""
    root = tmp_path_factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    with FileLock(root / "book.lock"):
        if not (root / "本 book" / "index.html").exists():
            command.build_book(root / "本 book")
    return root / "本 book"


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=paper.find_browser(), args=list(paper.FLAGS)
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(browser):
    """Opens a file; afterwards nothing was asked of another computer, and no script failed."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    asked, failed = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: failed.append(str(error)))

    def open_file(file, anchor=""):
        page.goto(file.as_uri() + anchor)
        return page

    yield open_file
    page.close()
    assert failed == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


# Every option of every control in turn, and the first picture that can be clicked: what is said.
MOVE_EVERYTHING = """(root) => {
    const said = new Set(), note = () => said.add(root.querySelector(".tl-says").textContent);
    note();
    for (const slider of root.querySelectorAll("input[type=range]")) {
        for (let place = 0; place <= Number(slider.max); place++) {
            slider.value = place; slider.dispatchEvent(new Event("input")); note();
        }
    }
    for (const menu of root.querySelectorAll("select")) {
        for (const option of menu.options) {
            if (!option.value) continue;
            menu.value = option.value; menu.dispatchEvent(new Event("change")); note();
        }
    }
    for (const radio of root.querySelectorAll(".tl-controls input[type=radio]")) {
        radio.click(); note();
    }
    const clicked = root.querySelectorAll(".tl-picture [data-set]")[1];
    clicked?.dispatchEvent(new Event("click", { bubbles: true }));
    note();
    return [...said];
}"""


# What can be seen in a picture of lesson 05's shelf; places to a pixel, for they are rounded.
SEEN = """(picture) => {
    const holder = document.createElement("div");
    holder.innerHTML = picture;
    const all = (selector, look) => [...holder.querySelectorAll(selector)].map(look);
    const numbers = (node) => (node.getAttribute("d") ?? "").match(/-?[\\d.]+/g)?.map(Number) ?? [];
    return {
        says: holder.querySelector("svg").getAttribute("aria-label"),
        words: all("text", (node) => node.textContent),
        circles: all("circle", (node) => [node.getAttribute("fill"), node.getAttribute("stroke")]),
        picked: all("[data-toggle]", (node) => [node.dataset.picked, node.getAttribute("opacity")]),
        frames: all("rect.tl-chosen",
            (node) => [node.x.baseVal.value, node.y.baseVal.value, node.getAttribute("stroke")]),
        lines: all("path.tl-chosen", (node) => [node.getAttribute("stroke"), ...numbers(node)]),
    };
}"""


@needs_browser[0]
@pytest.mark.browser
def test_what_bars_somebody_is_found_in_both_themes(browser):
    page = browser.new_page()
    page.set_content(
        "<html lang=en><style>p { background: light-dark(#fff, #222); color: #333 }"
        "html { color-scheme: light dark }</style><title>x</title><main><img><p>pale</p></main>"
    )
    assert [rule for rule, _ in graves(page)] == ["image-alt"]
    assert [rule for rule, _ in grave_barriers(page)] == ["image-alt", "color-contrast"]
    page.close()


@needs_browser[0]
@pytest.mark.browser
def test_the_book_draws_any_choice_of_pictures_as_the_kernel_does(browser, monkeypatch):
    """16.7 million states: three sets of eight pictures, any of which may be empty."""
    shelf = widget("05")
    known = json.dumps(alive.record(shelf))
    assert len(known) < 200_000
    page = browser.new_page()
    page.set_content("<p></p>")
    page.evaluate(alive.library())
    page.evaluate(f"window.known = {known}")
    random = Random(0)
    states = [random.getrandbits(24) for _ in range(60)] + [0, 1, 2**24 - 1, 0x010100, 0x808080]
    for state in states:
        drawn = page.evaluate(
            """(support) => {
                const piece = (letter) => known.pieces[letter.codePointAt(0) - 256];
                const put = (letters) => [...letters].map(piece).join("")
                    .replace(/tl-media:(\\d+)/g, (_, k) => known.media[k]);
                const first = put(known.views[known.first].picture);
                return tlComposers[known.composer]({ support }, known.data, first);
            }""",
            state,
        )
        wanted = shelf.move(support=state)
        assert drawn["says"] == wanted.says
        mine, theirs = page.evaluate(SEEN, drawn["picture"]), page.evaluate(SEEN, wanted.picture)
        drawn_lines, wanted_lines = sorted(mine.pop("lines")), sorted(theirs.pop("lines"))
        assert [one[0] for one in drawn_lines] == [one[0] for one in wanted_lines]
        for one, other in zip(drawn_lines, wanted_lines, strict=True):
            assert one[1:] == pytest.approx(other[1:], abs=1.1)
        assert mine == theirs, state
    page.close()


@pytest.mark.slow
def test_the_book_holds_every_state_of_the_controls(book):
    for lang in LANGUAGES:
        found = 0
        for file in sorted((book / lang / "_static" / "alive").glob("*.js")):
            # not splitlines: the letter of a piece may be one that Unicode takes for a line's end
            for line in file.read_text(encoding="utf-8").rstrip("\n").split("\n"):
                known = json.loads(line.split("] = ", 1)[1].removesuffix(";"))
                if known["kind"] != "explorer":
                    continue
                found += 1
                state, views = known["state"], known["views"]
                states = math.prod(len(control["options"]) for control in state["controls"])
                assert len(views) >= states, file
                start = "/".join(str(place) for place in state["positions"].values())
                assert views[start]["says"] == state["view"]["says"], file
        assert found >= 14


def test_a_cell_that_shows_nothing_alive_is_left_alone():
    assert alive.shown_by("x = 1") is None
    computed = 'ways = work()\ntl.predict_first("03-x", "Which?", choices=tuple(ways.values()))'
    assert alive.shown_by(computed) is None


def test_a_diagram_is_described_to_those_who_do_not_see_it():
    data = {"image/svg+xml": "<svg/>", "text/plain": "An eye."}
    outputs = [nbformat.v4.new_output("display_data", data)]
    cell = nbformat.v4.new_code_cell('tl.diagram("first_idea")', outputs=outputs)
    assert pages._plain(cell).metadata["mystnb"]["image"]["alt"] == "An eye."


@pytest.mark.parametrize(
    "source",
    [
        'a = 1\ntl.predict_first("03-x", "Which?", choices=("a", "b"))',
        'ways = {1: "a", 2: "b"}\ntl.predict_first("03-x", "?", choices=tuple(ways.values()))',
    ],
)
def test_a_prediction_is_known_by_what_stands_in_its_cell(source):
    prompt = alive.record(alive.shown_by(source))
    assert prompt["state"]["choices"] == [["a", "a"], ["b", "b"]]


@pytest.mark.slow
def test_every_widget_quiz_and_prediction_of_a_lesson_is_alive():
    calls = re.compile(r"^tl\.(widget|quiz|strategy_map|predict_first)\(", re.MULTILINE)
    for name in LESSON_NAMES:
        for cell in nbformat.read(LESSONS / "en" / f"{name}.ipynb", 4).cells:
            if cell.cell_type == "code" and calls.search(cell.source):
                assert alive.shown_by(cell.source) is not None, (name, cell.id)


@pytest.mark.slow
def test_fields_to_type_and_draw_in_answer_to_all_that_they_offer():
    typed, pad = widget("12"), widget("05_draw")
    start = typed.view().says, pad.view().says
    known = alive.record(typed)
    assert set(known["views"]) == set(typed.samples)
    known = alive.record(pad)
    assert len(known["views"]) == (len(pad.samples) + 1) ** len(pad.fields)
    assert all(view["says"] for view in known["views"].values())
    assert (typed.view().says, pad.view().says) == start


def test_a_quiz_is_judged_in_the_book_as_in_the_kernel():
    for question in (q for number in lessons() for q in read_quiz(number)):
        judged = alive._judged(question)
        if question.kind == "choice":
            for place, said in enumerate(judged["options"]):
                assert said["right"] == question.judge(place).right
            continue
        for number in (question.answer, *(value for value, _ in question.mistakes), 12345.678):
            bounds = (said for low, high, said in judged["bounds"] if low <= number <= high)
            said = next(bounds, judged["other"])
            assert said["right"] == question.judge(number).right


def test_a_folder_with_other_things_is_not_touched(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("mine")
    assert main(["book", "--out", str(tmp_path)]) == 1
    assert "holds other files" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_lacking_package_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "NEEDED", ("no_such_package",))
    assert main(["book", "--out", str(tmp_path / "out")]) == 1
    assert "no_such_package" in capsys.readouterr().err


@pytest.mark.slow
def test_the_book_has_every_lesson_in_both_languages_and_is_small(book):
    for lang in LANGUAGES:
        for one in lessons().values():
            page = (book / lang / f"{one.name}.html").read_text(encoding="utf-8")
            assert f"<title>{one.number} " in page
            assert "<math" in page or "$" not in re.sub(r"<pre.*?</pre>", "", page, flags=re.S)
            other = next(name for name in LANGUAGES if name != lang)
            assert f'href="../{other}/{one.name}.html"' in page
        for name in ("index", "glossary", "cards", "api", "benchmarks", "real"):
            assert (book / lang / f"{name}.html").exists()
    size = sum(file.stat().st_size for file in book.rglob("*") if file.is_file())
    assert size < 40e6


@pytest.mark.slow
@pytest.mark.parametrize("lang, query", [("ja", "転移"), ("ja", "転移学習"), ("en", "few-shot")])
class TestSearch:
    pytestmark = needs_browser

    def test_it_finds(self, book, visit, lang, query):
        page = visit(book / lang / "search.html", f"?q={query}")
        results = page.locator("#search-results li a")
        playwright.expect(results.first).to_be_visible()
        assert results.count() >= 3


@pytest.mark.slow
class TestPages:
    pytestmark = needs_browser

    def test_a_widget_moves_by_keyboard_without_a_kernel(self, book, visit):
        page = visit(book / "en" / "03_fine_tuning.html")
        widget = page.locator('[data-record="03-widget"]')
        said = widget.get_by_role("status").text_content()
        picture = widget.locator(".tl-picture").inner_html()
        widget.get_by_role("slider").press("ArrowRight")
        playwright.expect(widget.get_by_role("status")).not_to_have_text(said)
        assert widget.locator(".tl-picture").inner_html() != picture

    def test_pictures_in_a_widget_can_be_clicked(self, book, visit):
        page = visit(book / "ja" / "02_feature_extraction.html")
        widget = page.locator('[data-record="02-widget"]')
        before = widget.locator(".tl-picture").inner_html()
        widget.locator("[data-set]").nth(2).press("Enter")
        assert widget.locator(".tl-picture").inner_html() != before

    def test_a_quiz_answers_and_a_prediction_is_kept(self, book, visit):
        page = visit(book / "ja" / "03_fine_tuning.html")
        first = page.locator('[data-record="03-quiz"]').get_by_role("group").first
        first.get_by_role("radio").first.check()
        first.get_by_role("button").first.click()
        playwright.expect(first.get_by_role("status")).to_contain_text(
            re.compile("正解|残念|もう|✗|✓")
        )
        prompt = page.locator('[data-record="03-predict-win"]')
        prompt.get_by_role("slider").press("ArrowRight")
        prompt.get_by_role("button").click()
        playwright.expect(prompt.locator(".tl-quiz-reply")).to_contain_text("%")

    def test_a_deeper_section_is_closed_until_a_link_leads_there(self, book, visit):
        page = visit(book / "en" / "03_fine_tuning.html")
        sections = page.locator("details.tl-deeper")
        assert sections.count() >= 3
        assert page.locator("details.tl-deeper[open]").count() == 0
        name = sections.first.locator("xpath=..").get_attribute("id")
        page = visit(book / "en" / "03_fine_tuning.html", f"#{name}")
        assert page.locator("details.tl-deeper[open]").count() == 1

    @pytest.mark.parametrize("lang", LANGUAGES)
    @pytest.mark.parametrize("name", ["index", "glossary", "help", "api", *LESSON_NAMES])
    def test_every_control_answers_and_nothing_bars_anybody(self, book, visit, name, lang):
        page = visit(book / lang / f"{name}.html")
        beyond = catalogue()["book.needs_notebook"][lang]
        for shown in page.locator("[data-record].tl-explorer").all():
            seen = shown.evaluate(MOVE_EVERYTHING)
            assert len(seen) > 1, name
            assert beyond not in seen and "" not in seen, name
        if lang == "en":
            assert grave_barriers(page) == []
        else:  # in the same colours
            assert graves(page, options=ALL_BUT_COLOURS) == []

    @pytest.mark.parametrize("lang", LANGUAGES)
    def test_a_lesson_is_done_by_keys_alone(self, book, visit, lang):
        page = visit(book / lang / "03_fine_tuning.html")
        keys, changed = page.keyboard, playwright.expect
        tab_to(page, ".skip-to-content", 3)
        keys.press("Enter")

        widget = '[data-record="03-widget"]'
        says, picture = page.locator(f"{widget} .tl-says"), page.locator(f"{widget} .tl-picture")
        said, drawn = says.text_content(), picture.inner_html()
        tab_to(page, f"{widget} input[type=range]")
        keys.press("ArrowRight")
        changed(says).not_to_have_text(said)
        tab_to(page, f"{widget} input[type=radio]", 2)
        keys.press("ArrowLeft")
        keys.press("ArrowLeft")
        assert picture.inner_html() != drawn

        prompt = '[data-record="03-predict-win"]'
        tab_to(page, f"{prompt} input[type=range]")
        keys.press("ArrowRight")
        tab_to(page, f"{prompt} button", 1)
        keys.press("Enter")
        changed(page.locator(f"{prompt} .tl-quiz-reply")).to_contain_text("%")

        tab_to(page, ".tl-deeper > summary")
        keys.press("Enter")
        assert page.locator("details.tl-deeper[open]").count() == 1

        quiz = '[data-record="03-quiz"]'
        tab_to(page, f"{quiz} input")
        keys.press("Space")
        keys.press("Enter")
        changed(page.locator(f"{quiz} .tl-quiz-reply").first).not_to_be_empty()
        tab_to(page, "footer a, .related-pages a")  # nothing holds the focus back

    def test_what_is_offered_to_type_and_draw_is_answered_and_the_rest_said(self, book, visit):
        page = visit(book / "en" / "12_language_models.html")
        typed = page.locator('[data-record="12-widget"]')
        says, field = typed.get_by_role("status"), typed.get_by_role("textbox")
        before = says.text_content()
        typed.get_by_role("combobox").select_option(index=3)
        playwright.expect(says).not_to_have_text(before)
        playwright.expect(field).to_have_value(re.compile("tracking"))
        field.fill("something else")
        playwright.expect(says).to_contain_text("JupyterLab")

        page = visit(book / "ja" / "05_few_shot.html")
        drawn = page.locator('[data-record="05-pad"]')
        says, last = drawn.get_by_role("status"), drawn.get_by_role("combobox").last
        before = says.text_content()
        last.select_option(index=2)
        playwright.expect(says).not_to_have_text(before)
        drawn.get_by_role("application", name="?").press("Backspace")
        playwright.expect(says).to_contain_text("JupyterLab")
        last.select_option(index=1)
        playwright.expect(says).not_to_contain_text("JupyterLab")

    @pytest.mark.parametrize("lang", LANGUAGES)
    def test_the_switch_leads_to_the_same_page(self, book, visit, lang):
        page = visit(book / lang / "05_few_shot.html")
        page.locator("a.tl-other-language").first.click()
        other = next(name for name in LANGUAGES if name != lang)
        assert page.url.split("#")[0].endswith(f"/{other}/05_few_shot.html")

    def test_slides_hold_everything_and_their_widgets_move(self, tmp_path, visit):
        assert main(["slides", "03", "--lang", "ja", "--out", str(tmp_path)]) == 0
        page = visit(tmp_path / "03_ja.html")
        assert page.evaluate("Reveal.getTotalSlides()") >= 10
        assert page.evaluate("document.querySelectorAll('aside.notes')[0].textContent.length") > 100
        at = page.evaluate(
            "[...document.querySelectorAll('.slides > section')]"
            ".findIndex((slide) => slide.querySelector('.tl-explorer input[type=range]'))"
        )
        page.evaluate(f"Reveal.slide({at})")
        widget = page.locator(".present .tl-explorer").filter(has=page.get_by_role("slider")).first
        said = widget.get_by_role("status").text_content()
        widget.get_by_role("slider").first.press("ArrowRight")
        playwright.expect(widget.get_by_role("status")).not_to_have_text(said)
        assert page.evaluate("Reveal.getIndices().h") == at  # the arrow moved the slider alone
        cut = """(place) => {
            Reveal.slide(place);
            const body = Reveal.getCurrentSlide().querySelector(".tl-body");
            return body.scrollHeight > body.clientHeight + 1;
        }"""
        for place in range(page.evaluate("Reveal.getTotalSlides()")):
            assert not page.evaluate(cut, place), place
            assert graves(page) == [], place

    def test_no_slide_of_another_lesson_bars_anybody(self, tmp_path, visit):
        assert main(["slides", "06", "--lang", "en", "--out", str(tmp_path)]) == 0
        page = visit(tmp_path / "06_en.html")
        for place in range(page.evaluate("Reveal.getTotalSlides()")):
            page.evaluate("(place) => Reveal.slide(place)", place)
            assert graves(page) == [], place


@pytest.mark.slow
@pytest.mark.skipif(paper.find_browser() is None, reason="no Chromium, Chrome or Edge found")
@pytest.mark.browser
def test_a_lesson_is_printed_by_the_browser_that_is_there(tmp_path, capsys):
    assert main(["book", "--pdf", "00", "--lang", "ja", "--out", str(tmp_path)]) == 0
    (printed,) = tmp_path.iterdir()
    assert printed.name == "00_start_here_ja.pdf" and str(printed) in capsys.readouterr().out
    content = printed.read_bytes()
    assert content.startswith(b"%PDF") and len(re.findall(rb"/Type\s*/Page\b", content)) >= 3


def test_without_a_browser_a_sentence_says_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TLHELPERS_BROWSER", "no-such-browser")
    assert main(["book", "--pdf", "03", "--out", str(tmp_path)]) == 1
    assert "Chromium" in capsys.readouterr().err
    monkeypatch.setattr(command, "find_browser", lambda: "browser")
    assert main(["book", "--pdf", "99", "--out", str(tmp_path)]) == 1
    assert "no lesson 99" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="the broken browser is a shell script")
def test_a_browser_that_prints_nothing_is_quoted(tmp_path):
    broken = tmp_path / "broken-browser"
    broken.write_text("#!/bin/sh\necho it broke >&2\n")
    broken.chmod(0o755)
    with pytest.raises(OSError, match="it broke"):
        paper.print_page(str(broken), tmp_path / "page.html", tmp_path / "page.pdf")


def test_slides_of_an_unknown_lesson_are_refused(tmp_path, capsys):
    assert main(["slides", "99", "--out", str(tmp_path)]) == 1
    assert "There is no lesson 99" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_lesson_makes_slides(lang, monkeypatch):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    monkeypatch.setattr(
        alive, "record", lambda shown: {"kind": "still"}
    )  # their states are tested above
    for number in lessons():
        page = slides.make_slides(number)
        assert page.count("<section>") >= 5
        assert not re.search(r'(?:src|href)="https?://', page.replace('<a href="http', ""))


def test_docstrings_become_readable_pages():
    said = pages._readable("One line.\n\n    code(x)\n\nAfter it.")
    assert said == "One line.\n\n```text\n    code(x)\n```\n\nAfter it."
