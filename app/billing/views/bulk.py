"""Issuing many invoices: the order, the live progress, the rows that failed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import flash, redirect, request, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext

from app.billing.forms import BulkForm
from app.billing.jobs.bulk import issue_in_bulk
from app.billing.models import UNFINISHED, BulkInvoiceItem, BulkInvoiceRun, BulkKind
from app.billing.services.bulk import cancel_run, retry_failures, start_bulk_drafts, start_bulk_visits
from app.core import clock
from app.core.errors import AppError, Invalid, NotFound
from app.core.transaction import unit_of_work
from app.core.views import ActionView, Chart, ReadOnlyView, row_action
from app.tenancy.queries import settings_in_scope


class BulkInvoiceItemView(ReadOnlyView):
    """The rows of runs."""

    model = BulkInvoiceItem
    class_permission_name = "bulk_invoice"
    list_title = lazy_gettext("Rows")
    base_order = ("position", "asc")
    list_columns = ["position", "status", "invoice", "appointment", "error"]
    show_columns = ["run", "position", "status", "invoice", "appointment", "error"]
    search_columns = ["status", "error"]
    order_columns = ["position", "status"]
    label_columns = {
        "position": lazy_gettext("No."),
        "appointment": lazy_gettext("Visit"),
        "error": lazy_gettext("Failure"),
    }


class BulkInvoiceRunView(ReadOnlyView):
    """Runs, and how far each got."""

    model = BulkInvoiceRun
    class_permission_name = "bulk_invoice"
    menu = ("Billing", lazy_gettext("Bulk invoices"))
    menu_order = 46
    list_title = lazy_gettext("Bulk invoices")
    list_columns = ["created_at", "kind", "status", "total_count", "done_count", "failed_count", "finished_at"]
    show_columns = [
        "kind", "status", "first_on", "last_on", "total_count", "done_count", "failed_count", "created_at",
        "started_at", "finished_at",
    ]  # fmt: skip
    search_columns = ["kind", "status", "created_at"]
    order_columns = ["created_at", "status"]
    label_columns = {
        "kind": lazy_gettext("What"),
        "total_count": lazy_gettext("Rows"),
        "done_count": lazy_gettext("Done"),
        "failed_count": lazy_gettext("Failed"),
        "first_on": lazy_gettext("From"),
        "last_on": lazy_gettext("To"),
        "started_at": lazy_gettext("Started"),
        "finished_at": lazy_gettext("Finished"),
    }
    list_template = "billing/bulk_list.html"
    show_template = "billing/bulk_show.html"
    related_views = [BulkInvoiceItemView]
    charts = (Chart("status", lazy_gettext("Runs by status"), lambda: BulkInvoiceRun.status, kind="doughnut"),)

    @row_action(
        "cancel",
        lazy_gettext("Stop"),
        confirm=lazy_gettext("Stop? What is issued stays."),
        multiple=False,
        when=lambda run: run.status in UNFINISHED,
    )
    def cancel(self, run: BulkInvoiceRun) -> Any:
        cancel_run(run.id)
        return _("It stops after the rows under way.")


class BulkOrderView(ActionView):
    """The order of a run."""

    class_permission_name = "bulk_invoice"
    route_base = "/billing/bulk"

    @expose("/new", methods=["GET", "POST"])
    def order(self) -> Any:
        self.require("create")
        today = clock.today(settings_in_scope().zone)
        form = BulkForm(kind=BulkKind.VISITS, first=today - timedelta(days=30), last=today)
        problem = ""
        if request.method == "POST":
            try:
                with unit_of_work():
                    run = _ordered(form)
                    issue_in_bulk.enqueue(run.clinic_id, run.id)
                return redirect(_run_page(run.id))
            except AppError as error:
                problem = " ".join(str(text) for text in (error.fields or {}).values()) or str(error.message)
        page = self.render("billing/bulk_order.html", form=form, problem=problem)
        return (page, 422) if problem else page

    @expose("/<id:bulk_invoice_run_id>/retry", methods=["POST"])
    def retry(self, bulk_invoice_run_id: str) -> Any:
        """Try what failed once more."""
        self.require("create")
        try:
            with unit_of_work():
                run = retry_failures(bulk_invoice_run_id)
                issue_in_bulk.enqueue(run.clinic_id, run.id)
            return redirect(_run_page(run.id))
        except NotFound:
            raise
        except AppError as error:
            flash(str(error.message), "danger")
            return redirect(_run_page(bulk_invoice_run_id))


def _ordered(form: BulkForm) -> BulkInvoiceRun:
    if form.kind.data == BulkKind.DRAFTS:
        return start_bulk_drafts()
    if form.first.data is None or form.last.data is None:
        raise Invalid(fields={"first": _("Give the first and the last day.")})
    return start_bulk_visits(form.first.data, form.last.data)


def _run_page(bulk_invoice_run_id: str) -> str:
    return url_for("BulkInvoiceRunView.show", pk=bulk_invoice_run_id)
