"""Reports: figures that equal the ledger, days summed up once, files, and who sees what."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import date, timedelta
from typing import Any

import pytest
from flask_babel import force_locale
from pypdf import PdfReader
from sqlalchemy import func, select

from app.billing.services import credit_invoice, lock_invoice, void_invoice
from app.billing.services.returned_cheques import return_cheque
from app.core import clock
from app.core.errors import Invalid, NotFound
from app.core.ids import new_id
from app.core.money import Money
from app.core.principal import Membership, Principal, acting_as
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.core.vocabulary import kind_name
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance
from app.payments.services import approve_refund, request_refund
from app.reports import papers
from app.reports.base import Filters, Report, filters_of
from app.reports.catalogue import REPORTS, known_reports, report_named
from app.reports.catalogue.collections import Takings, takings_by, total_of
from app.reports.catalogue.revenue import earned_by, total_earned
from app.reports.finished_days import sum_up_finished_days
from app.reports.models import RevenueDay, RolledDay, TakingsDay
from tests.daytime import ZONE_NAME
from tests.factories.billing import collect, make_invoice, make_priced_doctor, rupees
from tests.factories.payments import reread
from tests.factories.subscriptions import make_plan, make_subscription

pytestmark = pytest.mark.usefixtures("in_clinic")
TENDERS = (AccountCode.CASH, AccountCode.UPI_CLEARING, AccountCode.BANK)


def today() -> date:
    return clock.today(ZONE_NAME)


def span(**options: Any) -> Filters:
    return Filters(today() - timedelta(days=40), today(), **options)


def by_key(rows: list[Any]) -> dict[str, Any]:
    return {row.key: row for row in rows}


@pytest.fixture
def money(acting: Any) -> dict[str, Any]:
    """Ten days ago: cash 800 for a doctor. Five days ago: UPI 500. Today: cash 118, and 100 of the UPI given back."""
    doctor = make_priced_doctor(first_name="Anita", last_name="Rao")
    with clock.travel(timedelta(days=-10)):
        collect(make_invoice("800.00", doctor_id=doctor.id), "800.00")
    with clock.travel(timedelta(days=-5)):
        taken = collect(make_invoice("500.00"), "500.00", "UPI")
    collect(make_invoice("118.00"), "118.00")
    with acting("RECEPTIONIST"), unit_of_work():
        refund = request_refund(taken.payment, rupees("100"), "Too much")
    with acting("FINANCE_BILLING"), unit_of_work():
        approve_refund(reread(refund))
    return {"doctor": doctor}


def test_collections_equal_the_ledger(money: dict[str, Any]) -> None:
    rows = takings_by(span(), "method")
    methods = by_key(rows)
    assert (methods["CASH"].came, methods["CASH"].count) == (rupees("918"), 2)
    assert (methods["UPI"].came, methods["UPI"].went) == (rupees("500"), rupees("100"))
    assert total_of(rows).net == Money.total((balance(code) for code in TENDERS), "INR")


def test_groupings_tell_the_same_total(money: dict[str, Any]) -> None:
    whole = total_of(takings_by(span(), "day"))
    for group_by in ("month", "method", "provider", "doctor", "location"):
        assert total_of(takings_by(span(), group_by)) == whole
    assert by_key(takings_by(span(), "doctor"))[money["doctor"].id].label == "Dr Anita Rao"
    assert whole.average == Money(47_267, "INR")  # 1418.00 / 3


def test_filters_narrow(money: dict[str, Any]) -> None:
    assert total_of(takings_by(span(doctor_id=money["doctor"].id), "day")).came == rupees("800")
    just_today = Filters(today(), today())
    assert total_of(takings_by(just_today, "day")) == Takings("", "", rupees("118"), rupees("100"), 1)


def test_days_that_are_over_are_summed_up_once_and_change_no_figure(money: dict[str, Any]) -> None:
    before = takings_by(span(), "day"), earned_by(span(), "day")
    with unit_of_work():
        assert sum_up_finished_days() == 10  # from the first booking to yesterday
    with unit_of_work():
        assert sum_up_finished_days() == 0
    assert today() not in set(db.session.scalars(select(RolledDay.booked_on)))
    kept = db.session.scalar(select(func.sum(TakingsDay.came_minor)))
    assert kept == rupees("1300").minor
    assert db.session.scalar(select(func.sum(RevenueDay.net_minor))) == rupees("1300").minor
    assert (takings_by(span(), "day"), earned_by(span(), "day")) == before


def test_revenue_equals_the_ledger_with_credit_notes_and_voids() -> None:
    doctor = make_priced_doctor()
    credited, gone = make_invoice("500.00", doctor_id=doctor.id), make_invoice("900.00")
    make_invoice("70.00", "30.00")
    with unit_of_work():
        credit_invoice(lock_invoice(credited.id), rupees("200"), "Too much")
    with unit_of_work():
        void_invoice(lock_invoice(gone.id), "Made in error")
    for group_by in ("day", "month", "service", "doctor", "location"):
        total = total_earned(earned_by(span(), group_by))
        assert total.net == balance(AccountCode.REVENUE) + balance(AccountCode.DISCOUNT) == rupees("400")
        assert total.count == 2
    assert by_key(earned_by(span(), "doctor"))[doctor.id].net == rupees("300")


def test_receivables_are_the_ledgers(money: dict[str, Any]) -> None:
    for days in (100, 50, 20):
        with clock.travel(timedelta(days=-days)):
            make_invoice(f"{days}.00")
    make_invoice("7.00")
    (section,) = report_named("receivables").sections(span())
    assert section.totals["total"] == balance(AccountCode.RECEIVABLE) == rupees("177")
    ages = {name: section.totals[name] for name in ("current", "to_30", "to_60", "to_90", "older")}
    # Due after 14 days: 86, 36 and 6 days late.
    assert ages == {
        "current": rupees("7"),
        "to_30": rupees("20"),
        "to_60": rupees("50"),
        "to_90": rupees("100"),
        "older": rupees("0"),
    }


def test_subscriptions_are_told_by_status_plan_and_month() -> None:
    plan = make_plan("1200.00", name="Family care")
    make_subscription(plan)
    make_subscription(plan, paid=False)
    states, plans, ended = report_named("subscriptions").sections(span())
    counts = {row["status"]: row["count"] for row in states.rows}
    assert (counts["ACTIVE"], counts["PAST_DUE"], states.totals["count"]) == (1, 1, 2)
    assert [(row["plan"], row["live"], row["active"], row["mrr"]) for row in plans.rows] == [
        ("Family care", 2, 1, rupees("1200"))
    ]
    assert plans.totals["mrr"] == rupees("1200") and len(ended.rows) == 12
    assert all(row["lost"] == 0 for row in ended.rows)


def test_tax_is_by_component() -> None:
    from tests.factories.billing import make_priced_visit

    visit = make_priced_visit("1000.00", percent="18")
    collect(visit)
    (section,) = report_named("tax").sections(span())
    rows = {row["label"]: (row["percent"], row["taxable"], row["tax"]) for row in section.rows}
    assert section.totals["tax"] == balance(AccountCode.TAX_PAYABLE) == rupees("180")
    assert sum(tax.minor for _percent, _taxable, tax in rows.values()) == rupees("180").minor
    assert all(taxable == rupees("1000") for _percent, taxable, _tax in rows.values())


def saved(client: Any, report: str) -> str:
    """What Excel shows of a CSV."""
    return str(client.get(f"/reports/{report}/csv").data.decode("utf-8-sig"))


@pytest.mark.parametrize("name", [report.name for report in REPORTS])
def test_every_report_is_shown_and_leaves_as_a_file(money: dict[str, Any], visitor: Any, name: str) -> None:
    finance = visitor("FINANCE_BILLING")
    page = finance.get(f"/reports/{name}")
    assert page.status_code == 200
    assert str(report_named(name).title) in page.text
    plain = finance.get(f"/reports/{name}/csv")
    assert plain.headers["Content-Disposition"].endswith('.csv"')
    assert len(list(csv.reader(io.StringIO(plain.text)))) >= 2
    book = zipfile.ZipFile(io.BytesIO(finance.get(f"/reports/{name}/xlsx").data))
    assert "xl/worksheets/sheet1.xml" in book.namelist()
    paper = finance.get(f"/reports/{name}/pdf")
    assert paper.headers["Content-Type"] == "application/pdf" and paper.data[:5] == b"%PDF-"


def test_the_paper_has_the_rows_and_totals_of_the_screen(money: dict[str, Any], visitor: Any) -> None:
    answer = visitor("FINANCE_BILLING").get("/reports/collections/pdf?groupBy=method")
    words = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.data)).pages)
    assert answer.headers["Content-Disposition"].endswith('.pdf"')
    for expected in ("Collections", "Tender", "Cash", "UPI", "₹ 918.00", "₹ 1,418.00", "Page 1 of 1"):
        assert expected in words.replace("\xa0", " "), expected


def test_what_is_too_long_for_paper_is_a_file(money: dict[str, Any], caller: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(papers, "MOST_ROWS", 2)
    finance = caller("FINANCE_BILLING")
    refused = finance.get("/reports/export?report=transactions&format=pdf")
    assert (refused.status_code, list(refused.json["error"]["fields"])) == (422, ["format"])
    assert finance.get("/reports/export?report=transactions&format=csv").status_code == 200


def test_amounts_leave_as_numbers_and_formulas_as_text(visitor: Any) -> None:
    from tests.factories.people import make_patient

    collect(make_invoice("1234.50", patient=make_patient(first_name="=1+1", last_name="Mallory")), "1234.50")
    lines = list(csv.DictReader(io.StringIO(saved(visitor("FINANCE_BILLING"), "transactions"))))
    assert lines[0]["Amount"] == "1234.50"
    assert lines[0]["Patient"].startswith("'=1+1")


def test_the_desks_takings_have_their_slips_numbers_and_a_returned_cheque_its_name(visitor: Any, acting: Any) -> None:
    """The number by which finance finds it in the bank's statement, and not one of ours."""
    collect(make_invoice("50.00"), None, "UPI", reference="UTR 612345")
    cheque = collect(make_invoice("60.00"), None, "CHEQUE", reference="Cheque 7").payment
    with acting("FINANCE_BILLING"), unit_of_work():
        return_cheque(cheque.id, "Funds insufficient", was_at_bank=False)
    finance = visitor("FINANCE_BILLING")
    lines = list(csv.DictReader(io.StringIO(saved(finance, "transactions"))))[:3]
    assert [(line["Amount"], line["Reference"], line["Status"]) for line in lines] == [
        ("-60.00", "Cheque 7", "CHEQUE_RETURNED"),
        ("60.00", "Cheque 7", "CHEQUE_RETURNED"),
        ("50.00", "UTR 612345", "COMPLETED"),
    ]
    back, total = csv.DictReader(io.StringIO(saved(finance, "refunds")))
    assert (back["Status"], total["Amount"]) == ("CHEQUE_RETURNED", "0.00")
    assert "Cheque returned" in finance.get("/reports/transactions").text
    with force_locale("hi"):
        assert str(kind_name("PAYMENT")) == "भुगतान"


def test_the_api_tells_revenue(caller: Any, money: dict[str, Any]) -> None:
    finance = caller("FINANCE_BILLING")
    answer = finance.get("/reports/revenue?groupBy=method").json
    assert (answer["total"], answer["refunded"], answer["net"], answer["count"]) == (1418, 100, 1318, 3)
    assert {item["key"]: item["total"] for item in answer["items"]} == {"CASH": 918, "UPI": 500}
    assert finance.get("/reports/revenue?groupBy=service").json["total"] == 1318  # a refund credits its invoice
    analytics = finance.get(f"/billing/analytics/revenue?from={today()}&to={today()}").json
    assert (analytics["total"], analytics["refunded"], analytics["earned"]) == (118, 100, 18)
    assert analytics["before"]["total"] == 0


def test_the_api_pages_transactions_and_refunds(caller: Any, money: dict[str, Any]) -> None:
    finance = caller("FINANCE_BILLING")
    found, cursor = [], ""
    while cursor is not None:
        answer = finance.get(
            f"/reports/transactions?limit=2&cursor={cursor}" if cursor else "/reports/transactions?limit=2"
        )
        found += answer.json["items"]
        cursor = answer.json["nextCursor"]
    assert [(item["kind"], item["amount"]) for item in found] == [
        ("REFUND", -100),
        ("PAYMENT", 118),
        ("PAYMENT", 500),
        ("PAYMENT", 800),
    ]
    assert [item["amount"] for item in finance.get("/reports/refunds").json["items"]] == [-100]
    exported = finance.get("/reports/export?report=transactions&format=csv")
    assert exported.mimetype == "text/csv"
    assert len(exported.text.splitlines()) == 6
    assert exported.text.startswith("When,")  # for programs: no mark


@pytest.mark.parametrize(
    "query", ["from=2026-13-01", "from=2026-05-02&to=2026-05-01", "groupBy=nonsense", "doctorId=1", "from=1900-01-01"]
)
def test_what_cannot_be_asked_is_told(caller: Any, query: str) -> None:
    assert caller("FINANCE_BILLING").get(f"/reports/revenue?{query}").status_code == 422


def test_a_location_head_sees_their_own_location_only(money: dict[str, Any], caller: Any) -> None:
    from tests.factories.scheduling import make_location

    place = make_location()
    collect(make_invoice("45.00", location_id=place.id), "45.00")
    head = caller("LOCATION_HEAD", location_id=place.id)
    assert head.get("/reports/revenue").json["total"] == 45
    assert [item["amount"] for item in head.get("/reports/transactions").json["items"]] == [45]
    assert head.get("/reports/export?report=revenue").status_code == 403


def test_who_is_kept_to_a_location_sees_no_report_of_the_whole_clinic(in_clinic: Any) -> None:
    member = Membership(in_clinic.id, "Clinic", "LOCATION_HEAD", location_id=new_id())
    with acting_as(Principal(new_id(), "l", "L", "-", (member,), member)):
        assert "subscriptions" not in [report.name for report in known_reports()]
        with pytest.raises(NotFound):
            report_named("subscriptions")


def test_an_unknown_report_and_an_unknown_file_are_404(visitor: Any) -> None:
    finance = visitor("FINANCE_BILLING")
    assert finance.get("/reports/nonsense").status_code == 404
    assert finance.get("/reports/revenue/exe").status_code == 404


def test_a_day_sheet_is_about_one_day() -> None:
    class Week(Report):
        name, title = "week", "Week"

        def sections(self, filters: Filters) -> list[Any]:
            return []

    sheet = filters_of(report_named("day-sheet"), {"from": "2026-01-01", "to": "2026-01-05"})
    assert sheet.first == sheet.last == date(2026, 1, 5)
    assert filters_of(Week(), {"to": "2026-01-30"}).first == date(2026, 1, 1)
    with pytest.raises(Invalid):
        filters_of(Week(), {"to": "30.1.2026"})
