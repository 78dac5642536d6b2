"""Counts of the safe: what was there, what should have been, and who decided about the difference."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, Index, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.access.models import person_behind
from app.billing.models.cash_desk import Count
from app.core.formatting import money
from app.core.models import AwareTime, TenantModel, currency_column, id_column, minor_column, money_of, one_of
from app.core.money import Money
from app.core.state import Stateful


class SafeCountStatus(StrEnum):
    """COUNTED: its difference waits for approval. WITHDRAWN: the safe was counted again instead."""

    COUNTED = "COUNTED"
    BOOKED = "BOOKED"
    REJECTED = "REJECTED"
    WITHDRAWN = "WITHDRAWN"


class SafeCount(Stateful, TenantModel):
    """One count of the safe in one currency. A difference above the tolerance is booked when a second person agrees."""

    __tablename__ = "safe_count"
    __table_args__ = (
        one_of("status", SafeCountStatus, "ck_safe_count_status"),
        CheckConstraint("counted_minor >= 0", name="ck_safe_count_counted"),
        CheckConstraint("decided_by_id is null or decided_by_id <> counted_by_id", name="ck_safe_count_second_person"),
        Index(
            "uq_safe_count_waiting", "clinic_id", "currency", unique=True, postgresql_where=text("status = 'COUNTED'")
        ),
        Index("ix_safe_count_time", "clinic_id", "created_at", "id"),
    )

    TRANSITIONS: ClassVar[Mapping[Any, frozenset[Any]]] = {
        SafeCountStatus.COUNTED: frozenset(
            {SafeCountStatus.BOOKED, SafeCountStatus.REJECTED, SafeCountStatus.WITHDRAWN}
        ),
    }

    status: Mapped[str] = mapped_column(String(10), nullable=False)
    currency: Mapped[str] = currency_column()
    expected_minor: Mapped[int] = minor_column()
    counted_minor: Mapped[int] = minor_column()
    pieces: Mapped[Count] = mapped_column(JSONB, nullable=False, default=dict)
    reason: Mapped[str] = mapped_column(String(300), nullable=False, default="")
    counted_by_id: Mapped[str] = id_column(nullable=False)
    decided_by_id: Mapped[str | None] = id_column()
    decided_at: Mapped[datetime | None] = mapped_column(AwareTime)
    decision_note: Mapped[str] = mapped_column(String(300), nullable=False, default="")

    counted_by: Mapped[Any] = person_behind("SafeCount.counted_by_id")
    decided_by: Mapped[Any] = person_behind("SafeCount.decided_by_id")

    @property
    def expected(self) -> Money:
        return money_of(self, "expected")

    @property
    def counted(self) -> Money:
        return money_of(self, "counted")

    @property
    def difference(self) -> Money:
        """Counted less expected: below zero when cash is missing."""
        return self.counted - self.expected

    def __str__(self) -> str:
        return money(self.counted)
