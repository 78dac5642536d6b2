from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.merchants import TestMerchant
from tests.sandbox_server import RunningSandbox, SandboxTime, running_sandbox, time_of
from tests.scripted_server import Server, answer, scripted_server


@pytest.fixture(scope="session")
def running() -> Iterator[RunningSandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: RunningSandbox) -> RunningSandbox:
    """A sandbox that remembers nothing of the test before."""
    running.reset()
    return running


@pytest.fixture
def sandbox_time(sandbox: RunningSandbox) -> Iterator[SandboxTime]:
    with time_of(sandbox) as told:
        yield told


@pytest.fixture
def clinic() -> Iterator[Server]:
    """The address that webhooks go to; says 200 unless a test wants otherwise."""
    with scripted_server() as server:
        server.will(answer(200, {}))
        yield server


@pytest.fixture
def merchant(sandbox: RunningSandbox, clinic: Server) -> TestMerchant:
    return TestMerchant(sandbox, webhook_url=f"{clinic.url}/api/payments/razorpay/webhook?clinicId=1")
