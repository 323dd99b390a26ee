"""What is stored can be trusted without being believed: it says what its numbers are about."""

import ast
import json
import re

import pytest

from tlhelpers.course.results import CROSS_VALIDATED, SEARCHED, VARIED, experiments
from tlhelpers.runtime.places import RESULTS, ROOT

STORED = [pytest.param(path, id=path.stem) for path in sorted(RESULTS.glob("*.json"))]
DECLARED = {one.name: one.about for one in experiments() if one.about}
SOURCES = sorted((ROOT / "lessons" / "source").glob("[0-9]*.py"))
INTERVAL = re.compile(r"\[(-?[\d.]+)%, (-?[\d.]+)%\]")


def refuse(constant):
    raise ValueError(f"{constant} is no JSON")


def read(path):
    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def parts(data, path=()):
    """Every mapping inside, with the names that lead to it."""
    if isinstance(data, dict):
        yield path, data
        for name, value in data.items():
            yield from parts(value, (*path, name))
    elif isinstance(data, list):
        for value in data:
            yield from parts(value, path)


def holds_a_search(record):
    """A grid stands beside what was chosen from it."""
    return any(
        {"grid", "values"} & set(part) and {"choice", "chosen"} & set(part)
        for _, part in parts(record["data"])
    )


@pytest.mark.parametrize("path", STORED)
def test_every_stored_result_is_json_and_says_what_made_it(path):
    record = read(path)
    assert re.fullmatch("[0-9a-f]{12}", record["stamp"]["code"])
    assert record["data"] and record["command"].startswith("python -m tlhelpers ")


@pytest.mark.parametrize("name", DECLARED)
def test_a_result_says_what_its_numbers_are_about(name):
    record = read(RESULTS / f"{name}.json")
    about = record["about"]
    assert about == DECLARED[name], "stored under another declaration: repeat it"
    assert set(about) == {"unit", "seeds", "labels", "settings"} and all(about.values())
    settings = about["settings"]
    if settings == SEARCHED:
        assert holds_a_search(record)
    elif settings.startswith("searched in "):
        assert holds_a_search(read(RESULTS / f"{settings.removeprefix('searched in ')}.json"))
    else:
        assert settings in (CROSS_VALIDATED, VARIED)


@pytest.mark.parametrize("path", STORED)
def test_no_stored_interval_of_an_accuracy_leaves_0_to_100_per_cent(path):
    for names, part in parts(read(path)["data"]):
        if not {"low", "high"} <= set(part):
            continue
        told = " ".join(map(str, names))
        difference = re.search("gap| - |above|drop", told + str(part.get("name", "")))
        assert part["low"] <= part["mean"] <= part["high"]
        assert difference or (part["low"] >= 0 and part["high"] <= 1), told


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_no_printed_interval_leaves_0_to_100_per_cent(lang):
    seen = 0
    for path in sorted((ROOT / "lessons" / lang).glob("*.ipynb")):
        for low, high in INTERVAL.findall(path.read_text(encoding="utf-8")):
            seen += 1
            assert 0 <= float(low) <= float(high) <= 100, path.name
    assert seen > 20


class Claim:
    """One `tl.claim(sentence, condition)` of a lesson, with the cell around it."""

    def __init__(self, call, cell, stored):
        self.sentence = ast.unparse(call.args[0])
        names = {node.id for node in ast.walk(call) if isinstance(node, ast.Name)}
        self.stored = bool(stored & {n.id for n in ast.walk(cell) if isinstance(n, ast.Name)})
        meant = [call.args[1]] + [
            node.value
            for node in ast.walk(cell)
            if isinstance(node, ast.Assign) and {ast.unparse(t) for t in node.targets} & names
        ]
        ends = (node.attr for one in meant for node in ast.walk(one) if hasattr(node, "attr"))
        self.by_an_end = bool({"low", "high"} & set(ends))


def claims(source):
    """The claims of a lesson, cell by cell."""
    text = source.read_text(encoding="utf-8")
    cells = [cell for cell in text.split("\n# %% ") if "[markdown]" not in cell.split("\n")[0]]
    bodies = [ast.parse("#" + cell) for cell in cells[1:]]
    stored = {
        ast.unparse(target)
        for body in bodies
        for node in ast.walk(body)
        if isinstance(node, ast.Assign) and "tl.stored" in ast.unparse(node.value)
        for target in node.targets
    }
    for body in bodies:
        for node in ast.walk(body):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "tl.claim":
                yield Claim(node, body, stored)


def test_claims_rest_on_the_end_of_an_interval_and_stored_ones_say_so():
    found = {source.stem: list(claims(source)) for source in SOURCES}
    every = [claim for of_lesson in found.values() for claim in of_lesson]
    assert len(every) >= 10
    assert sum(claim.by_an_end for claim in every) >= 0.8 * len(every)
    silent = [c.sentence for c in every if c.stored and "stored" not in c.sentence]
    assert not silent
