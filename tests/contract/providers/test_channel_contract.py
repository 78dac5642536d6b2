"""What every message channel promises, over real HTTP and SMTP against the provider sandbox."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from app.core.providers import BadSignature, Outcome
from app.messaging.channels.base import Attachment, Channel, DeliveryStatus, OutgoingMessage, RecipientFact
from tests.contract.providers.rigs import CARRIED_OUT, HASTY, RIGS, every_channel, failure_of, opened
from tests.sandbox_server import RunningSandbox
from tests.scripted_server import Server, answer
from tests.waiting import wait_until

NOWHERE = "http://127.0.0.1:9/receipts?clinicId=1"
PDF_BYTES = b"%PDF-1.7 contract"


@pytest.fixture
def pdf(clinic: Server) -> Attachment:
    """A file that also lies at an address, as some channels want it."""
    headers = {"Content_Type": "application/pdf", "Content_Disposition": 'attachment; filename="Invoice-7.pdf"'}
    clinic.will(answer(200, PDF_BYTES, **headers))
    return Attachment("Invoice-7.pdf", "application/pdf", PDF_BYTES, url=f"{clinic.url}/file")


def message_for(adapter: type[Channel[Any]], **changes: Any) -> OutgoingMessage:
    values = {
        "delivery_id": "0198c1f0-0000-7000-8000-000000000001",
        "to": RIGS[adapter.code].recipient,
        "subject": "Your visit",
        "text": "Your visit is confirmed. ₹500 नमस्ते",
        "sender": "Sunrise Clinic",
        "receipt_url": NOWHERE,
    }
    return OutgoingMessage(**{**values, **changes})


@every_channel
def test_a_message_arrives_with_its_file_and_can_be_told_by_its_delivery(
    adapter: type[Channel[Any]], sandbox: RunningSandbox, pdf: Attachment
) -> None:
    files = (pdf,) if adapter.capabilities.attachments else ()
    receipt = opened(adapter, sandbox).send(message_for(adapter, attachments=files))
    (arrived,) = sandbox.messages(channel=adapter.channel)
    assert arrived["body"].strip() == "Your visit is confirmed. ₹500 नमस्ते"
    assert "0198c1f0-0000-7000-8000-000000000001" in arrived["reference"]
    assert receipt.provider_message_id in (arrived["id"], arrived["reference"])
    assert [file["filename"] for file in arrived["attachments"]] == [file.name for file in files]
    for file in arrived["attachments"]:
        assert requests.get(file["url"], timeout=60).content == PDF_BYTES


@every_channel
@pytest.mark.parametrize(("fault", "options"), CARRIED_OUT[:3], ids=lambda value: str(value))
def test_a_message_whose_answer_is_lost_is_unknown(
    adapter: type[Channel[Any]], sandbox: RunningSandbox, fault: str, options: dict[str, Any]
) -> None:
    sandbox.fault(RIGS[adapter.code].simulator, fault, **options)
    error = failure_of(lambda: opened(adapter, sandbox, HASTY).send(message_for(adapter)))
    assert error.outcome is Outcome.UNKNOWN
    assert len(sandbox.messages(channel=adapter.channel)) == 1


@every_channel
@pytest.mark.parametrize("fault", ["500", "429"])
def test_a_message_that_was_refused_for_now_is_to_be_sent_again(
    adapter: type[Channel[Any]], sandbox: RunningSandbox, fault: str
) -> None:
    channel = opened(adapter, sandbox)
    sandbox.fault(RIGS[adapter.code].simulator, fault)
    assert failure_of(lambda: channel.send(message_for(adapter))).outcome is Outcome.RETRY
    assert sandbox.messages(channel=adapter.channel) == []
    channel.send(message_for(adapter))
    assert len(sandbox.messages(channel=adapter.channel)) == 1


@every_channel
def test_a_recipient_that_does_not_exist_is_the_recipients_fault(
    adapter: type[Channel[Any]], sandbox: RunningSandbox
) -> None:
    rig = RIGS[adapter.code]
    if not rig.refuses_at_once:
        pytest.skip("this provider takes every address, and tells later")
    sandbox.post("/_control/recipients", {"provider": rig.simulator, "to": rig.bad_recipient, "code": rig.refusal_code})
    error = failure_of(lambda: opened(adapter, sandbox).send(message_for(adapter, to=rig.bad_recipient)))
    assert error.outcome is Outcome.PERMANENT_RECIPIENT
    assert rig.bad_recipient.lstrip("+") not in error.message + str(error)
    assert sandbox.messages(channel=adapter.channel) == []


@every_channel
def test_a_wrong_key_is_the_accounts_fault(adapter: type[Channel[Any]], sandbox: RunningSandbox) -> None:
    rig = RIGS[adapter.code]
    channel = opened(adapter, sandbox, **rig.wrong, **rig.wrong_told(sandbox))
    assert failure_of(lambda: channel.send(message_for(adapter))).outcome is Outcome.PERMANENT_ACCOUNT
    assert sandbox.messages(channel=adapter.channel) == []


@every_channel
def test_its_receipts_verify_and_name_the_delivery(
    adapter: type[Channel[Any]], sandbox: RunningSandbox, clinic: Server
) -> None:
    channel = opened(adapter, sandbox)
    sent = channel.send(message_for(adapter, receipt_url=f"{clinic.url}/hook?clinicId=1"))
    if not adapter.capabilities.receipts:
        with pytest.raises(BadSignature):
            channel.verify_receipt(b"{}", {})
        return
    statuses = RIGS[adapter.code].statuses
    wait_until(lambda: len(clinic.received) >= len(statuses))
    receipts = [
        receipt
        for call in clinic.received
        for receipt in channel.verify_receipt(call.body, call.headers, clinic.url + call.path)
    ]
    assert {receipt.status for receipt in receipts} == set(statuses)
    assert {receipt.provider_message_id for receipt in receipts} == {sent.provider_message_id}
    assert {receipt.reference for receipt in receipts} == {"0198c1f0-0000-7000-8000-000000000001"}
    call = clinic.received[0]
    forged = call.body.replace(b"elivered", b"ejected!").replace(b"elivery", b"efeated") + b"&x=1"
    with pytest.raises(BadSignature):
        channel.verify_receipt(forged, call.headers, clinic.url + call.path)


@every_channel
def test_a_failure_that_is_told_later_has_its_outcome(
    adapter: type[Channel[Any]], sandbox: RunningSandbox, clinic: Server
) -> None:
    if not adapter.capabilities.receipts:
        pytest.skip("this channel tells nothing later")
    rig, channel = RIGS[adapter.code], opened(adapter, sandbox)
    bad = {"provider": rig.simulator, "to": rig.bad_recipient, "code": rig.refusal_code, "at": "status"}
    sandbox.post("/_control/recipients", bad)
    channel.send(message_for(adapter, to=rig.bad_recipient, receipt_url=f"{clinic.url}/hook"))
    wait_until(lambda: len(clinic.received) >= 1)
    call = clinic.received[0]
    (receipt,) = channel.verify_receipt(call.body, call.headers, clinic.url + call.path)
    assert (receipt.status, receipt.outcome) == (DeliveryStatus.FAILED, Outcome.PERMANENT_RECIPIENT)
    assert receipt.error_code == (rig.told_code or str(rig.refusal_code))
    assert receipt.fact in (RecipientFact.BOUNCED, RecipientFact.INVALID)
