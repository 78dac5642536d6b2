"""What is wrong with a value, in words for whoever sent it: pydantic's own texts are for programmers, and English."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext
from pydantic import ValidationError

from app.core.ids import ID_PATTERN

Context = Mapping[str, Any]
WORDS: dict[str, Callable[[Context], str]] = {
    "missing": lambda _context: _("This is required."),
    "string_type": lambda _context: _("This must be text."),
    "string_too_short": lambda context: _too_short(context["min_length"]),
    "string_too_long": lambda context: _too_long(context["max_length"]),
    "too_short": lambda context: _too_few(context["min_length"]),
    "too_long": lambda context: _too_many(context["max_length"]),
    "string_pattern_mismatch": lambda context: _no_id() if context["pattern"] == ID_PATTERN else _wrong_form(),
    "bool_type": lambda _context: _("This must be true or false."),
    "greater_than": lambda context: _("This must be more than %(limit)s.", limit=_plain(context["gt"])),
    "greater_than_equal": lambda context: _("This must be %(limit)s or more.", limit=_plain(context["ge"])),
    "less_than": lambda context: _("This must be less than %(limit)s.", limit=_plain(context["lt"])),
    "less_than_equal": lambda context: _("This must be %(limit)s or less.", limit=_plain(context["le"])),
    "decimal_max_places": lambda context: _too_many_places(context["decimal_places"]),
    "enum": lambda context: _one_of(context["expected"]),
    "literal_error": lambda context: _one_of(context["expected"]),
    "none_required": lambda _context: _("This is not changed here."),
    "timezone_aware": lambda _context: _("The time needs its offset, like 2026-01-31T09:30:00+05:30."),
    "value_error": lambda context: str(context["error"]),
}
# Most kinds of number, date and list fail in several ways that mean the same to a person.
FAMILIES: tuple[tuple[str, Callable[[], str]], ...] = (
    ("uuid_", lambda: _no_id()),
    ("int_", lambda: _("This must be a whole number.")),
    ("float_", lambda: _("This must be a number.")),
    ("decimal_", lambda: _("This must be a number.")),
    ("finite_", lambda: _("This must be a number.")),
    ("bool_", lambda: _("This must be true or false.")),
    ("datetime_", lambda: _("This must be a time, like 2026-01-31T09:30:00+05:30.")),
    ("date_", lambda: _("This must be a date, like 2026-01-31.")),
    ("time_", lambda: _("This must be a time of day, like 09:30.")),
    ("list_", lambda: _("This must be a list.")),
    ("tuple_", lambda: _("This must be a list.")),
    ("set_", lambda: _("This must be a list.")),
    ("dict_", lambda: _("This must be an object.")),
    ("model_", lambda: _("This must be an object.")),
    ("url_", lambda: _("This must be an address, like https://example.org.")),
)


def fields_of(error: ValidationError, value: Any) -> dict[str, str]:
    """A text for each member of `value` that is wrong, under its place in it: `lines.0.amount`."""
    items = error.errors(include_input=False, include_url=False)
    return {_place(item["loc"], value): words_for(item["type"], item.get("ctx", {})) for item in items}


def words_for(kind: str, context: Context) -> str:
    """`kind`: pydantic's name of what is wrong."""
    if kind in WORDS:
        return WORDS[kind](context)
    family = next((words for prefix, words in FAMILIES if kind.startswith(prefix)), None)
    return family() if family else _("This value cannot be used.")


def _place(path: tuple[int | str, ...], value: Any) -> str:
    """Where in the value; pydantic's path goes on with the types that it tried, and with `[key]` for a key."""
    kept: list[str] = []
    for part in path:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int):
            value = value[part]
        else:
            break
        kept.append(str(part))
    return ".".join(kept) or "body"


def _plain(limit: Any) -> Any:
    """0 for the 0.0 that a limit of fractions is."""
    return int(limit) if isinstance(limit, float) and limit.is_integer() else limit


def _no_id() -> str:
    return _("This is not an id. Ids look like 01a1fd9b-3622-74de-a16a-209e529bad6f.")


def _wrong_form() -> str:
    return _("This does not have the form that is asked for.")


def _one_of(expected: str) -> str:
    """`expected` is pydantic's list: 'A', 'B' or 'C'."""
    names = expected.replace("'", "").replace(" or ", ", ")
    return _("This must be one of: %(names)s.", names=names)


def _too_short(least: int) -> str:
    if least == 1:
        return _("This must not be empty.")
    return _("This must have at least %(least)s characters.", least=least)


def _too_long(most: int) -> str:
    return ngettext("This may have at most %(num)s character.", "This may have at most %(num)s characters.", most)


def _too_few(least: int) -> str:
    return ngettext("At least %(num)s entry is needed.", "At least %(num)s entries are needed.", least)


def _too_many(most: int) -> str:
    return ngettext("At most %(num)s entry is possible.", "At most %(num)s entries are possible.", most)


def _too_many_places(most: int) -> str:
    return ngettext("At most %(num)s decimal place is possible.", "At most %(num)s decimal places are possible.", most)
