"""Card numbers that people type or paste into free text are kept as their last four digits (PCI DSS 4.0, 3.4 and 3.5).

A gateway's hosted page is the only place for a card. Notes, reasons and chats are none, but get one now and then.
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import ARRAY, JSON, String, event
from sqlalchemy.orm import ColumnProperty

SHORTEST_TEXT = 60  # a column below that holds a code, a status or a name of ours
# What machines write and compare as a whole; a mask in it would lose something.
_NO_TEXT = re.compile(r"(^|_)(id|key|hash|url|token|secret|mac|seal|sha256|agent|phone_raw|bank_reference)$")
_DIGITS = re.compile(r"(?<![\w+-])\d(?:[ .\u00a0-]?\d){13,18}(?![\w-])", re.ASCII)
# Leading digits of the schemes, and how long their numbers are (ISO/IEC 7812; the schemes' published ranges).
_SCHEMES = (
    (re.compile(r"4"), (16, 19)),  # Visa
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),  # Mastercard
    (re.compile(r"3[47]"), (15,)),  # American Express
    (re.compile(r"3(?:0[0-5]|[689])"), (14,)),  # Diners Club
    (re.compile(r"6(?:011|4[4-9]|5)"), (16, 19)),  # Discover
    (re.compile(r"60|81|82|508|353|356"), (16,)),  # RuPay
    (re.compile(r"35(?:2[89]|[3-8])"), (16, 19)),  # JCB
    (re.compile(r"62"), (16, 17, 18, 19)),  # UnionPay
    (re.compile(r"50|5[6-9]|6[0-9]"), (16, 18, 19)),  # Maestro
)


def mask_card_numbers(text: str) -> str:
    """The text with `•••• 1111` in place of every card number in it."""
    return _DIGITS.sub(_masked, text) if len(text) >= 14 else text  # noqa: PLR2004 - the shortest card number


def _masked(found: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", found.group())
    return f"•••• {digits[-4:]}" if _is_card_number(digits) else found.group()


def _is_card_number(digits: str) -> bool:
    return _passes_luhn(digits) and any(start.match(digits) and len(digits) in lengths for start, lengths in _SCHEMES)


def _passes_luhn(digits: str) -> bool:
    """The check digit of ISO/IEC 7812-1, annex B."""
    doubled = [int(digit) * (1 + at % 2) for at, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0  # noqa: PLR2004


def keeps_text(column: Any) -> bool:
    """Whether people's words may stand in a column of a clinic's table."""
    kind = column.type
    if isinstance(kind, JSON | ARRAY):
        return True
    long_enough = isinstance(kind, String) and (kind.length is None or kind.length >= SHORTEST_TEXT)
    return long_enough and not _NO_TEXT.search(column.name)


def mask_as_it_is_set(_model: type, _key: str, attribute: Any) -> None:
    """Neither the row, nor the trail, nor an event, nor an answer ever has the whole number."""
    if isinstance(attribute.property, ColumnProperty) and keeps_text(attribute.property.columns[0]):
        event.listen(attribute, "set", _without_card_numbers, retval=True)


def _without_card_numbers(_row: Any, value: Any, _before: Any, _initiator: Any) -> Any:
    if isinstance(value, str):
        return mask_card_numbers(value)
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return [mask_card_numbers(item) for item in value]
    return value
