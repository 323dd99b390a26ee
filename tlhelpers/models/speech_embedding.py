"""A real embedding of speech: Google's network for spotting spoken words.

Lin et al., "Training Keyword Spotters with Limited and Synthesized Speech Data", 2020
(arXiv:2002.01322). A window of 76 log-mel frames (0.78 s) becomes 96 numbers; the windows of a
longer sound, one every 80 ms, are averaged and their maximum is taken here, as the course's own
network does. Its weights lie in `TLHELPERS_REAL` only: the course does not distribute them.

    frame = 10 log10(|STFT|^2 W), at least the loudest of its sound - 80 dB, / 10 + 2
    layer = max(leaky ReLU(conv(x)), -0.4), kernels 1 x 3 (bands) and 3 x 1 (frames) in turn
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tlhelpers.data.real import real_file
from tlhelpers.models.weights import BackboneInfo, furnish, load_into, read_tensors
from tlhelpers.runtime import store

NAME = "speech-embedding"
FILE = ("weights", "speech_embedding", "speech_embedding.safetensors")
RATE, BINS, BANDS = 16_000, 257, 32
FRAMES, STEP, HOP, WINDOW, FOURIER = 76, 8, 160, 400, 512
SHORTEST = FOURIER + HOP * (FRAMES - 1)  # samples; shorter sounds are filled with silence
CHANNELS = (24, 24, *[48] * 4, *[72] * 4, *[96] * 8)
POOLS = {1: (2, 2), 5: (1, 2), 9: (2, 2), 13: (1, 2), 17: (2, 2)}  # after which convolution


class SpeechEmbedding(nn.Module):
    """Waves, floats (n, samples) at 16 kHz in -1..1 -> scores (n, num_classes).

    Features, the input of `head`: (n, 192), the mean and the maximum over the windows.
    """

    def __init__(self, num_classes: int = 2):
        super().__init__()
        self.log_mel = nn.Module()
        self.log_mel.register_buffer("mel", torch.zeros(BINS, BANDS))
        self.first = nn.Conv2d(1, CHANNELS[0], 3, bias=False)
        self.norm = nn.BatchNorm2d(CHANNELS[0], eps=1e-3)
        inputs = (CHANNELS[0], *CHANNELS)
        self.convs = nn.ModuleList(
            nn.Conv2d(inputs[place], outputs, (3, 1) if place % 2 else (1, 3))
            for place, outputs in enumerate(CHANNELS)
        )
        self.last = nn.Conv2d(CHANNELS[-1], CHANNELS[-1], (3, 1), bias=False)
        self.head = nn.Linear(2 * CHANNELS[-1], num_classes)

    def forward(self, waves: Tensor) -> Tensor:
        windows = self.frames(waves).unfold(1, FRAMES, STEP).transpose(2, 3)
        found = self.embed(windows.flatten(0, 1)).unflatten(0, windows.shape[:2])
        return self.head(torch.cat([found.mean(1), found.amax(1)], 1))

    def frames(self, waves: Tensor) -> Tensor:
        """Log-mels (n, frames, 32), in tens of decibels."""
        waves = F.pad(waves, (0, max(0, SHORTEST - waves.shape[1])))
        window = torch.hann_window(WINDOW, device=waves.device)
        options = {"hop_length": HOP, "win_length": WINDOW, "center": False}
        short = torch.stft(32768 * waves, FOURIER, window=window, return_complex=True, **options)
        power = short.abs().square().transpose(1, 2) @ self.log_mel.mel
        decibels = 10 * torch.log10(power.clamp(min=1e-10))
        return decibels.maximum(decibels.amax((1, 2), keepdim=True) - 80) / 10 + 2

    def embed(self, windows: Tensor) -> Tensor:
        """(n, 76, 32) -> (n, 96)."""
        x = _bend(self.norm(self.first(F.pad(windows[:, None], (1, 1))).relu()))
        for place, convolution in enumerate(self.convs):
            x = _bend(convolution(x if place % 2 else F.pad(x, (1, 1))))
            if place in POOLS:
                x = F.max_pool2d(x, POOLS[place])
        return self.last(x).flatten(1)


def _bend(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2).clamp(min=-0.4)


def as_waves(waves: Tensor) -> Tensor:
    """What the network carries as `preprocess`: int16 or floats (n, samples) -> floats in -1..1."""
    return waves.float() / 32768 if waves.dtype == torch.int16 else waves


def speech_embedding(pretrained: bool = True) -> nn.Module:
    """The network with a random head. Raises StoreError where its weights are not here."""
    model = SpeechEmbedding()
    sha = None
    if pretrained:
        file = real_file(*FILE)
        state = read_tensors(file)
        head = {f"head.{key}": value for key, value in model.head.state_dict().items()}
        counted = {"norm.num_batches_tracked": torch.tensor(0)}
        load_into(model, {**counted, **state, **head}, file)
        sha = store.sha256(file)
    info = BackboneInfo(
        name=NAME,
        pretrained_on="spoken words (Lin et al., 2020)" if pretrained else "",
        feature_dim=2 * CHANNELS[-1],
        classes={"en": [], "ja": []},
        size=RATE,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        licence="",
        weights_sha256=sha,
    )
    return furnish(model, as_waves, info).eval()
