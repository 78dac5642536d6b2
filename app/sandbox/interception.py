"""Between the wire and the simulators: spends armed faults and writes down every provider call."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from flask import Flask, Response, g, request

from app.sandbox.calls import Call, masked_headers
from app.sandbox.faults import REQUEST_FAULTS, Fault
from app.sandbox.sandbox import current_sandbox
from app.sandbox.simulator import HttpSimulator

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

NO_ANSWER = "sandbox.no_answer"
SILENT = ("timeout", "reset")
REFUSING = ("500", "429")


def intercept(app: Flask) -> None:
    """Hooks into the API blueprints of all simulators."""
    app.before_request(_meet)
    app.after_request(_leave)
    app.wsgi_app = DroppedConnections(app.wsgi_app)  # type: ignore[method-assign]


def pause() -> None:
    """Lags here and now if a `slow` fault hit this call; views call it where the vendor would be busy."""
    fault: Fault | None = g.get("fault")
    if fault is not None and fault.fault == "slow" and not g.get("paused"):
        g.paused = True
        time.sleep(fault.seconds)


def _simulator() -> HttpSimulator | None:
    found = current_sandbox().simulators.get(request.blueprint or "")
    return found if isinstance(found, HttpSimulator) else None


def _operation() -> str:
    named = getattr(_simulator(), "operation_of_request", None)
    return named() if named else (request.endpoint or "").rpartition(".")[2]


def _meet() -> Response | None:
    g.started = time.monotonic()
    simulator = _simulator()
    if simulator is None:
        return None
    # Read now: after a refusal nobody else would, and the recorded call would lack its body.
    request.get_data(cache=True, parse_form_data=False)
    spared = _operation() in getattr(simulator, "spared_operations", ())
    fault = g.fault = current_sandbox().faults.take(simulator.code, REQUEST_FAULTS, (_operation(),), named_only=spared)
    if fault is None or not fault.before:
        return None
    g.refused = True
    return simulator.fault_answer("429" if fault.fault == "429" else "500", fault.seconds)


def _leave(response: Response) -> Response:
    simulator = _simulator()
    if simulator is None:
        return response
    fault: Fault | None = g.get("fault")
    if fault is not None:
        pause()
        response = _bend(simulator, fault, response)
    _record(simulator, fault, response)
    return response


def _bend(simulator: HttpSimulator, fault: Fault, response: Response) -> Response:
    if fault.fault in SILENT:
        request.environ[NO_ANSWER] = fault
    elif fault.fault in REFUSING and not g.get("refused"):
        return simulator.fault_answer(fault.fault, fault.seconds)
    elif fault.fault == "malformed":
        return Response(b'{"id": "', 200, content_type="application/json")
    return response


def _record(simulator: HttpSimulator, fault: Fault | None, response: Response) -> None:
    silent = fault is not None and fault.fault in SILENT
    current_sandbox().calls.add(
        Call(
            provider=simulator.code, account=simulator.account_of_request(), operation=_operation(),
            method=request.method, path=request.full_path.rstrip("?"), headers=masked_headers(dict(request.headers)),
            body=_recorded_body(), status=None if silent else response.status_code,
            fault=fault.fault if fault else None, milliseconds=round((time.monotonic() - g.started) * 1000),
        )
    )  # fmt: skip


def _recorded_body() -> str:
    if request.mimetype.startswith("multipart/"):
        files = [f"{part.filename} ({part.mimetype})" for part in request.files.values()]
        return f"{dict(request.form)} {files}"
    if request.mimetype == "application/x-www-form-urlencoded":
        fields = request.form.items(multi=True)
        return urlencode([(name, "****" if "secret" in name else value) for name, value in fields])
    return request.get_data().decode("utf-8", "replace")


class DroppedConnections:
    """Leaves a call unanswered: silence until the client gives up, or the connection cut."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = self._app(environ, _HeldBack(environ, start_response))
        fault: Fault | None = environ.get(NO_ANSWER)
        if fault is None:
            return answer
        connection: socket.socket = environ["werkzeug.socket"]
        if fault.fault == "timeout":
            _wait_until_gone(connection, fault.seconds)
        # A closed socket that lingers for 0 s is a reset on the wire.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise ConnectionAbortedError("dropped by an armed fault")


class _HeldBack:
    """`start_response` that says nothing for a call that stays without an answer."""

    def __init__(self, environ: WSGIEnvironment, start_response: StartResponse) -> None:
        self._environ = environ
        self._start_response = start_response

    def __call__(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        if NO_ANSWER in self._environ:
            return lambda data: None
        return self._start_response(status, headers, exc_info)


def _wait_until_gone(connection: socket.socket, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    with suppress(OSError):
        while (left := deadline - time.monotonic()) > 0:
            connection.settimeout(left)
            if not connection.recv(1, socket.MSG_PEEK):
                return
            time.sleep(0.05)
