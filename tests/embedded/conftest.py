"""Directories and servers of their own for tests that kill them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.embedded import places
from app.embedded.servers import EmbeddedServers, open_servers


@pytest.fixture
def area() -> Iterator[Path]:
    """A directory with a short path that every account may enter (pytest's own are private and long)."""
    path = Path(tempfile.mkdtemp(prefix="ce-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(autouse=True)
def system_directory(area: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tests leave nothing in /var/lib."""
    path = area / "var"
    monkeypatch.setattr(places, "SYSTEM_DIRECTORY", path)
    return path


@pytest.fixture
def start(area: Path) -> Iterator[Callable[[Path], EmbeddedServers]]:
    """Starts servers on a data directory; they are stopped at the end if the test did not."""
    started: list[EmbeddedServers] = []

    def begin(path: Path) -> EmbeddedServers:
        servers = open_servers(path)
        started.append(servers)
        servers.start()
        return servers

    yield begin
    for servers in started:
        servers.stop()
