"""Push through Firebase and through Amazon SNS: what is sent, and which tokens are dead."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPrivateNumbers, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from app.core import clock
from app.core.credentials import InvalidCredentials
from app.core.providers import ConnectionResult, Outcome, ProviderError, Timeouts
from app.messaging.channels import google_token
from app.messaging.channels.base import OutgoingMessage
from app.messaging.channels.fcm import Fcm
from app.messaging.channels.sns_push import SnsPush
from tests.contract.providers.rigs import RIGS
from tests.sandbox_server import RunningSandbox, running_sandbox
from tests.scripted_server import Server, answer, scripted_server

MESSAGE = OutgoingMessage(
    "delivery-1", "device-token-1", subject="Your turn", text="You are next. 🙂", sender="Sunrise"
)
PROJECT = "contract-project"
PATIENT = Timeouts(30, 30)


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: RunningSandbox) -> RunningSandbox:
    running.reset()
    for provider in ("fcm", "sns_push"):
        running.account(RIGS[provider].simulator, **RIGS[provider].account)
    return running


@pytest.fixture
def server() -> Iterator[Server]:
    with scripted_server() as scripted:
        yield scripted


def fcm(sandbox: RunningSandbox, url: str | None = None) -> Fcm:
    file = sandbox.service_account(PROJECT)
    return Fcm.open({"service_account": file}, base_url=url or f"{sandbox.base_url}/fcm", timeouts=PATIENT)


def sns(url: str, platform: str = "GCM") -> SnsPush:
    arn = f"arn:aws:sns:us-east-1:123456789012:app/{platform}/console"
    credentials = {**RIGS["sns_push"].credentials, "platform_application_arn": arn}
    return SnsPush.open(credentials, base_url=url, timeouts=PATIENT)


def failure_of(call: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        call()
    return caught.value


# ---- Firebase ----


def test_a_message_says_little_and_names_its_delivery(sandbox: RunningSandbox, server: Server) -> None:
    server.will(answer(200, {"name": "projects/p/messages/1"}))
    assert fcm(sandbox, server.url).send(MESSAGE).provider_message_id == "projects/p/messages/1"
    assert server.received[0].path == f"/v1/projects/{PROJECT}/messages:send"
    assert server.received[0].json() == {
        "message": {
            "token": "device-token-1",
            "notification": {"title": "Your turn", "body": "You are next. 🙂"},
            "data": {"deliveryId": "delivery-1"},
        }
    }
    fcm(sandbox, server.url).send(replace(MESSAGE, to_kind="fid"))
    assert server.received[1].json()["message"]["fid"] == "device-token-1"


def test_one_token_serves_many_messages_and_is_renewed_in_time(sandbox: RunningSandbox) -> None:
    for _ in range(3):
        fcm(sandbox).send(MESSAGE)
    before = sandbox.call_counts("fcm").get("issue_token", 0)
    assert before <= 1
    with clock.travel(timedelta(minutes=56)):
        fcm(sandbox).test_connection()
    assert sandbox.call_counts("fcm")["issue_token"] == before + 1


@pytest.mark.parametrize(
    ("status", "error_code", "outcome"),
    [
        (404, "UNREGISTERED", Outcome.PERMANENT_RECIPIENT),
        (400, "INVALID_ARGUMENT", Outcome.PERMANENT_RECIPIENT),
        (403, "SENDER_ID_MISMATCH", Outcome.PERMANENT_RECIPIENT),
        (429, "QUOTA_EXCEEDED", Outcome.RETRY),
        (503, "UNAVAILABLE", Outcome.RETRY),
        (500, "INTERNAL", Outcome.RETRY),
        (401, "THIRD_PARTY_AUTH_ERROR", Outcome.PERMANENT_ACCOUNT),
        (502, "", Outcome.UNKNOWN),
    ],
)
def test_refusals_mean_what_the_vendor_says(
    sandbox: RunningSandbox, server: Server, status: int, error_code: str, outcome: Outcome
) -> None:
    kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
    error = {"code": status, "message": "No, device-token-1", "status": "X", "details": [{"@type": kind}]}
    error["details"] = [{"@type": kind, "errorCode": error_code}] if error_code else []
    server.will(answer(status, {"error": error} if error_code else b"<html>"))
    failure = failure_of(lambda: fcm(sandbox, server.url).send(MESSAGE))
    assert failure.outcome is outcome
    assert "device-token-1" not in failure.message
    assert failure.retry_after == (60 if error_code == "QUOTA_EXCEEDED" else None)


def test_a_bad_payload_is_not_the_tokens_fault(sandbox: RunningSandbox, server: Server) -> None:
    detail = {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": []}
    error = {"code": 400, "message": "No.", "status": "INVALID_ARGUMENT", "details": [detail]}
    server.will(answer(400, {"error": error}))
    assert failure_of(lambda: fcm(sandbox, server.url).send(MESSAGE)).outcome is Outcome.PERMANENT_MESSAGE
    long = OutgoingMessage("d", "t", text="x" * 5000)
    assert failure_of(lambda: fcm(sandbox, server.url).send(long)).code == "message_too_large"
    assert len(server.received) == 1


def test_a_revoked_token_is_replaced_once(sandbox: RunningSandbox, server: Server) -> None:
    server.will(answer(401, {"error": {"status": "UNAUTHENTICATED"}}), answer(200, {"name": "n-1"}))
    fcm(sandbox, server.url).send(MESSAGE)
    assert len(server.received) == 2
    server.will(answer(401, {"error": {"status": "UNAUTHENTICATED"}}))
    assert failure_of(lambda: fcm(sandbox, server.url).send(MESSAGE)).outcome is Outcome.PERMANENT_ACCOUNT
    assert len(server.received) == 4


def test_tokens_that_cannot_be_had_are_retried_or_the_accounts_fault(sandbox: RunningSandbox, server: Server) -> None:
    file = json.loads(sandbox.service_account(PROJECT))
    own = {**file, "token_uri": f"{server.url}/token"}
    channel = Fcm.open({"service_account": json.dumps(own)}, base_url=server.url, timeouts=PATIENT)
    server.will(answer(503))
    assert failure_of(lambda: channel.send(MESSAGE)).outcome is Outcome.RETRY
    server.will(answer(400, {"error": "invalid_grant"}))
    assert channel.test_connection().result is ConnectionResult.WRONG_CREDENTIALS
    server.will(answer(200, {"access_token": ""}))
    assert failure_of(lambda: channel.send(MESSAGE)).outcome is Outcome.RETRY


@pytest.mark.parametrize(
    "changes",
    [
        {"private_key": "no key"},
        {"private_key": ""},
        {"type": "authorized_user"},
        {"token_uri": "http://evil.example/token"},
        {"project_id": 7},
    ],
)
def test_only_a_key_file_is_taken(sandbox: RunningSandbox, changes: dict[str, Any]) -> None:
    file = {**json.loads(sandbox.service_account(PROJECT)), **changes}
    with pytest.raises(InvalidCredentials) as caught:
        Fcm.open({"service_account": json.dumps(file)})
    assert list(caught.value.fields) == ["service_account"]
    with pytest.raises(InvalidCredentials):
        Fcm.open({"service_account": "[1]"})


def test_a_keys_numbers_are_looked_at_once_and_wrong_ones_each_time(
    sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[bool] = []

    def load(*arguments: Any, unsafe_skip_rsa_key_validation: bool) -> Any:
        looked.append(not unsafe_skip_rsa_key_validation)
        return load_pem_private_key(*arguments, unsafe_skip_rsa_key_validation=unsafe_skip_rsa_key_validation)

    monkeypatch.setattr(google_token, "load_pem_private_key", load)
    key = generate_private_key(65537, 2048)
    document = {**json.loads(sandbox.service_account(PROJECT)), "private_key": _pem(key)}
    for _ in range(2):
        Fcm.open({"service_account": json.dumps(document)})
    assert looked[0]
    assert looked.count(True) == 1
    document["private_key"] = _pem(_with_another_exponent(key))
    for _ in range(2):
        with pytest.raises(InvalidCredentials):
            Fcm.open({"service_account": json.dumps(document)})
    assert looked.count(True) == 3


def _with_another_exponent(key: RSAPrivateKey) -> RSAPrivateKey:
    numbers = key.private_numbers()
    parts = {name: getattr(numbers, name) for name in ("p", "q", "dmp1", "dmq1", "iqmp", "public_numbers")}
    return RSAPrivateNumbers(d=numbers.d + 2, **parts).private_key(unsafe_skip_rsa_key_validation=True)


def _pem(key: RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


# ---- Amazon SNS ----


def test_a_token_becomes_an_endpoint_and_keeps_it(sandbox: RunningSandbox) -> None:
    channel = sns(f"{sandbox.base_url}/sns")
    for _ in range(2):
        channel.send(MESSAGE)
    assert sandbox.call_counts("sns") == {"create_platform_endpoint": 2, "publish": 2}
    (first, second) = sandbox.messages(channel="push")
    assert first["to"] == second["to"] == "device-token-1"
    assert (first["subject"], first["body"], first["reference"]) == ("Your turn", "You are next. 🙂", "delivery-1")


def test_an_endpoint_with_other_attributes_is_taken_over(sandbox: RunningSandbox) -> None:
    client = boto3.client(
        "sns", endpoint_url=f"{sandbox.base_url}/sns", region_name="us-east-1",
        aws_access_key_id=RIGS["sns_push"].credentials["access_key_id"],
        aws_secret_access_key=RIGS["sns_push"].credentials["secret_access_key"],
    )  # fmt: skip
    arn = RIGS["sns_push"].credentials["platform_application_arn"]
    made = client.create_platform_endpoint(PlatformApplicationArn=arn, Token=MESSAGE.to, CustomUserData="another app")
    assert made["EndpointArn"].startswith("arn:aws:sns:us-east-1:123456789012:endpoint/GCM/console/")
    sns(f"{sandbox.base_url}/sns").send(MESSAGE)
    assert sandbox.call_counts("sns")["set_endpoint_attributes"] == 1
    assert len(sandbox.messages(channel="push")) == 1
    with pytest.raises(client.exceptions.NotFoundException):
        client.publish(TargetArn=made["EndpointArn"] + "x", Message="{}", MessageStructure="json")


def test_apple_gets_its_own_shape(server: Server) -> None:
    def xml(action: str, inner: str) -> Any:
        body = f"<{action}Response><{action}Result>{inner}</{action}Result></{action}Response>"
        return answer(200, body.encode(), Content_Type="text/xml")

    made = xml("CreatePlatformEndpoint", "<EndpointArn>arn:aws:sns:x</EndpointArn>")
    server.will(made, xml("Publish", "<MessageId>m-1</MessageId>"))
    sns(server.url, "APNS").send(MESSAGE)
    (text,) = parse_qs(server.received[1].body.decode())["Message"]
    apple = json.loads(json.loads(text)["APNS"])
    assert apple["aps"]["alert"] == {"title": "Your turn", "body": "You are next. 🙂"}
    assert apple["deliveryId"] == "delivery-1"


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (400, "EndpointDisabled", Outcome.PERMANENT_RECIPIENT),
        (404, "NotFound", Outcome.PERMANENT_RECIPIENT),
        (400, "PlatformApplicationDisabled", Outcome.PERMANENT_ACCOUNT),
        (500, "InternalError", Outcome.RETRY),
        (400, "KMSThrottling", Outcome.RETRY),
        (403, "AuthorizationError", Outcome.PERMANENT_ACCOUNT),
        (400, "InvalidParameter", Outcome.PERMANENT_MESSAGE),
        (504, "Gateway", Outcome.UNKNOWN),
    ],
)
def test_refusals_of_sns_mean_what_the_vendor_says(server: Server, status: int, code: str, outcome: Outcome) -> None:
    made = b"<R><CreatePlatformEndpointResult><EndpointArn>arn:x</EndpointArn></CreatePlatformEndpointResult></R>"
    error = f"<ErrorResponse><Error><Code>{code}</Code><Message>No.</Message></Error></ErrorResponse>".encode()
    server.will(answer(200, made, Content_Type="text/xml"), answer(status, error, Content_Type="text/xml"))
    assert failure_of(lambda: sns(server.url).send(MESSAGE)).outcome is outcome
    assert len(server.received) == 2


def test_a_token_that_is_none_is_told_when_its_endpoint_is_made(server: Server) -> None:
    error = b"<ErrorResponse><Error><Code>InvalidParameter</Code><Message>Token</Message></Error></ErrorResponse>"
    server.will(answer(400, error, Content_Type="text/xml"))
    assert failure_of(lambda: sns(server.url).send(MESSAGE)).outcome is Outcome.PERMANENT_RECIPIENT
    missing = error.replace(b"InvalidParameter", b"NotFound")
    server.will(answer(404, missing, Content_Type="text/xml"))
    assert failure_of(lambda: sns(server.url).send(MESSAGE)).outcome is Outcome.PERMANENT_ACCOUNT
