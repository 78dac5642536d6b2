"""One supervisor per data directory: a second Redis on the same files would steal the first one's socket."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from app.embedded.errors import StartFailed


class AlreadyRunning(StartFailed):
    """Another process holds the directory."""


def hold_lock(directory: Path) -> TextIO:
    """Locks the directory until the returned file is closed or the process ends. Raises AlreadyRunning."""
    handle = (directory / "lock").open("a+", encoding="utf-8")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise AlreadyRunning(_explain(handle, directory)) from None
    handle.truncate(0)
    handle.write(str(os.getpid()))
    handle.flush()
    return handle


def _explain(handle: TextIO, directory: Path) -> str:
    handle.seek(0)
    with suppress(OSError, ValueError), handle:
        process = int(handle.read())
        return (
            f"Clinic Console already runs on {directory} (process {process}). "
            "Stop it first, or take another directory and ports: DATA_DIR=.data2 PORT=8010 SANDBOX_PORT=8011 make run"
        )
    return f"Another process holds {directory}. Stop it first."
