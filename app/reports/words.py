"""The words of what a report groups by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flask_babel import format_date, gettext
from flask_babel import lazy_gettext as _

from app.catalog.models import Service
from app.core.tenant import db
from app.core.vocabulary import kind_name
from app.people.models import Doctor
from app.tenancy.models import Location

TENDER_NAMES = {
    "CASH": _("Cash"),
    "UPI_CLEARING": _("UPI"),
    "CARD_CLEARING": _("Card terminal"),
    "GATEWAY_CLEARING": _("Online"),
    "CHEQUE_CLEARING": _("Cheque"),
    "BANK": _("Bank transfer"),
}
MODELS: dict[str, Any] = {"doctor": Doctor, "location": Location, "service": Service}
WORDS: dict[str, Callable[[Any], str]] = {
    "day": lambda key: format_date(key, "EEE d MMM yyyy"),
    "month": lambda key: format_date(key, "MMMM yyyy"),
    "method": lambda key: str(TENDER_NAMES[key]),
    "provider": lambda key: str(kind_name(key)),
}


def names_of(group_by: str, keys: Sequence[Any]) -> Callable[[Any], str]:
    """A function from a key of the grouping to its words."""
    model = MODELS.get(group_by)
    if model is None:
        return WORDS[group_by]
    wanted = model.id.in_([key for key in keys if key])
    known = {row.id: str(row) for row in db.session.query(model).filter(wanted)}
    return lambda key: known.get(key) or gettext("None named")
