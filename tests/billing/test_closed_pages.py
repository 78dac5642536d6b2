"""Nobody can pay on a hosted page any more for a visit that was called off."""

from __future__ import annotations

from app.billing.services.checkout import begin_visit_payment
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.payments.models import Payment
from app.payments.services import start_checkout
from app.scheduling.models import Appointment, CancelReason
from app.scheduling.services import cancel_appointment
from tests.billing.conftest import run_everything
from tests.factories.billing import make_priced_visit
from tests.payments.gateway_accounts import STRIPE, GatewayClinic


def test_the_page_of_a_cancelled_visit_is_closed_at_the_gateway(stripe: GatewayClinic) -> None:
    visit = make_priced_visit("600.00")
    with unit_of_work():
        payment_id = begin_visit_payment(db.session.get_one(Appointment, visit.id)).id
    order_id = start_checkout(payment_id).order_id
    with unit_of_work():
        cancel_appointment(db.session.get_one(Appointment, visit.id), CancelReason.PATIENT_REQUEST)
    run_everything()
    assert db.session.get_one(Payment, payment_id).status == "VOIDED"
    session = stripe.sandbox.request(
        "GET",
        f"/stripe/v1/checkout/sessions/{order_id}",
        headers={"Authorization": f"Bearer {STRIPE.fields['secretKey']}"},
    ).json()
    assert session["status"] == "expired"
