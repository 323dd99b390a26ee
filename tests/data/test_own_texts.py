"""A learner's own table of texts becomes a task, however it was saved; what is odd is told."""

import importlib.util
import json
import random

import pytest
import torch

from tests.tiny_texts import WORDS, as_csv, rows
from tlhelpers.data.folder import FolderError, load_folder
from tlhelpers.data.inspection import join_groups
from tlhelpers.data.tables import read_table
from tlhelpers.data.text_inspection import near_duplicate_texts, script_of, squeezed

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp932", "euc_jp")


def all_texts(task) -> set[str]:
    return {words for part in (task.train, task.valid, task.test) for words in part.inputs}


def japanese() -> list[dict[str, str]]:
    made = [
        {"本文": f"ｶｰﾄﾞの請求が{n}回目も届きません、金額は{n * 731}円です", "分類": "請求"}
        for n in range(12)
    ]
    return made + [
        {"本文": f"荷物{n * 37}番がまだﾄﾞｱの前に来ない、{n}日も待っている", "分類": "配送"}
        for n in range(12)
    ]


# --- tables -------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_of_a_japanese_table_is_told_from_its_bytes(tmp_path, encoding):
    content = as_csv(japanese())
    (tmp_path / "t.csv").write_bytes(content.encode(encoding))
    task = load_folder(tmp_path / "t.csv", columns={})
    assert all_texts(task) == {record["本文"] for record in japanese()}
    assert task.class_names == ["請求", "配送"] and task.kind == "text"
    assert task.inspection.columns == {"text": "本文", "label": "分類"}
    named = {"cp932": "Shift_JIS", "euc_jp": "EUC-JP"}.get(encoding)
    assert named is None or named in str(task.inspection)


@pytest.mark.parametrize("words", ["ﾄﾞｱ", "ｶﾞｽ", "ﾎﾟｽﾄ", "ﾊﾞｽ"])
def test_half_width_kana_alone_are_not_taken_for_rare_kanji(tmp_path, words):
    (tmp_path / "t.csv").write_bytes(f"text,label\n{words * 2},{words * 2}\n".encode("cp932"))
    assert read_table(tmp_path / "t.csv").rows == [[words * 2, words * 2]]


def test_an_encoding_may_be_named_and_a_wrong_name_is_told(tmp_path):
    (tmp_path / "t.csv").write_bytes("text,label\ncafé,é\n".encode("latin-1"))
    assert read_table(tmp_path / "t.csv", encoding="latin-1").rows == [["café", "é"]]
    with pytest.raises(FolderError, match='no encoding called "klingon"'):
        read_table(tmp_path / "t.csv", encoding="klingon")


@pytest.mark.parametrize("sep", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_separators_line_ends_and_quoted_breaks_are_read(tmp_path, sep, end):
    records = rows()
    records[3]["text"] = f'one {sep} more{end}two lines, a quote "'
    (tmp_path / "t.csv").write_bytes(as_csv(records, sep, end).encode())
    assert all_texts(load_folder(tmp_path / "t.csv")) == {r["text"] for r in records}


def test_the_line_with_which_excel_names_the_separator_is_obeyed(tmp_path):
    (tmp_path / "t.csv").write_text("sep=|\ntext|label\na, b; c|x\n")
    table = read_table(tmp_path / "t.csv")
    assert table.header == ["text", "label"] and table.rows == [["a, b; c", "x"]]
    assert table.lines == [3]


def test_a_stray_quote_spoils_no_other_line(tmp_path):
    (tmp_path / "t.tsv").write_text('text\tlabel\n"oh\tx\nwell\ty\nyes"\tx\n')
    assert [row[1] for row in read_table(tmp_path / "t.tsv").rows] == ["x", "y", "x"]
    (tmp_path / "end.tsv").write_text('label\ttext\nx\t"oh\ny\twell\nx\tyes"\n')
    assert [row[0] for row in read_table(tmp_path / "end.tsv").rows] == ["x", "y", "x"]


def test_json_lines_are_read_and_a_broken_one_is_told(tmp_path):
    lines = [json.dumps(record) for record in rows()]
    (tmp_path / "t.jsonl").write_text("\n".join([*lines, "{broken", "[1]"]))
    found = load_folder(tmp_path / "t.jsonl").inspection
    assert sum(found.counts.values()) == 40
    assert [problem.path for problem in found.left_out] == ["t.jsonl:41", "t.jsonl:42"]


def test_excel_is_read_or_the_package_is_named(tmp_path):
    if importlib.util.find_spec("openpyxl") is None:
        (tmp_path / "t.xlsx").write_bytes(b"PK")
        with pytest.raises(FolderError, match="pip install openpyxl"):
            load_folder(tmp_path / "t.xlsx")
        return
    import openpyxl

    book = openpyxl.Workbook()
    for cells in [["text", "label", "stars"], *([r["text"], r["label"], 5.0] for r in rows())]:
        book.active.append(cells)
    book.save(tmp_path / "t.xlsx")
    assert read_table(tmp_path / "t.xlsx").column("stars") == ["5"] * 40
    assert all_texts(load_folder(tmp_path / "t.xlsx")) == {r["text"] for r in rows()}
    (tmp_path / "bad.xlsx").write_bytes(b"no workbook")
    with pytest.raises(FolderError, match="CSV UTF-8"):
        load_folder(tmp_path / "bad.xlsx")


def test_a_table_without_header_is_seen_by_its_first_line(tmp_path):
    lines = [f"{record['label']}\t{record['text']}" for record in rows()]
    (tmp_path / "t.tsv").write_text("\n".join(lines))
    task = load_folder(tmp_path / "t.tsv")
    assert task.inspection.columns == {"text": "2", "label": "1"}
    assert all_texts(task) == {record["text"] for record in rows()}


# --- columns ------------------------------------------------------------------------------


def test_columns_are_found_by_what_they_hold_or_taken_as_told(tmp_path):
    records = [
        {"id": str(n), "worüber": record["label"], "was": record["text"], "kurz": f"no {n}"}
        for n, record in enumerate(rows())
    ]
    (tmp_path / "t.csv").write_text(as_csv(records))
    assert load_folder(tmp_path / "t.csv").inspection.columns == {"text": "was", "label": "worüber"}
    task = load_folder(tmp_path / "t.csv", columns={"text": ["kurz", "was"]})
    assert f"no 0\n{records[0]['was']}" in all_texts(task)
    with pytest.raises(FolderError, match=r'no column "waas".*"was"'):
        load_folder(tmp_path / "t.csv", columns={"text": "waas"})


def test_two_columns_that_could_be_the_class_are_a_question(tmp_path):
    records = [{"text": r["text"], "a": r["label"], "b": str(n % 3)} for n, r in enumerate(rows())]
    (tmp_path / "t.csv").write_text(as_csv(records))
    with pytest.raises(FolderError, match=r'"a", "b".*--label'):
        load_folder(tmp_path / "t.csv")


@pytest.mark.parametrize(
    "labels", [["a;b", "b", "a", "b;c", "c"], ["a, b", "a", "b, c", "c, a", "b"]]
)
def test_several_labels_a_text_are_refused(tmp_path, labels):
    records = [{"text": r["text"], "label": labels[n % len(labels)]} for n, r in enumerate(rows())]
    (tmp_path / "t.csv").write_text(as_csv(records))
    with pytest.raises(FolderError, match="multi-label"):
        load_folder(tmp_path / "t.csv")


def test_flags_and_lists_are_several_labels_too(tmp_path):
    flags = [
        {"text": r["text"], "rude": str(n % 2), "loud": str(n // 2 % 2)}
        for n, r in enumerate(rows())
    ]
    (tmp_path / "flags.csv").write_text(as_csv(flags))
    lists = [json.dumps({"text": r["text"], "label": [r["label"]]}) for r in rows()]
    (tmp_path / "lists.jsonl").write_text("\n".join(lists))
    for name in ("flags.csv", "lists.jsonl"):
        with pytest.raises(FolderError, match="multi-label"):
            load_folder(tmp_path / name)


def test_a_comma_in_the_name_of_a_class_is_no_list(tmp_path):
    names = {"billing": "Payment, billing", "delivery": "Delivery, abroad"}
    records = [{"text": r["text"], "label": names[r["label"]]} for r in rows()]
    (tmp_path / "t.csv").write_text(as_csv(records))
    assert load_folder(tmp_path / "t.csv").class_names == sorted(names.values())


@pytest.mark.parametrize(("form", "said"), [("{}.5", "quantities"), ("id-{}", "too few texts")])
def test_labels_that_are_no_classes_are_told(tmp_path, form, said):
    records = [{"text": r["text"], "label": form.format(n)} for n, r in enumerate(rows())]
    (tmp_path / "t.csv").write_text(as_csv(records))
    with pytest.raises(FolderError, match=said):
        load_folder(tmp_path / "t.csv")


# --- what is wrong with the rows ----------------------------------------------------------


def test_empty_copied_and_contradicting_rows_are_told_by_their_line_never_their_text(tmp_path):
    records = rows()
    records += [
        {"text": " ", "label": "billing"},
        {"text": "a text", "label": ""},
        {"text": records[0]["text"].upper(), "label": "billing"},
        {"text": records[1]["text"], "label": "delivery"},
    ]
    (tmp_path / "t.csv").write_text(as_csv(records))
    found = load_folder(tmp_path / "t.csv").inspection
    assert [(p.path, p.kind) for p in found.left_out] == [
        ("t.csv:42", "file_no_text"),
        ("t.csv:43", "file_no_label"),
    ]
    assert found.duplicates == [["t.csv:2", "t.csv:44"]]
    assert found.conflicts == [["t.csv:3", "t.csv:45"]]
    assert not any(record["text"] in str(found) for record in rows())


def test_near_copies_are_found_and_stay_together(tmp_path):
    records = rows(30)
    for n in range(10):
        records.append({"text": records[n]["text"] + "!!", "label": "billing"})
    (tmp_path / "t.csv").write_text(as_csv(records))
    task = load_folder(tmp_path / "t.csv")
    found = task.inspection
    assert len(found.near_duplicates) == 10 and not found.across
    for inputs in (task.train.inputs, task.valid.inputs, task.test.inputs):
        assert all(words.removesuffix("!!") in inputs for words in inputs)


def test_near_copies_across_given_parts_are_told(tmp_path):
    records = rows(30)
    (tmp_path / "train.csv").write_text(as_csv(records))
    copies = [{**record, "text": record["text"] + "!!"} for record in records[::10]]
    (tmp_path / "test.csv").write_text(as_csv(copies))
    task = load_folder(tmp_path)
    assert len(task.test) == 6 and task.inspection.rule == "tables"
    assert task.inspection.across and "easier than real life" in str(task.inspection)


def test_near_copies_agree_with_a_comparison_of_all_pairs():
    draw = random.Random(1)
    texts = [" ".join(draw.sample(WORDS, 10)) for _ in range(60)]
    texts += [words + draw.choice(["?", " ok", "..."]) for words in texts[:30]]

    def share(a: str, b: str) -> float:
        one, two = ({w[i : i + 4] for i in range(len(w) - 3)} for w in (a, b))
        return len(one & two) / len(one | two)

    wanted = {
        (i, j)
        for i in range(len(texts))
        for j in range(i + 1, len(texts))
        if share(texts[i], texts[j]) >= 0.8
    }
    found = set(near_duplicate_texts(texts))
    assert found <= wanted and len(found) >= 0.9 * len(wanted) > 20


def test_a_group_stays_in_one_part_and_a_column_that_looks_like_one_is_named(tmp_path):
    records = [{**record, "customer_id": f"c{n % 12}"} for n, record in enumerate(rows(48, seed=3))]
    (tmp_path / "t.csv").write_text(as_csv(records))
    assert "--group customer_id" in str(load_folder(tmp_path / "t.csv").inspection)
    task = load_folder(tmp_path / "t.csv", columns={"group": "customer_id"})
    of_text = {record["text"]: record["customer_id"] for record in records}
    parts = [{of_text[w] for w in part.inputs} for part in (task.train, task.valid, task.test)]
    assert all(parts) and not (parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2])


def test_what_gives_the_label_away_is_told(tmp_path):
    records = [
        {**r, "queue": "q1" if r["label"] == "billing" else "q2", "day": str(n % 5)}
        for n, r in enumerate(rows())
    ]
    (tmp_path / "t.csv").write_text(as_csv(records))
    said = load_folder(tmp_path / "t.csv").inspection.remarks
    assert any('"queue" alone tells' in line for line in said)
    assert not any('"day" alone tells' in line for line in said)
    tagged = [{**r, "text": f"[{r['label']}] {r['text']}"} for r in rows()]
    (tmp_path / "tagged.csv").write_text(as_csv(tagged))
    assert "its own class stands in 100%" in str(load_folder(tmp_path / "tagged.csv").inspection)


@pytest.mark.parametrize(
    ("words", "script"),
    [
        ("届きません", "japanese"),
        ("ｶｰﾄﾞ", "japanese"),
        ("ＡＢＣ", "latin"),
        ("退款", "chinese"),
        ("환불", "korean"),
        ("возврат", "cyrillic"),
        ("12:30", "other"),
    ],
)
def test_scripts_are_told(words, script):
    assert script_of(words) == script


def test_widths_are_one_text():
    assert squeezed("ｶｰﾄﾞ　ＡＢＣ\n") == "カード abc"


# --- folders ------------------------------------------------------------------------------


def test_a_class_written_in_two_widths_is_one_and_an_absent_label_is_none(tmp_path):
    names = ["苦情", "ＡＢＣ", "ABC", "苦情 ", "nan"]
    rows = "\n".join(f"{n} 番目の問い合わせの文です,{names[n % 5]}" for n in range(60))
    (tmp_path / "t.csv").write_text(f"text,label\n{rows}", encoding="utf-8")
    task = load_folder(tmp_path / "t.csv")
    assert task.class_names == ["ABC", "苦情"]
    assert "Taken for one class" in str(task.inspection)


def test_a_folder_of_text_files_by_class(tmp_path):
    for n, record in enumerate(rows(12)):
        folder = tmp_path / "mine" / record["label"]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{n:03}.txt").write_bytes(record["text"].encode("utf-16"))
    (tmp_path / "mine" / "billing" / "empty.txt").write_text("")
    task = load_folder(tmp_path / "mine")
    assert task.class_names == ["billing", "delivery"]
    assert all_texts(task) == {record["text"] for record in rows(12)}
    assert [p.path for p in task.inspection.left_out] == ["billing/empty.txt"]
    assert all(path.suffix == ".txt" for path in task.paths["test"])


def test_a_split_of_texts_keeps_places_in_a_subset(tmp_path):
    (tmp_path / "t.csv").write_text(as_csv(rows()))
    train = load_folder(tmp_path / "t.csv").train
    some = train.subset(torch.tensor([2, 0]))
    assert some.inputs == [train.inputs[2], train.inputs[0]]
    assert some.paths == [train.paths[2], train.paths[0]]


def test_one_seed_is_one_split(tmp_path):
    (tmp_path / "t.csv").write_text(as_csv(rows()))
    first, again, other = (load_folder(tmp_path / "t.csv", seed=s).test.inputs for s in (0, 0, 1))
    assert first == again != other


def test_groups_joined_over_pairs():
    assert join_groups(["a", "b", "a", "c"], [(1, 3)]) in ([0, 1, 0, 1], [0, 2, 0, 2])
