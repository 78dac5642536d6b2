"""A small installation of the benchmarks, on a database of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from bench import processes
from bench.data import Sizes, load
from bench.figures import Effort
from bench.house import build_house
from bench.installation import Installation
from bench.processes import Running
from tests.conftest import TEMPLATE, migrate_template
from tests.embedded_servers import clone_database, drop_database

SIZES = Sizes(patients=3_000, appointments=20_000, doctors=5, payments=1_500)
NAMES = ("APP_ENV", "DATABASE_URL", "REDIS_URL", "DATA_DIR")


@pytest.fixture(scope="session")
def effort() -> Effort:
    """As little as gives a figure."""
    return Effort(rounds=1, seconds=0.3, clients=2, requests=8, warm_up_requests=1, warm_up_seconds=0.1, page_rounds=1)


@pytest.fixture(scope="module", autouse=True)
def _one_of_each_server() -> Iterator[None]:
    """A web server that a check has started serves the next check as well: each takes seconds to load."""
    with ExitStack() as stack:
        running: dict[str, Running] = {}

        @contextmanager
        def kept(application: str, environment: Mapping[str, str], log: Path) -> Iterator[Running]:
            if application not in running:
                running[application] = stack.enter_context(start(application, environment, log))
            yield running[application]

        start = processes.web
        stack.enter_context(mock.patch.object(processes, "web", kept))
        yield


@pytest.fixture(scope="module")
def installation(
    app: Any, servers: tuple[str, str], worker_id: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    from app import create_app
    from app.core.tenant import db
    from config import get_settings

    shared, name = os.environ["DATABASE_URL"], f"clinic_bench_{worker_id}"
    os.environ["DATABASE_URL"] = clone_database(servers[0], TEMPLATE, name, migrate_template)
    get_settings.cache_clear()
    application = create_app(TESTING=True, SOCKETIO_ASYNC_MODE="threading")
    with application.app_context():
        house = build_house(SIZES.doctors)
        seconds = load(os.environ["DATABASE_URL"], house.clinic_id, house.location_id, house.doctor_ids, SIZES)
        environment = {
            **{name: os.environ[name] for name in NAMES},
            "REQUESTS_PER_MINUTE": "100000000",
            "BENCH_CLINIC": house.clinic_id,
            "BENCH_LOCATION": house.location_id,
        }
        yield Installation(tmp_path_factory.mktemp("bench"), environment, house, SIZES, seconds, application)
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()
    os.environ["DATABASE_URL"] = shared
    get_settings.cache_clear()
    drop_database(servers[0], name)
