"""Cards, UPI and cheques on screen: what waits for the bank, and entering what reached it."""

from __future__ import annotations

from typing import Any

from flask import request, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext

from app.billing.denominations import CURRENCIES
from app.billing.services.clearing import clear_tender, latest_clearings, waiting_tenders
from app.billing.views.cash_forms import asked_currency, form_key
from app.billing.views.drawers import CashDeskPages
from app.core.amounts import read_money
from app.core.formatting import money
from app.core.ids import new_id
from app.core.money import Money

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
        currency, form = asked_currency(), request.form

        def deed() -> str:
            amount = read_money(form.get("amount"), currency)
            kept = read_money(form.get("kept") or "0", currency, "kept")
            clear_tender(form.get("tender", ""), amount, kept, form.get("reference", ""), key=form_key())
            return _("%(amount)s booked on the bank.", amount=money(amount))

        return self.attempt(deed, self._page)

    def after(self) -> str:
        return url_for("ClearingView.overview", currency=asked_currency())

    def _page(self, problem: str = "") -> str:
        currency = asked_currency()
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
