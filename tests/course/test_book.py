"""The book and the slides: every page, every state, no kernel and no network."""

import os
import re
import shutil

import nbformat
import pytest
from filelock import FileLock
from playwright import sync_api as playwright

from tlhelpers.course.book import alive, command, pages, slides
from tlhelpers.course.cli import main
from tlhelpers.course.quizzes import read_quiz
from tlhelpers.course.syllabus import lessons
from tlhelpers.runtime.language import LANGUAGES
from tlhelpers.runtime.places import LESSONS
from tlhelpers.show.widgets.explorer import Explorer

BROWSER = os.environ.get("TLHELPERS_BROWSER") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
needs_browser = [
    pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome found"),
    pytest.mark.browser,
]


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
        browser = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
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


def explorers():
    """The widgets whose states can all be computed, with their lessons."""
    found = []
    for number, one in lessons().items():
        for cell in nbformat.read(LESSONS / "en" / f"{one.name}.ipynb", 4).cells:
            shown = alive.shown_by(cell.source) if cell.cell_type == "code" else None
            if isinstance(shown, Explorer):
                found.append((number, shown))
    return found


@pytest.mark.slow
def test_a_record_holds_every_state_of_the_controls():
    found = explorers()
    assert len(found) >= 7
    for number, shown in found:
        if number == "05":  # its clicks lead to millions
            continue
        known = alive.record(shown)
        states = 1
        for control in shown.controls:
            states *= len(control.options)
        assert len(known["views"]) >= states, number
        start = "/".join(str(place) for place in known["state"]["positions"].values())
        assert known["views"][start]["says"] == shown.view().says


def test_a_cell_that_shows_nothing_alive_is_left_alone():
    assert alive.shown_by("x = 1") is None
    assert (
        alive.shown_by('name = "03"\ntl.predict_first(name, "How many?", between=(0, 9))') is None
    )
    prompt = alive.shown_by('a = 1\ntl.predict_first("03-x", "Which?", choices=("a", "b"))')
    assert alive.record(prompt)["state"]["choices"] == [["a", "a"], ["b", "b"]]


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

    @pytest.mark.parametrize("theme", ["light", "dark"])
    @pytest.mark.parametrize("page", ["en/index", "ja/03_fine_tuning", "en/00_start_here"])
    def test_no_serious_barrier(self, book, visit, page, theme):
        from axe_playwright_python.sync_playwright import Axe

        shown = visit(book / f"{page}.html")
        shown.emulate_media(color_scheme=theme)
        found = Axe().run(shown).response["violations"]
        grave = [one for one in found if one["impact"] in ("serious", "critical")]
        assert [(one["id"], one["nodes"][0]["html"]) for one in grave] == []

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
            ".findIndex((slide) => slide.querySelector('.tl-explorer'))"
        )
        page.evaluate(f"Reveal.slide({at})")
        widget = page.locator('[data-record="widget"]')
        said = widget.get_by_role("status").text_content()
        widget.get_by_role("slider").press("ArrowRight")
        playwright.expect(widget.get_by_role("status")).not_to_have_text(said)
        assert page.evaluate("Reveal.getIndices().h") == at  # the arrow moved the slider alone


def test_slides_of_an_unknown_lesson_are_refused(tmp_path, capsys):
    assert main(["slides", "99", "--out", str(tmp_path)]) == 1
    assert "There is no lesson 99" in capsys.readouterr().err


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_lesson_makes_slides(lang, monkeypatch):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    monkeypatch.setattr(alive, "record", lambda shown: None)  # their states are tested above
    for number in lessons():
        page = slides.make_slides(number)
        assert page.count("<section>") >= 5
        assert not re.search(r'(?:src|href)="https?://', page.replace('<a href="http', ""))


def test_docstrings_become_readable_pages():
    said = pages._readable("One line.\n\n    code(x)\n\nAfter it.")
    assert said == "One line.\n\n```text\n    code(x)\n```\n\nAfter it."
