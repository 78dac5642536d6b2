"""Pictures inside documents, always as data of our own: a document fetches nothing."""

from __future__ import annotations

import base64
import io
from functools import lru_cache

import segno
from PIL import Image, UnidentifiedImageError

LOGO_LIMIT_BYTES = 2 * 1024 * 1024
LOGO_LIMIT_PIXELS = 4_000_000
LOGO_SIZE = (600, 240)
BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")


class UnusablePicture(ValueError):
    """The file is no picture of a kind that we take, or it is too large."""


def qr_uri(text: str) -> str:
    """A QR code (ISO/IEC 18004, error correction M) with the quiet zone that scanners need."""
    picture = io.BytesIO()
    segno.make(text, error="m", micro=False).save(picture, kind="png", scale=6, border=2)
    return _uri(picture.getvalue())


@lru_cache(maxsize=64)
def logo_uri(octets: bytes) -> str:
    """The picture, decoded and written anew in a size that is enough for print. Raises UnusablePicture."""
    if len(octets) > LOGO_LIMIT_BYTES:
        raise UnusablePicture(f"the picture has more than {LOGO_LIMIT_BYTES // 1024 // 1024} MB")
    try:
        with Image.open(io.BytesIO(octets), formats=_FORMATS) as picture:
            if picture.width * picture.height > LOGO_LIMIT_PIXELS:
                raise UnusablePicture(f"the picture has {picture.width} x {picture.height} pixels")
            return _uri(_rewritten(picture))
    except (UnidentifiedImageError, OSError, SyntaxError, *BOMBS) as error:
        raise UnusablePicture("the file is no PNG, JPEG, WebP or GIF picture") from error


def _rewritten(picture: Image.Image) -> bytes:
    """On white: a document is printed on paper, and transparency costs print servers dearly."""
    colours = picture.convert("RGBA")
    colours.thumbnail(LOGO_SIZE)
    paper = Image.new("RGB", colours.size, "white")
    paper.paste(colours, mask=colours.getchannel("A"))
    octets = io.BytesIO()
    paper.save(octets, "PNG", optimize=True)
    return octets.getvalue()


def _uri(octets: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(octets).decode()
