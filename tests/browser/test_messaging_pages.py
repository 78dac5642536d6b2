"""Messages, events and background work as anybody can use them: axe finds nothing, in both looks, widths and languages;
the preview of a mail is a real page in a frame that may do nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from app.core import clock
from app.core.ids import new_id
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.events.models import DeliveryStatus, EventDelivery, EventRecord
from app.events.services import publish
from app.integrations.models import WebhookDelivery, WebhookStatus
from app.integrations.services import add_endpoint, send_test
from app.messaging.breaker import report_call
from app.messaging.delivery import send
from app.messaging.models import Message, MessageAttempt, NoticeStatus, ProviderNotice, SuppressionReason
from app.messaging.services import queue_message
from app.messaging.suppression import suppress
from app.messaging.wording import save_wording
from app.people.events import PatientRegistered
from tests.browser.looks import DESK, TABLET, Look
from tests.factories.people import make_patient
from tests.messaging.conftest import CLOSED_PORT, VARIABLES, add_mail
from tests.sandbox_server import running_sandbox

LOOKS = {"en": Look(DESK, "light"), "hi": Look(TABLET, "dark")}
EDITOR = "/message-templates/invoice_paid"
LISTS = (
    "/messageview/list/", "/messageview/chart/", "/message-providers/", "/message-templates/", "/communication/",
    "/notifications/",
    "/suppressedaddressview/list/", "/suppressedaddressview/add", "/messagepreferenceview/add",
    "/providernoticeview/list/", "/providernoticeview/chart/", "/eventview/list/", "/eventdeliveryview/list/",
    "/webhookendpointview/list/", "/webhookendpointview/add", "/webhookdeliveryview/list/", "/health/",
    "/queues-and-workers/", "/jobrunview/list/", "/provider-accounts/",
)  # fmt: skip


@pytest.fixture
def troubled(clinic: Any) -> list[str]:
    """A clinic where everything has happened once; the pages of single things."""
    with running_sandbox() as outside, tenant_scope(clinic.id), unit_of_work():
        account = add_mail(outside, CLOSED_PORT)
        make_patient()
        event = publish(PatientRegistered(patient_id=new_id()))
        delivery = EventDelivery(event_id=event.id, listener="app.gone.listeners.hear", status=DeliveryStatus.PARKED)
        delivery.attempts, delivery.error, delivery.finished_at = 8, "KeyError: 'gone'", clock.now()
        endpoint, _secret = add_endpoint("Laboratory", "http://127.0.0.1:9/hook", ["patient.**"])
        told = send_test(endpoint)
        told.status, told.answer_status, told.error, told.attempts = WebhookStatus.PARKED, 500, "500", 9
        message = queue_message("email", "meera@example.com", "invoice_paid", VARIABLES, dedupe_key="one")
        suppress("email", "gone@example.com", SuppressionReason.BOUNCED)
        own = save_wording("invoice_paid", "email", "en", subject="Paid {{ number }}", body="Thanks, {{ patient }}!")
        own.broken_at, own.broken_why = clock.now(), "There is no {{ ward }} here."
        notice = ProviderNotice(provider="zeptomail", account_id=account, notice_key="one", raw=b"{}")
        notice.status, notice.error, notice.processed_at = NoticeStatus.PARKED, "KeyError", clock.now()
        db.session.add_all([delivery, notice])
        message_id, endpoint_id = message.id, endpoint.id
    send(clinic.id, message_id)
    report_call(clinic.id, account, ok=False, fatal=True)
    with tenant_scope(clinic.id):
        attempt_id = db.session.scalars(select(MessageAttempt.id)).first()
        rows = (
            (EventRecord, "eventview"), (EventDelivery, "eventdeliveryview"), (Message, "messageview"),
            (WebhookDelivery, "webhookdeliveryview"), (ProviderNotice, "providernoticeview"),
        )  # fmt: skip
        shown = [f"/{view}/show/{db.session.scalars(select(model.id)).first()}" for model, view in rows]
        return [*shown, f"/messageattemptview/show/{attempt_id}", f"/webhookendpointview/show/{endpoint_id}"]


def test_anybody_can_use_the_pages(log_in: Callable[..., Page], barriers_at: Any, troubled: list[str]) -> None:
    for language, look in LOOKS.items():
        page = log_in("CLINIC_ADMIN", language=language)
        editors = [f"{EDITOR}/{channel}/{language}" for channel in ("email", "whatsapp", "sms", "in_app")]
        assert barriers_at(page, [*LISTS, *editors, *troubled], (look,)) == []
        assert page.get_attribute("html", "lang") == language


def test_the_preview_follows_what_is_typed_and_shows_the_mail_itself(
    log_in: Callable[..., Page], violations: Any, clinic: Any
) -> None:
    page = log_in("CLINIC_ADMIN")
    page.goto(f"{EDITOR}/email/en")
    mail = page.frame_locator("iframe.mail-frame")
    expect(mail.locator("p").first).to_contain_text("Meera Iyer")
    page.fill("#wording-body", "Hello {{ patient }}, <b>thanks</b>. https://pay.example.com/p/abc")
    expect(mail.locator("p").first).to_have_text("Hello Meera Iyer, <b>thanks</b>. https://pay.example.com/p/abc")
    page.fill("#wording-subject", "For {{ number }}")
    expect(mail.locator("h1")).to_have_text("For INV/25-26/000042")
    assert page.locator("iframe.mail-frame").get_attribute("sandbox") == ""
    assert page.evaluate("document.querySelector('iframe.mail-frame').contentDocument") is None
    page.fill("#wording-body", "{% for letter in patient %}{% endfor %}")
    expect(page.locator("#preview [role=alert]")).to_be_visible()
    assert page.locator("iframe.mail-frame").count() == 0
    page.fill("#wording-body", "Good again, {{ patient }}.")
    expect(mail.locator("p").first).to_have_text("Good again, Meera Iyer.")
    assert violations(page) == []


def test_an_sms_tells_its_parts_while_one_types(log_in: Callable[..., Page]) -> None:
    page = log_in("CLINIC_ADMIN")
    page.goto(f"{EDITOR}/sms/en")
    page.fill("#wording-body", "Paid.")
    expect(page.locator("#preview")).to_contain_text("1 part, 5 characters.")
    page.fill("#wording-body", "Paid ₹. " + "x" * 70)
    expect(page.locator("#preview")).to_contain_text("2 parts, 78 characters.")
