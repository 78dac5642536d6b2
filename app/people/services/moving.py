"""Giving the rows of one patient to another, and exactly those back.

Which rows there are is read from the tables themselves: whatever refers to a patient is moved, of every slice, also of
one that is added later. What says otherwise does so at its table (`info`): `stays_with` another table's row of the same
patient, `on_merge` new values of columns. Plain statements: `updated_at` and what listens to rows are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask_appbuilder import Model
from sqlalchemy import Table, UniqueConstraint, text
from sqlalchemy.schema import Index

from app.core.tenant import db, require_clinic
from app.people.models import Patient, PatientMerge, PatientMergeRow

# The journal is never changed: balances go over by an entry of their own. Merges name both on purpose.
UNMOVED = frozenset({"journal_line", PatientMerge.__tablename__})


@dataclass(frozen=True)
class Reference:
    """A column that holds a patient's id."""

    table: Table
    column: str

    @property
    def stays_with(self) -> tuple[str, str] | None:
        found: tuple[str, str] | None = self.table.info.get("stays_with")
        return found

    @property
    def on_merge(self) -> dict[str, str]:
        found: dict[str, str] = self.table.info.get("on_merge", {})
        return found


def references() -> list[Reference]:
    """Every column that refers to a patient and moves; tables that others hang on come first."""
    found = [
        Reference(table, constraint.column_keys[-1])
        for table in Model.metadata.sorted_tables
        if table.name not in UNMOVED
        for constraint in table.foreign_key_constraints
        if constraint.referred_table.name == Patient.__tablename__
    ]
    return sorted(found, key=lambda item: item.stays_with is not None)


def move_rows(merge: PatientMerge) -> dict[str, int]:
    """Give the survivor every row of the merged record, noted one by one; how many, by table.

    A row stays where the survivor has one that a unique key allows only once.
    """
    moved: dict[str, int] = {}
    for reference in references():
        count = _move(reference, merge)
        if count:
            moved[str(reference.table.name)] = moved.get(reference.table.name, 0) + count
    return moved


def give_back(merge: PatientMerge) -> None:
    """Give the merged record its rows again, as they were, and what came since and hangs on one of them."""
    for reference in references():
        _give_back(reference, merge)
        for parent, key in _parents(reference.table):
            _follow(reference, parent, key, merge)


def count_rows(patient_id: str) -> dict[str, int]:
    """How many rows of each table refer to the patient."""
    counts = {}
    for reference in references():
        rows = f'from "{reference.table.name}" where clinic_id = :clinic and {reference.column} = :id'
        wanted = f"select count(*) {rows}"  # noqa: S608 - names of our own tables and columns
        counts[reference.table.name] = int(db.session.scalar(text(wanted), _values(id=patient_id)) or 0)
    return {name: count for name, count in counts.items() if count}


def _move(reference: Reference, merge: PatientMerge) -> int:
    name, column = reference.table.name, reference.column
    changed = {column: ":survivor", **reference.on_merge}
    before = ", ".join(f"'{key}', {key}" for key in reference.on_merge)
    statement = f"""
        with found as (
          select id, {f"jsonb_build_object({before})" if before else "null::jsonb"} as before from "{name}"
          where clinic_id = :clinic and {column} = :merged{_stays_out(reference)} for update
        ), moved as (
          update "{name}" set {", ".join(f"{key} = {value}" for key, value in changed.items())}
          from found where "{name}".id = found.id and "{name}".clinic_id = :clinic
        )
        insert into {PatientMergeRow.__tablename__}
          (id, clinic_id, merge_id, table_name, row_id, before, created_at, updated_at)
        select gen_random_uuid(), :clinic, :merge, :table, id, before, now(), now() from found
    """  # noqa: S608 - names of our own tables and columns
    result: Any = db.session.execute(text(statement), _values(**_of(merge), table=name))
    return int(result.rowcount)


def _stays_out(reference: Reference) -> str:
    """SQL that leaves out what a unique key would refuse, or what hangs on such a row."""
    parts = [_no_twin(reference, columns, where) for columns, where in _unique_keys(reference)]
    if reference.stays_with is not None:
        other, key = reference.stays_with
        parts.append(
            f" and not exists (select from {other} kept where kept.clinic_id = :clinic and kept.patient_id = :merged "
            f'and kept.{key} = "{reference.table.name}".{key})'
        )
    return "".join(parts)


def _unique_keys(reference: Reference) -> Iterator[tuple[list[str], str]]:
    """The other columns of unique keys over the reference, and the condition of a partial one."""
    for constraint in reference.table.constraints:
        if isinstance(constraint, UniqueConstraint) and reference.column in constraint.columns:
            yield _others(reference, list(constraint.columns.keys())), "true"
    for index in reference.table.indexes:
        if index.unique and reference.column in index.columns:
            where = index.dialect_options["postgresql"].get("where")
            yield _others(reference, _columns(index)), "true" if where is None else str(where)


def _columns(index: Index) -> list[str]:
    return list(index.columns.keys())


def _others(reference: Reference, columns: list[str]) -> list[str]:
    return [name for name in columns if name not in ("clinic_id", reference.column)]


def _no_twin(reference: Reference, columns: list[str], where: str) -> str:
    """Unless `on_merge` changes what the key is about: then there is no twin to be."""
    if any(key in where for key in reference.on_merge):
        return ""
    name = reference.table.name
    same = "".join(f' and twin.{key} = "{name}".{key}' for key in columns)
    counting = f'(select * from "{name}" where clinic_id = :clinic and {reference.column} = :survivor and ({where}))'  # noqa: S608
    return f" and not (({where}) and exists (select from {counting} twin where true{same}))"


def _give_back(reference: Reference, merge: PatientMerge) -> None:
    name = reference.table.name
    restored = "".join(
        f', {key} = (jsonb_populate_record(null::"{name}", noted.before)).{key}' for key in reference.on_merge
    )
    statement = f"""
        update "{name}" set {reference.column} = :merged{restored}
        from {PatientMergeRow.__tablename__} noted
        where noted.clinic_id = :clinic and noted.merge_id = :merge and noted.table_name = :table
          and "{name}".clinic_id = :clinic and "{name}".id = noted.row_id and "{name}".{reference.column} = :survivor
    """  # noqa: S608 - names of our own tables and columns
    db.session.execute(text(statement), _values(**_of(merge), table=name))


def _parents(table: Table) -> Iterator[tuple[str, str]]:
    """The tables of patients' rows that a table hangs on, and by which column."""
    owners = {item.table.name for item in references()} - {Patient.__tablename__}
    for constraint in table.foreign_key_constraints:
        if constraint.referred_table.name in owners:
            yield constraint.referred_table.name, constraint.column_keys[-1]


def _follow(reference: Reference, parent: str, key: str, merge: PatientMerge) -> None:
    name, column = reference.table.name, reference.column
    statement = f"""
        update "{name}" set {column} = :merged from "{parent}" parent
        where "{name}".clinic_id = :clinic and "{name}".{column} = :survivor and "{name}".created_at >= :since
          and parent.clinic_id = :clinic and parent.id = "{name}".{key} and parent.patient_id = :merged
          and parent.id <> "{name}".id
    """  # noqa: S608 - names of our own tables and columns
    db.session.execute(text(statement), _values(**_of(merge), since=merge.merged_at))


def _of(merge: PatientMerge) -> dict[str, Any]:
    return {"merge": merge.id, "survivor": merge.survivor_id, "merged": merge.merged_id}


def _values(**values: Any) -> dict[str, Any]:
    return {"clinic": require_clinic(), **values}
