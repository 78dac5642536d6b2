"""A patient pays for a visit and gets a part back, while one process dies on the way and life goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from app.core.waking import ON_ITS_WAY_SECONDS
from tests.scripted_server import Server
from tests.waiting import wait_until
from tests.walk.house import REFUND
from tests.walk.installation import Installation
from tests.walk.zygote import Ended

MOST_TRIES = 12
QUICK_TRIES = 3  # so many follow each other at once; then the marks that Redis keeps by its own clock run out
LATER = 95  # seconds: past the leases of operations, keys and first steps
MUCH_LATER = 300
SENT_ALL_SECONDS = 20


@dataclass
class Walk:
    """`kill_at`: at which point of all a process dies; 0 for none. `lose_redis`: with it Redis starts anew, empty."""

    installation: Installation
    house: dict[str, Any]
    finance: dict[str, Any]
    inbox: Server
    kill_at: int = 0
    lose_redis: bool = False
    points: list[str] = field(default_factory=list)
    killed: str = ""
    later: float = 0
    tries: int = 0
    _tokens: dict[str, str] = field(default_factory=dict)
    _checkout: dict[str, Any] = field(default_factory=dict)
    _visit: str = ""
    _taken: int = 0

    def __post_init__(self) -> None:
        self.person = self.installation.person(self.house)
        self.installation.sandbox.reset()
        self.inbox.received.clear()

    def to_the_end(self) -> None:
        steps: Sequence[Callable[[], bool]] = (
            self.log_in, self.book, self.begin_payment, self.pay, self.settle, self.refund, self.settle, self.look_back,
        )  # fmt: skip
        for step in steps:
            self._until_done(step)

    def _until_done(self, step: Callable[[], bool]) -> None:
        for number in range(MOST_TRIES):
            if step():
                return
            self.tries += 1
            self.later += LATER
            if number >= QUICK_TRIES:
                time.sleep(ON_ITS_WAY_SECONDS / QUICK_TRIES)
        raise AssertionError(f"{step.__name__} never came to an end; killed {self.killed}: {self._waiting()}")

    # ---- what people do ----

    def log_in(self) -> bool:
        answer = self._ask("POST", "/auth/login", self._login(self.person))
        if answer is None:
            return False
        self._tokens[self.person["username"]] = answer["body"]["accessToken"]
        return True

    def book(self) -> bool:
        """Always the same slot and key, so that a second try is the same wish."""
        if not self._checkout:
            day = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
            path = f"/doctors/{self.house['doctor_id']}/slots?date={day}&days=30&type=VIDEO_CALL"
            answer = self._ask("GET", path)
            if answer is None:
                return False
            self._checkout = next(item for item in answer["body"]["items"] if item["available"])
        wanted = {"doctorId": self.house["doctor_id"], "type": "VIDEO_CALL", "startsAt": self._checkout["startsAt"]}
        answer = self._ask("POST", "/appointments", wanted, key="book")
        if answer is None or answer["status"] != 201:
            return False
        self._visit = answer["body"]["id"]
        return True

    def begin_payment(self) -> bool:
        answer = self._ask("POST", f"/billing/appointments/{self._visit}/process-payment", {}, key="pay")
        if answer is None or answer["status"] != 201:
            return False
        self._checkout = answer["body"]
        return True

    def pay(self) -> bool:
        """Through our page to the hosted one, where the button is pressed once."""
        page = self._checkout["checkoutUrl"].partition("/pay/")[2]
        if self._do("tests.chaos.steps:ask", "GET", f"/pay/{page}").killed:
            return False
        self.installation.sandbox.pay(self._checkout["orderId"])
        return True

    def refund(self) -> bool:
        wanted = {"amount": REFUND, "reason": "The visit was cut short"}
        path = f"/billing/payments/{self._checkout['paymentId']}/refund"
        answer = self._ask("POST", path, wanted, key="refund", who=self.finance)
        return answer is not None and answer["status"] == 201

    # ---- what happens by itself ----

    def settle(self) -> bool:
        """Providers post, workers work, the scheduler sweeps; done when nothing waits any more."""
        self._take_notices()
        self._do("tests.chaos.steps:work")
        self._take_notices()
        self._do("tests.chaos.steps:sweep")
        return self._taken == len(self.inbox.received) and not self._waiting(but="operations")

    def look_back(self) -> bool:
        """The last looks at the gateway are over, too."""
        self.later += MUCH_LATER
        return self.settle() and not self._waiting()

    def _take_notices(self) -> None:
        sandbox = self.installation.sandbox
        wait_until(lambda: all(item["status"] != "pending" for item in sandbox.webhooks()), SENT_ALL_SECONDS)
        news = self.inbox.received[self._taken :]
        if not news:
            return
        notices = [{"path": item.path, "body": item.body.decode(), "headers": dict(item.headers)} for item in news]
        ended = self._do("tests.chaos.steps:take_notices", notices)
        if not ended.killed:  # otherwise the provider saw no answer, and posts them again
            assert set(ended.answer) == {200}, ended.answer
            self._taken += len(news)

    def _waiting(self, but: str = "") -> dict[str, int]:
        found: dict[str, int] = self.installation.zygote.call("tests.walk.books:waiting", self.house["clinic_id"])
        return {kind: number for kind, number in found.items() if kind != but}

    # ---- mortal processes ----

    def _do(self, target: str, *arguments: Any) -> Ended:
        kill_at = 0 if self.killed or not self.kill_at else self.kill_at - len(self.points)
        ended = self.installation.zygote.mortal(target, *arguments, later=self.later, kill_at=kill_at)
        self.points += ended.points
        if ended.killed:
            self.killed = ended.points[-1]
            if self.lose_redis:
                self.installation.redis.kill()
                self.installation.redis.start()
        return ended

    def _ask(
        self, method: str, path: str, body: Any = None, key: str = "", who: dict[str, Any] | None = None
    ) -> dict[str, Any] | None:
        """The answer, or None when there was none or when one has to log in again."""
        headers = {"Idempotency-Key": f"{key}-{self.person['patient_id']}"} if key else {}
        name = (who or self.person)["username"]
        if not path.startswith("/auth/"):
            if name not in self._tokens:
                self._tokens[name] = self._token(who or self.person)
            headers["Authorization"] = f"Bearer {self._tokens[name]}"
        ended = self._do("tests.chaos.steps:ask", method, f"/api/v1{path}", body, headers)
        if ended.killed:
            return None
        if ended.answer["status"] == 401:
            del self._tokens[name]
            return None
        assert ended.answer["status"] < 500 or ended.answer["status"] == 502, ended.answer
        answer: dict[str, Any] = ended.answer
        return answer

    def _token(self, who: dict[str, Any]) -> str:
        """Of a log-in that nobody kills."""
        call = ("tests.chaos.steps:ask", "POST", "/api/v1/auth/login", self._login(who))
        return str(self.installation.zygote.call(*call, later=self.later)["body"]["accessToken"])

    @staticmethod
    def _login(who: dict[str, Any]) -> dict[str, str]:
        return {"username": who["username"], "password": who["password"]}
