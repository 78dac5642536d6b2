"""The preview shows a wording as its reader sees it, and a mail in a page that can do nothing."""

from __future__ import annotations

from typing import Any

import pytest

from app.messaging.sms_size import sms_size

MAIL = "/message-templates/invoice_paid/email/en"
WHATSAPP = "/message-templates/invoice_paid/whatsapp/en"
SMS = "/message-templates/invoice_paid/sms/en"


def test_a_mail_is_a_page_of_its_own_that_may_load_and_run_nothing(console_as: Any) -> None:
    admin = console_as("CLINIC_ADMIN")
    answer = admin.post(f"{MAIL}/mail", data={"subject": "Paid {{ number }}", "body": "Thanks, {{ patient }}!"})
    assert answer.status_code == 200
    assert "Thanks, Meera Iyer!" in answer.text
    assert 'style="' in answer.text  # inlined, as mail readers want it
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "sandbox" in policy and "allow-" not in policy
    assert "frame-ancestors 'self'" in policy
    assert answer.headers.get_all("X-Frame-Options") == ["SAMEORIGIN"]
    assert "unsafe-inline" not in admin.get(MAIL).headers["Content-Security-Policy"]


def test_what_is_typed_into_a_mail_is_text_and_no_markup(console_as: Any) -> None:
    page = console_as("CLINIC_ADMIN").post(f"{MAIL}/mail", data={"subject": "x", "body": "<script>alert(1)</script>"})
    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text


def test_only_a_mail_has_such_a_page(console_as: Any) -> None:
    words = {"subject": "x", "body": "y"}
    admin = console_as("CLINIC_ADMIN")
    assert admin.post(f"{SMS}/mail", data=words).status_code == 404
    assert admin.post("/message-templates/nothing/email/en/mail", data=words).status_code == 404
    assert admin.post(f"{MAIL}/mail", data={"subject": "x", "body": "{% for i in patient %}"}).status_code == 422


@pytest.mark.parametrize(("role", "status"), [("SYSTEM_AUDITOR", 200), ("RECEPTIONIST", 403), ("PATIENT", 403)])
def test_who_reads_templates_reads_the_mail(console_as: Any, role: str, status: int) -> None:
    assert console_as(role).post(f"{MAIL}/mail", data={"subject": "x", "body": "y"}).status_code == status


def test_the_preview_of_a_mail_holds_a_frame_and_the_part_without_html(console_as: Any) -> None:
    page = console_as("CLINIC_ADMIN").get(MAIL).text
    assert "<iframe" in page and " sandbox " in page
    assert f'action="{MAIL}/mail" target="mail-frame"' in page
    assert "The part without HTML" in page


def test_whatsapp_shows_the_approved_template_and_its_variables_in_order(console_as: Any) -> None:
    admin = console_as("CLINIC_ADMIN")
    typed = {"body": "Paid.", "approved-whatsapp_cloud": "clinic_paid_2", "positions": "amount, patient"}
    page = admin.post(f"{WHATSAPP}/preview", data=typed).text
    assert "clinic_paid_2" in page
    assert page.index("{{1}}") < page.index("₹ 800.00") < page.index("{{2}}") < page.index("Meera Iyer")
    assert 'role="alert"' in admin.post(f"{WHATSAPP}/preview", data={"body": "Paid.", "positions": "ward"}).text
    plain = admin.post(f"{WHATSAPP}/preview", data={"body": "Paid.", "positions": ""}).text
    assert "<code>invoice_paid</code>" in plain and "{{1}}" in plain


def test_an_sms_tells_in_how_many_parts_it_leaves(console_as: Any) -> None:
    admin = console_as("CLINIC_ADMIN")
    assert "1 part, 5 characters." in admin.post(f"{SMS}/preview", data={"body": "Paid."}).text
    long = admin.post(f"{SMS}/preview", data={"body": "{{ amount }} " + "a" * 70}).text
    assert "2 parts, 79 characters." in long
    assert "‹₹›" in long and "only 67 characters" in long


@pytest.mark.parametrize(
    ("text", "units", "parts", "outside"),
    [
        ("a" * 160, 160, 1, ""),
        ("a" * 161, 161, 2, ""),
        ("a" * 306, 306, 2, ""),
        ("a" * 307, 307, 3, ""),
        ("€" * 80, 160, 1, ""),
        ("a" * 152 + "€" + "a" * 152, 306, 3, ""),  # the first part has no room for both halves of the sign
        ("न" * 70, 70, 1, "न"),
        ("न" * 71, 71, 2, "न"),
        ("😀" * 35, 70, 1, "😀"),
        ("😀" * 67, 134, 3, "😀"),  # 33 to a part: none is cut in two
        ("", 0, 1, ""),
    ],
)
def test_parts_are_counted_as_the_standard_counts_them(text: str, units: int, parts: int, outside: str) -> None:
    size = sms_size(text)
    assert (size.units, size.parts, size.outside) == (units, parts, outside)
