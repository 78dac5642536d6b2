from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from tests.embedded.processes import descendants, eventually, is_alive
from tests.embedded_servers import Servers, _wait_for_state, clone_database, drop_database


@pytest.fixture
def owner() -> Iterator[subprocess.Popen[bytes]]:
    """Stands for pytest."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def holder(owner: subprocess.Popen[bytes], project_root: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    directory = Path(tempfile.mkdtemp(prefix="ce-"))
    directory.chmod(0o711)
    command = [sys.executable, "-m", "app.embedded", "serve", str(directory), str(owner.pid)]
    process = subprocess.Popen(command, cwd=project_root)
    yield process, directory
    process.terminate()
    process.wait(30)


def connect(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", "", 1), autocommit=True)


def test_a_template_is_prepared_once_and_cloned(servers: Servers, worker_id: str) -> None:
    """On the run's own server, where the names are this test's alone."""
    server, template, one, two = servers[0], *(f"throwaway_{name}_{worker_id}" for name in ("template", "one", "two"))
    prepared = []

    def migrate(url: str) -> None:
        prepared.append(url)
        with connect(url) as connection:
            connection.execute("create table clinic (id int)")

    urls = [clone_database(server, template, name, migrate) for name in (one, two)]

    with connect(urls[0]) as first, connect(urls[1]) as second:
        first.execute("insert into clinic values (1)")
        assert second.execute("select count(*) from clinic").fetchone() == (0,)
    assert len(prepared) == 1
    for name in (one, two, template):
        drop_database(server, name)
    with pytest.raises(psycopg.OperationalError, match=f'database "{one}" does not exist'):
        connect(urls[0])


def test_everything_is_gone_after_its_end(holder: tuple[subprocess.Popen[bytes], Path]) -> None:
    process, directory = holder
    state = _wait_for_state(directory)
    with redis.from_url(state["REDIS_URL"]) as client:
        assert client.ping()
    servers = descendants(process.pid)
    assert len(servers) > 2
    process.terminate()
    assert process.wait(30) == 0
    assert not directory.exists()
    for pid in servers:
        eventually(lambda pid=pid: not is_alive(pid), servers[pid])


def test_it_ends_when_its_owner_is_killed(
    holder: tuple[subprocess.Popen[bytes], Path], owner: subprocess.Popen[bytes]
) -> None:
    process, directory = holder
    _wait_for_state(directory)
    owner.kill()
    assert process.wait(30) == 0
    assert not directory.exists()


def test_the_run_s_own_servers_answer(servers: Servers) -> None:
    with connect(servers[0]) as connection:
        assert connection.execute("show fsync").fetchone() == ("off",) or "CLINIC_TEST_DATABASE_URL" in os.environ
