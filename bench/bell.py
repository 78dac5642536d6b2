"""Events whose listeners do next to nothing, so that what is measured is the way to them; and a worker that has them.

`python -m bench.bell relay` is a worker of ours on the event queue, `python -m bench.bell bare` RQ's own worker.
"""

from __future__ import annotations

import sys

from rq import Queue, SimpleWorker

from app.core.jobs import waiting_connection
from app.core.round_trip import ask
from app.core.transaction import after_commit
from app.events.base import Category, Event, listens_to

ANSWERS = "bench:bell"
BARE_QUEUE = "bench-bare"


class BellRang(Event):
    type = "bench.bell.rang"
    category = Category.SYSTEM
    subject = "bell_id"
    bell_id: str


class BellHummed(Event):
    type = "bench.bell.hummed"
    category = Category.SYSTEM
    subject = "bell_id"
    bell_id: str


@listens_to(BellRang)
def answer(event: BellRang) -> None:
    """Tell whoever rang once this is durable."""
    after_commit(lambda: ask(("LPUSH", ANSWERS, event.bell_id)))


@listens_to(BellHummed)
def hear(_event: BellHummed) -> None:
    """That its delivery is done is all that happens."""


def nothing() -> None:
    """An empty job."""


def main(kind: str) -> int:
    if kind == "relay":
        from worker import main as work

        return work(["work", "event"])
    connection = waiting_connection()
    SimpleWorker([Queue(BARE_QUEUE, connection=connection)], connection=connection).work(logging_level="WARNING")
    return 0


if __name__ == "__main__":
    from bench import bell  # so that the listeners are known by the module's own name

    sys.exit(bell.main(sys.argv[1]))
