"""Draws Indian scripts as they are written: reordered, joined, with their marks in place.

xhtml2pdf lays out words by their width and draws lines of text; neither step knows shaping. So it is done at those two
points: a font that measures a text as HarfBuzz shapes it, and a canvas that writes it so. Each shaped run carries its
characters (/ActualText), since the glyphs of a conjunct name none: search, copying and screen readers find the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import uharfbuzz
from reportlab.lib.abag import ABag
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import ShapedStr, TTFont, shapeFragWord
from reportlab.pdfgen.textobject import PDFTextObject
from xhtml2pdf.builders.printmarks import MarkedCanvas

# Words of the Indic blocks with their joiners, and letters that carry a mark of their own.
_SHAPED = re.compile(
    r"[\u0900-\u0dff\u25cc][\u0900-\u0dff\u200c\u200d]*(?: +[\u0900-\u0dff][\u0900-\u0dff\u200c\u200d]*)*"
    r"|[^\W\d_][\u0300-\u036f]+"
)


class ShapedFont(TTFont):
    """A font whose glyphs all have a code from the start, so that a document does not depend on those made before."""

    def __init__(self, name: str, file: str) -> None:
        super().__init__(name, file, shapable=True)
        shaper = self.hbFont()
        for glyph in range(self.hbFace.glyph_count):
            if glyph not in self.face.glyphToChar:
                advance = self.pdfScale(shaper.get_glyph_h_advance(glyph))
                self.hbAddPrivate(shaper.glyph_to_string(glyph), glyph, advance)

    def stringWidth(self, text: Any, size: float, encoding: str = "utf8") -> float:  # noqa: N802 - reportlab's name
        text = text.decode(encoding) if isinstance(text, bytes) else text
        measure = super().stringWidth
        return float(sum(self._shaped_width(run, size) if shaped else measure(run, size) for run, shaped in runs(text)))

    def _shaped_width(self, run: str, size: float) -> float:
        glyphs = _shape(run, self.fontName, size).__shapeData__
        return float(sum(glyph.x_advance for glyph in glyphs) * size / 1000)


class _ShapingText(PDFTextObject):
    def _formatText(self, text: Any) -> str:  # noqa: N802 - reportlab's name
        text = text.decode() if isinstance(text, bytes) else text
        draw = super()._formatText
        if not isinstance(pdfmetrics.getFont(self._fontname), ShapedFont):
            return str(draw(text))
        return " ".join(self._shaped(run) if shaped else draw(run) for run, shaped in runs(text))

    def _shaped(self, run: str) -> str:
        characters = run.encode("utf-16-be").hex().upper()
        glyphs = super()._formatText(_shape(run, self._fontname, self._fontsize))
        return f"/Span <</ActualText <FEFF{characters}>>> BDC {glyphs} EMC"


class ShapingCanvas(MarkedCanvas):
    """A canvas that shapes, and whose documents hold no date and no random id: same content, same bytes."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "invariant": 1})

    def beginText(self, x: float = 0, y: float = 0, direction: Any = None) -> PDFTextObject:  # noqa: N802
        return _ShapingText(self, x, y, direction=direction)


def _shape(run: str, font: str, size: float) -> ShapedStr:
    """Glyphs and their places; reportlab's own `shapeStr` would ask the font for a width and so come back here."""
    return shapeFragWord([0, (ABag(fontName=font, fontSize=size), run)], force=True)[1][1]


def runs(text: str) -> Iterator[tuple[str, bool]]:
    """The text in pieces, each with whether it has to be shaped; each piece is of one script, as HarfBuzz wants it."""
    place = 0
    for match in _SHAPED.finditer(text):
        if match.start() > place:
            yield text[place : match.start()], False
        yield match.group(), True
        place = match.end()
    if place < len(text):
        yield text[place:], False


assert uharfbuzz.version_string()  # without it reportlab would silently not shape
