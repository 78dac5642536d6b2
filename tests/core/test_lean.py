"""What other libraries would load for uses that we do not have stays out of memory."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from app.core.lean import without


def test_a_hidden_module_is_not_found_and_then_is() -> None:
    with without("colorsys"), pytest.raises(ImportError):
        import colorsys
    import colorsys

    assert colorsys.hsv_to_rgb(0, 0, 1) == (1, 1, 1)


def test_a_module_that_is_loaded_stays() -> None:
    import json

    with without("json"):
        assert sys.modules["json"] is json


UNWANTED = {"aiohttp", "alembic", "boto3", "icalendar", "rich", "twilio"}


def test_no_process_loads_what_only_some_calls_need(settings: Any) -> None:
    """Together 50 MB of each web process and worker."""
    ask = f"import sys, app; app.create_app(); print(sorted({UNWANTED} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert told.stdout.strip().splitlines()[-1] == "[]"
