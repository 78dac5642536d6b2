"""What waits on a finance person's desk: a discount to approve, a debt to give up, a plan, a deposit."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from app.billing.services import (
    collect_at_desk,
    lock_invoice,
    make_payment_plan,
    open_invoice,
    request_write_off,
    take_deposit,
)
from app.billing.services.drafts import WantedLine, draft_by_hand
from app.core import clock
from app.core.money import Money
from app.core.principal import Principal, acting_as
from app.tenancy.queries import settings_in_scope

LONG_AGO = timedelta(days=75)


def add_open_matters(patients: list[str], person: Principal, random: Random) -> None:
    """`person` is at the desk; what needs a second one is left undecided."""
    saver, planner, debtor, neighbour = random.sample(patients, 4)
    with acting_as(person):
        take_deposit(saver, "UPI", _amount(2000), reference="UPI-40718")
        _on_a_plan(planner)
        _long_overdue(debtor)
        draft_by_hand(
            neighbour,
            [WantedLine(_amount(4500), description="Physiotherapy, ten sessions")],
            discount=_amount(1500),
            discount_reason="Family of a member of staff",
        )


def _on_a_plan(patient_id: str) -> None:
    """Four instalments, the first paid today."""
    invoice = open_invoice(draft_by_hand(patient_id, [WantedLine(_amount(24000), description="Dental crown")]))
    make_payment_plan(lock_invoice(invoice.id), 4)
    collect_at_desk(invoice, "CARD_TERMINAL", _amount(6000), reference="Slip 1182")


def _long_overdue(patient_id: str) -> None:
    with clock.travel(by=-LONG_AGO):
        line = WantedLine(_amount(850), description="Dressing, three visits")
        invoice = open_invoice(draft_by_hand(patient_id, [line]))
    request_write_off(lock_invoice(invoice.id), "Moved away, letters come back")


def _amount(major: int) -> Money:
    return Money.parse(major, settings_in_scope().currency)
