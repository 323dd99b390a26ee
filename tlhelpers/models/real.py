"""Real networks from a folder of one's own, for the real twins: MobileNetV2 of three sources,
SqueezeNet, and sentence encoders.

Where they lie, `data/real.py` says.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tlhelpers.data.real import real_file
from tlhelpers.models.backbones import backbone

INATURALIST = {  # animals -> the file of weights, and the kinds that it tells apart
    "birds": ("mobilenet_v2_inat_bird965.pth.gz", 965),
    "insects": ("mobilenet_v2_inat_insect1022.pth.gz", 1022),
}
ENCODERS = {"minilm": ("minilm_l6", ""), "e5": ("e5_small_ja_en", "query: ")}  # folder, prefix


def mobilenet(size: int, pretrained: bool = True, seed: int = 0) -> nn.Module:
    """MobileNetV2 with the ImageNet weights of the folder, or with random ones."""
    if pretrained:
        weights = real_file("weights", "mobilenet_v2_imagenet_dequant.pth")
        return backbone("mobilenet_v2", weights=weights, size=size)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return backbone("mobilenet_v2", pretrained=False, size=size)


def inaturalist(animals: str, size: int) -> nn.Module:
    """MobileNetV2 trained on the "birds" or the "insects" of iNaturalist, with its own head."""
    name, count = INATURALIST[animals]
    packed = io.BytesIO(gzip.decompress(real_file("weights", name).read_bytes()))
    model = backbone("mobilenet_v2", pretrained=False, num_classes=count, size=size)
    model.load_state_dict(torch.load(packed, weights_only=True))
    return model.eval()


def squeezenet(size: int) -> nn.Module:
    """SqueezeNet 1.1 with the ImageNet weights of the folder; its head is a convolution."""
    weights = real_file("weights", "squeezenet1_1_imagenet_caffe.pth")
    return backbone("squeezenet1_1", weights=weights, size=size)


def encode_texts(encoder: str, texts: Sequence[str], batch_size: int = 64) -> Tensor:
    """Sentence embeddings (n, d) of unit length: the mean over tokens of a real encoder."""
    from transformers import AutoModel, AutoTokenizer

    folder, prefix = ENCODERS[encoder]
    place = str(real_file("weights", folder))
    tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=False)
    model = AutoModel.from_pretrained(place, trust_remote_code=False).eval()
    found = torch.empty(len(texts), model.config.hidden_size)
    by_length = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    for start in range(0, len(texts), batch_size):
        rows = by_length[start : start + batch_size]
        batch = tokenizer(
            [prefix + texts[row] for row in rows],
            padding=True,
            truncation=True,
            max_length=256,
            return_tensors="pt",
        )
        with torch.inference_mode():
            states = model(**batch).last_hidden_state
        mask = batch["attention_mask"][..., None].float()
        found[rows] = nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=1)
    return found
