"""What greenlets hand on together: while one lot is on its way, what comes waits and goes with the next."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from app.core.greenlets import uses_greenlets

T = TypeVar("T")


class Batches(Generic[T]):
    """Sends on what it is given, in that order.

    Where requests are greenlets nobody waits for it: a process that is killed may keep it to itself, so that it may
    only be news of what the database holds. Elsewhere it is sent at once. `send` must deal with its own failures.
    """

    def __init__(self, send: Callable[[list[T]], None]) -> None:
        self._send = send
        self._waiting: list[T] = []
        self._sending = False

    def add(self, items: Iterable[T]) -> None:
        if not uses_greenlets():
            self._send(list(items))
            return
        self._waiting += items
        if not self._sending:
            self._sending = True
            self._begin()

    def _begin(self) -> None:
        import gevent

        gevent.spawn(self._send_all)

    def _send_all(self) -> None:
        try:
            while self._waiting:
                lot, self._waiting = self._waiting, []
                self._send(lot)
        finally:
            self._sending = False
