"""What a simulated provider brings along; adding one is one module and one line in `simulators/__init__.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from flask import Blueprint, Response

from app.sandbox.accounts import Account
from app.sandbox.timers import Timer

if TYPE_CHECKING:
    from app.sandbox.sandbox import Sandbox


class Simulator(Protocol):
    """One vendor: the word for it in URLs and JSON, what an account of it holds, and faults that only it has."""

    @property
    def code(self) -> str: ...

    @property
    def account_schema(self) -> type[Account]: ...

    @property
    def extra_faults(self) -> tuple[str, ...]: ...


@runtime_checkable
class HttpSimulator(Protocol):
    """A vendor with an HTTP API. Its first blueprint is the API: recorded, and hit by faults.

    `spared_operations`, where it has that attribute, are calls that only prepare another one: faults must name them.
    `operation_of_request()`, where it has that method, names the call of an API with one address for all.
    """

    @property
    def code(self) -> str: ...

    def blueprints(self) -> tuple[Blueprint, ...]:
        """The API under the provider's code as name, then pages for browsers."""
        ...

    def account_of_request(self) -> str:
        """The account identity that the current request claims, '' when it names none."""
        ...

    def fault_answer(self, fault: str, retry_after: float) -> Response:
        """The vendor's own 500 or 429."""
        ...

    def sign_webhook(self, account: Account, body: bytes, event_id: str) -> dict[str, str]:
        """The headers of a webhook over these bytes."""
        ...

    def on_timer(self, sandbox: Sandbox, timer: Timer) -> None:
        """Carries out what the simulator set a timer for."""
        ...


@runtime_checkable
class TimedSignatures(Protocol):
    """A vendor whose signature holds the time of the delivery, so that each delivery is signed anew."""

    signs_each_delivery: bool

    def sign_webhook(self, account: Account, body: bytes, event_id: str) -> dict[str, str]: ...


@runtime_checkable
class CheckoutSimulator(Protocol):
    """A gateway with a hosted page."""

    def checkout(self, sandbox: Sandbox, order_id: str, command: dict[str, Any]) -> dict[str, Any]:
        """Does what a button of the hosted page does, `command["result"]` says which."""
        ...


@runtime_checkable
class SettlingSimulator(Protocol):
    """A gateway that pays out, refunds and disputes."""

    def settle(self, sandbox: Sandbox, command: dict[str, Any]) -> list[dict[str, Any]]:
        """Closes a settlement for each account that has something to settle."""
        ...

    def settle_refund(self, sandbox: Sandbox, refund_id: str, status: str) -> dict[str, Any]:
        """Ends a pending refund as processed or failed."""
        ...

    def dispute(self, sandbox: Sandbox, command: dict[str, Any]) -> dict[str, Any]:
        """Opens a dispute on a payment, or moves one on."""
        ...


@runtime_checkable
class MoneySimulator(Protocol):
    """A gateway whose documents are not shaped as the money page shows them."""

    def money(self, sandbox: Sandbox, kind: str, limit: int) -> list[dict[str, Any]]:
        """Rows with id, amount (hundredths), currency, status, created_at (Unix seconds) and what they belong to."""
        ...


@runtime_checkable
class MessagingSimulator(Protocol):
    """A channel where people write back."""

    def receive(self, sandbox: Sandbox, command: dict[str, Any]) -> dict[str, Any]:
        """A message from a person to the clinic, webhook included."""
        ...


@runtime_checkable
class ReportingSimulator(Protocol):
    """A channel whose later events (an opened mail, a complaint) happen on demand."""

    def report(self, sandbox: Sandbox, message: dict[str, Any], event: str) -> list[str]:
        """Sends the webhook of that event about a message of the inbox."""
        ...


@runtime_checkable
class VerifyingSimulator(Protocol):
    """A channel that tries a webhook address before it uses it."""

    def verify_webhook(self, sandbox: Sandbox, command: dict[str, Any]) -> dict[str, Any]:
        """Asks the account's webhook address as the vendor does when it is entered."""
        ...
