"""Amazon SNS as push transport: platform applications, endpoints, publish; the Query protocol with XML answers."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any
from xml.sax.saxutils import escape

from flask import Blueprint, Response, g, request
from pydantic import Field

from app.sandbox.accounts import Account
from app.sandbox.messages import Message
from app.sandbox.sandbox import Sandbox, current_sandbox
from app.sandbox.simulators.aws.account import AwsAccount
from app.sandbox.simulators.aws.sigv4 import is_signed, read_claim
from app.sandbox.timers import Timer

CODE = "sns"
ENDPOINT = f"{CODE}.endpoint"
NAMESPACE = "http://sns.amazonaws.com/doc/2010-03-31/"
_WORDS = re.compile(r"(?<!^)(?=[A-Z])")


class SnsAccount(AwsAccount):
    """One platform application of the key's account."""

    platform_application_arn: str = Field(
        "arn:aws:sns:us-east-1:123456789012:app/GCM/console", pattern=r"^arn:aws:sns:[\w-]+:\d{12}:app/\w+/\S+$"
    )
    enabled: bool = True


api = Blueprint(CODE, __name__, url_prefix="/sns")


class Refused(Exception):
    """A refusal in the shape of the Query protocol."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@api.errorhandler(Refused)
def refused(error: Refused) -> Response:
    kind = "Sender" if error.status < 500 else "Receiver"  # noqa: PLR2004
    body = (
        f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>{kind}</Type><Code>{error.code}</Code>'
        f"<Message>{escape(error.message)}</Message></Error><RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
    )
    return Response(body, status=error.status, content_type="text/xml")


def _answer(action: str, result: str) -> Response:
    body = (
        f'<{action}Response xmlns="{NAMESPACE}"><{action}Result>{result}</{action}Result>'
        f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></{action}Response>"
    )
    return Response(body, content_type="text/xml")


@api.before_request
def authenticate() -> None:
    claim = read_claim(request)
    account = current_sandbox().accounts.find(CODE, claim.key) if claim else None
    if claim is None or not isinstance(account, SnsAccount):
        raise Refused(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
    if claim.service != "sns" or not is_signed(request, claim, account.secret_access_key):
        text = "The request signature we calculated does not match the signature you provided."
        raise Refused(403, "SignatureDoesNotMatch", text)
    g.account = account


@api.post("/", strict_slashes=False)
def call() -> Response:
    """One address for every action."""
    action = ACTIONS.get(request.form.get("Action", ""))
    if action is None:
        raise Refused(400, "InvalidAction", "The action is not known here.")
    return action(g.account)


def _check_application(account: SnsAccount) -> None:
    if request.form.get("PlatformApplicationArn") != account.platform_application_arn:
        raise Refused(404, "NotFound", "PlatformApplication does not exist")


def _get_application(account: SnsAccount) -> Response:
    _check_application(account)
    value = "true" if account.enabled else "false"
    entry = f"<Attributes><entry><key>Enabled</key><value>{value}</value></entry></Attributes>"
    return _answer("GetPlatformApplicationAttributes", entry)


def _create_endpoint(account: SnsAccount) -> Response:
    """The endpoint of a token; one with other attributes is refused with a text that names the one there is."""
    _check_application(account)
    token, data = request.form.get("Token", ""), request.form.get("CustomUserData", "")
    if not token:
        raise Refused(400, "InvalidParameter", "Invalid parameter: Token")
    documents = current_sandbox().documents
    known = documents.get(ENDPOINT, f"{account.platform_application_arn}:{token}")
    if known is None:
        _, platform, name = account.platform_application_arn.rpartition(":")[2].split("/")
        arn = f"{account.platform_application_arn.partition(':app/')[0]}:endpoint/{platform}/{name}/{uuid.uuid4()}"
        id = f"{account.platform_application_arn}:{token}"
        known = documents.put(ENDPOINT, {"id": id, "arn": arn, "token": token, "data": data, "enabled": True})
    elif known["data"] != data or not known["enabled"]:
        text = f"Invalid parameter: Token Reason: Endpoint {known['arn']} already exists with the same Token, but"
        raise Refused(400, "InvalidParameter", f"{text} different attributes.")
    return _answer("CreatePlatformEndpoint", f"<EndpointArn>{known['arn']}</EndpointArn>")


def _endpoint(arn: str) -> dict[str, Any]:
    found = next((item for item in current_sandbox().documents.all(ENDPOINT, 10_000) if item["arn"] == arn), None)
    if found is None:
        raise Refused(404, "NotFound", "Endpoint does not exist")
    return found


def _set_endpoint(account: SnsAccount) -> Response:
    endpoint = _endpoint(request.form.get("EndpointArn", ""))
    current_sandbox().documents.put(ENDPOINT, {**endpoint, "enabled": True})
    return _answer("SetEndpointAttributes", "")


def _publish(account: SnsAccount) -> Response:
    endpoint, sandbox = _endpoint(request.form.get("TargetArn", "")), current_sandbox()
    if not account.enabled:
        raise Refused(400, "PlatformApplicationDisabled", "Platform application is disabled")
    if sandbox.recipients.code(CODE, endpoint["token"], "send") is not None or not endpoint["enabled"]:
        sandbox.documents.put(ENDPOINT, {**endpoint, "enabled": False})
        raise Refused(400, "EndpointDisabled", "Endpoint is disabled")
    message = _message(endpoint["token"])
    sandbox.outbox.keep(message)
    return _answer("Publish", f"<MessageId>{message.id}</MessageId>")


def _message(token: str) -> Message:
    """What the device would show, out of the part for its platform."""
    try:
        parts = json.loads(request.form.get("Message", ""))
        part = json.loads(parts["GCM"])["fcmV1Message"]["message"] if "GCM" in parts else json.loads(parts["APNS"])
    except (ValueError, KeyError, TypeError):
        raise Refused(400, "InvalidParameter", "Invalid parameter: Message Structure") from None
    shown = part.get("notification") or part.get("aps", {}).get("alert") or {}
    reference = (part.get("data") or part).get("deliveryId")
    return Message(
        channel="push", provider=CODE, to=token, sender="SNS", body=str(shown.get("body", "")), reference=reference,
        details={"subject": shown.get("title")}, id=str(uuid.uuid4()),
    )  # fmt: skip


ACTIONS = {
    "GetPlatformApplicationAttributes": _get_application,
    "CreatePlatformEndpoint": _create_endpoint,
    "SetEndpointAttributes": _set_endpoint,
    "Publish": _publish,
}


class Sns:
    """Wire facts: sns.<region>.amazonaws.com as botocore's service model has it."""

    code = CODE
    account_schema = SnsAccount
    extra_faults: tuple[str, ...] = ()
    spared_operations = ("create_platform_endpoint", "set_endpoint_attributes")

    def blueprints(self) -> tuple[Blueprint, ...]:
        return (api,)

    def account_of_request(self) -> str:
        claim = read_claim(request)
        return claim.key if claim else ""

    def operation_of_request(self) -> str:
        """All actions share one address."""
        return _WORDS.sub("_", request.form.get("Action", "unknown")).lower()

    def fault_answer(self, fault: str, retry_after: float) -> Response:
        if fault == "429":
            response = refused(Refused(429, "Throttling", "Rate exceeded"))
            response.headers["Retry-After"] = str(max(1, round(retry_after)))
            return response
        return refused(Refused(500, "InternalError", "Internal error"))

    def sign_webhook(self, account: Account, body: bytes, event_id: str) -> dict[str, str]:
        raise LookupError("push through SNS tells nothing later")

    def on_timer(self, sandbox: Sandbox, timer: Timer) -> None:
        raise LookupError(f"SNS sets no timer {timer.name}")
