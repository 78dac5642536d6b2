"""Form bodies with bracket keys, as Stripe's API reads them: `metadata[a]=1`, `line_items[0][quantity]=1`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from app.sandbox.simulators.stripe.errors import StripeError

NAME = re.compile(r"[^\[\]]+")
MOST_LEVELS = 6
Fields = dict[str, Any]


def nested(pairs: Iterable[tuple[str, str]]) -> Fields:
    """The pairs as objects within objects; a list is an object with "0", "1" ... or, for `x[]`, one name per value."""
    found: Fields = {}
    for key, value in pairs:
        path = NAME.findall(key)
        if not 0 < len(path) <= MOST_LEVELS:
            raise StripeError(f"Invalid parameter name: {key}", param=key)
        level = found
        for name in path[:-1]:
            level = level.setdefault(name, {})
            if not isinstance(level, dict):
                raise StripeError(f"Invalid object: {key}", param=key)
        if key.endswith("[]"):
            level.setdefault(path[-1], {})[str(len(level[path[-1]]))] = value
        else:
            level[path[-1]] = value
    return found


def only(fields: Fields, *allowed: str) -> None:
    extra = sorted(set(fields) - set(allowed) - {"expand"})
    if extra:
        raise StripeError(f"Received unknown parameter: {extra[0]}", code="parameter_unknown", param=extra[0])


def text(fields: Fields, name: str, *, required: bool = False) -> str | None:
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise StripeError(f"Invalid string: {name}", param=name)
    if required and not value:
        raise StripeError(f"Missing required param: {name}.", code="parameter_missing", param=name)
    return value or None


def whole(fields: Fields, name: str) -> int | None:
    value = text(fields, name)
    if value is None:
        return None
    if not re.fullmatch(r"-?\d{1,15}", value, re.ASCII):
        raise StripeError(f"Invalid integer: {value}", code="parameter_invalid_integer", param=name)
    return int(value)


def inner(fields: Fields, name: str) -> Fields:
    value = fields.get(name, {})
    if not isinstance(value, dict):
        raise StripeError(f"Invalid object: {name}", param=name)
    return value


def choice(fields: Fields, name: str, options: tuple[str, ...], default: str) -> str:
    value = text(fields, name) or default
    if value not in options:
        raise StripeError(f"Invalid {name}: must be one of {', '.join(options)}", param=name)
    return value


def metadata(fields: Fields) -> dict[str, str]:
    """At most fifty names of 40 characters, with values of 500."""
    words = inner(fields, "metadata")
    for name, value in words.items():
        if not isinstance(value, str) or len(name) > 40 or len(value) > 500:  # noqa: PLR2004
            raise StripeError(f"Invalid metadata: {name}", param=f"metadata[{name}]")
    if len(words) > 50:  # noqa: PLR2004
        raise StripeError("You can only have 50 metadata entries", param="metadata")
    return words
