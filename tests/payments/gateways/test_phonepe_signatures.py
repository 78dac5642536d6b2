"""PhonePe's webhooks: whom we believe, and how far."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from app.core.money import Money
from app.core.providers import BadSignature
from app.payments.gateways.base import NoticeKind, PaymentState, RefundState
from app.payments.gateways.phonepe import PhonePe
from tests.payments.gateways.phonepe_account import attempt, order, refund

SECRET = "phonepe_hmac_secret"
SALT = "test-salt-key"
# Vectors: the vendor's test suite (H1) and documentation (H3), the rest computed twice by independent code.
H1 = "bc842c31a9e54efe320d30d948be61291f3ceee4766e36ab25fa65243cd76e0e"
H2 = "1967e8a50a7432b035b2d45a32015d1f999a82e45ebd463d464c5e4409fa572d"
H6 = "455fbe4e1e4cf8182bbded30f7227eca4795cf9a05e41a501f27fa956b07527b"
B2 = (
    "eyJzdWNjZXNzIjp0cnVlLCJjb2RlIjoiUEFZTUVOVF9TVUNDRVNTIiwiZGF0YSI6eyJtZXJjaGFudFRyYW5zYWN0aW9uSWQiOiJNVDEi"
    "LCJhbW91bnQiOjEwMDAwLCJzdGF0ZSI6IkNPTVBMRVRFRCJ9fQ=="
)
H7 = "06581b5cae2113a916ff0596565478dfb7e2333acf9c82e1b21a54f9392bf02c"
H7_BODY = b'{"event":"checkout.order.completed","payload":{"merchantOrderId":"mo1","state":"COMPLETED","amount":1000}}'


def gateway(**secrets: Any) -> PhonePe:
    return PhonePe.open({"client_id": "C", "client_secret": "s", **secrets})


def with_user(username: str = "merchant_user", password: str = "Merchant123") -> PhonePe:
    return gateway(webhook_username=username, webhook_password=password)


def body(event: str, payload: dict[str, Any]) -> bytes:
    return json.dumps({"event": event, "type": "IGNORED_WORD", "payload": payload}).encode()


def signed(raw: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"X-PhonePe-Checksum-Signature": hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()}


def v1(document: dict[str, Any], salt: str = SALT, index: str = "1") -> tuple[bytes, dict[str, str]]:
    text = base64.b64encode(json.dumps(document).encode()).decode()
    digest = hashlib.sha256(f"{text}{salt}".encode()).hexdigest()
    return json.dumps({"response": text}).encode(), {"X-VERIFY": f"{digest}###{index}"}


# --- the default header: a hint


@pytest.mark.parametrize(
    ("username", "password", "header"),
    [("username", "password", H1), ("merchant_user", "Merchant123", H2)],
    ids=["H1", "H2"],
)
def test_the_vendors_header_is_accepted_and_proves_nothing_of_the_body(
    username: str, password: str, header: str
) -> None:
    account = with_user(username, password)
    assert not account.signs_webhooks
    raw = body("checkout.order.completed", order(attempt(), state="COMPLETED"))
    read = account.verify_webhook(raw, {"Authorization": header})
    assert (read.event, read.kind, read.order_id, read.payment_id) == (
        "checkout.order.completed",
        NoticeKind.PAYMENT,
        "attempt-1",
        "OM1",
    )
    assert (read.payment, read.refund) == (None, None)
    changed = account.verify_webhook(raw.replace(b"50000", b"99999"), {"authorization": header})
    assert changed.payment is None


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        H1,
        H2.upper(),
        f"SHA256({H2})",
        f"Basic {H2}",
        H2[:-1],
        H2 + " ",
        "é" * 64,
    ],
    ids=["missing", "empty", "another account's", "upper case", "wrapped", "Basic", "short", "blank", "non-ASCII"],
)
def test_another_header_is_refused(header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    with pytest.raises(BadSignature):
        with_user().verify_webhook(H7_BODY, headers)


@pytest.mark.parametrize(("username", "password"), [("merchant_use", "Merchant123"), ("merchant_user", "Merchant124")])
def test_a_wrong_user_or_password_is_refused(username: str, password: str) -> None:
    with pytest.raises(BadSignature):
        with_user(username, password).verify_webhook(H7_BODY, {"Authorization": H2})


@pytest.mark.parametrize(
    "secrets",
    [{}, {"webhook_username": "merchant_user"}, {"webhook_password": "Merchant123"}, {"salt_key": SALT}],
    ids=["nothing", "no password", "no user", "salt only"],
)
def test_without_a_scheme_nothing_verifies(secrets: dict[str, str]) -> None:
    user, password = secrets.get("webhook_username"), secrets.get("webhook_password", "")
    made = [hashlib.sha256(f"{name}:{password}".encode()).hexdigest() for name in (user, user or "", "None")]
    for header in made:
        with pytest.raises(BadSignature):
            gateway(**secrets).verify_webhook(H7_BODY, {"Authorization": header})
    with pytest.raises(BadSignature):
        gateway(**secrets).verify_webhook(H7_BODY, signed(H7_BODY, ""))


# --- the HMAC option


def test_the_hmac_vector_verifies_over_raw_bytes() -> None:
    assert len(H7_BODY) == 106
    account = gateway(hmac_secret=SECRET)
    assert account.signs_webhooks
    read = account.verify_webhook(H7_BODY, {"x-phonepe-checksum-signature": H7})
    assert (read.order_id, read.payment) == ("mo1", None)  # it names no attempt: the order must be asked for
    assert read.event_id == "checkout.order.completed:mo1:COMPLETED:"
    with pytest.raises(BadSignature):
        account.verify_webhook(json.dumps(json.loads(H7_BODY)).encode(), {"x-phonepe-checksum-signature": H7})


@pytest.mark.parametrize("at", [0, 50, len(H7_BODY) - 1])
def test_one_changed_byte_is_refused(at: int) -> None:
    changed = H7_BODY[:at] + bytes([H7_BODY[at] ^ 1]) + H7_BODY[at + 1 :]
    with pytest.raises(BadSignature):
        gateway(hmac_secret=SECRET).verify_webhook(changed, {"x-phonepe-checksum-signature": H7})


@pytest.mark.parametrize("header", ["", H7.upper(), H7[:-1], "é" * 64, f"sha256={H7}"], ids=range(5))
def test_a_webhook_without_the_right_hmac_is_refused(header: str) -> None:
    with pytest.raises(BadSignature):
        gateway(hmac_secret=SECRET).verify_webhook(H7_BODY, {"x-phonepe-checksum-signature": header})


def test_with_the_hmac_option_the_constant_header_is_worth_nothing() -> None:
    account = gateway(hmac_secret=SECRET, webhook_username="merchant_user", webhook_password="Merchant123")
    with pytest.raises(BadSignature):
        account.verify_webhook(H7_BODY, {"Authorization": H2})
    with pytest.raises(BadSignature):
        account.verify_webhook(H7_BODY, {"Authorization": H2, "x-phonepe-checksum-signature": "0" * 64})


def test_both_secrets_count_while_one_is_being_replaced() -> None:
    account = gateway(hmac_secret="new", previous_hmac_secret=SECRET)
    assert account.verify_webhook(H7_BODY, signed(H7_BODY, SECRET)).order_id == "mo1"
    assert account.verify_webhook(H7_BODY, signed(H7_BODY, "new")).order_id == "mo1"


def test_what_was_stored_is_believed_only_while_its_signature_holds() -> None:
    raw = body("checkout.order.completed", order(attempt(), state="COMPLETED"))
    kept = {name.lower(): value for name, value in signed(raw).items()}
    assert set(kept) <= PhonePe.webhook_headers and "authorization" not in PhonePe.webhook_headers
    now = gateway(hmac_secret=SECRET).read_webhook(raw, kept)
    assert now.payment is not None and now.payment.captured == Money(50000, "INR")
    assert gateway(hmac_secret="another").read_webhook(raw, kept).payment is None
    forged = {"x-phonepe-checksum-signature": "0" * 64}
    assert with_user().read_webhook(raw, forged).payment is None


# --- version 1


def test_the_v1_vector_verifies_in_either_case() -> None:
    raw = json.dumps({"response": B2}).encode()
    account = gateway(salt_key=SALT)
    assert account.signs_webhooks
    for digest in (H6, H6.upper()):
        read = account.verify_webhook(raw, {"X-VERIFY": f"{digest}###1"})
        assert (read.event, read.kind, read.order_id) == ("PAYMENT_SUCCESS", NoticeKind.PAYMENT, "MT1")
        assert read.payment is None  # it names no transaction: the order must be asked for


@pytest.mark.parametrize(
    "header",
    [None, "", H6, f"{H6}###2", f"{H6}###", f"{H6}###1 ", f"{H6}##1", f"{H6[:-1]}0###1", "é###1"],
    ids=["missing", "empty", "no index", "wrong index", "empty index", "blank", "two", "wrong digest", "non-ASCII"],
)
def test_another_checksum_is_refused(header: str | None) -> None:
    raw = json.dumps({"response": B2}).encode()
    with pytest.raises(BadSignature):
        gateway(salt_key=SALT).verify_webhook(raw, {} if header is None else {"X-VERIFY": header})


def test_the_index_belongs_to_the_key() -> None:
    raw = json.dumps({"response": B2}).encode()
    assert gateway(salt_key=SALT, salt_index="2").verify_webhook(raw, {"X-VERIFY": f"{H6}###2"}).order_id == "MT1"
    with pytest.raises(BadSignature):
        gateway(salt_key=SALT, salt_index="2").verify_webhook(raw, {"X-VERIFY": f"{H6}###1"})
    with pytest.raises(BadSignature):
        gateway(salt_key="other").verify_webhook(raw, {"X-VERIFY": f"{H6}###1"})


@pytest.mark.parametrize("at", [20, 60, 150])
def test_one_changed_letter_of_a_v1_body_is_refused(at: int) -> None:
    changed = B2[:at] + ("A" if B2[at] != "A" else "B") + B2[at + 1 :]
    with pytest.raises(BadSignature):
        gateway(salt_key=SALT).verify_webhook(json.dumps({"response": changed}).encode(), {"X-VERIFY": f"{H6}###1"})


def test_a_v1_body_passes_by_no_other_scheme() -> None:
    raw = json.dumps({"response": B2}).encode()
    for account, headers in (
        (gateway(hmac_secret=SECRET), signed(raw)),
        (with_user(), {"Authorization": H2}),
    ):
        with pytest.raises(BadSignature):
            account.verify_webhook(raw, headers)


V1_DATA = {"merchantTransactionId": "attempt-1", "transactionId": "T1", "amount": 50000, "state": "COMPLETED"}
V1_DATA |= {"responseCode": "SUCCESS", "paymentInstrument": {"type": "UPI"}}


@pytest.mark.parametrize(
    ("success", "code", "state", "read_as"),
    [
        (True, "PAYMENT_SUCCESS", "COMPLETED", PaymentState.CAPTURED),
        (False, "PAYMENT_ERROR", "FAILED", PaymentState.FAILED),
        (False, "PAYMENT_PENDING", "PENDING", PaymentState.PENDING),
        (True, "PAYMENT_SUCCESS", "FAILED", None),
        (False, "PAYMENT_SUCCESS", "COMPLETED", None),
        (True, "PAYMENT_ERROR", "COMPLETED", None),
    ],
    ids=["paid", "failed", "pending", "words apart 1", "words apart 2", "words apart 3"],
)
def test_a_v1_callback_is_read_where_its_words_agree(
    success: bool, code: str, state: str, read_as: PaymentState | None
) -> None:
    raw, headers = v1({"success": success, "code": code, "data": {**V1_DATA, "state": state}})
    read = gateway(salt_key=SALT).verify_webhook(raw, headers)
    assert (read.payment.state if read.payment else None) is read_as
    assert read.order_id == "attempt-1"


@pytest.mark.parametrize("text", ["", "!!!", "AAAA", "bnVsbA==", "W10=", "eyJkYXRhIjpbXX0="], ids=range(6))
def test_a_v1_body_that_means_nothing_is_still_a_notice(text: str) -> None:
    digest = hashlib.sha256(f"{text or None}{SALT}".encode()).hexdigest()
    raw = json.dumps({"response": text}).encode()
    if not text:
        with pytest.raises(BadSignature):
            gateway(salt_key=SALT).verify_webhook(raw, {"X-VERIFY": f"{digest}###1"})
        return
    read = gateway(salt_key=SALT).verify_webhook(raw, {"X-VERIFY": f"{digest}###1"})
    assert (read.kind, read.order_id, read.payment) == (NoticeKind.OTHER, None, None)


# --- what a notice says


def notice(event: str, payload: dict[str, Any]) -> Any:
    raw = body(event, payload)
    return gateway(hmac_secret=SECRET).verify_webhook(raw, signed(raw))


def test_a_completed_order_carries_the_attempt_that_paid() -> None:
    failed = attempt(transactionId="OM0", state="FAILED")
    late = attempt(transactionId="OM2", state="FAILED", timestamp=1767229999000)
    read = notice("checkout.order.completed", order(failed, attempt(), late, state="COMPLETED"))
    assert (read.payment.payment_id, read.payment.state) == ("OM1", PaymentState.CAPTURED)
    assert read.occurred_at == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_failed_attempt_carries_the_latest() -> None:
    late = attempt(transactionId="OM2", state="FAILED", timestamp=1767229999000)
    read = notice("checkout.transaction.attempt.failed", order(late, attempt(state="FAILED")))
    assert (read.payment.payment_id, read.payment.state) == ("OM2", PaymentState.FAILED)


def test_refund_notices_carry_the_refund() -> None:
    read = notice("pg.refund.completed", refund(state="COMPLETED"))
    assert (read.kind, read.refund_id, read.order_id) == (NoticeKind.REFUND, "refund-1", "attempt-1")
    assert (read.refund.state, read.refund.order_id, read.payment) == (RefundState.SETTLED, "attempt-1", None)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("checkout.order.failed", NoticeKind.PAYMENT),
        ("pg.order.completed", NoticeKind.PAYMENT),
        ("pg.transaction.failed", NoticeKind.PAYMENT),
        ("paylink.order.completed", NoticeKind.PAYMENT),
        ("pg.refund.accepted", NoticeKind.REFUND),
        ("settlement.attempt.failed", NoticeKind.SETTLEMENT),
        ("subscription.paused", NoticeKind.OTHER),
        ("", NoticeKind.OTHER),
    ],
)
def test_events_are_sorted_by_what_they_are_about(event: str, kind: NoticeKind) -> None:
    assert notice(event, order()).kind is kind


def test_a_notice_is_known_by_event_subject_and_state() -> None:
    first = notice("pg.refund.completed", refund(state="COMPLETED"))
    again = notice("pg.refund.completed", refund(state="COMPLETED", newField=1))
    other = notice("pg.refund.accepted", refund(state="CONFIRMED"))
    assert first.event_id == again.event_id != other.event_id
    attempts = [
        notice("checkout.transaction.attempt.failed", order(attempt(transactionId=name, state="FAILED"))).event_id
        for name in ("OM1", "OM2")
    ]
    assert len(set(attempts)) == 2


def test_two_failures_in_one_millisecond_are_two_notices() -> None:
    first, second = (attempt(transactionId=name, state="FAILED") for name in ("OM9", "OM1"))
    told = [notice("checkout.transaction.attempt.failed", order(*tried)) for tried in ([first], [first, second])]
    assert [each.payment_id for each in told] == ["OM9", "OM1"]
    assert told[0].event_id != told[1].event_id


def test_a_forged_hint_does_not_keep_out_the_true_one() -> None:
    account = with_user()
    true = body("checkout.order.completed", order(attempt(), state="COMPLETED"))
    forged = body("checkout.order.completed", order(attempt(), state="COMPLETED", extra="x"))
    ids = {account.verify_webhook(raw, {"Authorization": H2}).event_id for raw in (true, forged, true)}
    assert len(ids) == 2


@pytest.mark.parametrize(
    "raw",
    [b"", b"null", b"[]", b"\xff", b"[" * 50_000, b'{"event":1,"payload":[]}', b'{"event":"x","payload":{"state":7}}'],
    ids=range(7),
)
def test_a_signed_body_that_is_not_understood_is_still_a_notice(raw: bytes) -> None:
    read = gateway(hmac_secret=SECRET).verify_webhook(raw, signed(raw))
    assert (read.kind, read.payment, read.refund, read.order_id) == (NoticeKind.OTHER, None, None, None)


@pytest.mark.parametrize("payload", [{"paymentDetails": [7]}, {**order(), "amount": "x"}, order(attempt(amount=1.5))])
def test_a_snapshot_that_is_not_understood_is_asked_for(payload: dict[str, Any]) -> None:
    assert notice("checkout.order.completed", payload).payment is None


def test_the_browser_brings_nothing_that_counts() -> None:
    came = gateway().verify_return("attempt-1", {"code": "PAYMENT_SUCCESS", "transactionId": "OM1"})
    assert (came.verified, came.payment_id, came.error_code) == (False, None, "")
