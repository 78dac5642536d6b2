"""What a queue's push is compared with: python-socketio alone, which broadcasts what it is given to a room."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import orjson
import socketio

NAMESPACE = "/live"
ROOM = "bench"


def create_app() -> Callable[..., Iterable[bytes]]:
    """A WSGI application: sockets, and one address whose body is broadcast."""
    server = socketio.Server(async_mode="gevent", transports=["websocket"], cors_allowed_origins=[])

    @server.on("subscribe", namespace=NAMESPACE)
    def subscribe(sid: str, _data: Any) -> dict[str, Any]:
        server.enter_room(sid, ROOM, namespace=NAMESPACE)
        return {"ok": True}

    @server.on("connect", namespace=NAMESPACE)
    def connect(_sid: str, _environ: Any, _auth: Any = None) -> None:
        """Everybody may listen."""

    def broadcast(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "POST":
            data = orjson.loads(environ["wsgi.input"].read())
            server.emit("queue", data, to=ROOM, namespace=NAMESPACE)
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", "2")])
        return [b"{}"]

    return socketio.WSGIApp(server, broadcast)
