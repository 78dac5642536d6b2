"""Reconciliation: what a gateway paid out, line by line, against our payments, refunds, fees and disputes (SPEC PAY-6).

A run is planned in one transaction, the gateway is asked outside any, step by step, and what it answered is taken in by
another: a run that is stopped before changes nothing. Only a clinic's own accounts are reconciled: what a shared
account pays out belongs to nobody's books alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from sqlalchemy import select, update

from app.core import clock
from app.core.errors import Conflict, Invalid, NotFound, ProviderUnavailable
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
    try:
        lines = _ask(run_id, plan)
    except (ProviderError, ProviderUnavailable) as error:
        with unit_of_work():
            _note_silence(run_id, f"{error.code}: {error.message}")
        return
    if lines is None:
        return
    with unit_of_work():
        _take(run_id, plan, lines)


def cancel_run(run_id: str) -> ReconciliationRun:
    """Stop it: what the gateway still answers is not taken in. Raises NotFound, Conflict for one that is over."""
    run = db.session.get(ReconciliationRun, run_id, with_for_update=True, populate_existing=True)
    if run is None:
        raise NotFound
    if run.status != RunStatus.PLANNED:
        raise Conflict(_("This run is over."), code="RUN_OVER", status=run.status)
    _end(run, RunStatus.CANCELLED)
    return run


def _end(run: ReconciliationRun, status: RunStatus) -> None:
    run.become(status)
    run.finished_at, run.next_at, run.progress = clock.now(), None, OVER
    _tell(run.id, run.status, OVER)


def _tell(run_id: str, status: str, progress: int) -> None:
    """After the commit, to whoever looks at the run."""
    news = {"id": run_id, "job": "reconciliation", "status": status, "progress": progress}
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


def _ask(run_id: str, plan: _Plan) -> list[SettlementLine] | None:
    """What the gateway tells; None once somebody stopped the run, which is looked at before each step."""
    lines: list[SettlementLine] = []
    steps, told = _steps(plan), 0
    for number, step in enumerate(steps):
        progress = ASKED + (ANSWERED - ASKED) * number // len(steps)
        with unit_of_work():
            if not _goes_on(run_id, progress, told=told):
                return None
        told = progress
        lines += call(plan.gateway, step)
    with unit_of_work():
        return lines if _goes_on(run_id, ANSWERED, told=told) else None


def _goes_on(run_id: str, progress: int, *, told: int) -> bool:
    """Note how far it got, where that is news; whether nobody stopped it."""
    is_it = ReconciliationRun.id == run_id, ReconciliationRun.status == RunStatus.PLANNED
    if progress == told:
        return db.session.scalar(select(ReconciliationRun.id).where(*is_it)) is not None
    changed = update(ReconciliationRun).where(*is_it).values(progress=progress).returning(ReconciliationRun.id)
    goes_on = db.session.scalar(changed.execution_options(synchronize_session=False)) is not None
    if goes_on:
        _tell(run_id, "RUNNING", progress)
    return goes_on


def _steps(plan: _Plan) -> Sequence[Callable[[], list[SettlementLine]]]:
    """The gateway's list month by month; where it has none, what it says of each order that we know."""
    gateway = plan.gateway
    if gateway.capabilities.settlement_lines:
        return [partial(gateway.fetch_settlement_lines, *span) for span in months_between(plan.first_on, plan.last_on)]
    return [partial(_lines_of, gateway, order) for order in plan.orders]


def months_between(first_on: date, last_on: date) -> list[tuple[date, date]]:
    """The span cut at the ends of the calendar's months."""
    spans = []
    while first_on <= last_on:
        next_month = (first_on.replace(day=1) + timedelta(days=32)).replace(day=1)
        spans.append((first_on, min(last_on, next_month - timedelta(days=1))))
        first_on = next_month
    return spans


def _lines_of(gateway: Gateway[Any], order: DueOrder) -> list[SettlementLine]:
    payments = gateway.fetch_order(order.order_id).payments
    return [_as_line(order, payment) for payment in payments if payment.captured]


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
    run.error = ""
    _end(run, RunStatus.DONE)
    run.line_count, run.found_count = len(lines), len(findings)
    publish(ReconciliationFinished(run_id=run.id, lines=run.line_count, exceptions=run.found_count))


def _note_silence(run_id: str, error: str) -> None:
    run = _waiting(run_id)
    if run is None:
        return
    run.error = error[:300]
    if run.attempts > len(RETRY_AFTER):
        _end(run, RunStatus.FAILED)
        return
    run.next_at, run.progress = clock.now() + RETRY_AFTER[run.attempts - 1], 0
    _tell(run_id, "RUNNING", 0)
