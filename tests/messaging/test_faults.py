"""A batch holds messages of many clinics: what goes wrong with one message or one answer stays with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from app.core import clock
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.messaging import jobs
from app.messaging.channels import CHANNELS
from app.messaging.delivery import claiming, deliver
from app.messaging.delivery.faults import FAULT, PAUSE
from app.messaging.models import Message, MessageAttempt, MessageStatus
from app.messaging.services import queue_message
from app.tenancy.models import ProviderAccount
from app.tenancy.providers import save_account
from tests.factories.access import make_clinic
from tests.messaging.conftest import MAIL, PHONE, VARIABLES, add_mail
from tests.scripted_server import Server, answer, scripted_server

Stood = tuple[str, str, int]


@pytest.fixture
def neighbour(clinic: Any, outside: Any) -> tuple[str, str]:
    """Another clinic with a mail of its own that is due; the ids of both. Both clinics can send mail."""
    outside.post("/_control/reset")
    clinic_id = make_clinic(name="Next door").id
    for either in (clinic.id, clinic_id):
        with tenant_scope(either), unit_of_work():
            add_mail(outside)
    with tenant_scope(clinic_id), unit_of_work():
        mail = queue_message("email", MAIL, "invoice_paid", VARIABLES, dedupe_key="theirs")
        return clinic_id, mail.id


def stands(clinic_id: str, message_id: str) -> Stood:
    with tenant_scope(clinic_id), unit_of_work():
        row = db.session.get_one(Message, message_id, populate_existing=True)
        return row.status, row.reason, row.attempts


@pytest.fixture
def spoil(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`spoil(message_id, error)`: nobody can make it ready to leave."""

    def set_up(message_id: str, error: Exception) -> None:
        usual = claiming.still_right

        def ask(message: Message) -> bool:
            if message.id == message_id:
                raise error
            return usual(message)

        monkeypatch.setattr(claiming, "still_right", ask)

    return set_up


def test_one_that_cannot_be_made_ready_holds_up_nobody_and_waits_for_a_person_in_the_end(
    clinic: Any, neighbour: tuple[str, str], queued: Any, spoil: Any
) -> None:
    bad, good, others = queued(key="bad"), queued(key="good"), neighbour
    spoil(bad, NameError("inf"))
    deliver({clinic.id: [bad, good], others[0]: [others[1]]})
    assert stands(clinic.id, good)[0] == stands(*others)[0] == MessageStatus.SENT
    assert stands(clinic.id, bad) == (MessageStatus.QUEUED, FAULT, 1)
    deliver({clinic.id: [bad]})
    assert stands(clinic.id, bad)[2] == 1, "it waits"
    for tries, status in ((2, MessageStatus.QUEUED), (3, MessageStatus.FAILED)):
        with clock.travel(PAUSE * tries):
            deliver({clinic.id: [bad]})
        assert stands(clinic.id, bad) == (status, FAULT, tries)


def test_a_database_that_fails_is_no_fault_of_the_message(
    clinic: Any, neighbour: tuple[str, str], queued: Any, spoil: Any
) -> None:
    bad, others = queued(), neighbour
    spoil(bad, OperationalError("select", {}, Exception("deadlock detected")))
    deliver({others[0]: [others[1]], clinic.id: [bad]})
    assert stands(*others)[0] == MessageStatus.SENT
    assert stands(clinic.id, bad) == (MessageStatus.QUEUED, "", 0)


def test_a_digest_that_cannot_be_made_holds_up_no_other(
    clinic: Any, reachable: Any, queued: Any, rules: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules(digest_at="18:00")
    people = ("a@example.com", "b@example.com", "c@example.com")
    for person in people:
        queued(to=person, key=person, priority="LOW")
    with tenant_scope(clinic.id):
        ids = db.session.scalars(select(Message.id)).all()
    deliver({clinic.id: ids})
    usual, asked = jobs.gather, []

    def gather(recipient: str) -> Any:
        asked.append(recipient)
        if len(asked) == 1:
            raise NameError("inf")
        return usual(recipient)

    monkeypatch.setattr(jobs, "gather", gather)
    with clock.travel(timedelta(days=1)):
        assert jobs.gather_digests() == 2
    assert sorted(asked) == sorted(people)


# ---- what providers say ----


def whatsapp_at(server: Server) -> str:
    """The clinic's account at a provider of its own making."""
    credentials = {"phone_number_id": "1001", "access_token": "token-1", "app_secret": "s", "verify_token": "v"}
    row = ProviderAccount(channel="whatsapp", provider="whatsapp_cloud")
    port = server.server_address[1]
    return save_account(row, CHANNELS, credentials=credentials, base_url=f"http://127.0.0.1:{port}").id


@pytest.mark.parametrize("told", ["x" * 5000, "wamid.\x00\ud800A"])
def test_an_id_that_cannot_be_stored_does_not_undo_that_it_was_sent(
    clinic: Any, neighbour: tuple[str, str], queued: Any, told: str
) -> None:
    """Else it, and whatever else was sent beside it, would look as if nobody knew."""
    others = neighbour
    with scripted_server() as server:
        server.will(answer(200, {"messages": [{"id": told, "message_status": "accepted"}]}))
        with tenant_scope(clinic.id), unit_of_work():
            whatsapp_at(server)
        odd = queued("whatsapp", PHONE)
        deliver({clinic.id: [odd], others[0]: [others[1]]})
    assert stands(clinic.id, odd)[0] == stands(*others)[0] == MessageStatus.SENT
    with tenant_scope(clinic.id):
        kept = db.session.scalars(select(MessageAttempt.provider_message_id)).one()
    assert kept == told.replace("\x00", "").replace("\ud800", "")[:200]


def test_a_refusal_that_cannot_be_stored_is_still_a_refusal(
    clinic: Any, neighbour: tuple[str, str], queued: Any
) -> None:
    others = neighbour
    said = {"error": {"code": 131026, "message": "no\x00body\ud800 there", "type": "OAuthException"}}
    with scripted_server() as server:
        server.will(answer(400, said))
        with tenant_scope(clinic.id), unit_of_work():
            whatsapp_at(server)
        odd = queued("whatsapp", PHONE)
        deliver({clinic.id: [odd], others[0]: [others[1]]})
    status, reason, _attempts = stands(clinic.id, odd)
    assert (status, stands(*others)[0]) == (MessageStatus.FAILED, MessageStatus.SENT)
    assert "nobody there" in reason


def test_an_end_that_cannot_be_written_down_leaves_the_others_theirs(
    clinic: Any, neighbour: tuple[str, str], queued: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.messaging.delivery import recording

    bad, good, others = queued(key="bad"), queued(key="good"), neighbour
    usual = recording._record_one

    def record_one(message: Message, *rest: Any) -> Any:
        if message.id == bad:
            raise NameError("inf")
        return usual(message, *rest)

    monkeypatch.setattr(recording, "_record_one", record_one)
    deliver({clinic.id: [bad, good], others[0]: [others[1]]})
    assert stands(clinic.id, good)[0] == stands(*others)[0] == MessageStatus.SENT
    assert stands(clinic.id, bad)[0] == MessageStatus.SENDING, "parked when its time is over"
