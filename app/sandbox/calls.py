"""The calls that a provider received, as its own logs would show them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from app.sandbox import clock
from app.sandbox.store import Store

KEPT = 5000
LONGEST_BODY = 20_000
MASKED_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})


@dataclass(frozen=True)
class Call:
    """`status` None: no answer was given."""

    provider: str
    account: str
    operation: str
    method: str
    path: str
    headers: dict[str, str]
    body: str
    status: int | None
    fault: str | None
    milliseconds: int


def masked_headers(headers: dict[str, str]) -> dict[str, str]:
    """Keeps the scheme of Authorization, never what follows it."""
    return {name: _masked(name, value) for name, value in headers.items()}


def _masked(name: str, value: str) -> str:
    return f"{value.split(' ')[0]} ••••" if name.lower() in MASKED_HEADERS else value


class CallLog:
    """The last calls in full, and a count of all of them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, call: Call) -> None:
        with self._store.transaction():
            self._store.run(
                "insert into calls(at, provider, account, operation, method, path, headers, body, status, fault,"
                " milliseconds) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (clock.iso(), call.provider, call.account, call.operation, call.method, call.path,
                 json.dumps(call.headers), call.body[:LONGEST_BODY], call.status, call.fault, call.milliseconds),
            )  # fmt: skip
            self._store.run(
                "insert into call_counts values (?, ?, 1) on conflict do update set calls = calls + 1",
                (call.provider, call.operation),
            )
            self._store.run("delete from calls where seq <= (select max(seq) from calls) - ?", (KEPT,))

    def latest(self, provider: str | None, operation: str | None, limit: int) -> list[dict[str, Any]]:
        """Newest first."""
        rows = self._store.rows(
            "select * from calls where provider = coalesce(?, provider) and operation = coalesce(?, operation)"
            " order by seq desc limit ?",
            (provider, operation, limit),
        )
        return [{**dict(row), "headers": json.loads(row["headers"])} for row in rows]

    def counts(self, provider: str | None) -> dict[str, dict[str, int]]:
        """Provider → operation → calls since the last reset."""
        found: dict[str, dict[str, int]] = {}
        for row in self._store.rows("select * from call_counts where provider = coalesce(?, provider)", (provider,)):
            found.setdefault(row["provider"], {})[row["operation"]] = row["calls"]
        return found
