"""`tl book`: builds the site of both languages, for any web server or a USB stick.

`tl book --pdf 03` prints a lesson: its page, as the site has it, through an installed browser.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tlhelpers.course.book.paper import find_browser, print_page
from tlhelpers.course.cli import Parser
from tlhelpers.course.syllabus import lessons
from tlhelpers.runtime.language import LANGUAGES, text
from tlhelpers.runtime.places import LESSONS, ROOT
from tlhelpers.runtime.store import clear_disk_errors, require_writable

NAMES = {"en": "English", "ja": "日本語"}
NEEDED = ("sphinx", "myst_nb", "furo", "latex2mathml")
MARK = ".built-by-tlhelpers"  # a folder with this file may be emptied


class BookError(RuntimeError):
    """The book cannot be built; the message says why and what to do."""


def build_book(out: Path) -> Path:
    """Builds the book of both languages into `out` and returns its first page.

    Raises BookError where `out` holds other things, a lesson is not built, or a package lacks.
    """
    _need_packages()
    if out.exists() and (not out.is_dir() or any(out.iterdir())) and not (out / MARK).exists():
        raise BookError(text("book.in_the_way", place=out))
    require_writable(out)
    with clear_disk_errors(out), tempfile.TemporaryDirectory() as work:
        made = Path(work) / "made"
        for lang in LANGUAGES:
            _build_language(lang, Path(work), made / lang)
        shutil.copy(Path(__file__).with_name("door.html"), made / "index.html")
        for name in (MARK, ".nojekyll"):
            (made / name).touch()
        shutil.rmtree(out, ignore_errors=True)
        try:
            shutil.copytree(made, out)
        except OSError as error:
            raise BookError(text("book.not_written", place=out, error=error)) from error
    return out / "index.html"


def print_lessons(numbers: Sequence[str], languages: Sequence[str], out: Path) -> list[Path]:
    """Prints lessons as PDF into `out`, one file a lesson and language; returns the files.

    Raises BookError where there is no browser or no such lesson, or nothing can be written.
    """
    _need_packages()
    browser = _need_browser()
    if unknown := [number for number in numbers if number not in lessons()]:
        raise BookError(text("slides.unknown", number=unknown[0], known=", ".join(lessons())))
    require_writable(out)
    printed = []
    with tempfile.TemporaryDirectory() as work:
        for number, lang in itertools.product(numbers, languages):
            site, name = Path(work) / f"site-{number}", lessons()[number].name
            _build_language(lang, Path(work), site / lang, number)
            pdf = out / f"{name}_{lang}.pdf"
            try:
                print_page(browser, site / lang / f"{name}.html", pdf)
            except OSError as error:
                raise BookError(text("book.not_printed", place=pdf, error=error)) from error
            printed.append(pdf)
    return printed


def make_films(out: Path) -> list[Path]:
    """Writes the README's animation of each language into `out`; returns the files.

    Raises BookError where there is no browser or Playwright.
    """
    from tlhelpers.course.book.film import film

    _need_packages("playwright")
    browser, films = _need_browser(), []
    with tempfile.TemporaryDirectory() as work:
        for lang in LANGUAGES:
            site = Path(work) / "site" / lang
            _build_language(lang, Path(work), site, "00")
            films.append(out / f"first_minute_{lang}.webp")
            film(site / f"{lessons()['00'].name}.html", browser, films[-1])
    return films


def _need_browser() -> str:
    browser = find_browser()
    if browser is None:
        raise BookError(text("book.no_browser"))
    return browser


def _need_packages(*more: str) -> None:
    missing = [name for name in (*NEEDED, *more) if importlib.util.find_spec(name) is None]
    if missing:
        raise BookError(text("book.packages", names=", ".join(missing)))


def _build_language(lang: str, work: Path, out: Path, only: str | None = None) -> None:
    """The site of one language, or of one of its lessons."""
    from sphinx.application import Sphinx
    from sphinx.locale import translators
    from sphinx.util.docutils import docutils_namespace

    from tlhelpers.course.book.pages import write_one, write_pages

    source = work / f"pages-{lang}{only or ''}"
    with speaking(lang):
        if only:
            write_one(source, lang, out.parent / "alive", only)
        else:
            write_pages(source, lang, out.parent / "alive")
        title = text("book.title")
    translators.clear()  # Sphinx would keep the words of the language before
    with docutils_namespace():
        app = Sphinx(
            source,
            None,
            out,
            work / f"doctrees-{lang}{only or ''}",
            "html",
            confoverrides=_settings(lang, title, single=only is not None),
            status=None,
            warning=sys.stderr,
        )
        app.build()
    if app.statuscode:
        raise BookError(text("book.sphinx", lang=lang))
    for extra in (".buildinfo", "objects.inv"):
        (out / extra).unlink(missing_ok=True)
    for folder in ("_sources", "jupyter_execute"):  # what Sphinx read, and what it made of it
        shutil.rmtree(out / folder, ignore_errors=True)
        shutil.rmtree(out.parent / folder, ignore_errors=True)


@contextmanager
def speaking(lang: str) -> Iterator[None]:
    """Within it the course speaks this language."""
    before = os.environ.get("TLHELPERS_LANG")
    os.environ["TLHELPERS_LANG"] = lang
    try:
        yield
    finally:
        if before is None:
            del os.environ["TLHELPERS_LANG"]
        else:
            os.environ["TLHELPERS_LANG"] = before


def _settings(lang: str, title: str, single: bool) -> dict[str, Any]:
    other = next(name for name in LANGUAGES if name != lang)
    unsaid = ["myst.xref_missing"] if single else []  # the other lessons are no part of it
    return {
        "project": title,
        "language": lang,
        "extensions": ["myst_nb", "tlhelpers.course.book.extension"],
        "html_theme": "furo",
        "html_title": title,
        "html_math_renderer": "mathml",
        "html_static_path": ["_static"],
        "html_css_files": ["book.css"],
        "html_js_files": ["book.js"],
        "html_copy_source": False,
        "html_show_sphinx": False,
        "templates_path": [str(Path(__file__).with_name("templates"))],
        "html_sidebars": {
            "**": [
                "sidebar/brand.html",
                "language.html",
                "sidebar/search.html",
                "sidebar/scroll-start.html",
                "sidebar/navigation.html",
                "sidebar/scroll-end.html",
            ]
        },
        "html_context": {"other_lang": other, "other_name": NAMES[other]},
        "html_theme_options": {"top_of_page_buttons": []},
        "pygments_style": "a11y-high-contrast-light",
        "nb_execution_mode": "off",
        "nb_ipywidgets_js": {},
        "nb_merge_streams": True,
        "myst_enable_extensions": ["dollarmath", "amsmath", "deflist", "attrs_inline"],
        "myst_heading_anchors": 3,
        "suppress_warnings": ["myst.header", "misc.highlighting_failure", *unsaid],
    }


def main(arguments: list[str]) -> int:
    """`tl book`. Returns the exit status."""
    parser = Parser("book")
    parser.add_argument("--out", type=Path, help=text("book.help_out"))
    parser.add_argument("--pdf", nargs="+", metavar="03", help=text("book.help_pdf"))
    parser.add_argument("--lang", choices=LANGUAGES, help=text("book.help_lang"))
    parser.add_argument("--film", action="store_true", help=text("book.help_film"))
    given = parser.parse_args(arguments)
    out = (given.out or ROOT / ("handouts" if given.pdf else "book")).expanduser().resolve()
    started = time.monotonic()
    try:
        if given.pdf:
            for pdf in print_lessons(given.pdf, [given.lang] if given.lang else LANGUAGES, out):
                print(text("book.printed", place=pdf))
            return 0
        if given.film:
            for made in make_films(LESSONS):
                print(text("book.printed", place=made))
            return 0
        first = build_book(out)
    except BookError as error:
        print(error, file=sys.stderr)
        return 1
    size = sum(file.stat().st_size for file in first.parent.rglob("*") if file.is_file())
    seconds = time.monotonic() - started
    print(text("book.built", place=first, seconds=f"{seconds:.0f}", size=f"{size / 1e6:.0f}"))
    return 0
