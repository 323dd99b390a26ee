"""Whoever fell behind in a room: the cells that the teacher's notes name are all that is needed.

They stand as `[catch_up]` in each `lesson.toml`. The deeper sections may need more.
"""

import ast
import builtins
import re
from itertools import chain

import pytest

from tlhelpers.course.author.reading import lesson_sources, read_lesson
from tlhelpers.course.syllabus import lessons

LESSONS = {path.name[:2]: read_lesson(path) for path in lesson_sources()}
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)


def needed_and_made(code):
    """Names that a cell takes from cells before it, and those that it leaves to others."""
    nodes = list(ast.walk(ast.parse(code)))
    names = [node for node in nodes if isinstance(node, ast.Name)]
    read = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    made = {node.id for node in names if not isinstance(node.ctx, ast.Load)}
    made |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    made |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            made |= {(one.asname or one.name).split(".")[0] for one in node.names}
    return read - made - set(dir(builtins)), made


def run(cells, have):
    """What `cells`, run one after the other, leave behind; fails where one lacks a name."""
    have = set(have)
    for cell in cells:
        needed, made = needed_and_made(cell.code)
        assert needed <= have, f"{cell.key} lacks {sorted(needed - have)}"
        have |= made
    return have


def core_sections(lesson):
    """{heading in English: its cells with code}, without the deeper ones."""
    found, heading = {}, ""
    for block in lesson.blocks:
        if block.kind == "code":
            found.setdefault(heading, []).append(block)
        elif heads := HEADING.findall(block.sources["en"]):
            heading = heads[-1]
    return {name: cells for name, cells in found.items() if not name.startswith("Deeper")}


@pytest.mark.parametrize("number", LESSONS)
def test_whoever_fell_behind_can_go_on_after_the_cells_that_are_named(number):
    lesson, told = LESSONS[number], lessons()[number].catch_up
    for language, words in {"en": "ell behind", "ja": "遅れた"}.items():
        pages = [block.sources[language] for block in lesson.blocks if "teacher" in block.tags]
        assert any(words in page for page in pages) == bool(told), language
    cells = {block.key: block for block in lesson.blocks if block.kind == "code"}
    have = run([cells[key] for key in told.get("cells", ())], ())
    sections = core_sections(lesson)
    if "join" in told:
        rest = list(sections).index(told["join"])
        run(chain(*list(sections.values())[rest:]), have)
    elif told:
        for section in sections.values():
            run([cell for cell in section if cell.key not in told["cells"]], have)
