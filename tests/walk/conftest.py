"""An installation of its own, with all its processes."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TEMPLATE, migrate_template
from tests.embedded_servers import clone_database, drop_database
from tests.walk.installation import Installation, open_installation, running

_opened = ExitStack()


@pytest.fixture(scope="session")
def installation(servers: tuple[str, str], worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Runs until the last test of this directory: its scheduler and workers take time of whatever comes later."""
    name = f"clinic_walk_{worker_id}"
    url = clone_database(servers[0], TEMPLATE, name, migrate_template)
    _opened.callback(drop_database, servers[0], name)
    directory = tmp_path_factory.mktemp("walk")
    opened = _opened.enter_context(open_installation(url, directory))
    return _opened.enter_context(running(opened, directory))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    if nextitem is None or not nextitem.path.is_relative_to(Path(__file__).parent):
        _opened.close()


@pytest.fixture(scope="module")
def house(installation: Installation) -> dict[str, Any]:
    return installation.house()


@pytest.fixture
def person(installation: Installation, house: dict[str, Any]) -> dict[str, Any]:
    return installation.person(house)
