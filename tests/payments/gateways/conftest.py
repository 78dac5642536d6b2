from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.payments.gateways.razorpay import Razorpay
from tests.payments.gateways.razorpay_account import open_gateway
from tests.scripted_server import Server, scripted_server


@pytest.fixture
def server() -> Iterator[Server]:
    with scripted_server() as running:
        yield running


@pytest.fixture
def razorpay(server: Server) -> Razorpay:
    return open_gateway(server.url)
