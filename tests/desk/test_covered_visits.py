"""A subscription at the desk: the visit is covered with one press, and nothing of it is to be collected."""

from __future__ import annotations

from typing import Any

from app.billing.models import Subscription
from app.core.tenant import db
from app.scheduling.models import Appointment
from tests.desk.conftest import Screen, words
from tests.factories.people import make_patient
from tests.factories.subscriptions import make_plan, make_subscription


def test_a_visit_is_covered_at_the_desk(desk: Screen, visit: Appointment) -> None:
    plan = make_plan(name="Family care", quota=2)
    subscription = make_subscription(plan, patient_id=visit.patient_id)
    path = f"/desk/visits/{visit.id}"
    assert "Use Family care" in words(desk.piece(path))
    shown = desk.send(f"{path}/cover/{subscription.id}")
    assert shown.status_code == 200
    text = words(desk.piece(path))
    assert "Covered by Family care · 1 visit left" in text
    assert "Collect cash" not in text and "Use Family care" not in text
    day = words(desk.page("/desk/"))
    assert "Covered" in day and "due" not in day.partition("waiting")[2][:40]
    db.session.rollback()
    assert db.session.get_one(Subscription, subscription.id, populate_existing=True).used == 1


def test_another_patients_subscription_does_not_cover_it(desk: Screen, visit: Appointment) -> None:
    other = make_subscription(patient_id=make_patient().id)
    path = f"/desk/visits/{visit.id}"
    assert "Use " not in words(desk.piece(path))
    desk.send(f"{path}/cover/{other.id}")
    assert "To collect" in words(desk.piece(path))
    db.session.rollback()
    assert db.session.get_one(Subscription, other.id, populate_existing=True).used == 0


def test_a_role_that_may_not_book_on_subscriptions_may_not_cover(screen_of: Any, visit: Appointment) -> None:
    subscription = make_subscription(patient_id=visit.patient_id)
    answer = screen_of("NURSE").send(f"/desk/visits/{visit.id}/cover/{subscription.id}")
    assert "may not" in words(answer) or answer.status_code == 403
