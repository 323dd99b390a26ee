"""Pictures of a task inside a widget's SVG."""

from __future__ import annotations

import base64
import functools
import io

from PIL import Image
from torch import Tensor


def photo(picture: Tensor) -> str:
    """A picture uint8 (3, height, width) as the address of a small JPEG."""
    _, height, width = picture.shape
    return _jpeg(picture.permute(1, 2, 0).contiguous().numpy().tobytes(), (width, height))


@functools.lru_cache(maxsize=100)
def _jpeg(content: bytes, size: tuple[int, int]) -> str:
    stored = io.BytesIO()
    Image.frombytes("RGB", size, content).save(stored, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(stored.getvalue()).decode()
