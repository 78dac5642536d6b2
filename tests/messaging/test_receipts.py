"""What providers tell: believed when it is signed, stored before it is taken in, right in any order."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import select

from app.core import clock
from app.core.jobs import queue_named, redis_connection
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.events.models import EventRecord
from app.messaging.delivery import deliver
from app.messaging.delivery.calling import call_all
from app.messaging.delivery.claiming import claim_batch
from app.messaging.delivery.recording import record
from app.messaging.models import MessageStatus, NoticeStatus
from app.messaging.notice_jobs import KEPT_FOR, forget_old_notices, sweep_provider_notices
from app.messaging.receipts import PATIENCE
from tests.contract.providers.rigs import RIGS
from tests.messaging.providers_at_sandbox import TELLING, World
from tests.waiting import wait_until

pytest_plugins = ["tests.messaging.world_fixtures"]
SOFT, HARD = 452, 550

every_telling = pytest.mark.parametrize("provider", TELLING)


def bad_address(world: World, provider: str, to: str, code: int) -> None:
    known = {"provider": RIGS[provider].simulator, "to": to, "code": code, "at": "status"}
    world.sandbox.post("/_control/recipients", known)


def refusals(clinic_id: str) -> list[dict[str, Any]]:
    with tenant_scope(clinic_id):
        wanted = select(EventRecord).where(EventRecord.type == "notification.webhook.refused")
        return [row.payload for row in db.session.scalars(wanted)]


# ---- what was sent ----


@every_telling
def test_a_delivery_is_told_and_taken_in(world: World, provider: str) -> None:
    world.open_account(provider)
    message_id = world.send(provider)
    assert world.message(message_id).status == MessageStatus.SENT
    notices = world.take_in(len(RIGS[provider].statuses))
    assert world.message(message_id).status == MessageStatus.DELIVERED
    assert {notice.status for notice in notices} == {NoticeStatus.PROCESSED}
    assert "delivered" in [notice.summary for notice in notices]


@every_telling
def test_receipts_twice_and_backwards_leave_the_same_state(world: World, provider: str) -> None:
    world.open_account(provider)
    world.sandbox.fault(RIGS[provider].simulator, "duplicate", copies=3)
    message_id = world.send(provider)
    count = len(RIGS[provider].statuses)
    world.take_in(count)
    # All copies have arrived when the sandbox has nothing left to deliver.
    wanted = {"delivered"}
    assert {item["status"] for item in settled(world)} == wanted
    assert len(world.notices()) == count
    world.process(lambda notices: list(reversed(notices)))
    assert world.message(message_id).status == MessageStatus.DELIVERED


def settled(world: World) -> list[dict[str, Any]]:
    wait_until(lambda: all(item["status"] != "pending" for item in world.sandbox.webhooks()))
    return world.sandbox.webhooks()


@every_telling
def test_a_delivery_that_is_told_before_it_was_sent_stays(world: World, provider: str) -> None:
    world.open_account(provider)
    message_id = world.send(provider)
    count = len(RIGS[provider].statuses)
    wait_until(lambda: len(world.notices()) >= count)
    world.process(lambda notices: list(reversed(notices)))
    assert world.message(message_id).status == MessageStatus.DELIVERED
    assert {notice.status for notice in world.notices()} == {NoticeStatus.PROCESSED}


@every_telling
def test_a_failure_that_is_told_later_fails_the_message_and_the_address(world: World, provider: str) -> None:
    world.open_account(provider)
    rig = RIGS[provider]
    bad_address(world, provider, rig.bad_recipient, rig.refusal_code)
    message_id = world.send(provider, rig.bad_recipient)
    world.take_in(1)
    row = world.message(message_id)
    assert row.status == MessageStatus.FAILED
    assert "not delivered" in row.reason
    reason = world.suppressed(row.channel, rig.bad_recipient)
    assert reason == ("BOUNCED" if row.channel == "email" else "INVALID")
    again = world.queue(provider, rig.bad_recipient)
    deliver({world.clinic_id: [again]})
    assert world.message(again).status == MessageStatus.SUPPRESSED


@pytest.mark.parametrize(("provider", "event"), [("zeptomail", "feedback_loop"), ("ses", "Complaint")])
def test_a_complaint_suppresses_the_address_and_leaves_the_message(world: World, provider: str, event: str) -> None:
    world.open_account(provider)
    message_id = world.send(provider)
    count = len(RIGS[provider].statuses)
    world.take_in(count)
    sent = world.message(message_id)
    world.sandbox.post("/_control/receipts", {"messageId": sent.provider_message_id, "event": event})
    world.take_in(count + 1)
    assert world.message(message_id).status == MessageStatus.DELIVERED
    assert world.suppressed("email", RIGS[provider].recipient) == "COMPLAINED"


@pytest.mark.parametrize("provider", ["zeptomail", "ses"])
def test_a_full_mailbox_rests_after_five_failures_in_a_row(world: World, provider: str) -> None:
    world.open_account(provider)
    address = "full-for-now@example.org"
    bad_address(world, provider, address, SOFT)
    for number in range(1, 6):
        assert world.suppressed("email", address) is None
        world.send(provider, address)
        world.take_in(number)
    assert world.suppressed("email", address) == "UNREACHABLE"
    with clock.travel(timedelta(days=8)):
        assert world.suppressed("email", address) is None


def test_a_receipt_waits_while_its_message_is_only_being_sent(world: World) -> None:
    account = world.open_account("zeptomail")
    message_id = world.queue("zeptomail")
    with tenant_scope(world.clinic_id), unit_of_work():
        (claim,) = claim_batch([message_id])
    assert claim.account.id == account
    answers = call_all([claim])
    (notice,) = world.take_in(1)
    assert (notice.status, notice.error) == (NoticeStatus.WAITING, "its message is only being sent")
    with tenant_scope(world.clinic_id), unit_of_work():
        record(answers)
    assert world.message(message_id).status == MessageStatus.SENT
    world.process()
    assert world.message(message_id).status == MessageStatus.DELIVERED


def test_an_ambiguous_send_is_settled_by_its_receipt(world: World) -> None:
    """No answer came, but the provider did take it: nobody has to send it again."""
    world.open_account("twilio_sms")
    world.sandbox.fault("twilio", "reset")
    message_id = world.send("twilio_sms")
    assert world.message(message_id).status == MessageStatus.PARKED
    world.take_in(2)
    row = world.message(message_id)
    assert row.status == MessageStatus.DELIVERED
    assert row.provider_message_id and row.provider_message_id.startswith("SM")
    assert len(world.sandbox.messages(channel="sms")) == 1


def test_a_retry_is_not_made_when_a_receipt_says_that_it_went_out(world: World) -> None:
    world.open_account("zeptomail")
    world.sandbox.fault("zeptomail", "500", before=False)
    message_id = world.send("zeptomail")
    assert world.message(message_id).status == MessageStatus.QUEUED
    world.take_in(1)
    assert world.message(message_id).status == MessageStatus.DELIVERED
    with clock.travel(timedelta(minutes=5)):
        deliver({world.clinic_id: [message_id]})
    assert len(world.sandbox.messages(channel="email")) == 1


# ---- what is not believed ----


@every_telling
def test_a_forged_receipt_is_refused_told_and_not_stored(world: World, provider: str) -> None:
    world.open_account(provider)
    message_id = world.send(provider)
    world.take_in(len(RIGS[provider].statuses))
    stored = len(world.notices())
    hook = world.hook(provider, world.clinic_id)
    body = {"event_name": ["hardbounce"], "entry": [], "Type": "Notification"}
    answer = requests.post(hook, json=body, headers={"X-Twilio-Signature": "x"}, timeout=60)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "BAD_SIGNATURE"
    assert world.message(message_id).status == MessageStatus.DELIVERED
    assert len(world.notices()) == stored
    (told,) = refusals(world.clinic_id)
    assert (told["provider"], told["count"]) == (provider, 1)


def test_a_receipt_about_nothing_of_ours_waits_and_is_then_let_go(world: World) -> None:
    world.open_account("zeptomail")
    message_id = world.send("zeptomail")
    world.take_in(1)
    body = {"event_name": ["hardbounce"], "event_message": [{"request_id": "nobody's", "email_info": {}}]}
    there = {"provider": "zeptomail", "account": "contract", "event": "hardbounce", "body": body}
    world.sandbox.post("/_control/webhooks", there)
    waiting = world.take_in(2)[-1]
    assert (waiting.status, waiting.error) == (NoticeStatus.WAITING, "no message of ours is known for it")
    for _ in PATIENCE:
        world.process()
    assert world.notices()[-1].status == NoticeStatus.IGNORED
    assert world.message(message_id).status == MessageStatus.DELIVERED


def test_an_account_speaks_only_of_what_it_was_asked_to_send(world: World) -> None:
    world.open_account("zeptomail")
    message_id = world.send("zeptomail")
    world.take_in(1)
    other = {"mailAgent": "other", "token": "other-token", "webhookKey": "other-hook"}
    world.open_account("zeptomail", there=other, token="other-token", webhook_key="other-hook")
    about = {"request_id": "", "email_info": {"client_reference": message_id}}
    there = {"provider": "zeptomail", "account": "other", "event": "hardbounce"}
    world.sandbox.post("/_control/webhooks", {**there, "body": {"event_name": "hardbounce", "event_message": about}})
    notice = world.take_in(2)[-1]
    assert notice.status == NoticeStatus.WAITING
    assert world.message(message_id).status == MessageStatus.DELIVERED
    assert world.suppressed("email", RIGS["zeptomail"].recipient) is None


@pytest.mark.parametrize(
    "query", ["", "?clinicId=", "?clinicId=nobody", "?clinicId=0198c1f0-0000-7000-8000-00000000dead"]
)
def test_an_address_without_an_account_is_not_found(world: World, query: str) -> None:
    answer = requests.post(f"{world.address}/api/messaging/zeptomail/webhook{query}", json={}, timeout=60)
    assert answer.status_code == 404


# ---- people, handshakes, global accounts ----


@pytest.mark.parametrize(("provider", "channel"), [("twilio_sms", "sms"), ("twilio_whatsapp", "whatsapp")])
def test_stop_and_start_are_heeded(world: World, provider: str, channel: str) -> None:
    world.open_account(provider)
    person = RIGS[provider].recipient
    there = {
        "provider": "twilio",
        "accountSid": RIGS[provider].account["accountSid"],
        "channel": channel,
        "from": person,
    }
    world.sandbox.post("/_control/inbound", {**there, "text": "When is my visit?"})
    world.take_in(1)
    assert world.suppressed(channel, person) is None
    world.sandbox.post("/_control/inbound", {**there, "text": " Stop. "})
    assert world.take_in(2)[-1].summary == "opted_out"
    assert world.suppressed(channel, person) == "OPTED_OUT"
    world.sandbox.post("/_control/inbound", {**there, "text": "START"})
    world.take_in(3)
    assert world.suppressed(channel, person) is None


def test_stop_on_whatsapp_is_heeded(world: World) -> None:
    world.open_account("whatsapp_cloud")
    person = RIGS["whatsapp_cloud"].recipient
    number = RIGS["whatsapp_cloud"].account["phoneNumberId"]
    world.sandbox.post("/_control/inbound", {"phoneNumberId": number, "from": person, "text": "STOP"})
    world.take_in(1)
    assert world.suppressed("whatsapp", person) == "OPTED_OUT"


def test_twilio_is_answered_in_its_own_words(world: World) -> None:
    world.open_account("twilio_sms")
    world.send("twilio_sms")
    world.take_in(2)
    assert [item["answer"] for item in settled(world)] == [200, 200]


def test_a_topic_is_subscribed_to_when_it_asks(world: World) -> None:
    world.open_account("ses")
    account = RIGS["ses"].account["accessKeyId"]
    world.sandbox.post("/_control/webhooks/verify", {"provider": "ses", "account": account})
    (notice,) = world.take_in(1)
    assert (notice.status, notice.summary) == (NoticeStatus.PROCESSED, "confirmed")
    assert world.sandbox.call_counts("ses")["confirm_subscription"] == 1


def test_a_topic_of_a_global_account_is_subscribed_to_at_once(world: World) -> None:
    world.open_account("ses", shared=True)
    account = RIGS["ses"].account["accessKeyId"]
    world.sandbox.post("/_control/webhooks/verify", {"provider": "ses", "account": account})
    assert [item["answer"] for item in settled(world)] == [200]
    assert world.sandbox.call_counts("ses")["confirm_subscription"] == 1
    assert world.notices() == []


def test_zeptomails_console_gets_its_200(world: World) -> None:
    world.open_account("zeptomail")
    there = {"provider": "zeptomail", "account": "contract"}
    assert world.sandbox.post("/_control/webhooks/verify", there) == {"verified": True, "status": 200, "error": None}
    assert world.notices() == []


@every_telling
def test_a_global_account_tells_the_clinic_whose_message_it_was(world: World, other_clinic: Any, provider: str) -> None:
    world.open_account(provider, shared=True)
    message_id = world.send(provider)
    if provider.startswith("twilio"):  # the address goes along with each message there, and names the clinic
        assert f"clinicId={world.clinic_id}" in world.sandbox.messages()[0]["reference"]
    world.take_in(len(RIGS[provider].statuses))
    assert world.message(message_id).status == MessageStatus.DELIVERED
    assert World(other_clinic.id, world.sandbox, "").notices() == []


# ---- machinery ----


def test_a_lost_wake_up_is_made_up_for(world: World) -> None:
    world.open_account("zeptomail")
    world.send("zeptomail")
    wait_until(lambda: len(world.notices()) == 1)
    redis_connection().flushdb()
    with clock.travel(timedelta(minutes=1)):
        assert sweep_provider_notices() >= 1
    jobs = [job for job in queue_named("notification").jobs if job.func_name.endswith("process_provider_notice")]
    assert (world.clinic_id, world.notices()[0].id) in [job.args for job in jobs]


def test_what_a_notice_says_of_persons_is_forgotten_after_a_month(world: World) -> None:
    world.open_account("zeptomail")
    world.send("zeptomail")
    world.take_in(1)
    assert forget_old_notices() == 0
    with clock.travel(KEPT_FOR + timedelta(days=1)):
        assert forget_old_notices() >= 1
        assert forget_old_notices() == 0
    (notice,) = world.notices()
    assert (notice.raw, notice.headers, notice.summary) == (b"", {}, "delivered")
