"""docs/events.md says what the classes say, and the classes hold to the rules of SPEC EVT-2."""

from __future__ import annotations

import json
import re
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.events import catalogue
from app.events.base import Category, Priority
from app.events.models import EventRecord
from tests.factories.people import make_patient

pytestmark = pytest.mark.usefixtures("app")
# Words that have no place in a payload: contacts, names, clinical values.
FORBIDDEN = {"name", "phone", "email", "diagnosis", "notes", "value", "dateOfBirth", "password", "token"}


def test_the_document_is_up_to_date(project_root: Path) -> None:
    """If this fails: `flask events docs`."""
    assert (project_root / "docs" / "events.md").read_text() == catalogue.markdown()


def test_the_command_writes_it(app: Any, tmp_path: Path) -> None:
    target = tmp_path / "events.md"
    result = copy_context().run(app.test_cli_runner().invoke, args=["events", "docs", "--output", str(target)])
    assert result.exit_code == 0, result.output
    assert target.read_text() == catalogue.markdown()


def test_every_schema_in_the_document_is_json(project_root: Path) -> None:
    blocks = re.findall(r"```json\n(.*?)```", (project_root / "docs" / "events.md").read_text(), re.S)
    assert len(blocks) == len(catalogue.events()) + 1
    assert all(json.loads(block)["type"] == "object" for block in blocks)


def test_the_list_names_who_hears_an_event(app: Any) -> None:
    lines = copy_context().run(app.test_cli_runner().invoke, args=["events", "list"]).output.splitlines()
    completed = next(line for line in lines if line.startswith("payment.completed "))
    assert "billing.settle_on_payment (at once)" in completed
    created = next(line for line in lines if line.startswith("billing.invoice.created "))
    assert "billing.draw_new_invoice (invoice-pdf)" in created
    assert len(lines) == len(catalogue.events())


def test_names_categories_and_payloads_follow_the_rules() -> None:
    for event in catalogue.events():
        assert re.fullmatch(r"[a-z_]+(\.[a-z_]+){1,3}", event.type), event.type
        assert event.category in Category and event.priority in Priority
        names = set(catalogue.payload_schema(event)["properties"])
        assert not names & FORBIDDEN, event.type
        if event.type.startswith(("clinic.", "video.")):
            assert event.category is (Category.CLINIC if event.type.startswith("clinic.") else Category.VIDEO)


def test_a_stored_payload_is_what_its_schema_says(in_clinic: Any) -> None:
    with unit_of_work():
        patient_id = make_patient().id
    record = db.session.scalars(select(EventRecord).where(EventRecord.subject_id == patient_id)).one()
    event = next(item for item in catalogue.events() if item.type == record.type)
    schema = catalogue.payload_schema(event)
    assert set(schema["required"]) <= set(record.payload) <= set(schema["properties"])
