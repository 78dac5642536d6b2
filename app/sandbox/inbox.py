"""The inbox: pages that show what was sent, paid, called and announced."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as Redirect

from app.sandbox.errors import SandboxError
from app.sandbox.faults import REQUEST_FAULTS, WEBHOOK_FAULTS
from app.sandbox.messages import CHANNELS
from app.sandbox.money import shown_amount
from app.sandbox.sandbox import current_sandbox
from app.sandbox.simulator import MoneySimulator

inbox = Blueprint("inbox", __name__)
SHOWN = 200
SHUT_IN = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
INLINE_TYPES = ("application/pdf", "image/png", "image/jpeg", "text/plain")
# Gateways whose documents have `id`, `amount`, `currency`, `status` and `created_at`.
MONEY_GATEWAYS = ("razorpay", "phonepe")
MONEY_KINDS = ("order", "payment", "refund", "payment_link", "settlement", "dispute")


@inbox.app_template_filter("moment")
def moment(at: str | int) -> str:
    """Date and time in UTC from ISO text or Unix seconds."""
    when = datetime.fromtimestamp(at, UTC) if isinstance(at, int) else datetime.fromisoformat(at)
    return f"{when:%d %b %Y %H:%M:%S}"


@inbox.app_template_filter("amount")
def amount(entity: dict[str, Any]) -> str:
    return shown_amount(entity["amount"], entity.get("currency", "INR"))


@inbox.get("/")
def messages() -> str:
    to, channel = request.args.get("to", "").strip(), request.args.get("channel", "")
    wanted = channel if channel in CHANNELS else None
    found = current_sandbox().outbox.sent(to=to or None, channel=wanted, limit=SHOWN)
    return render_template("sandbox/messages.html", messages=found, to=to, channel=channel, channels=CHANNELS)


@inbox.get("/messages/<id>")
def message(id: str) -> str:
    found = current_sandbox().outbox.get(id) or abort(404)
    return render_template("sandbox/message.html", message=found)


@inbox.get("/messages/<id>/html")
def message_html(id: str) -> Response:
    """The mail's own HTML, shut in: no script, no request to anywhere."""
    found = current_sandbox().outbox.get(id) or abort(404)
    response = Response(found["html"] or "", content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = SHUT_IN
    return response


@inbox.get("/messages/<id>/attachments/<int:position>")
def attachment(id: str, position: int) -> Response:
    found = current_sandbox().outbox.attachment(id, position) or abort(404)
    response = Response(found.content or b"", content_type=found.mime_type or "application/octet-stream")
    shown = "inline" if found.mime_type in INLINE_TYPES else "attachment"
    response.headers.set("Content-Disposition", shown, filename=found.filename)
    return response


@inbox.get("/money")
def money() -> str:
    return render_template("sandbox/money.html", found={kind: _newest(kind) for kind in MONEY_KINDS})


def _newest(kind: str) -> list[dict[str, Any]]:
    sandbox = current_sandbox()
    found = [item for gateway in MONEY_GATEWAYS for item in sandbox.documents.all(f"{gateway}.{kind}", SHOWN)]
    for simulator in sandbox.simulators.values():
        if isinstance(simulator, MoneySimulator):
            found += simulator.money(sandbox, kind, SHOWN)
    return sorted(found, key=lambda item: int(item["created_at"]), reverse=True)[:SHOWN]


@inbox.get("/webhooks")
def webhooks() -> str:
    return render_template("sandbox/webhooks.html", deliveries=current_sandbox().webhooks.latest(None, SHOWN))


@inbox.post("/webhooks/<id>/resend")
def resend(id: str) -> Redirect:
    try:
        current_sandbox().webhooks.resend(id)
    except SandboxError:
        abort(404)
    return redirect(url_for("inbox.webhooks"), 303)


@inbox.get("/requests")
def requests() -> str:
    sandbox = current_sandbox()
    provider = request.args.get("provider", "")
    wanted = provider if provider in sandbox.simulators else None
    found = sandbox.calls.latest(wanted, None, SHOWN)
    return render_template("sandbox/requests.html", calls=found, providers=list(sandbox.simulators), provider=provider)


@inbox.get("/faults")
def faults() -> str:
    return _faults_page("")


def _faults_page(problem: str) -> str:
    sandbox = current_sandbox()
    kinds = {code: sandbox.faults.kinds(code) for code in sandbox.simulators}
    extra = sorted({kind for known in kinds.values() for kind in known} - set(REQUEST_FAULTS + WEBHOOK_FAULTS))
    return render_template(
        "sandbox/faults.html", armed=sandbox.faults.armed(), providers=list(kinds), problem=problem,
        faults=(*REQUEST_FAULTS, *WEBHOOK_FAULTS, *extra), accounts=sandbox.accounts.all(),
    )  # fmt: skip


@inbox.post("/faults")
def arm_fault() -> Redirect | tuple[str, int]:
    form = request.form
    if form.get("clear"):
        current_sandbox().faults.disarm()
        return redirect(url_for("inbox.faults"), 303)
    count = form.get("count", type=int)
    if count is None:
        return _faults_page(_("The count must be a whole number.")), 400
    try:
        wanted = {"provider": form.get("provider"), "fault": form.get("fault"), "operation": form.get("operation")}
        current_sandbox().faults.arm({**wanted, "count": count})
    except SandboxError as error:
        return _faults_page(str(error)), 400
    return redirect(url_for("inbox.faults"), 303)


@inbox.get("/healthz")
def health() -> dict[str, str]:
    current_sandbox().store.rows("select 1")
    return {"status": "ok"}
