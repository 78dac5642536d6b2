"""Reconciliation: what a gateway paid out, line by line, against our payments, refunds, fees and disputes (SPEC PAY-6).

A run is planned in one transaction, the gateway is asked outside any, and what it answered is taken in by another. Only
a clinic's own accounts are reconciled: what a shared account pays out belongs to nobody's books alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from sqlalchemy import select

from app.core import clock
from app.core.errors import Conflict, Invalid, ProviderUnavailable
from app.core.ids import new_id
from app.core.money import Money
from app.core.principal import find_principal
from app.core.providers import ProviderError
from app.core.sockets import clinic_room, push
from app.core.tenant import db, require_clinic
from app.core.transaction import unit_of_work
from app.events.services import publish
from app.payments.events import ReconciliationFinished
from app.payments.gateways.base import Gateway, GatewayPayment
from app.payments.gateways.settlements import SettlementKind, SettlementLine
from app.payments.models import ReconciliationRun, RunStatus
from app.payments.services.differences import keep_findings, open_subjects
from app.payments.services.gateway import CHANNEL, call, open_account
from app.payments.services.matching import compare
from app.payments.services.our_books import DueOrder, books_of, due_orders
from app.payments.services.settlements import lines_about, store_lines, stored_lines
from app.tenancy.models import ProviderAccount
from app.tenancy.providers import account_with_id
from app.tenancy.queries import settings_in_scope

ASKED, ANSWERED, OVER = 10, 70, 100  # per cent
NIGHT = time(3)
LOOK_BACK = timedelta(days=7)  # a list may be late, and a run may have failed
LONGEST_SPAN = timedelta(days=92)
RETRY_AFTER = (timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=8))
WORKING = timedelta(minutes=10)  # longer than the job's own time-out


@dataclass(frozen=True)
class _Plan:
    gateway: Gateway[Any]
    account_id: str
    first_on: date
    last_on: date
    orders: tuple[DueOrder, ...]


def plan_run(account_id: str, first_on: date, last_on: date, *, nightly_on: date | None = None) -> ReconciliationRun:
    """Ask for a comparison of an account over some days, both included. Raises Invalid, or Conflict while one waits."""
    account = db.session.get(ProviderAccount, account_id)
    if account is None:
        raise Invalid(fields={"account": _("Only an account of the clinic's own can be reconciled.")})
    if not first_on <= last_on <= first_on + LONGEST_SPAN:
        raise Invalid(fields={"last_on": _("The last day comes after the first, at most %(days)s days.", days=92)})
    waiting = select(ReconciliationRun.id).where(
        ReconciliationRun.account_id == account_id, ReconciliationRun.status == RunStatus.PLANNED
    )
    if nightly_on is None and db.session.scalar(waiting.limit(1)) is not None:
        raise Conflict(_("A reconciliation of this account is under way."))
    principal = find_principal()
    run = ReconciliationRun(
        id=new_id(),
        provider=account.provider,
        account_id=account_id,
        first_on=first_on,
        last_on=last_on,
        nightly_on=nightly_on,
        next_at=clock.now(),
        requested_by_id=principal.user_id if principal else None,
    )
    db.session.add(run)
    db.session.flush()
    _wake(run)
    return run


def carry_out_run(run_id: str) -> None:
    """Compare. Commits in steps; call it outside any unit of work. Done before, it does nothing."""
    with unit_of_work():
        plan = _claim(run_id)
    if plan is None:
        return
    _tell(run_id, ASKED)
    try:
        lines = call(plan.gateway, lambda: _ask(plan))
        _tell(run_id, ANSWERED)
    except (ProviderError, ProviderUnavailable) as error:
        with unit_of_work():
            _note_silence(run_id, str(error))
        _tell(run_id, OVER)
        return
    with unit_of_work():
        _take(run_id, plan, lines)
    _tell(run_id, OVER)


def _tell(run_id: str, progress: int) -> None:
    """Whoever looks at the run sees how far it got, in per cent; the gateway's answer takes most of the time."""
    with unit_of_work():
        over = progress == OVER
        news = {"id": run_id, "job": "reconciliation", "status": "DONE" if over else "RUNNING", "progress": progress}
        push("job", news, clinic_room(require_clinic(), "runs"))


def plan_nightly_runs() -> list[ReconciliationRun]:
    """From NIGHT on in the clinic's zone: one run for each enabled account, over the days before."""
    now = clock.now().astimezone(ZoneInfo(settings_in_scope().zone))
    if now.time() < NIGHT:
        return []
    accounts = select(ProviderAccount.id).where(ProviderAccount.channel == CHANNEL, ProviderAccount.enabled.is_(True))
    planned = select(ReconciliationRun.account_id).where(ReconciliationRun.nightly_on == now.date())
    wanted = list(db.session.scalars(accounts.where(ProviderAccount.id.not_in(planned))))
    last_on = now.date() - timedelta(days=1)
    return [plan_run(item, last_on - LOOK_BACK, last_on, nightly_on=now.date()) for item in wanted]


def _wake(run: ReconciliationRun) -> None:
    from app.payments import jobs

    jobs.reconcile.enqueue(run.clinic_id, run.id)


def _claim(run_id: str) -> _Plan | None:
    run = _waiting(run_id)
    if run is None or (run.next_at is not None and run.next_at > clock.now()):
        return None
    run.attempts += 1
    run.next_at = clock.now() + WORKING
    gateway = open_account(account_with_id(run.account_id))
    orders = () if gateway.capabilities.settlement_lines else due_orders(run.account_id, run.first_on, run.last_on)
    return _Plan(gateway, run.account_id, run.first_on, run.last_on, orders)


def _waiting(run_id: str) -> ReconciliationRun | None:
    return db.session.scalar(
        select(ReconciliationRun)
        .where(ReconciliationRun.id == run_id, ReconciliationRun.status == RunStatus.PLANNED)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )


def _ask(plan: _Plan) -> list[SettlementLine]:
    """The gateway's list; where it has none, what it says of each order that we know."""
    if plan.gateway.capabilities.settlement_lines:
        return plan.gateway.fetch_settlement_lines(plan.first_on, plan.last_on)
    lines: list[SettlementLine] = []
    for order in plan.orders:
        payments = plan.gateway.fetch_order(order.order_id).payments
        lines += [_as_line(order, payment) for payment in payments if payment.captured]
    return lines


def _as_line(order: DueOrder, payment: GatewayPayment) -> SettlementLine:
    """No settlement: only what was taken. Without a fee that is told, ours is not questioned."""
    fee = payment.fee if payment.fee is not None else order.fee or Money.zero(payment.captured.currency)
    tax = payment.tax if payment.tax is not None else Money.zero(fee.currency)
    return SettlementLine(
        settlement_id="",
        kind=SettlementKind.PAYMENT,
        gateway_id=payment.payment_id,
        gross=payment.captured,
        fee=fee,
        tax=tax,
        net=payment.captured - fee if fee.currency == payment.captured.currency else payment.captured,
        settled_at=payment.created_at or datetime.combine(order.on, time(), UTC),
        order_id=order.order_id,
    )


def _take(run_id: str, plan: _Plan, lines: list[SettlementLine]) -> None:
    run = _waiting(run_id)
    if run is None:
        return
    store_lines(run.provider, run.account_id, [line for line in lines if line.settlement_id])
    loose = [line for line in lines if not line.settlement_id]
    watched = open_subjects(run.account_id)
    spanned = stored_lines(run.account_id, run.first_on, run.last_on)
    ids = watched | {line.gateway_id for line in spanned}
    compared = [*loose, *lines_about(run.account_id, ids)]
    books = books_of(run, compared, watched, plan.gateway.capabilities.settles_within)
    findings = compare(compared, books)
    keep_findings(run, findings)
    run.become(RunStatus.DONE)
    run.finished_at, run.next_at, run.error = clock.now(), None, ""
    run.line_count, run.found_count = len(lines), len(findings)
    publish(ReconciliationFinished(run_id=run.id, lines=run.line_count, exceptions=run.found_count))


def _note_silence(run_id: str, error: str) -> None:
    run = _waiting(run_id)
    if run is None:
        return
    run.error = error[:300]
    if run.attempts > len(RETRY_AFTER):
        run.become(RunStatus.FAILED)
        run.next_at, run.finished_at = None, clock.now()
        return
    run.next_at = clock.now() + RETRY_AFTER[run.attempts - 1]
