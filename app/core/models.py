"""Bases of all models, and the columns they share."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from flask_appbuilder import Model
from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    Table,
    UniqueConstraint,
    Uuid,
    event,
)
from sqlalchemy.orm import Mapped, Mapper, declared_attr, mapped_column, relationship
from sqlalchemy.orm.relationships import Relationship

from app.core import clock
from app.core.card_numbers import mask_as_it_is_set
from app.core.ids import new_id
from app.core.money import Money
from app.core.row_security import policy_statements
from app.core.tenant import install_session_hook, require_clinic

AwareTime = DateTime(timezone=True)


def id_column(**kwargs: Any) -> Any:
    return mapped_column(Uuid(as_uuid=False), **kwargs)


class Base(Model):
    """A row with an id and its times. Use TenantModel for whatever belongs to a clinic."""

    __abstract__ = True
    __table_args__: Any = ()
    # Whether rows are written and, in their transaction, never changed: then the session need not follow new ones.
    __append_only__ = False

    id: Mapped[str] = mapped_column(Uuid(as_uuid=False), primary_key=True, default=new_id, sort_order=-10)
    created_at: Mapped[datetime] = mapped_column(AwareTime, default=clock.now, nullable=False, sort_order=90)
    updated_at: Mapped[datetime] = mapped_column(
        AwareTime, default=clock.now, onupdate=clock.now, nullable=False, sort_order=91
    )


class TenantModel(Base):
    """A row of one clinic: filtered by the session hook, guarded by row-level security."""

    __abstract__ = True

    @declared_attr
    def clinic_id(cls) -> Mapped[str]:
        return mapped_column(
            Uuid(as_uuid=False), ForeignKey("clinic.id"), default=require_clinic, nullable=False, sort_order=-9
        )


install_session_hook(TenantModel)
event.listen(TenantModel, "attribute_instrument", mask_as_it_is_set, propagate=True)


@event.listens_for(TenantModel, "instrument_class", propagate=True)
def _wall_in(mapper: Mapper[Any], _class: type) -> None:
    """Composite key for references that cannot leave the clinic, composite foreign keys, and the policies."""
    table = cast(Table, mapper.local_table)
    table.append_constraint(UniqueConstraint("clinic_id", "id", name=f"uq_{table.name}_clinic_id_id"))
    for column in list(table.columns):
        target = column.info.get("tenant_reference")
        if target:
            _refer_within_clinic(table, column.name, target)
    for statement in policy_statements(table.name):
        event.listen(table, "after_create", DDL(statement.replace("%", "%%")))


def _refer_within_clinic(table: Table, column: str, target: str) -> None:
    name = f"fk_{table.name}_{column}"
    table.append_constraint(
        ForeignKeyConstraint(["clinic_id", column], [f"{target}.clinic_id", f"{target}.id"], name=name)
    )
    if not any(_serves(index, column) for index in table.indexes):
        Index(f"ix_{table.name}_{column}", table.c.clinic_id, table.c[column])


def _serves(index: Index, column: str) -> bool:
    """Whether an index of the table's own already finds all rows that refer by this column: one that leaves out others
    than those without a reference does not.
    """
    where = index.dialect_options["postgresql"].get("where")
    whole = where is None or str(where) == f"{column} is not null"
    return whole and list(index.columns.keys())[:2] == ["clinic_id", column]


def tenant_reference(target: str, *, nullable: bool = False, **kwargs: Any) -> Any:
    """A column that refers to `target.id` of the same clinic (composite foreign key: DESIGN 9)."""
    info = {"tenant_reference": target}
    return mapped_column(Uuid(as_uuid=False), nullable=nullable, info=info, **kwargs)


def tenant_relationship(target: str, column: str, **kwargs: Any) -> Relationship[Any]:
    """The object behind a tenant_reference column; `column` as "Appointment.patient_id", `target` a class name."""
    return relationship(target, primaryjoin=f"foreign({column}) == {target}.id", **kwargs)


def minor_column(**kwargs: Any) -> Any:
    """An amount in the currency's minor unit (paise, cents, yen, fils)."""
    return mapped_column(BigInteger, **{"default": 0, "nullable": False, **kwargs})


def currency_column(**kwargs: Any) -> Any:
    return mapped_column(String(3), **{"nullable": False, **kwargs})


def money_of(row: Any, name: str) -> Money:
    """`money_of(invoice, "total")` pairs total_minor with the row's currency."""
    return Money(getattr(row, f"{name}_minor"), row.currency)


def one_of(column: str, values: Any, name: str) -> CheckConstraint:
    """A check that a text column holds one of the values of an enumeration."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} in ({listed})", name=name)
