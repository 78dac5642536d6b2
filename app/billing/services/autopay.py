"""Charging an instalment to a saved method, without the payer present."""

from __future__ import annotations


def charge_instalment(instalment_id: str) -> str | None:
    """The payment that was charged; None where nothing can be charged."""
    return None
