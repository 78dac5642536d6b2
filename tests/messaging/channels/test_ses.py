"""SES through boto3: what is sent, what refusals mean, which notices of a topic count."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from app.core import clock
from app.core.credentials import InvalidCredentials
from app.core.providers import BadSignature, ConnectionResult, Outcome, ProviderError
from app.messaging.channels.aws_client import AwsCredentials
from app.messaging.channels.aws_probe import signed_headers
from app.messaging.channels.base import Attachment, DeliveryStatus, OutgoingMessage, RecipientFact, Webhook
from app.messaging.channels.ses import Ses
from app.messaging.channels.sns_envelope import SHELF, Envelope, Trust
from app.sandbox.simulators.aws.notices import Identity, _make
from tests.sandbox_server import running_sandbox
from tests.scripted_server import PATIENCE, Behaviour, Server, answer, scripted_server

TOPIC = "arn:aws:sns:us-east-1:123456789012:ses-events"
KEY = {"access_key_id": "AKIATEST000000000001", "secret_access_key": "a-secret-key", "region": "us-east-1"}
ACCOUNT = {**KEY, "from_address": "desk@sunrise.test", "configuration_set": "console", "topic_arn": TOPIC}
MESSAGE = OutgoingMessage(
    delivery_id="0198c1f0-0000-7000-8000-000000000001", to="meera@example.org", subject="Your\r\nvisit", text="Hello",
    html="<p>Hello</p>", sender='Sunrise "Clinic"', attachments=(Attachment("I.pdf", "application/pdf", b"%PDF"),),
)  # fmt: skip


@pytest.fixture
def server() -> Iterator[Server]:
    with scripted_server() as running:
        yield running


def channel(url: str | None = None, **values: Any) -> Ses:
    return Ses.open({**ACCOUNT, **values}, base_url=url, timeouts=PATIENCE)


def refusal(status: int, name: str, text: str = "No.") -> Behaviour:
    return answer(status, {"message": text}, x_amzn_ErrorType=name, Content_Type="application/json")


def failure_of(call: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        call()
    return caught.value


def test_a_mail_carries_everything_and_our_delivery(server: Server) -> None:
    server.will(answer(200, {"MessageId": "m-1"}, Content_Type="application/json"))
    assert channel(server.url).send(MESSAGE).provider_message_id == "m-1"
    sent = server.received[0]
    assert sent.path == "/v2/email/outbound-emails"
    assert sent.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIATEST000000000001/")
    body = sent.json()
    simple = body["Content"]["Simple"]
    assert body["FromEmailAddress"] == '"Sunrise Clinic" <desk@sunrise.test>'
    assert body["Destination"] == {"ToAddresses": ["meera@example.org"]}
    assert simple["Subject"]["Data"] == "Your visit"
    assert (simple["Body"]["Text"]["Data"], simple["Body"]["Html"]["Data"]) == ("Hello", "<p>Hello</p>")
    assert simple["Attachments"][0]["RawContent"] == b64encode(b"%PDF").decode()
    assert body["EmailTags"] == [{"Name": "delivery", "Value": MESSAGE.delivery_id}]
    assert body["ConfigurationSetName"] == "console"


def test_one_call_is_one_request(server: Server) -> None:
    server.will(refusal(500, "InternalServiceErrorException"))
    assert failure_of(lambda: channel(server.url).send(MESSAGE)).outcome is Outcome.RETRY
    assert len(server.received) == 1


@pytest.mark.parametrize(
    ("status", "name", "text", "outcome"),
    [
        (429, "TooManyRequestsException", "Maximum sending rate exceeded.", Outcome.RETRY),
        (429, "TooManyRequestsException", "Daily message quota exceeded.", Outcome.RETRY_LATER),
        (400, "LimitExceededException", "No.", Outcome.RETRY_LATER),
        (400, "AccountSuspendedException", "No.", Outcome.PERMANENT_ACCOUNT),
        (400, "SendingPausedException", "No.", Outcome.PERMANENT_ACCOUNT),
        (400, "MailFromDomainNotVerifiedException", "No.", Outcome.PERMANENT_ACCOUNT),
        (400, "MessageRejected", "Email address is not verified.", Outcome.PERMANENT_ACCOUNT),
        (400, "MessageRejected", "Content looks odd.", Outcome.PERMANENT_MESSAGE),
        (404, "NotFoundException", "No configuration set.", Outcome.PERMANENT_ACCOUNT),
        (400, "BadRequestException", "No.", Outcome.PERMANENT_MESSAGE),
        (403, "SignatureDoesNotMatch", "No.", Outcome.PERMANENT_ACCOUNT),
        (503, "ServiceUnavailable", "No.", Outcome.RETRY),
        (504, "", "No.", Outcome.UNKNOWN),
    ],
)
def test_refusals_mean_what_the_vendor_says(
    server: Server, status: int, name: str, text: str, outcome: Outcome
) -> None:
    server.will(refusal(status, name, text))
    assert failure_of(lambda: channel(server.url).send(MESSAGE)).outcome is outcome


def test_the_machines_own_settings_count_for_nothing(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("AWS_PROFILE", "nobody"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("AWS_MAX_ATTEMPTS", "5"),
        ("AWS_ACCESS_KEY_ID", "AKIAOTHER00000000001"),
    ):
        monkeypatch.setenv(name, value)
    server.will(refusal(500, "InternalServiceErrorException"))
    failure_of(lambda: channel(server.url, access_key_id="AKIATEST000000000002").send(MESSAGE))
    (sent,) = server.received
    assert "Credential=AKIATEST000000000002/" in sent.headers["authorization"]


def test_a_paused_account_is_told_by_the_connection_test(server: Server) -> None:
    server.will(answer(200, {"SendingEnabled": False}, Content_Type="application/json"))
    assert channel(server.url).test_connection().result is ConnectionResult.WRONG_CREDENTIALS
    server.will(answer(200, {"SendingEnabled": True}, Content_Type="application/json"))
    assert channel(server.url).test_connection().detail == "The account is in the sandbox of SES."


@pytest.mark.parametrize(
    ("method", "url", "body"),
    [
        ("GET", "https://email.ap-south-1.amazonaws.com/v2/email/account", b""),
        ("POST", "http://127.0.0.1:8001/sns", b"Action=GetPlatformApplicationAttributes&Version=2010-03-31"),
        ("POST", "https://sns.us-east-1.amazonaws.com/", b"a=%20"),
    ],
)
def test_our_own_signature_is_botocores(method: str, url: str, body: bytes) -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    request = AWSRequest(method, url, data=body)
    request.context["timestamp"] = "20260102T030405Z"
    signer = SigV4Auth(Credentials(KEY["access_key_id"], KEY["secret_access_key"]), "ses", "us-east-1")
    request.headers["X-Amz-Date"] = "20260102T030405Z"
    theirs = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    ours = signed_headers(AwsCredentials.load(KEY), "ses", method, url, body, now)["Authorization"]
    assert ours.endswith(f"Signature={theirs}")


def test_the_connection_test_needs_no_boto3() -> None:
    """Web processes have little memory to spare."""
    code = (
        "import sys; from app.messaging.channels import CHANNELS; from tests.contract.providers.rigs import *\n"
        "from tests.sandbox_server import running_sandbox\n"
        "with running_sandbox() as sandbox:\n"
        "    for adapter in CHANNELS:\n"
        "        rig = RIGS[adapter.code]\n"
        "        sandbox.account(rig.simulator, **rig.account)\n"
        "        assert opened(adapter, sandbox).test_connection().ok, adapter.code\n"
        "print(sorted({'boto3', 'botocore', 'twilio'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip().endswith("[]"), done.stdout + done.stderr


def test_boto3_itself_is_served_by_the_sandbox() -> None:
    with running_sandbox() as sandbox:
        sandbox.account("ses", accessKeyId=KEY["access_key_id"], secretAccessKey=KEY["secret_access_key"])
        client = boto3.client(
            "sesv2", endpoint_url=f"{sandbox.base_url}/ses", region_name="us-east-1",
            aws_access_key_id=KEY["access_key_id"], aws_secret_access_key=KEY["secret_access_key"],
        )  # fmt: skip
        assert client.get_account()["SendingEnabled"] is True
        sent = client.send_email(
            FromEmailAddress="desk@sunrise.test", Destination={"ToAddresses": ["meera@example.org"]},
            Content={"Simple": {"Subject": {"Data": "Hi"}, "Body": {"Text": {"Data": "नमस्ते"}}}},
        )  # fmt: skip
        (arrived,) = sandbox.messages(channel="email")
        assert (arrived["id"], arrived["body"]) == (sent["MessageId"], "नमस्ते")
        sandbox.fault("ses", "429", count=3)
        with pytest.raises(client.exceptions.TooManyRequestsException):
            client.send_email(FromEmailAddress="desk@sunrise.test", Content={}, Destination={})


# ---- the envelope ----

NOTIFICATION = {
    "Type": "Notification",
    "Message": '{"eventType":"Bounce"}\n',
    "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
    "Subject": "Amazon SES Email Event Notification",
    "Timestamp": "2026-01-02T03:04:05.678Z",
    "TopicArn": TOPIC,
}
SUBSCRIPTION = {
    "Type": "SubscriptionConfirmation",
    "Message": "You have chosen to subscribe.",
    "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
    "SubscribeURL": "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription"
    f"&TopicArn={TOPIC}&Token=2336412f37",
    "Token": "2336412f37",
    "Timestamp": "2026-01-02T03:04:05.678Z",
    "TopicArn": TOPIC,
}


def test_the_published_vectors_are_what_is_signed() -> None:
    text = Envelope(NOTIFICATION).signed_text()
    assert len(text) == 231
    assert hashlib.sha256(text).hexdigest() == "134672ce9372f1b54c92ffcebeb5d4cec821ea02e9a9aba1e30e043b887253e6"
    assert hashlib.sha1(text, usedforsecurity=False).hexdigest() == "ddcc12252d3619568f227aea8cf731c7c58641ce"
    bare = Envelope({name: value for name, value in NOTIFICATION.items() if name != "Subject"}).signed_text()
    assert hashlib.sha256(bare).hexdigest() == "7ff2a6e842705b7b087c6ee294ae5fe02744eff7c85c62bf885267bc72e76a15"
    asked = Envelope(SUBSCRIPTION).signed_text()
    assert hashlib.sha256(asked).hexdigest() == "43f079c73cbc73717665607358098fd5b2e87c1beae8afa92547aa3c67ce33bd"


@pytest.fixture(scope="module")
def signer() -> Identity:
    return _make()


@pytest.fixture
def certificates(server: Server, signer: Identity) -> Server:
    """An address that a test's account takes certificates from."""
    SHELF._kept.clear()
    server.will(answer(200, signer.certificate.encode()))
    return server


def trusting(server: Server, signer: Identity, **values: Any) -> Ses:
    host = server.url.removeprefix("http://")
    return channel(certificate_hosts=host, certificate_root=signer.root, **values)


def posted(server: Server, signer: Identity, version: str = "2", **changes: str) -> Webhook:
    """A signed envelope; `changes` are made after it was signed where they begin with an underscore."""
    before = {name: value for name, value in changes.items() if not name.startswith("_")}
    after = {name[1:]: value for name, value in changes.items() if name.startswith("_")}
    now = clock.now().isoformat().replace("+00:00", "Z")
    fields = {**NOTIFICATION, "Timestamp": now, "SigningCertURL": f"{server.url}/sns.pem", **before}
    key = load_pem_private_key(signer.key.encode(), None)
    made = key.sign(Envelope(fields).signed_text(), PKCS1v15(), SHA256() if version == "2" else SHA1())  # type: ignore[union-attr,call-arg]  # noqa: S303
    signed = {**fields, "SignatureVersion": version, "Signature": b64encode(made).decode(), **after}
    return Webhook(json.dumps(signed).encode(), {"Content-Type": "text/plain; charset=UTF-8"})


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_signed_envelope_is_believed_and_its_certificate_fetched_once(
    certificates: Server, signer: Identity, version: str
) -> None:
    for _ in range(2):
        trusting(certificates, signer).check_webhook(posted(certificates, signer, version))
    assert [call.path for call in certificates.received] == ["/sns.pem"]


@pytest.mark.parametrize(
    "changes",
    [
        {"_Message": "{}"},
        {"_Subject": "Another"},
        {"_SignatureVersion": "3"},
        {"_Signature": "AAAA"},
        {"_Signature": "no base64!"},
        {"TopicArn": TOPIC + "-other"},
        {"Timestamp": (clock.now() - timedelta(hours=2)).isoformat()},
        {"Timestamp": (clock.now() + timedelta(hours=1)).isoformat()},
        {"Timestamp": "yesterday"},
        {"_SigningCertURL": "https://sns.us-east-1.amazonaws.com.evil.example/x.pem"},
        {"_SigningCertURL": "https://sns.us-east-1.amazonaws.com/x.pem"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_was_changed_or_is_another_topics_is_refused(
    certificates: Server, signer: Identity, changes: dict[str, str]
) -> None:
    with pytest.raises(BadSignature):
        trusting(certificates, signer).check_webhook(posted(certificates, signer, **changes))


def test_a_certificate_that_hangs_on_another_root_is_refused(certificates: Server, signer: Identity) -> None:
    with pytest.raises(BadSignature):
        trusting(certificates, _make()).check_webhook(posted(certificates, signer))


def test_a_certificate_counts_only_while_it_is_valid(certificates: Server, signer: Identity) -> None:
    with clock.travel(timedelta(days=4000)), pytest.raises(BadSignature):
        trusting(certificates, signer).check_webhook(posted(certificates, signer))


def test_a_certificate_that_cannot_be_fetched_leaves_it_open(certificates: Server, signer: Identity) -> None:
    certificates.will(answer(503))
    with pytest.raises(ProviderError):
        trusting(certificates, signer).check_webhook(posted(certificates, signer))


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://sns.ap-south-1.amazonaws.com/a.pem", True),
        ("https://sns.cn-north-1.amazonaws.com.cn/a.pem", True),
        ("http://sns.ap-south-1.amazonaws.com/a.pem", False),
        ("https://sns.ap-south-1.amazonaws.com:8443/a.pem", False),
        ("https://sns.ap-south-1.amazonaws.com@evil.example/a.pem", False),
        ("https://evil.example/sns.ap-south-1.amazonaws.com/a.pem", False),
        ("https://s3.amazonaws.com/a.pem", False),
    ],
)
def test_only_the_vendors_own_hosts_are_asked(url: str, good: bool) -> None:
    if good:
        Trust().check_host(url)
        return
    with pytest.raises(BadSignature):
        Trust().check_host(url)


def test_a_root_that_is_no_certificate_is_refused() -> None:
    with pytest.raises(InvalidCredentials):
        channel(certificate_root="-----BEGIN CERTIFICATE-----\nnope\n-----END CERTIFICATE-----")


# ---- events ----

MAIL = {"messageId": "m-1", "tags": {"delivery": ["delivery-1"]}}


def told(**event: Any) -> Any:
    return {"Message": json.dumps({"mail": MAIL, **event}), "Type": "Notification"}


@pytest.mark.parametrize(
    ("event", "status", "fact"),
    [
        ({"eventType": "Send", "send": {}}, DeliveryStatus.SENT, None),
        ({"notificationType": "Delivery", "delivery": {}}, DeliveryStatus.DELIVERED, RecipientFact.REACHED),
        ({"eventType": "Open", "open": {}}, DeliveryStatus.READ, RecipientFact.REACHED),
        ({"eventType": "Bounce", "bounce": {"bounceType": "Permanent"}}, DeliveryStatus.FAILED, RecipientFact.BOUNCED),
        (
            {"notificationType": "Bounce", "bounce": {"bounceType": "Undetermined"}},
            DeliveryStatus.FAILED,
            RecipientFact.UNREACHABLE,
        ),
        ({"eventType": "Complaint", "complaint": {}}, None, RecipientFact.COMPLAINED),
        ({"eventType": "Reject", "reject": {"reason": "Bad content"}}, DeliveryStatus.FAILED, None),
        ({"eventType": "Rendering Failure", "failure": {}}, DeliveryStatus.FAILED, None),
    ],
)
def test_events_of_both_producers_are_read(
    event: dict[str, Any], status: DeliveryStatus | None, fact: RecipientFact | None
) -> None:
    (receipt,) = channel().read_webhook(Webhook(json.dumps(told(**event)).encode(), {})).receipts
    assert (receipt.status, receipt.fact, receipt.reference) == (status, fact, "delivery-1")


@pytest.mark.parametrize(
    "event",
    [
        {"eventType": "DeliveryDelay"},
        {"eventType": "Complaint", "complaint": {"complaintFeedbackType": "not-spam"}},
        {"eventType": "SomethingNew"},
        {"mail": None},
        {},
    ],
)
def test_what_says_nothing_about_the_mails_way_is_let_go(event: dict[str, Any]) -> None:
    assert channel().read_webhook(Webhook(json.dumps(told(**event)).encode(), {})).receipts == ()
