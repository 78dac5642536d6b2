"""Jinja for documents: apart from Flask's, so that a worker or a test needs no application to draw one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.core.pdf.typeset import typeset

TEMPLATES = Path(__file__).resolve().parents[3] / "templates"
_COLOUR = re.compile(r"#[0-9a-f]{6}", re.IGNORECASE)


class PdfTemplates:
    """Templates below `templates/`. Every value is typeset and escaped, a missing one is an error."""

    def __init__(self, directory: Path = TEMPLATES) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(directory),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=typeset,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters["colour"] = colour

    def render(self, template: str, gettext: Callable[[str], str], /, **values: Any) -> str:
        """The HTML, its labels through `gettext`."""
        return self._environment.get_template(template).render(_=gettext, **values)


def colour(value: str, otherwise: str = "#0b6e6e") -> str:
    """A colour as it may stand in a style sheet: `#rrggbb` and nothing else."""
    return value.lower() if _COLOUR.fullmatch(value) else otherwise
