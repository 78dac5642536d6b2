"""What a person was told in the console is there when they look, and theirs alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from app.core.tenant import all_tenants, db, tenant_scope
from app.core.transaction import unit_of_work
from app.messaging.delivery import send
from app.messaging.models import Channel, Message, MessageStatus
from app.messaging.services import queue_message

VARIABLES = {"endpoint": "Laboratory", "why": "It answered 410."}
PAGE, UNREAD = "/notifications/", "/notifications/unread"
Tell = Callable[..., str]


@pytest.fixture
def tell(clinic: Any) -> Tell:
    def told(user_id: str, key: str, template: str = "webhook_endpoint_off", sent: bool = True) -> str:
        with tenant_scope(clinic.id), unit_of_work():
            message = queue_message(
                Channel.IN_APP, user_id, template, VARIABLES, dedupe_key=f"{key}:{user_id}", user_id=user_id
            )
            message_id = str(message.id)
        if sent:
            send(clinic.id, message_id)
        return message_id

    return told


def test_the_bell_counts_what_is_new_and_the_page_tells_it(clinic: Any, visitor: Any, tell: Tell) -> None:
    admin, nurse = visitor("CLINIC_ADMIN"), visitor("NURSE")
    first, _second = tell(admin.user.id, "one"), tell(admin.user.id, "two")
    tell(admin.user.id, "waits", sent=False)  # not told yet
    assert admin.get(UNREAD).json == {"unread": 2, "most": 100}
    assert nurse.get(UNREAD).json["unread"] == 0
    page = admin.get(PAGE).text
    assert page.count("It answered 410.") == 2 and page.count(">New<") == 2
    assert "Nothing here yet" in nurse.get(PAGE).text
    assert admin.post(f"{PAGE}{first}/read").status_code == 302
    assert admin.get(UNREAD).json["unread"] == 1
    assert admin.get(PAGE).text.count(">New<") == 1
    assert admin.post(f"{PAGE}read").status_code == 302
    assert admin.get(UNREAD).json["unread"] == 0
    with tenant_scope(clinic.id):
        assert db.session.get_one(Message, first).status == MessageStatus.READ


def test_nobody_reads_or_settles_what_others_were_told(
    clinic: Any, other_clinic: Any, visitor: Any, tell: Tell
) -> None:
    admin, nurse = visitor("CLINIC_ADMIN"), visitor("NURSE")
    message_id = tell(admin.user.id, "one")
    assert nurse.post(f"{PAGE}{message_id}/read").status_code == 404
    assert nurse.post(f"{PAGE}read").status_code == 302
    assert visitor("CLINIC_ADMIN", clinic_id=other_clinic.id).post(f"{PAGE}{message_id}/read").status_code == 404
    assert admin.get(UNREAD).json["unread"] == 1
    assert visitor("SYSTEM_AUDITOR").post(f"{PAGE}read").status_code == 403


def test_the_api_tells_the_same(clinic: Any, client_as: Any, tell: Tell) -> None:
    admin = client_as("CLINIC_ADMIN")
    message_id = tell(admin.user.id, "one")
    tell(admin.user.id, "waits", sent=False)
    (shown,) = admin.get("/api/v1/notifications").json["items"]
    assert (shown["id"], shown["readAt"]) == (message_id, None)
    assert admin.post(f"/api/v1/notifications/{message_id}/read").json["readAt"]


def test_one_persons_messages_are_found_by_an_index(clinic: Any, tell: Tell) -> None:
    with all_tenants(), unit_of_work():
        db.session.execute(text("set local enable_seqscan = off"))
        plan = db.session.execute(
            text(
                "explain select id from message where clinic_id = :clinic and recipient = 'x' and channel = 'in_app' "
                "and read_at is null limit 100"
            ),
            {"clinic": clinic.id},
        ).scalars()
        assert any("ix_message_in_app" in line for line in plan)
