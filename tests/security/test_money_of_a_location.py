"""A LOCATION_HEAD sees the money of their own location: over the API, on screen, and whatever a cache keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from app.billing.models import Invoice
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.payments.models import Payment, Refund
from app.payments.services import request_refund
from tests.factories.billing import collect, make_invoice, make_priced_visit
from tests.factories.payments import make_tender, rupees

pytestmark = pytest.mark.usefixtures("in_clinic")


@dataclass(frozen=True)
class Money:
    location_id: str
    invoice: Invoice
    payment: Payment
    refund: Refund


@pytest.fixture
def taken(acting: Callable[..., Any]) -> Callable[[], Money]:
    """A visit that was paid, and a refund that was asked for, at a location of its own."""

    def take() -> Money:
        visit = make_priced_visit()
        done = collect(visit)
        with acting("RECEPTIONIST"), unit_of_work():
            refund = request_refund(done.payment, rupees("10"), "too long a wait")
        return Money(visit.location_id, done.invoice, done.payment, refund)

    return take


@pytest.fixture
def here(taken: Callable[[], Money]) -> Money:
    return taken()


@pytest.fixture
def there(taken: Callable[[], Money]) -> Money:
    return taken()


def test_lists_hold_the_own_location_alone(caller: Callable[..., Any], here: Money, there: Money) -> None:
    head, desk = caller("LOCATION_HEAD", location_id=here.location_id), caller("ACCOUNTANT")
    for name in ("invoice", "payment", "refund"):
        own, foreign = getattr(here, name).id, getattr(there, name).id
        assert {row["id"] for row in head.get(f"/billing/{name}s").json["items"]} == {own}
        assert {own, foreign} <= {row["id"] for row in desk.get(f"/billing/{name}s").json["items"]}


def test_filters_open_no_other_location(caller: Callable[..., Any], here: Money, there: Money) -> None:
    head = caller("LOCATION_HEAD", location_id=here.location_id)
    for query in (
        f"/billing/payments?invoiceId={there.invoice.id}",
        f"/billing/payments?patientId={there.payment.patient_id}",
        f"/billing/payments/user/{there.payment.patient_id}",
        f"/billing/refunds?paymentId={there.payment.id}",
        f"/billing/invoices?patientId={there.payment.patient_id}",
        f"/billing/invoices/user/{there.payment.patient_id}",
    ):
        assert head.get(query).json["items"] == [], query


def test_single_papers_of_another_location_do_not_exist(
    caller: Callable[..., Any], visitor: Callable[..., Any], here: Money, there: Money
) -> None:
    head = caller("LOCATION_HEAD", location_id=here.location_id)
    screen = visitor("LOCATION_HEAD", location_id=here.location_id)
    for money, status in ((here, 200), (there, 404)):
        for name in ("invoice", "payment", "refund"):
            row = getattr(money, name)
            assert head.get(f"/billing/{name}s/{row.id}").status_code == status
            assert screen.get(f"/{name}view/show/{row.id}").status_code == status


def test_lists_on_screen_hold_the_own_location_alone(visitor: Callable[..., Any], here: Money, there: Money) -> None:
    screen, whole = (visitor("LOCATION_HEAD", location_id=here.location_id), visitor("ACCOUNTANT"))
    for view in ("payment", "refund", "receipt"):
        own, all_rows = (len(someone.get(f"/{view}view/export").text.splitlines()) for someone in (screen, whole))
        assert (own, all_rows) == (2, 3), view


def test_the_cache_of_a_patients_payments_keeps_apart_who_sees_how_much(
    caller: Callable[..., Any], here: Money, there: Money
) -> None:
    path = f"/billing/payments/user/{there.payment.patient_id}"
    head, desk = caller("LOCATION_HEAD", location_id=here.location_id), caller("ACCOUNTANT")
    assert [len(someone.get(path).json["items"]) for someone in (head, desk, head, desk)] == [0, 1, 0, 1]


def test_a_deposit_belongs_to_no_location(caller: Callable[..., Any], here: Money) -> None:
    deposit = make_tender()
    loose = make_invoice()
    head = caller("LOCATION_HEAD", location_id=here.location_id)
    assert head.get(f"/billing/payments/{deposit.id}").status_code == 404
    assert head.get(f"/billing/invoices/{loose.id}").status_code == 404
    assert caller("LOCATION_HEAD").get(f"/billing/payments/{deposit.id}").status_code == 200


def test_a_desk_that_is_kept_to_a_location_goes_on_seeing_the_deposit_it_took(
    caller: Callable[..., Any], here: Money
) -> None:
    desk = caller("RECEPTIONIST", location_id=here.location_id)
    patient_id = here.payment.patient_id
    taken = desk.post("/billing/deposits", json={"patientId": patient_id, "amount": "50", "tender": "UPI"})
    assert taken.status_code == 201
    assert desk.get(f"/billing/payments/{taken.json['paymentId']}").status_code == 200
    db.session.rollback()
    other = caller("RECEPTIONIST", location_id=here.location_id)
    assert other.get(f"/billing/payments/{taken.json['paymentId']}").status_code == 404
