"""What is stored can be trusted without being believed: it says what its numbers are about."""

import ast
import json
import re

import pytest

from tlhelpers.course import measure, results
from tlhelpers.course.results import (
    CROSS_VALIDATED,
    FIXED,
    IN_EACH_DRAW,
    SEARCHED,
    VARIED,
    experiments,
)
from tlhelpers.runtime.places import RESULTS, ROOT

STORED = [pytest.param(path, id=path.stem) for path in sorted(RESULTS.glob("*.json"))]
DECLARED = {one.name: one for one in experiments()}
INTERVAL = re.compile(r"\[(-?[\d.]+)%, (-?[\d.]+)%\]")
FRACTIONS = re.compile(r"(?<![-\d.])([01]\.\d+) \[(-?\d\.\d+), (-?\d\.\d+)\]")
TRAINED_LESSONS = {"01", "02", "03", "04", "05", "06", "12", "14"}  # with a verdict on a training


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
    """What was tried and what was chosen from it."""
    names = {name for _, part in parts(record["data"]) for name in part}
    return bool({"grid", "values", "rates", "tried"} & names and {"choice", "chosen"} & names)


@pytest.mark.parametrize("path", STORED)
def test_every_stored_result_is_json_and_says_what_made_it(path):
    record = read(path)
    assert re.fullmatch("[0-9a-f]{12}", record["stamp"]["code"])
    assert record["data"] and record["command"].startswith("python -m tlhelpers ")


def test_every_stored_result_of_a_lesson_is_declared_by_its_experiment():
    lessons = {path.stem for path in RESULTS.glob("[0-9]*.json")}
    assert lessons == set(DECLARED)


@pytest.mark.parametrize("name", DECLARED)
def test_a_result_says_what_its_numbers_are_about(name):
    record = read(RESULTS / f"{name}.json")
    about = record["about"]
    assert about == DECLARED[name].about or DECLARED[name].is_stale()
    assert set(about) == {"unit", "seeds", "labels", "settings"} and all(about.values())
    settings = about["settings"]
    if settings == SEARCHED:
        assert holds_a_search(record)
    elif settings.startswith("searched in "):
        assert holds_a_search(read(RESULTS / f"{settings.removeprefix('searched in ')}.json"))
    else:
        assert settings in (CROSS_VALIDATED, IN_EACH_DRAW, VARIED, FIXED)


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
        text = path.read_text(encoding="utf-8")
        for low, high in INTERVAL.findall(text):
            seen += 1
            assert 0 <= float(low) <= float(high) <= 100, path.name
        for mean, low, high in FRACTIONS.findall(text):
            assert 0 <= float(low) <= float(mean) <= float(high) <= 1, path.name
    assert seen > 20


def test_a_verdict_holds_flips_or_stays_open(monkeypatch, tmp_path):
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    points = {"as_told": [4, 5, 6], "half": [-1, 2, 1], "adamw": [-6, -5, -4]}
    record = {"data": {"verdicts": {"tuned": points}}}
    (tmp_path / "03_stable.json").write_text(json.dumps(record), encoding="utf-8")
    rows = results.verdicts()
    assert [(row["setting"], row["says"]) for row in rows] == [
        ("as_told", "holds"),
        ("half", "open"),
        ("adamw", "flips"),
    ]
    assert {row["lesson"] for row in rows} == {"03"} and rows[0]["points"].mean == 5


STABLE = sorted(path.stem for path in RESULTS.glob("*_stable.json"))


def test_every_lesson_that_trains_asks_its_verdicts_again():
    assert {name[:2] for name in STABLE} >= TRAINED_LESSONS


@pytest.mark.parametrize("name", STABLE)
def test_a_verdict_is_asked_under_several_settings_and_in_every_draw(name):
    record = read(RESULTS / f"{name}.json")
    assert record["data"]["verdicts"]
    for verdict, settings in record["data"]["verdicts"].items():
        draws = {setting: len(points) for setting, points in settings.items()}
        assert len(draws) >= 2 and set(draws.values()) == {record["about"]["seeds"]}, verdict


def test_the_sealed_seed_is_measured_and_nothing_is_stored(monkeypatch, tmp_path, capsys):
    asked = []

    def measure_it(seeds):
        asked.extend(seeds)
        yield measure.Bar("a bar", measure.interval([0.9], share=True), at_least=0.5)

    monkeypatch.setattr(measure, "RESULTS", tmp_path)
    monkeypatch.setattr(measure, "_GROUPS", {"it": measure_it})
    monkeypatch.setattr(measure, "write_cards", lambda: asked.append("cards"))
    assert measure.main(["--sealed"]) == 0
    assert asked == [measure.SEALED] and not list(tmp_path.iterdir())
    assert "a bar" in capsys.readouterr().out


class Claim:
    """One `tl.claim(sentence, condition)` of a notebook, with the cell around it."""

    def __init__(self, call, cell, stored):
        self.sentence = ast.unparse(call.args[0])
        names = {node.id for node in ast.walk(call) if isinstance(node, ast.Name)}
        used = [node for node in ast.walk(cell) if isinstance(node, ast.Name)]
        set_here = {node.id for node in used if isinstance(node.ctx, ast.Store)}
        from_elsewhere = {node.id for node in used} - set_here
        self.stored = bool(stored & from_elsewhere) or "tl.stored" in ast.unparse(cell)
        meant = [call.args[1]] + [
            node.value
            for node in ast.walk(cell)
            if isinstance(node, ast.Assign) and {ast.unparse(t) for t in node.targets} & names
        ]
        ends = (node.attr for one in meant for node in ast.walk(one) if hasattr(node, "attr"))
        self.by_an_end = bool({"low", "high"} & set(ends))


def claims(lang):
    """The claims of all lessons in this language, cell by cell."""
    for path in sorted((ROOT / "lessons" / lang).glob("[0-9]*.ipynb")):
        cells = [c for c in read(path)["cells"] if c["cell_type"] == "code"]
        bodies = [ast.parse("".join(cell["source"])) for cell in cells]
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


@pytest.mark.parametrize(("lang", "word"), [("en", "stored"), ("ja", "保存済み")])
def test_claims_rest_on_the_end_of_an_interval_and_stored_ones_say_so(lang, word):
    every = list(claims(lang))
    live = [claim for claim in every if not claim.stored]
    shares = {}
    for name, of in (("live", live), ("all", every)):
        shares[name] = sum(claim.by_an_end for claim in of) / len(of)
        print(f"{lang}: {shares[name]:.0%} of {len(of)} {name} claims rest on an interval's end")
    assert len(live) >= 5 and len(every) >= 20
    assert min(shares.values()) >= 0.8
    assert not [claim.sentence for claim in every if claim.stored and word not in claim.sentence]
