"""Servers for one test run, shared by its processes. They end with their owner, however it ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path
from types import FrameType

import psutil

from app.embedded.development_secrets import write_private_file
from app.embedded.errors import StartFailed
from app.embedded.servers import EmbeddedServers, open_servers

STATE_FILE = "servers.json"
LOOK_SECONDS = 0.2


class _Stop(BaseException):
    """SIGTERM or SIGINT."""


def serve(directory: Path, owner: int) -> int:
    """Starts the servers in `directory`, writes their URLs to servers.json, and removes everything at the end."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _raise_stop)
    servers: EmbeddedServers | None = None
    try:
        servers = open_servers(directory / "data", durable=False)
        servers.start()
        _write_state(directory, servers.environment())
        _wait_for_end_of(owner)
    except StartFailed as failure:
        _write_state(directory, {"error": str(failure)})
        raise
    except _Stop:
        pass
    finally:
        if servers:
            servers.stop()
            shutil.rmtree(servers.home.path, ignore_errors=True)
        shutil.rmtree(directory, ignore_errors=True)
    return 0


def _raise_stop(_number: int, _frame: FrameType | None) -> None:
    raise _Stop


def _write_state(directory: Path, state: dict[str, str]) -> None:
    write_private_file(directory / STATE_FILE, json.dumps({**state, "pid": os.getpid()}))


def _wait_for_end_of(owner: int) -> None:
    """Polls: a process that is not our parent cannot be waited for."""
    while psutil.pid_exists(owner) and psutil.Process(owner).status() != psutil.STATUS_ZOMBIE:
        time.sleep(LOOK_SECONDS)
