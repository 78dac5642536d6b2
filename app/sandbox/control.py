"""The control routes: what a test, a check or a curious developer makes the providers do."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from app.sandbox.errors import SandboxError, UnknownRecord
from app.sandbox.ids import prefixed
from app.sandbox.messages import CHANNELS
from app.sandbox.sandbox import current_sandbox
from app.sandbox.simulator import (
    CheckoutSimulator,
    HttpSimulator,
    MessagingSimulator,
    ReportingSimulator,
    SettlingSimulator,
    VerifyingSimulator,
)
from app.sandbox.webhooks import Notice

control = Blueprint("control", __name__, url_prefix="/_control")
MOST = 10_000
MOST_COPIES = 100
DEFAULT_PROVIDERS = {"settling": "razorpay", "messaging": "whatsapp"}


@control.errorhandler(SandboxError)
def refused(error: SandboxError) -> Response:
    response = jsonify({"error": {"message": str(error)}})
    response.status_code = error.status
    return response


def command() -> dict[str, Any]:
    """The JSON body whatever its content type says; none at all is an empty one."""
    if not request.get_data():
        return {}
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise SandboxError("the body must be a JSON object")
    return body


def _items(items: list[Any], **more: Any) -> Response:
    return jsonify({"items": items, **more})


def _limit() -> int:
    return min(max(request.args.get("limit", MOST, type=int), 1), MOST)


def _provider_filter() -> str | None:
    provider = request.args.get("provider")
    return current_sandbox().simulator(provider).code if provider else None


@control.post("/accounts")
def save_account() -> tuple[Response, int]:
    provider, account = current_sandbox().accounts.save(command())
    return jsonify({"provider": provider, **account.masked()}), 201


@control.get("/accounts")
def list_accounts() -> Response:
    accounts = current_sandbox().accounts.all()
    return _items([{"provider": provider, **account.masked()} for provider, account in accounts])


@control.post("/checkout/<gateway>/<order_id>")
def press_checkout(gateway: str, order_id: str) -> dict[str, Any]:
    sandbox = current_sandbox()
    simulator = sandbox.simulators.get(gateway)
    if not isinstance(simulator, CheckoutSimulator):
        raise UnknownRecord(f"no gateway {gateway}")
    return simulator.checkout(sandbox, order_id, command())


@control.get("/messages")
def list_messages() -> Response:
    channel = request.args.get("channel") or None
    if channel is not None and channel not in CHANNELS:
        raise SandboxError(f"channel must be one of {', '.join(CHANNELS)}")
    found = current_sandbox().outbox.sent(to=request.args.get("to") or None, channel=channel, limit=_limit())
    for message in found:
        for attachment in message["attachments"]:
            attachment["url"] = _absolute(attachment["url"])
    return _items(found)


def _absolute(url: str) -> str:
    return request.host_url.rstrip("/") + url if url.startswith("/") else url


@control.post("/faults")
def arm_fault() -> tuple[Response, int]:
    return jsonify(current_sandbox().faults.arm(command()).shown()), 201


@control.get("/faults")
def list_faults() -> Response:
    return _items([fault.shown() for fault in current_sandbox().faults.armed()])


@control.delete("/faults")
def disarm_faults() -> tuple[str, int]:
    current_sandbox().faults.disarm()
    return "", 204


@control.get("/requests")
def list_requests() -> Response:
    provider, calls = _provider_filter(), current_sandbox().calls
    found = calls.latest(provider, request.args.get("operation") or None, _limit())
    return _items(found, counts=calls.counts(provider))


@control.get("/webhooks")
def list_webhooks() -> Response:
    return _items(current_sandbox().webhooks.latest(_provider_filter(), _limit()))


@control.post("/webhooks")
def send_webhook() -> tuple[Response, int]:
    """Any body, rightly signed: {"provider", "account", "event", "body": {...}, "eventId"?, "copies"?}."""
    wanted, sandbox = command(), current_sandbox()
    simulator, body = sandbox.simulator(str(wanted.get("provider"))), wanted.get("body")
    account = sandbox.accounts.find(simulator.code, str(wanted.get("account")))
    if account is None or not isinstance(simulator, HttpSimulator):
        raise UnknownRecord("account must be the identity of a known account of that provider")
    if not isinstance(body, dict | str):
        raise SandboxError("body must be a JSON object, or text that is sent as it is")
    raw = body.encode() if isinstance(body, str) else jsonify(body).get_data()
    event_id = str(wanted.get("eventId") or prefixed("evt"))
    headers = simulator.sign_webhook(account, raw, event_id)
    notice = Notice(str(wanted.get("event", "custom")), event_id, raw, headers)
    copies = wanted.get("copies", 1)
    if not isinstance(copies, int) or not 1 <= copies <= MOST_COPIES:
        raise SandboxError(f"copies must be a number from 1 to {MOST_COPIES}")
    sandbox.announce(simulator.code, account, event_id, [notice] * copies)
    return jsonify({"eventId": event_id, "copies": copies}), 202


@control.post("/webhooks/<id>/resend")
def resend_webhook(id: str) -> tuple[str, int]:
    current_sandbox().webhooks.resend(id)
    return "", 202


@control.post("/webhooks/verify")
def verify_webhook() -> dict[str, Any]:
    wanted = command()
    simulator = current_sandbox().simulator(str(wanted.get("provider", DEFAULT_PROVIDERS["messaging"])))
    if not isinstance(simulator, VerifyingSimulator):
        raise SandboxError(f"{simulator.code} asks no address before it uses it")
    return simulator.verify_webhook(current_sandbox(), wanted)


@control.post("/receipts")
def report_event() -> tuple[Response, int]:
    """{"messageId", "event"}: something more happens to a message that was sent."""
    wanted, sandbox = command(), current_sandbox()
    message = sandbox.outbox.get(str(wanted.get("messageId")))
    if message is None:
        raise UnknownRecord("no such messageId")
    simulator = sandbox.simulator(message["provider"])
    if not isinstance(simulator, ReportingSimulator):
        raise SandboxError(f"{simulator.code} reports nothing more")
    return jsonify({"events": simulator.report(sandbox, message, str(wanted.get("event")))}), 202


@control.post("/inbound")
def receive_message() -> tuple[Response, int]:
    wanted = command()
    return jsonify(_messaging(wanted).receive(current_sandbox(), wanted)), 201


def _messaging(wanted: dict[str, Any]) -> MessagingSimulator:
    simulator = current_sandbox().simulator(str(wanted.get("provider", DEFAULT_PROVIDERS["messaging"])))
    if not isinstance(simulator, MessagingSimulator):
        raise SandboxError(f"{simulator.code} receives no messages")
    return simulator


@control.post("/recipients")
def set_recipient() -> tuple[Response, int]:
    """{"provider", "to", "code": a vendor's error code or null, "at": "send" or "status"}."""
    wanted, sandbox = command(), current_sandbox()
    provider = sandbox.simulator(str(wanted.get("provider"))).code
    to, moment = str(wanted.get("to") or ""), str(wanted.get("at", "send"))
    return jsonify(sandbox.recipients.set(provider, to, wanted.get("code"), moment)), 201


@control.post("/settlements")
def close_settlements() -> tuple[Response, int]:
    wanted = command()
    items = _settling(wanted).settle(current_sandbox(), wanted)
    return _items(items), 201


@control.post("/refunds/<gateway>/<refund_id>")
def settle_refund(gateway: str, refund_id: str) -> dict[str, Any]:
    status = str(command().get("status", "processed"))
    return _settling({"provider": gateway}).settle_refund(current_sandbox(), refund_id, status)


@control.post("/disputes")
def move_dispute() -> tuple[Response, int]:
    wanted = command()
    return jsonify(_settling(wanted).dispute(current_sandbox(), wanted)), 201


def _settling(wanted: dict[str, Any]) -> SettlingSimulator:
    simulator = current_sandbox().simulator(str(wanted.get("provider", DEFAULT_PROVIDERS["settling"])))
    if not isinstance(simulator, SettlingSimulator):
        raise SandboxError(f"{simulator.code} is not a payment gateway")
    return simulator


@control.post("/reset")
def reset() -> tuple[str, int]:
    """Forgets everything but the accounts."""
    current_sandbox().store.reset()
    return "", 204
