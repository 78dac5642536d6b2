"""How many statements a notice costs, taken in and worked on: a look-up that creeps in is seen here before it is felt.

Fewer are welcome: then lower the numbers. BEGIN, COMMIT and the lock of the books are not counted.
"""

from __future__ import annotations

from typing import Any

import pytest

from app.core.tenant import db, tenant_scope
from app.payments.services import process_webhook
from tests.factories.billing import make_invoice
from tests.factories.payments import make_payment, reread, rupees
from tests.payments.razorpay_notices import body, entity, headers, post, stored
from tests.statements import recorded_statements

INTAKE, TRANSITION = 1, 26


@pytest.fixture
def notices(app: Any, clinic: Any, razorpay_clinic: Any) -> list[str]:
    """Ids of two notices that came, each of a payment for an invoice of its own; what intake sends is checked."""
    client = app.test_client()
    for number in (1, 2):
        make_payment(rupees("800"), order_id=f"order_{number}", invoice_id=make_invoice("800").id)
        raw = body("payment.captured", payment=entity(f"order_{number}", id=f"pay_{number}", fee=1888, tax=288))
        with recorded_statements() as sent:
            assert post(client, clinic.id, raw, headers(raw)).status_code == 200
        assert number == 1 or len(sent) <= INTAKE, "\n".join(sent)  # the first one fills the cache
    return [row.id for row in stored()]


def test_a_captured_payment(clinic: Any, notices: list[str]) -> None:
    db.session.rollback()
    for webhook_id in notices:  # the first one also opens accounts and series
        with tenant_scope(clinic.id), recorded_statements() as sent:
            process_webhook(webhook_id)
    assert len(sent) <= TRANSITION, "\n".join(sent)
    assert [row.status for row in stored()] == ["PROCESSED", "PROCESSED"]
    assert {reread(row.payment).status for row in stored()} == {"COMPLETED"}
