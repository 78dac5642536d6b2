"""The base of forms on pages of our own."""

from __future__ import annotations

from flask_babel import gettext as _
from flask_wtf import FlaskForm

from app.core.errors import Invalid
from app.core.money import InvalidAmount, Money


class PageForm(FlaskForm):
    """Without a token of its own: the edge checks every cookie request's (app/access/edge.py)."""

    class Meta:
        csrf = False


def read_money(text: str | None, currency: str, field: str = "amount") -> Money:
    """An amount as it is typed. Raises Invalid."""
    try:
        return Money.parse((text or "").replace(",", "").strip(), currency)
    except InvalidAmount:
        raise Invalid(fields={field: _("This is no amount in %(currency)s.", currency=currency)}) from None
