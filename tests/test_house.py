"""The door-keeper: a floor imports only from the floors below it, and there is no circle."""

import ast
import graphlib
import re

import pytest
from PIL import Image

from tlhelpers.runtime.imports import Imports
from tlhelpers.runtime.places import PACKAGE, ROOT

FLOORS = ("runtime", "data", "train", "models", "transfer", "show", "course", "lessons")
IMPORTS = Imports()
MODULES = sorted(IMPORTS.files)


def room(module: str) -> str:
    return module.partition(".")[2].partition(".")[0]


def wrong(module: str, imported: str) -> bool:
    """True where `module` may not import this one."""
    here, there = room(module), room(imported)
    if here not in FLOORS:  # tlhelpers itself and its command line stand above all floors
        return False
    if there not in FLOORS:
        return imported != "tlhelpers"  # its version; the next test sees to it that it is no more
    if here == there == "lessons":
        return module.split(".")[2] != imported.split(".")[2]
    return FLOORS.index(there) > FLOORS.index(here)


def test_every_room_stands_on_a_floor():
    assert {room(module) for module in MODULES} - {"", "__main__"} == set(FLOORS)


def test_a_floor_imports_only_from_below_and_no_lesson_from_another():
    assert [(m, i) for m in MODULES for i in sorted(IMPORTS.of(m)) if wrong(m, i)] == []


def test_nothing_in_the_house_takes_a_way_round_through_the_roof():
    """`tl.fit` inside the package would be an import that no walk sees."""
    for module in MODULES:
        for node in ast.walk(ast.parse(IMPORTS.files[module].read_text(encoding="utf-8"))):
            match node:
                case ast.ImportFrom(level=level) if level:
                    pytest.fail(f"{module} imports relatively")
                case ast.ImportFrom(module="tlhelpers", names=names):
                    assert {one.name for one in names} <= set(FLOORS), module
                case ast.Attribute(value=ast.Name(id="tl" | "tlhelpers"), attr=name):
                    assert name in (*FLOORS, "_PUBLIC", "__version__"), f"{module}: tl.{name}"


def test_there_is_no_circle():
    order = graphlib.TopologicalSorter({module: IMPORTS.of(module) for module in MODULES})
    try:
        order.prepare()
    except graphlib.CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_an_import_inside_a_function_and_a_module_of_a_package_count(tmp_path):
    package = tmp_path / "house"
    (package / "room").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "room" / "__init__.py").write_text("")
    (package / "room" / "low.py").write_text("import os\n")
    (package / "room" / "mid.py").write_text("def f():\n    from house.room import low\n")
    (package / "top.py").write_text("import json\nfrom house.room.mid import f\n")
    imports = Imports(package)
    assert imports.of("house.room.mid") == {"house.room.low"}
    assert imports.behind({"house.top"}) == {"house.top", "house.room.mid", "house.room.low"}


def test_the_guard_sees_an_arrow_that_runs_back_up():
    assert wrong("tlhelpers.transfer.knn", "tlhelpers.show.plots")
    assert wrong("tlhelpers.lessons.few_shot.widget", "tlhelpers.lessons.start_here.figures")
    assert wrong("tlhelpers.course.cli", "tlhelpers.__main__")
    assert not wrong("tlhelpers.show.plots", "tlhelpers.transfer.knn")


def test_the_ground_floor_has_no_words_of_the_floors_above():
    for file in PACKAGE.rglob("sentences.toml"):
        assert any(file.parent.glob("*.py")), f"{file} stands beside no code"


def test_recipes_for_hubs_and_containers_name_what_is_there():
    container = (ROOT / ".devcontainer" / "Dockerfile").read_text(encoding="utf-8")
    copied = [
        name for line in re.findall(r"^COPY (.*) \S+$", container, re.M) for name in line.split()
    ]
    listed = re.findall(r"-r (\S+)", container)
    binder = re.findall(r"-r \.\./(\S+)", (ROOT / ".binder" / "requirements.txt").read_text())
    taught = []
    for lang in ("en", "ja"):
        said = (ROOT / "lessons" / lang / "teaching.md").read_text(encoding="utf-8")
        taught += re.findall(r"-r (\S+)", said)
        assert "tlhelpers.course.room.serve" in said
    assert len(copied) > 5 and len(listed) == 2 and len(binder) == 1 and len(taught) == 2
    for name in (*copied, *listed, *binder, *taught, "tlhelpers/course/room/serve.py"):
        assert (ROOT / name).exists(), name
    for lock in {*listed, *binder, *taught}:
        assert "--hash=sha256:" in (ROOT / lock).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["README.md", "README.ja.md"])
def test_the_front_door_is_two_screens_and_opens_on_what_one_sees(page):
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 80
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", "\n".join(lines))
    with Image.open(ROOT / picture) as film:
        assert film.n_frames >= 8
    assert (ROOT / picture).stat().st_size < 500_000


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "README.md", "README.ja.md"])
def test_every_file_that_a_guide_names_is_there(name):
    said = (ROOT / name).read_text(encoding="utf-8")
    named = set(re.findall(r"\b(?:tests|tlhelpers)/[\w/]+\.(?:py|toml)\b", said))
    planned = {path for path in named if "choosing_a_model" in path}  # what `new` would lay
    assert [path for path in sorted(named - planned) if not (ROOT / path).is_file()] == []
