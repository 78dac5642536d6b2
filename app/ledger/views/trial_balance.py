"""The trial balance: every account's debits and credits up to a date, and that they agree."""

from __future__ import annotations

from datetime import date

from flask import request
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext

from app.core import clock
from app.core.errors import Invalid
from app.core.views import ActionView
from app.ledger.queries import trial_balance, trial_balance_totals
from app.tenancy.queries import settings_in_scope


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


def _until(text: str | None) -> date:
    """The wanted date, today in the clinic's zone when none is given. Raises Invalid."""
    if not text:
        return clock.today(settings_in_scope().zone)
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid(_("This is not a date."), fields={"until": _("not a date")}) from None
