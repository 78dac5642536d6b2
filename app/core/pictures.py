"""What a picture claims of itself, read from its first octets: before a decoder makes room for what it claims.

A few hundred octets can claim gigabytes of pixels, a thousand frames, scans or texts. What is too large, moves, or
carries more words than picture is refused without being decoded.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator

from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "WEBP")
LARGEST_PIXELS = 40_000_000
LONGEST_SIDE = 20_000
MOST_PARTS = 2_000
MOST_SCANS = 64
MOST_TEXT_BYTES = 256 * 1024
MOST_TEXTS = 32

PNG = b"\x89PNG\r\n\x1a\n"
PNG_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf"})
JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
ANIMATED = 0x02

# The second line of defence: what still claims more than the header said is an error, not a warning.
Image.MAX_IMAGE_PIXELS = LARGEST_PIXELS
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)

DECODER_FAULTS = (
    UnidentifiedImageError,
    OSError,
    ValueError,
    SyntaxError,
    struct.error,
    EOFError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


class UnusablePicture(ValueError):
    """It is no picture of a kind that we take."""


class TooLargePicture(UnusablePicture):
    """It would take more memory or time than any photograph."""


def reduced(octets: bytes, side: int) -> Image.Image:
    """The picture upright, in RGB, and no longer than `side`. Raises UnusablePicture."""
    check_header(octets)
    try:
        with Image.open(io.BytesIO(octets), formats=FORMATS) as picture:
            small = picture.convert("RGB") if picture.mode in ("P", "PA", "1") else picture
            small.thumbnail((side, side))  # a JPEG is decoded to a fraction of its size only
            return ImageOps.exif_transpose(small).convert("RGB")
    except DECODER_FAULTS as error:
        raise UnusablePicture("the decoder refuses it") from error


def check_header(octets: bytes) -> None:
    """Raises UnusablePicture for what no decoder should see."""
    try:
        width, height = _size(octets)
    except (struct.error, IndexError):
        raise UnusablePicture("it ends too early") from None
    if width < 1 or height < 1:
        raise UnusablePicture("it has no pixels")
    if width * height > LARGEST_PIXELS or max(width, height) > LONGEST_SIDE:
        raise TooLargePicture("it has too many pixels")


def _size(octets: bytes) -> tuple[int, int]:
    if octets.startswith(PNG):
        return _png_size(octets)
    if octets.startswith(b"\xff\xd8"):
        return _jpeg_size(octets)
    if octets.startswith(b"RIFF") and octets[8:12] == b"WEBP":
        return _webp_size(octets)
    raise UnusablePicture("it is neither JPEG, PNG nor WebP")


def _png_size(octets: bytes) -> tuple[int, int]:
    texts = text_bytes = 0
    for kind, _start, length in _png_chunks(octets):
        if kind in (b"acTL", b"fcTL", b"fdAT"):
            raise TooLargePicture("it moves")
        if kind in PNG_TEXTS:
            texts, text_bytes = texts + 1, text_bytes + length
    if texts > MOST_TEXTS or text_bytes > MOST_TEXT_BYTES:
        raise TooLargePicture("it carries too much text")
    return struct.unpack_from(">II", octets, 16)


def _png_chunks(octets: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, place and length of every chunk."""
    at, parts = len(PNG), 0
    while at + 8 <= len(octets):
        length, kind = struct.unpack_from(">I4s", octets, at)
        parts += kind != b"IDAT"
        if parts > MOST_PARTS:
            raise TooLargePicture("it has too many parts")
        yield kind, at + 8, length
        at += length + 12


def _jpeg_size(octets: bytes) -> tuple[int, int]:
    if octets.count(b"\xff\xda") > MOST_SCANS:  # each one passes over all pixels, in as few as ten octets
        raise TooLargePicture("it has too many scans")
    at = 2
    for _part in range(MOST_PARTS):
        fill, marker = octets[at], octets[at + 1]
        if fill != 0xFF:
            raise UnusablePicture("its parts do not join")
        if marker == 0xFF:
            at += 1
            continue
        (length,) = struct.unpack_from(">H", octets, at + 2)
        if marker in JPEG_SIZES:
            height, width = struct.unpack_from(">HH", octets, at + 5)
            return width, height
        at += 2 + length
    raise TooLargePicture("it has too many parts")


def _webp_size(octets: bytes) -> tuple[int, int]:
    kind = octets[12:16]
    if kind == b"VP8X":
        if octets[20] & ANIMATED or b"ANIM" in octets[30:200]:
            raise TooLargePicture("it moves")
        return 1 + _three(octets, 24), 1 + _three(octets, 27)
    if kind == b"VP8L":
        (packed,) = struct.unpack_from("<I", octets, 21)
        return 1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", octets, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise UnusablePicture("it has no frame")


def _three(octets: bytes, at: int) -> int:
    """A little-endian number of three octets."""
    return int.from_bytes((octets[at], octets[at + 1], octets[at + 2]), "little")
