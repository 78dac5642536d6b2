"""Any text as HTML that our typefaces can draw: no character becomes an empty box or nothing at all."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from anyascii import anyascii
from markupsafe import Markup, escape
from reportlab.pdfbase.pdfmetrics import stringWidth

from app.core.pdf.fonts import Face, main_face, script_face

UNKNOWN = "?"
_JOINERS = "\u200c\u200d"
_LINE_ENDS = "\n\t"
_VIRAMA = 9  # the canonical combining class of the sign that joins two consonants
_PIECE = 16
_LONG_WORD = re.compile(r"[\u0900-\u0dff\u200c\u200d]{41,}")


def typeset(value: Any) -> Any:
    """Escaped text with each run in a face that has it; what is markup or no text stays as it is.

    What no face has is written in Latin letters (Chinese, Arabic, emoji names), and as a question mark if even that
    fails. Control and formatting characters, which have no shape, are left out.
    """
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    drawn = _placed(_LONG_WORD.sub(_in_pieces, unicodedata.normalize("NFC", value)))
    runs = ((face, "".join(char for _, char in run)) for face, run in groupby(drawn, key=lambda item: item[0]))
    return Markup("").join(_span(face, text) for face, text in runs)


def width(text: str, size: float, *, bold: bool = False) -> float:
    """How wide the text is as `typeset` draws it, in points at a type size in points."""
    placed = _placed(unicodedata.normalize("NFC", text))
    runs = groupby(placed, key=lambda item: item[0])
    return sum(stringWidth("".join(char for _, char in run), face.font(bold=bold), size) for face, run in runs)


def _in_pieces(match: re.Match[str]) -> str:
    """Spaces between syllables of an Indic word that fits no line: broken inside one, its marks would stand alone."""
    pieces, length = "", 0
    for before, char in zip(" " + match.group(), match.group(), strict=False):
        starts = unicodedata.category(char)[0] == "L" and unicodedata.combining(before) != _VIRAMA
        if starts and before not in _JOINERS and length >= _PIECE:
            pieces, length = pieces + " ", 0
        pieces, length = pieces + char, length + 1
    return pieces


def _placed(text: str) -> Iterator[tuple[Face, str]]:
    """Each character, or what stands for it, with its face; joiners and spaces stay with the run they are in."""
    main = main_face()
    face = main
    for char in text:
        if char in _JOINERS:
            yield face, char
            continue
        face, drawn = _drawn(char, main)
        for letter in drawn:
            yield face, letter


def _drawn(char: str, main: Face) -> tuple[Face, str]:
    if unicodedata.category(char) == "Cf":  # direction marks, soft hyphens: the typeface has empty glyphs for some
        return main, ""
    if ord(char) in main.characters:
        return main, char
    other = script_face(char)
    if other is not None and ord(char) in other.characters:
        return other, char
    return main, _substitute(char, main)


def _substitute(char: str, main: Face) -> str:
    category = unicodedata.category(char)
    if category[0] == "Z" or char in _LINE_ENDS:
        return " "
    if category in ("Cc", "Mn", "Me"):
        return ""
    latin = anyascii(char)
    return latin if latin and all(ord(letter) in main.characters for letter in latin) else UNKNOWN


def _span(face: Face, text: str) -> Markup:
    if face is main_face():
        return escape(text)
    return Markup('<span style="font-family: {}">{}</span>').format(face.name, text)
