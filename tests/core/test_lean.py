"""What other libraries would load for uses that we do not have stays out of memory."""

from __future__ import annotations

import importlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
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


def test_what_is_delayed_runs_when_somebody_takes_something_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lean, "DELAYED", frozenset({"colorsys"}))
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    colorsys = importlib.import_module("colorsys")
    assert "rgb_to_hsv" not in object.__getattribute__(colorsys, "__dict__")
    assert colorsys.hsv_to_rgb(0, 0, 1) == (1, 1, 1)
    assert "rgb_to_hsv" in object.__getattribute__(colorsys, "__dict__")


def test_a_bare_package_gathers_nothing_and_its_modules_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "larder").mkdir()
    (tmp_path / "larder" / "__init__.py").write_text("raise RuntimeError('gathers everything')")
    (tmp_path / "larder" / "jam.py").write_text("SPOONS = 3")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(lean, "BARE", frozenset({"larder"}))
    assert importlib.import_module("larder.jam").SPOONS == 3


@pytest.mark.parametrize("name", sorted(lean.BARE | lean.DELAYED))
def test_what_is_named_exists(name: str) -> None:
    """A name that a new release of a library does not know any more would spare nothing."""
    assert importlib.util.find_spec(name)


UNWANTED = {
    "aiohttp",
    "alembic",
    "boto3",
    "dateutil.parser._parser",
    "icalendar",
    "limits.aio.storage",
    "PIL._imaging",
    "jsonschema.validators",
    "redis.asyncio.cluster",
    "reportlab",
    "rich",
    "sqlalchemy.dialects.oracle.base",
    "sqlalchemy_utils.functions",
    "twilio",
    "websocket._core",
    "xhtml2pdf",
    "yaml.loader",
}
LATER = {"app.core.pdf", "app.core.pictures"}


@pytest.mark.parametrize("edges", [True, False])
def test_no_process_loads_what_only_some_calls_need(settings: Any, edges: bool) -> None:
    """Together 70 MB of each web process and worker."""
    names = f"sorted(name for name in {UNWANTED | LATER} if sys.modules.get(name))"
    ask = f"import sys, app; app.create_app(edges={edges}); print({names})"
    told = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert told.stdout.strip().splitlines()[-1] == "[]"


def test_a_start_is_not_interrupted_by_the_collector_which_goes_on_afterwards(settings: Any) -> None:
    """It would look through the same hundred thousands of objects again and again: a fifth of the start.

    What the first application of a process made is set aside, so that no collection and no end of a process looks
    through it; of a second one, which may not stay, nothing is.
    """
    ask = """
import gc, app
before = gc.get_stats()[2]["collections"]
app.create_app()
print(gc.get_stats()[2]["collections"] - before, gc.isenabled(), gc.get_freeze_count() > 100_000)
gc.disable()
frozen = gc.get_freeze_count()
app.create_app()
print(gc.isenabled(), gc.get_freeze_count() <= frozen)
"""
    told = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert told.stdout.split()[-5:] == ["0", "True", "True", "False", "True"]
