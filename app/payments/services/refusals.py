"""Forged webhooks: the first few of a minute are told one by one, then by how many there were.

Anybody can post them, so whoever does must not decide how much is written.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network

from app.core import metrics, rate_limit
from app.core.tenant import require_clinic
from app.core.transaction import unit_of_work
from app.events.services import publish
from app.payments.events import WebhookRefused

FIRST_OF_ADDRESS = 3
FIRST_OF_CLINIC = 30
ONE_LINE_BITS = 64  # what one IPv6 line is given

REFUSED = metrics.Counter("clinic_webhooks_refused", "Webhooks with a bad signature", ["gateway"])


def note_refusal(gateway: str, address: str | None, size: int) -> None:
    """Tell of it as a security event: the first ones of a minute, then at ten, a hundred, a thousand. Commits."""
    REFUSED.inc(gateway=gateway)
    clinic_id = require_clinic()
    from_there = rate_limit.count("forged-webhooks", f"{clinic_id}:{_line(address)}")
    if not _worth_telling(from_there, FIRST_OF_ADDRESS):
        return
    if _worth_telling(rate_limit.count("told-webhooks", clinic_id), FIRST_OF_CLINIC):
        with unit_of_work():
            publish(WebhookRefused(gateway=gateway, address=address, size=size, count=from_there))


def _worth_telling(number: int, first: int) -> bool:
    return number <= first or str(number).rstrip("0") == "1"


def _line(address: str | None) -> str:
    """Where it comes from; one IPv6 line has more addresses than could be counted."""
    try:
        known = ip_address(address or "")
    except ValueError:
        return "-"
    if isinstance(known, IPv6Address):
        return str(ip_network((known, ONE_LINE_BITS), strict=False))
    return str(known)
