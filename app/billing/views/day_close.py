"""The close of a day: checklist, two totals, the button, and the days that are closed."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import date
from typing import Any

from flask import Response, flash, redirect, request, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from sqlalchemy import select

from app.audit.services import record
from app.billing.models import DayClose
from app.billing.services.day_close import close_day, day_to_close, state_of_day, totals_of
from app.billing.services.day_papers import day_close_pdf
from app.billing.services.safe import safe_balances
from app.core import clock
from app.core.errors import AppError, Invalid, NotFound
from app.core.money import Money
from app.core.our_time import read_day
from app.core.principal import may
from app.core.spreadsheet import CSV, UTF8_MARK
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.core.views import ActionView
from app.ledger.services import closed_until
from app.tenancy.queries import settings_in_scope

HISTORY = 14
SUMS = ("float", "taken", "refunded", "paid_in", "paid_out", "expected", "counted")

# What a check says when it is passed, and when it is not.
WORDS = {
    "EARLIER_DAYS": (lazy_gettext("Earlier days are closed"), lazy_gettext("Earlier days are not closed yet")),
    "DRAWERS": (lazy_gettext("All drawers are closed"), lazy_gettext("Drawers are not closed, or differ")),
    "HANDOVERS": (lazy_gettext("No handover waits"), lazy_gettext("A handover was not accepted yet")),
    "SAFE": (lazy_gettext("No difference of the safe waits"), lazy_gettext("The safe differs: somebody must decide")),
    "UNKNOWN_PAYMENTS": (lazy_gettext("Every payment is clear"), lazy_gettext("Payments with unknown outcome")),
    "TOTALS": (lazy_gettext("The two totals agree"), lazy_gettext("Alarm: the two totals differ")),
    "OUT_OF_STEP": (lazy_gettext("Every payment is recorded"), lazy_gettext("Payments that differ from their record")),
}


def _drawers(_id: str) -> str:
    return url_for("CashDrawerView.show", pk=_id)


LINKS: dict[str, Callable[[str], str]] = {
    "EARLIER_DAYS": lambda day: url_for("DayCloseView.overview", day=day),
    "DRAWERS": _drawers,
    "HANDOVERS": lambda handover_id: url_for("DrawerHandoverView.show", pk=handover_id),
    "SAFE": lambda count_id: url_for("SafeCountView.show", pk=count_id),
    "UNKNOWN_PAYMENTS": lambda payment_id: url_for("PaymentView.show", pk=payment_id),
    "TOTALS": lambda _channel: "#totals-title",
    "OUT_OF_STEP": lambda payment_id: url_for("PaymentView.show", pk=payment_id),
}


class DayCloseView(ActionView):
    """One page for the day that is to be closed, one for each that is."""

    class_permission_name = "day_close"
    route_base = "/day-close"
    default_view = "overview"
    menu = ("Books", lazy_gettext("Day close"))
    menu_order = 67

    @expose("/")
    def overview(self) -> str:
        self.require()
        return self._page(_day(request.args.get("day")))

    @expose("/close", methods=["POST"])
    def close(self) -> Any:
        self.require("create")
        on = _day(request.form.get("day"))
        try:
            with unit_of_work():
                done = close_day(on)
                number, close_id = done.number, done.id
        except AppError as error:
            return self._page(on, str(error.message)), error.status
        flash(_("The day is closed: %(number)s.", number=number), "success")
        return redirect(url_for(".closed", close_id=close_id))

    @expose("/<id:close_id>")
    def closed(self, close_id: str) -> str:
        self.require()
        close = _close(close_id)
        drawers = [_with_money(drawer) for drawer in close.drawers]
        safe = safe_balances(close.business_on)
        return self.render("billing/day_closed.html", close=close, totals=totals_of(close), drawers=drawers, safe=safe)

    @expose("/<id:close_id>.pdf")
    def paper(self, close_id: str) -> Response:
        """What was closed, on A4; every copy says the same."""
        self.require()
        close = _close(close_id)
        return _file(day_close_pdf(close), "application/pdf", f"{close.number}.pdf", "inline")

    @expose("/<id:close_id>.csv")
    def sheet(self, close_id: str) -> Response:
        """The two totals, line by line."""
        self.require()
        close = _close(close_id)
        with unit_of_work():
            record("exported", DayClose.__tablename__, close.id)
        return _file((UTF8_MARK + _csv(close)).encode(), CSV, f"{close.number}.csv", "attachment")

    def _page(self, on: date, problem: str = "") -> str:
        today = clock.today(settings_in_scope().zone)
        state, until = state_of_day(on), closed_until()
        history = select(DayClose).order_by(DayClose.business_on.desc()).limit(HISTORY)
        links = LINKS if may("payment", "read") else dict.fromkeys(LINKS, lambda _id: "")
        return self.render(
            "billing/day_close.html",
            state=state,
            drawers=[_with_money(drawer) for drawer in state.drawers],
            closed=until is not None and on <= until,
            done=db.session.scalar(select(DayClose).where(DayClose.business_on == on)),
            today=today,
            history=list(db.session.scalars(history)),
            words=WORDS,
            links=links,
            problem=problem,
        )


def _day(text: str | None) -> date:
    """The wanted day, else the oldest that is to be closed. Raises Invalid."""
    if not text:
        return day_to_close()
    day = read_day(text)
    if day is None:
        raise Invalid(_("This is not a date."), fields={"day": _("not a date")})
    return day


def _close(close_id: str) -> DayClose:
    close = db.session.get(DayClose, close_id)
    if close is None:
        raise NotFound
    return close


def _with_money(drawer: dict[str, Any]) -> dict[str, Any]:
    """The kept minor units as amounts."""
    sums = {name: drawer[f"{name}_minor"] for name in SUMS}
    amounts = {name: None if minor is None else Money(minor, drawer["currency"]) for name, minor in sums.items()}
    there, counted = amounts["expected"], amounts["counted"]
    difference = counted - there if there is not None and counted is not None else None
    return {**drawer, **amounts, "difference": difference}


def _csv(close: DayClose) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(
        ["number", "day", "tender", "currency", "taken", "given_back", "net", "ledger_taken", "ledger_given_back",
         "ledger_net"]
    )  # fmt: skip
    for line in totals_of(close):
        ledger = (Money(line.ledger_taken_minor, line.currency), Money(line.ledger_given_back_minor, line.currency))
        amounts = (line.taken, line.given_back, line.net, *ledger, line.ledger_net)
        row = [close.number, close.business_on.isoformat(), line.channel, line.currency]
        writer.writerow([*row, *(amount.major for amount in amounts)])
    return buffer.getvalue()


def _file(content: bytes, mime_type: str, name: str, disposition: str) -> Any:
    safe = name.replace("/", "-")
    headers = {"Content-Disposition": f'{disposition}; filename="{safe}"', "Cache-Control": "private, no-store"}
    return Response(content, mimetype=mime_type, headers=headers)
