"""The process dies at every commit and every gateway call of a payment's life, once each; money still moves once.
The suite dies at every call and at some of the commits, `make chaos` at all of them.

A walk is a loop: workers do what is due, then the person or the gateway does the next thing. Death is an exception
that nothing of ours catches, raised right before or right after a commit or a call, with every wake-up in Redis lost;
then life goes on, later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import requests

from app.core import clock
from app.core.errors import AppError
from app.core.jobs import redis_connection
from app.core.tenant import ScopedSession, db, tenant_scope
from app.core.transaction import unit_of_work
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance, trial_balance, trial_balance_totals
from app.payments.jobs import sweep_payments
from app.payments.models import Payment, Refund, RefundStatus, WebhookEvent
from app.payments.services import approve_refund, create_payment, receive_webhook, request_refund, start_checkout
from tests.factories.access import make_clinic
from tests.factories.payments import KEY_ID, KEY_SECRET, make_gateway_account, rupees
from tests.factories.people import make_patient
from tests.payments.jobs import run_jobs
from tests.sandbox_server import RunningSandbox
from tests.scripted_server import Server
from tests.waiting import wait_until

SHARES = 4
EVERY_NTH = 5  # odd: "before" and "after" take turns
MOST_ROUNDS = 40
NOTICES_OF_PAYMENT = 3
NOTICES = NOTICES_OF_PAYMENT + 2  # and of the refund
LATER = timedelta(seconds=90)  # past every lease and the first steps


class Killed(BaseException):
    """The process is gone."""


@dataclass
class KillSwitch:
    """Notes the points that a walk passes, each with its turn ("before POST 2"), and kills at one of them.

    A turn and not a place in the trail: what comes between two calls depends on when the gateway's notices arrive.
    """

    at: str = ""
    armed: bool = True
    trail: list[str] = field(default_factory=list)
    turns: Counter[str] = field(default_factory=Counter)

    def point(self, name: str) -> None:
        if not self.armed:
            return
        self.turns[name] += 1
        self.trail.append(f"{name} {self.turns[name]}")
        if self.trail[-1] == self.at:
            self.armed = False
            raise Killed(self.at)


@contextmanager
def deadly(switch: KillSwitch, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every commit and every call to the gateway passes the switch before and after."""
    send, commit = requests.Session.send, ScopedSession.commit

    def deadly_send(session: requests.Session, prepared: Any, **options: Any) -> Any:
        if "/razorpay/" not in str(prepared.url) or not prepared.headers.get("Authorization"):
            return send(session, prepared, **options)
        switch.point(f"before {prepared.method}")
        answer = send(session, prepared, **options)
        switch.point(f"after {prepared.method}")
        return answer

    def deadly_commit(session: ScopedSession) -> None:
        switch.point("before commit")
        commit(session)
        switch.point("after commit")

    with monkeypatch.context() as patch:
        patch.setattr(requests.Session, "send", deadly_send)
        patch.setattr(ScopedSession, "commit", deadly_commit)
        yield


@dataclass
class Walk:
    """A visit's payment of 800.00 of which 300.00 go back, as its outside world sees it."""

    clinic_id: str
    gateway: RunningSandbox
    inbox: Server
    patient_id: str
    acting: Callable[..., Any]
    delivered: int = 0
    paid: bool = False
    rounds: int = 0

    def next_thing(self) -> bool:
        """One round; False when there is nothing left to do."""
        self.rounds += 1
        with tenant_scope(self.clinic_id):
            sweep_payments()
            run_jobs()
            return self._pay() and self._deliver() and self._refund()

    def _pay(self) -> bool:
        """The patient books, is sent to the hosted page (again, if it broke) and pays there."""
        payment = db.session.query(Payment).one_or_none()
        if payment is None:
            with unit_of_work():
                create_payment(rupees("800"), patient_id=self.patient_id)
            payment = db.session.query(Payment).one()
        if not self.paid:
            with suppress(AppError):
                order_id = start_checkout(payment.id).order_id
                self.gateway.request("POST", f"/_control/checkout/razorpay/{order_id}", json={"result": "success"})
                self.paid = True
                wait_until(lambda: len(self.inbox.received) >= NOTICES_OF_PAYMENT)
        return True

    def _deliver(self) -> bool:
        """The gateway posts each notice until it is answered well."""
        for received in list(self.inbox.received)[self.delivered :]:
            receive_webhook("razorpay", self.clinic_id, received.body, received.headers)
            self.delivered += 1
        return True

    def _refund(self) -> bool:
        """Finance refunds once the money is there; whoever sees no refund asks for it again."""
        payment = db.session.query(Payment).one()
        refund = db.session.query(Refund).one_or_none()
        if not payment.captured_minor:
            return True
        with self.acting("FINANCE_BILLING"), unit_of_work():
            if refund is None:
                refund = request_refund(payment, rupees("300"), "cut short")
            if refund.status == RefundStatus.REQUESTED:
                approve_refund(refund)
        return not self._over(refund)

    def _over(self, refund: Refund) -> bool:
        waiting = db.session.query(WebhookEvent).filter(WebhookEvent.status.in_(("RECEIVED", "WAITING"))).count()
        return refund.status == RefundStatus.SETTLED and not waiting and len(self.inbox.received) >= NOTICES


def walk_to_the_end(walk: Walk, switch: KillSwitch) -> None:
    later = timedelta()
    while walk.rounds < MOST_ROUNDS:
        try:
            with clock.travel(later):
                going_on = walk.next_thing()
        except Killed:
            db.session.remove()
            redis_connection().flushdb()  # and its wake-ups are lost
            going_on = True
        if not going_on:
            return
        later += LATER
    raise AssertionError(f"never came to an end; killed at {switch.trail[-1]}")


@pytest.fixture
def walk_and_die(
    in_clinic: Any, gateway: RunningSandbox, inbox: Server, acting: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., KillSwitch]:
    """A walk in which the process dies at this point, if it comes there. It ended as it should."""

    def go(at: str = "") -> KillSwitch:
        clinic_id, patient_id = fresh_clinic(gateway, inbox)
        switch = KillSwitch(at)
        with deadly(switch, monkeypatch):
            walk_to_the_end(Walk(clinic_id, gateway, inbox, patient_id, acting), switch)
        with tenant_scope(clinic_id):
            check(gateway, switch)
        return switch

    return go


@pytest.mark.chaos
@pytest.mark.parametrize("share", range(SHARES))
def test_money_moves_once_wherever_the_process_dies(walk_and_die: Callable[..., KillSwitch], share: int) -> None:
    """At every fourth point of the walk."""
    killed = [at for at in walk_and_die().trail[share::SHARES] if not walk_and_die(at).armed]
    assert len(killed) > 15


def test_money_moves_once_where_a_process_dies_at_a_call_or_some_commit(
    walk_and_die: Callable[..., KillSwitch],
) -> None:
    trail = walk_and_die().trail
    posts = [at for at in trail if "POST" in at]
    assert posts == ["before POST 1", "after POST 1", "before POST 2", "after POST 2"]  # the order and the refund
    commits = [at for at in trail if "commit" in at]
    befores, afters = (sum(at.startswith(side) for at in commits) for side in ("before", "after"))
    assert befores == afters > 15
    dead = {*(at for at in trail if at not in commits), *commits[::EVERY_NTH]}
    killed = [at for at in trail if at in dead and not walk_and_die(at).armed]
    assert set(posts) <= set(killed)
    for side in ("before commit", "after commit"):
        assert sum(at.startswith(side) for at in killed) >= 3, killed


def fresh_clinic(gateway: RunningSandbox, inbox: Server) -> tuple[str, str]:
    """A clinic with an account at an empty gateway, and a patient."""
    clinic = make_clinic()
    gateway.reset()
    inbox.received.clear()
    with tenant_scope(clinic.id):
        make_gateway_account(gateway.razorpay_url)
        return clinic.id, make_patient().id


def check(gateway: RunningSandbox, switch: KillSwitch) -> None:
    """Whatever happened: one payment, captured once, refunded once, the same in our books and at the gateway."""
    where = f"killed {switch.at}"
    payment, refund = db.session.query(Payment).one(), db.session.query(Refund).one()
    assert (payment.status, payment.captured_minor, payment.refunded_minor) == (
        "PARTIALLY_REFUNDED",
        80_000,
        30_000,
    ), where
    assert not payment.in_doubt, where
    assert balance(AccountCode.PATIENT_CREDIT) == rupees("500"), where
    assert balance(AccountCode.REFUND_CLEARING) == rupees("0"), where
    assert all(debits == credits for debits, credits in trial_balance_totals(trial_balance())), where
    login = (KEY_ID, KEY_SECRET)
    path = f"/razorpay/v1/payments/{payment.gateway_payment_id}/refunds"
    there = gateway.request("GET", path, auth=login).json()["items"]
    assert [item["id"] for item in there] == [refund.gateway_refund_id], where
    orders = gateway.request("GET", "/razorpay/v1/orders", auth=login).json()["items"]
    assert [item["id"] for item in orders if item["status"] == "paid"] == [payment.order_id], where
