"""Two web processes as production starts them, a line that can be cut, and many clients at once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import requests
import socketio

from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 90
CONNECT_SECONDS = 180


@contextmanager
def web_processes(count: int, directory: Path) -> Iterator[list[str]]:
    """The addresses of gunicorn processes on the test's own database and Redis, one worker each."""
    with ExitStack() as stack:
        addresses = [stack.enter_context(_web_process(directory / f"web{number}.log")) for number in range(count)]
        for address in addresses:
            wait_until(lambda address=address: _answers(address), START_SECONDS)  # type: ignore[misc]
        yield addresses


@contextmanager
def _web_process(log: Path) -> Iterator[str]:
    port = free_port()
    environment = {**os.environ, "PORT": str(port), "WEB_CONCURRENCY": "1", "REQUESTS_PER_MINUTE": "100000000"}
    command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py", "app:create_app()"]
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGINT)  # waits for no open connection
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/healthz", timeout=5).ok
    except requests.RequestException:
        return False


class JavaScriptClients:
    """Sockets of the official JavaScript client, in a process of its own."""

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        node = shutil.which("node") or str(Path(sys.executable).parent / "node")
        script = ROOT / "bench" / "listeners.mjs"
        self._process = subprocess.Popen(
            [node, str(script)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.acknowledged = self.ask({"groups": groups})["ready"]

    def ask(self, order: dict[str, Any]) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the clients' process has ended"
        return json.loads(answer)

    def heard(self) -> list[list[tuple[str, int | None, int]]]:
        """Per client: stream, previous and own revision of every push, in order."""
        return [[(item[1], item[2], item[3]) for item in client["heard"]] for client in self.report()]

    def report(self) -> list[dict[str, Any]]:
        return list(self.ask({"do": "report"})["clients"])

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


class PythonClient:
    """The official Python client; subscribes again whenever it is connected."""

    def __init__(self, address: str, token: str, subscribe: dict[str, Any], *, reconnect: bool = False) -> None:
        self.pushes: list[dict[str, Any]] = []
        self.connects = 0
        self._subscribe = subscribe
        self.client = socketio.Client(
            reconnection=reconnect, reconnection_delay=0.3, reconnection_delay_max=1, handle_sigint=False
        )
        self.client.on("queue", self.pushes.append, namespace="/live")
        self.client.on("connect", self._on_connect, namespace="/live")
        self.client.connect(
            address, namespaces=["/live"], transports=["websocket"], auth={"token": token}, wait_timeout=30
        )
        wait_until(lambda: bool(self.pushes), 30)

    def _on_connect(self) -> None:
        self.connects += 1
        self.client.emit("subscribe", self._subscribe, namespace="/live")

    def heard(self) -> list[tuple[str, int | None, int]]:
        return [(state["stream"], state["previous"], state["revision"]) for state in self.pushes]

    def close(self) -> None:
        self.client.reconnection = False
        with suppress(Exception):
            self.client._reconnect_abort.set()
        with suppress(Exception):
            self.client.eio.ws.shutdown()


class Line:
    """A TCP line to a web process that can be cut: closed, or silent like a phone without a network."""

    def __init__(self, target: str) -> None:
        self._target = ("127.0.0.1", int(target.rpartition(":")[2]))
        self._up = threading.Event()
        self._up.set()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, *, silent: bool = False) -> None:
        """From now on nothing gets through; a silent line tells nobody."""
        self._up.clear()
        if not silent:
            self._hang_up()

    def mend(self) -> None:
        """New connections get through; those of before the cut are dead."""
        self._hang_up()
        self._up.set()

    def close(self) -> None:
        self._listener.close()
        self._hang_up()

    def _hang_up(self) -> None:
        while self._open:
            with suppress(OSError):
                self._open.pop().shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if not self._up.is_set():
                near.close()
                continue
            far = socket.create_connection(self._target)
            self._open += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if not self._up.is_set():
                    continue  # lost on the way
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def in_parallel(*works: Callable[[], None]) -> None:
    """Run all at once; the first failure is raised."""
    failures: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
