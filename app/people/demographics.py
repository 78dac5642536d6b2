"""Reads what people write about a patient into the forms that we store, and says per field what cannot be right."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Any

from babel import Locale
from email_validator import EmailNotValidError, validate_email
from flask_babel import gettext as _
from flask_babel import lazy_gettext

from app.core.search import InvalidPhone, normalise_name, parse_phone
from app.people.models import ContactChannel, Gender

OLDEST_YEARS = 130
MOST_LABELS = 20
LONGEST_LABEL = 120
LENGTHS = {
    "first_name": 80,
    "last_name": 80,
    "address": 500,
    "city": 80,
    "state": 80,
    "postal_code": 20,
    "phone": 60,
    "email": 254,
    "source_id": 100,
}
LABELS = {
    "first_name": lazy_gettext("First name"),
    "last_name": lazy_gettext("Last name"),
    "date_of_birth": lazy_gettext("Date of birth"),
    "deceased_on": lazy_gettext("Deceased on"),
    "gender": lazy_gettext("Gender"),
    "phone": lazy_gettext("Phone"),
    "email": lazy_gettext("E-mail"),
    "address": lazy_gettext("Address"),
    "city": lazy_gettext("City"),
    "state": lazy_gettext("State"),
    "postal_code": lazy_gettext("Postal code"),
    "country": lazy_gettext("Country"),
    "language": lazy_gettext("Language"),
    "preferred_channel": lazy_gettext("Preferred channel"),
    "tags": lazy_gettext("Tags"),
    "alerts": lazy_gettext("Alerts"),
    "source_id": lazy_gettext("Source id"),
}
_GENDERS = {"f": "female", "m": "male", "o": "other", "u": "unknown", "": "unknown"}


class Unreadable(ValueError):
    """The value cannot be what it should be; the text is for its author and does not repeat the value."""


def read_all(values: dict[str, Any], region: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Values in their stored forms, and a text for each field that could not be read (those are left out)."""
    read: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, value in values.items():
        try:
            read[name] = _READERS.get(name, _as_it_is)(_fitting(name, value), region)
        except Unreadable as problem:
            problems[name] = _say(name, str(problem))
    return read, problems


def problems_between(values: dict[str, Any], today: date) -> dict[str, str]:
    """What is wrong with dates that are readable by themselves."""
    born, died = values.get("date_of_birth"), values.get("deceased_on")
    problems = {}
    if born and (born > today or born.year < today.year - OLDEST_YEARS):
        problems["date_of_birth"] = _say("date_of_birth", _("in the future or too long ago"))
    if died and (died > today or (born and died < born)):
        problems["deceased_on"] = _say("deceased_on", _("in the future or before the birth"))
    return problems


def _say(name: str, problem: str) -> str:
    return f"{LABELS.get(name, name)}: {problem}"


def _fitting(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = " ".join(value.split()) if name != "address" else value.strip()
    if "\x00" in text:
        raise Unreadable(_("has characters that cannot be stored"))
    if len(text) > LENGTHS.get(name, 400):
        raise Unreadable(_("longer than %(limit)s characters", limit=LENGTHS.get(name, 400)))
    return text


def _as_it_is(value: Any, _region: str) -> Any:
    return value


def read_text(value: Any, _region: str = "") -> str:
    return " ".join(str(value or "").split())


def read_name(value: Any, _region: str = "") -> str:
    if not value or not normalise_name(value):
        raise Unreadable(_("missing"))
    return str(value)


def read_date(value: Any, _region: str = "") -> date | None:
    if isinstance(value, date) or not value:
        return value or None
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        raise Unreadable(_("not a date like 1985-07-20"))
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise Unreadable(_("not a date like 1985-07-20")) from None


def read_phone(value: Any, region: str) -> str | None:
    """E.164, or None for nothing."""
    if not value:
        return None
    try:
        return parse_phone(value, region)
    except InvalidPhone:
        raise Unreadable(_("no telephone number that can be dialled")) from None


def read_email(value: Any, _region: str = "") -> str | None:
    if not value:
        return None
    try:
        return validate_email(value, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError:
        raise Unreadable(_("no e-mail address")) from None


def read_gender(value: Any, _region: str = "") -> str:
    """FHIR's code, from the code, its initial or its upper case."""
    word = (value or "").strip().lower()
    word = _GENDERS.get(word, word)
    if word not in set(Gender):
        raise Unreadable(_("none of: %(choices)s", choices=", ".join(Gender)))
    return word


def read_channel(value: Any, _region: str = "") -> str:
    word = (value or ContactChannel.WHATSAPP).upper()
    if word not in set(ContactChannel):
        raise Unreadable(_("none of: %(choices)s", choices=", ".join(ContactChannel)))
    return str(word)


def read_language(value: Any, _region: str = "") -> str:
    """The ISO 639 code of a code or an English name; a dialect in brackets is passed over."""
    word = re.sub(r"\s*\(.*\)$", "", value or "en").strip().lower().replace("_", "-")
    code = word.partition("-")[0]
    if code in _language_codes():
        return code
    if word not in _languages_by_name():
        raise Unreadable(_("no language that we know"))
    return _languages_by_name()[word]


def read_country(value: Any, _region: str = "") -> str | None:
    """ISO 3166 of two letters."""
    if not value:
        return None
    code = str(value).upper()
    if len(code) != 2 or code not in Locale("en").territories:
        raise Unreadable(_("no country code like IN"))
    return code


def read_labels(value: Any, _region: str = "") -> list[str]:
    """Tags and alerts: short texts, each once, in the order given."""
    texts: list[str] = [read_text(item) for item in value or ()]
    labels = list(dict.fromkeys(text for text in texts if text))
    if len(labels) > MOST_LABELS or any(len(label) > LONGEST_LABEL for label in labels):
        raise Unreadable(_("too many or too long entries"))
    return labels


@cache
def _language_codes() -> frozenset[str]:
    return frozenset(_languages_by_name().values())


@cache
def _languages_by_name() -> dict[str, str]:
    names: dict[str, str] = dict(Locale("en").languages)
    return {name.lower(): code for code, name in names.items() if len(code) <= 3}


_READERS: dict[str, Callable[[Any, str], Any]] = {
    "first_name": read_name,
    **dict.fromkeys(("last_name", "city", "state", "postal_code"), read_text),
    "address": lambda value, _region: value or "",
    "date_of_birth": read_date,
    "deceased_on": read_date,
    "phone": read_phone,
    "email": read_email,
    "gender": read_gender,
    "language": read_language,
    "preferred_channel": read_channel,
    "country": read_country,
    "tags": read_labels,
    "alerts": read_labels,
}
