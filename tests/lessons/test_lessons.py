"""The lessons as they are: built from their sources, and every exercise proven.

That every cell of every notebook runs is nbval's part of `tl test`.
"""

import pytest

from tlhelpers.course import build
from tlhelpers.course.results import compare_stamps
from tlhelpers.course.testing import prove_exercises, proving_kernel

pytestmark = pytest.mark.slow

SOURCES = [pytest.param(path, id=path.stem) for path in build.lesson_sources()]


def test_notebooks_are_what_their_sources_build(monkeypatch):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    problems = build.check()
    assert not problems, "\n".join(problems)


def test_stored_results_were_made_with_todays_weights(monkeypatch):
    monkeypatch.setenv("TLHELPERS_LANG", "en")
    errors, _ = compare_stamps()
    assert not errors, "\n".join(errors)


@pytest.fixture(scope="module")
def kernel():
    with proving_kernel() as kernel:
        yield kernel


@pytest.mark.parametrize("path", SOURCES)
def test_solutions_pass_and_untouched_stubs_fail(path, kernel):
    proofs = prove_exercises(build.read_lesson(path), kernel)
    assert proofs
    for exercise, proof in proofs.items():
        assert exercise.startswith(f"{path.stem[:2]}-")
        assert not proof["stub"].passed, (exercise, proof)
        assert proof["solution"].passed, (exercise, proof)
        for verdict in proof.values():
            assert verdict.messages["ja"] and verdict.messages["en"]
            assert verdict.messages["ja"] != verdict.messages["en"]


# lesson: the cells of its worked page, and what makes them small and takes torchvision's network
LARGE = "resnet18(weights=None), ResNet18_Weights.DEFAULT.transforms()"
PAGES = {
    "02": (
        ["setup", "birds", "head", "train"],
        {
            'network = tl.backbone("zukan-resnet")': "network = resnet18(weights=None)\n"
            "network.preprocess = ResNet18_Weights.DEFAULT.transforms()",
            "10, seed, test_per_class=25": "1, seed, valid_per_class=1, test_per_class=1",
            "range(8)": "range(1)",
        },
    ),
    "03": (
        ["setup", "frozen", "predict-win", "train", "page-run"],
        {
            'tl.backbone("zukan-resnet")': "resnet18(weights=None)",
            "network.preprocess": "ResNet18_Weights.DEFAULT.transforms()",
            "per_class=40, valid_per_class=40": "per_class=2, valid_per_class=2",
            "epochs=12": "epochs=1",
        },
    ),
    "04": (
        ["setup", "fish", "mean-code", "grow"],
        {
            'tl.backbone("zukan-resnet")': 'tl.backbone("resnet18", pretrained=False)',
            "per_class=30": "per_class=2, valid_per_class=2",
            "epochs=6": "epochs=1",
        },
    ),
}


@pytest.mark.parametrize("number", PAGES)
def test_the_worked_page_runs_with_the_resnet18_of_torchvision(number):
    keys, changes = PAGES[number]
    (path,) = build.lesson_sources(names=[number])
    lesson = build.read_lesson(path)
    code = {block.key: block.code for block in lesson.blocks if block.kind == "code"}
    page = "\n".join(code[key] for key in keys)
    for before, after in changes.items():
        assert before in page
        page = page.replace(before, after)
    here = {}
    exec(f"from torchvision.models import ResNet18_Weights, resnet18\n{page}", here)
    model = here["before" if number == "04" else "model"]
    assert model.fc.in_features == 512
    if number == "04":
        assert model.fc.out_features == 5
