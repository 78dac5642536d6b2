"""Programs of ours as processes that are forked from one which has loaded all modules: most of a start is that.

For tests that start a worker again and again. The program itself runs as it does from a shell: `worker.py` is executed
whole, with its own environment, standard output and signals.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing.context import ForkServerContext
from multiprocessing.reduction import DupFd
from typing import Any

from app import SLICES
from app.core.loader import DECLARATIONS

BOUND_LATE = ("app.wiring", "app.access.edge", "app.access.security", "app.desk.home", "app.extensions", "worker")


class Forked:
    """A process, with the methods of subprocess.Popen that tests use. `output` is a file descriptor."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], output: int) -> None:
        call = (list(command), dict(environment), DupFdLater(output))
        self._process = _context().Process(target=_run, args=call)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """The exit status; fails if there is none by then."""
        self._process.join(timeout)
        assert self.returncode is not None, "it still runs"
        return self.returncode


class DupFdLater:
    """A file descriptor that a process takes along: it is duplicated when the process is about to start."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __reduce__(self) -> Any:
        return _detached, (DupFd(self._number),)


def _detached(handle: Any) -> int:
    number: int = handle.detach()
    return number


@cache
def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    declared = [f"app.{name}.{part}" for name in SLICES for part in DECLARATIONS]
    context.set_forkserver_preload([*declared, *BOUND_LATE])
    return context


def _run(command: list[str], environment: dict[str, str], output: int) -> None:
    """As `python <command>` would: a file, or a module after -m."""
    os.environ.clear()
    os.environ.update(environment)
    for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
        os.dup2(output, number)
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    os.close(output)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    module = command[1] if command[0] == "-m" else ""
    sys.argv = command[1:] if module else command
    try:
        if module:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(command[0], run_name="__main__")
    finally:
        atexit._run_exitfuncs()
