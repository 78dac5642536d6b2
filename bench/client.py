"""A load generator that costs little: raw keep-alive sockets, requests prepared as bytes."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count

HEADER_END = b"\r\n\r\n"
SECONDS = 30


class RefusedAnswer(RuntimeError):
    """A server answered with another status than the check expects."""


@dataclass
class Result:
    """What a run measured; latencies in seconds."""

    requests: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds if self.seconds else 0.0


def request(method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> bytes:
    """A request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + HEADER_END + body


def once(port: int, raw: bytes) -> tuple[int, bytes]:
    """Status and body of one request."""
    with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
        return _exchange(connection, raw)


def timed(port: int, raws: Iterable[bytes], statuses: Iterable[int] = (200,)) -> list[float]:
    """Seconds of each request, sent one after the other over one connection."""
    accepted = frozenset(statuses)
    with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
        return [_timed(connection, raw, accepted) for raw in raws]


def run(
    port: int, make: Callable[[int], bytes], *, clients: int, seconds: float, statuses: Iterable[int] = (200, 201)
) -> Result:
    """Send `make(n)` for n = 0, 1, ... from `clients` connections for some seconds."""
    accepted, numbers, result = frozenset(statuses), count(), Result()
    lock, problems = threading.Lock(), list[Exception]()
    started = time.perf_counter()
    end = started + seconds

    def work() -> None:
        own: list[float] = []
        try:
            with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
                while time.perf_counter() < end:
                    own.append(_timed(connection, make(next(numbers)), accepted))
        except Exception as problem:
            problems.append(problem)
        with lock:
            result.latencies += own

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]
    result.seconds, result.requests = time.perf_counter() - started, len(result.latencies)
    return result


def _timed(connection: socket.socket, raw: bytes, accepted: frozenset[int]) -> float:
    started = time.perf_counter()
    status, body = _exchange(connection, raw)
    if status not in accepted:
        raise RefusedAnswer(f"{status}: {body[:300]!r}")
    return time.perf_counter() - started


def _exchange(connection: socket.socket, raw: bytes) -> tuple[int, bytes]:
    connection.sendall(raw)
    data = b""
    while HEADER_END not in data:
        data += _more(connection)
    head, _, body = data.partition(HEADER_END)
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), None)
    if length is None:
        return int(head[9:12]), _chunked(connection, body)
    while len(body) < length:
        body += _more(connection)
    return int(head[9:12]), body


def _chunked(connection: socket.socket, body: bytes) -> bytes:
    while not body.endswith(b"0\r\n\r\n"):
        body += _more(connection)
    return body


def _more(connection: socket.socket) -> bytes:
    received = connection.recv(65536)
    if not received:
        raise ConnectionError("the server closed the connection")
    return received
