"""Keeps children running in one thread: reads their output, restarts them, ends them all."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from app.embedded.children import Child
from app.embedded.console import Console
from app.embedded.errors import StartFailed
from app.embedded.processes import Program, how_it_ended, stop_all

LONGEST_WAIT_SECONDS = 1.0
SAME_SIGNAL_SECONDS = 1.0
CRASHES_TO_GIVE_UP = 3


class StopRequested(Exception):
    """Ctrl-C, SIGTERM or a terminal that went away."""


class Supervisor:
    """Everything happens in `pump()`, also while something else is waited for. Use from the main thread only."""

    def __init__(self, console: Console, logs: Path) -> None:
        self.console = console
        self.logs = logs
        self.children: list[Child] = []
        self._stop_asked_at: float | None = None
        self._impatient = False
        self._selector = selectors.DefaultSelector()
        self._listen_to_signals()

    def start(self, program: Program) -> Child:
        """Starts it for good: it is started again whenever it ends."""
        child = Child(program, self._log_path(program))
        self.children.append(child)
        self._start(child)
        return child

    def run_once(self, program: Program) -> Child:
        """Runs a command to its end, its output shown. Raises StartFailed with its last words."""
        child = Child(program, self._log_path(program))
        self._start(child)
        try:
            while child.is_running:
                self.pump(LONGEST_WAIT_SECONDS)
        finally:
            self._end([child])
            self._read_rest(child)
            child.close_log()
        if child.process is None or child.process.returncode:
            command = " ".join(program.command[1:]).removeprefix("-m ")
            raise StartFailed(f"'{command}' failed: {child.last_words} (see {child.log_path})")
        return child

    def wait_until(self, condition: Callable[[], bool], seconds: float, children: Sequence[Child]) -> None:
        """Pumps till the condition holds. Raises StartFailed when time is up or one of the children keeps crashing."""
        if not self.wait_for(condition, seconds, children):
            names = ", ".join(child.program.name for child in children)
            raise StartFailed(f"{names} did not answer within {seconds:.0f} s (see {self.logs})")

    def wait_for(self, condition: Callable[[], bool], seconds: float, children: Sequence[Child]) -> bool:
        """The same for a condition that may be missed: false when time is up."""
        deadline = time.monotonic() + seconds
        while not condition():
            for child in children:
                if child.failures >= CRASHES_TO_GIVE_UP:
                    raise StartFailed(f"{child.program.name} does not start: {child.last_words} (see {child.log_path})")
            if time.monotonic() > deadline:
                return False
            self.pump(0.05)
        return True

    def run(self) -> NoReturn:
        """Supervises until StopRequested is raised."""
        while True:
            self.pump(LONGEST_WAIT_SECONDS)

    def pump(self, seconds: float) -> None:
        """Waits up to `seconds` for output, an end or a signal, and deals with it. Raises StopRequested."""
        self._drain(self._time_to_next_restart(seconds))
        if self._stop_asked_at is not None:
            raise StopRequested
        self._look_after_children()

    def stop(self) -> None:
        """Ends everything: the processes of the app together, then the servers, the last started first."""
        servers = [child for child in self.children if child.program.is_server]
        self._end([child for child in self.children if child not in servers])
        for server in reversed(servers):
            self._end([server])
        for child in self.children:
            self._read_rest(child)
            child.close_log()

    def _log_path(self, program: Program) -> Path:
        return self.logs / f"{program.log_name or program.name}.log"

    def _end(self, children: list[Child]) -> None:
        running = [(child.process, child.program) for child in children if child.process and child.is_running]
        for name in stop_all(running, self._drain, lambda: self._impatient):
            self.console.warn(f"{name} did not stop by itself and was killed")

    def _drain(self, seconds: float) -> None:
        """Reads what the children say; nothing else."""
        for key, _ in self._selector.select(seconds):
            if isinstance(key.data, Child):
                self._read(key.data)
            else:
                self._empty_wakeups()

    def _start(self, child: Child) -> None:
        try:
            self._selector.register(child.start(), selectors.EVENT_READ, child)
        except OSError as error:
            raise StartFailed(f"{child.program.name} cannot be started: {error}") from None

    def _read(self, child: Child) -> bool:
        """Whether there was anything."""
        lines, ended = child.read_lines()
        if not child.program.is_server:
            for line in lines:
                self.console.line_of(child.program.name, line)
        if ended:
            self._forget_output(child)
        return bool(lines)

    def _read_rest(self, child: Child) -> None:
        """What it said last, without waiting for the end: grandchildren may hold the pipe open."""
        while child.output >= 0 and self._read(child):
            pass
        self._forget_output(child)

    def _forget_output(self, child: Child) -> None:
        if child.output >= 0:
            self._selector.unregister(child.output)
            child.close_output()

    def _look_after_children(self) -> None:
        for child in self.children:
            if child.is_running:
                continue
            if child.restart_at is None:
                self._note_crash(child)
            elif time.monotonic() >= child.restart_at:
                self._start(child)

    def _note_crash(self, child: Child) -> None:
        self._read_rest(child)
        ended = how_it_ended(child.process.returncode) if child.process else "not started"
        delay = child.plan_restart()
        self.console.warn(f"{child.program.name} ended ({ended}); starting it again in {delay:g} s")

    def _time_to_next_restart(self, seconds: float) -> float:
        now = time.monotonic()
        due = [child.restart_at - now for child in self.children if child.restart_at is not None]
        return max(0.0, min([seconds, *due]))

    def _listen_to_signals(self) -> None:
        """Signals wake the selector. SIGHUP stays ignored under nohup."""
        self._wakeups, writing = socket.socketpair()
        self._wakeups.setblocking(False)
        writing.setblocking(False)
        self._writing = writing
        signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        self._selector.register(self._wakeups, selectors.EVENT_READ, None)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._note_stop)

    def _note_stop(self, number: int, _frame: FrameType | None) -> None:
        """A second Ctrl-C cuts the grace short. One that comes at once is the same one by another way (make, shell)."""
        now = time.monotonic()
        if self._stop_asked_at is None:
            self._stop_asked_at = now
        elif number == signal.SIGINT and now - self._stop_asked_at > SAME_SIGNAL_SECONDS:
            self._impatient = True

    def _empty_wakeups(self) -> None:
        with suppress(BlockingIOError):
            while os.read(self._wakeups.fileno(), 4096):
                pass
