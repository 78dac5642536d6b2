"""Ends what earlier tests left open, so that a sweeper, which goes through all clinics, finds this test's work only.

Only rows that are open are written: an update of every row there is grows with each test of a run.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import update

from app.core.tenant import all_tenants, db
from app.core.transaction import unit_of_work
from app.events.models import DeliveryStatus, EventDelivery
from app.payments.models import OperationStatus, PaymentOperation, WebhookEvent, WebhookStatus
from app.tenancy.models import Clinic


def archive(clinic_ids: Sequence[str]) -> None:
    with all_tenants(), unit_of_work():
        db.session.execute(update(Clinic).where(Clinic.id.in_(clinic_ids)).values(archived=True))


def end_open_work() -> None:
    """Events are heard, payments asked about, webhooks processed."""
    with all_tenants(), unit_of_work():
        end_payments()
        heard = update(EventDelivery).where(EventDelivery.status != DeliveryStatus.DONE)
        db.session.execute(heard.values(status=DeliveryStatus.DONE))


def end_payments() -> None:
    """In the transaction of the caller."""
    open_ones = (PaymentOperation.status != OperationStatus.FAILED) | PaymentOperation.next_at.is_not(None)
    db.session.execute(update(PaymentOperation).where(open_ones).values(status=OperationStatus.FAILED, next_at=None))
    unparked = update(WebhookEvent).where(WebhookEvent.status != WebhookStatus.PARKED)
    db.session.execute(unparked.values(status=WebhookStatus.PARKED))
