"""The builder: what a source becomes, what is refused, and which outputs stay."""

import base64
import io
import json
import os
import re

import nbformat
import numpy as np
import pytest
from PIL import Image

from tlhelpers.course import build, syllabus
from tlhelpers.course.author import running
from tlhelpers.course.author.notebook import code_cells, linked, make_notebook, ways_on, written
from tlhelpers.course.author.reading import lesson_sources, read_lesson
from tlhelpers.course.results import compare_stamps
from tlhelpers.data.catalog import load_task
from tlhelpers.runtime import language, stamp
from tlhelpers.runtime.places import ROOT

PROSE = """\
# %% [markdown] key="title" lang="ja"
# # 題名
#
# 本文です。

# %% [markdown] key="title" lang="en"
# # Title
#
# Prose.

"""
CODE = """\
# %% key="load"
answer = 3

# %% key="show" tags=["claim"] alt_ja="図" alt_en="a figure"
print(answer)

"""
EXERCISE = """\
# %% key="count" tags=["exercise"]
def total(x):
    ### BEGIN SOLUTION
    # PLACEHOLDER: return ...
    doubled = 2 * x
    return doubled
    ### END SOLUTION


check("90-a")

# %% [markdown] key="why" lang="ja" tags=["solution"]
# 二倍だからです。

# %% [markdown] key="why" lang="en" tags=["solution"]
# Because it is twice as much.
"""


@pytest.fixture
def lessons(tmp_path):
    (tmp_path / "source").mkdir()
    write(tmp_path, PROSE + CODE + EXERCISE)
    return tmp_path


def write(lessons, source):
    (lessons / "source" / "90_demo.py").write_text(source, encoding="utf-8")


def edit(lessons, old, new):
    path = lessons / "source" / "90_demo.py"
    source = path.read_text(encoding="utf-8")
    assert old in source
    path.write_text(source.replace(old, new), encoding="utf-8")


def read(lessons, lang):
    path = lessons / lang / "90_demo.ipynb"
    return nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)


def pretend_run(lessons, outputs=None):
    """Stores outputs as a run would: by default each cell prints its own number."""
    for lang in ("ja", "en"):
        notebook = read(lessons, lang)
        for number, cell in enumerate(code_cells(notebook), 1):
            printed = nbformat.v4.new_output("stream", text=f"{number}\n")
            cell.outputs = outputs(cell) if outputs else [printed]
            cell.execution_count = number
        (lessons / lang / "90_demo.ipynb").write_text(written(notebook), encoding="utf-8")


def problems_of(lessons):
    return "\n".join(build.check(lessons))


def test_both_languages_get_the_same_code_and_ids_and_their_own_prose(lessons):
    build.build(lessons)
    ja, en = read(lessons, "ja"), read(lessons, "en")
    assert [cell.id for cell in ja.cells] == [cell.id for cell in en.cells]
    assert [cell.id for cell in en.cells] == ["title", "load", "show", "count", "count-solution"]
    for a, b in zip(code_cells(ja), code_cells(en), strict=True):
        assert (a.source, a.metadata.get("tags")) == (b.source, b.metadata.get("tags"))
    assert "題名" in ja.cells[0].source and "Title" not in ja.cells[0].source
    assert ja.metadata.lang == "ja" and en.metadata.lang == "en"
    assert en.cells[2].metadata.alt == "a figure"
    assert ja.cells[2].metadata.alt == "図"
    nbformat.validate(ja)
    nbformat.validate(en)


def test_learner_gets_a_stub_that_compiles_and_a_folded_solution(lessons):
    build.build(lessons)
    cells = {cell.id: cell for cell in read(lessons, "en").cells}
    stub, solution = cells["count"].source, cells["count-solution"].source
    assert "    return ..." in stub and "doubled" not in stub and "SOLUTION" not in stub
    compile(stub, "stub", "exec")
    assert solution.startswith("<details>") and "return doubled" in solution
    assert "twice as much" in solution and "PLACEHOLDER" not in solution
    assert "check(" not in solution


def test_building_twice_changes_no_byte_and_the_check_agrees(lessons):
    build.build(lessons)
    pretend_run(lessons)
    assert build.build(lessons) == []
    files = sorted(lessons.rglob("*.ipynb")) + sorted(lessons.rglob("*.json"))
    before = [path.read_bytes() for path in files]
    assert build.build(lessons) == [] and build.check(lessons) == []
    assert [path.read_bytes() for path in files] == before


def test_all_mistakes_of_a_source_are_listed_at_once(lessons):
    write(
        lessons,
        PROSE.replace('key="title" lang="en"', 'key="titel" lang="en"')
        + CODE.replace('key="show"', 'key="load"').replace('alt_en="a figure"', "")
        + '# %%\nno_key = 1\n\n# %% key="Bad Key"\n1\n\n# %% key="last" needs="nothing"\n'
        + "### BEGIN SOLUTION\n2\n### END SOLUTION\n\n"
        + '# %% key="stub" tags=["exercise"]\n### BEGIN SOLUTION\nx = 1\n### END SOLUTION\n',
    )
    found = problems_of(lessons)
    for expected in (
        "title: the cell lacks its twin",
        "titel: the cell lacks its twin",
        "load: this key is used twice",
        "no_key = 1: every cell needs",
        "Bad Key: every cell needs",
        'last: needs="nothing"',
        "last: solution marks stand",
        'stub: the solution has no line "# PLACEHOLDER',
        "stub: the last line of an exercise",
    ):
        assert expected in found, found
    assert build.build(lessons) and not (lessons / "en").exists()


def test_swapped_pair_and_different_tags_are_refused(lessons):
    write(lessons, PROSE.replace('"ja"', '"xx"').replace('"en"', '"ja"').replace('"xx"', '"en"'))
    assert "lacks its twin" in problems_of(lessons)
    write(lessons, PROSE.replace('lang="en"', 'lang="en" tags=["teacher"]'))
    assert "tags of the two languages differ" in problems_of(lessons)


def test_one_sided_edit_fails_until_the_other_side_is_edited_or_confirmed(lessons):
    build.build(lessons)
    pretend_run(lessons)
    edit(lessons, "本文です。", "新しい本文です。")
    assert "only the Japanese text was edited" in "\n".join(build.build(lessons))
    assert "only the Japanese text was edited" in problems_of(lessons)
    assert build.build(lessons, confirm=True) == [] and build.check(lessons) == []
    edit(lessons, "# Prose.", "# New prose.")
    assert "only the English text was edited" in problems_of(lessons)
    edit(lessons, "新しい本文です。", "もっと新しい本文です。")
    assert build.build(lessons) == [] and build.check(lessons) == []


def test_notebook_edited_by_hand_is_found_and_its_cell_named(lessons):
    build.build(lessons)
    pretend_run(lessons)
    path = lessons / "ja" / "90_demo.ipynb"
    path.write_text(path.read_text("utf-8").replace("本文です。", "別の本文です。"), "utf-8")
    assert "the ja notebook is not what its source builds (cells: title)" in problems_of(lessons)


def test_outputs_stay_up_to_the_first_changed_cell(lessons):
    build.build(lessons)
    pretend_run(lessons)
    edit(lessons, "print(answer)", "print(answer + 1)")
    assert "from cell: show, count" in "\n".join(build.build(lessons))
    counts = [cell.execution_count for cell in code_cells(read(lessons, "en"))]
    assert counts == [1, None, None]
    assert "from cell: show, count" in problems_of(lessons)


def test_a_run_is_kept_where_the_stored_cell_had_lost_its_output(lessons, monkeypatch):
    async def run(lesson, made):
        for notebook in made.values():
            notebook.metadata["package"] = build.code_hash()
            for number, cell in enumerate(code_cells(notebook), 1):
                cell.execution_count = number

    monkeypatch.setattr(build, "execute_both", run)
    build.build(lessons, execute=True)
    edit(lessons, "print(answer)", "print(answer + 1)")
    assert "from cell: show, count" in "\n".join(build.build(lessons))
    assert build.build(lessons, execute=True) == []
    assert [cell.execution_count for cell in code_cells(read(lessons, "en"))] == [1, 2, 3]


def test_edited_prose_keeps_every_output(lessons):
    build.build(lessons)
    pretend_run(lessons)
    edit(lessons, "本文です。", "新しい本文です。")
    edit(lessons, "# Prose.", "# New prose.")
    assert build.build(lessons) == []
    assert "New prose." in read(lessons, "en").cells[0].source


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        (nbformat.v4.new_output("stream", name="stderr", text="careful\n"), "writes to stderr"),
        (nbformat.v4.new_output("stream", text="/Users/me/clone"), "a path of this computer"),
        (nbformat.v4.new_output("stream", text=f"{ROOT}"), "a path of this computer"),
        (nbformat.v4.new_output("stream", text="x" * 500_000), "has 15"),
        (nbformat.v4.new_output("display_data", {"image/png": "aaaa"}), "no description"),
        (nbformat.v4.new_output("error", ename="E", evalue="", traceback=[]), "ends with an error"),
    ],
)
def test_what_must_not_be_stored_is_found(lessons, output, problem):
    build.build(lessons)
    pretend_run(lessons, lambda cell: [output])
    assert problem in problems_of(lessons)


def test_notebook_without_source_is_found(lessons):
    build.build(lessons)
    pretend_run(lessons)
    (lessons / "en" / "91_gone.ipynb").write_text("{}", encoding="utf-8")
    assert "en/91_gone.ipynb has no source" in problems_of(lessons)


def test_outputs_are_cleaned_of_state_time_and_addresses():
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 99, (64, 64, 3), np.uint8))
    file = io.BytesIO()
    picture.save(file, "PNG")
    big = base64.b64encode(file.getvalue()).decode()
    new = nbformat.v4.new_output
    cell = nbformat.v4.new_code_cell(
        outputs=[
            new("stream", text="10%\r100%\n"),
            new("stream", text="<object at 0x7f00aa11>\n"),
            new("display_data", {running.WIDGET: {"model_id": "1"}, "text/plain": "Slider()"}),
            new("execute_result", {"image/png": big, "text/plain": "<Figure>"}, execution_count=9),
        ],
        metadata={"execution": {"started": "now"}},
    )
    running.clean_outputs(cell, 2)
    assert [output.output_type for output in cell.outputs] == ["stream", "execute_result"]
    assert cell.outputs[0].text == "100%\n<object at 0x...>\n"
    assert cell.execution_count == cell.outputs[1].execution_count == 2
    assert "execution" not in cell.metadata
    stored = base64.b64decode(cell.outputs[1].data["image/png"])
    assert len(stored) < len(file.getvalue()) and Image.open(io.BytesIO(stored)).mode == "P"


def test_a_small_mark_keeps_its_colour_beside_a_photo():
    pixels = np.full((300, 500, 3), 255, np.uint8)
    pixels[:200, :300] = np.random.default_rng(0).integers(0, 255, (200, 300, 3))
    pixels[250:258, 400:408] = green = (0, 158, 115)
    written_as = io.BytesIO()
    Image.fromarray(pixels).save(written_as, "PNG")
    shrunk = running.shrink_picture(base64.b64encode(written_as.getvalue()).decode())
    shown = Image.open(io.BytesIO(base64.b64decode(shrunk)))
    assert len(shown.getcolors()) <= running.COLOURS
    assert shown.convert("RGB").getpixel((404, 254)) == green


def test_a_mark_keeps_its_colour_beside_many_other_flat_parts():
    pixels = np.full((200, 400, 3), 255, np.uint8)
    pixels[:160] = (np.arange(160) + 60)[:, None, None]  # each of them larger than the mark
    pixels[170:175, 100:110], pixels[180:, 100:300] = (230, 159, 0), (213, 94, 0)
    written_as = io.BytesIO()
    Image.fromarray(pixels).save(written_as, "PNG")
    palette = running._with_palette(Image.open(written_as))
    assert palette.convert("RGB").getpixel((104, 172)) == (230, 159, 0)


def test_teachers_notes_are_folded_and_tagged(lessons):
    write(
        lessons,
        PROSE.replace('lang="ja"', 'lang="ja" tags=["teacher"]').replace(
            'lang="en"', 'lang="en" tags=["teacher"]'
        ),
    )
    build.build(lessons)
    cell = read(lessons, "en").cells[0]
    assert cell.metadata.tags == ["teacher"] and "For teachers" in cell.source


WORDS = """\
# %% key="said"
# How many?
# ja: # いくつ?
print(f"{count} of {total} are right")
# ja: print(f"{total}個のうち{count}個が正解です")
"""


def test_words_in_code_are_the_readers_and_the_rest_is_one_code(lessons):
    write(lessons, PROSE + WORDS)
    assert "more than words" not in "\n".join(build.build(lessons))
    ja, en = (read(lessons, lang).cells[1].source for lang in ("ja", "en"))
    assert en == '# How many?\nprint(f"{count} of {total} are right")'
    assert ja == '# いくつ?\nprint(f"{total}個のうち{count}個が正解です")'


@pytest.mark.parametrize(
    ("english", "japanese"),
    [
        ('print("right", count)', 'print("正解", total)'),
        ('print(f"{count} right")', 'print(f"正解 {count:.2f}")'),
        ('fit(model, method="lora")', 'fit(model, method="ewc")'),
        ('print("right")', 'print("正解"); count = 0'),
        ("rate = 0.1", "rate = 0.2"),
        ("return_it(1)", "return_it(1.0)"),
    ],
)
def test_code_that_differs_in_more_than_words_is_refused_and_its_line_shown(
    lessons, english, japanese
):
    write(lessons, PROSE + f'# %% key="said"\nx = 1\n{english}\n# ja: {japanese}\n')
    found = problems_of(lessons)
    assert "said: line 2:" in found and english in found and japanese in found
    assert build.build(lessons) and not (lessons / "en").exists()


def test_japanese_lines_that_replace_nothing_or_break_the_code_are_named(lessons):
    write(lessons, PROSE + '# %% key="said"\n# ja: x = "一"\nx = 1\n')
    assert 'said: there are more "# ja:" lines' in problems_of(lessons)
    write(lessons, PROSE + '# %% key="said"\nx = "one"\n# ja: x = "一\n')
    assert "said: with its" in problems_of(lessons)


def test_words_of_code_are_locked_like_prose(lessons):
    write(lessons, PROSE + WORDS)
    build.build(lessons)
    edit(lessons, "are right", "are correct")
    assert "said: only the English text was edited" in "\n".join(build.build(lessons))
    edit(lessons, "個が正解です", "個が当たりです")
    assert "only the" not in "\n".join(build.build(lessons))
    edit(lessons, "# %% key", "\n# %% key")  # nothing that a translator looks at
    edit(lessons, "# How many?", "x = 1\n# How many?")
    assert "only the" not in "\n".join(build.build(lessons))


def test_solution_and_placeholder_may_hold_words(lessons):
    exercise = EXERCISE.replace(
        "    # PLACEHOLDER: return ...\n",
        "    # PLACEHOLDER: return ...  # twice as much\n"
        "    # ja: # PLACEHOLDER: return ...  # 二倍\n",
    )
    write(lessons, PROSE + exercise)
    build.build(lessons)
    assert "return ...  # 二倍" in read(lessons, "ja").cells[1].source
    assert "return ...  # twice as much" in read(lessons, "en").cells[1].source


def test_a_description_reaches_the_page_that_is_made_of_a_notebook(lessons):
    from nbconvert import HTMLExporter

    build.build(lessons)
    picture = nbformat.v4.new_output("display_data", {"image/png": "aaaa"})
    pretend_run(lessons, lambda cell: [picture] if cell.id == "show" else [])
    page, _ = HTMLExporter(template_name="classic").from_notebook_node(read(lessons, "en"))
    assert 'alt="a figure"' in page


def test_claims_are_folded_and_deeper_sections_open_closed(lessons):
    section = '# %% [markdown] key="lora" lang="{}" tags=["deeper"]\n# ## {}\n\n'
    rest = '# %% [markdown] key="end" lang="{}"\n# ## {}\n\n'
    write(
        lessons,
        PROSE
        + section.format("ja", "さらに深く")
        + section.format("en", "Deeper: LoRA")
        + '# %% key="rank" tags=["claim"]\n1\n\n'
        + rest.format("ja", "終わり")
        + rest.format("en", "End"),
    )
    build.build(lessons)
    title, lora, rank, end = read(lessons, "en").cells
    assert lora.metadata["jp-MarkdownHeadingCollapsed"] and rank.metadata.jupyter.source_hidden
    assert "jp-MarkdownHeadingCollapsed" not in {*title.metadata, *end.metadata}
    lesson = build.read_lesson(lessons / "source" / "90_demo.py")
    assert lesson.deeper("en") == dict.fromkeys(("lora", "rank"), "Deeper: LoRA")


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("# %% key=12\nx = 1", "every cell needs key="),
        ("# %% key=true\nx = 1", "every cell needs key="),
        ('# %% key="x" needs=["load"]\nx = 1', "x: the value of needs must be text"),
        ('# %% key="x" tags="exercise"\nx = 1', "the metadata of a cell has a wrong form"),
        ('# %% key="x" tags=[1]\nx = 1', "the metadata of a cell has a wrong form"),
        ('# %% key="x" alt_ja=1 alt_en=2\nx = 1', "x: the value of alt_ja must be text"),
        ('# %% key="x" tags=["exercise"]\n', "x: the last line of an exercise"),
        ('# %% [markdown] key="x" lang="ja" tags=["exercise"]\n# 文', "x: only a code cell"),
        ('# %% [markdown] key="x" lang="ja" tags=["deeper"]\n# 文', "x: the tag"),
    ],
)
def test_metadata_of_a_wrong_kind_is_a_problem_and_no_error(lessons, cell, problem):
    write(lessons, PROSE + cell + "\n")
    assert problem in problems_of(lessons)
    assert problem in "\n".join(build.build(lessons))


@pytest.mark.parametrize("encoding", ["shift_jis", "utf-8-sig"])
def test_a_source_of_another_encoding_is_named(lessons, encoding):
    (lessons / "source" / "90_demo.py").write_bytes((PROSE + CODE).encode(encoding))
    assert "90_demo.py: the file is not plain UTF-8" in problems_of(lessons)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_source_that_is_a_pipe_is_not_waited_for(lessons):
    (lessons / "source" / "90_demo.py").unlink()
    os.mkfifo(lessons / "source" / "90_demo.py")
    with pytest.raises(OSError, match="90_demo"):
        build.build(lessons)


@pytest.mark.parametrize("damage", ["", "<<<<<<< HEAD\n{}\n=======\n", "[]", "{}", '{"cells": 3}'])
def test_an_unreadable_notebook_or_lock_counts_as_none_for_the_build(lessons, damage):
    build.build(lessons)
    pretend_run(lessons)
    (lessons / "en" / "90_demo.ipynb").write_text(damage, encoding="utf-8")
    (lessons / "source" / "90_demo.lock.json").write_text(damage, encoding="utf-8")
    found = problems_of(lessons)
    assert "the en notebook cannot be read" in found and "lock of the prose pairs" in found
    build.build(lessons)
    assert read(lessons, "en").cells[0].id == "title"
    assert "cannot be read" not in problems_of(lessons)


def test_unknown_lesson_is_named_with_the_known_ones(lessons):
    with pytest.raises(ValueError, match=r"'77'.*90_demo"):
        build.build(lessons, ["77"])


def test_stored_results_of_other_weights_are_an_error_and_of_other_code_a_warning(tmp_path):
    depends_on = {"of": "tlhelpers.course.measure:measure_colour", "weights": ["none"]}
    today = stamp.stamp(**depends_on)
    for name, held in {
        "right": today,
        "weights": {**today, "weights": "0"},
        "code": {**today, "code": "0"},
    }.items():
        record = {"stamp": held, "depends_on": depends_on}
        (tmp_path / f"{name}.json").write_text(json.dumps(record))
    (tmp_path / "bare.json").write_text("{}")
    errors, warnings = compare_stamps(tmp_path)
    assert [error.split()[0] for error in errors] == [
        "datasets/results/bare.json",
        "datasets/results/weights.json",
    ]
    assert len(warnings) == 1 and "code.json" in warnings[0]


def test_hash_of_code_depends_on_the_code_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(stamp, "PACKAGE", tmp_path)
    (tmp_path / "room.py").write_bytes(b"a = 1\nb = 2\n")
    unix = stamp.code_hash()
    (tmp_path / "room.py").write_bytes(b"a = 1\r\nb = 2\r\n")
    assert stamp.code_hash() == unix
    (tmp_path / "room.py").write_bytes(b"a = 1\nb = 3\n")
    assert stamp.code_hash() != unix


def test_a_lesson_that_is_named_is_a_link_to_its_notebook():
    names = "See lesson 02, lesson 06, lesson 77, `--lesson 14`, [lesson 03](#here)."
    assert linked(f"# As in lesson 02\n{names}", "06") == (
        "# As in lesson 02\nSee [lesson 02](02_feature_extraction.ipynb), lesson 06, lesson 77, "
        "`--lesson 14`, [lesson 03](#here)."
    )
    assert linked("(レッスン02)", "03") == "([レッスン02](02_feature_extraction.ipynb))"


def test_a_lesson_ends_with_the_ways_to_its_neighbours():
    assert ways_on("01", "en") == (
        "Previous lesson: [00 Start here](00_start_here.ipynb) · "
        "Next lesson: [02 Feature extraction](02_feature_extraction.ipynb)"
    )
    assert "前" not in ways_on("00", "ja") and "次" in ways_on("00", "ja")
    assert "Next" not in ways_on(max(syllabus.lessons()), "en")
    assert ways_on("90", "en") == ""  # of an author who tries something


def test_every_link_between_lessons_has_its_notebook():
    for path in lesson_sources():
        lesson = read_lesson(path)
        for lang in ("en", "ja"):
            cells = make_notebook(lesson, lang).cells
            prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
            linked_to = re.findall(r"\]\(([\w-]+)\.ipynb\)", prose)
            assert linked_to and all(path.with_name(f"{name}.py").exists() for name in linked_to)
            assert "ways-on" in [cell.id for cell in cells]


@pytest.fixture
def french(lessons, monkeypatch, tmp_path):
    """A translation that has one passage of the lesson and one sentence of the package."""
    folder = tmp_path / "translations" / "fr"
    folder.mkdir(parents=True)
    passage = '# %% [markdown] key="title" lang="fr"\n# Bonjour à tous.\n'
    (folder / "90_demo.py").write_text(passage, encoding="utf-8")
    sentence = '[build.right]\nfr = "Rien à redire."\n'
    (folder / "sentences.toml").write_text(sentence, encoding="utf-8")
    monkeypatch.setattr(language, "TRANSLATIONS", folder.parent)
    language.catalogue.cache_clear()
    yield folder
    language.catalogue.cache_clear()


def test_a_third_language_is_a_folder_and_english_where_it_is_silent(lessons, french, monkeypatch):
    build.build(lessons)
    assert build.build_translation("fr", lessons) == []
    built, english = (read(lessons, lang).cells for lang in ("fr", "en"))
    assert [cell.id for cell in built] == [cell.id for cell in english]
    assert built[0].source == "Bonjour à tous."
    assert [cell.source for cell in built[1:]] == [cell.source for cell in english[1:]]
    monkeypatch.setenv("TLHELPERS_LANG", "fr")
    assert language.text("build.right") == "Rien à redire."
    assert language.text("build.wrong", count=2) == "2 problems."
    assert load_task("birds", 1).class_names[0] == load_task("birds", 1).classes["en"][0]


def test_a_translation_of_no_passage_is_named(lessons, french):
    path = french / "90_demo.py"
    path.write_text('# %% [markdown] key="nowhere" lang="fr"\n# Où ?\n', encoding="utf-8")
    (problem,) = build.build_translation("fr", lessons)
    assert "nowhere" in problem
    path.write_text("# %% [markdown]\n# Sans nom\n", encoding="utf-8")
    with pytest.raises(ValueError, match=path.name):
        build.build_translation("fr", lessons)
