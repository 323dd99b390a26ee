"""Whatever is shown as a table is the one table of `runtime/table.py`."""

import functools
import html
import sys

import pytest

from tlhelpers.course.doctor import doctor_summary
from tlhelpers.course.progress import progress
from tlhelpers.data.catalog import list_tasks
from tlhelpers.models.backbones import list_backbones
from tlhelpers.runtime.table import Tabular, label, width
from tlhelpers.train.history import History

HISTORY = History([1.0, 0.5], [0.9, 0.7], [0.25, 0.75], [3, 6], best_epoch=1, steps=6)
TABLES = {
    "tasks": list_tasks,
    "backbones": list_backbones,
    "progress": progress,
    "doctor": functools.cache(doctor_summary),  # which measures this computer
    "history": lambda: HISTORY,
}


@pytest.fixture(params=TABLES)
def table(request, monkeypatch, tmp_path) -> Tabular:
    monkeypatch.setenv("TLHELPERS_WORK", str(tmp_path))
    return TABLES[request.param]()


@pytest.mark.slow
def test_every_column_has_its_word_in_japanese(table, monkeypatch):
    monkeypatch.setenv("TLHELPERS_LANG", "ja")
    columns = table.rows()[0]
    page = table._repr_html_()
    for column in columns.keys() - {"megabytes"}:  # MB is MB
        assert label(column) != column and f">{label(column)}</th>" in page
    assert all(f"<p>{html.escape(note)}</p>" in page for note in table.notes())


def test_a_table_becomes_a_frame_and_names_pandas_where_it_is_absent(table, monkeypatch):
    pandas = pytest.importorskip("pandas")
    frame = table.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert frame.to_dict("records") == table.rows()
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        table.to_frame()


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_second_column_starts_at_one_place(lang, monkeypatch):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    table = list_tasks()
    cells = [label("kind"), *(row["kind"] for row in table.rows())]
    lines = str(table).splitlines()
    starts = {width(line[: line.index(cell)]) for line, cell in zip(lines, cells, strict=True)}
    assert len(starts) == 1
