"""A real HTTP server on a free loopback port that answers as a test tells it, call by call."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Received:
    """One request as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


Behaviour = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def handle_one_call(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.received.append(Received(self.command, self.path, headers, self.rfile.read(length)))
        self.close_connection = True
        self.server.next_behaviour()(self)

    do_GET = do_POST = handle_one_call  # noqa: N815 - names the base class looks up

    def log_message(self, *_: object) -> None:
        """Quiet."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.received: list[Received] = []
        self.script: list[Behaviour] = []
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def will(self, *behaviours: Behaviour) -> None:
        """Answer the next calls in this order; the last behaviour goes on for ever."""
        self.script = list(behaviours)

    def next_behaviour(self) -> Behaviour:
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up is what these tests are about."""


class _Patience:
    """The time-outs of whoever calls a scripted server: as long as a busy machine may need for its answer, and short
    for a call that the script leaves without one.
    """

    connect = 30.0

    @property
    def read(self) -> float:
        late = any(server.script[:1] in ([silence], [dripping]) for server in _running)
        return 1.0 if late else 30.0


PATIENCE: Any = _Patience()
_running: list[Server] = []


@contextmanager
def scripted_server() -> Iterator[Server]:
    server = Server()
    _running.append(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        _running.remove(server)
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


def answer(status: int, body: object = None, **headers: str) -> Behaviour:
    """An ordinary answer; bytes go out as they are, anything else as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    def act(handler: Handler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(raw)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(raw)

    return act


def silence(handler: Handler) -> None:
    """Take the request and never answer."""
    handler.server.released.wait(20)


def reset(handler: Handler) -> None:
    """Take the request and cut the connection with a TCP reset."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.rfile.close()
    handler.wfile.close()
    handler.connection.close()


def truncated(status: int) -> Behaviour:
    """Promise a long body and hang up after a few bytes."""

    def act(handler: Handler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"id":')

    return act


def endless(handler: Handler) -> None:
    """Send a body that does not stop by itself."""
    handler.send_response(200)
    handler.end_headers()
    while not handler.server.released.is_set():
        handler.wfile.write(b"x" * 65536)


def dripping(handler: Handler) -> None:
    """Send a byte now and then, each within the read time-out."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    while not handler.server.released.wait(0.05):
        handler.wfile.write(b"x")
        handler.wfile.flush()


@dataclass
class RefusingPort:
    """An address where nothing listens."""

    url: str = field(default="")

    def __post_init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{probe.getsockname()[1]}"


@contextmanager
def deaf_port() -> Iterator[int]:
    """A port whose queue of waiting connections is full: a further connection gets no answer at all."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
            waiting.append(client)
        try:
            yield port
        finally:
            for client in waiting:
                client.close()
