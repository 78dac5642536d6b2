"""How values are written on screens: money, times in the clinic's zone, statuses as pills. Also Jinja filters.

The locale and the zone come from Flask-Babel (app/core/i18n.py decides both); times go in as aware UTC.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from babel import Locale
from babel.dates import format_date, format_datetime, format_interval, format_time
from babel.numbers import format_currency, format_decimal
from flask import Flask
from flask_babel import get_locale, get_timezone
from flask_babel import gettext as _
from markupsafe import Markup, escape
from phonenumbers import NumberParseException, PhoneNumberFormat, format_number, parse

from app.core import clock
from app.core.money import Money
from app.core.vocabulary import kind_name, label_of, role_name, tone_of

NOTHING = "–"
NO_BREAK_SPACE = "\u00a0"
CODE = re.compile(r"[A-Z][A-Z0-9]+(_[A-Z0-9]+)*")
CODE_COLUMNS = frozenset(
    (
        "role",
        "type",
        "kind",
        "gender",
        "category",
        "priority",
        "channel",
        "method",
        "tender",
        "destination",
        "direction",
        "outcome",
        "appointment_type",
        "interval",
    )
)
IDENTIFIER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{64}")


def init_app(app: Flask) -> None:
    app.jinja_env.filters.update(
        money=money,
        number=number,
        clock_time=clock_time,
        day=day,
        date=full_date,
        moment=moment,
        span=span,
        period=period,
        minutes=minutes,
        phone=phone,
        initials=initials,
        pill=status_pill,
        display=display,
        display_column=display_column,
        translated=translated,
        is_number=is_number,
        role_name=role_name,
        kind_name=kind_name,
    )
    app.jinja_env.globals.update(pill=pill, clinic_zone=lambda: str(get_timezone()))


def money(value: Money | int | None, currency: str | None = None) -> str:
    """'₹ 1,84,000.00': the reader's grouping, the currency's decimals. An int counts minor units of `currency`."""
    if value is None:
        return NOTHING
    amount = value if isinstance(value, Money) else Money(value, currency or "")
    locale = _locale()
    pattern = locale.currency_formats["standard"].pattern.replace("¤#", f"¤{NO_BREAK_SPACE}#")
    return format_currency(amount.major, amount.currency, pattern, locale=locale)


def number(value: int | float | Decimal | None) -> str:
    return NOTHING if value is None else format_decimal(value, locale=_locale())


def clock_time(value: datetime | time | None) -> Markup | str:
    """'09:30', 24 hours: columns of times line up."""
    if value is None:
        return NOTHING
    if isinstance(value, time):
        return format_time(value, "HH:mm", locale=_locale())
    local = _local(value)
    return _time_element(value, format_time(local, "HH:mm", locale=_locale()))


def day(value: datetime | date | None) -> Markup | str:
    """'Fri 20 Nov', with the year when it is not this one."""
    if value is None:
        return NOTHING
    on = _local_date(value)
    skeleton = "EEE d MMM" if on.year == _today().year else "EEE d MMM yyyy"
    return _time_element(on, format_date(on, skeleton, locale=_locale()))


def full_date(value: datetime | date | None) -> Markup | str:
    """'20 Nov 2026': births, due dates, anything that is read long after."""
    if value is None:
        return NOTHING
    on = _local_date(value)
    return _time_element(on, format_date(on, "d MMM yyyy", locale=_locale()))


def day_mark(on: date) -> str:
    """'20 Nov', with the year when it is not this one: below an axis."""
    return str(format_date(on, "d MMM" if on.year == _today().year else "d MMM yyyy", locale=_locale()))


def month_mark(on: date) -> str:
    """'Nov 2026': below an axis."""
    return str(format_date(on, "MMM yyyy", locale=_locale()))


def moment(value: datetime | None) -> Markup | str:
    """'20 Nov, 09:30' in the clinic's zone, with the year when it is not this one."""
    if value is None:
        return NOTHING
    local = _local(value)
    pattern = "d MMM, HH:mm" if local.year == _today().year else "d MMM yyyy, HH:mm"
    return _time_element(value, format_datetime(local, pattern, locale=_locale()))


def plain(text: Markup | str) -> str:
    """The words without their elements, for titles and choices."""
    return text.striptags() if isinstance(text, Markup) else text


def span(starts_at: datetime, ends_at: datetime) -> Markup:
    """'09:30–09:45'."""
    return Markup("{}–{}").format(clock_time(starts_at), clock_time(ends_at))


def period(starts_at: datetime, ends_at: datetime) -> Markup:
    """'22–24 Dec' of whole days in the clinic's zone, '22 Dec, 09:00–12:00' within a day, both moments otherwise."""
    first, end = _local(starts_at), _local(ends_at)
    if first.time() == end.time() == time():
        return _days(first.date(), end.date() - timedelta(days=1))
    if first.date() == end.date():
        return Markup("{}–{}").format(moment(starts_at), clock_time(ends_at))
    return Markup("{} – {}").format(moment(starts_at), moment(ends_at))


def _days(first: date, last: date) -> Markup:
    skeleton = "MMMd" if first.year == last.year == _today().year else "yMMMd"
    return Markup("{}").format(format_interval(first, last, skeleton, locale=_locale()))


def minutes(value: timedelta | float | None) -> str:
    """'18 min', '1 h 05 min'. A number counts seconds."""
    if value is None:
        return NOTHING
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    hours, rest = divmod(round(seconds / 60), 60)
    if hours:
        return _("%(hours)s h %(minutes)s min", hours=hours, minutes=f"{rest:02d}")
    return _("%(minutes)s min", minutes=rest)


def phone(value: str | None) -> str:
    """'+91 98450 12345' of a stored E.164 number; anything else as it is."""
    if not value or not value.startswith("+"):
        return value or NOTHING
    try:
        return format_number(parse(value), PhoneNumberFormat.INTERNATIONAL)
    except NumberParseException:
        return value


def initials(name: str | None) -> str:
    """'KN' for 'Kavya Nair', for the round face beside a name."""
    words = [word for word in (name or "").split() if word[0].isalpha()]
    return "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)).upper()


def pill(text: object, tone: str = "") -> Markup:
    """A word in a coloured pill; tone is ok, warn, bad, info or empty."""
    return Markup('<span class="pill {}">{}</span>').format(tone, text)


def status_pill(status: str | Enum | None, label: object = None) -> Markup | str:
    """The pill of a stored status, its word translated; `label` replaces the word."""
    if status is None or status == "":
        return NOTHING
    code = str(status.value if isinstance(status, Enum) else status)
    return pill(label if label is not None else label_of(code), tone_of(code))


def display(value: Any) -> Any:
    """Any column value, for screens that know nothing about it: what generated lists and records fall back on."""
    if isinstance(value, Markup):
        return value
    if value is None or (not value and isinstance(value, str | dict | list | tuple | set)):
        return Markup('<span class="none">{}</span>').format(NOTHING)
    if isinstance(value, bool):
        return _("Yes") if value else Markup('<span class="none">{}</span>').format(_("No"))
    return _display_by_type(value)


def display_column(value: Any, column: str, *, short: bool = False) -> Any:
    """Like `display`, and a code in a column whose name says what it is becomes words; `short` cuts ids for lists."""
    if not isinstance(value, str) or not value or isinstance(value, Enum | Markup):
        return display(value)
    name = column.rpartition(".")[2]
    if _is_status(name):
        return status_pill(value)
    if name == "phone":
        return phone(value)
    if name in CODE_COLUMNS and CODE.fullmatch(value):
        return word_of(value, name)
    return _identifier(value, short) if IDENTIFIER.fullmatch(value) else value


def word_of(code: str, column: str) -> str:
    """A code by the name of its column, like `display_column`, as text."""
    name = column.rpartition(".")[2]
    if not CODE.fullmatch(code):
        return code
    if _is_status(name):
        return label_of(code)
    if name == "role":
        return str(role_name(code))
    return str(kind_name(code)) if name in CODE_COLUMNS else code


def _is_status(name: str) -> bool:
    return name == "status" or name.endswith("_status")


def translated(words: Any) -> str:
    """Words made by a program (a column's name, FAB's messages) in the reader's language, where it is known."""
    return _(str(words))


def is_number(value: Any) -> bool:
    """Whether a list column of such values is set flush right."""
    return isinstance(value, int | float | Decimal | Money) and not isinstance(value, bool)


def _display_by_type(value: Any) -> Any:
    match value:
        case Money():
            return money(value)
        case datetime():
            return moment(value)
        case date():
            return full_date(value)
        case time():
            return clock_time(value)
        case timedelta():
            return minutes(value)
        case Enum():
            return status_pill(value)
        case int() | float() | Decimal():
            return number(value)
        case dict():
            return _pairs(value)
        case list() | tuple() | set() | frozenset():
            return _joined(value)
    return value


def _joined(values: Iterable[Any]) -> Markup:
    return Markup(", ").join(escape(display(value)) for value in values)


def _pairs(values: dict[str, Any]) -> Markup:
    """A stored document, line by line; [old, new] reads 'old → new'."""
    line = Markup("<li><b>{}</b> {}</li>")
    return Markup('<ul class="pairs">{}</ul>').format(
        Markup("").join(line.format(key, _document_value(value)) for key, value in values.items())
    )


def _document_value(value: Any) -> Any:
    if isinstance(value, list) and len(value) == 2:
        return Markup("{} → {}").format(*(_document_value(part) for part in value))
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else display(value)


def _identifier(value: str, short: bool) -> Markup:
    shown = f"…{value[-8:]}" if short else value
    return Markup('<code class="id" title="{}">{}</code>').format(value, shown)


def _time_element(value: datetime | date, text: str) -> Markup:
    return Markup('<time datetime="{}">{}</time>').format(value.isoformat(), text)


def _locale() -> Locale:
    return get_locale() or Locale("en", "IN")


def _local(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time without a zone cannot be shown")
    return value.astimezone(get_timezone())


def _local_date(value: datetime | date) -> date:
    return _local(value).date() if isinstance(value, datetime) else value


def _today() -> date:
    return clock.now().astimezone(get_timezone()).date()
