"""Sums of finished days, so that a report over millions of payments reads some thousand rows."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Date, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.models import AwareTime, TenantModel, currency_column, id_column, minor_column


class TakingsDay(TenantModel):
    """What came and went on one day by one tender, for one doctor at one location. Equal to the journal's lines.

    Doctor and location are those of the invoice that the money was for; without one they are None.
    """

    __tablename__ = "takings_day"
    __table_args__ = (Index("ix_takings_day_booked_on", "clinic_id", "booked_on"),)
    __audited__ = False  # derived from the journal, and made anew whenever it is missing

    booked_on: Mapped[date] = mapped_column(Date, nullable=False)
    currency: Mapped[str] = currency_column()
    account_code: Mapped[str] = mapped_column(String(30), nullable=False)
    provider: Mapped[str] = mapped_column(String(30), nullable=False)
    doctor_id: Mapped[str | None] = id_column()
    location_id: Mapped[str | None] = id_column()
    came_minor: Mapped[int] = minor_column()
    came_count: Mapped[int] = mapped_column(Integer, nullable=False)
    went_minor: Mapped[int] = minor_column()
    went_count: Mapped[int] = mapped_column(Integer, nullable=False)

    def __str__(self) -> str:
        return f"{self.booked_on} {self.account_code}"


class RevenueDay(TenantModel):
    """What was earned on one day by one service of one doctor at one location, without tax, credit notes taken off."""

    __tablename__ = "revenue_day"
    __table_args__ = (Index("ix_revenue_day_booked_on", "clinic_id", "booked_on"),)
    __audited__ = False

    booked_on: Mapped[date] = mapped_column(Date, nullable=False)
    currency: Mapped[str] = currency_column()
    service_id: Mapped[str | None] = id_column()
    doctor_id: Mapped[str | None] = id_column()
    location_id: Mapped[str | None] = id_column()
    net_minor: Mapped[int] = minor_column()
    tax_minor: Mapped[int] = minor_column()
    invoice_count: Mapped[int] = mapped_column(Integer, nullable=False)

    def __str__(self) -> str:
        return str(self.booked_on)


class RolledDay(TenantModel):
    """A day whose sums are kept: nothing can be booked on it any more."""

    __tablename__ = "rolled_day"
    __table_args__ = (UniqueConstraint("clinic_id", "booked_on", name="uq_rolled_day"),)
    __audited__ = False

    booked_on: Mapped[date] = mapped_column(Date, nullable=False)
    rolled_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False, default=clock.now)

    def __str__(self) -> str:
        return str(self.booked_on)
