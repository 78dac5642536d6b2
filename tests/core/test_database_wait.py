"""Greenlets wait for the database side by side, and hear of a server that goes away."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

PROGRAM = """
from gevent import monkey; monkey.patch_all()
import sys
import gevent, psycopg
from app.core.database_wait import use_greenlets, wait_in_greenlet
use_greenlets()
assert psycopg.waiting.wait is wait_in_greenlet

def connect():
    return psycopg.connect(sys.argv[1], autocommit=True)

def until(met):
    while not look.execute(met, (numbers,)).fetchone()[0]:
        gevent.sleep(0.05)

sleepers, look = [connect() for _ in range(5)], connect()
numbers = [item.info.backend_pid for item in sleepers]
asked = "select count(*) {} from pg_stat_activity where pid = any(%s) and wait_event = '{}'"
look.execute("select pg_advisory_lock(5151)")
jobs = [gevent.spawn(lambda item: item.execute("select pg_advisory_lock_shared(5151)"), item) for item in sleepers]
until(asked.format("= 5", "advisory"))
look.execute("select pg_advisory_unlock(5151)")
gevent.joinall(jobs, raise_error=True)
print("side by side")

big = sleepers[0].execute("select %s::text", ("x" * 5_000_000,)).fetchone()[0]
print("large", len(big))
with sleepers[0].pipeline():
    sleepers[0].execute("select 1")
    last = sleepers[0].execute("select 2")
print("pipeline", last.fetchone()[0])

victim = sleepers[1]
waiting = gevent.spawn(lambda: victim.execute("select pg_sleep(300)"))
until(asked.format("= 1", "PgSleep"))
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
    assert told.stdout.splitlines() == ["side by side", "large 5000000", "pipeline 2", "gone AdminShutdown"], (
        told.stderr
    )
