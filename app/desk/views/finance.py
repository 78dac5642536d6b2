"""Finance's home: today's money, and everything that waits for a decision (SPEC CON-4)."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask_appbuilder import expose
from flask_babel import format_date, lazy_gettext
from flask_babel import gettext as _

from app.core import clock
from app.core.errors import NotFound
from app.core.formatting import money
from app.core.money import Money
from app.core.navigation import describe_item
from app.core.principal import may, require
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.desk.queries.money import (
    DayTakings,
    owed_by_patients,
    takings_of_days,
    takings_on,
    troubled_webhooks,
    unclear_payments,
    waiting_refunds,
)
from app.desk.queries.todo import waiting_for_finance
from app.desk.views.fragments import FragmentView, in_words
from app.payments.models import RefundStatus, WebhookEvent
from app.payments.queries import get_payment, get_refund
from app.payments.services import approve_refund, ask_gateway, reject_refund, replay_webhook
from app.reports.catalogue.receivables import owed_by_age
from app.reports.words import TENDER_NAMES
from app.tenancy.queries import settings_in_scope

CHART_DAYS = 30
describe_item("FinanceView", shortcut="g f")


class FinanceView(FragmentView):
    """The page, its refreshing part, and the decisions made on it."""

    class_permission_name = "finance_home"
    route_base = "/finance"
    default_view = "home"
    menu = ("Desk", lazy_gettext("Finance"))
    menu_order = 3

    @expose("/")
    def home(self) -> str:
        self.require()
        days = takings_of_days(CHART_DAYS)
        return self.render(
            "desk/finance.html",
            today=clock.today(settings_in_scope().zone),
            per_day=_per_day(days),
            per_tender=_per_tender(days),
            **_present(),
        )

    @expose("/now")
    def now(self) -> Response:
        self.require()
        return self._show()

    @expose("/refunds/<id:refund_id>/approve", methods=["POST"])
    @in_words("#refund-problem")
    def approve(self, refund_id: str) -> Response:
        self.require()
        require("refund", "approve")
        with unit_of_work():
            refund = approve_refund(get_refund(refund_id), request.form.get("note", ""))
            paid_out, amount = refund.status == RefundStatus.SETTLED, money(refund.amount)
        if paid_out:
            return self._show(_("Approved: pay out %(amount)s now.", amount=amount))
        return self._show(_("Approved: %(amount)s is on its way to the gateway.", amount=amount))

    @expose("/refunds/<id:refund_id>/reject", methods=["POST"])
    @in_words("#refund-problem")
    def reject(self, refund_id: str) -> Response:
        self.require()
        require("refund", "reject")
        with unit_of_work():
            reject_refund(get_refund(refund_id), request.form.get("note", ""))
        return self._show(_("Rejected; the amount is free again."))

    @expose("/payments/<id:payment_id>/check", methods=["POST"])
    @in_words("#payment-problem")
    def check(self, payment_id: str) -> Response:
        """Ask the gateway now: outside any transaction, since it may take its time."""
        self.require()
        require("payment", "check")
        get_payment(payment_id)
        db.session.rollback()
        ask_gateway(payment_id)
        status = get_payment(payment_id).status
        known = status != "UNKNOWN"
        return self._show(_("The gateway has answered.") if known else _("The gateway does not know yet."))

    @expose("/webhooks/<id:webhook_event_id>/replay", methods=["POST"])
    @in_words("#webhook-problem")
    def replay(self, webhook_event_id: str) -> Response:
        self.require()
        require("webhook", "replay")
        with unit_of_work():
            webhook = db.session.get(WebhookEvent, webhook_event_id)
            if webhook is None:
                raise NotFound
            replay_webhook(webhook)
        return self._show(_("It is processed again."))

    def _show(self, said: Any = "") -> Response:
        return self.piece("desk/parts/finance_now.html", said=said, **_present())


def _present() -> dict[str, Any]:
    """What changes while one looks at it."""
    currency = settings_in_scope().currency
    tenders = takings_on(clock.today(settings_in_scope().zone))
    refunds = waiting_refunds()
    return {
        "tenders": [(TENDER_NAMES[tender.code], tender) for tender in tenders],
        "taken": Money.total((tender.net for tender in tenders), currency),
        "owed": owed_by_patients(),
        "ages": owed_by_age(),
        "waiting": waiting_for_finance(),
        "refunds": refunds,
        "refunds_total": Money.total((item.refund.amount for item in refunds), currency),
        "unclear": unclear_payments(),
        "webhooks": troubled_webhooks() if may("webhook", "read") else [],
    }


def _per_day(days: list[DayTakings]) -> dict[str, Any]:
    currency = settings_in_scope().currency
    return {
        "type": "bar",
        "labels": [format_date(day.on, "d MMM") for day in days],
        "series": [{"name": _("Takings"), "data": [float(Money(day.minor, currency).major) for day in days]}],
        "format": {"currency": currency},
    }


def _per_tender(days: list[DayTakings]) -> dict[str, Any]:
    currency = settings_in_scope().currency
    sums = {code: sum(day.by_tender.get(code, 0) for day in days) for code in TENDER_NAMES}
    used = {code: minor for code, minor in sums.items() if minor > 0}
    return {
        "type": "doughnut",
        "labels": [str(TENDER_NAMES[code]) for code in used],
        "series": [{"name": _("Takings"), "data": [float(Money(minor, currency).major) for minor in used.values()]}],
        "format": {"currency": currency},
    }
