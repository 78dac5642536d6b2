"""Reports over HTTP: figures for other programs, and the same as files."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Literal

from flask import Response
from pydantic import Field
from sqlalchemy import select

from app.core.api import Api, Body, ListQuery, endpoint
from app.core.money import Money
from app.core.paging import page
from app.reports.base import Filters, filters_of
from app.reports.catalogue import report_named
from app.reports.catalogue.collections import Collections, Takings, takings_by, total_of
from app.reports.catalogue.revenue import Earned, Revenue, earned_by, total_earned
from app.reports.catalogue.transactions import Transactions, transaction_rows
from app.reports.files import export_report
from app.tenancy.queries import settings_in_scope

GroupBy = Literal["day", "month", "method", "provider", "service", "doctor", "location"]


class SpanQuery(Body):
    """Dates of the clinic, both included; by default the last 30 days."""

    first: date | None = Field(None, alias="from")
    last: date | None = Field(None, alias="to")
    location_id: str | None = None
    doctor_id: str | None = None

    def asked(self) -> dict[str, Any]:
        return {"from": self.first, "to": self.last, "locationId": self.location_id, "doctorId": self.doctor_id}


class RevenueQuery(SpanQuery):
    group_by: GroupBy = "day"


class TransactionQuery(SpanQuery, ListQuery):
    pass


class ExportQuery(SpanQuery):
    report: str = "revenue"
    format: Literal["csv", "xlsx", "pdf"] = "csv"
    group_by: str | None = None


class ReportApi(Api):
    """Figures of the clinic, equal to the ledger."""

    openapi_tag = "Reports"

    @endpoint("GET", "/billing/analytics/revenue", resource="analytics", action="read", query=SpanQuery)
    def analytics(self, query: SpanQuery) -> dict[str, Any]:
        """Takings and revenue of a span, compared with the span before it, by day and by method."""
        filters = filters_of(Collections(), query.asked())
        before = Filters(
            filters.first - (filters.last - filters.first) - timedelta(days=1),
            filters.first - timedelta(days=1),
            location_id=filters.location_id,
            doctor_id=filters.doctor_id,
        )
        days = takings_by(filters, "day")
        return {
            **_span(filters),
            **_takings(total_of(days)),
            "earned": total_earned(earned_by(filters, "month")).net,
            "before": _takings(total_of(takings_by(before, "month"))),
            "byDay": [_group(row) for row in days],
            "byMethod": [_group(row) for row in takings_by(filters, "method")],
        }

    @endpoint("GET", "/reports/revenue", resource="report", action="read", query=RevenueQuery)
    def revenue(self, query: RevenueQuery) -> dict[str, Any]:
        """Revenue: takings by day, month, method, gateway, doctor or location; by service what was earned."""
        if query.group_by == "service":
            filters = filters_of(Revenue(), {**query.asked(), "groupBy": "service"})
            earned = earned_by(filters, "service")
            items = [{"key": row.key, "label": row.label, **_earned(row)} for row in earned]
            return {**_span(filters), "groupBy": "service", **_earned(total_earned(earned)), "items": items}
        filters = filters_of(Collections(), {**query.asked(), "groupBy": query.group_by})
        rows = takings_by(filters, query.group_by)
        items = [_group(row) for row in rows]
        return {**_span(filters), "groupBy": query.group_by, **_takings(total_of(rows)), "items": items}

    @endpoint("GET", "/reports/transactions", resource="report", action="read", query=TransactionQuery)
    def transactions(self, query: TransactionQuery) -> dict[str, Any]:
        """Payments that came and refunds that went, the newest first."""
        return self._transactions(query, None)

    @endpoint("GET", "/reports/refunds", resource="report", action="read", query=TransactionQuery)
    def refunds(self, query: TransactionQuery) -> dict[str, Any]:
        """Refunds that reached the payer, the newest first."""
        return self._transactions(query, "REFUND")

    @endpoint("GET", "/reports/export", resource="report", action="export", query=ExportQuery)
    def export(self, query: ExportQuery) -> Response:
        """A report as a file: CSV, XLSX or PDF."""
        report = report_named(query.report)
        filters = filters_of(report, {**query.asked(), "groupBy": query.group_by})
        return export_report(report, filters, query.format, mark="")

    def _transactions(self, query: TransactionQuery, kind: str | None) -> dict[str, Any]:
        filters = filters_of(Transactions(), query.asked())
        part = transaction_rows(filters)
        wanted = select(part) if kind is None else select(part).where(part.c.kind == kind)
        return {**_span(filters), **page(wanted, [part.c.at, part.c.id], query, _transaction, descending=True)}


def _span(filters: Filters) -> dict[str, Any]:
    return {"from": filters.first, "to": filters.last, "currency": settings_in_scope().currency}


def _takings(row: Takings) -> dict[str, Any]:
    return {
        "total": row.came,
        "refunded": row.went,
        "net": row.net,
        "count": row.count,
        "average": row.average,
    }


def _group(row: Takings) -> dict[str, Any]:
    return {"key": row.key, "label": row.label, **_takings(row)}


def _earned(row: Earned) -> dict[str, Any]:
    return {"total": row.net, "tax": row.tax, "count": row.count, "average": row.average}


def _transaction(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "at": row.at,
        "kind": row.kind,
        "status": row.status,
        "amount": Money(int(row.amount_minor), row.currency),
        "currency": row.currency,
        "provider": row.provider,
        "method": row.method,
        "reference": row.reference or None,
        "paymentId": row.payment_id,
        "patientId": row.patient_id,
        "invoiceId": row.invoice_id,
        "reason": row.reason,
    }
