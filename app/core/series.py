"""Gapless number series: one row per series, locked until commit, so that a rolled-back number is used by the next."""

from __future__ import annotations

from sqlalchemy import BigInteger, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.ids import new_id
from app.core.models import TenantModel
from app.core.tenant import db, require_clinic


class NumberSeries(TenantModel):
    """The last number given out of a series, for example ("invoice", "2026")."""

    __tablename__ = "number_series"
    __table_args__ = (UniqueConstraint("clinic_id", "name", "period", name="uq_number_series"),)
    __audited__ = False

    name: Mapped[str] = mapped_column(String(30), nullable=False)
    period: Mapped[str] = mapped_column(String(10), nullable=False, default="")
    last: Mapped[int] = mapped_column(BigInteger, nullable=False, default=0)


def next_number(name: str, period: str = "") -> int:
    """The next number. Writers of one series wait for each other from here to commit: call it late (DESIGN 9)."""
    return next_numbers(name, period, 1)[0]


def next_numbers(name: str, period: str, count: int) -> range:
    """The next `count` numbers at once, for as many rows of one transaction."""
    session = db.session()
    session.flush()  # whatever else is locked is locked before the series
    values = {"id": new_id(), "clinic_id": require_clinic(), "name": name, "period": period, "count": count}
    last = int(session.connection().execute(_NEXT, {**values, "now": clock.now()}).scalar_one())
    return range(last - count + 1, last + 1)


def taking(count: str, source: str = "") -> str:
    """SQL that takes as many numbers as the SQL `count` says and returns the `last` of them.

    Parameters: id, clinic_id, name, period, now.
    """
    return f"""
insert into number_series (id, clinic_id, name, period, last, created_at, updated_at)
select cast(:id as uuid), cast(:clinic_id as uuid), :name, :period, {count}, cast(:now as timestamptz),
  cast(:now as timestamptz) {source}
on conflict (clinic_id, name, period) do update set last = number_series.last + excluded.last,
  updated_at = excluded.updated_at
returning last
"""  # noqa: S608 - constants


_NEXT = text(taking("cast(:count as bigint)"))
