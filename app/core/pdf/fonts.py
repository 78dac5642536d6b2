"""The typefaces of documents: Noto Sans, which holds Latin, Greek, Cyrillic, Devanagari and every currency sign in one
file, and one more file for each other Indian script, loaded when a text needs it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from reportlab.lib.fonts import addMapping
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from xhtml2pdf import default

from app.core.pdf.shaping import ShapedFont

FONTS = Path(__file__).resolve().parents[3] / "node_modules" / "@expo-google-fonts"
REGULAR, BOLD = "400Regular", "700Bold"
PRIVATE_USE = range(0xE000, 0xF900)


class FontMissing(RuntimeError):
    """The npm package of the main typeface is not installed."""


@dataclass(frozen=True)
class Face:
    """A registered typeface in regular and bold; `name` is its CSS family."""

    name: str
    characters: frozenset[int]

    def font(self, *, bold: bool = False) -> str:
        """The font's name in reportlab."""
        return f"{self.name}-{BOLD if bold else REGULAR}"


# Unicode blocks of the Indian scripts beside Devanagari, as the Noto packages name them.
_SCRIPTS = {
    "bengali": range(0x0980, 0x0A00),
    "gurmukhi": range(0x0A00, 0x0A80),
    "gujarati": range(0x0A80, 0x0B00),
    "oriya": range(0x0B00, 0x0B80),
    "tamil": range(0x0B80, 0x0C00),
    "telugu": range(0x0C00, 0x0C80),
    "kannada": range(0x0C80, 0x0D00),
    "malayalam": range(0x0D00, 0x0D80),
}


@cache
def main_face() -> Face:
    """The face of all text. Raises FontMissing."""
    face = _load("noto", "noto-sans", "NotoSans")
    if face is None:
        raise FontMissing("the fonts of documents are missing: run `make setup`")
    return face


def script_face(char: str) -> Face | None:
    """The face for a character of another Indian script; None if it is none or the package is not installed."""
    for script, block in _SCRIPTS.items():
        if ord(char) in block:
            return _script_face(script)
    return None


@cache
def _script_face(script: str) -> Face | None:
    return _load(f"noto-{script}", f"noto-sans-{script}", f"NotoSans{script.title()}")


def _load(name: str, package: str, file: str) -> Face | None:
    paths = {weight: FONTS / package / weight / f"{file}_{weight}.ttf" for weight in (REGULAR, BOLD)}
    if not all(path.exists() for path in paths.values()):
        return None
    fonts = {weight: _register(f"{name}-{weight}", path) for weight, path in paths.items()}
    for bold in (0, 1):
        for italic in (0, 1):
            addMapping(name, bold, italic, fonts[BOLD if bold else REGULAR].fontName)
    default.DEFAULT_FONT[name] = name
    characters = frozenset.intersection(*(frozenset(_characters(font)) for font in fonts.values()))
    return Face(name, characters)


def _register(name: str, path: Path) -> TTFont:
    font = ShapedFont(name, str(path))
    pdfmetrics.registerFont(font)
    return font


def _characters(font: Any) -> set[int]:
    """Without the private-use codes that stand for glyphs which no character names."""
    return {code for code in font.face.charToGlyph if code not in PRIVATE_USE}
