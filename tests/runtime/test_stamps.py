"""Stamps follow the code that made a result, and nothing else."""

import json
import os
import shutil

import pytest

from tests.tiny import TinyNet, tiny_task
from tlhelpers.course import results
from tlhelpers.course.results import compare_stamps, experiments
from tlhelpers.runtime import stamp as stamps
from tlhelpers.runtime.places import PACKAGE
from tlhelpers.runtime.stamp import code_of, stamp
from tlhelpers.transfer.finetune import fine_tune

FEW_SHOT = "tlhelpers.course.measure:measure_few_shot"
COLOUR = "tlhelpers.course.measure:measure_colour"


@pytest.fixture
def copy(tmp_path):
    """The package, copied: edit(file, before, after) -> its new folder."""
    made = 0

    def edit(file, before, after):
        nonlocal made
        made += 1
        folder = tmp_path / str(made) / "tlhelpers"
        shutil.copytree(PACKAGE, folder, ignore=shutil.ignore_patterns("__pycache__", "*.toml"))
        text = (folder / file).read_text(encoding="utf-8")
        assert text.count(before) >= 1
        (folder / file).write_text(text.replace(before, after), encoding="utf-8")
        return folder

    return edit


@pytest.mark.slow
def test_a_line_of_a_method_turns_the_results_stale_that_use_it_and_no_other(copy):
    changed = copy("transfer/prototypes.py", "\ndef ", "\nSECRET = 1\n\n\ndef ")
    assert stamp(FEW_SHOT, (), changed) != stamp(FEW_SHOT, ())
    assert stamp(COLOUR, (), changed) == stamp(COLOUR, ())


@pytest.mark.slow
def test_how_a_picture_is_drawn_counts_though_nobody_names_its_file(copy):
    changed = copy("data/zukan/birds.py", "\ndef ", "\nSECRET = 1\n\n\ndef ")
    assert stamp(FEW_SHOT, (), changed) != stamp(FEW_SHOT, ())


@pytest.mark.slow
def test_words_about_the_code_do_not_count(copy):
    changed = copy("transfer/prototypes.py", "Snell, Swersky and", "Snell with Swersky and")
    assert stamp(FEW_SHOT, (), changed) == stamp(FEW_SHOT, ())
    changed = copy("transfer/prototypes.py", "\ndef ", "\n# A remark.\ndef ")
    assert stamp(FEW_SHOT, (), changed) == stamp(FEW_SHOT, ())


def test_of_its_own_module_only_what_a_function_needs_counts(copy):
    changed = copy("course/measure.py", '"birds24": 0.15', '"birds24": 0.16')
    assert stamp(COLOUR, (), changed) != stamp(COLOUR, ())
    assert stamp(FEW_SHOT, (), changed) == stamp(FEW_SHOT, ())


def test_a_hash_sign_inside_a_text_is_no_comment():
    source = 'x = "# a"  # b\n\n\ndef f():\n    """Doc\n    # c."""\n    return """\n# d\n"""\n'
    assert stamps._essence(source) == 'x = "# a"\ndef f():\n    return """\n# d\n"""'


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_in_the_place_of_weights_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(stamps, "DATASETS", tmp_path)
    os.mkfifo(tmp_path / "zukan-resnet.safetensors")
    assert stamp(COLOUR, ["zukan-resnet"]) == stamp(COLOUR, [])


def test_a_function_that_is_gone_is_named():
    with pytest.raises(KeyError, match="measure_nothing"):
        stamp("tlhelpers.course.measure:measure_nothing", ())


def test_a_stored_result_whose_maker_is_gone_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    for name, of in (("gone", "tlhelpers.course.measure:measure_nothing"), ("there", COLOUR)):
        depends_on = {"of": of, "weights": []}
        record = {"stamp": stamp(COLOUR, ()), "depends_on": depends_on}
        (tmp_path / f"{name}.json").write_text(json.dumps(record))
    (tmp_path / "old.json").write_text('{"stamp": {}, "depends_on": {"rooms": ["data"]}}')
    errors, warnings = compare_stamps(tmp_path)
    assert [error.split()[0][17:] for error in errors] == ["gone.json", "old.json"]
    assert not warnings


@pytest.mark.slow
def test_every_experiment_depends_on_the_code_it_calls():
    for one in experiments():
        behind = code_of(one.depends_on["of"])
        assert len(behind) > 20, one.name
        assert not any(name.startswith(("tlhelpers.show", "tlhelpers.course")) for name in behind)


def test_a_result_that_ctrl_c_cut_short_is_not_stored(tmp_path, monkeypatch):
    def interrupt(step, model):
        if step == 3:
            raise KeyboardInterrupt

    def measure():
        return {"accuracy": fine_tune(TinyNet(), tiny_task(), after_step=interrupt).valid_acc}

    monkeypatch.setattr(results, "RESULTS", tmp_path)
    with pytest.raises(KeyboardInterrupt):
        results.make(results.Experiment("99_cut", measure, (), {}))
    assert not list(tmp_path.iterdir())
