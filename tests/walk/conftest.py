"""An installation of its own, with all its processes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import TEMPLATE, migrate_template
from tests.embedded_servers import clone_database, drop_database
from tests.walk.installation import Installation, open_installation, running


@pytest.fixture(scope="session")
def installation(
    servers: tuple[str, str], worker_id: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    name = f"clinic_walk_{worker_id}"
    url = clone_database(servers[0], TEMPLATE, name, migrate_template)
    directory = tmp_path_factory.mktemp("walk")
    with open_installation(url, directory) as opened, running(opened, directory) as console:
        yield console
    drop_database(servers[0], name)


@pytest.fixture(scope="module")
def house(installation: Installation) -> dict[str, Any]:
    return installation.house()


@pytest.fixture
def person(installation: Installation, house: dict[str, Any]) -> dict[str, Any]:
    return installation.person(house)
