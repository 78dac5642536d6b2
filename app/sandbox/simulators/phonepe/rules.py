"""What PhonePe accepts in a request: documented fields only, no blanks, whole paise, short ids."""

from __future__ import annotations

import re
from typing import Any

from app.sandbox.simulators.phonepe.errors import PhonePeError

LEAST_PAISE = 100
MOST_PAISE = 10_00_00_000_00
SHORTEST_LIFE, LONGEST_LIFE, USUAL_LIFE = 300, 3600, 1800
_ID = re.compile(r"[A-Za-z0-9_-]{1,63}")


def only_fields(body: dict[str, Any], allowed: frozenset[str]) -> dict[str, Any]:
    """The fields that say something: null is as good as absent, a blank or unknown one is refused."""
    said = {name: value for name, value in body.items() if value is not None}
    extra = sorted(set(said) - allowed)
    if extra:
        raise PhonePeError(f"Unrecognized field: {extra[0]}")
    blank = [name for name, value in said.items() if isinstance(value, str) and not value.strip()]
    if blank:
        raise PhonePeError(f"{blank[0]} must not be blank")
    return said


def id_of(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise PhonePeError(f"{name} must have 1 to 63 letters, digits, underscores or hyphens")
    return value


def amount_of(body: dict[str, Any]) -> int:
    value = body.get("amount")
    if isinstance(value, bool) or not isinstance(value, int) or not LEAST_PAISE <= value <= MOST_PAISE:
        raise PhonePeError("amount must be a whole number of paise, at least 100")
    return value


def life_of(body: dict[str, Any]) -> int:
    value = body.get("expireAfter", USUAL_LIFE)
    if isinstance(value, bool) or not isinstance(value, int) or not SHORTEST_LIFE <= value <= LONGEST_LIFE:
        raise PhonePeError("expireAfter must be 300 to 3600 seconds")
    return value


def redirect_of(flow: Any) -> str:
    """The address that the payer comes back to."""
    if not isinstance(flow, dict) or flow.get("type") != "PG_CHECKOUT":
        raise PhonePeError("paymentFlow.type must be PG_CHECKOUT")
    said = only_fields(flow, frozenset({"type", "message", "merchantUrls", "paymentModeConfig"}))
    urls = said.get("merchantUrls")
    address = urls.get("redirectUrl") if isinstance(urls, dict) else None
    if not isinstance(address, str) or not re.fullmatch(r"https?://\S+", address):
        raise PhonePeError("paymentFlow.merchantUrls.redirectUrl must be a web address")
    return address
