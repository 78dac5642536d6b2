"""Plans and subscriptions in a browser: from a new plan to a paid period, and pages that anybody can use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from app.billing.services.autopay import set_autopay
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.people.models import Patient
from tests.browser.looks import LIGHT_DESK_DARK_TABLET
from tests.factories.people import make_patient
from tests.factories.subscriptions import covered, make_method, make_plan, make_subscription, make_visit, reread


def test_a_plan_is_made_somebody_subscribes_and_pays(in_clinic: Any, log_in: Callable[..., Page]) -> None:
    make_patient(first_name="Kavya", last_name="Das")
    page = log_in("CLINIC_ADMIN")
    page.goto("/planview/add")
    page.get_by_label("Name").fill("Family care")
    page.get_by_label("Price before tax").fill("2,500")
    page.get_by_label("Visits per period").fill("5")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/planview/show/**")
    page.goto("/subscriptionview/list/")
    page.get_by_role("link", name="New subscription").click()
    page.get_by_role("combobox", name="Patient", exact=True).fill("kavya")
    page.get_by_role("option", name="Kavya Das").click()
    page.get_by_role("combobox", name="Plan", exact=True).fill("fam")
    page.get_by_role("option", name="Family care").click()
    page.get_by_role("button", name="Subscribe").click()
    page.wait_for_url("**/billing/collect/**")
    with page.expect_response("**/billing/receipt/**") as receipt:  # a browser shows the paper, or keeps it
        page.get_by_role("button", name="Collect payment").click()
    assert (receipt.value.status, receipt.value.headers["content-type"]) == (200, "application/pdf")
    page.goto("/subscriptionview/list/")
    row = page.get_by_role("row", name="Kavya Das")
    expect(row.get_by_text("Active")).to_be_visible()
    expect(row.get_by_text("0 / 5")).to_be_visible()


def test_the_pages_are_for_everybody(in_clinic: Any, log_in: Callable[..., Page], barriers_at: Any) -> None:
    subscription, waiting = make_subscription(), make_subscription(make_plan(quota=None), paid=False)
    covered(subscription, make_visit(subscription))
    own = f"/billing/subscription/{subscription.id}"
    patient = db.session.get_one(Patient, subscription.patient_id)
    method = make_method(patient)
    with unit_of_work():
        set_autopay(reread(subscription), method.id)
    records = [f"/subscriptionview/show/{item.id}" for item in (subscription, waiting)]
    autopay = [f"/billing/subscription-autopay/{item.id}" for item in (subscription, waiting)]
    lists = ["/planview/list/", "/planview/add", "/subscriptionview/list/", "/subscriptionview/chart/"]
    paths = [*lists, *records, f"{own}/plan", f"{own}/cancel", "/billing/subscription/new", *autopay]
    assert barriers_at(log_in("CLINIC_ADMIN"), paths, LIGHT_DESK_DARK_TABLET) == []
