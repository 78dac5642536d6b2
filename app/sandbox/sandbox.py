"""Everything that the simulators share, wired once per process."""

from __future__ import annotations

from typing import cast

from flask import current_app

from app.sandbox.accounts import Account, AccountBook
from app.sandbox.calls import CallLog
from app.sandbox.documents import Documents
from app.sandbox.errors import SandboxError
from app.sandbox.faults import FaultBook
from app.sandbox.messages import Outbox
from app.sandbox.recipients import RecipientBook
from app.sandbox.settings import HOST, SandboxSettings
from app.sandbox.simulator import HttpSimulator, Simulator, TimedSignatures
from app.sandbox.store import FILE_NAME, Store
from app.sandbox.timers import Timer, Timers
from app.sandbox.webhooks import Delivery, Notice, Webhooks

EXTENSION = "provider_sandbox"


class Sandbox:
    """The state of one running sandbox. Raises CannotStart when its file cannot be written."""

    def __init__(self, settings: SandboxSettings, simulators: tuple[Simulator, ...]) -> None:
        self.settings = settings
        self.origin = f"http://{HOST}:{settings.port}"
        self.simulators = {simulator.code: simulator for simulator in simulators}
        self.store = Store(settings.data_dir / FILE_NAME if settings.data_dir else None)
        self.documents = Documents(self.store)
        self.accounts = AccountBook(self.store, {s.code: s.account_schema for s in simulators})
        self.faults = FaultBook(self.store, {s.code: s.extra_faults for s in simulators})
        self.webhooks = Webhooks(self.store, self.faults, settings.retry_seconds)
        self.outbox = Outbox(self.store)
        self.recipients = RecipientBook(self.documents)
        self.calls = CallLog(self.store)
        self.timers = Timers(self.store)
        self.webhooks.sign_again = self._headers_of

    def simulator(self, code: str) -> Simulator:
        """Raises SandboxError for a provider that is not simulated."""
        if code not in self.simulators:
            raise SandboxError(f"provider must be one of {', '.join(self.simulators)}")
        return self.simulators[code]

    def announce(self, provider: str, account: Account, lane: str, notices: list[Notice]) -> list[str]:
        """Queues webhooks to the account's address; the lane keeps their order."""
        return self.webhooks.emit(provider, account.identity, account.webhook_url, f"{provider}:{lane}", notices)

    def _headers_of(self, delivery: Delivery) -> dict[str, str]:
        simulator = self.simulators.get(delivery.provider)
        account = self.accounts.find(delivery.provider, delivery.account)
        if account is None or not isinstance(simulator, TimedSignatures):
            return delivery.headers
        return simulator.sign_webhook(account, delivery.body, delivery.event_id)

    def run_timer(self, timer: Timer) -> None:
        simulator = self.simulators[timer.provider]
        assert isinstance(simulator, HttpSimulator)
        simulator.on_timer(self, timer)


def current_sandbox() -> Sandbox:
    """The sandbox of the current request."""
    return cast(Sandbox, current_app.extensions[EXTENSION])
