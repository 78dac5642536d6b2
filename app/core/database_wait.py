"""How a greenlet waits for the database: by one watcher of gevent's loop.

Under gevent psycopg falls back on `select.poll`, which gevent builds anew from events and switches for each wait: a
third of what a small statement costs (20 of 60 µs).
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from typing import Any, cast

from psycopg import waiting


def use_greenlets() -> None:
    """Where gevent has replaced what blocks, wait by its loop; elsewhere psycopg's own C code is best."""
    monkey: Any = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("select"):
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
    from gevent import get_hub

    hub = get_hub()
    try:
        wanted = next(steps)
        while True:
            watcher = hub.loop.io(descriptor, wanted)
            try:
                hub.wait(watcher)
            finally:
                watcher.close()
            wanted = steps.send(wanted)
    except StopIteration as end:
        return end.value
