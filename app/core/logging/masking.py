"""What may stand in a log: known keys pass, everything else is masked; then a net of patterns over what is left.

The net alone would never do: no pattern finds a name or a diagnosis. So a key has to be known to be harmless, or its
value shown only if its type can hold nothing personal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum
from typing import Any

from app.core.logging.failures import describe

MASK = "[masked]"
MAX_TEXT = 2000
# The net takes the square of a text's length, so a longer one is cut before. Half an address at the cut is none to the
# net: as much as that may be long is not shown.
NET_TEXT = 2 * MAX_TEXT
NET_EDGE = 400
MAX_ITEMS = 50
MAX_DEPTH = 4
NUMBER_DIGITS = range(10, 20)

_HARMLESS = """
    action attempt attempts backend bucket cache capacity channel code component constraint count country currency
    direction duration_ms elapsed_ms endpoint environment error_code error_type event event_type gateway host hits
    http_status interval job job_name kind language layer level limit line listener locale logger method migration
    misses mode model module operation outcome permission pid plan port priority process provider queue reason_code
    region released resource result retries retry_in revision role route rows rule schedule service setting size source
    sqlstate stage state status table tag task template timestamp timezone tries type unit version view worker workers
"""
_allowed = set(_HARMLESS.split())
_IDENTIFIER_KEY = re.compile(r"(^|_)ids?$")
_NUMBER_KEY = re.compile(r"_(count|ms|seconds|bytes|rows|percent|limit|size|port|version|status|attempts)$")
_MOMENT_KEY = re.compile(r"_at$")
_IDENTIFIER = re.compile(r"[\w.:-]{1,80}", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([T ][\d:.]+([+-]\d\d:?\d\d|Z)?)?")

_SECRETS = (
    (re.compile(r"\bDETAIL:.*", re.DOTALL), "DETAIL: " + MASK),
    (re.compile(r"\[(SQL|parameters):.*", re.DOTALL), r"[\1: " + MASK + "]"),
    (re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"), MASK),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE), r"\1 " + MASK),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+(\.[\w-]*)?"), "[token]"),
    (re.compile(r"(?<![\w-])[\w-]{6,}\.[0-9a-f]{6,}\.[\w-]{24}(?![\w-])"), "[token]"),
    (re.compile(r"\b(rzp_(?:test|live)|whsec|sk_(?:test|live)|pk_(?:test|live))_\w+"), r"\1_" + MASK),
    (
        re.compile(
            r"""\b(pass(?:word|wd)?|secret|token|api[_-]?key|access[_-]?key|signature|otp|pin|cookie)(["']?\s*[=:]\s*)[^\s,;}]+""",
            re.IGNORECASE,
        ),
        r"\1\2" + MASK,
    ),
    (re.compile(r"([?&][\w.%\[\]-]+=)[^&\s\"'#]+"), r"\1" + MASK),
    (re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)*", re.UNICODE), "[email]"),
)
# Moments and addresses look like telephone numbers to the last alternative, so they are found first and kept.
_NUMBERS = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)?|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"
    r"|(?P<number>(?<![\w-])\+?\(?\d(?:[\s().-]{0,3}\d){9,18}(?![\w-]))"
)

# One look that spares ordinary text the whole net; it finds whatever any pattern above could.
_SUSPECT = re.compile(
    r"[@?=\[]|://|DETAIL|eyJ|\.[0-9a-f]{6,}\.|\d(?:[\s().-]{0,3}\d){9}"
    r"|(?i:bearer|basic|pass|secret|token|api.?key|access.?key|signature|otp|pin|cookie|rzp_|whsec|[sp]k_)"
)


def allow_keys(*keys: str) -> None:
    """Let the values of these keys into the logs; for a slice whose records need a harmless key of their own."""
    _allowed.update(keys)


def scrub(text: str) -> str:
    """The text without what the pattern net finds: addresses, numbers, tokens, credentials, query values."""
    if len(text) > NET_TEXT:
        return f"{_through_net(text[:NET_TEXT])[:-NET_EDGE][:MAX_TEXT]}…"
    text = _through_net(text)
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"


def _through_net(text: str) -> str:
    if text.isalpha() or not _SUSPECT.search(text):
        return text
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return _NUMBERS.sub(lambda match: "[number]" if match["number"] else match.group(), text)


def mask(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record as it may be written: same keys, masked values."""
    return {key: _value(key, value, MAX_DEPTH) for key, value in record.items()}


def _value(key: str, value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _plain(key, value)
    if depth == 0:
        return MASK
    if isinstance(value, Mapping):
        return {str(name): _value(str(name), item, depth - 1) for name, item in list(value.items())[:MAX_ITEMS]}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_value(key, item, depth - 1) for item in list(value)[:MAX_ITEMS]]
    return _plain(key, value)


def _plain(key: str, value: Any) -> Any:
    """One value, by what its key promises; a promise that the value does not keep masks it."""
    if isinstance(value, BaseException):
        return scrub(describe(value).message)
    if isinstance(value, Enum):
        value = value.value
    if key in _allowed:
        return value if isinstance(value, (int, float)) else scrub(_text(value))
    if isinstance(value, (int, float)):
        return value if _NUMBER_KEY.search(key) or _IDENTIFIER_KEY.search(key) else MASK
    text = _text(value)
    if _IDENTIFIER_KEY.search(key) and _IDENTIFIER.fullmatch(text):
        return text if _UUID.fullmatch(text) else scrub(text)
    if _MOMENT_KEY.search(key) and _MOMENT.fullmatch(text):
        return text
    return MASK


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return value.isoformat() if isinstance(value, (datetime, date)) else str(value)
