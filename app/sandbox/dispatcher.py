"""The background thread that sends webhooks and runs timers, so that no call ever waits for either."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import requests

from app.sandbox import clock
from app.sandbox.timers import Timer, Timers
from app.sandbox.webhooks import Delivery, Webhooks

SENDERS = 8


class Dispatcher:
    """Events of one lane (an order, a message) go one after the other; lanes do not wait for each other."""

    def __init__(self, webhooks: Webhooks, timers: Timers, act: Callable[[Timer], None], answer_within: float) -> None:
        self._webhooks = webhooks
        self._timers = timers
        self._act = act
        self._answer_within = answer_within
        self._news = threading.Condition()
        self._told = False
        self._stopping = False
        self._lanes = threading.Lock()
        self._busy_lanes: set[str] = set()
        self._senders = ThreadPoolExecutor(SENDERS, thread_name_prefix="sandbox-webhook")
        self._thread = threading.Thread(target=self._run, name="sandbox-dispatcher", daemon=True)
        webhooks.wake = timers.wake = self.wake

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Lets deliveries that are under way finish; the others stay written down."""
        self._stopping = True
        self.wake()
        self._thread.join()
        self._senders.shutdown(cancel_futures=True)

    def wake(self) -> None:
        with self._news:
            self._told = True
            self._news.notify()

    def _run(self) -> None:
        while not self._stopping:
            try:
                self._timers.run_due(self._act)
                self._hand_out()
            except Exception:
                # A broken timer must not end all deliveries; its transaction kept it for the next round.
                traceback.print_exc(file=sys.stderr)
                threading.Event().wait(1)
            self._sleep()

    def _hand_out(self) -> None:
        # Reading what is due and marking its lane happen under one lock, or a delivery could be handed out twice.
        with self._lanes:
            for delivery in self._webhooks.due(self._busy_lanes, SENDERS - len(self._busy_lanes)):
                self._busy_lanes.add(delivery.lane)
                self._senders.submit(self._deliver, delivery)

    def _sleep(self) -> None:
        moments = [at for at in (self._timers.next_due_at(), self._webhooks.next_due_at()) if at is not None]
        seconds = max(0.0, min(moments) - clock.seconds()) if moments else None
        with self._news:
            self._news.wait_for(lambda: self._told or self._stopping, timeout=seconds)
            self._told = False

    def _deliver(self, delivery: Delivery) -> None:
        try:
            self._webhooks.settle(delivery, *self._post(delivery))
        finally:
            with self._lanes:
                self._busy_lanes.discard(delivery.lane)
            self.wake()

    def _post(self, delivery: Delivery) -> tuple[int | None, str | None]:
        """The status, or why there was none; nobody reads the body, however long it is."""
        with requests.Session() as session:
            session.trust_env = False
            try:
                answer = session.post(
                    delivery.url, data=delivery.body, headers=delivery.headers,
                    timeout=self._answer_within, allow_redirects=False, stream=True,
                )  # fmt: skip
            except requests.RequestException as error:
                return None, type(error).__name__
        return answer.status_code, None
