"""Signed webhooks: written down first, delivered at least once by a background thread."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.sandbox import clock
from app.sandbox.errors import UnknownRecord
from app.sandbox.faults import WEBHOOK_FAULTS, Fault, FaultBook
from app.sandbox.ids import random_text
from app.sandbox.store import Store

LONGEST_REASON = 200


@dataclass(frozen=True)
class Notice:
    """One event ready to send: the exact bytes, the headers that sign them, and when (seconds from now)."""

    event: str
    event_id: str
    body: bytes
    headers: dict[str, str]
    delay: float = 0.0


@dataclass(frozen=True)
class Delivery:
    """What a sender needs to know."""

    id: str
    lane: str
    url: str
    headers: dict[str, str]
    body: bytes
    attempts: int
    provider: str
    account: str
    event_id: str


class Webhooks:
    """Deliveries and their state: pending → delivered | failed, or skipped where no address is set."""

    def __init__(self, store: Store, faults: FaultBook, retry_seconds: Sequence[float]) -> None:
        self._store = store
        self._faults = faults
        self._retry_seconds = retry_seconds
        self.wake: Callable[[], None] = lambda: None
        # Vendors whose signature holds the time of the delivery replace the headers of the event; others keep them.
        self.sign_again: Callable[[Delivery], dict[str, str]] = lambda delivery: delivery.headers

    def emit(self, provider: str, account: str, url: str | None, lane: str, notices: Sequence[Notice]) -> list[str]:
        """Queues one action's events in order, as an armed fault bends them; answers the events' names."""
        with self._store.transaction():
            fault = self._faults.take(provider, WEBHOOK_FAULTS, tuple(notice.event for notice in notices))
            for notice in _bent(notices, fault):
                self._queue(provider, account, url, lane, notice)
        self.wake()
        return [notice.event for notice in notices]

    def _queue(self, provider: str, account: str, url: str | None, lane: str, notice: Notice) -> None:
        self._store.run(
            "insert into deliveries(id, provider, account, lane, event, event_id, url, headers, body, status, due_at,"
            " created_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (f"dlv_{random_text(14)}", provider, account, lane, notice.event, notice.event_id, url or "",
             json.dumps(notice.headers), notice.body, "pending" if url else "skipped",
             clock.seconds() + notice.delay, clock.iso()),
        )  # fmt: skip

    def due(self, busy_lanes: Collection[str], most: int) -> list[Delivery]:
        """The oldest due delivery of each lane that is not busy."""
        rows = self._store.rows(
            "select *, min(seq) from deliveries where status = 'pending' and due_at <= ?"
            " and lane not in (select value from json_each(?)) group by lane order by seq limit ?",
            (clock.seconds(), json.dumps(list(busy_lanes)), most),
        )
        deliveries = [_delivery(row) for row in rows]
        return [replace(delivery, headers=self.sign_again(delivery)) for delivery in deliveries]

    def next_due_at(self) -> float | None:
        row = self._store.row(
            "select min(due_at) as at from deliveries where status = 'pending' and due_at > ?", (clock.seconds(),)
        )
        return row["at"] if row else None

    def settle(self, delivery: Delivery, answer: int | None, error: str | None) -> None:
        """Notes an attempt; anything but a 2xx comes again until the schedule ends."""
        attempts = delivery.attempts + 1
        answered = answer is not None and 200 <= answer < 300  # noqa: PLR2004
        more = not answered and attempts <= len(self._retry_seconds)
        status = "delivered" if answered else "pending" if more else "failed"
        due_at = clock.seconds() + (self._retry_seconds[attempts - 1] if more else 0)
        with self._store.transaction():
            self._store.run(
                "update deliveries set status = ?, attempts = ?, answer = ?, error = ?, due_at = ?, finished_at = ?"
                " where id = ?",
                (status, attempts, answer, error and error[:LONGEST_REASON], due_at, None if more else clock.iso(),
                 delivery.id),
            )  # fmt: skip

    def resend(self, id: str) -> None:
        """The same bytes and event id once more. Raises UnknownRecord."""
        with self._store.transaction():
            changed = self._store.run(
                "update deliveries set status = 'pending', attempts = 0, due_at = ? where id = ? and url <> ''",
                (clock.seconds(), id),
            )
        if not changed:
            raise UnknownRecord(f"no webhook delivery {id} with an address")
        self.wake()

    def latest(self, provider: str | None, limit: int) -> list[dict[str, Any]]:
        """Newest first."""
        sql = "select * from deliveries where provider = coalesce(?, provider) order by seq desc limit ?"
        return [_shown(row) for row in self._store.rows(sql, (provider, limit))]


def _bent(notices: Sequence[Notice], fault: Fault | None) -> list[Notice]:
    """What a fault makes of the events; with an operation it touches that event alone."""
    if fault is None:
        return list(notices)
    hit = [notice for notice in notices if fault.operation in ("", notice.event)]
    if fault.fault == "duplicate":
        return [notice for notice in notices for _ in range(fault.copies if notice in hit else 1)]
    if fault.fault == "out_of_order" and len(hit) > 1:
        return list(reversed(notices))
    return [_later(notice, fault.seconds) if notice in hit else notice for notice in notices]


def _later(notice: Notice, seconds: float) -> Notice:
    return Notice(notice.event, notice.event_id, notice.body, notice.headers, notice.delay + seconds)


def _delivery(row: Any) -> Delivery:
    return Delivery(row["id"], row["lane"], row["url"], json.loads(row["headers"]), row["body"], row["attempts"],
                    row["provider"], row["account"], row["event_id"])  # fmt: skip


def _shown(row: Any) -> dict[str, Any]:
    return {
        "id": row["id"], "provider": row["provider"], "account": row["account"], "event": row["event"],
        "eventId": row["event_id"], "url": row["url"] or None, "status": row["status"], "attempts": row["attempts"],
        "answer": row["answer"], "error": row["error"], "createdAt": row["created_at"],
        "finishedAt": row["finished_at"], "body": bytes(row["body"]).decode("utf-8", "replace"),
    }  # fmt: skip
