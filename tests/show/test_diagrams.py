"""The schematic pictures: whole, in both languages, inside their cards, one grammar."""

import html
import re
import xml.etree.ElementTree as ET

import nbformat
import pytest

from tlhelpers.course.author.running import clean_outputs
from tlhelpers.runtime.language import LANGUAGES
from tlhelpers.show.diagrams import STAGES, Diagram, diagram, list_diagrams
from tlhelpers.show.figures import BLUE
from tlhelpers.show.widgets.chart import _width

SVG = "{http://www.w3.org/2000/svg}"
LOCK_BOW = re.compile(r"a5 5 0 0 1 10 0")


def texts(name: str) -> list[ET.Element]:
    return list(ET.fromstring(diagram(name).svg()).iter(f"{SVG}text"))


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", list_diagrams())
def test_words_are_the_readers_and_stay_inside_the_card(monkeypatch, name, lang):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    drawn = diagram(name)
    root = ET.fromstring(drawn.svg())
    width, height = float(root.get("width")), float(root.get("height"))
    words = list(root.iter(f"{SVG}text"))
    japanese = any(ord(c) > 0x3040 for word in words for c in word.text or "")
    assert japanese == (lang == "ja")
    for word in words:
        size = float(word.get("font-size", 13))
        long, x = _width(word.text or "") * size / 13, float(word.get("x"))
        left = x - long / 2 if word.get("text-anchor") == "middle" else x
        assert left >= 0 and left + long <= width, word.text
        assert size <= float(word.get("y")) <= height, word.text


@pytest.mark.parametrize("name", list_diagrams())
def test_a_terminal_and_a_reader_of_alt_text_get_the_sentence(name):
    drawn = diagram(name)
    bundle, says = drawn._repr_mimebundle_(), html.escape(drawn.says)
    assert bundle["text/plain"] == repr(drawn) == drawn.says
    assert f' alt="{says}"' in bundle["text/html"] and f'aria-label="{says}"' in drawn.svg()


def test_the_built_notebook_keeps_the_drawing_itself():
    drawn = diagram("three_ways")
    output = nbformat.v4.new_output("display_data", drawn._repr_mimebundle_())
    cell = nbformat.v4.new_code_cell("tl.diagram('three_ways')", outputs=[output])
    clean_outputs(cell, 1)
    assert cell.outputs[0].data == {"image/svg+xml": drawn.svg(), "text/plain": drawn.says}


def test_what_is_locked_does_not_move_and_what_moves_is_not_locked():
    card = Diagram("three_ways", 100)
    card.network(0, 20, [None, None, 0.5, 0.5, 0.5, 1.0])
    drawn = card.svg()
    assert len(LOCK_BOW.findall(drawn)) == 2
    assert drawn.count("Z") - 1 == 2 + 4 * 2, (
        "two plain arrows and four double ones, the hill apart"
    )


def test_gradual_unfreezing_opens_one_stage_an_epoch():
    locks = len(LOCK_BOW.findall(diagram("gradual").svg()))
    assert locks == sum(range(len(STAGES) - 3, len(STAGES) + 1))


def test_the_dots_of_the_a_distance_give_the_errors_that_stand_below_them():
    dots = [dot.attrib for dot in ET.fromstring(diagram("a_distance").svg()).iter(f"{SVG}circle")]
    for middle, wrong in ((185, 8), (535, 0)):  # errors of .5 and of 0
        near = [dot for dot in dots if abs(float(dot["cx"]) - middle) < 161 and dot["r"] == "6"]
        near = [dot for dot in near if float(dot["cy"]) < 180]
        assert len(near) == 16
        assert sum((float(d["cx"]) < middle) != (d["fill"] == BLUE) for d in near) == wrong


def test_an_unknown_diagram_is_answered_with_those_that_exist():
    with pytest.raises(ValueError, match="three_ways"):
        diagram("thre_ways")
