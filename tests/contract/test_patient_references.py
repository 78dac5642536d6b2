"""Whatever refers to a patient follows when two records become one; the tables come from the models."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from flask_appbuilder import Model
from sqlalchemy import text
from sqlalchemy.engine import make_url

from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.people.models import Patient
from app.people.services import merge_patients, undo_merge
from app.people.services.moving import UNMOVED, references
from tests.contract.any_row import make_any_row
from tests.factories.people import make_patient

pytestmark = pytest.mark.usefixtures("in_clinic")


def columns_to_patients() -> set[tuple[str, str]]:
    """From the models, by the foreign keys themselves."""
    return {
        (table.name, constraint.column_keys[-1])
        for table in Model.metadata.sorted_tables
        for constraint in table.foreign_key_constraints
        if constraint.referred_table.name == "patient"
    }


def test_every_reference_to_a_patient_is_moved_but_the_journals(app: Any) -> None:
    moved = {(item.table.name, item.column) for item in references()}
    assert {name for name, _column in columns_to_patients() - moved} == UNMOVED
    assert len(moved) > 15


def test_every_table_resolves_merged_patients_by_itself(app: Any) -> None:
    """Also what is written by somebody who had the old id from before."""
    told = {name for name, column in columns_to_patients() if column == "patient_id"}
    triggers = text(
        "select tgrelid::regclass::text from pg_trigger join pg_proc on pg_proc.oid = tgfoid "
        "where proname = 'resolve_merged_patient' and tgenabled = 'O'"
    )
    assert {row[0] for row in db.session.execute(triggers)} == told
    others = {name for name, column in columns_to_patients() if column != "patient_id"}
    assert others == {"patient", "patient_merge"}, "a reference by another name needs the rule too"


def test_a_row_of_every_table_goes_over_and_comes_back(app: Any, settings: Any, clinic: Any) -> None:
    survivor, other = make_patient(), make_patient()
    tables = [item for item in references() if item.table.name != Patient.__tablename__]
    rows = {item.table.name: make_any_row(settings.database_url, item.table, clinic.id) for item in tables}
    give(settings.database_url, {item.table.name: (item.column, rows[item.table.name]) for item in tables}, other.id)
    db.session.rollback()
    with unit_of_work():
        merge = merge_patients(survivor.id, other.id)
    assert owners(tables, rows) == dict.fromkeys(rows, survivor.id)
    assert merge.moved == dict.fromkeys(rows, 1)
    with unit_of_work():
        undo_merge(merge.id)
    assert owners(tables, rows) == dict.fromkeys(rows, other.id)


def give(url: str, rows: dict[str, tuple[str, str]], patient_id: str) -> None:
    target = make_url(url)
    host = str(target.query.get("host", target.host))
    with psycopg.connect(host=host, user=target.username, dbname=target.database, autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")
        for table, (column, row_id) in rows.items():
            connection.execute(f'update "{table}" set {column} = %s where id = %s', [patient_id, row_id])


def owners(tables: Any, rows: dict[str, str]) -> dict[str, str]:
    return {
        item.table.name: str(
            db.session.scalar(
                text(f'select {item.column} from "{item.table.name}" where id = :id'), {"id": rows[item.table.name]}
            )
        )
        for item in tables
    }
