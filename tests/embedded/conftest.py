"""Directories and servers of their own for tests that kill them."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.embedded import places
from app.embedded.postgres import EmbeddedPostgres
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


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first cluster that initdb made is kept, as it was then."""
    return tmp_path_factory.mktemp("cluster") / "postgres"


@pytest.fixture
def start(
    start_anew: Callable[[Path], EmbeddedServers], cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Path], EmbeddedServers]:
    """Starts servers on a data directory; what initdb would make there is a copy, which takes a tenth of the time."""
    initialise = EmbeddedPostgres._initialise

    def lay(postgres: EmbeddedPostgres, programs: Path) -> None:
        if not cluster.exists():
            initialise(postgres, programs)
            copy(postgres.data, cluster)
        else:
            copy(cluster, postgres.data)

    monkeypatch.setattr(EmbeddedPostgres, "_initialise", lay)
    return start_anew


def copy(tree: Path, to: Path) -> None:
    """With its owner."""
    subprocess.run(["cp", "-a", tree, to], check=True)


@pytest.fixture
def start_anew(area: Path) -> Iterator[Callable[[Path], EmbeddedServers]]:
    """Starts servers on a data directory, made by initdb; they are stopped at the end if the test did not."""
    started: list[EmbeddedServers] = []

    def begin(path: Path) -> EmbeddedServers:
        servers = open_servers(path)
        started.append(servers)
        servers.start()
        return servers

    yield begin
    for servers in started:
        servers.stop()
