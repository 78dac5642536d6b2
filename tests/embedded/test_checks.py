from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.embedded import checks
from app.embedded.development_secrets import development_secrets
from app.embedded.errors import StartFailed
from app.embedded.places import open_data_directory
from app.embedded.servers import EmbeddedServers
from app.embedded.settings import read_settings

PASSWORD = "s3cret/with:signs"
QUOTED = "s3cret%2Fwith%3Asigns"


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("variable", ["PORT", "SANDBOX_PORT", "SANDBOX_SMTP_PORT"])
def test_a_taken_port_is_named_with_its_variable(variable: str, taken_port: int) -> None:
    with pytest.raises(StartFailed, match=rf"Port {taken_port} is taken .* {variable}=\d+ make run"):
        checks.check_port("127.0.0.1", taken_port, variable)


@pytest.mark.parametrize("text", ["http", "-1", "0", "65536", "80.5", "८०००"])
def test_a_port_that_is_none_is_named(text: str) -> None:
    with pytest.raises(StartFailed, match="PORT=.* is no port"):
        read_settings({"PORT": text})


def test_two_ports_must_differ() -> None:
    with pytest.raises(StartFailed, match="PORT and SANDBOX_PORT are both 8001"):
        read_settings({"PORT": "8001"})


def test_the_defaults_are_those_that_outsiders_rely_on() -> None:
    settings = read_settings({})
    assert (settings.port, settings.sandbox_port, settings.data_dir.name) == (8000, 8001, ".data")
    assert (settings.address, settings.demo_data) == ("http://127.0.0.1:8000", True)
    assert not read_settings({"DEMO_DATA": "0"}).demo_data


@pytest.mark.parametrize("name", ["file", "file/data"])
def test_a_directory_that_cannot_be_made_is_named(area: Path, name: str) -> None:
    (area / "file").write_text("")
    with pytest.raises(StartFailed, match=rf"DATA_DIR .*/{name} cannot be written: a file is in its way"):
        open_data_directory(area / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_is_read_only_is_named(area: Path) -> None:
    (area / "data").mkdir(mode=0o500)
    with pytest.raises(StartFailed, match=r"DATA_DIR .*/data cannot be written: Permission denied"):
        open_data_directory(area / "data")


@pytest.mark.parametrize("url", ["mysql://root@localhost/clinic", "clinic", "sqlite:///clinic.db"])
def test_only_postgresql_urls_are_taken(url: str) -> None:
    with pytest.raises(StartFailed, match="DATABASE_URL is wrong: it must start with postgresql://"):
        checks.database_url_for_sqlalchemy(url)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_names_the_driver(scheme: str) -> None:
    assert checks.database_url_for_sqlalchemy(f"{scheme}://host/clinic") == "postgresql+psycopg://host/clinic"


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+psycopg://user:{QUOTED}@127.0.0.1:1/clinic",
        f"postgresql+psycopg://user:{PASSWORD}@127.0.0.1:1/clinic",
        f"postgresql+psycopg://user:{QUOTED}@127.0.0.1:1/clinic?unheard_of=1",
    ],
)
def test_a_database_that_does_not_answer_is_told_without_the_password(url: str) -> None:
    with pytest.raises(StartFailed, match="DATABASE_URL is wrong: ") as caught:
        checks.check_database(url)
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_database_is_named(area: Path, start: Callable[[Path], EmbeddedServers]) -> None:
    servers = start(area / "data")
    with pytest.raises(StartFailed, match='DATABASE_URL is wrong: .*database "absent" does not exist'):
        checks.check_database(servers.postgres.url("absent"))
    checks.check_database(servers.postgres.url())
    checks.check_redis(servers.redis.url())


@pytest.mark.parametrize("url", [f"redis://:{QUOTED}@127.0.0.1:1/0", "127.0.0.1:6379", "redis://127.0.0.1:port/0"])
def test_a_redis_that_does_not_answer_is_told_without_the_password(url: str) -> None:
    with pytest.raises(StartFailed, match="REDIS_URL is wrong: ") as caught:
        checks.check_redis(url)
    assert "s3cret" not in str(caught.value)


def test_the_app_s_settings_are_checked_before_anything_starts() -> None:
    with pytest.raises(StartFailed, match="SECRET_KEY"):
        checks.check_app_settings({**os.environ, "APP_ENV": "production"})


def test_secrets_are_made_once_and_are_private(area: Path) -> None:
    made = development_secrets(area / "secrets.json")
    assert development_secrets(area / "secrets.json") == made
    assert development_secrets(area / "others.json") != made
    assert stat.S_IMODE((area / "secrets.json").stat().st_mode) == 0o600
    assert set(made) == {"SECRET_KEY", "ENCRYPTION_KEYS", "AUDIT_KEY"}


def test_failures_are_one_line_and_no_traceback(project_root: Path, taken_port: int, area: Path) -> None:
    environment = {**os.environ, "PORT": str(taken_port), "DATA_DIR": str(area / "data")}
    for name in ("DATABASE_URL", "REDIS_URL", "APP_ENV"):
        environment.pop(name, None)
    command = [sys.executable, "-m", "app.embedded", "run"]
    done = subprocess.run(command, cwd=project_root, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert f"✗ Port {taken_port} is taken by another program." in done.stdout
