"""How many parts an SMS is sent, and paid for, in (3GPP TS 23.038 and 23.040)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("\f^{}\\[~]|€")  # two places each
ALONE, TOGETHER = 160, 153
UNICODE_ALONE, UNICODE_TOGETHER = 70, 67


@dataclass(frozen=True)
class SmsSize:
    """`units` places of the alphabet, `room` for so many in a part; `outside` is the first character that the short
    alphabet lacks, if any.
    """

    units: int
    parts: int
    room: int
    outside: str = ""


def sms_size(text: str) -> SmsSize:
    """The short alphabet where it has every character, else UTF-16; no character is cut in two."""
    outside = next((sign for sign in text if sign not in BASIC and sign not in EXTENDED), "")
    if outside:
        return _size([len(sign.encode("utf-16-be")) // 2 for sign in text], UNICODE_ALONE, UNICODE_TOGETHER, outside)
    return _size([2 if sign in EXTENDED else 1 for sign in text], ALONE, TOGETHER, "")


def _size(widths: Sequence[int], alone: int, together: int, outside: str) -> SmsSize:
    if sum(widths) <= alone:
        return SmsSize(sum(widths), 1, alone, outside)
    parts, used = 1, 0
    for width in widths:
        if used + width > together:
            parts, used = parts + 1, 0
        used += width
    return SmsSize(sum(widths), parts, together, outside)
