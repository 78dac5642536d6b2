"""What every payment gateway promises, over real HTTP against the provider sandbox."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import requests

from app.core.money import Money
from app.core.providers import BadSignature, Outcome
from app.payments.gateways.base import (
    ORDER_EXPIRED,
    CheckoutRequest,
    Customer,
    Gateway,
    NoticeKind,
    OrderState,
    PaymentState,
    RefundRequest,
    RefundState,
)
from tests.contract.providers.rigs import (
    CARRIED_OUT,
    HASTY,
    RIGS,
    every_gateway,
    failure_of,
    opened,
)
from tests.sandbox_server import RunningSandbox
from tests.scripted_server import Server
from tests.waiting import wait_until

RUPEES_500 = Money(50000, "INR")


def request_for(reference: str, clinic: Server, **changes: Any) -> CheckoutRequest:
    return CheckoutRequest(
        reference=reference,
        amount=RUPEES_500,
        description="Visit",
        callback_url=clinic.url + "/return",
        cancel_url=clinic.url + "/cancel",
        payee="Sunrise Clinic",
        customer=Customer("Asha Rao", "asha@example.org", "+919876543210"),
        **changes,
    )


@every_gateway
def test_a_payment_goes_from_the_hosted_page_to_a_verified_fact(
    adapter: type[Gateway[Any]], sandbox: RunningSandbox, clinic: Server
) -> None:
    gateway = opened(adapter, sandbox)
    checkout = gateway.create_checkout(request_for("visit-1", clinic))
    assert gateway.fetch_order(checkout.order_id).state is OrderState.OPEN
    page = requests.request(checkout.method, checkout.url, data=checkout.fields, timeout=60)
    assert page.status_code == 200 and "500" in page.text

    pressed = sandbox.pay(checkout.order_id, gateway=adapter.code)
    returned = gateway.verify_return(checkout.order_id, pressed["callback"])
    assert returned.verified is adapter.capabilities.signed_return
    if adapter.capabilities.signed_return:
        assert returned.payment_id == pressed["paymentId"]
        with pytest.raises(BadSignature):
            gateway.verify_return(checkout.order_id + "x", pressed["callback"])

    order = gateway.fetch_order(checkout.order_id)
    assert (order.state, order.reference, order.paid) == (OrderState.PAID, "visit-1", RUPEES_500)
    (payment,) = order.payments
    alone, names_order = gateway.fetch_payment(pressed["paymentId"]), RIGS[adapter.code].payment_names_order
    assert alone.order_id == (checkout.order_id if names_order else None)
    assert payment == replace(alone, order_id=checkout.order_id)
    assert (payment.state, payment.captured, payment.order_id) == (
        PaymentState.CAPTURED,
        RUPEES_500,
        checkout.order_id,
    )


@every_gateway
def test_its_webhooks_verify_and_carry_the_payment(
    adapter: type[Gateway[Any]], sandbox: RunningSandbox, clinic: Server
) -> None:
    gateway = opened(adapter, sandbox)
    order_id = gateway.create_checkout(request_for("visit-1", clinic)).order_id
    pressed = sandbox.pay(order_id, gateway=adapter.code)
    wait_until(lambda: len(clinic.received) >= len(pressed["webhooks"]))
    notices = [gateway.verify_webhook(call.body, call.headers) for call in clinic.received]
    found_by = {notice.order_id or notice.reference for notice in notices}
    assert found_by == ({order_id} if RIGS[adapter.code].payment_names_order else {order_id, "visit-1"})
    assert {notice.payment_id for notice in notices} == {pressed["paymentId"]}
    captured = [notice.payment.captured for notice in notices if notice.payment]
    assert RUPEES_500 in captured
    assert len({notice.event_id for notice in notices}) == len(notices)
    call = clinic.received[0]
    assert gateway.read_webhook(call.body, call.headers) == notices[0]
    with pytest.raises(BadSignature):
        gateway.verify_webhook(call.body + b" ", call.headers)
    with pytest.raises(BadSignature):
        gateway.verify_webhook(call.body, {})


@every_gateway
def test_a_failed_attempt_leaves_the_order_payable(
    adapter: type[Gateway[Any]], sandbox: RunningSandbox, clinic: Server
) -> None:
    gateway = opened(adapter, sandbox)
    order_id = gateway.create_checkout(request_for("visit-1", clinic)).order_id
    pressed = sandbox.pay(order_id, "failure", gateway=adapter.code)
    returned = gateway.verify_return(order_id, pressed["callback"])
    assert not returned.verified
    assert returned.payment_id == (pressed["paymentId"] if adapter.capabilities.signed_return else None)
    failed = gateway.fetch_payment(pressed["paymentId"])
    assert (failed.state, failed.captured) == (PaymentState.FAILED, Money.zero("INR"))
    assert failed.error_code
    sandbox.pay(order_id, gateway=adapter.code)
    order = gateway.fetch_order(order_id)
    tries = [PaymentState.FAILED] if RIGS[adapter.code].one_attempt else []
    assert sorted(payment.state for payment in order.payments) == [PaymentState.CAPTURED, *tries]


@every_gateway
def test_a_failed_payment_that_succeeds_after_all_is_read_as_such(
    adapter: type[Gateway[Any]], sandbox: RunningSandbox, clinic: Server
) -> None:
    if not adapter.capabilities.late_success:
        pytest.skip("failure is final at this gateway")
    gateway = opened(adapter, sandbox)
    order_id = gateway.create_checkout(request_for("visit-1", clinic)).order_id
    failed = sandbox.pay(order_id, "failure", gateway=adapter.code)["paymentId"]
    sandbox.pay(order_id, "late_success", gateway=adapter.code)
    assert gateway.fetch_payment(failed).captured == RUPEES_500


@every_gateway
def test_reserved_money_is_captured_once(adapter: type[Gateway[Any]], sandbox: RunningSandbox, clinic: Server) -> None:
    if not adapter.capabilities.manual_capture:
        pytest.skip("this gateway always captures by itself")
    gateway = opened(adapter, sandbox)
    order_id = gateway.create_checkout(request_for("visit-1", clinic, manual_capture=True)).order_id
    payment_id = sandbox.pay(order_id, gateway=adapter.code)["paymentId"]
    reserved = gateway.fetch_payment(payment_id)
    assert (reserved.state, reserved.authorized, reserved.captured) == (
        PaymentState.AUTHORIZED,
        RUPEES_500,
        Money.zero("INR"),
    )
    unfit = Money(50001 if adapter.capabilities.partial_capture else 49999, "INR")
    assert failure_of(lambda: gateway.capture(payment_id, unfit)).outcome is Outcome.PERMANENT_MESSAGE
    assert gateway.capture(payment_id, RUPEES_500).captured == RUPEES_500
    assert gateway.capture(payment_id, RUPEES_500).captured == RUPEES_500


@every_gateway
def test_reserved_money_that_nobody_takes_is_let_go_as_a_void(
    adapter: type[Gateway[Any]], sandbox: RunningSandbox, clinic: Server
) -> None:
    if not adapter.capabilities.manual_capture:
        pytest.skip("this gateway always captures by itself")
    gateway = opened(adapter, sandbox)
    order_id = gateway.create_checkout(request_for("visit-1", clinic, manual_capture=True)).order_id
    pressed = sandbox.pay(order_id, gateway=adapter.code)
    payment_id, reserving = pressed["paymentId"], len(pressed["webhooks"])
    wait_until(lambda: len(clinic.received) == reserving)
    sandbox.pay(order_id, "expire", gateway=adapter.code)
    payment = gateway.fetch_payment(payment_id)
    assert (payment.state, payment.voided, payment.refunded) == (PaymentState.VOIDED, RUPEES_500, Money.zero("INR"))

    def told_and_as_no_refund_of_ours() -> bool:
        notices = [gateway.verify_webhook(call.body, call.headers) for call in clinic.received]
        refunds = [notice for notice in notices if notice.kind is NoticeKind.REFUND]
        told = [notice for notice in notices[reserving:] if notice.payment_id == payment_id]
        return bool(told) and all(notice.automatic_refund for notice in refunds)

    wait_until(told_and_as_no_refund_of_ours)


def paid(gateway: Gateway[Any], sandbox: RunningSandbox, clinic: Server) -> str:
    order_id = gateway.create_checkout(request_for("visit-1", clinic)).order_id
    payment_id: str = sandbox.pay(order_id, gateway=gateway.code)["paymentId"]
    return payment_id


@every_gateway
def test_a_refund_with_the_same_key_pays_once(
    adapter: type[Gateway[Any]], sandbox: RunningSandbox, clinic: Server
) -> None:
    if not adapter.capabilities.idempotent_refund:
        pytest.skip("this gateway knows no key for refunds")
    gateway = opened(adapter, sandbox)
    payment_id = paid(gateway, sandbox, clinic)
    request = RefundRequest(payment_id, Money(20000, "INR"), key="refund-key-0001", reference="refund-1")
    first, second = gateway.refund(request), gateway.refund(request)
    assert first.refund_id == second.refund_id
    assert first.state in (RefundState.SETTLED, RefundState.PENDING)
    assert gateway.fetch_refund(first.refund_id).amount == Money(20000, "INR")
    found = gateway.find_refund(payment_id, "refund-1")
    assert found is not None and found.refund_id == first.refund_id
    payment = gateway.fetch_payment(payment_id)
    told = 20000 if adapter.capabilities.lists_refunds else 0
    assert (payment.state, payment.refunded) == (PaymentState.CAPTURED, Money(told, "INR"))

    rest = RefundRequest(payment_id, Money(30000, "INR"), key="refund-key-0002", reference="refund-2")
    gateway.refund(rest)
    found = gateway.find_refund(payment_id, "refund-2")
    assert found is not None and found.amount == Money(30000, "INR")
    if adapter.capabilities.lists_refunds:
        assert gateway.fetch_payment(payment_id).state is PaymentState.REFUNDED
        assert sorted(refund.reference for refund in gateway.refunds_of(payment_id)) == ["refund-1", "refund-2"]
    wait_until(lambda: any(_is_refund(gateway, call) for call in clinic.received))


def _is_refund(gateway: Gateway[Any], call: Any) -> bool:
    notice = gateway.verify_webhook(call.body, call.headers)
    return notice.kind is NoticeKind.REFUND and notice.refund is not None and not notice.automatic_refund


@every_gateway
def test_a_refund_above_what_is_left_is_refused(
    adapter: type[Gateway[Any]], sandbox: RunningSandbox, clinic: Server
) -> None:
    gateway = opened(adapter, sandbox)
    payment_id = paid(gateway, sandbox, clinic)
    request = RefundRequest(payment_id, Money(50001, "INR"), key="refund-key-0001", reference="refund-1")
    assert failure_of(lambda: gateway.refund(request)).outcome is Outcome.PERMANENT_MESSAGE
    assert gateway.fetch_payment(payment_id).refunded == Money.zero("INR")
    assert gateway.find_refund(payment_id, "refund-1") is None


REFUSED = [("429", Outcome.RETRY), ("500", Outcome.UNKNOWN)]


@every_gateway
@pytest.mark.parametrize(("fault", "options"), CARRIED_OUT, ids=lambda value: str(value))
def test_an_order_whose_answer_is_lost_is_unknown_and_found_again(
    adapter: type[Gateway[Any]], sandbox: RunningSandbox, clinic: Server, fault: str, options: dict[str, Any]
) -> None:
    gateway, hasty = opened(adapter, sandbox), opened(adapter, sandbox, HASTY)
    sandbox.fault(RIGS[adapter.code].simulator, fault, **options)
    error = failure_of(lambda: hasty.create_checkout(request_for("visit-1", clinic)))
    assert error.outcome is Outcome.UNKNOWN
    found = gateway.find_order("visit-1")
    assert found is not None and found.amount == RUPEES_500
    if adapter.capabilities.one_order_per_reference:  # its page was told in the lost answer only: nobody can pay it
        expired = failure_of(lambda: gateway.resume_checkout(found.order_id, request_for("visit-1", clinic)))
        assert expired.code == ORDER_EXPIRED
        resumed = gateway.create_checkout(request_for("visit-1-2", clinic))
    else:
        resumed = gateway.resume_checkout(found.order_id, request_for("visit-1", clinic))
    assert requests.request(resumed.method, resumed.url, data=resumed.fields, timeout=60).status_code == 200


@every_gateway
@pytest.mark.parametrize(("fault", "outcome"), REFUSED)
def test_an_order_that_was_not_opened_is_not_found(
    adapter: type[Gateway[Any]], sandbox: RunningSandbox, clinic: Server, fault: str, outcome: Outcome
) -> None:
    gateway = opened(adapter, sandbox)
    sandbox.fault(RIGS[adapter.code].simulator, fault)
    assert failure_of(lambda: gateway.create_checkout(request_for("visit-1", clinic))).outcome is outcome
    assert gateway.find_order("visit-1") is None


@every_gateway
@pytest.mark.parametrize(("fault", "options"), CARRIED_OUT, ids=lambda value: str(value))
def test_a_refund_whose_answer_is_lost_is_unknown_and_found_again(
    adapter: type[Gateway[Any]], sandbox: RunningSandbox, clinic: Server, fault: str, options: dict[str, Any]
) -> None:
    gateway, hasty = opened(adapter, sandbox), opened(adapter, sandbox, HASTY)
    payment_id = paid(gateway, sandbox, clinic)
    request = RefundRequest(payment_id, Money(20000, "INR"), key="refund-key-0001", reference="refund-1")
    sandbox.fault(RIGS[adapter.code].simulator, fault, operation=RIGS[adapter.code].refund, **options)
    assert failure_of(lambda: hasty.refund(request)).outcome is Outcome.UNKNOWN
    found = gateway.find_refund(payment_id, "refund-1")
    assert found is not None and found.amount == Money(20000, "INR")
    if adapter.capabilities.idempotent_refund:
        assert gateway.refund(request).refund_id == found.refund_id
    told = 20000 if adapter.capabilities.lists_refunds else 0
    assert gateway.fetch_payment(payment_id).refunded == Money(told, "INR")


@every_gateway
def test_a_slow_gateway_is_waited_for(adapter: type[Gateway[Any]], sandbox: RunningSandbox, clinic: Server) -> None:
    gateway = opened(adapter, sandbox)
    sandbox.fault(RIGS[adapter.code].simulator, "slow", seconds=0.3)
    assert gateway.create_checkout(request_for("visit-1", clinic)).order_id


@every_gateway
def test_asking_survives_a_passing_fault(adapter: type[Gateway[Any]], sandbox: RunningSandbox, clinic: Server) -> None:
    gateway = opened(adapter, sandbox)
    payment_id = paid(gateway, sandbox, clinic)
    for fault in ("500", "reset"):
        sandbox.fault(RIGS[adapter.code].simulator, fault)
        assert gateway.fetch_payment(payment_id).captured == RUPEES_500


@every_gateway
def test_what_does_not_exist_is_refused_and_not_in_doubt(adapter: type[Gateway[Any]], sandbox: RunningSandbox) -> None:
    gateway = opened(adapter, sandbox)
    for call in (
        lambda: gateway.fetch_order("order_unknown"),
        lambda: gateway.fetch_payment("pay_unknown"),
        lambda: gateway.fetch_refund("rfnd_unknown"),
        lambda: gateway.capture("pay_unknown", RUPEES_500),
    ):
        assert failure_of(call).outcome is Outcome.PERMANENT_MESSAGE
    assert gateway.find_order("never-used") is None
