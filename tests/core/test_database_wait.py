"""Greenlets wait for the database side by side, and hear of a server that goes away."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

PROGRAM = """
from gevent import monkey; monkey.patch_all()
import sys, time
import gevent, psycopg
from app.core.database_wait import use_greenlets, wait_in_greenlet
use_greenlets()
assert psycopg.waiting.wait is wait_in_greenlet

def connect():
    return psycopg.connect(sys.argv[1], autocommit=True)

sleepers = [connect() for _ in range(5)]
started = time.monotonic()
jobs = [gevent.spawn(lambda item: item.execute("select pg_sleep(1)"), item) for item in sleepers]
gevent.joinall(jobs, raise_error=True)
print("side by side", time.monotonic() - started < 4)

big = sleepers[0].execute("select %s::text", ("x" * 5_000_000,)).fetchone()[0]
print("large", len(big))
with sleepers[0].pipeline():
    sleepers[0].execute("select 1")
    last = sleepers[0].execute("select 2")
print("pipeline", last.fetchone()[0])

victim = sleepers[1]
waiting = gevent.spawn(lambda: victim.execute("select pg_sleep(30)"))
gevent.sleep(0.2)
sleepers[2].execute("select pg_terminate_backend(%s)", (victim.info.backend_pid,))
try:
    waiting.get(timeout=60)
except psycopg.OperationalError as error:
    print("gone", type(error).__name__)
"""


def test_greenlets_wait_for_the_database_side_by_side(settings: Any) -> None:
    url = settings.database_url.replace("postgresql+psycopg://", "postgresql://", 1)
    told = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, url], capture_output=True, text=True, timeout=60, check=False
    )
    assert told.stdout.splitlines() == ["side by side True", "large 5000000", "pipeline 2", "gone AdminShutdown"], (
        told.stderr
    )
