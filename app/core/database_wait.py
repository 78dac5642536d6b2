"""How a greenlet waits for the database: by one watcher of gevent's loop.

Under gevent psycopg falls back on `select.poll`, which gevent builds anew from events and switches for each wait: a
third of what a small statement costs (20 of 60 µs).
"""

from __future__ import annotations

from collections.abc import Generator
from functools import cache
from select import POLLOUT
from typing import Any, cast

from psycopg import waiting
from psycopg.waiting import Ready

from app.core.greenlets import uses_greenlets


def use_greenlets() -> None:
    """Where gevent has replaced what blocks, wait by its loop; elsewhere psycopg's own C code is best."""
    if uses_greenlets():
        waiting.wait = cast("waiting.WaitFunc", wait_in_greenlet)


def wait_in_greenlet(
    steps: Generator[Any, Any, Any], descriptor: int, interval: float = 0.0, timeout: float | None = None
) -> Any:
    """Drive psycopg's generator, giving the processor to other greenlets while the socket is not ready.

    The numbers of psycopg's `Wait` are those of the loop's events. A server that goes away makes the socket ready.
    With a `timeout` (psycopg's, when it cancels or closes) its own function does it.
    """
    if timeout is not None:
        return waiting.wait_poll(steps, descriptor, interval, timeout)
    hub = _finds_hub()()
    try:
        wanted = next(steps)
        while True:
            if wanted & Ready.W and _can_write(descriptor):
                wanted = steps.send(Ready.W)
                continue
            watcher = hub.loop.io(descriptor, wanted)
            try:
                hub.wait(watcher)
            finally:
                watcher.close()
            wanted = steps.send(wanted)
    except StopIteration as end:
        return end.value


def _can_write(descriptor: int) -> bool:
    """Almost always: a pipeline asks before each of its messages, and would give the processor away for each."""
    poll = _poll()()
    poll.register(descriptor, POLLOUT)
    return bool(poll.poll(0))


@cache
def _finds_hub() -> Any:
    from gevent import get_hub

    return get_hub


@cache
def _poll() -> Any:
    """The system's own: gevent's switches to other greenlets."""
    from gevent.monkey import get_original

    return get_original("select", "poll")
