"""One photograph from a stranger's disk: a small square of uint8, or a sentence that says why not.

Whatever is in the file, nothing is raised that stops the other files: `read_photo` raises only
`PhotoError`, whose `kind` counts problems and whose message tells the learner what to do.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import stat
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from tlhelpers.runtime.language import text

MOST_PIXELS = 50_000_000  # of a format that can only be decoded whole
MOST_PIXELS_JPEG = 175_000_000  # JPEG is decoded at an eighth of its size where that is enough
MOST_BYTES = 300 * 2**20

SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("jpg", "jpeg", "jpe", "jfif", "png", "gif", "bmp", "webp", "tif", "tiff"),
        *("heic", "heif", "avif", "ppm", "pgm", "jp2"),
    )
)
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")


class PhotoError(ValueError):
    """A file that cannot be used. `kind`: "empty", "not_an_image", "truncated", ..."""

    def __init__(self, kind: str, **values):
        super().__init__(text(f"folder.file_{kind}", **values))
        self.kind = kind


@dataclass(frozen=True)
class Photo:
    """A decoded photograph.

    pixels: uint8 (3, size, size); width, height: of the file, upright; digest: of its bytes;
    signature: what near-duplicates share (see `inspection.near_duplicates`), uint8 (16, 16);
    note: the kind of a harmless oddity ("animated", "cmyk", "deep"), else "".
    """

    pixels: np.ndarray
    width: int
    height: int
    digest: str
    signature: np.ndarray
    note: str


def read_photo(path: Path, size: int) -> Photo:
    """The photograph in this file: upright, its shorter side `size`, cut to the middle square.

    Raises PhotoError.
    """
    content = _read_bytes(path)
    return decode_photo(content, size)


def decode_photo(content: bytes, size: int) -> Photo:
    """The same, of the bytes of a file."""
    try:
        return _decode(content, size)
    except PhotoError:
        raise
    except Image.DecompressionBombError as error:
        raise PhotoError("too_large", megapixels=">178") from error
    except UnidentifiedImageError as error:
        raise _unknown_format(content) from error
    except MemoryError as error:
        raise PhotoError("too_large", megapixels="?") from error
    except Exception as error:  # Pillow's decoders raise many kinds for a damaged file
        raise PhotoError("truncated", reason=str(error)[:120]) from error


@contextlib.contextmanager
def no_warnings() -> Iterator[None]:
    """Silences Pillow's warnings (odd metadata, its own size limit) while photos are decoded.

    To be opened once around all threads: Python keeps one list of filters for them all.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _read_bytes(path: Path) -> bytes:
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise PhotoError("not_a_file")
        if status.st_size == 0:
            raise PhotoError("empty")
        if status.st_size > MOST_BYTES:
            raise PhotoError("too_heavy", megabytes=status.st_size // 2**20)
        return path.read_bytes()
    except OSError as error:
        raise PhotoError("unreadable", reason=error.strerror or str(error)) from error


def _unknown_format(content: bytes) -> PhotoError:
    if content[4:8] == b"ftyp" and content[8:12] in _HEIF_BRANDS:
        return PhotoError("heic")
    head = content[:512]
    if head[:2] == b"\xff\xd8" or head[:8] == b"\x89PNG\r\n\x1a\n":
        return PhotoError("truncated", reason="header")
    return PhotoError("not_an_image")


def _decode(content: bytes, size: int) -> Photo:
    if content[4:8] == b"ftyp" and content[8:12] in _HEIF_BRANDS:
        _open_heif()
    image = Image.open(io.BytesIO(content))
    width, height = image.size
    most = MOST_PIXELS_JPEG if image.format == "JPEG" else MOST_PIXELS
    if width * height > most:
        raise PhotoError("too_large", megapixels=width * height // 10**6)
    note = "animated" if getattr(image, "n_frames", 1) > 1 and image.format != "MPO" else ""
    note = note or {"CMYK": "cmyk", "I;16": "deep", "I": "deep", "F": "deep"}.get(image.mode, "")
    if image.format == "JPEG" and image.mode in ("L", "RGB"):
        image.draft(image.mode, (2 * size, 2 * size))  # decodes at 1/2, 1/4 or 1/8 where it can
    upright = ImageOps.exif_transpose(_to_rgb(image))
    if (upright.width < upright.height) != (image.width < image.height):
        width, height = height, width
    side = min(upright.size)
    left, top = (upright.width - side) // 2, (upright.height - side) // 2
    square = upright.resize(
        (size, size),
        Image.Resampling.BILINEAR,
        box=(left, top, left + side, top + side),
        reducing_gap=3.0,
    )
    whole = upright.convert("L").resize((16, 16), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return Photo(
        pixels=np.ascontiguousarray(np.asarray(square).transpose(2, 0, 1)),
        width=width,
        height=height,
        digest=hashlib.blake2b(content, digest_size=16).hexdigest(),
        signature=np.asarray(whole),
        note=note,
    )


def _to_rgb(image: Image.Image) -> Image.Image:
    """8-bit RGB of any mode; what is transparent becomes white. EXIF stays with the image."""
    exif = image.getexif()
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        values = np.asarray(image).astype(np.float32)
        low, high = np.nanmin(values), np.nanmax(values)
        scaled = np.nan_to_num((values - low) / max(float(high - low), 1e-9)) * 255
        converted = Image.fromarray(scaled.astype(np.uint8)).convert("RGB")
    elif "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        clear = image.convert("RGBA")
        converted = Image.new("RGBA", clear.size, "white")
        converted.alpha_composite(clear)
        converted = converted.convert("RGB")
    else:
        converted = image.convert("RGB")
    if exif:
        converted.info["exif"] = exif.tobytes()
    return converted


def _open_heif() -> None:
    """Lets Pillow read the photos of an iPhone, where the package for it is installed."""
    try:
        import pillow_heif
    except ImportError as error:
        raise PhotoError("heic") from error
    pillow_heif.register_heif_opener()
