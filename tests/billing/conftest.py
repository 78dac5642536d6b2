"""A clinic with a gateway, WhatsApp and mail behind it: a sandbox that posts its webhooks to this application."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import Any

import pytest
from flask import g
from werkzeug.serving import make_server

from app.core.jobs import QUEUES, queue_named
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.messaging.channels import CHANNELS
from app.tenancy.models import ProviderAccount
from app.tenancy.providers import save_account
from tests.factories.history import end_open_work
from tests.factories.payments import KEY_ID, KEY_SECRET, WEBHOOK_SECRET, make_gateway_account
from tests.payments.gateway_accounts import STRIPE, GatewayClinic, connected
from tests.sandbox_server import RunningSandbox, running_sandbox

WHATSAPP = {"phone_number_id": "1001", "access_token": "token-1", "app_secret": "secret-1", "verify_token": "verify-1"}
PATIENCE_SECONDS = 60


@pytest.fixture(scope="session")
def provider_server() -> Iterator[RunningSandbox]:
    with running_sandbox() as running:
        yield running


@pytest.fixture(scope="session")
def console_url(app: Any) -> Iterator[str]:
    """The application over real HTTP."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def sandbox(provider_server: RunningSandbox, console_url: str, in_clinic: Any) -> RunningSandbox:
    """A sandbox that remembers nothing, and the clinic's accounts in it."""
    end_open_work()
    provider_server.reset()
    secrets = {"keyId": KEY_ID, "keySecret": KEY_SECRET, "webhookSecret": WEBHOOK_SECRET}
    hook = f"{console_url}/api/payments/razorpay/webhook?clinicId={in_clinic.id}"
    provider_server.account("razorpay", **secrets, webhookUrl=hook)
    provider_server.account(
        "whatsapp",
        phoneNumberId="1001",
        accessToken="token-1",
        appSecret="secret-1",
        verifyToken="verify-1",
        webhookUrl=f"{console_url}/api/messaging/whatsapp_cloud/webhook?clinicId={in_clinic.id}",
    )
    make_gateway_account(provider_server.razorpay_url)
    with unit_of_work():
        _message_account("whatsapp", "whatsapp_cloud", WHATSAPP, provider_server.whatsapp_url)
        mail = f"smtp://{provider_server.smtp_host}:{provider_server.smtp_port}"
        _message_account("email", "smtp", {"from_address": "desk@sunrise.example.com"}, mail)
    return provider_server


@pytest.fixture
def stripe(provider_server: RunningSandbox, in_clinic: Any) -> Iterator[GatewayClinic]:
    """The clinic with an account at Stripe, which keeps instruments and closes pages."""
    with connected(STRIPE, provider_server) as clinic:
        yield clinic


def _message_account(channel: str, provider: str, credentials: dict[str, str], base_url: str) -> None:
    save_account(
        ProviderAccount(channel=channel, provider=provider), CHANNELS, credentials=credentials, base_url=base_url
    )


def run_everything() -> int:
    """Run what stands in all queues as workers would, until they are empty; how many jobs ran."""
    ran = 0
    while True:
        waiting = [queue for queue in map(queue_named, QUEUES) if queue.count]
        if not waiting:
            return ran
        job = waiting[0].get_jobs(0, 1)[0]
        waiting[0].remove(job)
        job.perform()
        ran += 1


def work_until(done: Callable[[], Any], what: str) -> Any:
    """Run the workers' jobs until `done` answers; fails the test after PATIENCE_SECONDS."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        run_everything()
        db.session.rollback()
        answer = done()
        if answer:
            return answer
        time.sleep(0.02)
    pytest.fail(f"never happened: {what}")


class Api:
    """Calls of one person, each in a context of its own: a request leaves no clinic in scope behind."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __call__(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        answer = self.raw(method, f"/api/v1{path}", json=body, **options)
        return answer.status_code, answer.get_json(silent=True)

    def raw(self, method: str, path: str, **options: Any) -> Any:
        return copy_context().run(self._client.open, path, method=method, **options)


@pytest.fixture
def api(client_as: Callable[..., Any]) -> Callable[..., Api]:
    """`api("RECEPTIONIST")("GET", "/billing/invoices")` answers status and JSON."""
    return lambda role, **links: Api(client_as(role, **links))


class Pages:
    """A browser of one person, each request in a context of its own."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def get(self, path: str) -> Any:
        return copy_context().run(self._client.get, path)

    def post(self, path: str, **data: Any) -> Any:
        return copy_context().run(self._client.post, path, data=data)


@pytest.fixture
def pages(console_as: Callable[..., Any]) -> Callable[[str], Pages]:
    def open_browser(role: str) -> Pages:
        g.pop("csrf_token", None)  # of the browser before, in this test's own context
        return Pages(copy_context().run(console_as, role))

    return open_browser
