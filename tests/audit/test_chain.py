"""The trail records, and shows every way of tampering with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event, select, text
from sqlalchemy.exc import ProgrammingError

from app.audit import commands
from app.audit.chain import verify
from app.audit.models import AuditEntry
from app.audit.services import record
from app.core.tenant import all_tenants, db, tenant_scope
from app.core.transaction import unit_of_work
from app.tenancy.models import Location
from tests.statements import recorded_statements


@pytest.fixture
def trail(clinic: Any) -> list[str]:
    """Five entries: the clinic, a location, and three new names for it."""
    with tenant_scope(clinic.id), unit_of_work():
        location = Location(name="A")
        db.session.add(location)
    for name in "BCD":
        with tenant_scope(clinic.id), unit_of_work():
            db.session.scalars(select(Location)).one().name = name
    with tenant_scope(clinic.id):
        return list(db.session.scalars(select(AuditEntry.id).order_by(AuditEntry.number)))


def findings(clinic_id: str) -> list[str]:
    with tenant_scope(clinic_id):
        return [item.text for item in verify(clinic_id)]


def tamper(statement: str, **values: Any) -> None:
    with all_tenants(), unit_of_work():
        db.session.execute(text(statement), values)


@contextmanager
def additions_before_each_statement(clinic_id: str) -> Iterator[list[str]]:
    """Another session adds an entry, and commits it, before each SELECT of this thread that reads the trail."""
    added: list[str] = []
    busy = False

    def add(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        nonlocal busy
        if busy or "FROM audit_" not in statement:
            return
        busy = True
        with tenant_scope(clinic_id), unit_of_work():
            record("trail.added", "location", None)
        added.append(statement)
        busy = False

    event.listen(Engine, "before_cursor_execute", add)
    try:
        yield added
    finally:
        event.remove(Engine, "before_cursor_execute", add)


def test_changes_are_recorded_with_old_and_new_values(clinic: Any, trail: list[str]) -> None:
    with tenant_scope(clinic.id):
        entries = db.session.scalars(select(AuditEntry).order_by(AuditEntry.number)).all()
        assert [entry.action for entry in entries] == ["created", "created", *["updated"] * 3]
        assert entries[2].changes == {"name": ["A", "B"]}
        assert [entry.number for entry in entries] == [1, 2, 3, 4, 5]


def test_an_untouched_chain_holds(clinic: Any, trail: list[str]) -> None:
    assert findings(clinic.id) == []


def test_what_is_added_during_the_walk_is_no_finding(clinic: Any, trail: list[str]) -> None:
    with additions_before_each_statement(clinic.id) as added:
        assert findings(clinic.id) == []
    assert len(added) >= 2
    assert findings(clinic.id) == []


def test_a_tail_that_was_cut_off_shows_during_additions(clinic: Any, trail: list[str]) -> None:
    tamper("delete from audit_entry where id = any(:ids)", ids=trail[3:])
    with additions_before_each_statement(clinic.id):
        assert "entries 4 to 5 " in findings(clinic.id)[0]


def test_a_rolled_back_change_leaves_no_entry(clinic: Any, trail: list[str]) -> None:
    with pytest.raises(RuntimeError), tenant_scope(clinic.id), unit_of_work():
        db.session.add(Location(name="Z"))
        db.session.flush()
        raise RuntimeError
    with tenant_scope(clinic.id):
        assert len(db.session.scalars(select(AuditEntry)).all()) == 5


def test_an_edit_shows(clinic: Any, trail: list[str]) -> None:
    tamper("update audit_entry set username = 'somebody else' where id = :id", id=trail[2])
    assert findings(clinic.id) == ["entry 3 was changed, or what stands before it was"]


def test_a_deletion_in_the_middle_shows(clinic: Any, trail: list[str]) -> None:
    tamper("delete from audit_entry where id = :id", id=trail[2])
    assert "entries 3 to 3 are missing" in findings(clinic.id)


def test_a_deletion_with_renumbering_shows(clinic: Any, trail: list[str]) -> None:
    tamper("delete from audit_entry where id = :id", id=trail[2])
    tamper("update audit_entry set number = 3 where id = :id", id=trail[3])
    tamper("update audit_entry set number = 4 where id = :id", id=trail[4])
    assert findings(clinic.id)


def test_a_swap_shows(clinic: Any, trail: list[str]) -> None:
    tamper("update audit_entry set number = -1 where id = :id", id=trail[1])
    tamper("update audit_entry set number = 2 where id = :id", id=trail[2])
    tamper("update audit_entry set number = 3 where id = :id", id=trail[1])
    assert findings(clinic.id)


def test_a_cut_tail_shows(clinic: Any, trail: list[str]) -> None:
    tamper("delete from audit_entry where id = any(:ids)", ids=trail[3:])
    assert findings(clinic.id) == ["entries 4 to 5 were cut off the end"]


def test_a_cut_tail_with_a_forged_head_shows(clinic: Any, trail: list[str]) -> None:
    tamper("delete from audit_entry where id = any(:ids)", ids=trail[3:])
    tamper(
        "update audit_chain set length = 3, mac = (select mac from audit_entry where id = :id) "
        "where clinic_id = :clinic",
        id=trail[2],
        clinic=clinic.id,
    )
    assert findings(clinic.id) == ["the head of the chain was forged"]


def test_a_missing_head_shows(clinic: Any, trail: list[str]) -> None:
    tamper("delete from audit_chain where clinic_id = :clinic", clinic=clinic.id)
    assert findings(clinic.id) == ["the head of the chain is missing"]


def test_the_application_cannot_change_the_trail(clinic: Any, trail: list[str]) -> None:
    with tenant_scope(clinic.id), pytest.raises(ProgrammingError, match="permission denied"), unit_of_work():
        db.session.execute(text("update audit_entry set username = 'x'"))


def test_the_command_tells_and_exits_1(
    app: Any, clinic: Any, other_clinic: Any, trail: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = [one for one in commands._clinics() if one[0] in (clinic.id, other_clinic.id)]
    assert len(ours) == 2
    # The trails of every test before this one would be walked as well.
    monkeypatch.setattr(commands, "_clinics", lambda: ours)
    held = app.test_cli_runner().invoke(args=["audit", "verify"])
    assert f"{clinic.name}: 5 entries, holds" in held.output
    tamper("update audit_entry set reason = 'x' where id = :id", id=trail[0])
    broken = app.test_cli_runner().invoke(args=["audit", "verify"])
    assert broken.exit_code == 1
    assert "entry 1 was changed" in broken.output
    assert f"{other_clinic.name}: 1 entries, holds" in broken.output


def test_entries_of_a_transaction_are_written_together(clinic: Any) -> None:
    with tenant_scope(clinic.id):
        with recorded_statements() as sent, unit_of_work():
            for name in "XYZ":
                db.session.add(Location(name=name))
        assert len([statement for statement in sent if "audit_entry" in statement]) == 1
        told = select(AuditEntry.changes).where(AuditEntry.entity == "location").order_by(AuditEntry.number)
        assert [changes["name"] for changes in db.session.scalars(told)] == [[None, name] for name in "XYZ"]
    assert findings(clinic.id) == []
