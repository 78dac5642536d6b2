from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.payments.gateways.phonepe import PhonePe
from app.payments.gateways.razorpay import Razorpay
from tests.payments.gateways.phonepe_account import open_gateway as open_phonepe
from tests.payments.gateways.phonepe_account import token
from tests.payments.gateways.razorpay_account import open_gateway
from tests.scripted_server import Server, answer, scripted_server


@pytest.fixture
def server() -> Iterator[Server]:
    with scripted_server() as running:
        yield running


@pytest.fixture
def razorpay(server: Server) -> Razorpay:
    return open_gateway(server.url)


@pytest.fixture
def phonepe(server: Server) -> PhonePe:
    """With a token already, so that a test's script begins with its own call."""
    gateway = open_phonepe(server.url)
    server.will(token(), answer(404, {}))
    gateway.find_order("warm-up")
    server.received.clear()
    return gateway
