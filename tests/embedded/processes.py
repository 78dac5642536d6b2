"""Looking at and waiting for real processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import psutil

PATIENCE_SECONDS = 120.0


def eventually(condition: Callable[[], bool], what: str) -> None:
    """Fails with `what` if the condition does not come true in good time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """A zombie is not: in a container it may wait for its parent for ever."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def descendants(pid: int) -> dict[int, str]:
    """Process id and command line of everything below."""
    found = {}
    for process in psutil.Process(pid).children(recursive=True):
        try:
            found[process.pid] = " ".join(process.cmdline())
        except psutil.Error:
            continue
    return found


def alive(pids: Iterable[int]) -> list[int]:
    return [pid for pid in pids if is_alive(pid)]
