"""One clinic in which many walks are gone, one after the other, and what each must come to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.chaos.walk import Walk
from tests.conftest import TEMPLATE, migrate_template
from tests.embedded_servers import clone_database, drop_database
from tests.scripted_server import Server, answer, scripted_server
from tests.walk.installation import Installation, open_installation


@dataclass
class Stage:
    """`undisturbed` is the walk on which nothing died: how many points there are, and what the others are like."""

    installation: Installation
    house: dict[str, Any]
    finance: dict[str, Any]
    inbox: Server
    walks: int = 0

    def walk(self, kill_at: int = 0, *, lose_redis: bool = False) -> Walk:
        self.walks += 1
        walk = Walk(self.installation, self.house, self.finance, self.inbox, kill_at, lose_redis)
        walk.to_the_end()
        return walk


@pytest.fixture(scope="session")
def stage(servers: tuple[str, str], worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    name = f"clinic_chaos_{worker_id}"
    url = clone_database(servers[0], TEMPLATE, name, migrate_template)
    with open_installation(url, tmp_path_factory.mktemp("chaos")) as installation, scripted_server() as inbox:
        inbox.will(answer(200, {}))
        house = installation.house(inbox.url)
        finance = installation.zygote.call("tests.walk.house:make_staff", house, "FINANCE_BILLING")
        made = Stage(installation, house, finance, inbox)
        with installation.zygote.warmed():
            made.walk()
        yield made
    drop_database(servers[0], name)


@pytest.fixture(scope="session")
def undisturbed(stage: Stage) -> Walk:
    return stage.walk()
