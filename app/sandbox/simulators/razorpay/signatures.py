"""Razorpay's HMAC-SHA256 signatures, lower-case hexadecimal."""

from __future__ import annotations

import hashlib
import hmac


def sign(secret: str, message: bytes) -> str:
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def sign_return(key_secret: str, *parts: str) -> str:
    """The browser's return: order|payment, link|reference|status|payment, or payment|subscription."""
    return sign(key_secret, "|".join(parts).encode())
