"""Access tokens of gateways that log in by OAuth: kept in this process until they run out, never stored or shown.

Facts: PhonePe's answer has `issued_at` and `expires_at` in epoch seconds of its own clock (developer.phonepe.com,
authorisation; tried with the vendor's SDK against a local server), PayPal's has `expires_in`. Only the lifetime is
used, counted from our own clock at the moment of asking: clocks that differ by hours neither keep a dead token nor
throw a good one away.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from app.core import clock

MOST_ACCOUNTS = 512
# A token is renewed this long before its end: a call that has just left must still find it valid.
MARGIN = timedelta(seconds=60)


@dataclass(frozen=True)
class Token:
    """An access token, and until when (our clock) it may be used."""

    value: str = field(repr=False)
    fresh_until: datetime


def read_token(document: Mapping[str, Any], asked_at: datetime) -> Token:
    """The token of an answer. Raises ValueError for one without a token or a lifetime."""
    value, lifetime = document.get("access_token"), _lifetime(document)
    if not isinstance(value, str) or not value or lifetime is None:
        raise ValueError("this is no token")
    return Token(value, asked_at + lifetime - min(MARGIN, lifetime / 2))


def _lifetime(document: Mapping[str, Any]) -> timedelta | None:
    issued, expires, seconds = (document.get(name) for name in ("issued_at", "expires_at", "expires_in"))
    if isinstance(issued, int) and isinstance(expires, int):
        seconds = expires - issued
    if not isinstance(seconds, int):
        return None
    return timedelta(seconds=min(max(seconds, 0), 24 * 3600))


def account_key(*parts: str) -> str:
    """A name for an account that is safe to keep: its credentials cannot be read from it, and another secret is
    another account.
    """
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


class _Slot:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.token: Token | None = None


class TokenBook:
    """The tokens of this process's accounts. Safe to share between threads: of many that need one, one asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slots: OrderedDict[str, _Slot] = OrderedDict()

    def get(self, key: str, ask: Callable[[], Token], *, instead_of: str | None = None) -> str:
        """The account's token, asked for where none is fresh; `instead_of` is one that was refused."""
        slot = self._slot(key)
        with slot.lock:
            kept = slot.token
            if kept is None or kept.value == instead_of or kept.fresh_until <= clock.now():
                slot.token = None
                kept = slot.token = ask()
            return kept.value

    def _slot(self, key: str) -> _Slot:
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            if len(self._slots) > MOST_ACCOUNTS:
                self._slots.popitem(last=False)
            return slot
