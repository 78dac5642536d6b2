"""`make run`'s own command with the whole application, without demo data."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.embedded.processes import alive, descendants, eventually

SECRETS = ("SECRET_KEY", "ENCRYPTION_KEYS", "AUDIT_KEY")
NOT_INHERITED = ("APP_ENV", "DATABASE_URL", "REDIS_URL", "PROMETHEUS_MULTIPROC_DIR", *SECRETS)
pytestmark = pytest.mark.slow


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Console:
    """One `python -m app.embedded run` on a data directory."""

    def __init__(self, root: Path, area: Path) -> None:
        self._root = root
        self._printed = area / "printed"
        self.data = area / "data"
        self.port, sandbox, smtp = free_ports(3)
        ports = {"PORT": self.port, "SANDBOX_PORT": sandbox, "SANDBOX_SMTP_PORT": smtp}
        inherited = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
        self.environment = {**inherited, **{name: str(port) for name, port in ports.items()}}
        self.home = area / "home"
        self.home.mkdir()
        self.environment |= {
            "DATA_DIR": str(self.data),
            "DEMO_DATA": "0",
            "WEB_CONCURRENCY": "1",
            "HOME": str(self.home),
        }
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def printed(self) -> str:
        return self._printed.read_text()

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.pid

    def start(self) -> None:
        with self._printed.open("wb") as printed:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app.embedded", "run"],
                cwd=self._root,
                env=self.environment,
                stdout=printed,
                stderr=printed,
            )
        eventually(lambda: "is ready" in self.printed or self.process.poll() is not None, "neither ready nor ended")
        assert self.process.poll() is None, self.printed

    def again(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Another command of the launcher on the same data."""
        words = [sys.executable, "-m", "app.embedded", *command]
        return subprocess.run(
            words, cwd=self._root, env=self.environment, capture_output=True, text=True, check=False, timeout=60
        )

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(60)


@pytest.fixture
def console(project_root: Path, area: Path) -> Iterator[Console]:
    console = Console(project_root, area)
    yield console
    if console.process and console.process.poll() is None:
        console.stop()


def test_it_runs_alone_outlives_its_supervisor_and_leaves_nothing(console: Console) -> None:
    """One life for all that is asked of it: each start takes a dozen seconds."""
    console.start()
    it_runs_and_is_alone(console)
    it_recovers_from_the_death_of_its_supervisor(console)
    it_leaves_nothing(console)


def it_runs_and_is_alone(console: Console) -> None:
    assert requests.get(f"http://127.0.0.1:{console.port}/healthz", timeout=60).status_code == 200
    assert f"http://127.0.0.1:{console.port}" in console.printed
    assert {path.name for path in (console.data / "logs").iterdir()} >= {"postgres.log", "redis.log"}
    assert stat.S_IMODE((console.data / "environment.json").stat().st_mode) == 0o600

    second = console.again("run")
    assert second.returncode == 1
    assert f"already runs on {console.data} (process {console.pid})" in second.stdout

    command = console.again("exec", "--", sys.executable, "-c", "import os; print(os.environ['DATABASE_URL'])")
    published = json.loads((console.data / "environment.json").read_text())
    assert command.stdout.strip() == published["DATABASE_URL"]
    assert published["PORT"] == str(console.port)


def it_recovers_from_the_death_of_its_supervisor(console: Console) -> None:
    started = descendants(console.pid)
    console.stop(signal.SIGKILL)

    console.start()
    assert requests.get(f"http://127.0.0.1:{console.port}/healthz", timeout=60).status_code == 200
    assert "Database brought up to date" not in console.printed
    assert alive(started) == []


def it_leaves_nothing(console: Console) -> None:
    started = descendants(console.pid)
    assert len(started) > 6
    assert console.stop(signal.SIGINT) == 0
    assert alive(started) == []
    assert not (console.data / "environment.json").exists()
    assert list(console.home.iterdir()) == []
