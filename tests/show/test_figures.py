"""Figures: Japanese that is drawn, a look that reads everywhere, intervals that are intervals."""

import ast
import base64
import inspect
import io
import itertools
import warnings
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import torch
from IPython.core.formatters import DisplayFormatter
from matplotlib.axis import Tick
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text
from PIL import Image

import tlhelpers as tl
from tlhelpers.course.author.reading import lesson_sources
from tlhelpers.course.author.running import clean_outputs
from tlhelpers.runtime.language import text
from tlhelpers.show import figures, plots, twins
from tlhelpers.show.plots import Picture, picture
from tlhelpers.transfer.intervals import interval

TERMS = (
    "転移学習 事前学習 特徴抽出 線形プローブ 凍結 破局的忘却 汎化性能 過学習 検証データ・蒸留 −1 “”"
)


@pytest.fixture(params=["ja", "en"], autouse=True)
def look(request, monkeypatch):
    """The look of one language, on a figure backend without a screen."""
    monkeypatch.setenv("TLHELPERS_LANG", request.param)
    with matplotlib.rc_context():
        matplotlib.use("agg")
        figures.use()
        yield request.param
    plt.close("all")


def test_japanese_is_drawn_without_a_missing_glyph_even_beside_mathematics():
    figure, axes = plt.subplots()
    axes.set_title(TERMS)
    axes.set_xlabel(r"学習率 $\eta = 10^{-3}$")
    axes.plot([-1, 1], label="転移")
    axes.legend()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.canvas.draw()


def test_language_decides_the_first_font(look):
    first = {"ja": "IPAexGothic", "en": "DejaVu Sans"}[look]
    assert matplotlib.rcParams["font.family"][0] == first


def test_error_band_draws_the_mean_and_the_interval():
    _, axes = plt.subplots()
    runs = [[0.5, 0.6, 0.7], [0.8, 0.8, 0.9]]
    line = figures.error_band(axes, [5, 10], runs, "probe")
    expected = [interval(values, share=True) for values in runs]
    assert list(line.get_ydata()) == pytest.approx([point.mean for point in expected])
    corners = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert corners.min() == pytest.approx(min(point.low for point in expected))
    assert corners.max() == pytest.approx(max(point.high for point in expected))
    second = figures.error_band(axes, [5, 10], runs, "scratch")
    assert second.get_marker() != line.get_marker()
    assert second.get_color() != line.get_color()


def test_error_band_takes_single_runs_and_refuses_unequal_lengths():
    figure, axes = plt.subplots()
    figures.error_band(axes, [1, 2], [[0.5], [0.6]])
    figure.canvas.draw()
    with pytest.raises(ValueError):
        figures.error_band(axes, [1, 2, 3], [[0.5], [0.6]])


def test_the_band_of_accuracies_stays_between_nothing_and_all():
    _, axes = plt.subplots()
    figures.error_band(axes, [1, 2], [[0.9, 1.0, 1.0], [0.0, 0.0, 0.1]])
    corners = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert corners.min() >= 0 and corners.max() <= 1
    _, axes = plt.subplots()
    figures.error_band(axes, [1], [[0.9, 1.0, 1.0]], share=False)
    assert axes.collections[0].get_paths()[0].vertices[:, 1].max() > 1


@pytest.mark.parametrize("across", [False, True])
def test_a_marked_mean_lies_on_the_bar_of_its_interval(across):
    _, axes = plt.subplots()
    point = interval([0.9, 0.98, 1.0], share=True)
    figures.mark_mean(axes, 3, point, across=across, color="#123456", marker="s", label="x")
    bar, mark = axes.lines
    values, places = (bar.get_xdata(), bar.get_ydata())[:: 1 if across else -1]
    assert list(values) == [point.low, point.high] and list(places) == [3, 3]
    assert (mark.get_xdata()[0], mark.get_ydata()[0])[:: 1 if across else -1] == (point.mean, 3)
    assert {bar.get_color(), mark.get_color()} == {"#123456"} and mark.get_marker() == "s"
    assert mark.get_linestyle() == "None" and axes.get_legend_handles_labels()[1] == ["x"]


def test_a_real_twin_names_its_band_and_its_draws_within_the_figure(monkeypatch):
    monkeypatch.setattr(twins, "picture", lambda figure, _alt: figure)
    curves = {kind: {"1": [0.1], "2": [0.1, 0.2], "5": [0.1] * 10} for kind in twins.LOOKS}
    sets = ("cats_dogs", "ants_bees")
    figure = twins.draw_twin({name: {**curves, "classes": 2} for name in sets}, sets, "", "")
    assert figure.legends[0].get_title().get_text() == text("twins.band", draws="2–10")
    figure.draw_without_rendering()
    span = figure.legends[0].get_window_extent()
    assert span.x0 >= 0 and span.x1 <= figure.bbox.width


def test_methods_that_meet_in_a_figure_differ_in_colour_and_in_marker():
    for lesson in (
        ("scratch", "probe", "fine_tune", "fine_tune_top", "prototypes"),
        ("fine_tune", "replay", "prototypes", "joint"),
        ("probe", "fine_tune", "lora", "scratch", "static_vectors", "tfidf"),
    ):
        for sign in ("color", "marker"):
            assert len({figures.METHODS[method][sign] for method in lesson}) == len(lesson)


def stored(drawn: Picture) -> bytes:
    """The image that a built lesson holds of a picture."""
    data, about = DisplayFormatter().format(drawn)
    output = nbformat.v4.new_output("display_data", data, metadata=about)
    cell = nbformat.v4.new_code_cell(outputs=[output])
    clean_outputs(cell, 1)
    assert set(cell.outputs[0].data) == {drawn.mime, "text/plain"}
    return base64.b64decode(cell.outputs[0].data[drawn.mime])


def test_a_notebook_shows_a_picture_with_its_description():
    figure, _ = plt.subplots()
    drawn = picture(figure, 'what "twins" are: 3 < 4 & more')
    data, _ = DisplayFormatter().format(drawn)
    assert 'alt="what &quot;twins&quot; are: 3 &lt; 4 &amp; more"' in data["text/html"]
    assert not any(kind.startswith("image/") for kind in data)  # JupyterLab gives it no alt
    assert data["text/plain"] == drawn.alt
    stored(drawn)


def test_a_figure_is_twice_as_fine_as_the_page_and_stored_as_wide_as_it():
    figure, _ = plt.subplots(figsize=(4, 2))
    drawn = picture(figure, "nothing")
    assert Image.open(io.BytesIO(drawn.data)).size == (800, 400)
    assert Image.open(io.BytesIO(stored(drawn))).size == (400, 200)
    assert 'width="400"' in drawn.html()


@pytest.mark.slow
def test_a_stored_figure_has_few_colours_and_a_white_ground():
    figures.use()
    figure, axes = plt.subplots(figsize=(6, 3))
    for place in range(len(figures.PALETTE)):
        height = 0.1 * place
        runs = [[height, height + 0.1], [height + 0.05, height + 0.2]]
        figures.error_band(axes, [1, 2], runs, label=f"method {place}")
    axes.legend()
    content = stored(picture(figure, "lines"))
    drawn = Image.open(io.BytesIO(content)).convert("RGB")
    assert len(drawn.getcolors()) <= 128 and len(content) < 16_000
    assert drawn.getpixel((0, 0)) == (255, 255, 255)


def test_captions_do_not_touch_each_other(monkeypatch):
    drawn = []
    monkeypatch.setattr(plots, "picture", lambda figure, *about, **how: drawn.append(figure))
    caption = "kingfisher\ntaken for woodpecker (100%)"
    plots.gallery(torch.zeros(6, 3, 64, 64, dtype=torch.uint8), [caption] * 6, "birds", columns=3)
    drawn[0].canvas.draw()
    boxes = [axes.title.get_window_extent() for axes in drawn[0].axes]
    frames = [axes.get_window_extent() for axes in drawn[0].axes]
    assert all(left.x1 + 4 < right.x0 for left, right in itertools.pairwise(boxes[:3]))
    assert all(above.y0 > below.y1 for above, below in zip(frames[:3], boxes[3:], strict=True))


def test_photographs_are_stored_without_waste():
    figure, axes = plt.subplots(figsize=(3, 3))
    axes.imshow(np.random.default_rng(0).random((60, 60, 3)))
    drawn = picture(figure, "noise", photographic=True)
    with Image.open(io.BytesIO(drawn.data)) as found:
        assert found.info["progressive"]
    assert stored(drawn) == drawn.data


@pytest.mark.slow
@pytest.mark.parametrize("source", lesson_sources(), ids=lambda path: path.stem)
def test_no_words_leave_a_figure_and_no_legend_covers_its_data(source, monkeypatch):
    for name, figure in drawn_from_stored(source, monkeypatch).items():
        figure.set_dpi(plots.FINER * figures.DOTS)
        figure.draw_without_rendering()
        ticks = {id(label) for tick in figure.findobj(Tick) for label in tick.findobj(Text)}
        words = [word for word in figure.findobj(Text) if word.get_text() and id(word) not in ticks]
        for drawn in (*words, *figure.findobj(Legend)):
            span = drawn.get_window_extent()
            beyond = min(span.x0, span.y0, *(figure.bbox.max - span.max))
            assert beyond >= -1, f"{name}: {drawn} lies outside"
        for axes in figure.axes:
            legend = axes.get_legend()
            assert not (legend and covered(legend)), f"{name}: the legend lies over its data"


def drawn_from_stored(source: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Figure]:
    """The figures that a lesson draws of stored results, without what a live run adds."""
    number = source.stem[:2]
    module = tl.figures(number)
    found: dict[str, Figure] = {}
    known = {"tl": tl, f"lesson{number}": module}
    nodes = list(ast.walk(ast.parse(source.read_text(encoding="utf-8"))))
    for node in nodes:
        if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("tl.stored("):
            exec(ast.unparse(node), known)
    for node in nodes:
        if not (isinstance(node, ast.Call) and ".draw_" in ast.unparse(node.func)):
            continue
        name = ast.unparse(node.func)

        def keep(figure, *_, name=name, **__):
            found[name] = figure

        for place in (module, twins):
            monkeypatch.setattr(place, "picture", keep, raising=False)
        given = list(
            itertools.takewhile(lambda v: v is not None, (value(a, known) for a in node.args))
        )
        named = {word.arg: value(word.value, known) for word in node.keywords}
        named = {word: of for word, of in named.items() if of is not None}
        draw = eval(name, known)
        try:
            inspect.signature(draw).bind(*given, **named)
        except TypeError:  # a live run's numbers are missing
            continue
        draw(*given, **named)
    return found


def value(expression: ast.expr, known: dict) -> object:
    """What an argument is, or None where it comes of a live run."""
    try:
        return eval(ast.unparse(expression), known)
    except NameError:
        return None


def covered(legend: Legend) -> bool:
    """Whether a legend, without its frame its words, lies over a bar, a band or a point."""
    axes, parts = legend.axes, [legend] if legend.get_frame_on() else legend.get_texts()
    spans = [part.get_window_extent() for part in parts]
    bars = [bar.get_window_extent() for bar in axes.patches]
    bands = [
        band.get_transform().transform_path(path)
        for band in axes.collections
        if isinstance(band, PolyCollection)
        for path in band.get_paths()
    ]
    points = [line.get_transform().transform(line.get_xydata()) for line in axes.lines]
    return any(
        any(span.overlaps(bar) for bar in bars)
        or any(band.intersects_bbox(span) for band in bands)
        or any(span.count_contains(places) for places in points)
        for span in spans
    )
