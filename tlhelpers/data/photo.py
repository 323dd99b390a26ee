"""One photograph from a stranger's disk: a small square of uint8, or a sentence that says why not.

Whatever is in the file, nothing is raised that stops the other files: `read_photo` raises only
`PhotoError`, whose `kind` counts problems and whose message tells the learner what to do.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import threading
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import ExifTags, Image, UnidentifiedImageError
from torch import Tensor

from tlhelpers.data.decoding import Decoded, FileProblem, Medium, Reader, require_ordinary

MOST_PIXELS = 50_000_000  # of a format that can only be decoded whole
MOST_PIXELS_JPEG = 175_000_000  # JPEG is decoded at an eighth of its size where that is enough
MOST_SIDE = 20_000
LARGE = 16_000_000  # pixels held; photos with more are decoded one at a time, whoever asks
MOST_BYTES = 300 * 2**20

SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("jpg", "jpeg", "jpe", "jfif", "png", "gif", "bmp", "webp", "tif", "tiff"),
        *("heic", "heif", "avif", "ppm", "pgm", "jp2"),
    )
)
# What Pillow may open. It knows thirty more formats; one of them hands the file to Ghostscript.
FORMATS = (
    *("JPEG", "MPO", "PNG", "GIF", "BMP", "DIB", "WEBP", "TIFF", "AVIF", "HEIF", "PPM"),
    "JPEG2000",
)
_LARGE_ONES = threading.Lock()
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")


VERSION = 3  # of what is kept of a photo; another number decodes anew


class PhotoError(FileProblem):
    """A photo that cannot be used. `kind`: "empty", "not_an_image", "truncated", ..."""


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
    require_ordinary(path, PhotoError, MOST_BYTES)
    try:
        return path.read_bytes()
    except OSError as error:
        raise PhotoError("unreadable", reason=error.strerror) from error


def _unknown_format(content: bytes) -> PhotoError:
    if _is_heif(content):
        return PhotoError("heic")
    head = content[:512]
    if head[:2] == b"\xff\xd8" or head[:8] == b"\x89PNG\r\n\x1a\n":
        return PhotoError("truncated", reason="header")
    return PhotoError("not_an_image")


def _decode(content: bytes, size: int) -> Photo:
    image = _open(content)
    width, height = image.size
    jpeg = image.format in ("JPEG", "MPO")
    pixels = width * height
    if pixels > (MOST_PIXELS_JPEG if jpeg else MOST_PIXELS):
        raise PhotoError("too_large", megapixels=pixels // 10**6)
    if max(width, height) > MOST_SIDE:
        raise PhotoError("too_long", side=max(width, height), most=MOST_SIDE)
    with _LARGE_ONES if pixels > (4 if jpeg else 1) * LARGE else contextlib.nullcontext():
        note = "animated" if image.format != "MPO" and _has_more(image) else ""
        deep = image.mode.startswith("I") or image.mode == "F"
        note = note or ("cmyk" if image.mode == "CMYK" else "deep" if deep else "")
        if jpeg:
            image.draft(image.mode, (2 * size, 2 * size))  # decodes at 1/2, 1/4 or 1/8 if it can
        upright = _upright(image)
        if (upright.width < upright.height) != (width < height):
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


def _open(content: bytes) -> Image.Image:
    """Pillow tries first: an AVIF may carry the brand of HEIF; then the package for HEIF."""
    Image.init()
    try:
        return Image.open(io.BytesIO(content), formats=[f for f in FORMATS if f in Image.OPEN])
    except UnidentifiedImageError:
        if not _is_heif(content):
            raise
    _open_heif()
    return Image.open(io.BytesIO(content), formats=["HEIF"])


def _is_heif(content: bytes) -> bool:
    return content[4:8] == b"ftyp" and content[8:12] in _HEIF_BRANDS


def _has_more(image: Image.Image) -> bool:
    """True for an animation or several pages; they are not counted, which can take minutes."""
    try:
        image.seek(1)
    except Exception:  # no more, or damaged ones, which are not needed
        return False
    finally:
        image.seek(0)
    return True


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _upright(image: Image.Image) -> Image.Image:
    """8-bit RGB as the camera was held; metadata that cannot be read turn nothing."""
    image.load()
    try:
        turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation))
    except Exception:  # many kinds for broken metadata of a picture that is whole
        turn = None
    converted = _to_rgb(image)
    return converted if turn is None else converted.transpose(turn)


def _to_rgb(image: Image.Image) -> Image.Image:
    """8-bit RGB of any mode; what is transparent becomes white."""
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        values = np.asarray(image).astype(np.float32)
        known = values[np.isfinite(values)]
        low, high = (known.min(), known.max()) if known.size else (0.0, 0.0)
        scaled = (np.nan_to_num(values, nan=low).clip(low, high) - low) / max(high - low, 1e-9)
        return Image.fromarray((scaled * 255).astype(np.uint8)).convert("RGB")
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        clear = image.convert("RGBA")
        converted = Image.new("RGBA", clear.size, "white")
        converted.alpha_composite(clear)
        return converted.convert("RGB")
    return image.convert("RGB")


def _open_heif() -> None:
    """Lets Pillow read the photos of an iPhone, where the package for it is installed."""
    try:
        import pillow_heif
    except ImportError as error:
        raise PhotoError("heic") from error
    pillow_heif.register_heif_opener()


class Photos(Medium):
    """Photos, each a square of `size` pixels."""

    suffixes = SUFFIXES

    def __init__(self, size: int):
        self.size, self.how = size, f"photos-{VERSION}/{size}"
        self.most_bytes = 3 * size * size

    def read(self, path: Path) -> Decoded:
        """The pixels; facts: width and height of the file."""
        photo = read_photo(path, self.size)
        facts, notes = (photo.width, photo.height), (photo.note,) if photo.note else ()
        return Decoded(photo.pixels.tobytes(), facts, photo.digest, photo.signature, notes)

    def quietly(self) -> AbstractContextManager:
        """Pillow's warnings are silenced."""
        return no_warnings()

    def reader(self, file: Path, facts: Sequence[Sequence[float]]) -> Reader:
        """rows -> uint8 (n, 3, size, size). Plain reads, not a map: its pages would count as
        memory."""
        each, size = self.most_bytes, self.size

        def read(rows: Iterable[int]) -> Tensor:
            rows = list(rows)
            images = torch.empty(len(rows), 3, size, size, dtype=torch.uint8)
            flat = images.view(len(rows), each).numpy()
            with open(file, "rb") as opened:
                for place, row in enumerate(rows):
                    opened.seek(row * each)
                    opened.readinto(memoryview(flat[place]))
            return images

        return read
