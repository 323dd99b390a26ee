"""The drawn world: a picture depends on its key alone, on any machine, and its classes are told."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from tlhelpers.data.zukan import DOMAINS, draw, keys_of
from tlhelpers.data.zukan.creatures import NOVEL_GENOMES, SOURCE_GENOMES
from tlhelpers.data.zukan.kit import Canvas, capsule, disc, ellipse, hsv, mix
from tlhelpers.data.zukan.styles import STYLES

REFERENCE = Path(__file__).with_name("zukan_reference.png")
# (domain, label, style) of the reference pictures, in the order they stand in the file
REFERENCES = [
    *(("source", label, "photo") for label in (0, 9, 26, 41, 52, 60, 63, 66, 90)),
    *(("source", 5, style) for style in STYLES[1:]),
    *((name, 1, "photo") for name in DOMAINS if name != "source"),
]


@pytest.fixture
def threads():
    """Lets a test change the number of threads and puts it back."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def asked(name: str, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels over all classes, and scattered indices."""
    return torch.arange(count) % DOMAINS[name].num_classes, torch.arange(count) * 7919


@pytest.mark.parametrize("name", DOMAINS)
def test_batch_order_and_threads_do_not_change_a_byte(name, threads):
    labels, indices = asked(name, 37)
    threads(1)
    together = draw(name, labels, indices, seed=3)
    threads(3)
    order = torch.randperm(37, generator=torch.Generator().manual_seed(0))
    assert torch.equal(draw(name, labels[order], indices[order], seed=3), together[order])
    threads(2)
    for row in (0, 36):
        alone = draw(name, labels[row : row + 1], indices[row : row + 1], seed=3)
        assert torch.equal(alone[0], together[row])


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("size", (48, 56, 96))
def test_every_size_and_style_is_exact_too(size, style, threads):
    labels, indices = asked("source", 20)
    threads(1)
    together = draw("source", labels, indices, size=size, style=style)
    assert together.shape == (20, 3, size, size)
    threads(3)
    flipped = draw("source", labels.flip(0), indices.flip(0), size=size, style=style)
    assert torch.equal(flipped.flip(0), together)


def test_drawing_leaves_the_number_of_threads_and_the_global_generator_alone(threads):
    threads(2)
    state = torch.get_rng_state()
    draw("novel", *asked("novel", 3))
    assert torch.get_num_threads() == 2
    assert torch.equal(torch.get_rng_state(), state)


def test_domain_label_seed_and_index_each_give_another_key():
    labels, indices = torch.arange(50).repeat(40), torch.arange(40).repeat_interleave(50)
    keys = [keys_of(name, labels, indices, seed) for name in ("source", "novel") for seed in (0, 1)]
    assert len(torch.cat(keys).unique()) == 8000


def test_random_numbers_are_uniform_normal_and_independent():
    canvas = Canvas(mix(torch.arange(4096)), 64)
    first, second = canvas.uniform1(), canvas.uniform1()
    assert abs(first.mean() - 0.5) < 0.02 and abs(first.std() - 12**-0.5) < 0.01
    assert abs(torch.corrcoef(torch.stack([first, second]))[0, 1]) < 0.05
    assert abs(canvas.normal(2.0).std() - 2) < 0.1
    assert canvas.integers(5).bincount().min() > 700
    assert abs(canvas.coin(0.3).mean() - 0.3) < 0.03
    field = Canvas(mix(torch.arange(64)), 64).noise(64)
    assert abs(field.mean()) < 0.01 and abs(field.std() - 1) < 0.02
    assert abs((field * field.roll(1, 3)).mean()) < 0.01  # neighbours
    assert abs((field[1:] * field[:-1]).mean()) < 0.01  # pictures


def test_shapes_cover_their_area_and_scale_with_the_frame():
    canvas = Canvas(mix(torch.arange(8)), 96)
    area = canvas.mask(disc(canvas.x, canvas.y, 0.0, 0.0, 0.5)).mean() * 4
    assert area == pytest.approx(torch.pi / 4, rel=0.01)
    area = canvas.mask(ellipse(canvas.x, canvas.y, 0.0, 0.0, 0.6, 0.3)).mean() * 4
    assert area == pytest.approx(torch.pi * 0.18, rel=0.01)
    area = canvas.mask(capsule(canvas.x, canvas.y, -0.4, 0.0, 0.4, 0.0, 0.2, 0.2)).mean() * 4
    assert area == pytest.approx(0.32 + torch.pi * 0.04, rel=0.01)
    u, v = canvas.frame(scale=(0.5, 0.5), shift=0.1)
    area = canvas.mask(disc(u, v, 0.0, 0.0, 1.0)).mean() * 4
    assert area == pytest.approx(torch.pi / 4, rel=0.01)


def test_hues_are_the_usual_ones():
    one = torch.ones(3)
    colours = hsv(torch.tensor([0.0, 1 / 3, 2 / 3]), one, one)[..., 0, 0]
    assert torch.allclose(colours, torch.eye(3), atol=1e-5)


def test_novel_creatures_are_neither_source_creatures_nor_twins():
    genomes = [
        torch.stack([table[gene] for gene in table], 1) for table in (SOURCE_GENOMES, NOVEL_GENOMES)
    ]
    assert len(torch.cat(genomes).unique(dim=0)) == 88
    for lang in ("en", "ja"):
        names = DOMAINS["source"].classes[lang] + DOMAINS["novel"].classes[lang]
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", DOMAINS)
def test_classes_have_their_own_names_in_both_languages(name):
    domain = DOMAINS[name]
    assert len(domain.classes["en"]) == len(domain.classes["ja"]) == domain.num_classes
    for lang in ("en", "ja"):
        assert len(set(domain.classes[lang])) == domain.num_classes
        assert domain.description[lang]


@pytest.mark.parametrize(
    "wrong",
    (
        {"domain": "dragons"},
        {"style": "oil"},
        {"size": 50},
        {"size": 512},
        {"labels": torch.tensor([999])},
        {"indices": torch.tensor([0, 1])},
    ),
)
def test_what_cannot_be_drawn_is_refused(wrong):
    fine = {"domain": "novel", "labels": torch.tensor([0]), "indices": torch.tensor([0])}
    with pytest.raises(ValueError):
        draw(**(fine | wrong))


def draw_references() -> torch.Tensor:
    """All reference pictures side by side, uint8 (3, 48, 48 n)."""
    pictures = [
        draw(name, torch.tensor([label]), torch.tensor([label]), size=48, style=style)[0]
        for name, label, style in REFERENCES
    ]
    return torch.cat(pictures, 2)


def test_pictures_are_those_of_the_reference_machine():
    stored = torch.frombuffer(bytearray(Image.open(REFERENCE).tobytes()), dtype=torch.uint8)
    drawn = draw_references()
    stored = stored.view(48, -1, 3).permute(2, 0, 1)
    assert stored.shape == drawn.shape
    difference = (drawn.int() - stored.int()).abs()
    changed = difference.view(3, 48, -1, 48).amax((0, 1, 3)) > 1
    names = [what for what, new in zip(REFERENCES, changed.tolist(), strict=True) if new]
    assert not names, "the drawing changed; where it was meant to, run this file to store it"
    assert (difference > 0).float().mean() < 1e-4


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", DOMAINS)
def test_a_gpu_draws_the_same_pictures(name):
    labels, indices = asked(name, 64)
    here, there = draw(name, labels, indices), draw(name, labels, indices, device="cuda").cpu()
    difference = (here.int() - there.int()).abs()
    assert (difference > 1).float().mean() < 1e-4


if __name__ == "__main__":  # python tests/test_zukan.py: store the reference pictures anew
    sheet = draw_references().permute(1, 2, 0).contiguous()
    Image.fromarray(sheet.numpy()).save(REFERENCE, optimize=True)
