"""Examples of bodies and answers: JSON beside the module whose endpoints they show.

`api/invoices.py` has `api/examples/invoices.json`: by "METHOD /path" a `query`, a `request`, an `answer`.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from app.core.api import Endpoint

PATH_VALUE = re.compile(r"<(?:\w+:)?(\w+)>")


def documented_path(item: Endpoint) -> str:
    """The endpoint's path as OpenAPI writes it: `/api/v1/patients/{patient_id}`."""
    return PATH_VALUE.sub(r"{\1}", item.path)


def example_key(item: Endpoint) -> str:
    return f"{item.method} {documented_path(item)}"


def example_of(item: Endpoint) -> dict[str, Any]:
    """Empty where nobody wrote or recorded one."""
    found: dict[str, Any] = _read(example_file(item.module)).get(example_key(item), {})
    return found


def example_file(module: str) -> Path:
    source = Path(str(sys.modules[module].__file__))
    return source.parent / "examples" / f"{source.stem}.json"


@cache
def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(path.read_bytes()) if path.exists() else {}
    return found
