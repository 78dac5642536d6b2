"""One embedded PostgreSQL and one Redis per test run, shared by all its xdist workers.

    servers = start_servers(root)        # root: tmp_path_factory.getbasetemp(), under xdist its parent
    url = clone_database(servers.database_url, "template", f"test_{worker_id}", migrate)

The first caller starts them, the others wait. They belong to a process of their own that ends with the run however that
ends: passed, Ctrl-C or `kill -9`. Their files lie in memory (/dev/shm) where it is large enough and are removed at the
end. CLINIC_TEST_DATABASE_URL and CLINIC_TEST_REDIS_URL, both set, name servers to be used instead.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

ROOT = Path(__file__).resolve().parents[1]
MEMORY = Path("/dev/shm")
ENOUGH_MEMORY_BYTES = 3_000_000_000
START_SECONDS = 60
STOP_SECONDS = 30
TEMPLATE_LOCK = 5150

# Kept, so that a worker that ends first does not complain about a child that still runs.
_holders: list[subprocess.Popen[bytes]] = []


class Servers(NamedTuple):
    """URLs as the settings take them. `stop()` waits for the end, except in an xdist worker: others may need them."""

    database_url: str
    redis_url: str
    stop: Callable[[], None]


def start_servers(tmp: Path) -> Servers:
    """The servers of this run, once they answer. `tmp` is a directory that its processes share."""
    own = os.environ.get("CLINIC_TEST_DATABASE_URL"), os.environ.get("CLINIC_TEST_REDIS_URL")
    if own[0] and own[1]:
        return Servers(own[0], own[1], lambda: None)
    with _one_at_a_time(tmp / "servers.lock"):
        pointer = tmp / "servers"
        if not pointer.exists():
            pointer.write_text(str(_start_holder()))
        directory = Path(pointer.read_text())
    state = _wait_for_state(directory)
    return Servers(state["DATABASE_URL"], state["REDIS_URL"].partition("?")[0], lambda: _stop(tmp))


def clone_database(server: str, template: str, name: str, migrate: Callable[[str], None]) -> str:
    """The URL of a new database `name` equal to `template`, which `migrate(url)` prepares once for all workers."""
    with _connection(server) as lock:
        lock.execute("select pg_advisory_lock(%s)", (TEMPLATE_LOCK,))
        if not _exists(server, template):
            unfinished = f"{template}_unfinished"
            _administer(server, "drop database if exists {} with (force)", unfinished)
            _administer(server, "create database {} template template0", unfinished)
            migrate(_url(server, unfinished))
            _administer(server, "alter database {} rename to {}", unfinished, template)
        drop_database(server, name)
        _administer(server, "create database {} template {} strategy file_copy", name, template)
    return _url(server, name)


def drop_database(server: str, name: str) -> None:
    """Whoever is connected is thrown out."""
    _administer(server, "drop database if exists {} with (force)", name)


def _start_holder() -> Path:
    """Where the servers of the run lie, and the process that ends them when pytest (our parent under xdist) ends."""
    place = MEMORY if _is_large(MEMORY) else None
    directory = Path(tempfile.mkdtemp(prefix="clinic-test-", dir=place))
    directory.chmod(0o711)
    owner = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    command = [sys.executable, "-m", "app.embedded", "serve", str(directory), str(owner)]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    _holders.append(process)
    return directory


def _is_large(path: Path) -> bool:
    """A container's own /dev/shm is often tiny."""
    return path.is_dir() and os.access(path, os.W_OK) and shutil.disk_usage(path).free > ENOUGH_MEMORY_BYTES


def _wait_for_state(directory: Path) -> dict[str, str]:
    deadline = time.monotonic() + START_SECONDS
    path = directory / "servers.json"
    while not path.exists():
        if time.monotonic() > deadline:
            raise RuntimeError(f"The servers did not start: {(directory / 'log').read_text()}")
        time.sleep(0.02)
    state: dict[str, str] = json.loads(path.read_text())
    if "error" in state:
        raise RuntimeError(state["error"])
    return state


def _stop(tmp: Path) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    (tmp / "servers").unlink(missing_ok=True)
    while _holders:
        process = _holders.pop()
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)
        process.wait(STOP_SECONDS)


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _url(server: str, database: str) -> str:
    return make_url(server).set(database=database).render_as_string(hide_password=False)


def _exists(server: str, name: str) -> bool:
    with _connection(server) as connection:
        return connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone() is not None


def _administer(server: str, statement: str, *names: str) -> None:
    with _connection(server) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))  # type: ignore[arg-type]


def _connection(server: str) -> psycopg.Connection:
    plain = _url(server, "postgres").replace("postgresql+psycopg://", "postgresql://", 1)
    return psycopg.connect(plain, autocommit=True)
