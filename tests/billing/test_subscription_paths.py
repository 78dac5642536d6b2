"""Hot questions about subscriptions are answered from an index, behind row-level security (OPS-3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, select, text

from app.billing.models import COVERING, Subscription
from app.billing.subscription_queries import covering_subscriptions
from app.core import clock
from app.core.row_security import APP_ROLE
from app.core.tenant import db
from tests.factories.people import make_patient
from tests.factories.subscriptions import make_plan, make_subscription

COPIES = text("""
    insert into subscription (
        id, clinic_id, patient_id, plan_id, status, currency, price_minor, period, used, period_number,
        period_starts_at, period_ends_at, anchor_periods, auto_renew, cancel_at_period_end, reminders, cancel_reason,
        next_step_at, created_at, updated_at)
    select gen_random_uuid(), s.clinic_id, p.id, s.plan_id, (array['ACTIVE', 'CANCELLED', 'EXPIRED'])[number % 3 + 1],
           'INR', 1, 'MONTH', 0, 1, starts, starts + interval '1 month', 1, true, false, 0, '', starts, starts, starts
    from (select * from subscription where id = :id) s,
         (select id, row_number() over () n from patient where clinic_id = :clinic) p,
         generate_series(1, 400) number,
         lateral (select s.period_starts_at + (number * 7 + p.n) * interval '1 hour' starts) t
""")


@pytest.fixture
def crowded(in_clinic: Any) -> Iterator[tuple[Connection, Subscription]]:
    """A connection, as the application's, on which the clinic has thousands of subscriptions; all is rolled back."""
    subscription = make_subscription(make_plan("10.00"))
    for _ in range(11):
        make_patient()
    values = {"id": subscription.id, "clinic": subscription.clinic_id}
    engine = create_engine(db.engine.url)
    with engine.connect() as connection, connection.begin() as transaction:
        connection.execute(COPIES, values)
        connection.execute(text("analyze subscription"))
        connection.execute(text(f"set local role {APP_ROLE}"))
        connection.execute(text("select set_config('app.clinic_id', :clinic, true)"), values)
        yield connection, subscription
        transaction.rollback()
    engine.dispose()


def plan_of(connection: Connection, statement: Any) -> str:
    sql = str(statement.compile(connection, compile_kwargs={"literal_binds": True}))
    return "\n".join(connection.exec_driver_sql(f"explain {sql}".replace("%", "%%")).scalars())


def test_a_patients_subscriptions_come_from_an_index(crowded: tuple[Connection, Subscription]) -> None:
    connection, known = crowded
    own = (Subscription.clinic_id == known.clinic_id, Subscription.patient_id == known.patient_id)
    wanted = select(Subscription.id).where(*own, Subscription.status.in_(COVERING))
    assert "ix_subscription_patient_status" in plan_of(connection, wanted)
    assert [item.id for item in covering_subscriptions(known.patient_id, "IN_PERSON")] == [known.id]


def test_what_ends_next_comes_from_an_index(crowded: tuple[Connection, Subscription]) -> None:
    connection, known = crowded
    ending = (Subscription.clinic_id == known.clinic_id, Subscription.status == "ACTIVE")
    wanted = select(Subscription.id).where(*ending, Subscription.period_ends_at <= clock.now())
    assert "ix_subscription_status_period" in plan_of(connection, wanted.limit(20))


def test_the_sweeper_finds_what_is_due_by_an_index(crowded: tuple[Connection, Subscription]) -> None:
    connection, _known = crowded
    due = select(Subscription.id).where(Subscription.next_step_at <= clock.now()).order_by(Subscription.next_step_at)
    assert "ix_subscription_next_step" in plan_of(connection, due.limit(200))
