"""Real networks from a folder of one's own, for the real twins: MobileNetV2 and sentence encoders.

Where they lie, `data/real.py` says.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tlhelpers.data.real import real_file
from tlhelpers.models.backbones import backbone

ENCODERS = {"minilm": ("minilm_l6", ""), "e5": ("e5_small_ja_en", "query: ")}  # folder, prefix


def mobilenet(size: int, pretrained: bool = True, seed: int = 0) -> nn.Module:
    """MobileNetV2 with the ImageNet weights of the folder, or with random ones."""
    if pretrained:
        weights = real_file("weights", "mobilenet_v2_imagenet_dequant.pth")
        return backbone("mobilenet_v2", weights=weights, size=size)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return backbone("mobilenet_v2", pretrained=False, size=size)


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
