"""The process dies at every commit and call while an approved PayPal payment is taken; the money is taken once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import requests

from app.core import clock
from app.core.jobs import redis_connection
from app.core.tenant import ScopedSession, db
from app.payments.jobs import sweep_payments
from app.payments.models import Payment
from app.payments.services import ask_gateway
from tests.factories.payments import reread
from tests.payments.jobs import run_jobs
from tests.payments.paypal import approve, captures, completed, dollars, make_paypal_payment
from tests.payments.test_kill_points import Killed, KillSwitch
from tests.sandbox_server import RunningSandbox

LATER = timedelta(seconds=90)  # past every lease and the first steps
MOST_ROUNDS = 6


@contextmanager
def deadly(switch: KillSwitch, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every commit and every call to PayPal passes the switch before and after."""
    send, commit = requests.Session.send, ScopedSession.commit

    def deadly_send(session: requests.Session, prepared: Any, **options: Any) -> Any:
        if "/paypal/v" not in str(prepared.url):  # the sandbox posts its webhooks from this process, too
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


def ask_until_dead(payment: Payment, switch: KillSwitch, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        with deadly(switch, monkeypatch):
            ask_gateway(payment.id)
    except Killed:
        db.session.rollback()
        redis_connection().flushdb()  # and its wake-ups are lost


def live_on(payment: Payment) -> None:
    """The sweeper finds what was left behind."""
    later = LATER
    for _ in range(MOST_ROUNDS):
        with clock.travel(later):
            sweep_payments()
            run_jobs()
        if reread(payment).status == "COMPLETED" and not reread(payment).in_doubt:
            return
        later += LATER
    raise AssertionError(f"it stays {reread(payment).status}")


def test_the_money_is_taken_once_wherever_the_process_dies(
    paypal: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def walk_and_die(at: str = "") -> KillSwitch:
        before = captures(paypal)
        payment = make_paypal_payment("80")
        approve(payment, paypal)
        switch = KillSwitch(at)
        ask_until_dead(payment, switch, monkeypatch)
        live_on(payment)
        where = f"killed {at}"
        assert (reread(payment).captured, completed(payment)) == (dollars("80"), 1), where
        assert len(reread(payment).attempts) == 1, where
        assert captures(paypal) == before + 1, where
        return switch

    trail = walk_and_die().trail
    assert [at for at in trail if "POST" in at] == ["before POST 1", "after POST 1"]
    assert sum(at.startswith("before commit") for at in trail) >= 4
    assert [at for at in trail if walk_and_die(at).armed] == []
