"""Networks that read recordings of one's own: waves (n, samples), 16,000 samples a second.

    log-mel            no network: mean and deviation of each band over time, and a linear head
    zukan-speech       the course's network of spoken words
    speech-embedding   a real one, where its weights are here (`speech_embedding.py`)
    a picture network  (zukan-resnet, mobilenet_v2, ...) on spectrograms as pictures: the control

Each carries what turns int16 waves into what it reads, and a last linear layer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tlhelpers.data.real import real_file
from tlhelpers.data.sounds.frontend import LogMel, log_mel, standardise
from tlhelpers.data.sounds.recording import RATE
from tlhelpers.models import speech_embedding
from tlhelpers.models.backbones import SPEECH, ZUKAN, backbone, is_picture_network
from tlhelpers.models.preprocess import Preprocess
from tlhelpers.models.weights import BackboneInfo, furnish
from tlhelpers.runtime.language import text
from tlhelpers.runtime.store import StoreError
from tlhelpers.train.preprocessing import attach_preprocess

BANDS = "log-mel"
MELS, HIGHEST = 64, 7800.0  # bands, up to so many Hz: more than a telephone carries
SIDE = 128  # pixels of a spectrogram that a picture network reads, where it has no size of its own
SHADES = (-2.0, 3.0)  # deviations from the mean that become black and white


def pictures_of(waves: Tensor) -> Tensor:
    """Log-mels (n, 64, frames) of the whole range, each with mean 0 and deviation 1."""
    return standardise(log_mel(waves, RATE, MELS, highest=HIGHEST))


class BandStatistics:
    """waves -> (n, 128): mean and deviation over time of each band, the loudness taken out."""

    def __call__(self, waves: Tensor) -> Tensor:
        pictures = pictures_of(waves)
        return torch.cat([pictures.mean(2), pictures.std(2)], 1)


class BandMeans(nn.Module):
    """A linear head on `BandStatistics`: what knows of sounds only what these recordings teach."""

    def __init__(self, num_classes: int = 2):
        super().__init__()
        self.fc = nn.Linear(2 * MELS, num_classes)
        info = BackboneInfo(
            name=BANDS,
            pretrained_on="",
            feature_dim=2 * MELS,
            classes={"en": [], "ja": []},
            size=RATE,
            parameters=sum(parameter.numel() for parameter in self.parameters()),
            licence="",
            weights_sha256=None,
        )
        furnish(self, BandStatistics(), info)

    def forward(self, statistics: Tensor) -> Tensor:
        return self.fc(statistics)


class AsPictures:
    """waves -> what a picture network takes: time to the right, high pitches above, loud white."""

    def __init__(self, then: Preprocess, side: int):
        self.then, self.side = then, side

    def __call__(self, waves: Tensor) -> Tensor:
        low, high = SHADES
        shades = ((pictures_of(waves).flip(1)[:, None] - low) / (high - low)).clamp(0, 1)
        sized = F.interpolate(shades, (self.side, self.side), mode="bilinear", antialias=True)
        return self.then(sized.expand(-1, 3, -1, -1))


def hears(name: str) -> bool:
    """True for the name of a network that can read recordings."""
    return name in (BANDS, speech_embedding.NAME, *SPEECH) or is_picture_network(name)


def embedding_is_here() -> bool:
    """True where the weights of the real embedding are at hand."""
    try:
        real_file(*speech_embedding.FILE)
    except StoreError:
        return False
    return True


def listener(name: str, *, pretrained: bool = True) -> nn.Module:
    """The network of this name for waves of RATE samples a second.

    Raises ValueError for another name, StoreError where its weights cannot be had.
    """
    if not hears(name):
        raise ValueError(text("hearing.unknown", name=f"{name!r:.60}"))
    if name == BANDS:
        return BandMeans().eval()
    if name == speech_embedding.NAME:
        return speech_embedding.speech_embedding(pretrained)
    if name in SPEECH:
        network = backbone(name, pretrained=pretrained)
        return attach_preprocess(network, LogMel(RATE, network.preprocess.mels))
    size = None if name in ZUKAN else SIDE
    network = backbone(name, pretrained=pretrained, size=size)
    return attach_preprocess(network, AsPictures(network.preprocess, network.info.size))
