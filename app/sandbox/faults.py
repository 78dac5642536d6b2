"""Faults on demand: armed through the control routes, spent one by one by the calls they hit."""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass
from typing import Any

from app.sandbox.errors import SandboxError
from app.sandbox.store import Store

REQUEST_FAULTS = ("timeout", "slow", "500", "429", "malformed", "reset")
WEBHOOK_FAULTS = ("duplicate", "late", "out_of_order")
# Refusals: the call is not carried out unless "before" is false.
BEFORE_BY_DEFAULT = frozenset({"500", "429", "421", "451", "550"})
SECONDS = {
    "timeout": 30.0, "slow": 3.0, "429": 2.0, "late": 5.0, "out_of_order": 2.0,
    "refund_pending": 2.0, "refund_failed": 2.0,
}  # fmt: skip
LONGEST = 30.0
MOST = 10_000


@dataclass(frozen=True)
class Fault:
    """`before`: the call is not carried out. `seconds`: how long it hangs, lags or asks to wait."""

    provider: str
    fault: str
    operation: str = ""
    remaining: int = 1
    before: bool = False
    seconds: float = 0.0
    copies: int = 2

    def shown(self) -> dict[str, Any]:
        return {
            "provider": self.provider, "fault": self.fault, "operation": self.operation or None,
            "count": self.remaining, "before": self.before, "seconds": self.seconds, "copies": self.copies,
        }  # fmt: skip


class FaultBook:
    """Armed faults, first armed first spent."""

    def __init__(self, store: Store, extra: dict[str, tuple[str, ...]]) -> None:
        """`extra` holds the faults that only one provider knows."""
        self._store = store
        self._extra = extra

    def kinds(self, provider: str) -> tuple[str, ...]:
        return REQUEST_FAULTS + WEBHOOK_FAULTS + self._extra[provider]

    def arm(self, body: dict[str, Any]) -> Fault:
        """Raises SandboxError when the provider or the fault is unknown or a number is out of range."""
        fault = self._read(body)
        with self._store.transaction():
            self._store.run(
                "insert into faults(provider, fault, operation, remaining, before, seconds, copies)"
                " values (?, ?, ?, ?, ?, ?, ?)",
                astuple(fault),
            )
        return fault

    def _read(self, body: dict[str, Any]) -> Fault:
        provider, name = str(body.get("provider")), str(body.get("fault"))
        if provider not in self._extra:
            raise SandboxError(f"provider must be one of {', '.join(self._extra)}")
        if name not in self.kinds(provider):
            raise SandboxError(f"fault must be one of {', '.join(self.kinds(provider))}")
        return Fault(
            provider, name, str(body.get("operation") or ""),
            remaining=int(_number(body, "count", 1, 1, MOST)),
            before=bool(body.get("before", name in BEFORE_BY_DEFAULT)),
            seconds=_number(body, "seconds", SECONDS.get(name, 0.0), 0, LONGEST),
            copies=int(_number(body, "copies", 2, 2, 100)),
        )  # fmt: skip

    def take(
        self, provider: str, kinds: tuple[str, ...], operations: tuple[str, ...], *, named_only: bool = False
    ) -> Fault | None:
        """Spends one fault that fits: its operation is one of these, or (unless `named_only`) it has none."""
        sql = (
            "select * from faults where provider = ? and fault in (select value from json_each(?))"
            " and ((operation = '' and not ?) or operation in (select value from json_each(?))) order by seq limit 1"
        )
        with self._store.transaction():
            row = self._store.row(sql, (provider, json.dumps(kinds), named_only, json.dumps(operations)))
            if row is None:
                return None
            self._store.run("update faults set remaining = remaining - 1 where seq = ?", (row["seq"],))
            self._store.run("delete from faults where remaining <= 0")
        return _fault(row)

    def armed(self) -> list[Fault]:
        return [_fault(row) for row in self._store.rows("select * from faults order by seq")]

    def disarm(self) -> None:
        with self._store.transaction():
            self._store.run("delete from faults")


def _fault(row: Any) -> Fault:
    names = ("provider", "fault", "operation", "remaining", "seconds", "copies")
    return Fault(**{name: row[name] for name in names}, before=bool(row["before"]))


def _number(body: dict[str, Any], name: str, default: float, least: float, most: float) -> float:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise SandboxError(f"{name} must be a number from {least:g} to {most:g}")
    return value
