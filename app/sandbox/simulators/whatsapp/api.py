"""The Graph API routes of a business number; each view's name is the operation that faults may pick."""

from __future__ import annotations

import hmac
from typing import Any

from flask import Blueprint, Response, g, request

from app.sandbox import clock
from app.sandbox.sandbox import current_sandbox
from app.sandbox.simulators.whatsapp import media, sending
from app.sandbox.simulators.whatsapp.account import CODE, WhatsAppAccount
from app.sandbox.simulators.whatsapp.errors import BAD_TOKEN, INVALID_PARAMETER, GraphError, answer, missing_object
from app.sandbox.simulators.whatsapp.sending import Sender

OLDEST_VERSION = 17
DEFAULT_FIELDS = "verified_name,code_verification_status,display_phone_number,quality_rating,platform_type,throughput"

api = Blueprint(CODE, __name__, url_prefix="/whatsapp")
api.register_error_handler(GraphError, answer)


def claimed_number() -> str:
    return str((request.view_args or {}).get("object_id", ""))


@api.before_request
def authenticate() -> None:
    """A bearer token may serve several numbers."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    accounts = [account for _, account in current_sandbox().accounts.all() if isinstance(account, WhatsAppAccount)]
    given = token.strip().encode()
    g.accounts = [item for item in accounts if hmac.compare_digest(item.access_token.encode(), given)]
    if scheme != "Bearer" or not g.accounts:
        raise GraphError(BAD_TOKEN, message="Invalid OAuth access token - Cannot parse access token")


@api.before_request
def check_version() -> None:
    version = (request.view_args or {}).get("version", OLDEST_VERSION)
    if version < OLDEST_VERSION:
        message = f"(#2635) You are calling a deprecated version. Please update to v{OLDEST_VERSION}.0 or later."
        raise GraphError(2635, message=message)


def _sender(object_id: str) -> Sender:
    for account in g.accounts:
        if account.phone_number_id == object_id:
            return Sender(account, current_sandbox())
    raise missing_object(object_id)


@api.post("/v<int:version>.0/<object_id>/messages")
def send_message(version: int, object_id: str) -> dict[str, Any]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise GraphError(INVALID_PARAMETER, message="(#100) The request body is not a JSON object.")
    sender = _sender(object_id)
    if body.get("status") == "read":
        return {"success": True}
    return sending.send_message(sender, body)


@api.post("/v<int:version>.0/<object_id>/media")
def upload_media(version: int, object_id: str) -> dict[str, Any]:
    sender = _sender(object_id)
    file = request.files.get("file")
    if request.form.get("messaging_product") != "whatsapp":
        raise GraphError(INVALID_PARAMETER, message="(#100) The parameter messaging_product is required.")
    if file is None or not file.filename:
        raise GraphError(INVALID_PARAMETER, message="(#100) The parameter file is required.")
    mime_type = file.mimetype or request.form.get("type", "")
    return {"id": media.store_file(sender.sandbox, sender.account, file.filename, mime_type, file.read())}


@api.get("/v<int:version>.0/<object_id>")
def fetch_object(version: int, object_id: str) -> dict[str, Any]:
    """A business number's fields, or a media file's address."""
    for account in g.accounts:
        if account.phone_number_id == object_id:
            return _number(account, request.args.get("fields", DEFAULT_FIELDS))
        file = media.find_file(current_sandbox(), account, object_id)
        if file is not None:
            return media.describe_file(account, file, request.host_url)
    raise missing_object(object_id)


def _number(account: WhatsAppAccount, fields: str) -> dict[str, Any]:
    known: dict[str, Any] = {
        "verified_name": account.verified_name, "code_verification_status": "VERIFIED",
        "display_phone_number": account.display_phone_number, "quality_rating": "GREEN", "platform_type": "CLOUD_API",
        "throughput": {"level": "STANDARD"}, "name_status": "APPROVED",
        "whatsapp_business_manager_messaging_limit": "TIER_2K",
    }  # fmt: skip
    wanted = [name for name in fields.split(",") if name != "id"]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise GraphError(INVALID_PARAMETER, message=f"(#100) Tried accessing nonexisting field ({unknown[0]})")
    return {name: known[name] for name in wanted} | {"id": account.phone_number_id}


@api.delete("/v<int:version>.0/<object_id>")
def delete_media(version: int, object_id: str) -> dict[str, bool]:
    for account in g.accounts:
        if media.find_file(current_sandbox(), account, object_id) is not None:
            media.delete_file(current_sandbox(), account, object_id)
            return {"success": True}
    raise missing_object(object_id)


@api.get("/download/<object_id>")
def download_media(object_id: str) -> Response:
    """The bytes; the address is signed, lives five minutes and still needs the token."""
    expires = request.args.get("ext", 0, type=int)
    for account in g.accounts:
        expected = media.download_hash(account, object_id, expires)
        fresh = hmac.compare_digest(expected, request.args.get("hash", "")) and expires > clock.timestamp()
        if fresh:
            file = media.get_file(current_sandbox(), account, object_id)
            return Response(file.content, content_type=file.mime_type)
    raise missing_object(object_id)


@api.route("/<path:rest>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
def unknown_path(rest: str) -> Response:
    raise GraphError(2500, message=f"Unknown path components: /{rest}", status=400)
