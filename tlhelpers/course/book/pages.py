"""The pages of the book in one language, as Sphinx reads them: Markdown and notebooks."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
import re
import shutil
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from tlhelpers.course.api import public_names
from tlhelpers.course.author.proofreading import glossary
from tlhelpers.course.book import alive
from tlhelpers.course.syllabus import course_map, lessons
from tlhelpers.runtime.language import text
from tlhelpers.runtime.places import DATASETS, LESSONS, RESULTS
from tlhelpers.show.widgets.page import Shown

ONLY_SHOWS = re.compile(
    r"tl\.(diagram|widget|quiz|strategy_map|predict_first)\([^()]*(\([^()]*\)[^()]*)*\)\s*"
)
REAL = re.compile(r"\bdraw_(real|encoders|twin)\(")
CARDS = ("zukan", "text", "weights")  # folders of datasets that have cards
OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./\.\./[^)]+\)")  # links to files that no page holds
DEEPER = '<span class="tl-deeper-mark"></span>'  # what `book.js` folds
HEADING = re.compile(r"^(#+ .*)$", re.MULTILINE)


def write_one(folder: Path, lang: str, media: Path, number: str) -> None:
    """Writes a book of one lesson, as `write_pages` does."""
    _prepare(folder)
    one = lessons()[number]
    notebook = nbformat.read(LESSONS / lang / f"{one.name}.ipynb", as_version=4)
    write_lesson(notebook, folder, number, media)
    nbformat.write(notebook, folder / f"{one.name}.ipynb")
    index = f"# {one.title[lang]}\n\n```{{toctree}}\n{one.name}\n```\n"
    (folder / "index.md").write_text(index, encoding="utf-8")


def write_pages(folder: Path, lang: str, media: Path) -> None:
    """Writes the pages of one language to a new folder.

    media: the folder, of the built site, for what the pages of both languages share.
    """
    _prepare(folder)
    twins = [nbformat.v4.new_markdown_cell(f"# {text('book.real')}\n\n{text('book.real_about')}")]
    for number, one in lessons().items():
        notebook = nbformat.read(LESSONS / lang / f"{one.name}.ipynb", as_version=4)
        twins += _twin(notebook, f"{number} {one.title[lang]}", one.name)
        write_lesson(notebook, folder, number, media)
        nbformat.write(notebook, folder / f"{one.name}.ipynb")
    for place, cell in enumerate(twins):
        _plain(cell)["id"] = f"real-{place}"
    python = {"language_info": {"name": "python", "pygments_lexer": "ipython3"}}
    real = nbformat.v4.new_notebook(cells=twins, metadata=python)
    nbformat.write(real, folder / "real.ipynb")
    pages = {
        "index": _index(lang),
        "glossary": _glossary(lang),
        "cards": _cards(folder, lang),
        "benchmarks": _benchmarks(),
        "api": _api(),
    }
    for page in ("help", "teaching"):
        content = (LESSONS / lang / f"{page}.md").read_text(encoding="utf-8")
        pages[page] = OUTSIDE.sub(r"\1", content)
    for name, content in pages.items():
        (folder / f"{name}.md").write_text(content, encoding="utf-8")


def _prepare(folder: Path) -> None:
    """A new folder, with what brings widgets to life."""
    (folder / "_static" / "alive").mkdir(parents=True)
    (folder / "_static" / "book.js").write_text(alive.library(), encoding="utf-8")
    (folder / "_static" / "book.css").write_text(alive.styles(), encoding="utf-8")


def write_lesson(notebook: NotebookNode, folder: Path, number: str, media: Path) -> None:
    """Makes a built notebook a page: without teacher's notes, its widgets alive by records."""
    records = {}
    cells = []
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if "teacher" in tags:
            continue
        if "deeper" in tags:
            cell.source = HEADING.sub(rf"\g<0>\n\n{DEEPER}\n", cell.source, count=1)
        if cell.cell_type == "code":
            if "exercise" in tags:  # says only that nothing has been written yet
                cell.outputs = []
            if shown := alive.shown_by(cell.source):
                name = f"{number}-{cell.id}"
                records[name] = alive.record(shown)
                _put_alive(cell, shown, name)
            _plain(cell)
        cells.append(cell)
    if records:
        file = folder / "_static" / "alive" / f"{number}.js"
        shared = [known for known in records.values() if known.get("media")]
        scripts = [*{_share(known, media) for known in shared}, f"_static/alive/{number}.js"]
        lines = [alive.script(name, known) for name, known in records.items()]
        file.write_text("".join(lines), encoding="utf-8")
        tags = "".join(f'<script src="{script}"></script>' for script in scripts)
        cells.append(nbformat.v4.new_markdown_cell(tags))
    notebook.cells = cells


def _share(known: dict[str, Any], folder: Path) -> str:
    """Lays a widget's pictures and sounds where both languages find them; returns their script.

    `known` names them from then on.
    """
    content = json.dumps(known["media"], separators=(",", ":"))
    name = hashlib.sha256(content.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    script = f'(window.tlMedia ??= {{}})["{name}"] = {content};\n'
    (folder / f"{name}.js").write_text(script, encoding="utf-8")
    known["media"] = name
    return f"../{folder.name}/{name}.js"


def _put_alive(cell: NotebookNode, shown: Shown, name: str) -> None:
    """The last output becomes what `book.js` brings to life."""
    still = "".join(shown.still().values())
    content = f'<div class="tl-record" data-record="{name}">{still}</div>'
    output = nbformat.v4.new_output("display_data", {"text/html": content})
    cell.outputs = [*cell.outputs[:-1], output]


def _plain(cell: NotebookNode) -> NotebookNode:
    """Keeps one kind of each output, and gives pictures the words for those who do not see them."""
    if cell.cell_type != "code":
        return cell
    alt = cell.metadata.get("alt", "")
    for output in cell.outputs:
        if "data" in output:
            kinds = ("text/html", "image/svg+xml", "image/png", "image/jpeg", "text/plain")
            best = next(kind for kind in kinds if kind in output.data)
            if best == "image/svg+xml":  # a diagram says itself what it shows
                alt = alt or output.data.get("text/plain", "")
            output.data = {best: output.data[best]}
    tags = cell.metadata.get("tags", [])
    if ONLY_SHOWS.fullmatch(cell.source) or "remove-input" in tags:
        code = ["remove-input"]
    else:
        code = ["hide-input"] if {"claim", "hide-input"} & set(tags) else []
    cell.metadata = {
        "tags": code,
        **({"mystnb": {"image": {"alt": alt}}} if alt else {}),
    }
    return cell


def _twin(notebook: NotebookNode, title: str, page: str) -> list[NotebookNode]:
    """The figures of a lesson on real data, each with the words that follow it."""
    found: list[NotebookNode] = []
    cells = notebook.cells
    for cell, after in zip(cells, [*cells[1:], None], strict=True):
        if cell.cell_type == "code" and REAL.search(cell.source):
            head = nbformat.v4.new_markdown_cell(f"## [{title}]({page}.ipynb)")
            found += [head] if not found else []
            found.append(nbformat.from_dict(dict(cell)))
            found[-1].metadata = {**cell.metadata, "tags": ["remove-input"]}
            if after is not None and after.cell_type == "markdown":
                finding = HEADING.sub("", after.source).strip().split("\n\n")[0]
                found.append(nbformat.v4.new_markdown_cell(finding))
    return found


def _benchmarks() -> str:
    """Both tables, the CPU's and, one heading lower, the GPU's."""
    cpu, gpu = (
        (RESULTS / f"benchmarks{part}.md").read_text(encoding="utf-8") for part in ("", "_gpu")
    )
    return f"{cpu}\n#{gpu}"


def _index(lang: str) -> str:
    """The front page: what the course is, the map with its lessons, and the rest of the book."""
    rows = []
    for number, one in course_map().items():
        title = f"[{one.title[lang]}]({one.name}.ipynb)" if one.slug else one.title[lang]
        said = one.measures.get(lang, "") if one.slug else text("book.to_come")
        rows.append(f"| {number} | {title} | {one.minutes if one.slug else ''} | {said} |")
    head = f"| | {text('book.lesson')} | {text('book.minutes')} | {text('book.measures')} |"
    listed = "\n".join(one.name for one in lessons().values())
    rest = "help\nteaching\nreal\nglossary\ncards\nbenchmarks\napi"
    return f"""# {text("book.title")}

{text("book.about")}

{head}
|---|---|---|---|
{chr(10).join(rows)}

{text("book.run_it")}

```
python -m tlhelpers lab
```

```{{toctree}}
:hidden:
:caption: {text("book.lessons")}

{listed}
```

```{{toctree}}
:hidden:
:caption: {text("book.reference")}

{rest}
```
"""


def _glossary(lang: str) -> str:
    """Every term of the course with its meaning, and its name in the other language."""
    other = {"en": "ja", "ja": "en"}[lang]
    known = {key: entry for key, entry in glossary().items() if key != "phrase"}
    parts = [f"# {text('book.glossary')}\n"]
    for key, entry in sorted(known.items(), key=lambda item: item[1]["term"][lang].lower()):
        names = f"**{entry['term'][lang]}** ({entry['term'][other]})"
        if lang == "ja":
            names = f"**{entry['term'][lang]}**（{entry['term'][other]}）"
        parts.append(f"({key})=\n{names}\n: {entry['means'][lang]}\n")
    return "\n".join(parts)


def _cards(folder: Path, lang: str) -> str:
    """The list of the cards of data and networks; copies each card beside it."""
    parts = [f"# {text('book.cards')}\n\n{text('book.cards_about')}\n"]
    listed = []
    for name in CARDS:
        for card in sorted((DATASETS / name).rglob("*.md")):
            page = (
                f"card_{name}_{card.parent.name}" if card.stem == "README" else f"card_{card.stem}"
            )
            content = card.read_text(encoding="utf-8")
            for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", content):
                shutil.copy(card.parent / picture, folder / picture)
            (folder / f"{page}.md").write_text(_in_language(content, lang), encoding="utf-8")
            listed.append(page)
    return "\n".join([*parts, "```{toctree}", ":maxdepth: 1", "", *listed, "```", ""])


def _in_language(card: str, lang: str) -> str:
    """A card without its part in the other language."""
    other = {"en": "## 日本語", "ja": "## English"}[lang]
    own = {"ja": "## 日本語", "en": "## English"}[lang]
    parts = re.split(r"(?m)^(?=## )", card)
    kept = [part for part in parts if not part.startswith(other)]
    return "".join(part.removeprefix(own) for part in kept)


def _api() -> str:
    """The public names, each with its signature and what its docstring says."""
    parts = [f"# {text('book.api')}\n"]
    for name, module, _ in public_names():
        found = getattr(importlib.import_module(f"tlhelpers.{module}"), name)
        try:
            signature = str(inspect.signature(found))
        except (TypeError, ValueError):
            signature = ""
        docstring = inspect.getdoc(found) or ""
        parts.append(
            f"## tl.{name}\n\n```python\n{name}{signature}\n```\n\n{_readable(docstring)}\n"
        )
    return "\n".join(parts)


def _readable(docstring: str) -> str:
    """Paragraphs as they are; what is set in becomes a block of code."""
    blocks = []
    for block in re.split(r"\n\s*\n", docstring):
        blocks.append(f"```text\n{block}\n```" if re.search(r"(?m)^ {2,}\S", block) else block)
    return "\n\n".join(blocks)
