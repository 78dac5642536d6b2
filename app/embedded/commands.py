"""Single commands on the console's data, and new migrations."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from app.embedded.development_secrets import development_secrets
from app.embedded.errors import StartFailed
from app.embedded.launch import ENVIRONMENT_FILE
from app.embedded.lock import AlreadyRunning
from app.embedded.postgres import forget_client_settings
from app.embedded.servers import open_servers
from app.embedded.settings import ROOT, read_settings

# alembic_version.version_num holds 32 characters.
LONGEST_REVISION = 32


def execute(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Runs it on the data of `make run`: on the running servers, or on ones started for it alone. Its exit code."""
    settings = read_settings(environment)
    if settings.database_url and settings.redis_url:
        return _run(command, {"FLASK_APP": "app"})
    try:
        return _with_servers([command], settings.data_dir, durable=True)
    except AlreadyRunning as running:
        return _run(command, _running_environment(settings.data_dir, running))


def write_migration(purpose: str) -> int:
    """Compares the models with a throw-away database at the newest migration and writes the difference."""
    revision = revision_name(purpose, datetime.now(UTC))
    flask = [sys.executable, "-m", "flask", "db"]
    commands = [[*flask, "upgrade"], [*flask, "revision", "--autogenerate", "--rev-id", revision, "-m", purpose]]
    with tempfile.TemporaryDirectory(prefix="clinic-migration-") as directory:
        Path(directory).chmod(0o711)
        return _with_servers(commands, Path(directory) / "data", durable=False)


def revision_name(purpose: str, day: datetime) -> str:
    """`20261121_add_claims`: the date and the purpose, cut to what Alembic's table holds."""
    words = re.sub(r"[^a-z0-9]+", "_", purpose.lower()).strip("_")
    if not words:
        raise StartFailed('Say what the migration is for in English words: make migration m="add claims"')
    return f"{day:%Y%m%d}_{words}"[:LONGEST_REVISION].rstrip("_")


def _with_servers(commands: Sequence[Sequence[str]], directory: Path, *, durable: bool) -> int:
    forget_client_settings()
    servers = open_servers(directory, durable=durable)
    servers.start()
    try:
        secrets = development_secrets(servers.data.path / "secrets.json")
        own = {"FLASK_APP": "app", "DATA_DIR": str(servers.data.path), **secrets, **servers.environment()}
        for command in commands:
            if code := _run(command, own):
                return code
        return 0
    finally:
        servers.stop()


def _running_environment(directory: Path, running: AlreadyRunning) -> dict[str, str]:
    path = directory / ENVIRONMENT_FILE
    if not path.exists():
        raise running
    kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return kept


def _run(command: Sequence[str], own: Mapping[str, str]) -> int:
    """Ctrl-C goes to the command; we wait for it and clean up."""
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **own},
            check=False,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - we have one thread
        ).returncode
    except OSError as error:
        raise StartFailed(f"{command[0]} cannot be started: {error.strerror}") from None
    finally:
        signal.signal(signal.SIGINT, previous)
