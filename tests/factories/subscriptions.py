"""Plans and subscriptions, committed to the clinic in scope."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

from sqlalchemy import select

from app.billing.models import Invoice, Plan, Subscription
from app.billing.services import collect_at_desk
from app.billing.services.coverage import cover_visit
from app.billing.services.plans import create_plan
from app.billing.services.renewals import pending_invoice
from app.billing.services.subscriptions import subscribe
from app.core import clock
from app.core.ids import new_id
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.payments.models import PaymentMethod
from app.people.models import Patient
from app.scheduling.models import Appointment
from tests.factories.billing import rupees
from tests.factories.commits import one_commit
from tests.factories.people import make_patient
from tests.factories.scheduling import local, make_appointment, tomorrow

_numbers, _slots = count(1), count(1)


def make_plan(price: str = "1000.00", **overrides: Any) -> Plan:
    """A monthly plan of five visits of any kind, without a trial."""
    values = {"name": f"Plan {next(_numbers)}", "period": "MONTH", "quota": 5, **overrides}
    with one_commit():
        return create_plan(price=rupees(price), **values)


def make_subscription(plan: Plan | None = None, *, paid: bool = True, **overrides: Any) -> Subscription:
    """A subscription whose first period is paid at the desk, unless `paid=False`."""
    with one_commit():
        plan = plan or make_plan()
        patient_id = overrides.pop("patient_id", None) or make_patient().id
        subscription = subscribe(patient_id, plan, **overrides)
    if paid:
        pay_pending(subscription)
    return reread(subscription)


def make_method(patient: Patient, last4: str = "4242") -> PaymentMethod:
    """As the gateway tells of it once the patient has left it there."""
    method = PaymentMethod(
        id=new_id(), patient_id=patient.id, provider="stripe", account_id=new_id(), method_id=f"pm_{new_id()}",
        kind="card", brand="Visa", last4=last4, expires_year=2031, expires_month=4,
    )  # fmt: skip
    with unit_of_work():
        db.session.add(method)
    return method


def pay_pending(subscription: Subscription) -> Invoice:
    """Pay at the desk what is owed for the next period."""
    with unit_of_work():
        invoice = pending_invoice(subscription)
        assert invoice is not None
        return collect_at_desk(invoice, "CASH").invoice


def owed_invoice(subscription: Subscription) -> Invoice | None:
    with unit_of_work():
        return pending_invoice(reread(subscription))


def reread(row: Any) -> Any:
    """The row as the database has it now."""
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(type(row), row.id)


def make_visit(subscription: Subscription, doctor: Any = None, **overrides: Any) -> Appointment:
    """A visit of the subscription's patient, each at another time of the next days."""
    number = next(_slots) % 2000
    starts_at = local(tomorrow() + timedelta(days=number // 90), 0) + timedelta(minutes=15 * (number % 90))
    return make_appointment(doctor, patient_id=subscription.patient_id, **{"starts_at": starts_at, **overrides})


def covered(subscription: Subscription, visit: Appointment) -> Any:
    with unit_of_work():
        return cover_visit(subscription.id, visit.id)


def all_of(model: Any, *criteria: Any) -> list[Any]:
    db.session.rollback()
    return list(db.session.scalars(select(model).where(*criteria).order_by(model.id)))


def in_days(days: float) -> Any:
    """The clock that many days on."""
    return clock.travel(timedelta(days=days))
