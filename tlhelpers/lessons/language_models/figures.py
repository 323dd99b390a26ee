"""Figures of lesson 12: attention, a word in its context, ways compared, and real encoders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter
from torch import Tensor

from tlhelpers.runtime.language import LANGUAGES, language, text
from tlhelpers.show import figures, twins
from tlhelpers.show.plots import Picture, picture
from tlhelpers.transfer.intervals import interval

LOOKS = {
    "scratch": figures.METHODS["scratch"],
    "tfidf": figures.METHODS["tfidf"],
    "static": figures.METHODS["static_vectors"],
    "probe": figures.METHODS["probe"],
    "lora": figures.METHODS["lora"],
    "fine_tune": figures.METHODS["fine_tune"],
    "both": figures.METHODS["probe"],
    "japanese_labels": figures.METHODS["probe"],
    "english": figures.METHODS["probe"],
}
# zukan-bert, frozen, is the blue circle in every figure of the lesson
REAL_LOOKS = twins.LOOKS | {"zukan_bert": (figures.BLUE, "o"), "minilm": (figures.ORANGE, "s")}
NAMED = {"zukan": "zukan_bert"}  # as it is stored -> as this lesson calls it
CHANCE = {"enquiries": 1 / 6, "spam": 1 / 2}


def draw_attention(weights: Tensor, words: Sequence[str]) -> Picture:
    """How much each word (a row) takes from every other (a column); weights: (n, n).

    The row before last, the one that the page computes, is framed in the colour that the word
    has in the diagram of attention.
    """
    figures.use()
    figure, axes = plt.subplots(figsize=(7.4, 3.9))
    shown = [word.lstrip("▁") or text("lesson12.space") for word in words]
    axes.imshow(weights.numpy(), vmin=0, vmax=1, aspect="auto")
    axes.grid(visible=False)
    axes.set_xticks(range(len(shown)), shown)
    axes.set_yticks(range(len(shown)), shown)
    axes.set(xlabel=text("lesson12.looked_at"), ylabel=text("lesson12.looking"))
    _write_cells(axes, weights, "{:.0%}")
    look = {"fill": False, "edgecolor": figures.ORANGE, "linewidth": 3, "clip_on": False}
    axes.add_patch(Rectangle((-0.5, len(words) - 2.5), len(words), 1, zorder=3, **look))
    _title(figure, text("lesson12.attention_title"))
    return picture(figure, text("lesson12.attention_alt"))


def draw_context(similar: Tensor, sentences: Sequence[str]) -> Picture:
    """Cosines between the vectors of one word in its sentences; similar: (n, n)."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.8, 3.4))
    axes.imshow(similar.numpy(), vmin=0, vmax=1, aspect="auto")
    axes.grid(visible=False)
    numbered = [f"{row + 1}  {words}" for row, words in enumerate(sentences)]
    axes.set_yticks(range(len(sentences)), numbered, fontsize=10)
    axes.set_xticks(range(len(sentences)), [str(row + 1) for row in range(len(sentences))])
    axes.set_xlabel(text("lesson12.context_label"))
    _write_cells(axes, similar, "{:.2f}")
    _title(figure, text("lesson12.context_title"))
    return picture(figure, text("lesson12.context_alt"))


def draw_win(trained: Mapping, live: Mapping[str, float]) -> Picture:
    """Scratch, TF-IDF and the frozen BERT on the reader's enquiries; live: one run, as rings."""
    of = trained[language()]
    figures.use()
    figure, axes = plt.subplots(figsize=(7.4, 2.9))
    _draw_rows(axes, of, ("scratch", "tfidf", "probe"), CHANCE["enquiries"], live)
    _name_axis(axes, trained["draws"])
    _legend(figure, axes)
    values = {name: f"{interval(of[name]).mean:.0%}" for name in ("probe", "tfidf")}
    _title(figure, text("lesson12.win_title", **values))
    return picture(figure, text("lesson12.win_alt"))


def draw_ways(trained: Mapping) -> Picture:
    """Every way with ten labels a class, a panel a language, the reader's first."""
    rows = ("scratch", "tfidf", "static", "probe", "lora", "fine_tune")
    figures.use()
    figure, panels = plt.subplots(1, 2, figsize=(8.8, 3.9), sharey=True)
    figure.get_layout_engine().set(wspace=0.06)
    for axes, lang in zip(panels, _own_first(), strict=True):
        _draw_rows(axes, trained[lang], rows, CHANCE["enquiries"])
        _name_axis(axes)
        axes.set_xlabel(text("lesson12.test_accuracy_short", draws=trained["draws"]))
        axes.set_title(text(f"lesson12.texts_{lang}"), fontsize=11)
    _legend(figure, panels[0])
    _title(figure, text("lesson12.ways_title"))
    return picture(figure, text("lesson12.ways_alt"))


def draw_curves(found: Mapping) -> Picture:
    """Accuracy against labels a class: frozen BERT, static word vectors, TF-IDF."""
    figures.use()
    figure, panels = plt.subplots(1, 2, figsize=(8.4, 3.9), sharey=True)
    ways = ("probe", "static", "tfidf")
    for axes, lang in zip(panels, _own_first(), strict=True):
        for way in ways:
            label = text(f"lesson12.{way}")
            figures.error_band(axes, found["labels"], found[lang][way], label, **LOOKS[way])
        _guessing(axes, CHANCE["enquiries"], upright=False)
        axes.set_xscale("log")
        axes.set_xticks(found["labels"], [str(count) for count in found["labels"]])
        axes.minorticks_off()
        axes.set_xlabel(text("lesson12.labels"))
        axes.set_title(text(f"lesson12.texts_{lang}"), fontsize=11)
    panels[0].set_ylim(0, 0.9)
    panels[0].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    panels[0].set_ylabel(text("twins.accuracy"))
    drawn = [runs for lang in LANGUAGES for way in ways for runs in found[lang][way]]
    twins.name_band(panels[0], drawn)
    _legend(figure, panels[0], columns=3)
    _title(figure, text("lesson12.curves_title"))
    return picture(figure, text("lesson12.curves_alt"))


def draw_across(found: Mapping, live: Mapping[str, float]) -> Picture:
    """Japanese enquiries, sorted by English and by Japanese labels; live: one run, as a ring."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.6, 3.2))
    rows = ("tfidf", "english", "both", "japanese_labels")
    names = [text(f"lesson12.across_{name}") for name in rows]
    _draw_rows(axes, found["enquiries"], rows, CHANCE["enquiries"], live, names)
    _name_axis(axes, found["draws"])
    _legend(figure, axes)
    _title(figure, text("lesson12.across_title"))
    return picture(figure, text("lesson12.across_alt"))


def draw_spam(found: Mapping, real: Mapping) -> Picture:
    """The frozen BERT and TF-IDF on spam, within a language, across, and on real messages.

    found: the stored "12_across". real: the stored "12_spam".
    """
    settings = {name: found["spam"][name] for name in ("en_to_en", "ja_to_ja", "en_to_ja")}
    sms, labels = real["sms_spam"], str(found["labels"])
    settings["real"] = {"probe": sms["zukan"][labels], "tfidf": sms["tfidf"][labels]}
    figures.use()
    figure, axes = plt.subplots(figsize=(7.6, 3.4))
    for row, of in enumerate(settings.values()):
        for way, shift in (("probe", -0.13), ("tfidf", 0.13)):
            label = text(f"lesson12.{way}") if row == 0 else None
            _point(axes, row + shift, of[way], way, label)
    axes.set_yticks(range(len(settings)), [text(f"lesson12.spam_{name}") for name in settings])
    axes.set_ylim(len(settings) - 0.5, -0.5)
    _guessing(axes, CHANCE["spam"])
    _name_axis(axes, found["draws"])
    axes.set_xlim(0.4, 1.0)
    _legend(figure, axes)
    _title(figure, text("lesson12.spam_title"))
    return picture(figure, text("lesson12.spam_alt"))


def draw_encoders(found: Mapping) -> Picture:
    """Real sentence encoders, the course's BERT and TF-IDF: questions in two languages, news."""
    title, alt = text("lesson12.encoders_title"), text("lesson12.encoders_alt")
    return _draw_sets(found, ("banking77", "enquiries_ja", "livedoor"), title, alt)


def draw_more_encoders(found: Mapping) -> Picture:
    """The same on two more sets of English questions."""
    title, alt = text("lesson12.more_title"), text("lesson12.more_alt")
    return _draw_sets(found, ("enquiries_en", "clinc150"), title, alt)


def _draw_sets(found: Mapping, sets: Sequence[str], title: str, alt: str) -> Picture:
    """A panel for each set; the course's network has its own name, since it is a BERT here."""
    renamed = {
        name: {NAMED.get(kind, kind): runs for kind, runs in found[name].items()} for name in sets
    }
    return twins.draw_twin(renamed, sets, title, alt, looks=REAL_LOOKS)


def draw_names(found: Mapping) -> Picture:
    """Accuracy of real encoders without a label, by the names of the classes, and guessing."""
    figures.use()
    figure, axes = plt.subplots(figsize=(7.4, 3.2))
    for row, of in enumerate(found.values()):
        for encoder, shift in (("minilm", -0.22), ("e5", 0), ("zukan", 0.22)):  # none hides another
            name = NAMED.get(encoder, encoder)
            colour, marker = REAL_LOOKS[name]
            label = text(f"twins.{name}") if row == 0 else None
            axes.plot(of[encoder], row + shift, marker, color=colour, markersize=8, label=label)
        chance = [1 / of["classes"]] * 2
        label = text("lesson12.chance") if row == 0 else None
        axes.plot(chance, [row - 0.35, row + 0.35], ":", color=figures.INK, label=label)
    axes.set_yticks(range(len(found)), [text(f"twins.set_{name}") for name in found])
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel(text("lesson12.names_label"))
    _legend(figure, axes)
    _title(figure, text("lesson12.names_title"))
    return picture(figure, text("lesson12.names_alt"))


def _own_first() -> list[str]:
    """The languages of the texts, the reader's first."""
    return sorted(LANGUAGES, key=lambda lang: lang != language())


def _draw_rows(
    axes: Axes,
    of: Mapping[str, Sequence[float]],
    ways: Sequence[str],
    chance: float,
    live: Mapping[str, float] | None = None,
    names: Sequence[str] = (),
) -> None:
    """A row for each way: its mean on its 95% interval, and the mean in figures at the right."""
    for row, way in enumerate(ways):
        _point(axes, row, of[way], way)
        axes.text(0.99, row, f"{interval(of[way]).mean:.0%}", va="center", ha="right")
    ring = {"color": figures.INK, "fillstyle": "none", "markersize": 10}
    for way, accuracy in (live or {}).items():
        axes.plot(accuracy, ways.index(way), "o", **ring)
    if live:
        axes.plot([], [], "o", label=text("lesson12.today"), **ring)
    axes.set_yticks(range(len(ways)), names or [text(f"lesson12.{way}") for way in ways])
    axes.set_ylim(len(ways) - 0.5, -0.5)
    _guessing(axes, chance)


def _point(
    axes: Axes, row: float, runs: Sequence[float], way: str, label: str | None = None
) -> None:
    """The mean of the draws as a marker on its 95% interval."""
    span = interval(runs, share=True)
    look = LOOKS[way]
    axes.plot([span.low, span.high], [row, row], color=look["color"], linewidth=2.5)
    rim = {"markersize": 8, "markeredgecolor": "white", "markeredgewidth": 0.8}  # off its interval
    axes.plot(span.mean, row, linestyle="none", label=label, **look, **rim)


def _guessing(axes: Axes, chance: float, upright: bool = True) -> None:
    line = axes.axvline if upright else axes.axhline
    line(chance, color=figures.INK, linestyle=":", linewidth=1.5, label=text("lesson12.chance"))


def _name_axis(axes: Axes, draws: int | None = None) -> None:
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    if draws is not None:
        axes.set_xlabel(text("lesson12.test_accuracy", draws=draws))


def _title(figure: plt.Figure, finding: str) -> None:
    figure.suptitle(finding, x=0.01, ha="left", fontsize=12)


def _legend(figure: plt.Figure, axes: Axes, columns: int = 4) -> None:
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=columns, fontsize=10)


def _write_cells(axes: Axes, table: Tensor, form: str) -> None:
    """The values in the cells of an image of numbers from 0 to 1."""
    for row, values in enumerate(table.tolist()):
        for column, value in enumerate(values):
            ink = figures.INK if value > 0.6 else "white"
            look = {"ha": "center", "va": "center", "fontsize": 10, "color": ink}
            axes.text(column, row, form.format(value), **look)
