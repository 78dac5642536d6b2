"""Many people at one doctor's day, each a process of its own: `python -m tests.scheduling.crowd < plan.json`.

The application is loaded and warmed once and then forked, so that a hundred processes cost seconds; each opens its own
connections, waits for the common start and asks the API as a desk does. One line of JSON comes back per answer.
"""

from __future__ import annotations

import gc
import json
import os
import random
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LIVE = "REQUESTED,SCHEDULED,CONFIRMED"
# How often each is done; what is rare here is rare at a desk.
ACTS = {"book": 30, "move": 20, "cancel": 14, "hold": 12, "pay": 10, "member": 9, "overbook": 5}


@dataclass
class Person:
    """Somebody at a desk. `told` is what the API answered: act, status, error code, and whom it was about."""

    plan: dict[str, Any]
    client: Any
    number: int
    told: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = random.Random(f"{self.plan['seed']}/{self.number}")

    def act(self, name: str) -> None:
        getattr(self, name)()

    def book(self) -> None:
        self._ask("book", "POST", "/appointments", self._wanted(patientId=self.dice.choice(self.plan["patients"])))

    def overbook(self) -> None:
        wanted = self._wanted(patientId=self.dice.choice(self.plan["patients"]), overbookReason="The doctor agreed")
        self._ask("overbook", "POST", "/appointments", wanted, self.plan["chief"])

    def member(self) -> None:
        wanted = self._wanted(subscriptionId=self.plan["subscription"])
        self._ask("member", "POST", "/appointments/subscriptions", wanted)

    def move(self) -> None:
        if visit := self._some_visit():
            body = {"startsAt": self.dice.choice(self.plan["times"])}
            self._ask("move", "POST", f"/appointments/{visit}/reschedule", body, visit=visit)

    def cancel(self) -> None:
        if visit := self._some_visit():
            self._ask("cancel", "POST", f"/appointments/{visit}/cancel", {"reason": "PATIENT_REQUEST"}, visit=visit)

    def pay(self) -> None:
        if visit := self._some_visit():
            body = {"appointmentId": visit, "tender": "CASH"}
            self._ask("pay", "POST", "/billing/payments", body, visit=visit)

    def hold(self) -> None:
        held = self._ask("hold", "POST", "/slot-holds", self._wanted())
        if "id" in held and self.dice.random() < 0.5:
            self._ask("drop", "DELETE", f"/slot-holds/{held['id']}")

    def _wanted(self, **more: Any) -> dict[str, Any]:
        place = {"doctorId": self.dice.choice(self.plan["doctors"]), "startsAt": self.dice.choice(self.plan["times"])}
        return {**place, "type": "IN_PERSON", **more}

    def _some_visit(self) -> str | None:
        doctor, day = self.dice.choice(self.plan["doctors"]), self.plan["day"]
        query = f"doctorId={doctor}&date={day}&status={LIVE}&limit=100"
        found = self._ask("list", "GET", f"/appointments?{query}")["items"]
        return self.dice.choice(found)["id"] if found else None

    def _ask(
        self, act: str, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, visit: str = ""
    ) -> dict[str, Any]:
        desk = self.plan["desks"][self.number % len(self.plan["desks"])]
        answer = self.client.open(f"/api/v1{path}", method=method, json=body, headers=headers or desk)
        said: dict[str, Any] = answer.get_json(silent=True) or {}
        code = said.get("error", {}).get("code", "")
        about = visit or (said.get("id", "") if act in ("book", "overbook", "member", "hold") else "")
        self.told.append({"act": act, "status": answer.status_code, "code": code, "about": about})
        return said


def main() -> None:
    plan = json.load(sys.stdin)
    app = _load()
    _rehearse(app, plan["rehearsal"])
    go, start = os.pipe()
    with tempfile.TemporaryDirectory() as directory:
        children = [_fork(lambda n=n: _live(app, plan, n, go, start, Path(directory))) for n in range(plan["people"])]
        os.close(go)
        os.close(start)  # all that wait read its end at once
        endings = [os.waitpid(child, 0)[1] for child in children]
        print(json.dumps({"endings": [status for status in endings if status]}))
        for path in sorted(Path(directory).iterdir()):
            sys.stdout.write(path.read_text())


def _load() -> Any:
    from tests.network_guard import block_network

    block_network()
    from app import create_app

    return create_app(TESTING=True, SOCKETIO_ASYNC_MODE="threading")


def _rehearse(app: Any, plan: dict[str, Any]) -> None:
    """Every act once or twice on another doctor's day, so that the children find all statements compiled."""
    person = Person(plan, app.test_client(), 0)
    for name in [*ACTS, *ACTS]:
        person.act(name)
    _disconnect(app)
    gc.collect()
    gc.freeze()  # pages that a collection never touches stay shared with the children


def _disconnect(app: Any) -> None:
    """No connection may be forked."""
    from app.core.jobs import redis_connection
    from app.core.tenant import db

    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()
    redis_connection().connection_pool.disconnect()


def _fork(live: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        try:
            live()
        except BaseException as problem:
            print(repr(problem), file=sys.stderr)
            os._exit(1)
        os._exit(0)
    return child


def _live(app: Any, plan: dict[str, Any], number: int, go: int, start: int, directory: Path) -> None:
    os.close(start)
    person = Person(plan, app.test_client(), number)
    names, weights = list(ACTS), list(ACTS.values())
    os.read(go, 1)
    for name in person.dice.choices(names, weights, k=plan["acts"]):
        person.act(name)
    (directory / f"{number:04}").write_text("".join(f"{json.dumps(line)}\n" for line in person.told))


if __name__ == "__main__":
    main()
