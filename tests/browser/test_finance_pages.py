"""Finance's pages as anybody can use them: axe finds nothing, in both looks; a bulk run moves before one's eyes."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.billing.jobs.bulk import issue_in_bulk
from app.billing.services import lock_invoice, make_payment_plan, request_write_off
from app.billing.services.bulk import start_bulk_visits
from app.core import clock
from app.core.principal import Membership, Principal, acting_as
from app.core.tenant import tenant_scope
from app.core.transaction import unit_of_work
from tests.daytime import ZONE_NAME
from tests.factories.billing import collect, make_invoice, make_priced_doctor, rupees
from tests.factories.bulk import make_held_visits
from tests.factories.payments import make_tender
from tests.factories.people import make_patient

LOOKS = [(False, 1280), (True, 820)]


def asked_by_somebody(clinic: Any, invoice: Any) -> Any:
    member = Membership(clinic.id, clinic.name, "FINANCE_BILLING")
    with acting_as(Principal(invoice.id, "f", "F", "s", (member,), member)), unit_of_work():
        return request_write_off(lock_invoice(invoice.id), "Moved away")


def pages_of_finance(clinic: Any) -> dict[str, str]:
    """Address by name, each with something to see."""
    patient = make_patient(first_name="Kavya", last_name="Das")
    owed, paid, planned = (make_invoice("1200.00", "350.50", patient=patient) for _ in range(3))
    collect(paid)
    tender = make_tender("UPI", rupees("400"), patient_id=patient.id)
    approval = asked_by_somebody(clinic, owed)
    with unit_of_work():
        plan = make_payment_plan(lock_invoice(planned.id), 4)
    collect(planned, "500.00")
    make_held_visits(3, make_priced_doctor("100.00"))
    today = clock.today(ZONE_NAME)
    with unit_of_work():
        run = start_bulk_visits(today - timedelta(days=30), today)
    return {
        "account": f"/billing/account/{patient.id}",
        "credit": f"/billing/credit/{paid.id}",
        "approvals": "/invoiceapprovalview/list/",
        "approval": f"/invoiceapprovalview/show/{approval.id}",
        "invoice": f"/invoiceview/show/{owed.id}",
        "payment": f"/paymentview/show/{tender.id}",
        "give-back": f"/refunds/of/{tender.id}",
        "new-plan": f"/billing/plan/{owed.id}",
        "plans": "/paymentplanview/list/",
        "plan": f"/paymentplanview/show/{plan.id}",
        "postpone": f"/billing/payment-plan/{plan.id}/postpone",
        "write-off": f"/billing/write-off/{owed.id}",
        "bulk-order": "/billing/bulk/new",
        "bulk-run": f"/bulkinvoicerunview/show/{run.id}",
    }


@pytest.mark.parametrize(("dark", "width"), LOOKS, ids=["light", "dark-tablet"])
def test_anybody_can_use_the_pages(
    log_in: Callable[..., Page], violations: Any, in_clinic: Any, dark: bool, width: int
) -> None:
    page = log_in("FINANCE_BILLING", dark=dark, width=width)
    wrong = {}
    for name, address in pages_of_finance(in_clinic).items():
        answer = page.goto(address)
        assert answer is not None and answer.status == 200, name
        if os.environ.get("PICTURES"):
            page.screenshot(path=f"{os.environ['PICTURES']}/{name}-{'dark' if dark else 'light'}.png", full_page=True)
        found = violations(page)
        if found:
            wrong[name] = found
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    assert wrong == {}


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
