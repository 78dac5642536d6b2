"""Random ids in the alphabets that vendors use."""

from __future__ import annotations

import secrets
import string

LETTERS_AND_DIGITS = string.ascii_letters + string.digits


def random_text(length: int, alphabet: str = LETTERS_AND_DIGITS) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))


def prefixed(prefix: str) -> str:
    """`pay_` and fourteen letters or digits: the form of Razorpay's ids."""
    return f"{prefix}_{random_text(14)}"
