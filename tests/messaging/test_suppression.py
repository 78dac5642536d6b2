"""Addresses that nothing is sent to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from app.core import clock
from app.core.errors import Conflict
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.messaging.models import SuppressedAddress, SuppressionReason
from app.messaging.suppression import (
    allow_again,
    clear_suppression,
    find_suppression,
    is_suppressed,
    note_reached,
    note_unreachable,
    suppress,
    suppressed_among,
)

PHONE = "+919876543210"


def test_an_address_is_found_however_it_is_written(in_clinic: Any) -> None:
    suppress("email", "Meera@Example.COM", SuppressionReason.BOUNCED, source="smtp:550")
    suppress("sms", "+91 98765 43210", SuppressionReason.OPTED_OUT)
    assert is_suppressed("email", "meera@example.com")
    assert is_suppressed("sms", PHONE)
    assert not is_suppressed("whatsapp", PHONE)
    assert suppressed_among("email", ["meera@example.com", "asha@example.com"]) == {"meera@example.com": "BOUNCED"}


def test_the_address_itself_is_not_kept(in_clinic: Any) -> None:
    suppress("email", "meera@example.com", SuppressionReason.BOUNCED)
    suppress("sms", PHONE, SuppressionReason.INVALID)
    kept = str(db.session.execute(text("select * from suppressed_address")).all())
    assert "meera" not in kept
    assert PHONE not in kept
    assert "m•••@example.com" in kept
    assert "+9198••••10" in kept


def test_another_clinic_writes_to_it(clinic: Any, other_clinic: Any) -> None:
    with tenant_scope(clinic.id), unit_of_work():
        suppress("email", "meera@example.com", SuppressionReason.COMPLAINED)
    with tenant_scope(other_clinic.id):
        assert not is_suppressed("email", "meera@example.com")


def test_it_ends_with_its_time_or_by_a_person(in_clinic: Any) -> None:
    row = suppress("email", "meera@example.com", SuppressionReason.BOUNCED, until=clock.now() + timedelta(days=1))
    with clock.travel(timedelta(days=2)):
        assert not is_suppressed("email", "meera@example.com")
    clear_suppression(row)
    assert not is_suppressed("email", "meera@example.com")
    with pytest.raises(Conflict):
        clear_suppression(row)
    suppress("email", "meera@example.com", SuppressionReason.MANUAL)
    assert is_suppressed("email", "meera@example.com")
    assert len(db.session.scalars(select(SuppressedAddress)).all()) == 1


def test_start_ends_what_stop_began(in_clinic: Any) -> None:
    suppress("sms", PHONE, SuppressionReason.OPTED_OUT, source="twilio:STOP")
    assert allow_again("sms", PHONE)
    assert not allow_again("sms", PHONE)
    assert not is_suppressed("sms", PHONE)


def test_five_soft_bounces_in_a_row_rest_a_mailbox_for_a_week(in_clinic: Any) -> None:
    assert [note_unreachable("email", "full@example.com") for _ in range(4)] == [False] * 4
    note_reached("email", "full@example.com")
    assert [note_unreachable("email", "full@example.com") for _ in range(5)] == [False] * 4 + [True]
    found = find_suppression("email", "full@example.com")
    assert found is not None
    assert found.reason == SuppressionReason.UNREACHABLE
    assert is_suppressed("email", "full@example.com")
    with clock.travel(timedelta(days=8)):
        assert not is_suppressed("email", "full@example.com")


def test_an_admin_suppresses_and_clears_on_the_screen(clinic: Any, console_as: Any) -> None:
    admin = console_as("CLINIC_ADMIN")
    answer = admin.post("/suppressedaddressview/add", data={"channel": "email", "address": "meera@example.com"})
    assert answer.status_code == 302
    listed = admin.get("/suppressedaddressview/list/").text
    assert "m•••@example.com" in listed
    with tenant_scope(clinic.id):
        row_id = db.session.scalars(select(SuppressedAddress.id)).one()
        assert is_suppressed("email", "meera@example.com")
    assert admin.post(f"/suppressedaddressview/action/clear/{row_id}").status_code == 302
    with tenant_scope(clinic.id):
        assert not is_suppressed("email", "meera@example.com")
        actions = db.session.execute(text("select action from audit_entry where entity = 'suppressed_address'")).all()
    assert len(actions) == 2


@pytest.mark.parametrize("typed", ["98765 43210", "098765-43210", "+91 98765 43210", "९८७६५४३२१०"])
def test_a_number_is_suppressed_however_an_admin_types_it(clinic: Any, console_as: Any, typed: str) -> None:
    """Else the list would show it, and messages would go on."""
    form = {"channel": "sms", "address": typed}
    assert console_as("CLINIC_ADMIN").post("/suppressedaddressview/add", data=form).status_code == 302
    with tenant_scope(clinic.id):
        assert is_suppressed("sms", PHONE)


@pytest.mark.parametrize(
    ("channel", "typed", "why"),
    [
        ("email", "meera", "This is not an e-mail address."),
        ("whatsapp", "12345", "This is not a telephone number that can be dialled."),
        ("sms", "meera@example.com", "This is not a telephone number that can be dialled."),
    ],
)
def test_what_nobody_is_written_to_cannot_be_suppressed(
    clinic: Any, console_as: Any, channel: str, typed: str, why: str
) -> None:
    answer = console_as("CLINIC_ADMIN").post("/suppressedaddressview/add", data={"channel": channel, "address": typed})
    assert why in answer.text
    with tenant_scope(clinic.id):
        assert db.session.scalars(select(SuppressedAddress.id)).all() == []


def test_who_may_only_read_the_outbox_sees_no_suppressions(console_as: Any) -> None:
    assert console_as("RECEPTIONIST").get("/suppressedaddressview/list/").status_code == 403
