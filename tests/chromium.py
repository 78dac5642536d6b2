"""The one Chromium of a test process: a second Playwright in the same thread refuses to start."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from app.embedded.bootstrap import find_chromium

CHROMIUM = find_chromium()
UNWANTED = os.environ.get("CLINIC_NO_BROWSER") == "1"
# V8's optimising compilers cost more than they save on pages that live for a second: a quarter of all processor time.
# A process for each page would start, and compile every script, anew: a tenth.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--renderer-process-limit=1",
    "--js-flags=--no-opt --no-maglev",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs the browser is marked, and skipped loudly where there is none."""
    for item in items:
        if "chromium" not in getattr(item, "fixturenames", ()):
            continue
        item.add_marker("browser")
        if UNWANTED or CHROMIUM is None:
            why = "CLINIC_NO_BROWSER=1" if UNWANTED else "Chromium is not installed"
            item.add_marker(pytest.mark.skip(reason=f"NOT TESTED IN A BROWSER: {why}"))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()
