"""Every event that is not planned has a verb that publishes it; tests/published_events.py watches that it is tested."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from app.events import catalogue
from tests import published_events

# Every event of SPEC EVT-3, by name.
_BY_NAME = """
user.created user.updated user.deleted auth.login auth.logout auth.token.refreshed
clinic.created clinic.updated clinic.deleted
appointment.created appointment.confirmed appointment.rescheduled appointment.checked_in appointment.started
appointment.completed appointment.cancelled appointment.no_show appointment.follow_up.created appointment.reminder.due
queue.token.issued queue.token.called queue.token.recalled queue.token.skipped queue.token.held queue.token.transferred
queue.token.served
billing.plan.created billing.plan.updated billing.plan.deleted
billing.subscription.created billing.subscription.renewed billing.subscription.cancelled billing.subscription.updated
billing.invoice.drafted billing.invoice.created billing.invoice.paid billing.invoice.updated
billing.payment.created billing.payment.updated billing.appointment.booked billing.appointment.cancelled
payment.intent.created payment.completed payment.failed payment.refunded payment.disputed
ehr.vital.critical video.session.created video.session.ended video.recording.started video.recording.stopped
notification.sent notification.failed
"""
WANTED = frozenset(_BY_NAME.split())
RECORDS = (
    "medical_history", "lab_report", "radiology_report", "surgical_report", "vital", "allergy", "medication",
    "immunization",
)  # fmt: skip


def names_used(project_root: Path) -> set[str]:
    """Every name that the product's code uses outside the declarations of events."""
    used: set[str] = set()
    for path in (project_root / "app").rglob("*.py"):
        if not path.name.endswith("events.py"):
            nodes = list(ast.walk(ast.parse(path.read_text())))
            used |= {node.id for node in nodes if isinstance(node, ast.Name)}
    return used


def test_the_catalogue_is_complete(app: Any) -> None:
    known = {event.type for event in catalogue.events()}
    records = {f"ehr.{name}.{change}" for name in RECORDS for change in ("created", "updated", "deleted")}
    assert {*WANTED, *records} - known == set()
    assert {name for name in known if name.startswith("insurance.claim.")}
    assert len(known) >= 60


def test_only_events_of_later_work_are_planned(app: Any) -> None:
    planned = {event.type.partition(".")[0] for event in catalogue.events() if event.planned}
    assert planned == {"ehr", "video", "insurance"}


def test_every_other_event_is_published_somewhere(app: Any, project_root: Path) -> None:
    used = names_used(project_root)
    assert [event.type for event in catalogue.events() if not event.planned and event.__name__ not in used] == []


@pytest.mark.parametrize(
    ("arguments", "whole"),
    [
        ([], True),
        (["tests"], True),
        (["-x"], True),
        (["tests/events"], False),
        (["-k", "relay"], False),
        (["-m", "chaos"], False),
        (["-m", "browser"], False),
        (["--ignore=tests/browser"], False),
        (["--collect-only"], False),
    ],
)
def test_only_a_whole_run_is_asked_for_all_events(
    project_root: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], whole: bool
) -> None:
    """`make chaos` and every part of the tests see few of them."""
    monkeypatch.chdir(project_root)
    config = pytest.Config.fromdictargs({}, ["-m", published_events.EVERY_TEST, *arguments])
    assert published_events._is_whole(config) is whole


def test_the_schemas_are_served(app: Any) -> None:
    served = app.test_client().get("/api/v1/events/schemas").json
    by_type = {item["type"]: item for item in served["events"]}
    assert len(by_type) == len(catalogue.events())
    assert by_type["ehr.vital.created"]["planned"] and by_type["ehr.vital.created"]["priority"] == "HIGH"
    assert by_type["ehr.vital.critical"]["priority"] == "CRITICAL"
    assert {"isCritical", "normalLow", "normalHigh"} <= set(by_type["ehr.vital.created"]["payload"]["properties"])
    assert not by_type["patient.registered"]["planned"]
    assert "eventId" in served["envelope"]["properties"]


def test_a_real_payload_meets_its_served_schema(app: Any, client_as: Any, clinic: Any, in_clinic: Any) -> None:
    from jsonschema import Draft202012Validator
    from sqlalchemy import select

    from app.core.tenant import db
    from app.core.transaction import unit_of_work
    from app.events.models import EventRecord
    from tests.factories.people import make_patient

    with unit_of_work():
        make_patient()
    record = db.session.scalars(select(EventRecord).where(EventRecord.type == "patient.registered")).one()
    schema = catalogue.payload_schema(next(item for item in catalogue.events() if item.type == record.type))
    Draft202012Validator(schema).validate(record.payload)
