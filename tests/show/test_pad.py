"""The fields to draw in: from strokes to a picture, to features, to prototypes that move."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch

from tlhelpers.course.widgets import widget
from tlhelpers.lessons.few_shot import widget_draw as lesson05_draw
from tlhelpers.runtime.language import LANGUAGES
from tlhelpers.show.widgets.explorer import View
from tlhelpers.show.widgets.pad import PAPER, SIDE, Pad, redraw, render

CROSS = [{"points": [[0.4, 0.4], [0.6, 0.6]]}, {"points": [[0.6, 0.4], [0.4, 0.6]]}]
DOT = [{"points": [[0.5, 0.5]]}]


def ink(drawing):
    return (np.asarray(render(drawing)) != PAPER).any(2)


def shifted(drawing, by, scale=1.0):
    return [
        {**stroke, "points": [[scale * x + by, scale * y + by] for x, y in stroke["points"]]}
        for stroke in drawing
    ]


def pad(show=None):
    says = show or (lambda found: View("<svg/>", str({k: len(v) for k, v in found.items()})))
    return Pad("Draw", ["A", "?"], says, many=["A"], samples={"cross": CROSS}, start={"A": "cross"})


# --- drawings ---------------------------------------------------------------------------------


def test_a_drawing_is_the_same_to_the_network_wherever_and_however_large_it_was_drawn():
    middle, corner = ink(CROSS), ink(shifted(CROSS, -0.35))
    assert (middle == corner).mean() > 0.99
    assert (middle == ink(shifted(CROSS, 0.1, scale=0.6))).mean() > 0.95
    rows, columns = middle.nonzero()
    assert abs(rows.mean() - SIDE / 2) < 3 and abs(columns.mean() - SIDE / 2) < 3
    assert np.ptp(rows) > SIDE / 2


def test_a_dot_stays_a_dot():
    assert 0 < ink(DOT).mean() < 0.02


def test_what_is_erased_counts_neither_as_ink_nor_for_the_place():
    erased = {"points": [[0.0, 0.9], [0.2, 0.9]], "erase": True}
    stray = {"points": [[0.05, 0.9], [0.15, 0.9]]}
    assert (ink([*CROSS, stray, erased]) == ink(CROSS)).mean() > 0.99
    assert render([stray, erased]) is None
    assert render([]) is None


def test_another_hand_draws_the_same_a_little_differently():
    first, again, other = redraw(CROSS, 1), redraw(CROSS, 1), redraw(CROSS, 2)
    assert first == again != other
    assert 0.01 < (ink(first) != ink(other)).mean() < 0.2


# --- the fields -------------------------------------------------------------------------------


def test_a_stroke_from_the_page_reaches_the_function_that_shows():
    page = pad().widget
    assert page.view["says"] == "{'A': 1, '?': 0}"
    page.drawings = {**page.drawings, "?": DOT}
    assert page.view["says"] == "{'A': 1, '?': 1}"


def test_keeping_empties_the_field_for_one_more_and_clearing_forgets_all():
    page = pad().widget
    page._handle_custom_msg({"field": "A", "keep": True}, [])
    assert page.drawings["A"] == [] and page.kept["A"] == 1
    page._handle_custom_msg({"field": "A", "keep": True}, [])
    assert page.kept["A"] == 1, "nothing was drawn that could be kept"
    page._handle_custom_msg({"field": "A", "sample": "cross"}, [])
    assert page.view["says"] == "{'A': 2, '?': 0}"
    page._handle_custom_msg({"field": "A", "clear": True}, [])
    assert page.view["says"] == "{'A': 0, '?': 0}" and page.kept["A"] == 0


def test_an_error_is_shown_in_the_place_of_the_picture():
    def fail(found):
        raise RuntimeError("no network")

    assert "RuntimeError: no network" in pad(fail).widget.view["picture"]
    assert "text/html" in pad(fail)._repr_mimebundle_()


# --- lesson 05 --------------------------------------------------------------------------------


def test_the_map_keeps_the_distances_to_both_prototypes():
    generator = torch.Generator().manual_seed(0)
    support = [torch.randn(2, 16, generator=generator), torch.randn(3, 16, generator=generator) + 1]
    query = torch.randn(16, generator=generator)
    found = lesson05_draw.place(support, query)
    first, second = (of_class.mean(0) for of_class in support)
    assert found.gap == pytest.approx((first - second).norm().item(), rel=1e-5)
    for features, at in [
        (query, found.query),
        *zip(torch.cat(support), found.support, strict=True),
    ]:
        end = torch.tensor([found.gap, 0.0])
        assert at.norm().item() == pytest.approx((features - first).norm().item(), rel=1e-4)
        assert (at - end).norm().item() == pytest.approx(
            (features - second).norm().item(), rel=1e-4
        )


@pytest.mark.parametrize("lang", LANGUAGES)
def test_drawings_move_the_prototypes_and_the_answer_follows(monkeypatch, lang):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    fields = widget("05_draw")
    boat, flower = list(fields.samples)[:2]

    def distances():
        view = fields.view()
        ET.fromstring(view.picture)
        return [float(number) for number in re.findall(r"\d+\.\d", view.says)]

    to_a, to_b = distances()
    assert to_a < to_b, "a boat, with a boat in A and a flower in B"
    fields.put_sample("?", flower)
    first = distances()
    assert first[0] > first[1]
    fields.keep("A")
    fields.put_sample("A", boat)
    assert distances()[0] != first[0] and distances()[1] == first[1], "only A has moved"
    fields.clear("?")
    assert "◆" in fields.view().says and not distances()
    fields.clear("B")
    assert "B" in fields.view().says and "◆" not in fields.view().says


def test_two_equal_drawings_are_named_and_do_not_break_the_map():
    same = {"A": [CROSS], "B": [CROSS], "?": [DOT]}
    view = lesson05_draw.draw(same)
    assert "look the same" in view.says
    ET.fromstring(view.picture)


def test_without_a_front_end_the_map_of_the_examples_stays():
    bundle = widget("05_draw")._repr_mimebundle_()
    assert bundle["image/svg+xml"].count("<image") == 3
    assert "prototype A" in bundle["text/plain"]
