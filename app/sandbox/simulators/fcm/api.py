"""Tokens, and messages to devices; each view's name is the operation that faults may pick."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, jsonify, request

from app.sandbox import clock
from app.sandbox.ids import random_text
from app.sandbox.messages import Message
from app.sandbox.sandbox import current_sandbox
from app.sandbox.simulators.fcm.account import (
    CODE,
    FcmAccount,
    access_token,
    issuer_of,
    project_of_token,
    service_account,
)

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
MOST_BYTES = 4096
TARGETS = ("token", "fid", "topic", "condition")
# By the code that the control route gave a token; also by what the token starts with.
REFUSALS = {404: ("UNREGISTERED", "NOT_FOUND"), 400: ("INVALID_ARGUMENT", "INVALID_ARGUMENT"),
            403: ("SENDER_ID_MISMATCH", "PERMISSION_DENIED")}  # fmt: skip
PREFIXES = {"dead-": 404, "malformed-": 400, "foreign-": 403}

api = Blueprint(CODE, __name__, url_prefix="/fcm")


class Refused(Exception):
    """A refusal in Google's shape; without an `error_code` the payload is what is wrong."""

    def __init__(self, status: int, name: str, message: str, error_code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.name, self.message, self.error_code = status, name, message, error_code


@api.errorhandler(Refused)
def refused(error: Refused) -> Response:
    detail: dict[str, Any] = {"@type": "type.googleapis.com/google.rpc.BadRequest"}
    if error.error_code:
        kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
        detail = {"@type": kind, "errorCode": error.error_code}
    body = {"code": error.status, "message": error.message, "status": error.name, "details": [detail]}
    response = jsonify({"error": body})
    response.status_code = error.status
    return response


def fault_answer(fault: str, retry_after: float) -> Response:
    if fault == "429":
        response = refused(Refused(429, "RESOURCE_EXHAUSTED", "Quota exceeded.", "QUOTA_EXCEEDED"))
        response.headers["Retry-After"] = str(max(1, round(retry_after)))
        return response
    return refused(Refused(500, "INTERNAL", "Internal error encountered.", "INTERNAL"))


def claimed_project() -> str:
    return str((request.view_args or {}).get("project", ""))


@api.get("/service-account/<project>.json")
def fetch_service_account(project: str) -> dict[str, str]:
    """The sandbox's own key file, as the console's download button would give it."""
    return service_account(current_sandbox().store, _account(project), current_sandbox().origin)


@api.post("/token")
def issue_token() -> tuple[Response, int] | dict[str, Any]:
    sandbox = current_sandbox()
    audience = f"{sandbox.origin}/fcm/token"
    issuer = issuer_of(sandbox.store, request.form.get("assertion", ""), audience)
    known = [item for _, item in sandbox.accounts.all() if isinstance(item, FcmAccount) and item.client_email == issuer]
    if request.form.get("grant_type") != GRANT or not known:
        return jsonify({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}), 400
    token = access_token(sandbox.store, known[0].project_id, int(clock.seconds()) + known[0].token_seconds)
    return {"access_token": token, "expires_in": known[0].token_seconds, "token_type": "Bearer"}


@api.post("/v1/projects/<project>/messages:send")
def send_message(project: str) -> dict[str, Any]:
    account = _account(project)
    _authenticate(account)
    body = request.get_json(silent=True)
    message = body.get("message") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(message, dict):
        raise Refused(400, "INVALID_ARGUMENT", "Invalid JSON payload received.")
    target = _checked(message)
    name = f"projects/{project}/messages/0:{random_text(16, '0123456789')}%{random_text(16, '0123456789abcdef')}"
    if not body.get("validate_only"):
        shown, data = message.get("notification") or {}, message.get("data") or {}
        current_sandbox().outbox.keep(
            Message(
                channel="push", provider=CODE, to=target, sender=project, body=str(shown.get("body", "")),
                reference=data.get("deliveryId"), details={"subject": shown.get("title"), "data": data}, id=name,
            )
        )  # fmt: skip
    return {"name": name}


def _account(project: str) -> FcmAccount:
    account = current_sandbox().accounts.find(CODE, project)
    if not isinstance(account, FcmAccount):
        raise Refused(403, "PERMISSION_DENIED", "Permission denied on the project, or it does not exist.")
    return account


def _authenticate(account: FcmAccount) -> None:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    project = project_of_token(current_sandbox().store, given)
    if scheme != "Bearer" or project is None:
        raise Refused(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
    if project != account.project_id:
        raise Refused(403, "PERMISSION_DENIED", "The service account belongs to another project.")


def _checked(message: dict[str, Any]) -> str:
    """The one target. Raises Refused."""
    targets = [name for name in TARGETS if message.get(name)]
    data = message.get("data") or {}
    if len(targets) != 1:
        raise Refused(400, "INVALID_ARGUMENT", "Recipient of the message is not set.")
    if len(json.dumps(message, ensure_ascii=False).encode()) > MOST_BYTES:
        raise Refused(400, "INVALID_ARGUMENT", "Android message is too big.")
    if not all(isinstance(value, str) for value in data.values()):
        raise Refused(400, "INVALID_ARGUMENT", "Invalid value at 'message.data' (TYPE_STRING).")
    target = str(message[targets[0]])
    code = current_sandbox().recipients.code(CODE, target, "send")
    code = code or next((found for prefix, found in PREFIXES.items() if target.startswith(prefix)), None)
    # What an address that only tests the connection gets: no registration token has this form.
    code = 400 if target == "connection-test" else code
    if code is not None:
        error_code, name = REFUSALS.get(code, REFUSALS[404])
        raise Refused(code, name, "The registration token is not valid for this message.", error_code)
    return target
