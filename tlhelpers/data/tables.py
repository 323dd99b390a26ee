"""Tables as people have them: CSV, TSV, JSONL and Excel, in whatever encoding they were saved.

What a file is called decides how it is read; what it holds decides the encoding and the character
between its cells. A `sep=;` line, as Excel writes it, is obeyed. A line that cannot be read is kept
apart with its number and spoils no other.
"""

from __future__ import annotations

import codecs
import csv
import importlib.util
import io
import json
import os
import re
import unicodedata
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tlhelpers.runtime.console import printable
from tlhelpers.runtime.language import text
from tlhelpers.runtime.store import StoreError

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".xlsx")
NAMES = {
    "cp932": "Shift_JIS (CP932)",
    "euc_jp": "EUC-JP",
    "cp1252": "Windows-1252",
}  # as people call them
USUAL = (
    "utf-8-sig",
    "utf-16",
    "utf-32",
    "iso2022_jp",
)  # encodings that name themselves, or fit nothing else
LOOKED_AT = 4000  # characters that show whether a file is a text at all
ODD = 0.02  # the share of control characters and of those that stand for nothing, in a text
WHITE = "\t\r\n\f"
ALONE = re.compile("(?<![^\\x00-\\x7f])[\\xc0-\\xff](?![^\\x00-\\x7f])")  # an accented letter
IN_A_WORD = re.compile("(?<=[A-Za-z])[\\xc0-\\xff]|[\\xc0-\\xff](?=[A-Za-z])")
LONGEST_CELL = 1_000_000  # characters
KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa]")
HALF_WIDTH = re.compile("[\uff61-\uff9f]")
VOICED = re.compile("(?<![\uff73\uff76-\uff84\uff8a-\uff8e])[\uff9e\uff9f]")  # a dot on no kana


class FolderError(StoreError):
    """Files that nothing can be learned from. The message says why, and what to do."""


@dataclass
class Table:
    """The cells of a file. rows: as many cells each as `header`; lines: where each row stands."""

    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    bad: list[int] = field(default_factory=list)  # numbers of lines that could not be read
    encoding: str = "utf-8-sig"
    listed: set[str] = field(default_factory=set)  # columns whose cells hold lists (JSONL)

    def column(self, name: str) -> list[str]:
        """The cells of one column."""
        at = self.header.index(name)
        return [row[at] for row in self.rows]


def tables_among(files: Sequence[Path]) -> list[Path]:
    """Those that may be tables. Beside any other table a JSON file says something about it."""
    tables = [file for file in files if file.suffix.lower() in SUFFIXES]
    return [file for file in tables if file.suffix.lower() != ".json"] or tables


def read_table(path: Path, sep: str | None = None, encoding: str | None = None) -> Table:
    """The table in this file; its first row names the columns.

    sep: the character between cells; None takes what the file says or mostly holds. encoding: None
    tells it from the bytes. Raises FolderError where the file is no table.
    """
    suffix = path.suffix.lower()
    if os.path.lexists(path) and not path.is_file():  # a pipe would be waited for without end
        raise FolderError(text("tables.not_a_file", path=printable(str(path))))
    if suffix == ".xlsx":
        return _squared(path, _cells_of_excel(path), "utf-8-sig")
    content, found = decoded(path, encoding)
    seen = content[:LOOKED_AT]
    odd = sum(unicodedata.category(c) in ("Cc", "Cn", "Co", "Cs") and c not in WHITE for c in seen)
    if odd > ODD * len(seen):
        raise FolderError(text("tables.binary", path=printable(str(path))))
    if suffix in (".jsonl", ".ndjson", ".json"):
        return _read_json_lines(path, content, found)
    numbered, _ = lines_of(content, sep or ("\t" if suffix == ".tsv" else None))
    return _squared(path, numbered, found)


def _squared(path: Path, numbered: list[tuple[int, list[str] | None]], encoding: str) -> Table:
    """Rows of one length: short ones are filled up, longer or unreadable ones are kept apart."""
    numbered = [(line, cells) for line, cells in numbered if cells is None or any(cells)]
    while numbered and numbered[0][1] is None:
        del numbered[0]
    if not numbered or numbered[0][1] is None:
        raise FolderError(text("tables.empty", path=printable(str(path))))
    header = [cell.strip() for cell in numbered[0][1]]
    header = [name or f"#{place}" for place, name in enumerate(header, 1)]
    for place, name in enumerate(header):
        if name in header[:place]:
            header[place] = f"{name}#{place + 1}"
    table = Table(header, [], [], encoding=encoding)
    for line, cells in numbered[1:]:
        if cells is None or any(map(str.strip, cells[len(header) :])) or _is_odd(cells):
            table.bad.append(line)
            continue
        table.rows.append([*cells, *[""] * len(header)][: len(header)])
        table.lines.append(line)
    return table


def _is_odd(cells: list[str]) -> bool:
    return any("\0" in cell or len(cell) > LONGEST_CELL for cell in cells)


def _read_json_lines(path: Path, content: str, encoding: str) -> Table:
    """One record a line, or one list of records, which are then counted instead of lines."""
    records: list[tuple[int, dict[str, Any]]] = []
    bad = []
    listed = _from_json(content) if content.lstrip().startswith("[") else None
    read = listed if isinstance(listed, list) else map(_from_json, content.split("\n"))
    for line, record in enumerate(read, 1):
        if record is BLANK:
            continue
        if isinstance(record, dict):
            records.append((line, record))
        else:
            bad.append(line)
    header = list(dict.fromkeys(str(name) for _, record in records for name in record))
    if not header:
        raise FolderError(text("tables.empty", path=printable(str(path))))
    table = Table(header, [], [], bad, encoding)
    for line, record in records:
        cells = [_as_cell(record.get(name)) for name in header]
        table.listed |= {name for name in header if isinstance(record.get(name), list)}
        table.rows.append(cells)
        table.lines.append(line)
    return table


BLANK = object()


def _from_json(words: str) -> Any:
    """What the words hold; None where they are no JSON, BLANK where there are none."""
    if not words.strip():
        return BLANK
    try:
        return json.loads(words)
    except (ValueError, RecursionError):
        return None


def _as_cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cells_of_excel(path: Path) -> list[tuple[int, list[str] | None]]:
    """The first sheet of an Excel file, by openpyxl: values, not formulas."""
    if importlib.util.find_spec("openpyxl") is None:
        raise FolderError(text("tables.no_openpyxl", path=printable(str(path))))
    from openpyxl import load_workbook

    def plain(value: Any) -> str:
        if value is None:
            return ""
        whole = isinstance(value, float) and value.is_integer()
        return str(int(value) if whole else value)

    try:
        book = load_workbook(path, read_only=True, data_only=True)
        rows = book.worksheets[0].iter_rows(values_only=True)
        return [(line, list(map(plain, cells))) for line, cells in enumerate(rows, 1)]
    except (OSError, ValueError, KeyError, IndexError, zipfile.BadZipFile) as error:
        raise FolderError(text("tables.not_excel", path=printable(str(path)))) from error


# --- lines and cells ----------------------------------------------------------------------


def lines_of(
    content: str, sep: str | None = None
) -> tuple[list[tuple[int, list[str] | None]], str]:
    """The cells of each line with its number, and the character between them.

    The cells of a line that is none of a table are None. A quote that is never closed spoils its
    own line, not all that follow.
    """
    first, _, rest = content.partition("\n")
    begun = 1
    declared = re.fullmatch(r"\s*sep=(.)\s*", first, re.I)  # Excel's own first line
    if declared:
        content, begun = rest, 2
        first = rest.partition("\n")[0]
    sep = sep or (declared.group(1) if declared else max("\t;,", key=first.count))
    return [(number + begun - 1, cells) for number, cells in _split(content, sep)], sep


def _split(content: str, sep: str) -> Iterator[tuple[int, list[str] | None]]:
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=sep, strict=True)
    try:
        numbered = [(reader.line_num, cells) for cells in reader]
        tabs = len(numbered[0][1]) - 1 if numbered and sep == "\t" else 0
        pieces = (line for _, cells in numbered for cell in cells for line in cell.split("\n")[1:])
        if tabs and any(line.count("\t") == tabs for line in pieces):
            raise csv.Error  # a stray quote has swallowed whole lines
        yield from numbered
    except csv.Error:
        lines = re.split("\r\n|\r|\n", content)  # not splitlines: a text may hold U+2028
        yield from ((number, _cells(line, sep)) for number, line in enumerate(lines, 1))


def _cells(line: str, sep: str) -> list[str] | None:
    """One line by itself. Tabs separate in spite of quotes: a TSV of texts has stray ones."""
    try:
        return next(csv.reader([line], delimiter=sep, strict=True), [])
    except csv.Error:
        return line.split("\t") if sep == "\t" else None


# --- encodings ----------------------------------------------------------------------------


def decoded(path: Path, encoding: str | None = None) -> tuple[str, str]:
    """The text of a file and its encoding. Raises FolderError where it fits none."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise FolderError(text("folder.unreadable", path=printable(str(path)))) from error
    found = _fitting(raw, encoding)
    if not found:
        raise FolderError(text("folder.csv_encoding", path=printable(str(path))))
    best = "euc_jp" if _is_euc(found) else next(iter(found))
    return found[best], best


def _fitting(raw: bytes, asked: str | None) -> dict[str, str]:
    """{encoding: text}: the one asked for, or those that the bytes allow."""
    if asked is not None:
        order = [asked]
    elif raw[:4] in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE):
        order = ["utf-32"]
    elif b"\x1b$" in raw:  # the escapes by which JIS begins its kanji
        order = ["iso2022_jp", "utf-8-sig"]
    elif raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        order = ["utf-16"]
    elif raw[1:2] == b"\0" or raw[:1] == b"\0":  # UTF-16 without its mark
        order = ["utf-16-le" if raw[1:2] == b"\0" else "utf-16-be"]
    else:
        order = ["utf-8-sig", "cp932", "euc_jp"]
        if b"\0" in raw:  # UTF-16 that does not begin with a Latin letter
            order[1:1] = ["utf-16-le" if raw[1::2].count(0) > raw[::2].count(0) else "utf-16-be"]
        if _is_latin(raw):
            order[1:] = ["cp1252"]
    found: dict[str, str] = {}
    for encoding in order:
        try:
            found[encoding] = raw.decode(encoding)
        except LookupError as error:
            raise FolderError(text("tables.no_encoding", asked=asked)) from error
        except UnicodeError:
            continue
        if encoding != "cp932":
            break
    return found


def _is_latin(raw: bytes) -> bool:
    """True for bytes of Western Europe: each accented letter stands alone among plain ones, where
    Japanese bytes come in pairs."""
    try:
        words = raw.decode("cp1252")
    except UnicodeDecodeError:
        return False
    foreign = sum(character > "\x7f" for character in words)
    alone, in_a_word = len(ALONE.findall(words)), len(IN_A_WORD.findall(words))
    return foreign > 0 and alone >= 0.9 * foreign and in_a_word >= 0.5 * foreign


def _is_euc(found: dict[str, str]) -> bool:
    """True where bytes that fit CP932 and EUC-JP both are rather EUC-JP.

    Every byte of EUC-JP is a half-width kana in CP932; half-width kana, in turn, are rare kanji in
    EUC-JP. Real EUC-JP has kana of its own, and in real half-width kana each dot stands on a kana
    that takes one.
    """
    if "euc_jp" not in found or "cp932" not in found:
        return "euc_jp" in found
    as_euc, as_cp932 = found["euc_jp"], found["cp932"]
    foreign = sum(character > "\x7f" for character in as_euc)
    if 10 * len(KANA.findall(as_euc)) >= foreign:
        return True
    dotted = len(re.findall("[\uff9e\uff9f]", as_cp932))
    if dotted and not VOICED.search(as_cp932):
        return False
    return len(HALF_WIDTH.findall(as_euc)) < len(HALF_WIDTH.findall(as_cp932))
