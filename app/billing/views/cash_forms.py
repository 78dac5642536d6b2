"""What the forms of the cash desk send beside their amounts."""

from __future__ import annotations

from flask import request
from flask_babel import gettext as _

from app.billing.denominations import CURRENCIES
from app.core.errors import Invalid
from app.core.ids import is_id
from app.tenancy.queries import settings_in_scope


def asked_currency() -> str:
    """The currency that the page is about: the one that is named, or the clinic's own."""
    asked = request.values.get("currency", "")
    return asked if asked in CURRENCIES else settings_in_scope().currency


def form_key() -> str:
    """Names the form that was drawn, so that two clicks are one deed. Raises Invalid."""
    key = request.form.get("key", "")
    if not is_id(key):
        raise Invalid(fields={"key": _("Load the page again.")})
    return key
