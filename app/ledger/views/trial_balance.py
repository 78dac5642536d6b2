"""The trial balance: every account's debits and credits up to a date, and that they agree."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from flask import Response, request
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext

from app.audit.services import record
from app.core import clock
from app.core.errors import Invalid
from app.core.formatting import translated
from app.core.our_time import read_day
from app.core.table_files import table_file
from app.core.tenant import require_clinic
from app.core.transaction import unit_of_work
from app.core.views import ActionView
from app.ledger.models import LedgerAccount
from app.ledger.queries import trial_balance, trial_balance_totals
from app.tenancy.queries import settings_in_scope

HEADS = ("account", "name", "kind", "debit", "credit", "balance", "currency")


class TrialBalanceView(ActionView):
    """The books on one page."""

    class_permission_name = "ledger"
    route_base = "/trial-balance"
    default_view = "overview"
    menu = ("Books", lazy_gettext("Trial balance"))
    menu_order = 75

    @expose("/")
    def overview(self) -> str:
        self.require()
        until = _until(request.args.get("until"))
        lines = trial_balance(until)
        return self.render("ledger/trial_balance.html", until=until, lines=lines, totals=trial_balance_totals(lines))

    @expose("/balances.<any(csv,xlsx):kind>")
    def balances(self, kind: str) -> Response:
        """The same as a file."""
        self.require()
        until = _until(request.args.get("until"))
        with unit_of_work():
            record("exported", LedgerAccount.__tablename__, require_clinic())
        return table_file(f"trial-balance-{until}", kind, HEADS, _rows(until))


def _rows(until: date) -> Iterator[list[Any]]:
    for line in trial_balance(until):
        amounts = [line.debit, line.credit, line.balance, line.debit.currency]
        yield [line.code, translated(line.name), line.kind, *amounts]


def _until(text: str | None) -> date:
    """The wanted date, today in the clinic's zone when none is given. Raises Invalid."""
    if not text:
        return clock.today(settings_in_scope().zone)
    day = read_day(text)
    if day is None:
        raise Invalid(_("This is not a date."), fields={"until": _("not a date")})
    return day
