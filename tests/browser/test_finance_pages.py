"""Finance's pages as anybody can use them: axe finds nothing, in both looks; a bulk run moves before one's eyes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from playwright.sync_api import Page, expect

from app.billing.jobs.bulk import issue_in_bulk
from app.billing.notices import tell_paid
from app.billing.services import lock_invoice, make_payment_plan, request_write_off
from app.billing.services.bulk import start_bulk_visits
from app.billing.services.returned_cheques import return_cheque
from app.core import clock
from app.core.principal import Membership, Principal, acting_as
from app.core.tenant import tenant_scope
from app.core.transaction import unit_of_work
from tests.browser.looks import LIGHT_DESK_DARK_TABLET
from tests.daytime import ZONE_NAME
from tests.factories.billing import collect, make_invoice, make_priced_doctor, rupees
from tests.factories.bulk import make_held_visits
from tests.factories.payments import make_tender
from tests.factories.people import make_patient


def asked_by_somebody(clinic: Any, invoice: Any) -> Any:
    member = Membership(clinic.id, clinic.name, "FINANCE_BILLING")
    with acting_as(Principal(invoice.id, "f", "F", "s", (member,), member)), unit_of_work():
        return request_write_off(lock_invoice(invoice.id), "Moved away")


def came_back(clinic: Any, cheque: Any) -> Any:
    member = Membership(clinic.id, clinic.name, "FINANCE_BILLING")
    with acting_as(Principal(cheque.id, "f", "F", "s", (member,), member)), unit_of_work():
        return return_cheque(cheque.id, "Funds insufficient", was_at_bank=False)


def pages_of_finance(clinic: Any) -> list[str]:
    """Addresses, each with something to see."""
    patient = make_patient(first_name="Kavya", last_name="Das")
    owed, paid, planned = (make_invoice("1200.00", "350.50", patient=patient) for _ in range(3))
    receipt = collect(paid).receipt
    with unit_of_work():
        tell_paid(lock_invoice(paid.id))
    tender = make_tender("UPI", rupees("400"), patient_id=patient.id)
    cheque, returned = (make_tender("CHEQUE", rupees("400"), patient_id=patient.id) for _ in range(2))
    refund = came_back(clinic, returned)
    approval = asked_by_somebody(clinic, owed)
    with unit_of_work():
        plan = make_payment_plan(lock_invoice(planned.id), 4)
    collect(planned, "500.00")
    make_held_visits(3, make_priced_doctor("100.00"))
    today = clock.today(ZONE_NAME)
    with unit_of_work():
        run = start_bulk_visits(today - timedelta(days=30), today)
    return [
        f"/billing/account/{patient.id}",
        f"/billing/credit/{paid.id}",
        "/invoiceapprovalview/list/",
        f"/invoiceapprovalview/show/{approval.id}",
        f"/invoiceview/show/{owed.id}",
        f"/paymentview/show/{tender.id}",
        f"/refunds/of/{tender.id}",
        f"/billing/returned-cheque/{cheque.id}",
        f"/paymentview/show/{returned.id}",
        f"/billing/returned-cheque/{returned.id}/undo",
        f"/refundview/show/{refund.id}",
        f"/receiptview/show/{receipt.id}",
        f"/billing/plan/{owed.id}",
        "/paymentplanview/list/",
        f"/paymentplanview/show/{plan.id}",
        f"/billing/payment-plan/{plan.id}/postpone",
        f"/billing/write-off/{owed.id}",
        "/billing/bulk/new",
        f"/bulkinvoicerunview/show/{run.id}",
    ]


def test_anybody_can_use_the_pages(log_in: Callable[..., Page], barriers_at: Any, in_clinic: Any) -> None:
    paths = pages_of_finance(in_clinic)
    assert barriers_at(log_in("FINANCE_BILLING"), paths, LIGHT_DESK_DARK_TABLET) == []


def test_a_bulk_run_moves_while_one_looks(app: Any, log_in: Callable[..., Page], in_clinic: Any) -> None:
    make_held_visits(220, make_priced_doctor("100.00"))
    today = clock.today(ZONE_NAME)
    with unit_of_work():
        run_id = start_bulk_visits(today - timedelta(days=30), today).id
    page = log_in("FINANCE_BILLING")
    page.goto(f"/bulkinvoicerunview/show/{run_id}")
    expect(page.locator("[data-live-pill]").first).to_have_text("live", ignore_case=True)

    def work() -> None:
        with app.app_context(), tenant_scope(in_clinic.id):
            issue_in_bulk(in_clinic.id, run_id)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(work)
        expect(page.locator("[data-bulk-done]")).to_have_text("220")
        done.result()
    expect(page.locator("[data-bulk-run]")).to_have_attribute("data-over", "true")
