"""Finding and ending what a supervisor that was killed left behind."""

from __future__ import annotations

import signal
import time
from contextlib import suppress

import psutil

from app.embedded.places import DataDirectory

MARK = "CLINIC_CONSOLE_DATA_KEY"
PATIENCE_SECONDS = 5.0


def mark(data: DataDirectory) -> dict[str, str]:
    """The environment variable by which a process of this data directory is known again."""
    return {MARK: data.key}


def end_leftovers(data: DataDirectory) -> list[str]:
    """Ends every process that was started on this data directory; the names of those found. Hold the lock first."""
    found = [process for process in psutil.process_iter(["name"]) if _has_mark(process, data.key)]
    for process in found:
        _send(process, signal.SIGINT if process.info["name"] == "postgres" else signal.SIGTERM)
    for process in _wait(found):
        _send(process, signal.SIGKILL)
    _wait(found)
    return sorted({process.info["name"] for process in found})


def _wait(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those still alive after our patience. A zombie counts as gone: in a container nobody may ever reap it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (alive := [process for process in processes if _is_alive(process)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return alive


def _is_alive(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _has_mark(process: psutil.Process, key: str) -> bool:
    with suppress(psutil.Error, OSError):
        return process.environ().get(MARK) == key
    return False


def _send(process: psutil.Process, signal_number: signal.Signals) -> None:
    with suppress(psutil.Error):
        process.send_signal(signal_number)
