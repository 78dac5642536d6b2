"""The safe on screen: what should be in it, counting it, and cash to and from the bank."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import request, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext

from app.billing.denominations import CURRENCIES, checked_count
from app.billing.models import SafeCountStatus
from app.billing.services.safe import (
    count_safe,
    fetch_from_bank,
    find_safe_id,
    is_opened,
    open_safe,
    safe_balances,
    take_to_bank,
    waiting_counts,
)
from app.billing.views.cash_forms import asked_currency, form_key
from app.billing.views.counting import CountSheet
from app.billing.views.drawers import CashDeskPages
from app.core import clock
from app.core.amounts import read_money
from app.core.formatting import money
from app.core.ids import new_id
from app.core.money import Money
from app.core.tenant import db
from app.core.vocabulary import booking_name
from app.ledger.models import LedgerAccount
from app.ledger.statements import Span, StatementLine, account_statement
from app.tenancy.queries import settings_in_scope

SHOWN_DAYS = timedelta(days=7)


class SafeView(CashDeskPages):
    """One safe for the clinic; drawers take their floats out of it and are emptied into it."""

    class_permission_name = "ledger"
    route_base = "/safe"
    default_view = "overview"
    menu = ("Books", lazy_gettext("Safe"))
    menu_order = 66

    @expose("/")
    def overview(self) -> str:
        self.require()
        return self._page()

    @expose("/count", methods=["POST"])
    def count(self) -> Any:
        """The opening balance, or cash over or short."""
        self.require("create")
        currency = asked_currency()

        def deed() -> str:
            pieces, counted = checked_count(CountSheet.read(currency).count, currency)
            if request.form.get("opening"):
                return _("%(amount)s entered as the opening balance.", amount=money(open_safe(counted)))
            count = count_safe(counted, request.form.get("reason", ""), key=form_key(), pieces=pieces)
            if not count.difference:
                return _("The count fits the ledger.")
            if count.status == SafeCountStatus.COUNTED:
                return _("Counted. A second person must approve the difference.")
            return _("The difference of %(amount)s is booked.", amount=money(count.difference))

        return self.attempt(deed, self._page)

    @expose("/bank", methods=["POST"])
    def bank(self) -> Any:
        """Cash to the bank, or from it."""
        self.require("create")
        currency = asked_currency()

        def deed() -> str:
            amount, reference = read_money(request.form.get("amount"), currency), request.form.get("reference", "")
            if request.form.get("direction") == "from":
                fetch_from_bank(amount, reference, key=form_key())
                return _("%(amount)s fetched from the bank.", amount=money(amount))
            take_to_bank(amount, reference, key=form_key())
            return _("%(amount)s taken to the bank.", amount=money(amount))

        return self.attempt(deed, self._page)

    def after(self) -> str:
        return url_for("SafeView.overview", currency=asked_currency())

    def _page(self, problem: str = "") -> str:
        currency, balances, safe_id = asked_currency(), safe_balances(), find_safe_id()
        there = next((cash for cash in balances if cash.currency == currency), Money.zero(currency))
        return self.render(
            "billing/safe.html",
            there=there,
            others=[cash for cash in balances if cash.currency != currency],
            opened=is_opened(currency),
            waiting=[count for count in waiting_counts() if count.currency == currency],
            sheet=CountSheet.read(currency),
            lines=_lines(safe_id, currency) if safe_id else [],
            safe_id=safe_id,
            currencies=CURRENCIES,
            key=new_id(),
            booking_name=booking_name,
            problem=problem,
        )


def _lines(safe_id: str, currency: str) -> list[StatementLine]:
    """What was booked in the last days, the newest first."""
    today = clock.today(settings_in_scope().zone)
    account = db.session.get_one(LedgerAccount, safe_id)
    return account_statement(account, currency, Span(today - SHOWN_DAYS, today)).lines[::-1]
