"""Text tasks, their corpus and the language models: what lesson 12 stands on."""

import random
import shutil
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from tlhelpers.data import corpus
from tlhelpers.data.catalog import load_task
from tlhelpers.data.task import Split, Task
from tlhelpers.data.text import CLASSES, evaluation_texts, read_rows
from tlhelpers.models import language_models, pretrain_text
from tlhelpers.models.backbones import backbone
from tlhelpers.models.cards import weights_folder
from tlhelpers.models.surgery import assert_frozen, features_of, freeze, stages
from tlhelpers.runtime.store import StoreError
from tlhelpers.train.engine import fit, predict
from tlhelpers.transfer.extraction import extract_features
from tlhelpers.transfer.features import probe
from tlhelpers.transfer.fewshot import few_shot
from tlhelpers.transfer.finetune import fine_tune
from tlhelpers.transfer.lora import lora
from tlhelpers.transfer.text_baseline import tfidf_baseline

ODD_TEXTS = [
    "",
    " \n\t",
    "a" * 100_000,
    "😀🎉👩‍👩‍👧",
    "ﾊﾟｽﾜｰﾄﾞ",
    "Где мой заказ? أين طلبي؟",
    "請求 bill 🧾",
]

locked = pytest.mark.skipif(
    not all(any(row.split == "test" for row in read_rows(name)) for name in CLASSES),
    reason="datasets/text holds no locked test rows yet",
)


@pytest.fixture(scope="module")
def bert():
    return backbone("zukan-bert")


def made(name: str) -> Path:
    """The folder of these weights; skips where they are not made yet."""
    folder = weights_folder() / name
    if not folder.is_dir():
        pytest.skip(f"the weights are not here: tl pretrain {name}")
    return folder


# --- tasks ------------------------------------------------------------------------------------


@locked
@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("lang", ["en", "ja"])
def test_rows_are_balanced_and_never_in_two_parts(name, lang):
    rows = [row for row in read_rows(name) if row.lang == lang]
    assert {row.label for row in rows} == set(CLASSES[name])
    assert len({row.text for row in rows}) == len(rows)
    assert {row.split for row in rows} == {"dev", "test"}
    counts = {label: sum(row.label == label for row in rows) for label in CLASSES[name]}
    assert len(set(counts.values())) == 1


@locked
def test_train_and_valid_come_from_dev_and_test_is_locked():
    dev = {row.text for row in read_rows("enquiries") if row.split == "dev"}
    small = load_task("enquiries", lang="ja", per_class=2, seed=3)
    large = load_task("enquiries", lang="ja", per_class=5, seed=3)
    other = load_task("enquiries", lang="ja", per_class=5, seed=4)
    assert set(small.train.inputs) < set(large.train.inputs) <= dev
    assert set(other.train.inputs) != set(large.train.inputs)
    assert not set(large.train.inputs) & set(large.valid.inputs)
    assert not set(large.test.inputs) & dev
    assert small.test.inputs == large.test.inputs == other.test.inputs
    assert large.train.labels.bincount().tolist() == [5] * 6
    assert large.kind == "text" and large.num_classes == 6


@locked
def test_another_test_language_keeps_training_texts_and_changes_test_texts():
    there = load_task("enquiries", lang="en", test_lang="ja", per_class=5)
    english, japanese = (load_task("enquiries", lang=lang, per_class=5) for lang in ("en", "ja"))
    assert there.train.inputs == english.train.inputs
    assert there.valid.inputs == english.valid.inputs
    assert there.test.inputs == japanese.test.inputs
    assert there.fingerprint not in (english.fingerprint, japanese.fingerprint)


def test_unknown_language_and_too_many_labels_are_clear_errors():
    with pytest.raises(ValueError, match="fr"):
        load_task("enquiries", lang="fr")
    with pytest.raises(ValueError, match="per_class"):
        load_task("enquiries", lang="en", per_class=1000)


# --- the corpus -------------------------------------------------------------------------------


def test_no_frame_says_what_a_task_says():
    wordings = [
        wording
        for frames in corpus.frames().values()
        for frame in frames
        for wording in (*frame.english, *frame.japanese)
    ]
    rng = random.Random(0)
    filled = [corpus._fill(w, w in frame_japanese(), rng, {}) for w in wordings for _ in range(5)]
    long_enough = [text for text in filled if len(corpus.runs(text)) > 1]
    assert not any(map(corpus.too_close(evaluation_texts()), long_enough))


def frame_japanese():
    return {w for frames in corpus.frames().values() for frame in frames for w in frame.japanese}


def test_letters_that_come_too_close_to_a_task_are_dropped():
    copied = next(row for row in read_rows("enquiries") if len(row.text.split()) > 9)
    inside = corpus.Letter("x", (("well, " + copied.text + " today", "はい"),))
    letters = [*corpus.write_letters(500, seed=5), inside]
    kept, dropped = pretrain_text.without_evaluation(letters)
    assert inside not in kept and dropped >= 1
    sentences = [side for letter in kept for pair in letter.sentences for side in pair]
    assert not any(map(corpus.too_close(evaluation_texts()), sentences))


def test_letters_follow_from_their_seed():
    assert corpus.write_letters(20, seed=1) == corpus.write_letters(20, seed=1)
    assert corpus.write_letters(20, seed=1) != corpus.write_letters(20, seed=2)


# --- the models -------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", ["zukan-bert", "zukan-bert-en", "zukan-gpt"])
def test_checkpoints_are_small_safe_and_open_with_transformers(name):
    from transformers import AutoModel, AutoTokenizer

    folder = made(name)
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 8e6
    assert not [f for f in folder.iterdir() if f.suffix in (".bin", ".pt", ".pth", ".pkl")]
    assert AutoTokenizer.from_pretrained(folder).is_fast
    theirs = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    ours = backbone(name)
    batch = ours.preprocess(["Where is my parcel?", "荷物はどこですか"])
    with torch.no_grad():
        expected, found = theirs(**batch)[0], ours.encoder(**batch)[0]
    assert torch.allclose(expected, found, atol=1e-5)


def test_odd_texts_give_numbers(bert):
    logits = predict(bert, ODD_TEXTS)
    assert logits.shape == (len(ODD_TEXTS), 2) and logits.isfinite().all()
    half, full = (bert.preprocess([words])["input_ids"] for words in ("ﾊﾟｽﾜｰﾄﾞ", "パスワード"))
    assert torch.equal(half, full)
    assert bert.preprocess(ODD_TEXTS)["input_ids"].shape[1] <= bert.info.size


@pytest.mark.slow
def test_odd_texts_and_one_label_a_class_still_give_a_probe_and_a_baseline(bert):
    task = load_task("enquiries", lang="en", per_class=1)
    odd = Split(ODD_TEXTS, torch.zeros(len(ODD_TEXTS), dtype=torch.long))
    task = replace(task, train=Split([*task.train.inputs[:5], ""], task.train.labels), test=odd)
    assert 0 <= probe(bert, task).test_acc <= 1
    assert len(tfidf_baseline(task).pipeline.predict(ODD_TEXTS)) == len(ODD_TEXTS)
    tuned = fine_tune(bert, task, epochs=1, lr=1e-3, read_test=False).model
    assert predict(tuned, ODD_TEXTS).isfinite().all()


def test_the_ready_made_classifier_of_transformers_opens_the_same_folder():
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = made("zukan-bert")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=6).eval()
    batch = tokenizer(["Where is my parcel?", "返金"], padding=True, return_tensors="pt")
    with torch.no_grad():
        assert model(**batch).logits.shape == (2, 6)


def test_padding_does_not_change_a_text(bert):
    short = "Where is my parcel?"
    alone = predict(bert, [short])
    assert torch.allclose(alone, predict(bert, [short, "long " * 60])[:1], atol=1e-5)


def test_pictures_are_refused_with_a_clear_error(bert):
    with pytest.raises(ValueError, match="load_task"):
        bert.preprocess(torch.zeros(2, 3, 64, 64, dtype=torch.uint8))


def test_every_text_is_tokenized_once(bert, monkeypatch):
    model = backbone("zukan-bert", num_classes=6)
    task = load_task("enquiries", lang="en", per_class=2)
    asked = []
    tokenizer = model.preprocess.tokenizer
    monkeypatch.setattr(model.preprocess, "tokenizer", _Counting(tokenizer, asked), raising=True)
    fit(model, task.train, epochs=3, batch_size=4)
    assert sorted(asked) == sorted(task.train.inputs)


class _Counting:
    def __init__(self, tokenizer, asked):
        self.tokenizer, self.asked = tokenizer, asked

    def __getattr__(self, name):
        return getattr(self.tokenizer, name)

    def __call__(self, texts, **options):
        self.asked += texts
        return self.tokenizer(texts, **options)


def test_freezing_reaches_the_encoder_and_leaves_the_head(bert):
    model = backbone("zukan-bert", num_classes=6)
    names = [name for name, _ in stages(model)]
    assert names[0] == "encoder.embeddings" and names[-1] == "classifier" and len(names) >= 4
    freeze(model)
    task = load_task("enquiries", lang="en", per_class=2)
    with assert_frozen(model):
        fit(model, task.train, epochs=1, batch_size=4)
    assert {n.split(".")[0] for n, p in model.named_parameters() if p.requires_grad} == {
        "classifier"
    }


def test_features_are_what_the_head_sees(bert):
    texts = ["refund please", "荷物が届きません"]
    features = extract_features(bert, texts)
    with torch.no_grad():
        assert torch.allclose(features, features_of(bert, bert.preprocess(texts)), atol=1e-6)
        assert torch.allclose(bert.classifier(features), predict(bert, texts), atol=1e-5)


@locked
def test_probe_and_few_shot_read_texts_far_above_chance(bert):
    task = load_task("enquiries", lang="en", per_class=10)
    assert probe(bert, task).test_acc > 0.35  # chance is 1/6
    episodes = few_shot(bert, task, n_way=3, n_shot=5, n_query=5, episodes=50)
    assert episodes.accuracy.low > 1 / 3


@locked
def test_lora_trains_less_than_one_percent(bert):
    task = load_task("enquiries", lang="en", per_class=2)
    result = lora(bert, task, epochs=1, lr=1e-3, read_test=False)
    assert result.trainable_parameters < 0.01 * bert.info.parameters
    trained = {name for name, p in result.model.named_parameters() if p.requires_grad}
    assert all("lora" in name or name.startswith("classifier") for name in trained)
    assert any("query" in name for name in trained)


def test_gpt_continues_a_text():
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(made("zukan-gpt")).float()
    batch = backbone("zukan-gpt").preprocess(["My parcel has not"])
    ids = batch["input_ids"][:, :-1]  # without the end
    drawn = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=5)
    assert drawn.shape[1] > ids.shape[1]


# --- the resolver -----------------------------------------------------------------------------


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A mirror that holds zukan-bert under the name of a public model, and no network."""
    monkeypatch.setenv("TLHELPERS_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TLHELPERS_OFFLINE", "1")
    folder = tmp_path / "mirror/huggingface.co/google-bert/bert-base-uncased/resolve/main"
    shutil.copytree(weights_folder() / "zukan-bert", folder)
    monkeypatch.setattr(language_models, "hub_sha256", lambda repository, file: None)
    return folder


def test_a_file_of_the_hub_whose_checksum_is_known_is_nothing_else(mirror, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("TLHELPERS_MIRROR", str(mirror.parents[4]))
    monkeypatch.setenv("TLHELPERS_CACHE", str(mirror.parents[5] / "cache"))
    monkeypatch.setenv("TLHELPERS_OFFLINE", "1")
    with pytest.raises(StoreError, match="68d45e234eb4a928074dfd868cead0219ab85354cc53d20e772753"):
        backbone("bert-base-uncased")


@pytest.mark.parametrize(
    "broken", ["壊れた\ud83d文字", "\udc97", "\0", "\u200b\ufeff", "x" * 10**6]
)
def test_a_text_that_is_no_text_stops_nobody(bert, broken):
    found = predict(bert, ["一つの文です", broken])
    assert found.shape[0] == 2 and found.isfinite().all()
    assert torch.equal(predict(bert, ["壊れた\ud83d文字"]), predict(bert, ["壊れた\ufffd文字"]))


@pytest.mark.parametrize("odd", [None, float("nan"), 3, b"text"])
def test_a_row_that_is_no_text_is_named(bert, odd):
    texts = ["一つの文です", odd, "card"]
    with pytest.raises(ValueError, match=f"number 1 of 3 is {type(odd).__name__}: "):
        predict(bert, texts)
    split = Split(texts, [0, 1, 1])
    names = {"en": ["a", "b"], "ja": ["a", "b"]}
    task = Task("own", split, split, split, names, kind="text")
    with pytest.raises(ValueError, match=f"number 1 of 3 is {type(odd).__name__}: "):
        tfidf_baseline(task)


def test_texts_that_are_all_empty_are_told():
    split = Split(["", " ", "\n"], [0, 1, 1])
    names = {"en": ["a", "b"], "ja": ["a", "b"]}
    with pytest.raises(ValueError, match="texts of the task own are empty"):
        tfidf_baseline(Task("own", split, split, split, names, kind="text"))


def test_texts_without_a_word_of_two_letters_are_counted_by_characters():
    split = Split(["A", "B !", "A ?", "B"], [0, 1, 0, 1])
    names = {"en": ["a", "b"], "ja": ["a", "b"]}
    found = tfidf_baseline(Task("marks", split, split, split, names, kind="text"))
    assert found.runs == "characters" and found.test_acc == 1.0


def test_public_models_come_from_the_mirror(mirror, bert):
    model = backbone("bert-base-uncased", num_classes=3)
    assert model.info.name == "bert-base-uncased" and model.classifier.out_features == 3
    texts = ["My card was charged", "返金してください"]
    assert torch.equal(extract_features(model, texts), extract_features(bert, texts))


def test_an_old_pickle_of_tensors_is_converted(mirror, bert):
    from safetensors.torch import load_file

    torch.save(load_file(mirror / "model.safetensors"), mirror / "pytorch_model.bin")
    (mirror / "model.safetensors").unlink()
    assert torch.equal(
        backbone("bert-base-uncased").encoder.embeddings.word_embeddings.weight,
        bert.encoder.embeddings.word_embeddings.weight,
    )


def test_weights_that_cannot_be_had_are_an_error_never_random(mirror):
    with pytest.raises(StoreError, match="gpt2"):
        backbone("gpt2")
    (mirror / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(StoreError):
        backbone("bert-base-uncased")


def test_a_checkpoint_that_lacks_a_weight_is_refused(bert):
    state = bert.encoder.state_dict()
    state.popitem()
    with pytest.raises(StoreError):
        language_models.load_encoder(bert.encoder, state, Path("model.safetensors"))


def test_missing_packages_are_named():
    name = "tohoku-nlp/bert-base-japanese-v3"
    if not [e for e in language_models.HUB[name].extras if not _installed(e)]:
        pytest.skip("fugashi and unidic-lite are installed here")
    with pytest.raises(StoreError, match="fugashi unidic-lite"):
        backbone(name)


def _installed(module: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(module) is not None


# --- pre-training and the baseline ------------------------------------------------------------


def tiny_recipe(name: str):
    return replace(
        pretrain_text.TEXT_RECIPES[name],
        letters=200,
        vocabulary=600,
        hidden=16,
        heads=2,
        layers=1,
        guess_steps=2,
        match_steps=2 if name == "zukan-bert" else 0,
    )


@pytest.mark.slow
@pytest.mark.parametrize("stopped", ["fit", "TextCard"])
def test_ctrl_c_replaces_no_language_model_by_half_a_one(stopped, tmp_path, monkeypatch):
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path / "cache"))
    ours = tmp_path / "out" / "zukan-gpt"
    ours.mkdir(parents=True)
    (ours / "model.safetensors").write_bytes(b"the course's own")

    def run():
        recipe = tiny_recipe("zukan-gpt")
        return pretrain_text.pretrain_text("zukan-gpt", ours.parent, recipe=recipe, progress=False)

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pretrain_text, stopped, interrupt)
        with pytest.raises(KeyboardInterrupt):
            run()
    assert [file.read_bytes() for file in ours.iterdir()] == [b"the course's own"]
    assert run().bytes > 16 and [path.name for path in ours.parent.iterdir()] == ["zukan-gpt"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["zukan-bert", "zukan-gpt"])
def test_pretraining_runs_through_and_its_folder_loads(name, tmp_path, monkeypatch):
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path / "cache"))
    tiny = tiny_recipe(name)
    card = pretrain_text.pretrain_text(name, tmp_path, recipe=tiny, progress=False)
    model = backbone(name, weights=tmp_path / name)
    assert card.parameters > 0 and model.info.weights_sha256 == card.sha256
    assert isinstance(model.classifier, nn.Linear) and model.info.feature_dim == 16
    assert (tmp_path / name / "README.md").read_text(encoding="utf-8").count("## ") == 2


@locked
def test_tfidf_learns_texts_and_refuses_pictures():
    task = load_task("spam", lang="en", per_class=10)
    result = tfidf_baseline(task)
    assert result.test_acc > 0.6 and result.test_reads == 1
    with pytest.raises(ValueError, match="enquiries"):
        tfidf_baseline(replace(task, kind="image"))


def test_tfidf_reads_every_width_and_composition_of_a_text_alike():
    """A text typed on a Mac (NFD) or in full width is the same text, as it is for the networks."""
    for lang, other in (("en", full_width), ("ja", half_width), ("ja", apart)):
        task = load_task("enquiries", lang=lang, per_class=10)
        pipeline = tfidf_baseline(task).pipeline
        changed = [other(words) for words in task.test.inputs]
        assert changed != task.test.inputs
        assert (pipeline.predict(task.test.inputs) == pipeline.predict(changed)).all()


def full_width(words: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in words)


def half_width(words: str) -> str:
    kana = {unicodedata.normalize("NFKC", chr(c)): chr(c) for c in range(0xFF66, 0xFF9E)}
    return "".join(kana.get(c, c) for c in words)


def apart(words: str) -> str:
    return unicodedata.normalize("NFD", words)


def test_tfidf_counts_words_where_they_say_more():
    """The class is which words stand side by side; runs of four characters cannot see that."""
    a, b, c, d = ("zzz" + middle + "zzz" for middle in ("aa", "bb", "cc", "dd"))
    pairs = [(0, f"{a} {b}"), (0, f"{c} {d}"), (1, f"{a} {d}"), (1, f"{c} {b}")]
    labels, texts = zip(*pairs * 5, strict=True)
    split = Split(list(texts), torch.tensor(labels))
    names = {"en": ["one", "two"], "ja": ["one", "two"]}
    result = tfidf_baseline(Task("pairs", split, split, split, names, kind="text"))
    assert result.runs == "words" and result.test_acc == 1.0
