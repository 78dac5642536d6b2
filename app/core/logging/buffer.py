"""A bounded buffer between those who log and a slow disk or pipe.

Writers only append to a deque. A thread of its own writes every few seconds; when it cannot keep up, the oldest records
go and are counted. The thread and its locks are native ones even under gevent: a greenlet that waits for a full pipe
would hold up every request of the process.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable
from importlib import import_module
from types import FrameType
from typing import Any

CAPACITY = 10_000
FLUSH_SECONDS = 5.0
BATCH = 500
FULL_PIPE_PAUSE = 0.05

Sink = Callable[[bytes], None]


class DescriptorSink:
    """Writes whole batches to a file descriptor, waiting while a non-blocking one is full."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __call__(self, octets: bytes) -> None:
        left = memoryview(octets)
        while left:
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:
                _native("time", "sleep")(FULL_PIPE_PAUSE)


class BufferedWriter:
    """At most `capacity` lines wait, `interval` seconds at most. `on_drop` hears how many were lost, in the writer's
    own thread."""

    def __init__(
        self,
        sink: Sink,
        *,
        capacity: int = CAPACITY,
        interval: float = FLUSH_SECONDS,
        on_drop: Callable[[int], None] = lambda count: None,
    ) -> None:
        self._sink = sink
        self._interval = interval
        self._on_drop = on_drop
        self._lines: deque[bytes] = deque(maxlen=capacity)
        self._lost = 0
        self._closed = False
        self._start_over()
        os.register_at_fork(after_in_child=_weakly(self._after_fork))
        atexit.register(_weakly(self.close))

    def write(self, line: bytes, *, urgent: bool = False, direct: bool = False) -> None:
        """Take one line. `urgent` wakes the thread at once, `direct` writes before it returns."""
        if len(self._lines) == self._lines.maxlen:
            self._lost += 1
        self._lines.append(line)
        self._report_lost()
        if direct:
            self.flush(timeout=1)
        elif not self._started:
            self._start()
        if urgent:
            self._wake_up()

    def flush(self, timeout: float = 2) -> bool:
        """Write what waits; False if another thread holds the sink for longer than `timeout` seconds."""
        if not self._writing.acquire(True, timeout):
            return False
        try:
            while self._lines:
                self._write_batch()
        finally:
            self._writing.release()
        return True

    def close(self) -> None:
        """Write what waits and end the thread."""
        self._closed = True
        self.flush()
        self._wake_up()

    @property
    def waiting(self) -> int:
        """How many lines wait."""
        return len(self._lines)

    def _write_batch(self) -> None:
        batch: list[bytes] = []
        try:
            while len(batch) < BATCH:
                batch.append(self._lines.popleft())
        except IndexError:
            pass
        try:
            self._sink(b"".join(batch))
        except OSError:
            self._lost += len(batch)  # a closed pipe or a full disk: there is nowhere to complain

    def _report_lost(self) -> None:
        if self._lost:
            lost, self._lost = self._lost, 0
            self._on_drop(lost)

    def _start_over(self) -> None:
        allocate = _native("_thread", "allocate_lock")
        self._writing = allocate()
        self._wake = allocate()
        self._wake.acquire()
        self._started = False

    def _start(self) -> None:
        self._started = True
        _native("_thread", "start_new_thread")(self._pump, (self._wake,))

    def _pump(self, wake: Any) -> None:
        while not self._closed:
            wake.acquire(True, self._interval)
            self.flush()

    def _wake_up(self) -> None:
        try:
            self._wake.release()
        except RuntimeError:
            return  # it is awake already

    def _after_fork(self) -> None:
        """A child has no thread yet, and the lines that waited are its parent's to write."""
        self._lines.clear()
        self._start_over()


class _Termination:
    """The handler of SIGTERM: writes what waits, then does what would have been done without it."""

    def __init__(self, writer: BufferedWriter, before: Any) -> None:
        self.writer = writer
        self._before = before

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.writer.flush(timeout=1)
        if callable(self._before):
            self._before(number, frame)
            return
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def flush_on_termination(writer: BufferedWriter) -> None:
    """Write before SIGTERM ends the process; whoever handled the signal before still does."""
    if threading.current_thread() is not threading.main_thread():
        return
    before = signal.getsignal(signal.SIGTERM)
    if isinstance(before, _Termination):
        before.writer = writer
    elif before is not signal.SIG_IGN and before is not None:
        signal.signal(signal.SIGTERM, _Termination(writer, before))


def _native(module: str, name: str) -> Any:
    """A function as it was before gevent replaced it."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey.get_original(module, name) if monkey else getattr(import_module(module), name)


def _weakly(method: Callable[[], None]) -> Callable[[], None]:
    """A callback that does not keep its writer alive."""
    reference = weakref.WeakMethod(method)

    def call() -> None:
        target = reference()
        if target is not None:
            target()

    return call
