"""What must hold before anything starts, each failure in one line that says what to change."""

from __future__ import annotations

import errno
import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from urllib.parse import unquote, urlsplit

import psycopg
import redis

from app.embedded.errors import StartFailed
from app.embedded.settings import ROOT, LaunchSettings

CONNECT_SECONDS = 5
DATABASE_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")
CHECK_SETTINGS = """
import sys, config
try:
    config.get_settings()
except config.MissingSetting as error:
    sys.exit(" ".join(str(error).split()))
"""
REDIS_SCHEMES = ("redis", "rediss", "unix")


def check_ports(settings: LaunchSettings) -> None:
    """Raises StartFailed naming the first port that is taken, and the variable that moves it."""
    check_port(settings.host, settings.port, "PORT")
    check_port("127.0.0.1", settings.sandbox_port, "SANDBOX_PORT")
    check_port("127.0.0.1", settings.sandbox_smtp_port, "SANDBOX_SMTP_PORT")


def check_port(host: str, port: int, variable: str) -> None:
    """Binds it for a moment."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with closing(socket.socket(family, kind, protocol)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror:
        raise StartFailed(f"HOST={host} is no address of this machine.") from None
    except OSError as error:
        raise StartFailed(_explain_port(error, host, port, variable)) from None


def _explain_port(error: OSError, host: str, port: int, variable: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} is taken by another program. Stop that one, or choose another port: "
            f"{variable}={port + 10 if port < 65000 else port - 10} make run"
        )
    if error.errno == errno.EACCES:
        return f"Port {port} needs administrator rights. Choose another: {variable}={8000 + port % 1000} make run"
    return f"Port {port} on {host} cannot be used: {error.strerror} (set by {variable} and HOST)."


def database_url_for_sqlalchemy(url: str) -> str:
    """The URL with the driver named. Raises StartFailed for another kind of database."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in DATABASE_SCHEMES:
        raise StartFailed(
            "DATABASE_URL is wrong: it must start with postgresql://, for instance "
            "postgresql://user:password@127.0.0.1:5432/clinic (PostgreSQL is the only database)."
        )
    return f"postgresql+psycopg://{rest}"


def check_app_settings(environment: Mapping[str, str]) -> None:
    """Asks config.py, in a process of its own. Raises StartFailed with its words."""
    command = [sys.executable, "-c", CHECK_SETTINGS]
    done = subprocess.run(command, cwd=ROOT, env=dict(environment), check=False, capture_output=True, text=True)
    if done.returncode:
        raise StartFailed((done.stderr.strip().splitlines() or ["config.py refuses the environment."])[-1])


def check_database(url: str) -> None:
    """Connects once. Raises StartFailed without the password."""
    plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
    try:
        with psycopg.connect(plain, connect_timeout=CONNECT_SECONDS) as connection:
            connection.execute("select 1")
    except psycopg.ProgrammingError:
        raise StartFailed(
            "DATABASE_URL is wrong: it cannot be read. Is a special character of the password unquoted?"
        ) from None
    except psycopg.Error as error:
        raise StartFailed(f"DATABASE_URL is wrong: {_first_reason(str(error), url)}") from None


def check_redis(url: str) -> None:
    """Pings once. Raises StartFailed without the password."""
    if url.partition("://")[0] not in REDIS_SCHEMES:
        raise StartFailed("REDIS_URL is wrong: it must start with redis://, rediss:// or unix://.")
    try:
        with redis.from_url(url, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=CONNECT_SECONDS) as client:
            client.ping()
    except (redis.RedisError, OSError, ValueError) as error:
        raise StartFailed(f"REDIS_URL is wrong: {_first_reason(str(error), url)}") from None


def _first_reason(text: str, url: str) -> str:
    """The last part of a driver's message (it names host and user first), without anything secret of the URL."""
    line = re.sub(r"^.*?(connection to server|connection failed:)", r"\1", text.strip().splitlines()[0]) if text else ""
    return without_secrets(line or "no connection", url)


def without_secrets(text: str, url: str) -> str:
    """The text with the URL and its password, quoted or not, blotted out."""
    parts = urlsplit(url)
    credentials = parts.netloc.rpartition("@")[0]
    password = credentials.partition(":")[2]
    for secret in sorted({url, credentials, password, unquote(password)} - {""}, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text
