"""Idempotency keys: the first answer of a key is kept, a fault's too, and given again; never for another request."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable

from flask import Response, jsonify, request

from app.sandbox import clock
from app.sandbox.documents import Entity
from app.sandbox.interception import pause
from app.sandbox.simulators.stripe.errors import StripeError, answer, server_fault
from app.sandbox.simulators.stripe.merchant import CODE, Merchant

KIND = f"{CODE}.key"
LONGEST = 255
FAULTS = ("stored_500",)
FIRST_REFUSAL, DECLINED, FIRST_FAULT = 400, 402, 500

_running: set[str] = set()
_running_lock = threading.Lock()


def once(merchant: Merchant, operation: str, act: Callable[[], Entity]) -> Response:
    """Carries out a POST, or answers as the first one with its key was answered."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        pause()
        return jsonify(act())
    if not 0 < len(key) <= LONGEST:
        raise StripeError("Idempotency keys have 1 to 255 characters.", type="idempotency_error")
    name = f"{merchant.account.account_id}:{key}"
    # Two sandboxes in one process (tests) must not meet each other's keys.
    claim = f"{id(merchant.sandbox)}:{name}"
    _claim(claim)
    try:
        return _known(merchant, name) or _first(merchant, name, operation, act)
    finally:
        with _running_lock:
            _running.discard(claim)


def _claim(claim: str) -> None:
    with _running_lock:
        if claim in _running:
            text = "There is currently another in-progress request using this Idempotent Key."
            raise StripeError(text, code="idempotency_key_in_use", status=409, type="idempotency_error")
        _running.add(claim)


def _known(merchant: Merchant, name: str) -> Response | None:
    kept = merchant.sandbox.documents.get(KIND, name)
    if kept is None:
        return None
    if kept["fingerprint"] != _fingerprint():
        text = "Keys for idempotent requests can only be used with the same parameters they were first used with."
        raise StripeError(text, type="idempotency_error")
    response = jsonify(kept["body"])
    response.status_code = kept["status"]
    response.headers["Idempotent-Replayed"] = "true"
    return response


def _first(merchant: Merchant, name: str, operation: str, act: Callable[[], Entity]) -> Response:
    """What is refused before anything was done is not kept: the same key may try again."""
    pause()
    try:
        if merchant.sandbox.faults.take(CODE, FAULTS, (operation,)):
            raise server_fault()
        response = jsonify(act())
    except StripeError as error:
        response = answer(error)
    if response.status_code < FIRST_REFUSAL or response.status_code == DECLINED or response.status_code >= FIRST_FAULT:
        _keep(merchant, name, response)
    return response


def _keep(merchant: Merchant, name: str, response: Response) -> None:
    kept = {
        "id": name, "fingerprint": _fingerprint(), "status": response.status_code, "body": response.get_json(),
        "created_at": clock.timestamp(),
    }  # fmt: skip
    merchant.sandbox.documents.put(KIND, kept, account=merchant.account.account_id)


def _fingerprint() -> str:
    parts = [request.path, sorted(request.form.items(multi=True))]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
