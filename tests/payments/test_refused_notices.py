"""At every gateway: a notice that its sender cannot prove changes nothing, is stored nowhere, and is told of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core import clock
from app.core.errors import AppError, NotFound, Unauthorized
from app.core.tenant import db, require_clinic, tenant_scope
from app.events.models import EventRecord
from app.payments.models import Payment, WebhookEvent
from app.payments.services import receive_webhook, start_checkout
from tests.factories.payments import make_payment, reread, rupees
from tests.payments import paypal, phonepe
from tests.payments.gateway_accounts import ACCOUNTS, GatewayClinic
from tests.sandbox_server import RunningSandbox
from tests.scripted_server import Received, Server, answer, scripted_server
from tests.waiting import wait_until

TIMED = ("stripe",)  # whose signature tells when it was made


@pytest.fixture
def posted_to() -> Iterator[Server]:
    with scripted_server() as server:
        server.will(answer(200, {}))
        yield server


@pytest.fixture(params=["razorpay", "stripe", "phonepe", "paypal"])
def notice(
    request: pytest.FixtureRequest, gateway_server: RunningSandbox, in_clinic: Any, posted_to: Server
) -> tuple[str, Payment, Received]:
    """A gateway, a payment that was made there, and the true notice of it, which nobody has handed on."""
    code = request.param
    gateway_server.reset()
    if code == "phonepe":
        phonepe.connect(gateway_server, "hmac").register(posted_to.url)
    elif code == "paypal":
        paypal.connect(gateway_server, posted_to)
    else:
        account = next(item for item in ACCOUNTS if item.code == code)
        GatewayClinic(account, gateway_server, posted_to).connect()
    payment = make_payment(paypal.dollars("800") if code == "paypal" else rupees("800"), provider=code)
    gateway_server.pay(start_checkout(payment.id).order_id, gateway=code)
    wait_until(lambda: bool(posted_to.received))
    wait_until(lambda: all(item["status"] == "delivered" for item in gateway_server.webhooks(provider=code)))
    db.session.rollback()
    return code, payment, posted_to.received[-1]


def refusals() -> int:
    db.session.rollback()
    wanted = select(EventRecord).where(EventRecord.type.like("%webhook%refused%") | EventRecord.type.like("security%"))
    return len(db.session.scalars(wanted).all())


def untouched(payment: Payment) -> bool:
    return reread(payment).status == "PENDING" and not db.session.query(WebhookEvent).count()


def refused(code: str, raw: bytes, headers: Any) -> bool:
    db.session.rollback()
    try:
        receive_webhook(code, require_clinic(), raw, headers)
    except Unauthorized:
        return True
    return False


def test_a_changed_byte_anywhere_is_refused_and_told(notice: tuple[str, Payment, Received]) -> None:
    code, payment, true = notice
    places = sorted({0, len(true.body) // 3, len(true.body) // 2, len(true.body) - 1})
    before = refusals()
    for at in places:
        forged = true.body[:at] + bytes([true.body[at] ^ 1]) + true.body[at + 1 :]
        assert refused(code, forged, true.headers), at
    assert refusals() > before
    assert untouched(payment)


def test_a_notice_without_any_of_its_headers_is_refused(notice: tuple[str, Payment, Received]) -> None:
    code, payment, true = notice
    bare = {"content-type": "application/json"}
    assert refused(code, true.body, bare)
    kept = {name: value for name, value in true.headers.items() if "sig" in name or "checksum" in name}
    assert kept
    for name, value in kept.items():
        if "key-id" in name:
            continue
        at = value.find("v1=") + 3 if "v1=" in value else 0
        swapped = value[:at] + ("0" if value[at] != "0" else "1") + value[at + 1 :]
        assert refused(code, true.body, {**true.headers, name: swapped}) or _ignores(code, name), name
    assert untouched(payment)


def _ignores(code: str, name: str) -> bool:
    """Words beside the signature."""
    return "algo" in name or "auth-version" in name


def test_another_clinic_knows_nothing_of_it(notice: tuple[str, Payment, Received], other_clinic: Any) -> None:
    code, payment, true = notice
    db.session.rollback()
    with pytest.raises((NotFound, Unauthorized)):
        receive_webhook(code, other_clinic.id, true.body, true.headers)
    with tenant_scope(other_clinic.id):
        assert db.session.query(WebhookEvent).count() == 0
    assert untouched(payment)


def test_another_gateways_address_takes_it_for_nothing(notice: tuple[str, Payment, Received]) -> None:
    code, payment, true = notice
    for other in {"razorpay", "stripe", "phonepe", "paypal", "nosuch"} - {code}:
        db.session.rollback()
        with pytest.raises(AppError):
            receive_webhook(other, require_clinic(), true.body, true.headers)
    assert untouched(payment)


@pytest.mark.parametrize("shift", [timedelta(hours=1), timedelta(hours=-1)], ids=["old", "from the future"])
def test_a_timed_signature_is_good_for_its_time_only(notice: tuple[str, Payment, Received], shift: timedelta) -> None:
    code, payment, true = notice
    if code not in TIMED:
        pytest.skip("its signature does not say when it was made")
    before = refusals()
    with clock.travel(shift):
        assert refused(code, true.body, true.headers)
    assert refusals() > before
    assert untouched(payment)


def test_a_certificate_from_a_foreign_host_is_not_fetched(notice: tuple[str, Payment, Received]) -> None:
    code, payment, true = notice
    if code != "paypal":
        pytest.skip("it names no certificate")
    name = next(item for item in true.headers if "cert" in item)
    with scripted_server() as thief:
        thief.will(answer(200, b"no certificate"))
        for url in (thief.url, f"{thief.url}/v1/notifications/certs/ROOT", "https://api.paypal.com.evil.test/certs/x"):
            assert refused(code, true.body, {**true.headers, name: url})
        assert thief.received == []
    assert refusals() and untouched(payment)
