"""Reads a PDF back: its text, and the very glyphs that it draws."""

from __future__ import annotations

import io
import re
from functools import cached_property
from typing import NamedTuple

from pypdf import PageObject, PdfReader
from pypdf.generic import ContentStream

from app.core.pdf.fonts import main_face, script_face
from app.core.pdf.shaping import ShapedFont

MILLIMETRE = 72 / 25.4


class Drawn(NamedTuple):
    """One stretch of text: the font's name, its glyph numbers, and the characters it stands for if it was shaped."""

    font: str
    glyphs: tuple[int, ...]
    characters: str | None


class ReadPdf:
    def __init__(self, octets: bytes) -> None:
        self.reader = PdfReader(io.BytesIO(octets))

    @cached_property
    def texts(self) -> list[str]:
        """The plain text of each page; shaped text is in `shaped`."""
        return [page.extract_text() for page in self.reader.pages]

    @property
    def text(self) -> str:
        return "\n".join(self.texts)

    @property
    def size_mm(self) -> tuple[float, float]:
        box = self.reader.pages[0].mediabox
        return round(float(box.width) / MILLIMETRE, 1), round(float(box.height) / MILLIMETRE, 1)

    @property
    def pictures(self) -> int:
        return sum(len(page.images) for page in self.reader.pages)

    @property
    def shaped(self) -> list[str]:
        return [drawn.characters for drawn in self.drawn if drawn.characters]

    @cached_property
    def drawn(self) -> list[Drawn]:
        return [drawn for page in self.reader.pages for drawn in _drawn_on(page, self.reader)]


def _drawn_on(page: PageObject, reader: PdfReader) -> list[Drawn]:
    fonts = {name: _Font(font.get_object()) for name, font in page["/Resources"]["/Font"].items()}
    found: list[Drawn] = []
    font, characters = None, None
    for operands, operator in ContentStream(page.get_contents(), reader).operations:
        match operator:
            case b"Tf":
                font = fonts[operands[0]]
            case b"BDC":
                characters = operands[1]["/ActualText"]
            case b"EMC":
                characters = None
            case b"Tj" | b"TJ":
                texts = operands[0] if operator == b"TJ" else operands
                codes = [code for text in texts if hasattr(text, "original_bytes") for code in text.original_bytes]
                found.append(Drawn(font.name, font.glyphs(codes), characters))
    return found


class _Font:
    """An embedded subset: its codes name characters, and those the glyphs of the typeface."""

    def __init__(self, font) -> None:
        self.name = font["/BaseFont"].rpartition("+")[2].lstrip("/")
        cmap = font["/ToUnicode"].get_data().decode() if "/ToUnicode" in font else ""
        self._characters = {int(code, 16): int(char, 16) for code, char in re.findall(r"<(..)> <(....)>\n", cmap)}

    def glyphs(self, codes: list[int]) -> tuple[int, ...]:
        glyph_of = typeface(self.name).face.charToGlyph if self._characters else {}
        return tuple(glyph_of.get(self._characters.get(code, 0), 0) for code in codes)


def typeface(name: str) -> ShapedFont:
    """The registered font with this PostScript name."""
    from reportlab.pdfbase import pdfmetrics

    faces = [main_face(), *filter(None, (script_face(chr(start + 5)) for start in range(0x980, 0xD80, 0x80)))]
    fonts = [pdfmetrics.getFont(face.font(bold=bold)) for face in faces for bold in (False, True)]
    return next(font for font in fonts if font.face.name.decode() == name)
