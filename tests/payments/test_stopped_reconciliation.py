"""A reconciliation that somebody stops: between two questions to the gateway, or while one is under way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, select

from app.core.errors import Conflict, NotFound
from app.core.ids import new_id
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.payments.models import ReconciliationRun, RunStatus, Settlement
from app.payments.services import cancel_run, carry_out_run, plan_run
from app.payments.services.reconciling import months_between
from tests.api_caller import Caller
from tests.factories.payments import make_gateway_account, reread
from tests.payments.gateways.test_razorpay_settlements import row
from tests.scripted_server import Behaviour, Handler, Server, answer, scripted_server

FIRST, LAST = date(2026, 1, 20), date(2026, 3, 10)
PAID_OUT = 1_770_000_000  # in these weeks


@pytest.fixture
def razorpay(in_clinic: Any) -> Iterator[Server]:
    with scripted_server() as server:
        yield server


@pytest.fixture
def run(razorpay: Server) -> ReconciliationRun:
    """Over parts of three months: three questions."""
    account_id = make_gateway_account(razorpay.url)
    with unit_of_work():
        return plan_run(account_id, FIRST, LAST)


def first(app: Any, clinic_id: str, act: Callable[[], None], then: Behaviour) -> Behaviour:
    """Somebody does something elsewhere while the gateway thinks."""

    def behave(handler: Handler) -> None:
        with app.app_context(), tenant_scope(clinic_id):
            act()
        then(handler)

    return behave


def settlements() -> int:
    return int(db.session.scalar(select(func.count()).select_from(Settlement)) or 0)


def stop(run_id: str) -> None:
    with unit_of_work():
        cancel_run(run_id)


def test_it_stops_between_two_questions(app: Any, in_clinic: Any, razorpay: Server, run: ReconciliationRun) -> None:
    run_id = run.id
    razorpay.will(first(app, in_clinic.id, lambda: stop(run_id), answer(200, {"items": [row(1, PAID_OUT)]})))
    carry_out_run(run_id)
    assert len(razorpay.received) == 1
    run = reread(run)
    assert (run.status, run.line_count, run.next_at) == (RunStatus.CANCELLED, 0, None)
    assert run.finished_at is not None
    assert settlements() == 0


def test_an_answer_that_comes_after_it_was_stopped_is_not_taken_in(
    app: Any, in_clinic: Any, razorpay: Server, run: ReconciliationRun
) -> None:
    run_id, empty = run.id, answer(200, {"items": []})
    last = first(app, in_clinic.id, lambda: stop(run_id), answer(200, {"items": [row(1, PAID_OUT)]}))
    razorpay.will(empty, empty, last)
    carry_out_run(run_id)
    assert len(razorpay.received) == 3
    assert reread(run).status == RunStatus.CANCELLED
    assert settlements() == 0


def test_a_gateway_that_fails_after_it_was_stopped_is_not_asked_again(
    app: Any, in_clinic: Any, razorpay: Server, run: ReconciliationRun
) -> None:
    run_id = run.id
    razorpay.will(first(app, in_clinic.id, lambda: stop(run_id), answer(401, {"error": {"code": "BAD_REQUEST_ERROR"}})))
    carry_out_run(run_id)
    run = reread(run)
    assert (run.status, run.error, run.next_at) == (RunStatus.CANCELLED, "", None)


def test_how_far_it_got_is_kept(app: Any, in_clinic: Any, razorpay: Server, run: ReconciliationRun) -> None:
    run_id, seen = run.id, []

    def look() -> None:
        seen.append(db.session.scalar(select(ReconciliationRun.progress).where(ReconciliationRun.id == run_id)))

    razorpay.will(first(app, in_clinic.id, look, answer(200, {"items": []})))
    carry_out_run(run_id)
    assert seen == [10, 30, 50]
    assert (reread(run).status, reread(run).progress) == (RunStatus.DONE, 100)


def test_it_is_stopped_before_it_began_and_only_once(razorpay: Server, run: ReconciliationRun) -> None:
    stop(run.id)
    carry_out_run(run.id)
    assert razorpay.received == []
    with pytest.raises(Conflict):
        stop(run.id)
    with pytest.raises(NotFound):
        stop(new_id())
    with unit_of_work():
        assert plan_run(run.account_id, FIRST, LAST).status == RunStatus.PLANNED


def test_what_is_done_cannot_be_stopped(razorpay: Server, run: ReconciliationRun) -> None:
    razorpay.will(answer(200, {"items": []}))
    carry_out_run(run.id)
    with pytest.raises(Conflict):
        stop(run.id)
    assert reread(run).status == RunStatus.DONE


def test_finance_stops_it_on_its_page(visitor: Callable[..., Caller], run: ReconciliationRun) -> None:
    page, action = f"/reconciliationrunview/show/{run.id}", f"/reconciliationrunview/action/cancel/{run.id}"
    assert visitor("ACCOUNTANT").post(action).status_code == 403
    assert action not in visitor("ACCOUNTANT").get(page).text
    finance = visitor("FINANCE_BILLING")
    assert action in finance.get(page).text
    assert finance.post(action).status_code == 302
    assert reread(run).status == RunStatus.CANCELLED
    assert action not in finance.get(page).text


def test_nobody_stops_another_clinics(other_clinic: Any, run: ReconciliationRun) -> None:
    with tenant_scope(other_clinic.id), pytest.raises(NotFound):
        stop(run.id)
    assert reread(run).status == RunStatus.PLANNED


def test_a_span_is_cut_at_the_ends_of_months() -> None:
    assert months_between(date(2026, 1, 31), date(2026, 3, 1)) == [
        (date(2026, 1, 31), date(2026, 1, 31)),
        (date(2026, 2, 1), date(2026, 2, 28)),
        (date(2026, 3, 1), date(2026, 3, 1)),
    ]
    assert months_between(date(2026, 12, 5), date(2026, 12, 31)) == [(date(2026, 12, 5), date(2026, 12, 31))]
    assert months_between(date(2026, 12, 5), date(2026, 12, 5)) == [(date(2026, 12, 5), date(2026, 12, 5))]
