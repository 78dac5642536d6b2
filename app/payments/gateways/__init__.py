"""The payment gateways. A new one is its file and its name in `GATEWAYS`."""

from __future__ import annotations

from typing import Any

from app.core.providers import provider_with_code
from app.payments.gateways.base import Gateway
from app.payments.gateways.paypal import PayPal
from app.payments.gateways.phonepe import PhonePe
from app.payments.gateways.razorpay import Razorpay
from app.payments.gateways.stripe import Stripe

GATEWAYS: tuple[type[Gateway[Any]], ...] = (Razorpay, PhonePe, Stripe, PayPal)


def gateway_with_code(code: str) -> type[Gateway[Any]]:
    """The adapter of that code. Raises UnknownProvider."""
    return provider_with_code(GATEWAYS, code)
