"""How much is told of forged webhooks: anybody can post them, so whoever does must not decide how much is written."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network

from app.core import rate_limit

FIRST_OF_ADDRESS = 3
FIRST_OF_CLINIC = 30
ONE_LINE_BITS = 64  # what one IPv6 line is given


def count_to_tell(clinic_id: str, address: str | None) -> int | None:
    """How many came from there in this minute, where this one is worth telling: the first ones, then every tenth power
    of ten; None where it is not.
    """
    from_there = rate_limit.count("forged-webhooks", f"{clinic_id}:{_line(address)}")
    if not _worth_telling(from_there, FIRST_OF_ADDRESS):
        return None
    told = rate_limit.count("told-webhooks", clinic_id)
    return from_there if _worth_telling(told, FIRST_OF_CLINIC) else None


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
