"""The order in which files of tests are handed out: the longest first, so that none begins when all else is done.

Files that mostly wait, for processes that start and die, stand between those that keep a core busy.
Only files that take a process a quarter of a minute or more need to be here; a wrong order costs time and nothing else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

LONGEST = (
    "chaos/test_kill_points.py",
    "walk/test_main_job.py",  # and all of its directory
    "browser/test_reception_day.py",
    "bench/test_checks.py",
    "browser/test_calendar.py",
    "queueing/test_pace.py",
    "browser/test_messaging_pages.py",
    "chaos/test_storm.py",
    "contract/test_bad_input.py",
    "embedded/test_postgres.py",
    "demo/test_load.py",
    "browser/test_schedule_pages.py",
    "contract/test_list_addresses.py",
    "embedded/test_run.py",
    "browser/test_desk.py",
    "browser/test_cash_desk.py",
    "queueing/test_many_sockets.py",
    "payments/test_gateway_flows.py",
    "payments/test_kill_points.py",
    "payments/test_facts.py",
    "browser/test_theme.py",
    "embedded/test_bootstrap.py",
    "browser/test_queue.py",
    "payments/test_phonepe.py",
    "security/test_production.py",
    "browser/test_doctors_day.py",
    "billing/test_visit_fees.py",
    "billing/test_cash_desk_properties.py",
    "bench/test_event_checks.py",
    "browser/test_subscriptions.py",
    "core/test_console_pages.py",
    "browser/test_finance_day.py",
    "browser/test_finance_pages.py",
    "core/test_lean.py",
    "scheduling/test_hundred_processes.py",
    "security/test_payment_secrets.py",
)
# Files of these directories share what takes long to start: one process runs them all.
TOGETHER = ("tests/walk/",)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sorting keeps the order within a file, and of all other files."""
    tests = Path(__file__).parent
    place = {tests / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(LONGEST)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """As `--dist loadfile` does, but for TOGETHER."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next((name for name in TOGETHER if nodeid.startswith(name)), super()._split_scope(nodeid))

    return ByFile(config, log)
