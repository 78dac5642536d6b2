"""The order in which files of tests are handed out: the longest first, so that none begins when all else is done.

Only files that take a process half a minute or more need to be here; a wrong order costs time and nothing else.
"""

from __future__ import annotations

from pathlib import Path

import pytest

LONGEST = (
    "bench/test_checks.py",
    "scheduling/test_hundred_processes.py",
    "embedded/test_bootstrap.py",
    "demo/test_load.py",
    "walk/test_main_job.py",
    "browser/test_theme.py",
    "browser/test_desk.py",
    "browser/test_calendar.py",
    "embedded/test_run.py",
    "people/test_merging.py",
    "contract/test_bad_input.py",
    "billing/test_numbering.py",
    "billing/test_bulk.py",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sorting keeps the order within a file, and of all other files."""
    tests = Path(__file__).parent
    place = {tests / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(LONGEST)))
