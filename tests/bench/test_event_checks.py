"""The check of events in its short form: it gives its figures. How large they are is for the real run."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from bench.checks import CHECKS
from bench.data import connection_arguments


@pytest.fixture
def undeclared() -> Any:
    """The benchmark's listeners are of no other test's concern."""
    from app.events.base import EVENT_TYPES, LISTENERS

    yield
    for registry in (EVENT_TYPES, LISTENERS):
        for name in [name for name in registry if name.startswith("bench.")]:
            del registry[name]


def test_every_event_is_heard(installation: Any, effort: Any, undeclared: None) -> None:
    latency, rate, share, cost = CHECKS["events"](installation, effort)
    assert (latency.unit, latency.bound, latency.target) == ("ms", "<", 100)
    assert (rate.unit, rate.bound, rate.target) == ("events/s", ">=", 300)
    assert (share.unit, share.target) == ("×", 0.5)
    assert (cost.unit, cost.bound, cost.target) == ("µs", "<", 1000)
    assert min(latency.value, rate.value, share.value) > 0
    with psycopg.connect(**connection_arguments(installation.database_url)) as connection:
        statuses = connection.execute("select distinct status from event_delivery").fetchall()
    assert statuses == [("DONE",)]
