"""What a provider does later by itself: settle a pending refund, expire a payment."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.sandbox import clock
from app.sandbox.store import Store


@dataclass(frozen=True)
class Timer:
    """A named piece of work of one provider, with what it needs to know."""

    provider: str
    name: str
    body: dict[str, Any]


class Timers:
    """Timers survive a restart; one that is due runs in a transaction with its own removal."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.wake: Callable[[], None] = lambda: None

    def set(self, provider: str, name: str, body: dict[str, Any], *, seconds: float) -> None:
        with self._store.transaction():
            self._store.run(
                "insert into timers(provider, name, body, due_at) values (?, ?, ?, ?)",
                (provider, name, json.dumps(body), clock.seconds() + seconds),
            )
        self.wake()

    def next_due_at(self) -> float | None:
        row = self._store.row("select min(due_at) as at from timers")
        return row["at"] if row else None

    def run_due(self, act: Callable[[Timer], None]) -> None:
        while self._run_one(act):
            pass

    def _run_one(self, act: Callable[[Timer], None]) -> bool:
        with self._store.transaction():
            row = self._store.row("select * from timers where due_at <= ? order by due_at limit 1", (clock.seconds(),))
            if row is None:
                return False
            self._store.run("delete from timers where seq = ?", (row["seq"],))
            act(Timer(row["provider"], row["name"], json.loads(row["body"])))
        return True
