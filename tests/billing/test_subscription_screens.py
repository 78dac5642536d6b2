"""Plans and subscriptions in the console, and their figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import Any

import pytest

from app.billing.models import Invoice, Plan
from app.billing.services.subscriptions import cancel_subscription
from app.core import clock
from app.core.transaction import unit_of_work
from tests.billing.conftest import Api
from tests.daytime import on_the
from tests.factories.people import make_patient
from tests.factories.subscriptions import (
    all_of,
    covered,
    in_days,
    make_plan,
    make_subscription,
    make_visit,
    owed_invoice,
    reread,
)

ApiAs = Callable[..., Api]
HTML = {"Accept": "text/html"}


def page(caller: Api, path: str, **form: Any) -> Any:
    return caller.raw("POST" if form else "GET", path, headers=HTML, data=form or None)


def post(caller: Api, path: str) -> Any:
    return caller.raw("POST", path, headers=HTML)


@pytest.mark.parametrize("view", ["planview", "subscriptionview"])
def test_lists_charts_and_exports_answer(in_clinic: Any, api: ApiAs, view: str) -> None:
    make_subscription()
    finance = api("FINANCE_BILLING")
    for path in ("list/", "chart/"):
        assert page(finance, f"/{view}/{path}").status_code == 200, path
    workbook = finance.raw("GET", f"/{view}/export?format=xlsx", headers=HTML, buffered=True)
    assert workbook.data[:2] == b"PK"
    words = {"planview": "In person, Video, Home visit", "subscriptionview": "0 / 5"}[view]
    assert words in finance.raw("GET", f"/{view}/export", headers=HTML, buffered=True).text


def test_a_list_of_more_than_a_page_says_how_many_there_are(in_clinic: Any, api: ApiAs) -> None:
    for _ in range(26):
        make_plan()
    assert "26" in page(api("FINANCE_BILLING"), "/planview/list/").text.partition("</table>")[2]


def test_a_plan_is_made_changed_and_archived_on_screen(in_clinic: Any, api: ApiAs, console_as: Any) -> None:
    admin = Api(copy_context().run(console_as, "CLINIC_ADMIN"))
    form = {"name": "Gold", "price": "1,499.50", "period": "MONTH", "trial_days": "7", "quota": "4",
            "types": ["IN_PERSON", "VIDEO_CALL"], "active": "y"}  # fmt: skip
    assert page(admin, "/planview/add").status_code == 200
    assert page(admin, "/planview/add", **form).status_code == 302
    (plan,) = all_of(Plan)
    assert (str(plan.price), plan.quota, plan.trial_days, plan.types) == (
        "1499.50 INR", 4, 7, ["IN_PERSON", "VIDEO_CALL"],
    )  # fmt: skip
    shown = page(admin, f"/planview/show/{plan.id}").text
    assert "Gold" in shown and "In person, Video" in shown
    assert page(admin, f"/planview/edit/{plan.id}", **{**form, "quota": "", "price": "abc"}).status_code == 422
    assert page(admin, f"/planview/edit/{plan.id}", **{**form, "quota": ""}).status_code == 302
    assert reread(plan).quota is None
    make_subscription(reread(plan), paid=False)
    assert post(admin, f"/planview/delete/{plan.id}").status_code == 302
    assert reread(plan).plan_status == "ARCHIVED"
    assert page(api("RECEPTIONIST"), "/planview/add").status_code != 200


def test_somebody_is_subscribed_and_the_desk_collects_next(in_clinic: Any, api: ApiAs) -> None:
    patient, plan, admin = make_patient(), make_plan(), api("CLINIC_ADMIN")
    path = "/billing/subscription/new"
    assert patient.id in page(admin, f"{path}?_flt_0_patient={patient.id}").text
    made = page(admin, path, patient=patient.id, plan=plan.id, auto_renew="y")
    (invoice,) = all_of(Invoice)
    assert made.status_code == 302 and made.headers["Location"].endswith(f"/billing/collect/{invoice.id}")
    again = page(admin, path, patient=patient.id, plan=plan.id)
    assert again.status_code == 422 and "has this plan already" in again.text
    assert page(admin, path, patient="x", plan=plan.id).status_code == 422
    assert page(api("RECEPTIONIST"), path).status_code == 403


def test_a_record_shows_usage_what_is_owed_and_its_deeds(in_clinic: Any, api: ApiAs) -> None:
    subscription, finance = make_subscription(make_plan(quota=4)), api("FINANCE_BILLING")
    covered(subscription, make_visit(subscription))
    path = f"/subscriptionview/show/{subscription.id}"
    shown = page(finance, path).text
    assert 'value="1" max="4"' in shown and "Renew" in shown and "Collect" not in shown
    assert post(finance, f"/subscriptionview/action/renew/{subscription.id}").status_code == 302
    owed = owed_invoice(subscription)
    assert owed is not None and f"/billing/collect/{owed.id}" in page(finance, path).text
    admin = api("CLINIC_ADMIN")
    for action in ("reset-quota", "send-confirmation"):
        assert post(admin, f"/subscriptionview/action/{action}/{subscription.id}").status_code == 302
    assert reread(subscription).used == 0
    assert post(finance, f"/subscriptionview/action/reset-quota/{subscription.id}").status_code == 403


def test_the_plan_is_changed_on_its_page(in_clinic: Any, api: ApiAs) -> None:
    subscription, finance = make_subscription(make_plan("1000.00")), api("FINANCE_BILLING")
    path, silver = f"/billing/subscription/{subscription.id}/plan", make_plan("100.00")
    assert "₹\u00a01,000.00" in page(finance, path).text
    assert page(finance, path, plan=silver.id, when="later").status_code == 302
    assert reread(subscription).next_plan_id == silver.id
    assert page(finance, path, plan=silver.id, when="now").status_code == 302
    assert reread(subscription).plan_id == silver.id
    assert page(finance, path, plan=silver.id, when="now").status_code == 422


def test_it_is_cancelled_on_its_page(in_clinic: Any, api: ApiAs) -> None:
    subscription, admin = make_subscription(), api("CLINIC_ADMIN")
    path = f"/billing/subscription/{subscription.id}/cancel"
    assert page(admin, path).status_code == 200
    assert page(admin, path, when="later", reason="Moves").status_code == 302
    assert reread(subscription).cancel_at_period_end
    assert page(admin, path, when="now", give_back="y").status_code == 302
    assert reread(subscription).status == "CANCELLED"
    assert page(admin, path, when="now").status_code == 422
    mine = make_subscription()
    patient = api("PATIENT", patient_id=mine.patient_id)
    assert "give_back" not in page(patient, f"/billing/subscription/{mine.id}/cancel").text
    assert page(patient, path).status_code == 404


def test_a_patient_sees_their_own_on_screen(in_clinic: Any, api: ApiAs) -> None:
    mine, theirs = make_subscription(), make_subscription()
    me = api("PATIENT", patient_id=mine.patient_id)
    shown = page(me, "/subscriptionview/list/").text
    assert mine.id in shown and theirs.id not in shown
    assert page(me, f"/subscriptionview/show/{theirs.id}").status_code == 404


@pytest.fixture
def late_in_a_month() -> Iterator[None]:
    """Who begins now and leaves in twenty days is lost to a month that they were there for from its first day."""
    with clock.travel(to=on_the(20, 6)):
        yield


def test_the_figures_count_and_add_up(in_clinic: Any, late_in_a_month: None, api: ApiAs) -> None:
    monthly, yearly, trial = make_plan("1000.00"), make_plan("6000.00", period="YEAR"), make_plan(trial_days=9)
    ended = [make_subscription(monthly) for _ in range(3)]
    make_subscription(monthly)
    make_subscription(yearly)
    make_subscription(trial, paid=False)
    make_subscription(monthly, paid=False)
    with in_days(20), unit_of_work():
        cancel_subscription(ended[0].id)
    finance = api("FINANCE_BILLING")
    figures = finance("GET", "/billing/analytics/subscriptions")[1]
    assert {name: figures[name] for name in ("active", "trialing", "pastDue", "cancelled", "expired", "total")} == {
        "active": 4, "trialing": 1, "pastDue": 1, "cancelled": 1, "expired": 0, "total": 7,
    }  # fmt: skip
    assert (figures["mrr"], figures["currency"]) == (3500, "INR")
    by_plan = {item["planId"]: (item["live"], item["active"], item["mrr"]) for item in figures["byPlan"]}
    assert by_plan == {monthly.id: (4, 3, 3000), yearly.id: (1, 1, 500), trial.id: (1, 0, 0)}
    assert len(figures["churnByMonth"]) == 12 and figures["churn"] == 0
    with in_days(45):
        later = api("FINANCE_BILLING")("GET", "/billing/analytics/subscriptions?months=3")[1]
        assert later["churn"] == 20.0
        assert [item["lost"] for item in later["churnByMonth"]].count(1) == 1
    assert api("RECEPTIONIST")("GET", "/billing/analytics/subscriptions")[0] == 403
