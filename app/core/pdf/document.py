"""HTML in, PDF out (xhtml2pdf), without a look at the network, the disk or the clock."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

from reportlab import rl_config
from reportlab.lib.colors import HexColor
from reportlab.lib.units import mm
from xhtml2pdf.config.resources import ResourceAccessPolicy, use_policy
from xhtml2pdf.document import pisaStory
from xhtml2pdf.files import cleanFiles
from xhtml2pdf.util import reset_caches
from xhtml2pdf.xhtml2pdf_reportlab import PmlBaseDoc

from app.core.pdf.fonts import main_face
from app.core.pdf.shaping import ShapingCanvas

# Pictures come as data inside the document; nothing may be read or fetched, whatever a template says.
_NOTHING_FROM_OUTSIDE = ResourceAccessPolicy.server(allow_remote=False)
_LABEL_SIZE, _LABEL_COLOUR, _LABEL_MARGIN = 7.5, HexColor("#566375"), 15 * mm

# Streams as bytes instead of ASCII text: a fifth smaller and faster.
rl_config.useA85 = 0

# reportlab keeps fonts and caches in module globals: one document at a time in a process.
_rendering = Lock()

PageLabel = Callable[[int, int], str]


class RenderFailed(RuntimeError):
    """The template is at fault; the text says what xhtml2pdf complained of."""


@dataclass(frozen=True)
class PdfDocument:
    """`html` must define its page (`@page`). `page_label(page, pages)` is written at the foot of each page."""

    html: str
    title: str
    author: str = ""
    language: str = "en"
    page_label: PageLabel | None = None


def render_pdf(document: PdfDocument) -> bytes:
    """The same document always gives the same bytes. Raises RenderFailed."""
    return _build(document)[0]


def measured_height(html: str) -> float:
    """How much of its page the HTML fills, in millimetres from the upper edge to the last line's lower one."""
    return _build(PdfDocument(html, title=""))[1] / mm


def _build(document: PdfDocument) -> tuple[bytes, float]:
    main_face()
    out = io.BytesIO()
    with _rendering, use_policy(_NOTHING_FROM_OUTSIDE):
        try:
            filled = _lay_out(document, out)
        finally:
            cleanFiles()
            reset_caches()
    return out.getvalue(), filled


def _lay_out(document: PdfDocument, out: io.BytesIO) -> float:
    story = pisaStory(document.html, resource_policy=_NOTHING_FROM_OUTSIDE)
    if story.err or "body" not in story.templateList:
        raise RenderFailed("; ".join(message for _, _, message, _ in story.log) or "the template defines no page")
    pages = PmlBaseDoc(
        out, pagesize=story.pageSize, title=document.title, author=document.author, lang=document.language
    )
    body = story.templateList.pop("body")
    pages.addPageTemplates([body, *story.templateList.values()])
    pages.build(story.story, canvasmaker=_canvas_with(document.page_label))
    height = float(story.pageSize[1])
    return height if pages.page > 1 else height - pages.frame._y + pages.frame._bottomPadding


def _canvas_with(label: PageLabel | None) -> type[ShapingCanvas]:
    if label is None:
        return ShapingCanvas
    return type("LabelledCanvas", (_LabelledCanvas,), {"label": staticmethod(label)})


class _LabelledCanvas(ShapingCanvas):
    """Keeps its pages until all are known, then writes "page 1 of 3" on each: laying out twice would cost double."""

    label: PageLabel

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._held: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802 - reportlab's name
        self._held.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        held = self._held
        for number, state in enumerate(held, start=1):
            self.__dict__.update(state)
            self._write_label(self.label(number, len(held)))
            super().showPage()
        super().save()

    def _write_label(self, text: str) -> None:
        self.saveState()
        self.setFont(main_face().font(), _LABEL_SIZE)
        self.setFillColor(_LABEL_COLOUR)
        self.drawRightString(self._pagesize[0] - _LABEL_MARGIN, _LABEL_MARGIN / 2, text)
        self.restoreState()
