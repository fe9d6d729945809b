"""Pictures as a reader of text wants them: upright, grey, dark on white, of a size that is read in time."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING

from indexers.readers.block import Unreadable

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 12_000_000
"""A page at 300 dpi has 9 million; more makes recognition slower and no better."""
_MOST_PIXELS = 120_000_000
"""Larger pictures would need more memory than a reader may have."""


def count_pages(data: bytes) -> int:
    """How many pages a picture holds: several in TIFF, as scanners make it; one else, also where pictures move; 0 for
    a kind that is not known here, or a damaged head.
    """
    with _quietly():
        try:
            image = _open(data)
            return max(int(getattr(image, "n_frames", 1)), 1) if image.format == "TIFF" else 1
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001,RUF100 - its decoders fail in many ways on damaged heads
            return 0


def grey(data: bytes, page: int = 0) -> bytes:
    """One page (counted from 0) of a picture as PGM (netpbm), turned as its camera says.

    Raises Unreadable: "malformed" where it is damaged, "too_large" for one that no reader has room for.
    """
    with _quietly():
        try:
            return _grey(data, page)
        except (MemoryError, Unreadable):
            raise
        except Exception as error:  # noqa: BLE001,RUF100 - its decoders fail in many ways on damaged files
            raise Unreadable("malformed", "is a damaged picture") from error


def _grey(data: bytes, page: int) -> bytes:
    from PIL import ImageOps

    image = _open(data)
    if page:
        image.seek(page)
    width, height = image.size
    if width * height > _MOST_PIXELS:
        raise Unreadable("too_large", f"is a picture of more than {_MOST_PIXELS // 1_000_000} million points")
    if width * height > MAX_PIXELS:
        scale = (MAX_PIXELS / (width * height)) ** 0.5
        image.thumbnail((max(int(width * scale), 1), max(int(height * scale), 1)))
    plain = _on_white(ImageOps.exif_transpose(image))
    return b"P5 %d %d 255\n" % plain.size + plain.tobytes()


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the decoders' warnings, which quote what they found."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _open(data: bytes) -> Image:
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # `grey` has a limit of its own, and words for it
    return Image.open(BytesIO(data))


def _on_white(image: Image) -> Image:
    """Grey, with white where nothing is painted: letters on nothing would else be black on black."""
    from PIL import Image

    if image.mode.startswith("I;16"):
        return image.point(lambda level: level * (1 / 256)).convert("L")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        painted = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", painted.size, "white"), painted).convert("L")
    return image.convert("L")
