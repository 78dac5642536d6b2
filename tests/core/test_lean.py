"""What other libraries would load for uses that we do not have stays out of memory."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from typing import Any

import pytest

from app.core import lean


def test_what_is_hidden_is_not_found_until_somebody_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lean, "UNUSED", ("colorsys", "json"))
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    lean.hide()
    with pytest.raises(ImportError):
        importlib.import_module("colorsys")
    assert importlib.import_module("json") is json
    lean.reveal("colorsys")
    lean.reveal("json")
    assert importlib.import_module("colorsys").hsv_to_rgb(0, 0, 1) == (1, 1, 1)
    assert importlib.import_module("json") is json


UNWANTED = {"aiohttp", "alembic", "boto3", "icalendar", "rich", "twilio"}


def test_no_process_loads_what_only_some_calls_need(settings: Any) -> None:
    """Together 50 MB of each web process and worker."""
    ask = f"import sys, app; app.create_app(); print(sorted(name for name in {UNWANTED} if sys.modules.get(name)))"
    told = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert told.stdout.strip().splitlines()[-1] == "[]"
