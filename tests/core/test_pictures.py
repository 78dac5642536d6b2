"""Pictures that claim more than a photograph has are refused before they are decoded."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from app.core.pictures import LARGEST_PIXELS, TooLargePicture, UnusablePicture, check_header, reduced


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 30), mode: str = "RGB", **options: Any) -> bytes:
    drawn = io.BytesIO()
    Image.new(mode, size, 1 if mode == "P" else "teal").save(drawn, kind, **options)
    return drawn.getvalue()


def animated(kind: str) -> bytes:
    drawn = io.BytesIO()
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "green", "blue")]
    frames[0].save(drawn, kind, save_all=True, append_images=frames[1:])
    return drawn.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_claiming(width: int, height: int, *more: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def png_with_texts(count: int, size: int) -> bytes:
    words = PngImagePlugin.PngInfo()
    for number in range(count):
        words.add_text(f"t{number}", "x" * size)
    return picture(pnginfo=words)


def jpeg_claiming(width: int, height: int) -> bytes:
    content = picture("JPEG")
    at = content.index(b"\xff\xc0")
    return content[: at + 5] + struct.pack(">HH", height, width) + content[at + 9 :]


def webp(kind: bytes, content: bytes) -> bytes:
    part = kind + struct.pack("<I", len(content)) + content
    return b"RIFF" + struct.pack("<I", 4 + len(part)) + b"WEBP" + part


def extended_webp(width: int, height: int, flags: int = 0) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return webp(b"VP8X", bytes([flags, 0, 0, 0]) + size)


BOMBS = {
    "png-square": png_claiming(60_000, 60_000),
    "png-strip": png_claiming(1_000_000, 1),
    "png-texts": png_with_texts(20, 60_000),
    "png-many-texts": png_with_texts(200, 10),
    "png-parts": png_claiming(10, 10, *[chunk(b"tIME", b"1234567")] * 3000),
    "png-animated": animated("PNG"),
    "jpeg-square": jpeg_claiming(65_000, 65_000),
    "jpeg-scans": picture("JPEG") + b"\xff\xda\x00\x02" * 500,
    "jpeg-parts": b"\xff\xd8" + b"\xff\xe1\x00\x02" * 5000,
    "webp-extended": extended_webp(16_383, 16_383),
    "webp-animated": animated("WEBP"),
    "webp-moving-flag": extended_webp(10, 10, flags=2),
    "webp-lossless": webp(b"VP8L", b"\x2f" + struct.pack("<I", 16_382 | 16_382 << 14)),
    "webp-lossy": webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 16_383, 16_383)),
}


@pytest.mark.parametrize("name", sorted(BOMBS))
def test_a_bomb_is_refused_by_what_it_claims(name: str) -> None:
    with pytest.raises(TooLargePicture):
        check_header(BOMBS[name])


@pytest.mark.parametrize("name", sorted(BOMBS))
def test_every_beginning_of_a_bomb_is_refused_too(name: str) -> None:
    for length in (0, 1, 4, 9, 12, 16, 20, 24, 28):
        with pytest.raises(UnusablePicture):
            reduced(BOMBS[name][:length], 100)


def test_no_pixels_are_no_picture() -> None:
    with pytest.raises(UnusablePicture):
        check_header(png_claiming(0, 7))


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("PNG", "RGB", {}),
        ("PNG", "RGBA", {}),
        ("PNG", "P", {}),
        ("PNG", "I;16", {}),
        ("JPEG", "RGB", {}),
        ("JPEG", "RGB", {"progressive": True}),
        ("JPEG", "L", {}),
        ("JPEG", "CMYK", {}),
        ("WEBP", "RGB", {}),
        ("WEBP", "RGB", {"lossless": True}),
        ("WEBP", "RGBA", {}),
    ],
)
def test_pictures_of_every_kind_are_made_small(kind: str, mode: str, options: dict[str, Any]) -> None:
    size = (1200, 900)
    drawn = io.BytesIO()
    Image.new(mode, size).save(drawn, kind, **options)
    small = reduced(drawn.getvalue(), 480)
    assert (small.size, small.mode) == ((480, 360), "RGB")


def test_a_turned_photograph_is_set_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind in ("JPEG", "PNG", "WEBP"):
        assert reduced(picture(kind, (400, 200), exif=exif), 100).size == (50, 100)


def test_a_large_photograph_of_a_telephone_is_taken() -> None:
    content = picture("JPEG", (7000, 5000))
    assert LARGEST_PIXELS > 7000 * 5000
    assert reduced(content, 480).size == (480, 343)
