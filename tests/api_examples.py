"""Calls that the API's documentation shows: each must be answered as its example says, in the same shape.

After a change of a body or an answer, with RECORD_API_EXAMPLES=1, tests/billing/test_api_examples.py writes them anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import orjson

from app.core.api import ENDPOINTS, Endpoint
from app.core.api_examples import example_file, example_key, example_of

RECORDING = "RECORD_API_EXAMPLES" in os.environ
MOST_ITEMS = 2
LAYOUT = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
PUBLIC_URL = "https://clinic.example.com"
# What differs between runs and says nothing: ports, and signed tokens in links.
UNTOLD = (
    (re.compile(r"http://(?:127\.0\.0\.1|localhost):\d+/(?=razorpay|stripe)"), "https://gateway.example.com/"),
    (re.compile(r"http://(?:127\.0\.0\.1|localhost)(?::\d+)?"), PUBLIC_URL),
    (re.compile(r"(token=|/pay/|/checkout/)[\w.~-]{20,}"), r"\1..."),
)


class Examples:
    """`ask(person, "POST", "/billing/plans/{plan_id}", {"price": 10}, plan_id=...)` gives the answer."""

    def __init__(self) -> None:
        self.shown: set[str] = set()

    def __call__(self, person: Callable[..., Any], method: str, path: str, body: Any = None, **values: Any) -> Any:
        query = values.pop("query", "")
        status, answer = person(method, path.format(**values) + query, body)
        item = endpoint_of(f"{method} /api/v1{path}")
        assert status == item.status, (status, answer)
        self.hold(item, {"query": dict(parse_qsl(query.lstrip("?"))) or None, "request": body, "answer": answer})
        return answer

    def hold(self, item: Endpoint, real: dict[str, Any]) -> None:
        """Compare with the example, or write it. A part that is None is not shown."""
        told = {side: value for side, value in real.items() if value is not None}
        self.shown.add(example_key(item))
        if RECORDING:
            _write(item, {side: _tidy(value) for side, value in told.items()})
            return
        example = example_of(item)
        assert set(example) == set(told), example_key(item)
        for side, value in told.items():
            check_same(example[side], _tidy(value), f"{example_key(item)} {side}")


def endpoint_of(key: str) -> Endpoint:
    return next(item for item in ENDPOINTS if example_key(item) == key)


def check_same(example: Any, real: Any, where: str) -> None:
    """The same members with the same kinds of values; what is null in one of them may be anything in the other."""
    if example is None or real is None:
        return
    assert _kind(example) == _kind(real), f"{where}: {example!r} is shown, {real!r} is real"
    if isinstance(example, dict):
        assert set(example) == set(real), where
        for name, value in example.items():
            check_same(value, real[name], f"{where}.{name}")
    elif isinstance(example, list):
        assert bool(example) == bool(real), where
        for one, other in zip(example, real, strict=False):
            check_same(one, other, f"{where}[]")


def _kind(value: Any) -> str:
    return "number" if type(value) in (int, float) else type(value).__name__


def _tidy(value: Any) -> Any:
    """Without ports and tokens; of a list its first items."""
    if isinstance(value, dict):
        return {name: _tidy(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_tidy(part) for part in value[:MOST_ITEMS]]
    if isinstance(value, str):
        for pattern, instead in UNTOLD:
            value = pattern.sub(instead, value)
    return value


def _write(item: Endpoint, example: dict[str, Any]) -> None:
    path = example_file(item.module)
    path.parent.mkdir(exist_ok=True)
    known = orjson.loads(path.read_bytes()) if path.exists() else {}
    known.pop(example_key(item), None)
    if example:
        known[example_key(item)] = example
    path.write_bytes(orjson.dumps(dict(sorted(known.items())), option=LAYOUT))
