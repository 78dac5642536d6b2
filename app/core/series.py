"""Gapless number series: one row per series, locked until commit, so that a rolled-back number is used by the next."""

from __future__ import annotations

from sqlalchemy import BigInteger, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

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
    values = {"id": new_id(), "clinic_id": require_clinic(), "name": name, "period": period, "last": count}
    statement = insert(NumberSeries).values(values)
    statement = statement.on_conflict_do_update(
        index_elements=["clinic_id", "name", "period"], set_={"last": NumberSeries.last + count}
    )
    last = int(db.session.execute(statement.returning(NumberSeries.last)).scalar_one())
    return range(last - count + 1, last + 1)
