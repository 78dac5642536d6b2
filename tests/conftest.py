"""Real PostgreSQL and Redis for every test; each test's database work is rolled back or thrown away."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from tests.embedded_servers import clone_database, drop_database, start_servers
from tests.network_guard import block_network

TEMPLATE = "clinic_template"

pytest_plugins = [
    "tests.factories.fixtures",
    "tests.api_caller",
    "tests.chromium",
    "tests.published_events",
    "tests.longest_first",
    "tests.compiled_once",
]

# Compiled code is kept even where the machine says not to: hundreds of processes of a run load the whole application,
# and compiling it takes each of them longer than all else that they do.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# How long a machine that is busy takes to make up examples says nothing about what they show.
hypothesis_settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("busy")


def pytest_configure(config: pytest.Config) -> None:
    block_network()
    gc.disable()
    sys.unraisablehook = lambda _unraisable: None


def pytest_collection_finish() -> None:
    """Modules and collected tests stay to the end: the garbage collector need not look at them again and again.

    What is collected later is collected at the pace of the web server (gunicorn.conf.py).
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[tuple[str, str]]:
    """One PostgreSQL and one Redis per run; one migrated template that every worker clones."""
    root = tmp_path_factory.getbasetemp() if worker_id == "master" else tmp_path_factory.getbasetemp().parent
    database_url, redis_url, stop = start_servers(root)
    yield database_url, redis_url
    stop()


@pytest.fixture(scope="session")
def settings(servers: tuple[str, str], worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The process's settings, pointing at this worker's own database and Redis number."""
    database_url, redis_url = servers
    number = int(worker_id.removeprefix("gw")) + 1 if worker_id != "master" else 0
    url = clone_database(database_url, TEMPLATE, f"clinic_test_{worker_id}", migrate_template)
    data_dir = tmp_path_factory.mktemp("data")
    environment = {
        "APP_ENV": "test",
        "DATABASE_URL": url,
        "REDIS_URL": f"{redis_url}?db={number}",
        "DATA_DIR": str(data_dir),
        "POOL_OVERFLOW": "25",  # a connection for each of forty desks at once: none waits for another's
        "POOL_WAIT_SECONDS": "30",
        "FAILED_LOGIN_SECONDS": "0.05",  # its own test asks for more
        "REDIS_ANSWER_SECONDS": "15",  # a machine that is busy with tests is slow, not away
    }
    os.environ.update(environment)
    from config import get_settings

    get_settings.cache_clear()
    yield get_settings()


def migrate_template(url: str) -> None:
    """Bring an empty database to the newest migration, as `flask db upgrade` does."""
    before = os.environ.get("DATABASE_URL")
    os.environ.update(APP_ENV="test", DATABASE_URL=url)
    from config import get_settings

    get_settings.cache_clear()
    from tests.schema import create_schema

    create_schema(url)
    os.environ.pop("DATABASE_URL")
    if before:
        os.environ["DATABASE_URL"] = before
    get_settings.cache_clear()


@pytest.fixture(scope="session")
def app(settings: Any) -> Iterator[Any]:
    from app import create_app

    log_plainly()
    application = create_app(TESTING=True, SOCKETIO_ASYNC_MODE="threading")
    gc.freeze()  # it stays to the end, too; and the end itself takes a second less
    yield application


def log_plainly() -> None:
    """Lines for whom a test fails; structlog's own are coloured and aligned, which takes longer than some requests."""
    import structlog

    structlog.configure(
        [
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.dev.set_exc_info,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ]
    )


@pytest.fixture(autouse=True)
def _clean_redis(request: pytest.FixtureRequest) -> Iterator[None]:
    """Counters and caches of one test are not the next one's."""
    if "app" in request.fixturenames:
        request.getfixturevalue("app")
        from app.core.jobs import redis_connection

        redis_connection().flushdb()
    yield


@pytest.fixture(scope="session")
def project_root() -> Path:
    return Path(__file__).resolve().parent.parent


@pytest.fixture
def own_database_app(app: Any, servers: tuple[str, str], worker_id: str) -> Iterator[Any]:
    """An application on a database that only this test sees; needed for what must find the database empty."""
    from app import create_app
    from config import get_settings

    shared = os.environ["DATABASE_URL"]
    name = f"clinic_own_{worker_id}"
    os.environ["DATABASE_URL"] = clone_database(servers[0], TEMPLATE, name, migrate_template)
    get_settings.cache_clear()
    application = create_app(TESTING=True, SOCKETIO_ASYNC_MODE="threading")
    yield application
    with application.app_context():
        from app.core.tenant import db

        for engine in db.engines.values():
            engine.dispose()
    os.environ["DATABASE_URL"] = shared
    get_settings.cache_clear()
    drop_database(servers[0], name)


@pytest.fixture
def own_empty_database(servers: tuple[str, str], worker_id: str) -> Iterator[str]:
    """The URL of a database without any table."""
    name = f"clinic_empty_{worker_id}"
    yield clone_database(servers[0], "clinic_nothing", name, lambda _url: None)
    drop_database(servers[0], name)
