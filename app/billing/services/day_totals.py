"""A day's money, computed twice: from what payments, refunds and drawers did, and from the journal's entries.

The two share nothing but the facts: one sums `money_movement`, the other the lines of the tenders' accounts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from sqlalchemy import Date, bindparam, func, select, text

from app.billing.models import MoneyMovement, MovementKind
from app.billing.models.cash_desk import TAKINGS
from app.core.money import Money
from app.core.tenant import db, require_clinic
from app.core.vocabulary import kind_name
from app.ledger.accounts import AccountCode
from app.payments.models import TenderKind
from app.payments.services.postings import TENDER_ACCOUNTS
from app.scheduling.queries import local_bounds

CASH_IN_DRAWERS = "CASH_IN_DRAWERS"  # all that moved the day's cash, floats and deposits included


@dataclass(frozen=True)
class Totals:
    """What one channel took and gave back in one currency, twice: by the desk's own records, and by the ledger."""

    channel: str
    currency: str
    taken_minor: int = 0
    given_back_minor: int = 0
    ledger_taken_minor: int = 0
    ledger_given_back_minor: int = 0

    @property
    def net(self) -> Money:
        return Money(self.taken_minor - self.given_back_minor, self.currency)

    @property
    def ledger_net(self) -> Money:
        return Money(self.ledger_taken_minor - self.ledger_given_back_minor, self.currency)

    @property
    def taken(self) -> Money:
        return Money(self.taken_minor, self.currency)

    @property
    def given_back(self) -> Money:
        return Money(self.given_back_minor, self.currency)

    @property
    def agrees(self) -> bool:
        return (self.taken_minor, self.given_back_minor) == (self.ledger_taken_minor, self.ledger_given_back_minor)

    @property
    def cash_in_drawers(self) -> bool:
        return self.channel == CASH_IN_DRAWERS

    @property
    def name(self) -> Any:
        return kind_name(self.channel)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def day_totals(on: date) -> list[Totals]:
    """By currency and channel; the last line of each currency is the cash that moved in drawers for any reason."""
    ours, theirs = _recorded(on), _booked(on)
    keys = sorted(ours.keys() | theirs.keys(), key=_position)
    return [Totals(channel, currency, *ours.get((currency, channel), (0, 0)), *theirs.get((currency, channel), (0, 0)))
            for currency, channel in keys]  # fmt: skip


def takings_only(totals: Iterable[Totals]) -> list[Totals]:
    return [line for line in totals if not line.cash_in_drawers]


def _position(key: tuple[str, str]) -> tuple[str, int, str]:
    currency, channel = key
    order = [*TenderKind, CASH_IN_DRAWERS]
    if channel == CASH_IN_DRAWERS:
        return currency, 99, channel
    return currency, order.index(channel) if channel in order else 50, channel


Sums = dict[tuple[str, str], tuple[int, int]]


def _recorded(on: date) -> Sums:
    """From the movements of payments, refunds and drawers."""
    taken = MoneyMovement.kind == MovementKind.TENDER
    amount = MoneyMovement.amount_minor
    by_channel = (
        select(
            MoneyMovement.currency,
            MoneyMovement.channel,
            func.coalesce(func.sum(amount).filter(taken), 0),
            func.coalesce(-func.sum(amount).filter(~taken), 0),
        )
        .where(MoneyMovement.business_on == on, MoneyMovement.kind.in_(TAKINGS))
        .group_by(MoneyMovement.currency, MoneyMovement.channel)
    )
    sums = {(row[0], row[1]): (int(row[2]), int(row[3])) for row in db.session.execute(by_channel)}
    came, went = func.sum(amount).filter(amount > 0), func.sum(-amount).filter(amount < 0)
    cash = (
        select(MoneyMovement.currency, func.coalesce(came, 0), func.coalesce(went, 0))
        .where(MoneyMovement.business_on == on, MoneyMovement.channel == TenderKind.CASH)
        .group_by(MoneyMovement.currency)
    )
    for row in db.session.execute(cash):
        sums[row[0], CASH_IN_DRAWERS] = (int(row[1]), int(row[2]))
    return sums


# A reversal counts as what it reverses, on its own day.
_BOOKED = text(
    """
    select line.currency,
      case when account.code in ('GATEWAY_CLEARING', 'REFUND_CLEARING') then payment.provider else account.code end,
      coalesce(sum(line.debit_minor - line.credit_minor) filter (where fact.kind = 'payment.captured'), 0),
      coalesce(sum(line.credit_minor - line.debit_minor) filter (where fact.kind = 'refund.settled'), 0)
    from journal_entry entry
    left join journal_entry reversed on reversed.clinic_id = entry.clinic_id and reversed.id = entry.reverses_id
    cross join lateral (select coalesce(reversed.kind, entry.kind) as kind,
      coalesce(reversed.source_id, entry.source_id) as source_id) as fact
    join journal_line line on line.clinic_id = entry.clinic_id and line.entry_id = entry.id
    join ledger_account account on account.clinic_id = line.clinic_id and account.id = line.account_id
    left join payment_attempt attempt on attempt.clinic_id = entry.clinic_id and attempt.id = fact.source_id
    left join refund on refund.clinic_id = entry.clinic_id and refund.id = fact.source_id
    left join payment on payment.clinic_id = entry.clinic_id
      and payment.id = coalesce(attempt.payment_id, refund.payment_id)
    where entry.clinic_id = :clinic and entry.booked_on = :day
      and fact.kind in ('payment.captured', 'refund.settled') and account.code = any(:accounts)
    group by 1, 2
    """
).bindparams(bindparam("day", type_=Date))
_CASH_BOOKED = text(
    """
    select line.currency, sum(line.debit_minor), sum(line.credit_minor)
    from journal_entry entry
    join journal_line line on line.clinic_id = entry.clinic_id and line.entry_id = entry.id
    join ledger_account account on account.clinic_id = line.clinic_id and account.id = line.account_id
    where entry.clinic_id = :clinic and entry.booked_on = :day and account.code = 'CASH'
    group by 1
    """
).bindparams(bindparam("day", type_=Date))


def _booked(on: date) -> Sums:
    """From the journal: the tenders' own accounts, and by gateway what went through the clearing accounts."""
    names = {str(account): str(kind) for kind, account in TENDER_ACCOUNTS.items()}
    accounts = [*names, str(AccountCode.GATEWAY_CLEARING), str(AccountCode.REFUND_CLEARING)]
    values = {"clinic": require_clinic(), "day": on}
    sums: Sums = {}
    for currency, channel, taken, given_back in db.session.execute(_BOOKED, {**values, "accounts": accounts}):
        sums[currency, names.get(channel, channel)] = (int(taken), int(given_back))
    for currency, came, went in db.session.execute(_CASH_BOOKED, values):
        sums[currency, CASH_IN_DRAWERS] = (int(came), int(went))
    return sums


_CASH_OF_DRAWERS = text(
    """
    select coalesce(sum(line.debit_minor - line.credit_minor), 0)
    from money_movement movement
    left join payment_attempt attempt on attempt.clinic_id = movement.clinic_id
      and attempt.payment_id = movement.payment_id and movement.kind = 'TENDER'
    join journal_entry entry on entry.clinic_id = movement.clinic_id and (
      (entry.source_table, entry.source_id) = ('money_movement', movement.id)
      or (entry.source_table, entry.source_id) = ('payment_attempt', attempt.id)
      or (entry.source_table, entry.source_id, entry.kind) = ('refund', movement.refund_id, 'refund.settled'))
    join journal_line line on line.clinic_id = entry.clinic_id and line.entry_id = entry.id
    join ledger_account account on account.clinic_id = line.clinic_id and account.id = line.account_id
    where movement.clinic_id = :clinic and movement.drawer_id = :drawer and account.code = 'CASH'
    """
)


def ledger_cash_of(drawer_id: str, currency: str) -> Money:
    """A drawer's cash by the journal: the entries of everything that went into and out of it."""
    minor = db.session.scalar(_CASH_OF_DRAWERS, {"clinic": require_clinic(), "drawer": drawer_id})
    return Money(int(minor or 0), currency)


_UNRECORDED = text(
    """
    select payment.id from payment
    left join lateral (
      select coalesce(sum(amount_minor) filter (where kind = 'TENDER'), 0) as taken,
        coalesce(-sum(amount_minor) filter (where kind in ('REFUND', 'RETURNED')), 0) as given_back
      from money_movement m where m.clinic_id = payment.clinic_id and m.payment_id = payment.id
    ) as moved on true
    where payment.clinic_id = :clinic
      and payment.id in (
        select payment_id from money_movement where clinic_id = :clinic and business_on = :day
        union select id from payment where clinic_id = :clinic and created_at >= :first and created_at < :next
          and captured_minor > 0
      )
      and (moved.taken, moved.given_back) <> (payment.captured_minor, payment.refunded_minor)
    order by payment.id limit 20
    """
).bindparams(bindparam("day", type_=Date))


def payments_out_of_step(on: date) -> list[str]:
    """Payments of the day whose own sums say something else than the movements recorded of them; at most 20."""
    first, following = local_bounds(on, on)
    values = {"clinic": require_clinic(), "day": on, "first": first, "next": following}
    return [str(row[0]) for row in db.session.execute(_UNRECORDED, values)]
