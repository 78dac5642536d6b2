"""Waiting for what another thread or process does."""

from __future__ import annotations

import time
from collections.abc import Callable

SHORTEST_PAUSE, LONGEST_PAUSE = 0.01, 0.2


def wait_until(met: Callable[[], bool], seconds: float = 60) -> None:
    """Poll; fail the test when the condition does not come true.

    A look that takes long is taken less often, and so is each after a long wait: to ask a server for its state all the
    time would take it the time that it needs to get there.
    """
    began = looked = time.monotonic()
    while not met():
        now = time.monotonic()
        assert now < began + seconds, "waited in vain"
        time.sleep(min(max(SHORTEST_PAUSE, 3 * (now - looked), (now - began) / 20), LONGEST_PAUSE))
        looked = time.monotonic()
