"""PDF documents from HTML templates, in any script that a patient's name may be written in."""

from __future__ import annotations

from app.core.pdf.document import PdfDocument, measured_height, render_pdf
from app.core.pdf.pictures import UnusablePicture, logo_uri, qr_uri
from app.core.pdf.templates import PdfTemplates
from app.core.pdf.typeset import width

__all__ = [
    "PdfDocument",
    "PdfTemplates",
    "UnusablePicture",
    "logo_uri",
    "measured_height",
    "qr_uri",
    "render_pdf",
    "width",
]
