"""Recordings of one's own: whatever the file is, sound or a sentence; no voice in two parts."""

import io
import os
import shutil
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.tiny_sounds import RATE, VOICES, encoded, recordings, wave
from tlhelpers.data import own
from tlhelpers.data.folder import FolderError, load_folder
from tlhelpers.data.inspection import near_duplicates
from tlhelpers.data.layout import PARTS
from tlhelpers.data.sounds import recording as recording_module
from tlhelpers.data.sounds.recording import (
    KEPT_SECONDS,
    RecordingError,
    brand_of,
    loudest,
    read_recording,
    windowed,
)
from tlhelpers.runtime.store import cache_folder

REAL = Path(os.environ.get("TLHELPERS_REAL", "../shared/real"), "speech")
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="real recordings are not here")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("TLHELPERS_LANG", "en")


def kept(tmp_path, content: bytes, name="x.wav") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def pitch_of(samples: np.ndarray) -> float:
    power = np.abs(np.fft.rfft(samples.astype(float)))
    return float(np.fft.rfftfreq(len(samples), 1 / RATE)[power.argmax()])


def tone(rate: int, pitch=440.0, seconds=0.5) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * pitch * np.arange(int(rate * seconds)) / rate)


# --- one recording ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("WAV", {"subtype": "PCM_16"}),
        ("WAV", {"subtype": "PCM_24"}),
        ("WAV", {"subtype": "FLOAT"}),
        ("WAV", {"subtype": "PCM_U8"}),
        ("FLAC", {}),
        ("OGG", {}),
        ("MP3", {}),
        ("AIFF", {}),
    ],
)
def test_every_format_gives_the_same_sound_whatever_the_file_is_called(tmp_path, form, options):
    found = read_recording(kept(tmp_path, encoded(tone(RATE), form, **options), "song.ogg"))
    assert found.samples.dtype == np.int16 and len(found.samples) == pytest.approx(8000, abs=2500)
    assert pitch_of(found.samples) == pytest.approx(440, abs=4)
    assert np.abs(found.samples).max() == pytest.approx(16384, rel=0.1)
    assert ("coarse" in found.notes) == (options.get("subtype") == "PCM_U8")


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000, 96000, 44099])
def test_any_rate_becomes_one_and_keeps_pitch_and_length(tmp_path, rate):
    found = read_recording(kept(tmp_path, encoded(tone(rate), rate=rate)))
    assert (found.rate, found.seconds) == (rate, pytest.approx(0.5, abs=0.01))
    assert len(found.samples) == pytest.approx(8000, abs=2)
    assert pitch_of(found.samples) == pytest.approx(440, abs=3)


def test_channels_are_averaged_and_that_is_said(tmp_path):
    both = np.stack([tone(RATE, 440), tone(RATE, 440) * 0], 1)
    found = read_recording(kept(tmp_path, encoded(both)))
    assert (found.channels, found.notes) == (2, ("stereo",))
    assert np.abs(found.samples).max() == pytest.approx(8192, rel=0.02)


def test_the_loudest_ten_seconds_of_a_long_file_are_kept(tmp_path):
    long = np.random.default_rng(0).normal(0, 0.001, 25 * RATE)
    long[14 * RATE : 14 * RATE + 8000] = tone(RATE)
    found = read_recording(kept(tmp_path, encoded(long)))
    assert len(found.samples) == KEPT_SECONDS * RATE and found.notes == ("long",)
    assert found.seconds == 25 and np.abs(found.samples).max() > 16000
    assert found.silence > 0.9


def test_an_hour_is_read_in_part(tmp_path, monkeypatch):
    hour = np.zeros(3600 * 4000, np.int16)
    hour[:8000] = 9000 * np.sign(np.sin(np.arange(8000)))
    path = kept(tmp_path, encoded(hour, rate=4000))
    read = soundfile.SoundFile.read
    taken = []

    def counted(self, frames, **options):
        block = read(self, frames, **options)
        taken.append(len(block))
        return block

    monkeypatch.setattr(soundfile.SoundFile, "read", counted)
    assert read_recording(path).seconds == 3600
    assert sum(taken) == 60 * 4000 and max(taken) <= recording_module.BLOCK


def test_what_is_odd_is_used_and_told(tmp_path):
    clipped = np.clip(3 * tone(RATE), -1, 1)
    assert read_recording(kept(tmp_path, encoded(clipped))).notes == ("clipped",)
    broken = tone(RATE)
    broken[100:200] = np.nan
    found = read_recording(kept(tmp_path, encoded(broken, subtype="FLOAT")))
    assert found.notes == ("gaps",) and not found.samples[110:190].any()
    loud = read_recording(kept(tmp_path, encoded(20000 * tone(RATE), subtype="FLOAT")))
    assert loud.notes == ("loud",) and np.abs(loud.samples).max() == 32767
    content = encoded(tone(RATE))
    found = read_recording(kept(tmp_path, content[: len(content) // 2]))
    assert found.notes == ("cut_off",) and found.seconds == pytest.approx(0.25, abs=0.01)


M4A = b"\0\0\0\x20ftypM4A \0\0\0\0" + bytes(100)
MP4 = b"\0\0\0\x20ftypisom\0\0\0\0" + bytes(100)
PNG = io.BytesIO()
Image.new("RGB", (8, 8)).save(PNG, "PNG")


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (b"", "empty", "0 bytes"),
        (M4A, "other_format", "M4A"),
        (MP4, "video", "ffmpeg"),
        (b"\x1a\x45\xdf\xa3" + bytes(60), "other_format", "WebM"),
        (b"#!AMR\n" + bytes(60), "other_format", "AMR"),
        (b"\xff\xf1\x50\x80" + bytes(60), "other_format", "AAC"),
        (PNG.getvalue(), "not_a_recording", "no recording"),
        (b"yes, no, yes\n" * 20, "not_a_recording", "no recording"),
        (encoded(tone(RATE))[:60], "too_short", "ms"),
        (encoded(tone(RATE))[:30], "damaged", "damaged"),
        (encoded(tone(RATE), "FLAC")[:60], "damaged", "damaged"),
        (encoded(np.zeros(8000)), "silent", "silence"),
        (encoded(np.zeros(0)), "no_samples", "no sound"),
        (encoded(np.full(8000, np.nan), subtype="FLOAT"), "no_numbers", "NaN"),
        (encoded(np.zeros(4000 * 90), "FLAC", 4000), "silent_start", "lasts 2 minutes"),
        (encoded(tone(RATE)[:100]), "too_short", "6 ms"),
        (encoded(tone(RATE), rate=100), "rate", "100 samples a second"),
        (encoded(tone(RATE), rate=10**6), "rate", "1,000,000 samples a second"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_recording_gets_a_sentence_of_its_own(tmp_path, content, kind, said):
    with pytest.raises(RecordingError, match=said) as caught:
        read_recording(kept(tmp_path, content))
    assert caught.value.kind == kind


def test_mp3_and_aac_are_told_apart_and_chance_bytes_are_neither():
    assert brand_of(encoded(tone(RATE), "MP3")[:64]) == "mp3"
    assert brand_of(b"ID3\x04" + bytes(20)) == "mp3"
    assert brand_of(b"\xff\xfe" + "yes".encode("utf-16-le")) == ""


def test_names_that_no_text_can_hold_are_read(tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff\xfe.wav"
    Path(os.fsdecode(path)).write_bytes(encoded(tone(RATE)))
    assert len(read_recording(Path(os.fsdecode(path))).samples) == 8000


FORMS = {form: encoded(wave(True), form) for form in ("WAV", "FLAC", "OGG", "MP3", "AIFF")}


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@settings(
    max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", "25")),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    damage=st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 255)), max_size=6),
    cut=st.integers(0, 9),
)
def test_any_damage_gives_a_sound_or_our_error(form, damage, cut):
    content = bytearray(FORMS[form])
    for at, value in damage:
        content[at % (len(content) if at % 2 else 64)] = value
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "x.wav")
        path.write_bytes(content[: len(content) * (10 - cut) // 10])
        try:
            found = read_recording(path)
        except RecordingError as error:
            assert str(error) and error.kind
        else:
            assert 0 < len(found.samples) <= KEPT_SECONDS * RATE and found.samples.any()


def test_the_window_holds_the_loudest_part_and_fills_with_silence():
    samples = np.zeros(1000 * 16, np.int16)
    samples[9000:9100] = 500
    part = loudest(samples, 1600)
    assert len(part) == 1600 and (part == 500).sum() == 100
    filled = windowed(np.full(10, 7, np.int16), 16)
    assert filled.tolist() == [0] * 3 + [7] * 10 + [0] * 3


# --- a folder -----------------------------------------------------------------------------


def test_a_folder_of_recordings_is_a_task_of_sounds(tmp_path):
    task = load_folder(recordings(tmp_path / "mine"))
    assert task.kind == "sound" and task.class_names == ["down", "up"] and task.name == "mine"
    assert [len(getattr(task, part)) for part in PARTS] == [18, 6, 6]
    assert task.train.inputs.dtype == torch.int16 and task.train.inputs.shape[1:] == (8000,)
    first = task.paths["train"][0]
    wanted = soundfile.read(first, dtype="int16")[0]
    assert np.abs(task.train.inputs[0].numpy().astype(int) - wanted).max() <= 1


def test_photos_beside_recordings_leave_them_recordings(tmp_path):
    root = recordings(tmp_path / "mine")
    Image.new("RGB", (8, 8)).save(root / "up" / "cover.jpg")
    (root / "up" / "words.txt").write_text("up")
    task = load_folder(root)
    assert task.kind == "sound"
    assert {Path(p.path).name for p in task.inspection.left_out} == {"cover.jpg", "words.txt"}


def test_many_recordings_are_read_from_their_file(tmp_path, monkeypatch):
    root = recordings(tmp_path / "mine")
    held = load_folder(root)
    monkeypatch.setattr(own, "HELD_BYTES", 1000)
    read = load_folder(root)
    assert read.train.is_lazy and not held.train.is_lazy
    rows = torch.tensor([3, 0, 7])
    assert torch.equal(read.train.batch(rows)[0], held.train.batch(rows)[0])


def test_a_second_reading_decodes_nothing(tmp_path, monkeypatch):
    root = recordings(tmp_path / "mine")
    one = load_folder(root)
    monkeypatch.setattr(recording_module, "read_recording", None)
    assert load_folder(root).fingerprint == one.fingerprint


@pytest.mark.parametrize("form", ["zip", "csv", "columns"])
def test_one_set_is_one_task_however_it_is_handed_in(tmp_path, form):
    root = recordings(tmp_path / "mine", name="{label}/{voice}/{take}.wav")
    plain, options, handed = load_folder(root), {}, root
    if form == "zip":
        handed = Path(shutil.make_archive(str(root), "zip", tmp_path, "mine"))
    else:
        header = "path,speaker,label" if form == "csv" else "where,who,what"
        if form == "columns":
            options = {"columns": {"file": "where", "group": "who", "label": "what"}}
        files = sorted(root.rglob("*.wav"))
        lines = [f"{f.relative_to(root)},{f.parent.name},{f.parents[1].name}" for f in files]
        handed = root / "labels.csv"
        handed.write_text("\n".join([header, *lines]))
    other = load_folder(handed, **options)
    assert other.class_names == plain.class_names
    for part in PARTS:
        one, two = getattr(plain, part), getattr(other, part)
        assert one.labels.tolist() == two.labels.tolist() and one.inputs.equal(two.inputs)


def test_a_column_that_is_asked_for_and_missing_is_named(tmp_path):
    root = recordings(tmp_path / "mine")
    (root / "labels.csv").write_text("file,label\nup/anna_0.wav,up\n")
    with pytest.raises(FolderError, match="wer"):
        load_folder(root / "labels.csv", columns={"group": "wer"})


def test_what_is_left_out_is_told_by_kind(tmp_path):
    root = recordings(tmp_path / "mine")
    (root / "up" / "film.wav").write_bytes(MP4)
    (root / "up" / "memo.m4a").write_bytes(M4A)
    (root / "down" / "still.wav").write_bytes(encoded(np.zeros(8000)))
    shutil.copy(root / "up" / "ben_0.wav", root / "up" / "copy_of_ben.wav")
    (root / "up" / "song.mp3").write_bytes(encoded(wave(True, 4, 2), "MP3"))
    (root / "down" / "both.wav").write_bytes(encoded(np.stack([wave(False, 9, 9)] * 2, 1)))
    said = str(load_folder(root).inspection)
    for words in ("This is a video", "M4A (AAC)", "silence", "counted once: 1", "several channels"):
        assert words in said
    assert "sound almost the same: 1, for example up/eva_2.wav ~ up/song.mp3" in said


def test_each_kind_of_file_has_its_sentence_in_the_language_of_the_reader(tmp_path, monkeypatch):
    root = recordings(tmp_path / "mine")
    (root / "up" / "memo.m4a").write_bytes(M4A)
    (root / "up" / "memo.mp3").write_bytes(b"\x1a\x45\xdf\xa3" + bytes(60))
    said = str(load_folder(root).inspection)
    assert "up/memo.m4a. This is a recording in M4A" in said
    assert "up/memo.mp3. This is a recording in WebM" in said
    monkeypatch.setenv("TLHELPERS_LANG", "ja")
    said = str(load_folder(root).inspection)  # from the cache
    assert "This is" not in said and "M4A (AAC) 形式の録音は読めません" in said


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_what_is_kept_of_a_voice_is_closed_to_others(tmp_path):
    load_folder(recordings(tmp_path / "mine"))
    assert not (cache_folder() / "folder").stat().st_mode & 0o077


def test_a_folder_that_nothing_can_be_learned_from_says_why(tmp_path):
    for label in "ab":
        (tmp_path / label).mkdir()
        for number in range(4):
            (tmp_path / label / f"{number}.wav").write_bytes(M4A)
    with pytest.raises(FolderError, match=r"None of the recordings .* M4A"):
        load_folder(tmp_path)
    shutil.rmtree(tmp_path / "a")
    shutil.rmtree(tmp_path / "b")
    recordings(tmp_path, takes=4, voices=("anna",))
    shutil.rmtree(tmp_path / "down")
    with pytest.raises(FolderError, match="one class"):
        load_folder(tmp_path)


@pytest.mark.parametrize(
    "change", ["mp3", "quieter", "later", "slower_rate"], ids=lambda change: change
)
def test_near_copies_are_found_and_other_takes_are_not(change, tmp_path):
    one = wave(True, 1, 1)
    if change == "later":
        other = encoded(np.concatenate([np.zeros(3000), one, np.zeros(1000)]))
    elif change == "slower_rate":
        other = encoded(wave(True, 1, 1, rate=22050), rate=22050)
    else:
        gain, form = (0.2, "WAV") if change == "quieter" else (1, "MP3")
        other = encoded(gain * one, form)
    takes = [wave(True, 2, 1), wave(False, 1, 1), np.random.default_rng(0).normal(0, 0.1, 8000)]
    contents = [encoded(one), other, *map(encoded, takes)]
    files = [kept(tmp_path, content, f"{n}.wav") for n, content in enumerate(contents)]
    signatures = np.stack([read_recording(file).signature for file in files])
    assert near_duplicates(signatures) == [(0, 1)]


# --- voices -------------------------------------------------------------------------------


def voices_of(task, place=lambda path: path.stem.split("_")[0]) -> list[set[str]]:
    return [{place(path) for path in task.paths[part]} for part in PARTS]


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("{label}/{voice}_{take}.wav", lambda path: path.stem.split("_")[0]),
        ("{label}/spk{number}-{take}.wav", lambda path: path.stem.split("-")[0]),
        ("{label}/{voice}/{take}.wav", lambda path: path.parent.name),
        ("{label}_{voice}_{take}.wav", lambda path: path.stem.split("_")[1]),
        ("{label}-{take}-{voice}.wav", lambda path: path.stem.split("-")[2]),
    ],
)
def test_no_voice_is_in_two_parts_where_names_say_who_speaks(tmp_path, name, place):
    task = load_folder(recordings(tmp_path / "mine", name=name))
    train, valid, test = voices_of(task, place)
    assert task.class_names == ["down", "up"]
    assert not train & valid and not (train | valid) & test and len(train | valid | test) == 5
    said = str(task.inspection)
    assert "Voices: 3 in training, 1 in validation, 1 in the test" in said and "(6)" in said


@pytest.mark.parametrize("name", ["{label}/{voice}_{take}.wav", "{label}/{voice}/{take}.wav"])
def test_one_voice_in_two_spellings_is_one_voice(tmp_path, name):
    root = recordings(tmp_path / "mine", name=name)
    place = root / "up" / ("anna_0.wav" if "_" in name else "anna")
    place.rename(place.with_name(place.name.replace("anna", "Anna")))
    found = load_folder(root).inspection
    assert found.groups == 5 and sum(found.heard) == 5


def test_numbers_are_takes_until_the_learner_says_otherwise(tmp_path):
    root = recordings(tmp_path / "mine", name="{label}/{number}_{take}.wav")
    plain = load_folder(root)
    assert "Nothing says who speaks" in str(plain.inspection) and not plain.inspection.grouping
    asked = load_folder(root, groups=1)
    train, valid, test = voices_of(asked)
    assert not train & valid and not (train | valid) & test
    assert "As you asked" in str(asked.inspection)
    with pytest.raises(ValueError, match="gives 30 groups"):
        load_folder(root, groups=7)


def test_a_name_with_the_class_behind_the_speaker_is_read_as_asked(tmp_path):
    root = recordings(tmp_path / "mine", name="{voice}_{label}_{take}.wav")
    assert load_folder(root, groups=1).class_names == ["down", "up"]


def test_speakers_outside_classes_are_read_as_asked(tmp_path):
    root = recordings(tmp_path / "mine", name="{voice}/{label}/{take}.wav")
    said = str(load_folder(root).inspection)
    assert "5 classes" in said and "--label-from leaf" in said
    task = load_folder(root, label_from="leaf")
    train, valid, test = voices_of(task, lambda path: path.parents[1].name)
    assert task.class_names == ["down", "up"] and not (train | valid) & test


def test_two_voices_are_too_few_and_that_is_said(tmp_path):
    task = load_folder(recordings(tmp_path / "mine", VOICES[:2], takes=6))
    assert "tell only 2 speakers" in str(task.inspection) and not task.inspection.grouping


def test_one_voice_in_two_named_parts_is_told(tmp_path):
    recordings(tmp_path / "mine" / "train")
    for label in ("up", "down"):
        (tmp_path / "mine" / "test" / label).mkdir(parents=True)
        for voice in ("anna", "zoe"):
            number = 0 if voice == "anna" else 8
            content = encoded(wave(label == "up", number, 77))
            (tmp_path / "mine" / "test" / label / f"{voice}_77.wav").write_bytes(content)
    said = str(load_folder(tmp_path / "mine").inspection)
    assert "again in the test: 1 (anna)" in said


@pytest.mark.parametrize("groups", [0, -1, True, "names", 1.5, []], ids=repr)
def test_groups_that_mean_nothing_are_refused(tmp_path, groups):
    with pytest.raises(ValueError, match="groups="):
        load_folder(recordings(tmp_path / "mine"), groups=groups)


def test_a_place_in_names_is_for_recordings(tmp_path):
    (tmp_path / "t.csv").write_text("text,label\n" + "a,b\nc,d\n" * 9)
    with pytest.raises(ValueError, match="no recordings"):
        load_folder(tmp_path / "t.csv", groups=2)


# --- real recordings ----------------------------------------------------------------------


@pytest.mark.slow
@needs_real
@pytest.mark.parametrize(
    ("name", "files", "classes", "voices"),
    [("fsdd_half", 1500, 10, 6), ("speech_commands_300", 300, 30, 41)],
)
def test_real_recordings_are_split_by_who_speaks(name, files, classes, voices):
    task = load_folder(REAL / f"{name}.tar.gz")
    found = task.inspection
    assert sum(found.counts.values()) == files and task.num_classes == classes
    assert found.groups == voices and sum(found.heard) == voices and not found.near_duplicates


def test_a_zip_of_recordings_may_hold_what_a_mac_adds(tmp_path):
    root = recordings(tmp_path / "mine")
    packed = Path(shutil.make_archive(str(root), "zip", tmp_path, "mine"))
    with zipfile.ZipFile(packed, "a") as file:
        file.writestr("__MACOSX/mine/up/._anna_0.wav", b"\0\x05\x16\x07")
    assert not load_folder(packed).inspection.left_out
