"""Whether a run of all tests saw every event of the catalogue published (SPEC EVT-3): one that nobody publishes, or
whose verb nobody tests, fails the run. Parts of the tests are not asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

EVERY_TEST = "not chaos"  # the mark that pyproject.toml gives
_OUTPUT = "published_events"
_published: set[str] = set()
_of_workers: set[str] = set()


def _note(records: Sequence[Any]) -> None:
    _published.update(record.type for record in records)


def pytest_configure(config: pytest.Config) -> None:
    from app.events.base import OBSERVERS

    OBSERVERS.append(_note)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: Any) -> None:
    """A process of a distributed run tells what it saw."""
    _of_workers.update(getattr(node, "workeroutput", {}).get(_OUTPUT, ()))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[_OUTPUT] = sorted(_published)
        return
    if not _is_whole(session.config) or session.shouldstop or session.shouldfail:
        return
    missing = _unpublished()
    if missing:
        print(f"\nEvents of the catalogue that no test saw published: {', '.join(missing)}")
    if missing and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _unpublished() -> list[str]:
    from app import SLICES
    from app.core.loader import load_declarations
    from app.events import catalogue

    load_declarations(SLICES)
    seen = _published | _of_workers
    return [event.type for event in catalogue.events() if not event.planned and event.type not in seen]


def _is_whole(config: pytest.Config) -> bool:
    """All tests were asked for, none left out by a word or a mark of the caller's."""
    asked = {Path(argument).resolve() for argument in config.args}
    option = config.option
    left_out = (option.keyword, option.deselect, option.ignore, option.ignore_glob, option.collectonly)
    ours = option.markexpr == EVERY_TEST
    return ours and asked <= {config.rootpath, config.rootpath / "tests"} and not any(left_out)
