from __future__ import annotations

import socket
import time

import pytest
import requests

from tests.sandbox.merchants import KEY_ID, KEY_SECRET, TestMerchant, wait_until
from tests.sandbox_server import ANSWER_SECONDS, RunningSandbox

ORDER = {"amount": 1000, "currency": "INR"}


def _orders(merchant: TestMerchant) -> int:
    count: int = merchant.call("GET", "/orders").json()["count"]
    return count


def test_500_refuses_without_carrying_out(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    sandbox.fault("razorpay", "500")
    response = merchant.call("POST", "/orders", json=ORDER)
    assert (response.status_code, response.json()["error"]["code"]) == (500, "SERVER_ERROR")
    assert _orders(merchant) == 0


def test_500_can_come_after_the_deed(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    sandbox.fault("razorpay", "500", before=False)
    assert merchant.call("POST", "/orders", json=ORDER).status_code == 500
    assert _orders(merchant) == 1


def test_429_says_when_to_come_back(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    sandbox.fault("razorpay", "429", count=2, seconds=7)
    for _ in range(2):
        response = merchant.call("POST", "/orders", json=ORDER)
        assert (response.status_code, response.headers["Retry-After"]) == (429, "7")
    assert merchant.call("POST", "/orders", json=ORDER).status_code == 200


def test_malformed_is_carried_out_and_answers_no_json(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    sandbox.fault("razorpay", "malformed")
    response = merchant.call("POST", "/orders", json=ORDER)
    assert response.status_code == 200
    with pytest.raises(requests.exceptions.JSONDecodeError):
        response.json()
    assert _orders(merchant) == 1


def test_reset_cuts_the_connection_after_the_deed(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    sandbox.fault("razorpay", "reset")
    with pytest.raises(requests.exceptions.ConnectionError):
        merchant.call("POST", "/orders", json=ORDER)
    assert _orders(merchant) == 1
    call = sandbox.calls("razorpay", "create_order")[0]
    assert (call["status"], call["fault"]) == (None, "reset")


def test_reset_is_a_reset_on_the_wire(sandbox: RunningSandbox) -> None:
    sandbox.fault("razorpay", "reset")
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=ANSWER_SECONDS) as connection:
        connection.sendall(b"GET /razorpay/v1/orders HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


@pytest.mark.parametrize(("before", "carried_out"), [(False, 1), (True, 0)])
def test_timeout_hangs_until_the_client_gives_up(
    merchant: TestMerchant, sandbox: RunningSandbox, before: bool, carried_out: int
) -> None:
    sandbox.fault("razorpay", "timeout", before=before)
    url = f"{sandbox.razorpay_url}/v1/orders"
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.post(url, json=ORDER, auth=(KEY_ID, KEY_SECRET), timeout=(ANSWER_SECONDS, 0.3))
    wait_until(lambda: sandbox.call_counts("razorpay").get("create_order") == 1)  # it may have come to it since
    assert _orders(merchant) == carried_out


def test_timeout_ends_by_itself(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    sandbox.fault("razorpay", "timeout", seconds=0.1)
    with pytest.raises(requests.exceptions.ConnectionError):
        merchant.call("POST", "/orders", json=ORDER)


def test_hanging_calls_do_not_hold_up_others(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    sandbox.fault("razorpay", "timeout", count=60, operation="create_order")
    body = b'{"amount":1000,"currency":"INR"}'
    auth = requests.auth._basic_auth_str(KEY_ID, KEY_SECRET)
    head = (
        f"POST /razorpay/v1/orders HTTP/1.1\r\nHost: x\r\nAuthorization: {auth}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    hanging = [socket.create_connection(("127.0.0.1", sandbox.port)) for _ in range(60)]
    for connection in hanging:
        connection.sendall(head.encode() + body)
    wait_until(lambda: sandbox.call_counts("razorpay").get("create_order") == 60)
    assert merchant.call("GET", "/orders?count=100").json()["count"] == 60
    for connection in hanging:
        connection.close()


def test_slow_answers_late_but_right(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    sandbox.fault("razorpay", "slow", seconds=0.3)
    started = time.monotonic()
    assert merchant.call("POST", "/orders", json=ORDER).status_code == 200
    assert time.monotonic() - started >= 0.3


def test_an_operation_limits_a_fault(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    sandbox.fault("razorpay", "500", operation="refund_payment")
    payment_id = merchant.paid()
    assert merchant.refund(payment_id).status_code == 500
    assert merchant.refund(payment_id).status_code == 200


def test_faults_of_one_provider_leave_the_others_alone(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    sandbox.fault("whatsapp", "500")
    assert merchant.call("POST", "/orders", json=ORDER).status_code == 200
    assert [item["provider"] for item in sandbox.get("/_control/faults")["items"]] == ["whatsapp"]
    assert sandbox.request("DELETE", "/_control/faults").status_code == 204
    assert sandbox.get("/_control/faults")["items"] == []


@pytest.mark.parametrize(
    "body",
    [
        {"provider": "nobody", "fault": "500"},
        {"provider": "razorpay", "fault": "gremlins"},
        {"provider": "whatsapp", "fault": "refund_failed"},
        {"provider": "razorpay", "fault": "500", "count": 0},
        {"provider": "razorpay", "fault": "500", "count": "two"},
        {"provider": "razorpay", "fault": "timeout", "seconds": 31},
        {},
    ],
)
def test_a_wrong_fault_is_refused(sandbox: RunningSandbox, body: dict[str, object]) -> None:
    response = sandbox.request("POST", "/_control/faults", json=body)
    assert (response.status_code, bool(response.json()["error"]["message"])) == (400, True)
    assert sandbox.get("/_control/faults")["items"] == []


def test_calls_are_recorded_without_their_secrets(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    merchant.call("POST", "/orders", json=ORDER)
    merchant.call("GET", "/orders?receipt=x")
    listed, created = sandbox.calls("razorpay")
    assert (listed["method"], listed["path"], listed["operation"]) == (
        "GET",
        "/razorpay/v1/orders?receipt=x",
        "list_orders",
    )
    assert (created["status"], created["account"], created["body"]) == (
        200,
        KEY_ID,
        '{"amount": 1000, "currency": "INR"}',
    )
    assert created["headers"]["Authorization"] == "Basic ••••"
    assert sandbox.call_counts("razorpay") == {"create_order": 1, "list_orders": 1}
    assert KEY_SECRET not in sandbox.request("GET", "/_control/requests").text
