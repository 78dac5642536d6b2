"""Cards, UPI and cheques on screen: what waits for the bank, and entering what reached it."""

from __future__ import annotations

from typing import Any

from flask import request, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext

from app.billing.denominations import CURRENCIES
from app.billing.services.clearing import clear_tender, latest_clearings, waiting_tenders
from app.billing.views.drawers import CashDeskPages
from app.core.errors import Invalid
from app.core.formatting import money
from app.core.ids import is_id, new_id
from app.core.money import Money
from app.core.page_form import read_money
from app.tenancy.queries import settings_in_scope

SHOWN = 30


class ClearingView(CashDeskPages):
    """What was taken by card, UPI and cheque, until the bank has it."""

    class_permission_name = "ledger"
    route_base = "/bank"
    default_view = "overview"
    menu = ("Books", lazy_gettext("Cards, UPI, cheques"))
    menu_order = 66

    @expose("/")
    def overview(self) -> str:
        self.require()
        return self._page()

    @expose("/received", methods=["POST"])
    def received(self) -> Any:
        """The bank has it."""
        self.require("create")
        currency, form = _currency(), request.form

        def deed() -> str:
            amount = read_money(form.get("amount"), currency)
            kept = read_money(form.get("kept") or "0", currency, "kept")
            clear_tender(form.get("tender", ""), amount, kept, form.get("reference", ""), key=_key())
            return _("%(amount)s booked on the bank.", amount=money(amount))

        return self.attempt(deed, self._page)

    def after(self) -> str:
        return url_for("ClearingView.overview", currency=_currency())

    def _page(self, problem: str = "") -> str:
        currency = _currency()
        waiting = waiting_tenders(currency)
        return self.render(
            "billing/clearing.html",
            waiting=waiting,
            total=Money.total((item.amount for item in waiting), currency),
            clearings=latest_clearings(currency, SHOWN),
            currency=currency,
            currencies=CURRENCIES,
            key=new_id(),
            problem=problem,
        )


def _currency() -> str:
    asked = request.values.get("currency", "")
    return asked if asked in CURRENCIES else settings_in_scope().currency


def _key() -> str:
    """Names the form that was drawn, so that two clicks are one deed. Raises Invalid."""
    key = request.form.get("key", "")
    if not is_id(key):
        raise Invalid(fields={"key": _("Load the page again.")})
    return key
