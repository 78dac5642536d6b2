"""Live pushes: Socket.IO with the same principal, clinic and permission as every other edge.

Flask-SocketIO runs no `before_request` for events (DESIGN 4), so the base namespace sets the scope per event. An open
socket hears without asking: a look-out in each process closes those whose session or membership has ended.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import orjson
from flask import Flask, current_app, request
from flask_socketio import ConnectionRefusedError, Namespace, emit, join_room
from redis.exceptions import RedisError
from socketio import RedisManager
from sqlalchemy.exc import SQLAlchemyError

from app.core.batches import Batches
from app.core.errors import AppError
from app.core.guests import Guest, comes_as_guest, find_guest, still_welcome, subscribe_guest
from app.core.principal import Principal, acting_as
from app.core.push_order import PushOrder
from app.core.round_trip import ask
from app.core.tenant import tenant_scope
from app.core.transaction import after_commit, unit_of_work

log = logging.getLogger(__name__)

LIVE = "/live"
SOCKETS_PATH = "/socket.io/"
LOOK_AGAIN_SECONDS = 2
SUBSCRIBE = "subscribe"

SocketHandler = Callable[[Any], Any]
SOCKET_HANDLERS: dict[str, SocketHandler] = {}
_principals: dict[str, Principal] = {}
_guests: dict[str, Guest] = {}
Authenticate = Callable[[Any], "Principal | None"]


def on_live(name: str) -> Callable[[SocketHandler], SocketHandler]:
    """Declare the handler of a client event on /live. It takes the event's data and may return an acknowledgement."""

    def declare(function: SocketHandler) -> SocketHandler:
        SOCKET_HANDLERS[name] = function
        return function

    return declare


def clinic_room(clinic_id: str, *parts: str) -> str:
    """Rooms carry the clinic in their name, so that no push can cross clinics."""
    return ":".join((clinic_id, *parts))


def user_room(clinic_id: str, user_id: str) -> str:
    """What one person hears in a clinic, without having to subscribe."""
    return clinic_room(clinic_id, "user", user_id)


def push(name: str, data: dict[str, Any], *rooms: str) -> None:
    """Emit to rooms of /live once the present transaction is durable; who is in several of them hears it once."""
    socketio = current_app.extensions["socketio"]
    after_commit(lambda: socketio.emit(name, data, to=list(rooms), namespace=LIVE))


class SocketsBeside:
    """Leads to Socket.IO's server what is meant for it, everything else past it: it makes a class for each request.

    It takes no client's offer to compress frames: a push would be compressed once per socket, and a thousand of them
    would hold a thousand compressors. Our frames fit in a packet as they are.
    """

    def __init__(self, pages: Any, sockets: Any) -> None:
        self._pages, self._sockets = pages, sockets

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if not environ["PATH_INFO"].startswith(SOCKETS_PATH):
            return self._pages(environ, start_response)
        environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
        return self._sockets(environ, start_response)


class LiveManager(RedisManager):
    """Tells other processes through the shared connection: the manager's own one would wait for a hung Redis.

    Clients of this process have heard it before. What belongs to a stream is delivered in the stream's order.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._order = PushOrder(self._deliver, self._later)
        self._published = Batches(self._publish_all)

    def _handle_emit(self, message: Any) -> None:
        self._order.take(message)

    def _deliver(self, message: Any) -> None:
        super()._handle_emit(message)

    def _later(self, seconds: float, function: Callable[[], None]) -> None:
        def wait() -> None:
            self.server.sleep(seconds)
            function()

        self.server.start_background_task(wait)

    def _publish(self, data: Any) -> None:
        self._published.add([orjson.dumps(data)])

    def _publish_all(self, messages: list[bytes]) -> None:
        try:
            ask(*(("PUBLISH", self.channel, message) for message in messages))
        except RedisError:
            log.warning("a push reached the clients of this process only")


class LiveNamespace(Namespace):
    """Namespace /live: refuses anonymous clients, runs each event in the scope of the client's clinic."""

    def __init__(self, authenticate: Authenticate, still_valid: Callable[[Principal], bool]) -> None:
        super().__init__(LIVE)
        self._authenticate = authenticate
        self._still_valid = still_valid
        self._watching = False

    def on_connect(self, auth: Any = None) -> None:
        if comes_as_guest(auth):
            self._let_guest_in(auth)
            return
        principal = self._authenticate(auth)
        if principal is None or principal.clinic_id is None:
            raise ConnectionRefusedError("UNAUTHORIZED")
        _principals[request.sid] = principal  # type: ignore[attr-defined]
        join_room(user_room(principal.clinic_id, principal.user_id))
        self._watch()

    def _let_guest_in(self, auth: Any) -> None:
        guest = find_guest(auth)
        if guest is None:
            raise ConnectionRefusedError("UNAUTHORIZED")
        _guests[request.sid] = guest  # type: ignore[attr-defined]
        self._watch()

    def _watch(self) -> None:
        if not self._watching:
            self._watching = True
            self.socketio.start_background_task(self._look_out, current_app._get_current_object())  # type: ignore[attr-defined]

    def on_disconnect(self, _reason: Any = None) -> None:
        _principals.pop(request.sid, None)  # type: ignore[attr-defined]
        _guests.pop(request.sid, None)  # type: ignore[attr-defined]

    def _look_out(self, app: Flask) -> None:
        """Close what has ended, as long as the process lives. Its own failures end nothing."""
        while True:
            self.socketio.sleep(LOOK_AGAIN_SECONDS)
            try:
                with app.app_context():
                    self._close_ended()
            except SQLAlchemyError:
                continue  # nobody can be looked up: who was let in stays in
            except Exception:
                log.exception("the look-out for ended sessions failed")

    def _close_ended(self) -> None:
        stands: dict[Principal | Guest, bool] = {}
        connected: dict[str, Principal | Guest] = {**_principals, **_guests}
        for sid, who in connected.items():
            if who not in stands:
                stands[who] = still_welcome(who) if isinstance(who, Guest) else self._still_valid(who)
            if not stands[who]:
                self.socketio.server.disconnect(sid, namespace=LIVE)

    def trigger_event(self, event: str, *args: Any) -> Any:
        if event in ("connect", "disconnect"):
            return super().trigger_event(event, *args)
        return self.socketio._handle_event(partial(self._run, event), event, self.namespace, *args)

    def _run(self, event: str, data: Any = None, *_rest: Any) -> Any:
        handler = SOCKET_HANDLERS.get(event)
        principal = _principals.get(request.sid)  # type: ignore[attr-defined]
        guest = _guests.get(request.sid)  # type: ignore[attr-defined]
        try:
            if guest is not None and event == SUBSCRIBE:
                return subscribe_guest(guest)
            if handler is None or principal is None or principal.clinic_id is None or not self._still_valid(principal):
                return {"error": {"code": "UNAUTHORIZED" if handler else "NOT_FOUND"}}
            with acting_as(principal), tenant_scope(principal.clinic_id), unit_of_work():
                return handler(data if isinstance(data, dict) else {})
        except AppError as error:
            emit("error", error.to_json()["error"])
            return error.to_json()
        except Exception:
            log.exception("a socket event failed")
            return {"error": {"code": "INTERNAL"}}
