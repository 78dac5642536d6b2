"""Reconciliation on screen: what the gateways paid out, the runs that compared it, and what does not fit."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, url_for
from flask_appbuilder import expose
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import func

from app.core.errors import AppError, NotFound
from app.core.formatting import status_pill
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.core.views import ActionView, Chart, ReadOnlyView, monthly, row_action
from app.core.views.datamodel import find_own
from app.core.vocabulary import in_words, kind_name, label_of
from app.payments.forms import AnswerForm, ReconcileForm
from app.payments.models import (
    Dispute,
    ExceptionKind,
    ExceptionStatus,
    ReconciliationException,
    ReconciliationRun,
    RunStatus,
    Settlement,
    SettlementEntry,
)
from app.payments.services import accept_fee, answer_difference, cancel_run, look_again, plan_run

SUMS = {
    "gross": _("Paid by patients"),
    "fee": _("Fee"),
    "net": _("Paid out"),
    "settled_at": _("Paid out at"),
    "gateway_id": _("Gateway's number"),
}


class SettlementEntryView(ReadOnlyView):
    """The lines of a settlement."""

    model = SettlementEntry
    class_permission_name = "reconciliation"
    list_title = _("Lines of settlements")
    list_columns = ["kind", "gateway_id", "payment", "gross", "fee", "net", "settled_at"]
    order_columns = ["settled_at", "kind"]
    show_columns = ["settlement", "kind", "gateway_id", "order_id", "payment", "gross", "fee", "net", "settled_at"]
    search_columns = ["kind", "gateway_id", "order_id", "settled_at"]
    label_columns = {**SUMS, "settlement": _("Settlement"), "kind": _("About")}
    formatters_columns = {"kind": kind_name}


class SettlementView(ReadOnlyView):
    """Every transfer of a gateway to the bank."""

    model = Settlement
    class_permission_name = "reconciliation"
    menu = ("Payments", _("Settlements"))
    menu_order = 62
    list_title = _("Settlements")
    list_columns = ["settled_at", "provider", "settlement_id", "gross", "fee", "net", "bank_reference"]
    order_columns = ["settled_at", "provider"]
    base_order = ("settled_at", "desc")
    show_columns = list_columns
    search_columns = ["provider", "settlement_id", "bank_reference", "settled_at"]
    label_columns = {**SUMS, "settlement_id": _("Settlement"), "bank_reference": _("Bank's reference")}
    formatters_columns = {"provider": kind_name}
    related_views = [SettlementEntryView]
    charts = (
        monthly(
            "month",
            _("Paid out by month"),
            Settlement.settled_at,
            value=lambda: func.sum(Settlement.net_minor),
            value_name=_("Paid out"),
            minor=True,
        ),
    )


class ReconciliationRunView(ReadOnlyView):
    """What was compared, when, and what came of it."""

    model = ReconciliationRun
    class_permission_name = "reconciliation"
    menu = ("Payments", _("Reconciliations"))
    menu_order = 63
    list_title = _("Reconciliations")
    lede = _("Each night, and whenever somebody asks, the gateways' lists are compared with the books.")
    list_template = "payments/reconciliation_runs.html"
    show_template = "payments/reconciliation_run.html"
    list_columns = ["created_at", "provider", "first_on", "last_on", "status", "line_count", "found_count"]
    order_columns = ["created_at", "status", "provider", "found_count"]
    show_columns = [*list_columns, "finished_at", "attempts", "next_at", "error"]
    search_columns = ["provider", "status", "first_on", "last_on"]
    label_columns = {
        "first_on": _("From"),
        "last_on": _("Until"),
        "line_count": _("Lines"),
        "found_count": _("Exceptions"),
        "error": _("Failure"),
    }
    formatters_columns = {"provider": kind_name}
    charts = (Chart("status", _("Reconciliations by status"), lambda: ReconciliationRun.status, kind="doughnut"),)

    @row_action(
        "cancel",
        _("Stop"),
        confirm=_("Stop? Nothing is compared then; the books stay as they are."),
        multiple=False,
        when=lambda run: run.status == RunStatus.PLANNED,
    )
    def cancel(self, run: ReconciliationRun) -> Any:
        cancel_run(run.id)
        return _("Stopped. What the gateway still answers is not taken in.")


def _is_open(difference: ReconciliationException) -> bool:
    return difference.status == ExceptionStatus.OPEN


class ReconciliationExceptionView(ReadOnlyView):
    """What a gateway's list and the books tell differently."""

    model = ReconciliationException
    class_permission_name = "reconciliation"
    menu = ("Payments", _("Exceptions"))
    menu_order = 64
    list_title = _("Exceptions")
    lede = _("Where a gateway's list and the books differ. Each stays until it fits or somebody answers for it.")
    show_template = "payments/reconciliation_exception.html"
    list_columns = ["created_at", "provider", "kind", "gateway_id", "payment", "expected", "found", "status"]
    order_columns = ["created_at", "kind", "status"]
    show_columns = [
        "kind",
        "status",
        "provider",
        "gateway_id",
        "order_id",
        "settlement_id",
        "payment",
        "expected",
        "found",
        "created_at",
        "answered_at",
        "note",
    ]
    search_columns = ["status", "kind", "provider", "gateway_id", "order_id", "settlement_id", "created_at"]
    label_columns = {
        **SUMS,
        "kind": _("Difference"),
        "expected": _("Books say"),
        "found": _("Gateway says"),
        "settlement_id": _("Settlement"),
        "order_id": _("Gateway's order"),
    }
    formatters_columns = {"kind": label_of, "provider": kind_name}
    charts = (
        Chart("kind", _("Exceptions by kind"), lambda: ReconciliationException.kind, kind="doughnut"),
        Chart("status", _("Exceptions by status"), lambda: ReconciliationException.status, kind="doughnut"),
    )

    @row_action("look-again", _("Look again"), steps=True, when=_is_open)
    def ask_again(self, exception_id: str) -> Any:
        return _("It fits now.") if look_again(exception_id) else _("The gateway was asked; it still differs.")

    @row_action(
        "accept-fee",
        _("Accept the gateway's fee"),
        confirm=_("Book the fee that the gateway kept?"),
        when=lambda difference: _is_open(difference) and difference.kind == ExceptionKind.WRONG_FEE,
    )
    def accept(self, difference: ReconciliationException) -> Any:
        accept_fee(difference)
        return _("Booked.")


class DisputeView(ReadOnlyView):
    """Payments that the payer's bank questions."""

    model = Dispute
    class_permission_name = "reconciliation"
    menu = ("Payments", _("Disputes"))
    menu_order = 65
    list_title = _("Disputes")
    list_columns = ["created_at", "payment", "amount", "state", "reason", "respond_by"]
    order_columns = ["created_at", "state", "respond_by"]
    show_columns = ["payment", "amount", "state", "reason", "phase", "respond_by", "closed_at", "gateway_dispute_id"]
    search_columns = ["state", "reason", "gateway_dispute_id", "respond_by", "created_at"]
    formatters_columns = {"state": status_pill, "reason": in_words, "phase": in_words}
    label_columns = {
        "state": _("State"),
        "respond_by": _("Answer the gateway by"),
        "closed_at": _("Closed"),
        "gateway_dispute_id": _("Gateway's number"),
    }
    charts = (
        Chart("state", _("Disputes by state"), lambda: Dispute.state, kind="doughnut"),
        monthly("month", _("Disputes by month"), Dispute.created_at),
    )


class ReconcilingView(ActionView):
    """Ask for a comparison; answer a difference."""

    class_permission_name = "reconciliation"
    route_base = "/reconciliation"

    @expose("/new", methods=["GET", "POST"])
    def new(self) -> Any:
        self.require("create")
        form, problem = ReconcileForm(), ""
        if form.validate_on_submit():
            try:
                with unit_of_work():
                    plan_run(form.account.data, form.first_on.data, form.last_on.data)
                flash(gettext("The lists are being fetched and compared."), "success")
                return redirect(url_for("ReconciliationRunView.list"))
            except AppError as error:
                problem = " ".join([str(error.message), *(str(text) for text in (error.fields or {}).values())])
        page = self.render("payments/reconcile.html", form=form, problem=problem)
        return (page, 422) if problem or form.errors else page

    @expose("/exceptions/<id:reconciliation_exception_id>/answer", methods=["GET", "POST"])
    def answer(self, reconciliation_exception_id: str) -> Any:
        self.require("update")
        form, problem = AnswerForm(), ""
        difference = find_own(ReconciliationException, reconciliation_exception_id)
        if difference is None:
            raise NotFound
        if form.validate_on_submit():
            try:
                with unit_of_work():
                    row = db.session.get_one(ReconciliationException, reconciliation_exception_id, with_for_update=True)
                    answer_difference(row, ExceptionStatus(form.status.data), form.note.data or "")
                flash(gettext("Noted."), "success")
                return redirect(url_for("ReconciliationExceptionView.show", pk=difference.id))
            except AppError as error:
                problem = str(error.message)
        page = self.render("payments/answer_exception.html", form=form, problem=problem, difference=difference)
        return (page, 422) if problem or form.errors else page
