"""Differences that a reconciliation found: kept across runs, closed when they fit, answered by people."""

from __future__ import annotations

from collections.abc import Sequence

from flask_babel import gettext as _
from sqlalchemy import select

from app.core import clock
from app.core.errors import Conflict, Invalid, NotFound
from app.core.ids import is_id, new_id
from app.core.money import Money
from app.core.principal import find_principal
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.payments.gateways.settlements import SettlementKind
from app.payments.models import (
    ExceptionKind,
    ExceptionStatus,
    Payment,
    PaymentAttempt,
    ReconciliationException,
    ReconciliationRun,
    Settlement,
    SettlementEntry,
)
from app.payments.services.asking import ask_gateway
from app.payments.services.matching import Books, Finding, compare
from app.payments.services.our_books import known_side
from app.payments.services.postings import correct_fee
from app.payments.services.settlements import entry_line
from app.payments.services.sums import locked

SHORTEST_NOTE = 3


def open_subjects(account_id: str) -> set[str]:
    """The gateway's ids that open differences are about: every run looks at them again."""
    wanted = select(ReconciliationException.gateway_id).where(
        ReconciliationException.account_id == account_id, ReconciliationException.status == ExceptionStatus.OPEN
    )
    return set(db.session.scalars(wanted))


def keep_findings(run: ReconciliationRun, findings: Sequence[Finding]) -> None:
    """Open what is new, open again what changed after an answer, close what fits by now."""
    wanted = select(ReconciliationException).where(
        ReconciliationException.account_id == run.account_id,
        (ReconciliationException.status == ExceptionStatus.OPEN)
        | ReconciliationException.subject.in_([finding.subject for finding in findings]),
    )
    known = {(row.kind, row.subject): row for row in db.session.scalars(wanted.with_for_update())}
    for finding in findings:
        row = known.pop((finding.kind, finding.subject), None)
        if row is None:
            db.session.add(_new(run, finding))
        else:
            _update(row, finding)
    for row in known.values():
        if row.status == ExceptionStatus.OPEN:
            _close(row, _("It fits by now."))
    db.session.flush()


def answer_difference(row: ReconciliationException, status: ExceptionStatus, note: str) -> None:
    """Close a difference (RESOLVED) or accept it (IGNORED), with words for whoever reads the books later."""
    if len(note.strip()) < SHORTEST_NOTE:
        raise Invalid(fields={"note": _("Please say why.")})
    row.become(status)
    row.note, row.answered_at, row.answered_by_id = note.strip()[:300], clock.now(), _who()


def accept_fee(row: ReconciliationException) -> None:
    """Book the fee that the gateway really kept. Raises Conflict for another kind of difference."""
    if row.kind != ExceptionKind.WRONG_FEE or row.status != ExceptionStatus.OPEN:
        raise Conflict(_("Only an open difference in the fee can be accepted."))
    locked(row.payment_id or "")
    entry, attempt = _entry_of(row), _attempt_of(row)
    if entry is None or attempt is None or attempt.fee is None:
        raise NotFound
    difference = entry.fee - attempt.fee
    tax = Money(entry.tax_minor - (attempt.fee_tax_minor or 0), entry.currency)
    attempt.fee_minor, attempt.fee_tax_minor = entry.fee_minor, entry.tax_minor
    correct_fee(attempt, difference, tax, row.id)
    _close(row, _("The gateway's fee was accepted."))


def look_again(exception_id: str) -> bool:
    """Ask the gateway about the payment behind a difference; whether it fits now. Commits in steps.

    Raises NotFound, and Conflict where no payment of ours can be behind it.
    """
    with unit_of_work():
        payment_id = _payment_behind(_get(exception_id))
    if payment_id is None:
        raise Conflict(_("No payment of this clinic belongs to it. Look it up at the gateway."))
    ask_gateway(payment_id)
    with unit_of_work():
        row = _get(exception_id)
        if _still_differs(row):
            return False
        if row.status == ExceptionStatus.OPEN:
            _close(row, _("It fits by now."))
        return True


def _get(exception_id: str) -> ReconciliationException:
    row = db.session.get(ReconciliationException, exception_id, populate_existing=True)
    if row is None:
        raise NotFound
    return row


def _payment_behind(row: ReconciliationException) -> str | None:
    """Ours by its own id, by the gateway's order, or by our reference that the order carries."""
    if row.payment_id is not None:
        return row.payment_id
    if not row.order_id:
        return None
    same_order = Payment.order_id == row.order_id
    ours = same_order | (Payment.id == row.order_id) if is_id(row.order_id) else same_order
    return db.session.scalar(select(Payment.id).where(Payment.provider == row.provider, ours))


def _still_differs(row: ReconciliationException) -> bool:
    entry = _entry_of(row)
    kind = SettlementKind(row.subject.partition(":")[0])
    ours = known_side(row.provider, kind, row.gateway_id)
    if entry is None:  # the gateway's list does not mention it: only a later list can
        return ours is not None
    if row.kind == ExceptionKind.DUPLICATE:
        return True
    known = {(kind, row.gateway_id): ours} if ours is not None else {}
    return any(finding.kind == row.kind for finding in compare([entry_line(entry)], Books(known)))


def _entry_of(row: ReconciliationException) -> SettlementEntry | None:
    return db.session.scalar(
        select(SettlementEntry)
        .join(Settlement, Settlement.id == SettlementEntry.settlement_row_id)
        .where(Settlement.account_id == row.account_id, SettlementEntry.gateway_id == row.gateway_id)
        .where(SettlementEntry.kind == row.subject.partition(":")[0])
        .order_by(SettlementEntry.settled_at.desc())
        .limit(1)
    )


def _attempt_of(row: ReconciliationException) -> PaymentAttempt | None:
    return db.session.scalar(
        select(PaymentAttempt).where(
            PaymentAttempt.payment_id == row.payment_id, PaymentAttempt.gateway_payment_id == row.gateway_id
        )
    )


def _new(run: ReconciliationRun, finding: Finding) -> ReconciliationException:
    row = ReconciliationException(
        id=new_id(),
        provider=run.provider,
        account_id=run.account_id,
        kind=finding.kind,
        subject=finding.subject[:120],
        status=ExceptionStatus.OPEN,
        gateway_id=finding.gateway_id[:80],
    )
    _fill(row, finding)
    return row


def _update(row: ReconciliationException, finding: Finding) -> None:
    """An answer holds for the figures that it was given for."""
    before = (row.expected, row.found)
    _fill(row, finding)
    if row.status != ExceptionStatus.OPEN and before != (row.expected, row.found):
        row.become(ExceptionStatus.OPEN)
        row.answered_at = row.answered_by_id = None
    elif row.status == ExceptionStatus.RESOLVED and row.answered_by_id is None:
        row.become(ExceptionStatus.OPEN)  # closed by an earlier run, and there again


def _fill(row: ReconciliationException, finding: Finding) -> None:
    row.order_id, row.settlement_id = finding.order_id, finding.settlement_id[:80]
    row.payment_id, row.refund_id = finding.payment_id, finding.refund_id
    row.expected_minor, row.expected_currency = _parts(finding.expected)
    row.found_minor, row.found_currency = _parts(finding.found)


def _parts(amount: Money | None) -> tuple[int | None, str | None]:
    return (None, None) if amount is None else (amount.minor, amount.currency)


def _close(row: ReconciliationException, note: str) -> None:
    row.become(ExceptionStatus.RESOLVED)
    row.note, row.answered_at, row.answered_by_id = note[:300], clock.now(), _who()


def _who() -> str | None:
    principal = find_principal()
    return principal.user_id if principal else None
