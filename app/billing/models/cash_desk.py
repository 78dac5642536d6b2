"""The cash desk: drawers, their handovers, what money moved on which day, and the close of a day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import BigInteger, CheckConstraint, Date, Index, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.access.models import person_behind
from app.core.formatting import money
from app.core.models import (
    AwareTime,
    TenantModel,
    currency_column,
    id_column,
    minor_column,
    money_of,
    one_of,
    tenant_reference,
    tenant_relationship,
)
from app.core.money import Money
from app.core.state import Stateful


class DrawerStatus(StrEnum):
    """OFFERED: counted for somebody who has not taken it over yet. COUNTED: its difference waits for approval."""

    OPEN = "OPEN"
    OFFERED = "OFFERED"
    COUNTED = "COUNTED"
    CLOSED = "CLOSED"


class HandoverStatus(StrEnum):
    OFFERED = "OFFERED"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"


class MovementKind(StrEnum):
    """Why money moved. RETURNED: a refund that had been paid out came back from the bank."""

    TENDER = "TENDER"
    REFUND = "REFUND"
    RETURNED = "RETURNED"
    FLOAT = "FLOAT"
    PAID_IN = "PAID_IN"
    PAID_OUT = "PAID_OUT"
    DIFFERENCE = "DIFFERENCE"
    EMPTIED = "EMPTIED"


class CounterAccount(StrEnum):
    """Where money comes from that is paid in, and where it goes that is paid out."""

    SAFE = "SAFE"
    BANK = "BANK"
    PETTY_EXPENSES = "PETTY_EXPENSES"
    OTHER_INCOME = "OTHER_INCOME"


PAID_IN_FROM = (CounterAccount.SAFE, CounterAccount.BANK, CounterAccount.OTHER_INCOME)
PAID_OUT_TO = (CounterAccount.SAFE, CounterAccount.BANK, CounterAccount.PETTY_EXPENSES)
TAKINGS = (MovementKind.TENDER, MovementKind.REFUND, MovementKind.RETURNED)
IN_USE = (DrawerStatus.OPEN, DrawerStatus.OFFERED)

Count = dict[str, int]  # how many of each note and coin, by its worth in minor units


class CashDrawer(Stateful, TenantModel):
    """One person's cash in one currency, from its counted float to its counted end."""

    __tablename__ = "cash_drawer"
    __table_args__ = (
        one_of("status", DrawerStatus, "ck_cash_drawer_status"),
        Index(
            "uq_cash_drawer_in_use", "clinic_id", "holder_id", "currency", unique=True,
            postgresql_where=text("status in ('OPEN', 'OFFERED')"),
        ),
        Index("ix_cash_drawer_open", "clinic_id", "opened_on", postgresql_where=text("status <> 'CLOSED'")),
        Index("ix_cash_drawer_time", "clinic_id", "opened_at", "id"),
        CheckConstraint("float_minor >= 0 and counted_minor >= 0", name="ck_cash_drawer_counts"),
    )  # fmt: skip

    TRANSITIONS: ClassVar[Mapping[Any, frozenset[Any]]] = {
        DrawerStatus.OPEN: frozenset({DrawerStatus.OFFERED, DrawerStatus.COUNTED, DrawerStatus.CLOSED}),
        DrawerStatus.OFFERED: frozenset({DrawerStatus.OPEN, DrawerStatus.COUNTED, DrawerStatus.CLOSED}),
        DrawerStatus.COUNTED: frozenset({DrawerStatus.OPEN, DrawerStatus.CLOSED}),
    }

    status: Mapped[str] = mapped_column(String(10), nullable=False, default=DrawerStatus.OPEN)
    holder_id: Mapped[str] = id_column(nullable=False)
    location_id: Mapped[str | None] = tenant_reference("location", nullable=True)
    currency: Mapped[str] = currency_column()
    opened_on: Mapped[date] = mapped_column(Date, nullable=False)
    opened_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False)
    float_minor: Mapped[int] = minor_column()
    opening_count: Mapped[Count] = mapped_column(JSONB, nullable=False, default=dict)
    received_from_id: Mapped[str | None] = tenant_reference("cash_drawer", nullable=True)
    # The last count, and what should have been there then.
    counted_at: Mapped[datetime | None] = mapped_column(AwareTime)
    expected_minor: Mapped[int | None] = mapped_column(BigInteger)
    counted_minor: Mapped[int | None] = mapped_column(BigInteger)
    closing_count: Mapped[Count | None] = mapped_column(JSONB)
    difference_reason: Mapped[str] = mapped_column(String(300), nullable=False, default="")
    decided_by_id: Mapped[str | None] = id_column()
    decided_at: Mapped[datetime | None] = mapped_column(AwareTime)
    decision_note: Mapped[str] = mapped_column(String(300), nullable=False, default="")
    closed_at: Mapped[datetime | None] = mapped_column(AwareTime)

    holder: Mapped[Any] = person_behind("CashDrawer.holder_id")
    decided_by: Mapped[Any] = person_behind("CashDrawer.decided_by_id")
    location: Mapped[Any] = tenant_relationship("Location", "CashDrawer.location_id", viewonly=True)

    @property
    def opening_float(self) -> Money:
        return money_of(self, "float")

    @property
    def expected(self) -> Money | None:
        return None if self.expected_minor is None else Money(self.expected_minor, self.currency)

    @property
    def counted(self) -> Money | None:
        return None if self.counted_minor is None else Money(self.counted_minor, self.currency)

    @property
    def difference(self) -> Money | None:
        """Counted less expected: below zero when cash is missing."""
        if self.counted_minor is None or self.expected_minor is None:
            return None
        return Money(self.counted_minor - self.expected_minor, self.currency)

    def __str__(self) -> str:
        return f"{self.holder}, {self.opened_on}"


class DrawerHandover(Stateful, TenantModel):
    """A drawer on its way from one person to another; both count the same cash."""

    __tablename__ = "drawer_handover"
    __table_args__ = (
        one_of("status", HandoverStatus, "ck_drawer_handover_status"),
        Index(
            "uq_drawer_handover_offered", "clinic_id", "drawer_id", unique=True,
            postgresql_where=text("status = 'OFFERED'"),
        ),
        Index("ix_drawer_handover_receiver", "clinic_id", "receiver_id", "status"),
    )  # fmt: skip

    TRANSITIONS: ClassVar[Mapping[Any, frozenset[Any]]] = {
        HandoverStatus.OFFERED: frozenset({HandoverStatus.ACCEPTED, HandoverStatus.DECLINED}),
    }

    drawer_id: Mapped[str] = tenant_reference("cash_drawer")
    giver_id: Mapped[str] = id_column(nullable=False)
    receiver_id: Mapped[str] = id_column(nullable=False)
    status: Mapped[str] = mapped_column(String(10), nullable=False, default=HandoverStatus.OFFERED)
    offered_on: Mapped[date] = mapped_column(Date, nullable=False)
    currency: Mapped[str] = currency_column()
    counted_minor: Mapped[int] = minor_column()
    count: Mapped[Count] = mapped_column(JSONB, nullable=False)
    received_count: Mapped[Count | None] = mapped_column(JSONB)
    note: Mapped[str] = mapped_column(String(300), nullable=False, default="")
    decided_at: Mapped[datetime | None] = mapped_column(AwareTime)

    drawer: Mapped[CashDrawer] = tenant_relationship("CashDrawer", "DrawerHandover.drawer_id", viewonly=True)
    giver: Mapped[Any] = person_behind("DrawerHandover.giver_id")
    receiver: Mapped[Any] = person_behind("DrawerHandover.receiver_id")

    @property
    def counted(self) -> Money:
        return money_of(self, "counted")

    def __str__(self) -> str:
        return f"{self.giver} → {self.receiver}"


class MoneyMovement(TenantModel):
    """Money that came (above zero) or went, through which channel, and the day on which it counts. Never changes.

    `channel` is the desk's tender or the gateway. Cash that nobody had a drawer for has no drawer.
    """

    __tablename__ = "money_movement"
    __table_args__ = (
        one_of("kind", MovementKind, "ck_money_movement_kind"),
        CheckConstraint("amount_minor <> 0", name="ck_money_movement_amount"),
        Index("ix_money_movement_day", "clinic_id", "business_on", "channel"),
        Index("ix_money_movement_drawer", "clinic_id", "drawer_id", "created_at"),
        Index("ix_money_movement_payment", "clinic_id", "payment_id"),
        Index(
            "uq_money_movement_tender", "clinic_id", "payment_id", "source_key", unique=True,
            postgresql_where=text("kind = 'TENDER'"),
        ),
        Index(
            "uq_money_movement_refund", "clinic_id", "refund_id", "kind", unique=True,
            postgresql_where=text("refund_id is not null"),
        ),
    )  # fmt: skip

    business_on: Mapped[date] = mapped_column(Date, nullable=False)
    kind: Mapped[str] = mapped_column(String(10), nullable=False)
    channel: Mapped[str] = mapped_column(String(30), nullable=False)
    currency: Mapped[str] = currency_column()
    amount_minor: Mapped[int] = minor_column()
    drawer_id: Mapped[str | None] = tenant_reference("cash_drawer", nullable=True)
    payment_id: Mapped[str | None] = tenant_reference("payment", nullable=True)
    refund_id: Mapped[str | None] = tenant_reference("refund", nullable=True)
    person_id: Mapped[str | None] = id_column()
    counter: Mapped[str] = mapped_column(String(20), nullable=False, default="")
    reason: Mapped[str] = mapped_column(String(300), nullable=False, default="")
    # Tells several captures of one payment apart.
    source_key: Mapped[str] = mapped_column(String(40), nullable=False, default="")

    drawer: Mapped[CashDrawer | None] = tenant_relationship("CashDrawer", "MoneyMovement.drawer_id", viewonly=True)
    payment: Mapped[Any] = tenant_relationship("Payment", "MoneyMovement.payment_id", viewonly=True)
    person: Mapped[Any] = person_behind("MoneyMovement.person_id")

    @property
    def amount(self) -> Money:
        return money_of(self, "amount")

    def __str__(self) -> str:
        return money(self.amount)


class DayClose(TenantModel):
    """The numbered close of one day: what was taken, computed from payments and drawers and again from the journal.

    `figures` and `drawers` are what was printed, so that a copy says the same for ever.
    """

    __tablename__ = "day_close"
    __table_args__ = (
        UniqueConstraint("clinic_id", "number", name="uq_day_close_number"),
        UniqueConstraint("clinic_id", "business_on", name="uq_day_close_day"),
    )

    number: Mapped[str] = mapped_column(String(30), nullable=False)
    business_on: Mapped[date] = mapped_column(Date, nullable=False)
    closed_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False)
    closed_by_id: Mapped[str | None] = id_column()
    currency: Mapped[str] = currency_column()
    # Taken less given back, in the clinic's own currency.
    total_minor: Mapped[int] = minor_column()
    figures: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, nullable=False)
    drawers: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, nullable=False)
    first_entry: Mapped[int | None] = mapped_column(BigInteger)
    last_entry: Mapped[int | None] = mapped_column(BigInteger)

    closed_by: Mapped[Any] = person_behind("DayClose.closed_by_id")

    @property
    def total(self) -> Money:
        return money_of(self, "total")

    def __str__(self) -> str:
        return self.number
