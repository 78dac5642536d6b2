"""The processes of a running console."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from app.embedded.processes import Program
from app.embedded.settings import ROOT, LaunchSettings

PRIVATE = ("SECRET_KEY", "ENCRYPTION_KEYS", "AUDIT_KEY", "DATABASE_URL", "REDIS_URL")


def web(settings: LaunchSettings, environment: Mapping[str, str]) -> Program:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    command = (
        "-m",
        "gunicorn",
        "--bind",
        f"{host}:{settings.port}",
        "--config",
        "gunicorn.conf.py",
        "app:create_app()",
    )
    return _python("web", command, environment)


def workers(environment: Mapping[str, str]) -> list[Program]:
    """One for short jobs, inside its process, and one that forks for the heavy ones."""
    return [
        _python("worker", ("worker.py", "work"), environment),
        _python("worker", ("worker.py", "work", "--forking"), environment, log="worker-heavy"),
    ]


def cron(environment: Mapping[str, str]) -> Program:
    return _python("cron", ("worker.py", "cron"), environment)


def sandbox(environment: Mapping[str, str]) -> Program:
    """Gets no secret of the console's and no database: it plays the outside world."""
    outside = {name: value for name, value in environment.items() if name not in PRIVATE}
    return _python("sandbox", ("-m", "app.sandbox"), outside)


def migration(environment: Mapping[str, str]) -> Program:
    return _python("migrate", ("-m", "flask", "db", "upgrade"), environment)


def demo_data(environment: Mapping[str, str]) -> Program:
    return _python("demo", ("-m", "flask", "demo", "load"), environment)


def demo_connection(environment: Mapping[str, str]) -> Program:
    return _python("demo", ("-m", "flask", "demo", "connect"), environment)


def _python(name: str, arguments: tuple[str, ...], environment: Mapping[str, str], log: str = "") -> Program:
    return Program(
        name=name,
        command=(sys.executable, *arguments),
        environment=environment,
        directory=ROOT,
        log_name=log,
    )
