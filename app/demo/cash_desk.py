"""A year at the cash desk: each day a drawer with the day's cash, and a day close with both totals."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from app.access.models import Member, User
from app.billing.denominations import count_of
from app.billing.models import CashDrawer, DayClose, DrawerStatus, MoneyMovement, MovementKind
from app.billing.numbering import fiscal_year, numbered
from app.billing.services.cash_desk_drawers import open_drawer
from app.billing.services.clearing import CLEARED, TENDERS
from app.billing.services.day_close import DAY_CLOSES
from app.billing.services.day_totals import CASH_IN_DRAWERS, Totals
from app.billing.services.safe import OPENING, TO_BANK
from app.core import clock
from app.core.ids import new_id
from app.core.money import Money
from app.core.principal import Membership, Principal, acting_as
from app.core.series import NumberSeries
from app.core.tenant import db, require_clinic
from app.demo.books import Books, Taking, book_entry
from app.ledger.accounts import AccountCode
from app.ledger.models import LedgerAccount, LedgerPeriod
from app.payments.models import TenderKind
from app.payments.services.postings import TENDER_ACCOUNTS
from app.tenancy.models import Location
from app.tenancy.queries import clinic_in_scope, settings_in_scope

FLOAT = 2_000_00
OPENS, CLOSES, DEPOSITS, SHUTS = time(8, 30), time(21, 30), time(21, 40), time(21, 45)
# What the safe held when the console came, and what is left in it when the week's cash goes to the bank.
RESERVE = 20_000_00
SATURDAY, SUNDAY = 5, 6
# What a card terminal keeps, in ten-thousandths.
TERMINAL_FEE = 150
# Now and then the count is a little off, and rarely so much that somebody else had to look.
DIFFERENCES = (0,) * 25 + (-5_00, 5_00, -10_00, 10_00, -1_00, -150_00)
SMALL = 10_00


@dataclass
class CashDesk:
    """Kept until the year is through: drawers, movements and closes are written after what they refer to."""

    location_id: str
    zone: ZoneInfo
    books: Books
    drawers: list[dict[str, Any]] = field(default_factory=list)
    movements: list[dict[str, Any]] = field(default_factory=list)
    closes: list[dict[str, Any]] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    safe_minor: int = 0
    waiting: dict[TenderKind, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.receptionist, self.finance = person_with("RECEPTIONIST"), person_with("FINANCE_BILLING")
        self.place = db.session.get_one(Location, self.location_id).name

    def close_day(self, day: date, before: int) -> None:
        """`before`: the last journal number of the day before."""
        takings, self.books.takings = self.books.takings, []
        cash = [taking for taking in takings if taking.tender == TenderKind.CASH]
        drawer = self._drawer(day, cash) if cash else None
        self._take_to_bank(day)
        self._clear_tenders(day, takings)
        for taking in takings:
            self._move(day, MovementKind.TENDER, taking.tender, taking.minor, taking.at,
                       drawer if taking.tender == TenderKind.CASH else None,
                       payment_id=taking.payment_id, source_key=str(taking.minor))  # fmt: skip
        if self.books.entries > before:
            self._close(day, takings, drawer, before + 1, self.books.entries)

    def _in_safe(self, day: date, kind: str, key: str, minor: int, at: time, counter: AccountCode) -> None:
        source = (LedgerAccount.__tablename__, self.books.accounts[AccountCode.SAFE])
        lines = [(str(AccountCode.SAFE), minor, None), (str(counter), -minor, None)]
        book_entry(self.books, kind, source, key, self._at(day, at), lines)
        self.safe_minor += minor

    def _take_to_bank(self, day: date) -> None:
        above = self.safe_minor - RESERVE
        if day.weekday() == SATURDAY and above > 0:
            self._in_safe(day, TO_BANK, new_id(), -above, DEPOSITS, AccountCode.BANK)

    def _clear_tenders(self, day: date, takings: list[Taking]) -> None:
        """On working days what was taken before is at the bank: UPI whole, cards less the terminal's fee."""
        if day.weekday() != SUNDAY:
            for tender in TENDERS:
                self._clear(day, tender, self.waiting.pop(tender, 0))
        for taking in takings:
            tender = TenderKind(taking.tender)
            self.waiting[tender] = self.waiting.get(tender, 0) + taking.minor

    def _clear(self, day: date, tender: TenderKind, minor: int) -> None:
        if not minor:
            return
        account = str(TENDER_ACCOUNTS[tender])
        kept = minor * TERMINAL_FEE // 10_000 if tender is TenderKind.CARD_TERMINAL else 0
        lines = [(str(AccountCode.BANK), minor - kept, None), (account, -minor, None)]
        if kept:
            lines.insert(1, (str(AccountCode.GATEWAY_FEES), kept, None))
        source = (LedgerAccount.__tablename__, self.books.accounts[account])
        book_entry(self.books, CLEARED, source, new_id(), self._at(day, DEPOSITS), lines)

    def _drawer(self, day: date, cash: list[Taking]) -> dict[str, Any]:
        random = Random(f"drawer:{require_clinic()}:{day}")
        taken = sum(taking.minor for taking in cash)
        expected = FLOAT + taken
        difference = random.choice(DIFFERENCES)
        second = self.finance if abs(difference) > SMALL else None
        opened, closed = self._at(day, OPENS), self._at(day, CLOSES)
        drawer = {
            "id": new_id(),
            "status": DrawerStatus.CLOSED,
            "holder_id": self.receptionist.user_id,
            "location_id": self.location_id,
            "currency": "INR",
            "opened_on": day,
            "opened_at": opened,
            "float_minor": FLOAT,
            "opening_count": count_of(Money(FLOAT, "INR")),
            "counted_at": closed,
            "expected_minor": expected,
            "counted_minor": expected + difference,
            "closing_count": count_of(Money(expected + difference, "INR")),
            "difference_reason": "Wrong change" if difference else "",
            "decided_by_id": second.user_id if second else None,
            "decided_at": closed if second else None,
            "closed_at": closed,
            "created_at": opened,
        }
        self.drawers.append(drawer)
        if len(self.drawers) == 1:
            self._in_safe(day, OPENING, "INR", RESERVE, OPENS, AccountCode.OPENING_BALANCE)
        self._booked(day, MovementKind.FLOAT, FLOAT, opened, drawer, AccountCode.SAFE, "drawer.float")
        if difference:
            over_short = AccountCode.CASH_OVER_SHORT
            self._booked(day, MovementKind.DIFFERENCE, difference, closed, drawer, over_short, "drawer.difference")
        out = -(expected + difference)
        self.safe_minor -= FLOAT + out
        self._booked(day, MovementKind.EMPTIED, out, closed, drawer, AccountCode.SAFE, "drawer.emptied")
        return {**drawer, "difference": difference, "taken": taken, "second": second}

    def _booked(
        self, day: date, kind: MovementKind, minor: int, at: datetime, drawer: Any, counter: AccountCode, booking: str
    ) -> None:
        movement_id = self._move(day, kind, TenderKind.CASH, minor, at, drawer, counter=str(counter))
        lines = [(str(AccountCode.CASH), minor, None), (str(counter), -minor, None)]
        book_entry(self.books, booking, (MoneyMovement.__tablename__, movement_id), "", at, lines)

    def _move(
        self, day: date, kind: MovementKind, channel: str, minor: int, at: datetime, drawer: Any, **more: Any
    ) -> str:
        blank = {"payment_id": None, "counter": "", "reason": "", "source_key": ""}
        movement = {
            "id": new_id(),
            "business_on": day,
            "kind": kind,
            "channel": str(channel),
            "currency": "INR",
            "amount_minor": minor,
            "drawer_id": drawer["id"] if drawer else None,
            "person_id": self.receptionist.user_id,
            "created_at": at,
            **blank,
            **more,
        }
        self.movements.append(movement)
        return str(movement["id"])

    def _close(self, day: date, takings: list[Taking], drawer: Any, first: int, last: int) -> None:
        settings = settings_in_scope()
        year = fiscal_year(day, settings.fiscal_year_starts_in)
        self.numbers[year] = self.numbers.get(year, 0) + 1
        self.closes.append(
            {
                "id": new_id(),
                "number": numbered(settings.day_close_prefix, year, self.numbers[year]),
                "business_on": day,
                "closed_at": self._at(day, SHUTS),
                "closed_by_id": self.finance.user_id,
                "currency": "INR",
                "total_minor": sum(taking.minor for taking in takings),
                "figures": [line.to_json() for line in _figures(takings, drawer)],
                "drawers": [self._described(drawer)] if drawer else [],
                "first_entry": first,
                "last_entry": last,
                "created_at": self._at(day, SHUTS),
            }
        )

    def _described(self, drawer: dict[str, Any]) -> dict[str, Any]:
        kept = ("id", "status", "currency", "float_minor", "expected_minor", "counted_minor")
        return {
            **{name: drawer[name] for name in kept},
            "holder": self.receptionist.name,
            "location": self.place,
            "taken_minor": drawer["taken"],
            "refunded_minor": 0,
            "paid_in_minor": 0,
            "paid_out_minor": 0,
            "reason": drawer["difference_reason"],
            "approved_by": drawer["second"].name if drawer["second"] else "",
        }

    def _at(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, self.zone)

    def finish(self) -> None:
        """In the order in which they refer to each other; the periods last, since they shut the journal."""
        rows = self.books.rows
        tables = ((CashDrawer, self.drawers), (MoneyMovement, self.movements), (DayClose, self.closes))
        for model, kept in tables:
            for values in kept:
                rows.add(model, **values)
        for close in self.closes:
            day = close["business_on"]
            rows.add(
                LedgerPeriod, id=new_id(), first_on=day, last_on=day, closed_at=close["closed_at"],
                closed_by_id=self.finance.user_id,
            )  # fmt: skip
        for year, last in self.numbers.items():
            rows.add(NumberSeries, id=new_id(), name=DAY_CLOSES, period=year, last=last)


def _figures(takings: list[Taking], drawer: Any) -> list[Totals]:
    """Both totals are the same: the journal was written from the same takings."""
    lines = []
    for tender in TenderKind:
        taken = sum(taking.minor for taking in takings if taking.tender == tender)
        if taken:
            lines.append(Totals(str(tender), "INR", taken, 0, taken, 0))
    if drawer:
        came = FLOAT + drawer["taken"] + max(drawer["difference"], 0)
        went = drawer["counted_minor"] + max(-drawer["difference"], 0)
        lines.append(Totals(CASH_IN_DRAWERS, "INR", came, went, came, went))
    return lines


def person_with(role: str) -> Principal:
    """The demo clinic's person with that role."""
    wanted = select(User).join(Member, Member.user_id == User.id).where(Member.role == role).order_by(User.id).limit(1)
    user = db.session.scalars(wanted).one()
    member = Membership(require_clinic(), clinic_in_scope().name, role)
    return Principal(user.id, user.username, user.name, "-", (member,), member)


def open_todays_drawer(location_id: str, at: datetime) -> Principal:
    """The receptionist counts in for today; who it is."""
    person = person_with("RECEPTIONIST")
    with clock.travel(to=at), acting_as(person):
        open_drawer(count_of(Money(FLOAT, "INR")), location_id=location_id)
    return person
