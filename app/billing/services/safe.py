"""The safe: what the ledger says is in it, counting it, and cash on its way to the bank and back. Callers commit.

Drawers take their floats out of it and are emptied into it. `key` names one deed: sent twice, it is booked once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, select

from app.billing.models import SafeCount, SafeCountStatus
from app.billing.models.cash_desk import Count
from app.billing.services.cash_desk_drawers import SecondPersonDecides, needs_approval
from app.core import clock
from app.core.errors import Conflict, Invalid, NotFound
from app.core.formatting import money
from app.core.money import Money
from app.core.principal import Principal, current_principal
from app.core.tenant import db
from app.ledger.accounts import AccountCode
from app.ledger.models import JournalEntry, JournalLine, LedgerAccount
from app.ledger.queries import balance
from app.ledger.services import Line, credit, debit, find_entry, lock_account, post
from app.tenancy.queries import settings_in_scope

OPENING, COUNTED, TO_BANK, FROM_BANK = "safe.opening", "safe.counted", "safe.to-bank", "safe.from-bank"
MEMO = 120
SAFE, BANK = AccountCode.SAFE, AccountCode.BANK


class SafeOpened(Conflict):
    """What was in the safe before the console was used is told once in a currency."""

    code = "SAFE_OPENED"


class NotEnoughInSafe(Conflict):
    """More is to be taken out than the ledger says is there."""

    code = "NOT_ENOUGH_IN_SAFE"


def safe_balances(until: date | None = None) -> list[Money]:
    """What should be in the safe, or was at the end of a day; the clinic's own currency first, whatever is in it."""
    own = settings_in_scope().currency
    wanted: Any = (
        select(JournalLine.currency, func.sum(JournalLine.debit_minor - JournalLine.credit_minor))
        .join(LedgerAccount, LedgerAccount.id == JournalLine.account_id)
        .where(LedgerAccount.code == SAFE)
        .group_by(JournalLine.currency)
    )
    if until is not None:
        wanted = wanted.join(JournalEntry, JournalEntry.id == JournalLine.entry_id).where(
            JournalEntry.booked_on <= until
        )
    sums = {currency: int(minor) for currency, minor in db.session.execute(wanted)}
    others = sorted(currency for currency, minor in sums.items() if currency != own and minor)
    return [Money(sums.get(currency, 0), currency) for currency in (own, *others)]


def is_opened(currency: str) -> bool:
    """Whether it was told what the safe held before the console was used."""
    safe_id = find_safe_id()
    return safe_id is not None and find_entry(OPENING, _source(safe_id), currency) is not None


def find_safe_id() -> str | None:
    """The safe's account."""
    return db.session.scalar(select(LedgerAccount.id).where(LedgerAccount.code == SAFE))


def open_safe(counted: Money) -> Money:
    """Book what is there and the ledger does not know of as the opening balance; the difference. Raises SafeOpened."""
    safe_id, there = _locked_safe(counted.currency)
    if find_entry(OPENING, _source(safe_id), counted.currency) is not None:
        raise SafeOpened(_("The opening balance was entered already; a difference is cash over or short."))
    difference = counted - there
    if not difference:
        raise Invalid(fields={"count": _("The ledger says the same: there is nothing to enter.")})
    lines = _lines(SAFE, AccountCode.OPENING_BALANCE, difference)
    post(OPENING, lines, source=_source(safe_id), source_key=counted.currency)
    return difference


def count_safe(counted: Money, reason: str, *, key: str, pieces: Count | None = None) -> SafeCount:
    """Compare with the ledger. A difference within the tolerance is booked as cash over or short; one above it waits
    for a second person. A count that waited is withdrawn by the next one.

    Raises Invalid for a difference without a reason.
    """
    _safe_id, there = _locked_safe(counted.currency)
    known = db.session.get(SafeCount, key)
    if known is not None:
        return known
    difference = counted - there
    if difference and not reason.strip():
        raise Invalid(fields={"reason": _("Say what the difference may come from.")})
    _withdraw(counted.currency)
    count = SafeCount(
        id=key,
        status=SafeCountStatus.COUNTED if needs_approval(difference) else SafeCountStatus.BOOKED,
        currency=counted.currency,
        expected_minor=there.minor,
        counted_minor=counted.minor,
        pieces=pieces or {},
        reason=reason.strip()[:300],
        counted_by_id=current_principal().user_id,
    )
    db.session.add(count)
    db.session.flush()
    if count.status == SafeCountStatus.BOOKED:
        _book(count)
    return count


def waiting_counts() -> list[SafeCount]:
    """Those whose difference a second person has to approve, the oldest first."""
    wanted = select(SafeCount).where(SafeCount.status == SafeCountStatus.COUNTED)
    return list(db.session.scalars(wanted.order_by(SafeCount.created_at)))


def may_decide_count(count: SafeCount, principal: Principal | None = None) -> bool:
    """The rule of two persons: not the one who counted."""
    return (principal or current_principal()).user_id != count.counted_by_id


def approve_count(count_id: str, note: str = "") -> SafeCount:
    """Accept a difference: it is booked. Raises NotFound, WrongState, SecondPersonDecides."""
    count = _decide(count_id, SafeCountStatus.BOOKED, note)
    _book(count)
    return count


def reject_count(count_id: str, note: str = "") -> SafeCount:
    """Have the safe counted again; nothing is booked. Raises NotFound, WrongState, SecondPersonDecides."""
    return _decide(count_id, SafeCountStatus.REJECTED, note)


def take_to_bank(amount: Money, reference: str, *, key: str) -> None:
    """Cash leaves the safe for the bank. Raises Invalid, NotEnoughInSafe."""
    safe_id, there = _locked_safe(amount.currency)
    if find_entry(TO_BANK, _source(safe_id), key) is not None:
        return
    _check_amount(amount)
    if amount > there:
        raise NotEnoughInSafe(_("There is only %(cash)s in the safe.", cash=money(there)))
    post(TO_BANK, _lines(BANK, SAFE, amount), source=_source(safe_id), memo=reference.strip()[:MEMO], source_key=key)


def fetch_from_bank(amount: Money, reference: str, *, key: str) -> None:
    """Cash comes from the bank into the safe, change for the drawers for instance. Raises Invalid."""
    safe_id, _there = _locked_safe(amount.currency)
    _check_amount(amount)
    post(FROM_BANK, _lines(SAFE, BANK, amount), source=_source(safe_id), memo=reference.strip()[:MEMO], source_key=key)


def _withdraw(currency: str) -> None:
    wanted = select(SafeCount).where(SafeCount.status == SafeCountStatus.COUNTED, SafeCount.currency == currency)
    for count in db.session.scalars(wanted.execution_options(populate_existing=True)):
        count.become(SafeCountStatus.WITHDRAWN)
    db.session.flush()


def _decide(count_id: str, status: SafeCountStatus, note: str) -> SafeCount:
    lock_account(SAFE)
    wanted = select(SafeCount).where(SafeCount.id == count_id).with_for_update()
    count = db.session.scalars(wanted.execution_options(populate_existing=True)).one_or_none()
    if count is None:
        raise NotFound
    if not may_decide_count(count):
        raise SecondPersonDecides(_("Another person must decide: you counted."))
    count.become(status)
    count.decided_by_id = current_principal().user_id
    count.decided_at = clock.now()
    count.decision_note = note.strip()[:300]
    db.session.flush()
    return count


def _book(count: SafeCount) -> None:
    """The difference as it was when it was counted, whatever moved since."""
    if count.difference:
        lines = _lines(SAFE, AccountCode.CASH_OVER_SHORT, count.difference)
        post(COUNTED, lines, source=_source(lock_account(SAFE)), memo=count.reason[:MEMO], source_key=count.id)


def _locked_safe(currency: str) -> tuple[str, Money]:
    """The safe's account, on which nobody else books meanwhile, and what should be in it."""
    return lock_account(SAFE), balance(SAFE, currency=currency)


def _lines(grows: AccountCode, shrinks: AccountCode, amount: Money) -> Sequence[Line]:
    """`grows` is debited; the other way round for an amount below zero."""
    if amount.minor < 0:
        return _lines(shrinks, grows, -amount)
    return [debit(grows, amount), credit(shrinks, amount)]


def _check_amount(amount: Money) -> None:
    if amount.minor <= 0:
        raise Invalid(fields={"amount": _("The amount must be above zero.")})


def _source(safe_id: str) -> tuple[str, str]:
    return LedgerAccount.__tablename__, safe_id
