"""The gateway's webhooks over real HTTP: often, early, late, forged; money moves once."""

from __future__ import annotations

import hashlib
import hmac
import json
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from app.core.ids import new_id
from tests.waiting import wait_until
from tests.walk.house import TOTAL
from tests.walk.installation import Installation
from tests.walk.patient_app import SECONDS, PatientApp

PATIENCE = 60
COPIES = 10


class Gateway:
    """Posts what the sandbox's gateway would, byte by byte."""

    def __init__(self, installation: Installation, house: dict[str, Any]) -> None:
        self.sandbox = installation.sandbox
        self.house = house
        self.url = f"{installation.address}/api/payments/razorpay/webhook"

    def captured(self, order_id: str, payment_id: str = "pay_walk0000000001") -> bytes:
        entity = {
            "id": payment_id, "entity": "payment", "amount": TOTAL * 100, "currency": "INR", "status": "captured",
            "order_id": order_id, "method": "upi", "captured": True, "amount_refunded": 0, "refund_status": None,
            "fee": 2228, "tax": 340, "created_at": 1_767_225_600,
        }  # fmt: skip
        payload = {"payment": {"entity": entity}}
        return json.dumps({"entity": "event", "event": "payment.captured", "payload": payload}).encode()

    def headers(self, raw: bytes, event_id: str | None = None) -> dict[str, str]:
        secret = self.house["razorpay"]["webhook_secret"].encode()
        return {
            "X-Razorpay-Signature": hmac.new(secret, raw, hashlib.sha256).hexdigest(),
            "X-Razorpay-Event-Id": event_id or new_id(),
            "Content-Type": "application/json",
        }

    def post(self, raw: bytes, headers: dict[str, str], clinic_id: str | None = None) -> requests.Response:
        query = {"clinicId": clinic_id or self.house["clinic_id"]}
        return requests.post(self.url, params=query, data=raw, headers=headers, timeout=SECONDS)


@pytest.fixture
def own_house(installation: Installation) -> dict[str, Any]:
    """A clinic in which nothing else happened."""
    return installation.house()


@pytest.fixture
def gateway(installation: Installation, own_house: dict[str, Any]) -> Gateway:
    return Gateway(installation, own_house)


@pytest.fixture
def patient(installation: Installation, own_house: dict[str, Any]) -> PatientApp:
    return PatientApp(installation.address, installation.person(own_house))


def settled(installation: Installation, house: dict[str, Any]) -> bool:
    """Nothing waits any more, but the looks at the gateway that are planned anyway."""
    left = installation.zygote.call("tests.walk.books:waiting", house["clinic_id"])
    return set(left) <= {"operations"}


def test_ten_times_at_once_and_again_later_moves_money_once(
    installation: Installation, own_house: dict[str, Any], gateway: Gateway, patient: PatientApp
) -> None:
    checkout = patient.begin_payment(patient.book(own_house))
    raw = gateway.captured(checkout["orderId"])
    headers = gateway.headers(raw)
    with ThreadPoolExecutor(COPIES) as pool:
        assert set(pool.map(lambda _: gateway.post(raw, headers).status_code, range(COPIES))) == {200}
    path = f"/billing/payments/{checkout['paymentId']}"
    wait_until(lambda: patient.get(path)["status"] == "COMPLETED", PATIENCE)
    assert gateway.post(raw, headers).status_code == 200
    another = gateway.headers(raw)  # the gateway tells the same fact as another event
    assert gateway.post(raw, another).status_code == 200
    wait_until(lambda: settled(installation, own_house), PATIENCE)

    facts = installation.facts(own_house, patient.person)
    assert (facts["payments"][0]["captured"], facts["payments"][0]["attempts"]) == (TOTAL * 100, 1)
    assert facts["entries"] == {"invoice": 1, "payment-applied": 1, "payment.captured": 1}
    assert facts["events"]["payment.completed"] == facts["events"]["billing.invoice.paid"] == 1
    clinic = installation.clinic_facts(own_house)
    assert (clinic["webhooks"], clinic["balanced"], len(clinic["invoice_numbers"])) == (2, True, 1)


def test_a_webhook_before_its_order_is_kept_and_resolved(
    installation: Installation, own_house: dict[str, Any], gateway: Gateway, patient: PatientApp
) -> None:
    """The gateway opened the order, but its answer was lost: we hear of the payment before we know the order."""
    visit = patient.book(own_house)
    installation.sandbox.fault("razorpay", "reset", operation="create_order")
    path = f"/billing/appointments/{visit['id']}/process-payment"
    keys = own_house["razorpay"]["key_id"], own_house["razorpay"]["key_secret"]
    installation.signal_workers(signal.SIGSTOP)  # or they may have found the order before we look
    try:
        lost = patient.send("POST", path, {}, key="first")
        assert (lost.status_code, lost.json()["error"]["code"]) == (502, "GATEWAY_UNAVAILABLE")
        (order,) = installation.sandbox.request("GET", "/razorpay/v1/orders", auth=keys).json()["items"]

        raw = gateway.captured(order["id"])
        assert gateway.post(raw, gateway.headers(raw)).status_code == 200
        assert installation.clinic_facts(own_house)["webhooks"] == 1
        assert installation.facts(own_house, patient.person)["payments"][0]["captured"] == 0
    finally:
        installation.signal_workers(signal.SIGCONT)
    wait_until(lambda: patient.get(f"/appointments/{visit['id']}")["status"] == "CONFIRMED", PATIENCE)

    wait_until(lambda: settled(installation, own_house), PATIENCE)
    facts = installation.facts(own_house, patient.person)
    assert [(item["status"], item["order_id"]) for item in facts["payments"]] == [("COMPLETED", order["id"])]
    assert facts["entries"]["payment.captured"] == 1
    orders = installation.sandbox.request("GET", "/razorpay/v1/orders", auth=keys).json()["items"]
    assert [item["id"] for item in orders] == [order["id"]], "no second order was opened"


@pytest.mark.parametrize("spoil", ["byte", "signature", "unsigned", "another clinic's secret"])
def test_what_the_gateway_did_not_sign_is_401_and_stored_nowhere(
    installation: Installation, own_house: dict[str, Any], gateway: Gateway, patient: PatientApp, spoil: str
) -> None:
    checkout = patient.begin_payment(patient.book(own_house))
    raw = gateway.captured(checkout["orderId"])
    headers = gateway.headers(raw)
    if spoil == "byte":
        raw = raw.replace(b'"upi"', b'"upj"')
    elif spoil == "signature":
        headers["X-Razorpay-Signature"] = "0" * 64
    elif spoil == "unsigned":
        del headers["X-Razorpay-Signature"]
    else:
        headers = Gateway(installation, installation.house()).headers(raw)
    answer = gateway.post(raw, headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "BAD_SIGNATURE")
    clinic = installation.clinic_facts(own_house)
    assert (clinic["webhooks"], clinic["security"].count("payment.webhook.refused")) == (0, 1)
    assert patient.get(f"/billing/payments/{checkout['paymentId']}")["status"] == "PENDING"


def test_a_webhook_for_another_clinic_changes_neither(
    installation: Installation, own_house: dict[str, Any], gateway: Gateway, patient: PatientApp
) -> None:
    other = installation.house()
    checkout = patient.begin_payment(patient.book(own_house))
    raw = gateway.captured(checkout["orderId"])
    assert gateway.post(raw, gateway.headers(raw), other["clinic_id"]).status_code == 401
    assert gateway.post(raw, Gateway(installation, other).headers(raw), other["clinic_id"]).status_code == 200
    assert gateway.post(raw, gateway.headers(raw), new_id()).status_code == 404
    facts = installation.facts(own_house, patient.person)
    assert facts["payments"][0]["captured"] == 0
    assert installation.clinic_facts(own_house)["webhooks"] == 0
