"""Every sentence a learner may see exists in both languages, is used, and can be filled in."""

import ast
import dataclasses
import re
import string
import tomllib
import types
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

from tlhelpers.course.report import Contender
from tlhelpers.runtime import language
from tlhelpers.runtime.language import catalogue, text
from tlhelpers.runtime.places import ROOT
from tlhelpers.transfer.features import ProbeResult
from tlhelpers.transfer.fewshot import FewShotResult
from tlhelpers.transfer.finetune import FineTuneResult
from tlhelpers.transfer.incremental import IncrementalResult
from tlhelpers.transfer.knn import KnnResult
from tlhelpers.transfer.lr_find import LearningRates
from tlhelpers.transfer.negative import NegativeTransferGap
from tlhelpers.transfer.text_baseline import BaselineResult
from tlhelpers.transfer.zeroshot import ZeroShotResult

JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
# code in backticks aside; calls and coordinates in a sentence keep their brackets
HALF_WIDTH = re.compile(
    r"[\u3040-\u30ff\u4e00-\u9fff](\((?!\d)|:(?!//))|(?<![\d(])\)[\u3040-\u30ff\u4e00-\u9fff]"
)
# these are the same in both languages: names, and values without words
NO_WORDS = re.compile(r"[A-Za-z0-9\n .,:：;()%=×±+*/|→^_{}\[\]<>~·–−（）、-]*")


def sources() -> list[Path]:
    package = ROOT / "tlhelpers"
    return [*sorted(package.rglob("*.py")), *sorted((ROOT / "lessons" / "source").glob("*.py"))]


@cache
def nodes_of_the_code() -> list[tuple[str, ast.Call | ast.Constant | ast.JoinedStr]]:
    """Where, and each call and literal there."""
    found = []
    for path in sources():
        file = path.relative_to(ROOT)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.Call, ast.Constant, ast.JoinedStr)):
                found.append((f"{file}:{node.lineno}", node))
    return found


@cache
def literals_of_the_code() -> list[tuple[str, bool, ast.expr]]:
    """Where, whether it is the argument of `text`, and the literal or f-string itself."""
    found = []
    for where, node in nodes_of_the_code():
        if not isinstance(node, ast.Call):
            found.append((where, False, node))
        elif node.args and name_of(node) == "text":
            found.append((where, True, node.args[0]))
    return found


def name_of(call: ast.Call) -> str | None:
    return getattr(call.func, "id", getattr(call.func, "attr", None))


@cache
def keys_said_of_files() -> dict[str, str]:
    """Regular expression of each key given to `say(...)`, without its room -> where."""
    found = {}
    for where, node in nodes_of_the_code():
        if isinstance(node, ast.Call) and name_of(node) == "say":
            found |= dict.fromkeys(patterns_of(node.args[-1]), where)
    return found


@cache
def keys_asked_for() -> dict[str, str]:
    """Regular expression of each key given to `text(...)` -> where."""
    found = {}
    for where, asked, literal in literals_of_the_code():
        if asked:
            found |= dict.fromkeys(patterns_of(literal), where)
    return found


def patterns_of(argument: ast.expr) -> list[str]:
    """The regular expressions of the keys this argument may stand for; [] for a variable."""
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return [re.escape(argument.value)]
    if isinstance(argument, ast.JoinedStr):
        parts = argument.values
        fixed = [re.escape(p.value) if isinstance(p, ast.Constant) else "[^.]+" for p in parts]
        return ["".join(fixed)]
    if isinstance(argument, ast.IfExp):
        return patterns_of(argument.body) + patterns_of(argument.orelse)
    return []


@cache
def keys_in_the_code() -> list[str]:
    """Patterns of all literals that may be keys: one may reach `text` by a variable or a table."""
    rooms = "|".join({re.escape(key.split(".")[0]) for key in catalogue()})
    found = {key for _, _, literal in literals_of_the_code() for key in patterns_of(literal)}
    keys = [p for p in found if re.match(rf"({rooms})\\\.", p)]
    return keys + [rf"(folder|recordings)\.{p}" for p in keys_said_of_files()]


def met(patterns: Iterable[str]) -> tuple[set[str], set[str]]:
    """The keys of the catalogue that a pattern stands for, and the patterns that stand for none.

    Nearly every pattern is one key, which is looked up; the others are few enough to be tried.
    """
    keys = {re.escape(key): key for key in catalogue()}
    known, met_by_none = set(), set()
    for pattern in patterns:
        found = {keys[pattern]} if pattern in keys else set()
        if not found and re.search(r"[\[(]", pattern):
            found = {key for key in keys.values() if re.fullmatch(pattern, key)}
        known |= found
        met_by_none |= set() if found else {pattern}
    return known, met_by_none


def placeholders(sentence: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(sentence) if field is not None}


def faults(pair: dict[str, str]) -> list[str]:
    """What is wrong with a sentence in its two languages."""
    if set(pair) != {"en", "ja"} or not all(words.strip() for words in pair.values()):
        return ["one of the languages is missing"]
    found = {
        "the placeholders differ": placeholders(pair["en"]) != placeholders(pair["ja"]),
        "Japanese in the English sentence": JAPANESE.search(pair["en"]),
        "the Japanese sentence is not Japanese": not NO_WORDS.fullmatch(pair["ja"])
        and not JAPANESE.search(pair["ja"]),
        "half-width brackets or colons in Japanese": HALF_WIDTH.search(
            re.sub("`[^`]*`", "", pair["ja"])
        ),
    }
    return [fault for fault, there in found.items() if there]


@pytest.mark.parametrize("room", sorted({key.split(".")[0] for key in catalogue()}))
def test_every_sentence_of_a_room_stands_in_both_languages(room):
    own = {key: pair for key, pair in catalogue().items() if key.startswith(f"{room}.")}
    assert {key: found for key, pair in own.items() if (found := faults(pair))} == {}


@pytest.mark.parametrize(
    ("pair", "fault"),
    [
        ({"en": "Two words"}, "missing"),
        ({"en": "Two words", "ja": " "}, "missing"),
        ({"en": "{count} words", "ja": "{number}語"}, "placeholders"),
        ({"en": "Two 語", "ja": "2語"}, "Japanese in the English"),
        ({"en": "Two words", "ja": "Two words!"}, "not Japanese"),
        ({"en": "Two (short)", "ja": "2語(短い)"}, "half-width"),
        ({"en": "Words: {n}", "ja": "語数: {n}"}, "half-width"),
    ],
)
def test_each_fault_of_a_sentence_is_seen(pair, fault):
    (found,) = faults(pair)
    assert fault in found
    assert faults({"en": "{n} words", "ja": "{n}語"}) == []
    assert faults({"en": "from (1, 2), `f(x)`", "ja": "(1, 2)から、`語(x)`"}) == []


def test_no_key_is_given_by_two_files():
    owners = {}
    for path in sorted(Path(language.__file__).parents[1].rglob("sentences.toml")):
        for room, keys in tomllib.loads(path.read_text(encoding="utf-8")).items():
            for key in keys:
                assert owners.setdefault(f"{room}.{key}", path) == path


def test_every_key_that_code_asks_for_exists():
    of_files = {rf"(folder|recordings)\.{p}": where for p, where in keys_said_of_files().items()}
    asked = keys_asked_for() | of_files
    assert {pattern: asked[pattern] for pattern in met(asked)[1]} == {}


def test_every_sentence_is_used():
    assert catalogue().keys() - met(keys_in_the_code())[0] == set()


def test_the_language_is_the_variable_then_the_folder_then_the_system(monkeypatch, tmp_path):
    (tmp_path / "ja").mkdir()
    monkeypatch.chdir(tmp_path / "ja")
    monkeypatch.delenv("TLHELPERS_LANG", raising=False)
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    assert language.language() == "ja"
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    assert language.language() == "en"
    monkeypatch.delenv("TLHELPERS_LANG")
    monkeypatch.chdir(tmp_path)
    assert language.language() == "en"
    monkeypatch.setenv("LC_ALL", "ja_JP.UTF-8")
    assert language.language() == "ja"


def test_a_sentence_is_filled_in_in_the_learners_language(monkeypatch):
    monkeypatch.setenv("TLHELPERS_LANG", "ja")
    assert text("cli.unknown", command="labb", known="lab").startswith("labb というコマンド")
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    assert text("cli.unknown", command="labb", known="lab").startswith("There is no command labb")


def test_every_result_has_a_word_for_each_of_its_columns():
    results = (BaselineResult, Contender, FewShotResult, FineTuneResult, IncrementalResult)
    results += (KnnResult, LearningRates, NegativeTransferGap, ProbeResult, ZeroShotResult)
    columns = {f"label.{f.name}" for kind in results for f in dataclasses.fields(kind) if f.repr}
    assert columns <= set(catalogue())


@pytest.fixture
def stranger(tmp_path, monkeypatch):
    """The sentences of a translation that somebody else has written."""
    folder = tmp_path / "translations" / "fr"
    folder.mkdir(parents=True)
    monkeypatch.setattr(language, "TRANSLATIONS", folder.parent)
    monkeypatch.setenv("TLHELPERS_LANG", "fr")
    catalogue.cache_clear()
    yield folder / "sentences.toml"
    catalogue.cache_clear()


@pytest.mark.parametrize(
    "content",
    [
        b"[build",
        b"\xe9",
        b"build = 3",
        b"build = [1]",
        b"[build]\nright = 3",
        b"a = " + b"[" * 9999,
    ],
    ids=repr,
)
def test_a_damaged_translation_is_told_and_english_stands_in(stranger, content):
    stranger.write_bytes(content)
    assert text("build.wrong", count=2) == "2 problems."


def test_a_translation_speaks_for_no_other_language_and_may_have_gaps(stranger, capsys):
    stranger.write_text(
        '[build]\nright = {fr = 3}\nwrong = {fr = "{combien}", en = "hijacked", ja = "x"}\n'
        'nobody = {fr = "x"}\n'
    )
    assert text("build.wrong", count=2) == "2 problems." and "build.nobody" not in catalogue()
    assert text("build.right") == catalogue()["build.right"]["en"]
    (stranger.parent.parent / "es").write_text("a file")
    (stranger.parent.parent / "ja").mkdir()
    assert language.languages() == ("ja", "en", "fr")
    stranger.unlink()
    stranger.mkdir()
    catalogue.cache_clear()
    assert text("build.wrong", count=2) == "2 problems." and "fr" in capsys.readouterr().err


def test_a_folder_that_was_deleted_has_no_language_and_stops_nobody(tmp_path, monkeypatch):
    monkeypatch.delenv("TLHELPERS_LANG")
    monkeypatch.setenv("LC_ALL", "ja_JP.UTF-8")
    gone = tmp_path / "en"
    gone.mkdir()
    monkeypatch.chdir(gone)
    assert language.language() == "en"
    gone.rmdir()
    assert language.language() == "ja"


@pytest.mark.parametrize("host", ["a server of Jupyter", "VS Code"])
def test_a_notebook_speaks_its_language_in_a_folder_of_any_name(host, tmp_path, monkeypatch):
    for name in ("TLHELPERS_LANG", "JPY_SESSION_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.ipynb").write_text('{"metadata": {"lang": "ja"}}', encoding="utf-8")
    assert language.language() == "en"
    if host == "VS Code":
        shell = types.SimpleNamespace(user_ns={"__vsc_ipynb_file__": str(tmp_path / "mine.ipynb")})
        monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    else:
        monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "mine.ipynb"))
    assert language.language() == "ja"
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    assert language.language() == "en"


NOTHING = ["", "[]", "3", "{", '{"metadata": {"lang": ["ja"]}}', "[" * 9999]


@pytest.mark.parametrize("content", NOTHING, ids=lambda content: content[:20])
def test_a_notebook_that_says_nothing_changes_nothing(content, tmp_path, monkeypatch):
    monkeypatch.delenv("TLHELPERS_LANG")
    monkeypatch.setenv("LC_ALL", "ja_JP.UTF-8")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.ipynb").write_text(content, encoding="utf-8")
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "mine.ipynb"))
    assert language.language() == "ja"
