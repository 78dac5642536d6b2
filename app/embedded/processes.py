"""Starting processes that cannot outlive us, and ending them for certain."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

import psutil

from app.embedded.accounts import Account, run_as

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Program:
    """What to run and how to end it: `stop_signal`, then SIGKILL after `grace_seconds`.

    A server's output goes to its log only, and it is ended after everything else.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    directory: Path
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    grace_seconds: float = 8.0
    is_server: bool = False
    log_name: str = ""


def spawn(program: Program, output: int | IO[bytes]) -> subprocess.Popen[bytes]:
    """Starts it in a session of its own (Ctrl-C is ours alone) and bound to our life. Call from the main thread."""
    return subprocess.Popen(
        program.command,
        cwd=program.directory,
        env=dict(program.environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=partial(die_with_parent, os.getpid(), program.stop_signal),  # noqa: PLW1509 - we have one thread
        **run_as(program.account),
    )


def die_with_parent(parent: int, signal_number: int) -> None:
    """Asks the kernel for this signal when our parent dies, even by SIGKILL. Linux only; elsewhere nothing happens."""
    if LIBC is None:
        return
    LIBC.prctl(PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
    if os.getppid() != parent:  # it died before we could ask
        os.kill(os.getpid(), signal_number)


def stop(process: subprocess.Popen[bytes], program: Program) -> None:
    """Ends one process and all of its session; returns when they are gone."""
    stop_all([(process, program)], time.sleep)


def stop_all(
    running: Iterable[tuple[subprocess.Popen[bytes], Program]],
    wait: Callable[[float], object],
    impatient: Callable[[], bool] = lambda: False,
) -> list[str]:
    """Ends several at once; the names of those that had to be killed. `impatient` cuts the grace short."""
    pairs = list(running)
    for process, program in pairs:
        _send(process.pid, program.stop_signal, process)
    deadline = time.monotonic() + max((program.grace_seconds for _, program in pairs), default=0)
    while any(process.poll() is None for process, _ in pairs) and time.monotonic() < deadline and not impatient():
        wait(0.02)
    hung = [program.name for process, program in pairs if process.poll() is None]
    for process, _ in pairs:
        kill_session(process.pid)
        process.wait()
    return hung


def kill_session(leader: int) -> None:
    """SIGKILL to the leader and to everything it started that is still there."""
    for pid in session_members(leader):
        _send(pid, signal.SIGKILL)


def session_members(leader: int) -> list[int]:
    return [pid for pid in psutil.pids() if _session(pid) == leader]


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return -1


def _send(pid: int, signal_number: int, process: subprocess.Popen[bytes] | None = None) -> None:
    if process is None or process.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal_number)


def how_it_ended(code: int) -> str:
    """In words: 'exit code 3' or 'killed by SIGKILL'."""
    if code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return f"killed by {signal.Signals(-code).name}"
    return f"killed by signal {-code}"
