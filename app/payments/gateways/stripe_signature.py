"""Stripe's webhook signature: HMAC-SHA256 of time and raw body, believed for five minutes either way.

The vendor's own helper refuses only what is too old; a time in the future shows a wrong clock or a forger just as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from app.core.providers import BadSignature, check_hmac_sha256

TOLERANCE = timedelta(minutes=5)
LONGEST_HEADER = 4096


def check(raw: bytes, header: str | None, secrets: Iterable[str], now: datetime) -> None:
    """`header` is `t=<unix>,v1=<hex>[,v1=<hex>][,v0=...]`: any `v1` of any secret will do. Raises BadSignature."""
    at, signatures = _parts(header or "")
    if abs(now.timestamp() - int(at)) > TOLERANCE.total_seconds():
        raise BadSignature("the time of the signature is too far from now")
    message, known = f"{at}.".encode() + raw, list(secrets)
    if not any(_holds(message, signature, known) for signature in signatures):
        raise BadSignature("the signature does not hold")


def _parts(header: str) -> tuple[str, list[str]]:
    """The time, as it is written, and the signatures of the scheme that we know."""
    if len(header) > LONGEST_HEADER:
        raise BadSignature("the header is too long")
    items = [item.strip().partition("=") for item in header.split(",")]
    times = [value for name, _, value in items if name == "t"]
    if len(times) != 1 or not times[0].isascii() or not times[0].isdigit() or len(times[0]) > 12:
        raise BadSignature("the header has not one time")
    return times[0], [value for name, _, value in items if name == "v1"]


def _holds(message: bytes, signature: str, secrets: list[str]) -> bool:
    try:
        check_hmac_sha256(message, signature, secrets)
    except BadSignature:
        return False
    return True
