"""The reports page: charts of visits, money and patients over a period (SPEC REP-2)."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask_appbuilder import expose
from flask_babel import format_date, lazy_gettext
from flask_babel import gettext as _
from sqlalchemy import select

from app.core.errors import NotFound
from app.core.money import Money
from app.core.navigation import describe_item
from app.core.principal import own_location_id
from app.core.tenant import db
from app.core.views import ActionView
from app.core.views.hooks import hooks
from app.people.models import Doctor
from app.reports import queries
from app.reports.base import Report, filters_of
from app.reports.catalogue import known_reports, report_named
from app.reports.files import KINDS, export_report
from app.reports.queries import Period, period_of
from app.tenancy.models import Location
from app.tenancy.queries import settings_in_scope

PERIODS = {30: lazy_gettext("30 days"), 90: lazy_gettext("90 days"), 366: lazy_gettext("12 months")}
DEFAULT_DAYS = 30
SHOWN_ROWS = 500  # the rest is in the files
MOST_DOCTORS = 500

describe_item("ReportsView", shortcut="g r")


class ReportsView(ActionView):
    """Charts, each with its numbers as a table; kept for some minutes."""

    class_permission_name = "report"
    route_base = "/reports"
    default_view = "overview"
    menu = ("Reports", lazy_gettext("Reports"))
    menu_order = 1

    @expose("/")
    def overview(self) -> str:
        self.require()
        days = _asked_days()
        period = period_of(days)
        name = f"reports.{period.first}.{period.last}.{period.by}.{period.location_id}"
        known = hooks().keep(name, lambda: _figures(period))
        return self.render(
            "reports/overview.html",
            days=days,
            periods=PERIODS,
            period=period,
            totals=_totals(known),
            charts=_charts(known, period),
            reports=known_reports(),
        )

    @expose("/<string:name>")
    def report(self, name: str) -> str:
        """One report: what may be chosen, the chart, the tables."""
        self.require()
        report = report_named(name)
        filters = filters_of(report, request.args)
        sections = report.sections(filters)
        return self.render(
            "reports/report.html",
            report=report,
            filters=filters,
            sections=sections,
            chart=report.chart(sections) if sections[0].rows else None,
            places=_places(report),
            shown_rows=SHOWN_ROWS,
        )

    @expose("/<string:name>/<string:kind>")
    def file(self, name: str, kind: str) -> Response:
        """The report as it is shown, as a file."""
        self.require("export")
        if kind not in KINDS:
            raise NotFound
        report = report_named(name)
        return export_report(report, filters_of(report, request.args), kind)


def _places(report: Report) -> dict[str, list[Any]]:
    """What the report may be narrowed to; a LOCATION_HEAD has one location."""
    whole = report.clinic_wide or own_location_id()
    locations = [] if whole else list(db.session.scalars(select(Location).order_by(Location.name)))
    doctors = select(Doctor).where(Doctor.active.is_(True)).order_by(Doctor.last_name).limit(MOST_DOCTORS)
    return {"locations": locations, "doctors": list(db.session.scalars(doctors)) if report.by_doctor else []}


def _asked_days() -> int:
    asked = request.args.get("days", "")
    return int(asked) if asked.isascii() and asked.isdigit() and int(asked) in PERIODS else DEFAULT_DAYS


def _figures(period: Period) -> dict[str, Any]:
    """Everything that the page shows, as plain data."""
    return {
        "visits": queries.visits_by_step(period),
        "patients": queries.new_patients_by_step(period),
        "revenue": queries.revenue_by_step(period),
        "revenue_by_doctor": queries.revenue_by_doctor(period),
        "visits_by_doctor": queries.visits_by_doctor(period),
    }


def _totals(known: dict[str, Any]) -> dict[str, Any]:
    held, missed = sum(known["visits"]["held"]), sum(known["visits"]["missed"])
    return {
        "held": held,
        "missed": missed,
        "missed_share": round(100 * missed / (held + missed), 1) if held + missed else 0,
        "patients": sum(known["patients"]),
        "revenue": Money(sum(known["revenue"]), settings_in_scope().currency),
    }


def _charts(known: dict[str, Any], period: Period) -> list[tuple[Any, dict[str, Any]]]:
    labels = [format_date(day, "d MMM" if period.by == "day" else "MMM yyyy") for day in period.steps]
    visits = known["visits"]
    held, missed = [row[1] for row in known["visits_by_doctor"]], [row[2] for row in known["visits_by_doctor"]]
    seen_by = [row[0] for row in known["visits_by_doctor"]]
    return [
        (
            _("Revenue without tax"),
            _chart("bar", labels, {_("Revenue"): _major(known["revenue"])}, money=True),
        ),
        (
            _("Visits"),
            _chart(
                "line",
                labels,
                {_("Held"): visits["held"], _("No-show"): visits["missed"], _("Called off"): visits["called_off"]},
            ),
        ),
        (_("New patients"), _chart("bar", labels, {_("New patients"): known["patients"]})),
        (_("Visits by doctor"), _chart("bar-flat", seen_by, {_("Held"): held, _("No-show"): missed})),
        (
            _("Revenue by doctor"),
            _chart(
                "bar-flat",
                [row[0] for row in known["revenue_by_doctor"]],
                {_("Revenue"): _major([row[1] for row in known["revenue_by_doctor"]])},
                money=True,
            ),
        ),
    ]


def _chart(kind: str, labels: list[str], series: dict[str, list[Any]], *, money: bool = False) -> dict[str, Any]:
    """What app/static/js/charts.js draws."""
    data: dict[str, Any] = {
        "type": kind,
        "labels": labels,
        "series": [{"name": name, "data": values} for name, values in series.items()],
    }
    if money:
        data["format"] = {"currency": settings_in_scope().currency}
    return data


def _major(amounts: list[int]) -> list[float]:
    currency = settings_in_scope().currency
    return [float(Money(minor, currency).major) for minor in amounts]
