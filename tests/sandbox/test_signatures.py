from __future__ import annotations

import pytest

from app.sandbox.simulators.razorpay.signatures import sign, sign_return
from app.sandbox.simulators.whatsapp import account as whatsapp

R5_BODY = (
    b'{"entity":"event","event":"payment.captured",'
    b'"payload":{"payment":{"entity":{"id":"pay_1","amount":100,"status":"captured"}}}}'
)


@pytest.mark.parametrize(
    ("secret", "parts", "expected"),
    [
        (
            "key_secret",
            ("fake_order_id", "fake_payment_id"),
            "b2335e3b0801106b84a7faff035df56ecffde06918c9ddd1f0fafbb37a51cc89",
        ),
        (
            "EnLs21M47BllR3X8PSFtjtbd",
            ("plink_IH3cNucfVEgV68", "TSsd1989", "paid", "pay_IH3d0ara9bSsjQ"),
            "07ae18789e35093e51d0a491eb9922646f3f82773547e5b0f67ee3f2d3bf7d5b",
        ),
        (
            "EnLs21M47BllR3X8PSFtjtbd",
            ("pay_IDZNwZZFtnjyym", "sub_ID6MOhgkcoHj9I"),
            "601f383334975c714c91a7d97dd723eb56520318355863dcf3821c0d07a17693",
        ),
        (
            "test_key_secret",
            ("order_IluGWxBm9U8zJ8", "pay_IH4NVgf4Dreq1l"),
            "34e54fc403561b4f9bd4df51fe30b7c8f9d614d823e82a8e4389a8669f5af0b2",
        ),
    ],
)
def test_razorpay_return_is_signed_as_the_vendor_signs_it(secret: str, parts: tuple[str, ...], expected: str) -> None:
    assert sign_return(secret, *parts) == expected


def test_razorpay_webhook_is_signed_over_its_bytes() -> None:
    assert len(R5_BODY) == 126
    assert sign("whsec_razor_test", R5_BODY) == "a6fb8eb96f2065df54dc89639fe85a976ec17d0c8dd5f8099516997ceda4068b"


@pytest.mark.parametrize(
    ("secret", "body", "expected"),
    [
        ("secret", b"test", "0329a06b62cd16b33eb6792be8c60b158d89a2ee3a876fce9a881ebb488c0914"),
        (
            "It's a Secret to Everybody",
            b"Hello, World!",
            "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        ),
        (
            "test_app_secret",
            b'{"object":"whatsapp_business_account","entry":[]}',
            "dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756",
        ),
    ],
)
def test_whatsapp_webhook_is_signed_as_meta_signs_it(secret: str, body: bytes, expected: str) -> None:
    assert whatsapp.sign(secret, body) == f"sha256={expected}"


def test_whatsapp_headers_without_an_app_secret_carry_no_signature() -> None:
    unsigned = whatsapp.WhatsAppAccount(phone_number_id="1", access_token="t")
    assert "X-Hub-Signature-256" not in whatsapp.webhook_headers(unsigned, b"{}")
