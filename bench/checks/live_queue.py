"""A change of a queue until a thousand screens have it, against python-socketio that broadcasts the same text."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import orjson
import psycopg

from bench import client
from bench.data import connection_arguments
from bench.figures import Effort, Figure, percentile, side_by_side
from bench.installation import Installation
from bench.processes import ROOT, Running, beside

SOCKETS = 1000
WAITING = 8
CHANGES = 20  # of a side in a round
WARM_UP = 5
MOST_MILLISECONDS, SMALLEST_SHARE = 150, 0.7
ARRIVAL_SECONDS = 20
MICRO = 1_000_000


class Screens:
    """Sockets of the official JavaScript client in a process of its own; times are of the machine's clock."""

    def __init__(self, port: int, token: str, doctor_id: str) -> None:
        node = shutil.which("node") or str(Path(sys.executable).parent / "node")
        command = [node, str(ROOT / "bench" / "listeners.mjs")]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        group = {"address": f"http://127.0.0.1:{port}", "token": token, "count": SOCKETS}
        ready = self._ask({"groups": [{**group, "subscribe": {"doctorId": doctor_id}}]})["ready"]
        if not all(answer["ok"] for answer in ready):
            raise RuntimeError("a socket was refused")

    def _ask(self, order: dict[str, Any]) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def latencies(self, change: Callable[[], None]) -> list[float]:
        """Seconds from asking for one change until each screen has it."""
        self._ask({"do": "forget"})
        started = time.clock_gettime_ns(time.CLOCK_MONOTONIC) / 1000
        change()
        deadline = time.monotonic() + ARRIVAL_SECONDS
        while time.monotonic() < deadline:
            heard = [item[0] for screen in self._ask({"do": "report"})["clients"] for item in screen["heard"]]
            if len(heard) >= SOCKETS:
                return [(at - started) / MICRO for at in heard]
            time.sleep(0.1)
        raise RuntimeError(f"only {len(heard)} of {SOCKETS} screens heard of a change")

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextmanager
def _screens(port: int, token: str, doctor_id: str) -> Iterator[Screens]:
    screens = Screens(port, token, doctor_id)
    try:
        yield screens
    finally:
        screens.close()


def live_queue(installation: Installation, effort: Effort) -> list[Figure]:
    """Both servers hold a thousand sockets all the time; they take turns."""
    house = installation.house
    doctor_id = house.doctor_ids[0]
    headers = {"Content-Type": "application/json", **house.logins["RECEPTIONIST"].bearer()}
    with (
        beside("bench.bare_push:create_app()", installation.environment, installation.directory) as (ours, theirs),
        ExitStack() as stack,
    ):
        token_id, state = _queue(installation, ours, headers, doctor_id)
        key = headers["Authorization"].removeprefix("Bearer ")
        mine, other = (stack.enter_context(_screens(server.port, key, doctor_id)) for server in (ours, theirs))
        recall = client.request("POST", f"/api/v1/queues/tokens/{token_id}/recall", headers, b"{}")
        broadcast = client.request("POST", "/", headers, state)
        found: list[float] = []

        def changes(screens: Screens, server: Running, raw: bytes, count: int = CHANGES) -> list[float]:
            return [seconds for _ in range(count) for seconds in screens.latencies(lambda: _send(server, raw))]

        def speed(latencies: list[float]) -> float:
            return 1 / (percentile(latencies, 0.95) * 1000)

        def our_speed() -> float:
            latencies = changes(mine, ours, recall)
            found.extend(latencies)
            return speed(latencies)

        for screens, server, raw in ((mine, ours, recall), (other, theirs, broadcast)):
            changes(screens, server, raw, WARM_UP)
        ratio, _, bare = side_by_side(our_speed, lambda: speed(changes(other, theirs, broadcast)), effort.rounds)
    p95 = percentile(found, 0.95) * 1000
    detail = f"median {percentile(found, 0.5) * 1000:.0f} ms, bare p95 {1 / bare:.0f} ms"
    return [
        Figure("queue", f"a queue's change on {SOCKETS:,} screens, p95", p95, "ms", "<", MOST_MILLISECONDS, detail),
        Figure("queue", "bare broadcast / a queue's change, p95", ratio, "×", ">=", SMALLEST_SHARE),
    ]


def _send(server: Running, raw: bytes) -> None:
    status, body = client.once(server.port, raw)
    if status != 200:
        raise client.RefusedAnswer(f"{status}: {body[:300]!r}")


def _queue(installation: Installation, server: Running, headers: dict[str, str], doctor_id: str) -> tuple[str, bytes]:
    """A queue with one patient called and some who wait: the called token, and the state that is pushed."""
    with psycopg.connect(**connection_arguments(installation.database_url)) as connection:
        rows = connection.execute("select id::text from patient limit %s", (WAITING + 1,)).fetchall()
    path = f"/api/v1/queues/{doctor_id}"

    def ask(method: str, address: str, data: Any = None) -> Any:
        body = b"" if data is None else orjson.dumps(data)
        status, answer = client.once(server.port, client.request(method, address, headers, body))
        if status not in (200, 201):
            raise client.RefusedAnswer(f"{status}: {answer[:300]!r}")
        return orjson.loads(answer)

    for token in ask("GET", path)["tokens"]:  # of an earlier run
        ask("POST", f"/api/v1/queues/tokens/{token['id']}/done", {})
    for (patient_id,) in rows:
        ask("POST", f"{path}/tokens", {"patientId": patient_id, "locationId": installation.house.location_id})
    called = ask("POST", f"{path}/call-next", {})["token"]
    state = ask("GET", path)
    names = ("number", "status", "position", "waitMinutes")
    state["tokens"] = [{name: token[name] for name in names} for token in state["tokens"]]
    return str(called["id"]), orjson.dumps(state)
