"""The letters that the course's language models read: mostly a shop's mail, written by rule.

`frames.txt` holds what is said, in English and Japanese, in many wordings; `lexicon.txt` the
words that fill its slots. A letter has one or two sentences about one subject, in both
languages with the same meaning. No sentence of the tasks is among them: those are written by
hand, and `too_close` finds what comes too close.
"""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent
_CHOICE = re.compile(r"<([^<>]*)>")
_SLOT = re.compile(r"\{(\w+)\}")
Words = dict[tuple[str, int], tuple[list[str], list[str]]]  # (slot, which one) -> synonyms


@dataclass(frozen=True)
class Frame:
    """One meaning: every wording of `english` and of `japanese` says it."""

    subject: str
    english: tuple[str, ...]
    japanese: tuple[str, ...]


@dataclass(frozen=True)
class Letter:
    """Sentences about one subject, each as (English, Japanese)."""

    subject: str
    sentences: tuple[tuple[str, str], ...]

    @property
    def english(self) -> str:
        return " ".join(sentence for sentence, _ in self.sentences)

    @property
    def japanese(self) -> str:
        return "".join(sentence for _, sentence in self.sentences)


@functools.cache
def lexicon() -> dict[str, list[tuple[list[str], list[str]]]]:
    """{slot: its words}, a word as (English synonyms, Japanese synonyms)."""
    words: dict[str, list] = {}
    slot = ""
    for line in _lines("lexicon.txt"):
        if line.startswith("@"):
            slot = line[1:]
            words[slot] = []
        else:
            english, japanese = line.split(" = ")
            words[slot].append((english.split(", "), japanese.split(", ")))
    return words


@functools.cache
def frames() -> dict[str, list[Frame]]:
    """{subject: its frames}."""
    found: dict[str, list[Frame]] = {}
    lines = iter(_lines("frames.txt"))
    for line in lines:
        if line.startswith("@"):
            subject = line[1:]
            found[subject] = []
        else:
            wordings = (tuple(part.split(" | ")) for part in (line, next(lines)))
            found[subject].append(Frame(subject, *wordings))
    return found


def write_letters(count: int, seed: int = 0) -> list[Letter]:
    """`count` letters, the same for the same seed."""
    rng = random.Random(seed)
    subjects = list(frames())
    letters = []
    for _ in range(count):
        subject = rng.choice(subjects)
        length = rng.choice((1, 1, 2))
        chosen = [rng.choice(frames()[subject]) for _ in range(length)]
        words: Words = {}  # a letter goes on speaking of the same things
        letters.append(Letter(subject, tuple(write_sentence(f, rng, words) for f in chosen)))
    return letters


def write_sentence(frame: Frame, rng: random.Random, words: Words | None = None) -> tuple[str, str]:
    """One (English, Japanese) wording of the frame; `words` fills its slots, and is filled."""
    words = {} if words is None else words
    english = _fill(rng.choice(frame.english), 0, rng, words)
    japanese = _fill(rng.choice(frame.japanese), 1, rng, words)
    return _dress_english(english, rng), _dress_japanese(japanese, rng)


def too_close(evaluation: Iterable[str]) -> Callable[[str], bool]:
    """Says of a text whether it has 8 words in a row that an evaluation text has, too.

    In Japanese it is 12 characters.
    """
    known = {run for sentence in evaluation for run in runs(sentence)}
    return lambda sentence: not known.isdisjoint(runs(sentence))


def runs(sentence: str) -> set[str]:
    """Every run of 8 words, or of 12 characters in Japanese; a shorter sentence is one run."""
    if re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", sentence):
        parts, size, glue = [c for c in sentence if c.isalnum()], 12, ""
    else:
        parts, size, glue = re.findall(r"[\w']+", sentence.lower()), 8, " "
    return {glue.join(parts[i : i + size]) for i in range(max(1, len(parts) - size + 1))}


def _lines(name: str) -> list[str]:
    lines = (_FOLDER / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("# ")]


def _fill(wording: str, side: int, rng: random.Random, words: Words) -> str:
    """Chooses among <a/b/c>, then puts a word into each {slot}: side 0 English, 1 Japanese."""
    wording = _CHOICE.sub(lambda match: rng.choice(match[1].split("/")), wording)
    counts: dict[str, int] = {}

    def word(match: re.Match) -> str:
        slot = match[1]
        key = slot, counts.get(slot, 0)
        counts[slot] = key[1] + 1
        if key not in words:
            words[key] = rng.choice(lexicon()[slot])
        return rng.choice(words[key][side])

    return " ".join(_SLOT.sub(word, wording).split())


# --- how people really write ----------------------------------------------------------------

_CONTRACTIONS = (
    ("I am", "I'm"),
    ("cannot", "can't"),
    ("does not", "doesn't"),
    ("did not", "didn't"),
    ("do not", "don't"),
    ("is not", "isn't"),
    ("has not", "hasn't"),
    ("have not", "haven't"),
    ("will not", "won't"),
    ("I would", "I'd"),
    ("I have", "I've"),
    ("I will", "I'll"),
    ("it is", "it's"),
    ("what is", "what's"),
    ("where is", "where's"),
    ("want to", "wanna"),
    ("you ", "you guys "),
    ("the ", "my "),
    ("the ", "this "),
    ("the ", "your "),
)
_OPENINGS = (
    "hello,",
    "hi,",
    "hi there,",
    "excuse me,",
    "please help,",
    "hey",
    "good morning,",
    "sorry but",
    "well,",
    "I think",
    "it seems",
    "dear team,",
    "actually",
    "also,",
    "apparently",
    "could you tell me",
    "quick question:",
    "once again",
)
_CLOSINGS = (
    "please",
    "thanks",
    "thank you",
    "please help",
    "as soon as possible",
    "asap",
    "urgently",
    "what should I do",
    "many thanks",
    "please advise",
    "if possible",
    "again",
    "any idea",
    "as I said",
)
_QUESTION = re.compile(
    r"^(.*, )?(can|do|did|does|is|are|was|how|when|where|why|what|which|who|may|could|will|has) "
)
_ENDINGS = (  # another politeness, or a colloquial form
    ("たいです", "たい"),
    ("たいです", "たいんですけど"),
    ("たいです", "たいのですが"),
    ("たい", "たいんですが"),
    ("してください", "していただけますか"),
    ("してください", "して"),
    ("ください", "もらえますか"),
    ("ください", "くれませんか"),
    ("ほしい", "ほしいです"),
    ("ほしい", "ほしいのですが"),
    ("ほしい", "ほしいんですけど"),
    ("ですか", "でしょうか"),
    ("ですか", "なんですか"),
    ("ですか", "?"),
    ("ますか", "ますかね"),
    ("ません", "ませんでした"),
    ("ません", "ないんですけど"),
    ("ない", "ないです"),
    ("ない", "ないんですが"),
    ("ない", "なくて困っています"),
    ("ました", "たんですけど"),
    ("しました", "しちゃいました"),
    ("ています", "ているんですが"),
    ("ています", "てる"),
    ("った", "ったのですが"),
    ("れた", "れました"),
    ("きますか", "くの?"),
    ("りますか", "る?"),
    ("えますか", "える?"),
    ("できますか", "できる?"),
    ("です", "だよ"),
    ("です", "なんです"),
)
_OPENINGS_JA = (
    "すみません、",
    "こんにちは。",
    "あの、",
    "お世話になっております。",
    "ちょっと聞きたいのですが、",
    "実は",
    "ところで、",
    "恐れ入りますが、",
    "えっと、",
    "やっぱり",
    "たぶん",
    "また",
    "どうも",
    "至急です。",
)
_CLOSINGS_JA = (
    "お願いします",
    "よろしくお願いします",
    "助けて",
    "困ってます",
    "どうしたらいい?",
    "急いでいます",
    "教えてください",
    "どうしよう",
    "ご確認を",
    "申し訳ないです",
    "なぜですか",
    "なんとかして",
)


def _dress_english(sentence: str, rng: random.Random) -> str:
    for plain, short in _CONTRACTIONS:
        if rng.random() < 0.3:
            sentence = sentence.replace(plain, short, 1)
    if rng.random() < 0.2:
        sentence = f"{rng.choice(_OPENINGS)} {sentence}"
    if rng.random() < 0.18:
        sentence += rng.choice((" ", ", ", ". ")) + rng.choice(_CLOSINGS)
    if rng.random() < 0.85:
        sentence += "?" if _QUESTION.match(sentence) else rng.choice((".", ".", "!", ""))
    if rng.random() < 0.7:
        sentence = sentence[0].upper() + sentence[1:]
    return _mistype(sentence, rng)


def _dress_japanese(sentence: str, rng: random.Random) -> str:
    fitting = [(old, new) for old, new in _ENDINGS if sentence.endswith(old)]
    if fitting and rng.random() < 0.5:
        old, new = rng.choice(fitting)
        sentence = sentence.removesuffix(old) + new
    if rng.random() < 0.15:
        sentence = rng.choice(_OPENINGS_JA) + sentence
    if rng.random() < 0.15:
        sentence = sentence.rstrip("?") + "。" + rng.choice(_CLOSINGS_JA)
    end = rng.choice(("。", "。", "", "!"))
    return _mistype(sentence + ("" if sentence.endswith("?") else end), rng)


def _mistype(sentence: str, rng: random.Random) -> str:
    """Once in twenty sentences a letter is lost, doubled, or changes places."""
    if len(sentence) < 8 or rng.random() > 0.05:
        return sentence
    at = rng.randrange(1, len(sentence) - 2)
    one, two = sentence[at], sentence[at + 1]
    typed = rng.choice((two, one + one + two, two + one))
    return sentence[:at] + typed + sentence[at + 2 :]
