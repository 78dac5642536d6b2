"""The screens of messages, as an admin and others use them."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import select

from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.messaging.breaker import look_at_breaker, report_call
from app.messaging.delivery import send
from app.messaging.models import ClinicTemplate, Message, MessagePreference
from app.messaging.rules import change_rules, rules_in_scope
from app.messaging.wording import find_own_wording
from app.tenancy.models import ProviderAccount
from tests.factories.people import make_patient
from tests.messaging.conftest import MAIL, add_mail

EDITOR = "/message-templates/invoice_paid/email/en"


def test_rules_are_saved_and_wrong_ones_told_by_field(clinic: Any, console_as: Any) -> None:
    admin = console_as("CLINIC_ADMIN")
    page = admin.get("/communication/").text
    on = re.findall(r'name="on" value="([^"]+)" checked', page)
    assert "appointment.**:email" in on
    assert "ehr.vital.critical:sms" not in on  # cannot be switched off
    given = {"quiet_from": "21:00", "quiet_until": "08:00", "email_per_minute": "50", "daily_cap": "100", "on": on[1:]}
    assert admin.post("/communication/", data=given).status_code == 302
    with tenant_scope(clinic.id):
        rules = rules_in_scope()
        assert (rules.email_per_minute, f"{rules.quiet_from:%H:%M}", rules.cap_micros) == (50, "21:00", 100_000_000)
        assert rules.switched_off == (on[0],)
    refused = admin.post("/communication/", data={"quiet_from": "21:00", "email_per_minute": "-1", "on": on})
    assert refused.status_code == 422
    assert 'id="rule-email_per_minute-error"' in refused.text


def test_who_may_read_rules_may_not_change_them(console_as: Any) -> None:
    auditor = console_as("SYSTEM_AUDITOR")
    assert auditor.get("/communication/").status_code == 200
    assert auditor.post("/communication/", data={}).status_code == 403
    assert console_as("RECEPTIONIST").get("/communication/").status_code == 403


def test_a_template_is_worded_previewed_tested_and_given_back(clinic: Any, console_as: Any, reachable: Any) -> None:
    admin = console_as("CLINIC_ADMIN")
    assert EDITOR in admin.get("/message-templates/").text
    assert "{{ patient }}" in admin.get(EDITOR).text
    wording = {"subject": "Paid: {{ number }}", "body": "Thanks, {{ patient }}!"}
    shown = admin.post(f"{EDITOR}/preview", data=wording).text
    assert "Paid: INV/25-26/000042" in shown
    assert "Thanks, Meera Iyer!" in shown
    assert admin.post(EDITOR, data=wording).status_code == 302
    assert admin.post(f"{EDITOR}/test", data={"to": "admin@example.com"}).status_code == 302
    with tenant_scope(clinic.id):
        test_id = db.session.scalars(select(Message.id).where(Message.recipient == "admin@example.com")).one()
    send(clinic.id, test_id)
    (mail,) = reachable.messages(channel="email", to="admin@example.com")
    assert mail["subject"] == "Paid: INV/25-26/000042"
    with tenant_scope(clinic.id):
        version_id = db.session.scalars(select(ClinicTemplate.id)).one()
    assert admin.post(f"{EDITOR}/default").status_code == 302
    with tenant_scope(clinic.id):
        assert find_own_wording("invoice_paid", "email", "en") is None
    assert admin.post(f"{EDITOR}/versions/{version_id}").status_code == 302
    with tenant_scope(clinic.id):
        assert find_own_wording("invoice_paid", "email", "en") is not None


def test_a_wording_that_does_not_work_stays_in_the_form(console_as: Any) -> None:
    admin = console_as("CLINIC_ADMIN")
    wrong = {"subject": "x", "body": "{% for i in patient %}{% endfor %}"}
    answer = admin.post(EDITOR, data=wrong)
    assert answer.status_code == 422
    assert "{% for i in patient %}" in answer.text
    assert 'id="wording-body-error"' in answer.text
    assert 'role="alert"' in admin.post(f"{EDITOR}/preview", data=wrong).text


def test_a_reminder_can_be_tried_though_its_sample_is_of_no_visit(clinic: Any, console_as: Any, reachable: Any) -> None:
    admin = console_as("CLINIC_ADMIN")
    address = "/message-templates/appointment_reminder/email/en/test"
    assert admin.post(address, data={"to": "try@example.com"}).status_code == 302
    with tenant_scope(clinic.id):
        test_id = db.session.scalars(select(Message.id).where(Message.recipient == "try@example.com")).one()
    send(clinic.id, test_id)
    assert len(reachable.messages(channel="email", to="try@example.com")) == 1


def test_a_test_goes_to_an_address_of_its_channel_alone(clinic: Any, console_as: Any) -> None:
    """What cannot be one would be sent, refused, and suppressed."""
    admin, place = console_as("CLINIC_ADMIN"), "/message-templates/invoice_paid/{}/en"
    for channel, to, why in (
        ("email", "try", "This is not an e-mail address."),
        ("sms", "try@example.com", "This is not a telephone number that can be dialled."),
    ):
        assert admin.post(f"{place.format(channel)}/test", data={"to": to}).status_code == 302
        assert why in admin.get(place.format(channel)).text
    assert admin.post(f"{place.format('sms')}/test", data={"to": "98765 43210"}).status_code == 302
    assert admin.post(f"{place.format('in_app')}/test", data={"to": "98765 43210"}).status_code == 404
    with tenant_scope(clinic.id):
        assert db.session.scalars(select(Message.recipient)).all() == ["+919876543210"]


def test_no_such_template_is_not_found(console_as: Any) -> None:
    admin = console_as("CLINIC_ADMIN")
    for place in ("nothing/email/en", "invoice_paid/pigeon/en", "invoice_paid/email/fr", "invoice_paid/push/en"):
        assert admin.get(f"/message-templates/{place}").status_code == 404
    assert admin.post(f"{EDITOR}/versions/{'0' * 8}").status_code == 404


def test_who_only_looks_changes_nothing(console_as: Any) -> None:
    auditor = console_as("SYSTEM_AUDITOR")
    assert auditor.get(EDITOR).status_code == 200
    assert "Send a test" not in auditor.get(EDITOR).text
    for address in (EDITOR, f"{EDITOR}/test", f"{EDITOR}/default", f"/message-providers/{'0' * 36}/close"):
        assert auditor.post(address, data={"body": "x"}).status_code == 403, address


def test_the_board_shows_breakers_and_closes_one(clinic: Any, console_as: Any, reachable: Any, queued: Any) -> None:
    admin = console_as("CLINIC_ADMIN")
    send(clinic.id, queued())
    with tenant_scope(clinic.id):
        account_id = db.session.scalars(select(ProviderAccount.id).where(ProviderAccount.channel == "email")).one()
    report_call(clinic.id, account_id, ok=False, fatal=True)
    board = admin.get("/message-providers/").text
    assert "SMTP" in board
    assert f"/message-providers/{account_id}/close" in board
    assert admin.post(f"/message-providers/{account_id}/test").status_code == 302
    assert admin.post(f"/message-providers/{account_id}/close").status_code == 302
    assert look_at_breaker(clinic.id, account_id).state == "CLOSED"
    assert "/close" not in admin.get("/message-providers/").text


def test_another_clinics_account_cannot_be_tested(
    clinic: Any, other_clinic: Any, console_as: Any, outside: Any
) -> None:

    with tenant_scope(other_clinic.id), unit_of_work():
        foreign = add_mail(outside)
    assert console_as("CLINIC_ADMIN").post(f"/message-providers/{foreign}/test").status_code == 404


def test_the_outbox_says_in_words_why_a_message_did_not_leave(clinic: Any, console_as: Any, queued: Any) -> None:
    message_id = queued()  # no account
    send(clinic.id, message_id)
    assert "No provider is set up for this channel." in console_as("CLINIC_ADMIN").get("/messageview/list/").text


def test_the_outbox_shows_the_providers_answer(clinic: Any, console_as: Any, reachable: Any, queued: Any) -> None:
    message_id = queued()
    send(clinic.id, message_id)
    page = console_as("CLINIC_ADMIN").get(f"/messageview/show/{message_id}").text
    assert MAIL in page
    assert "SMTP" in page
    assert console_as("CLINIC_ADMIN").get("/messageview/chart/").status_code == 200


def test_a_message_is_shown_in_words_and_sent_again_only_where_it_did_not_leave(
    clinic: Any, console_as: Any, outside: Any, queued: Any
) -> None:
    failed, again = queued(), "/messageview/action/resend/"
    send(clinic.id, failed)  # no account
    admin = console_as("CLINIC_ADMIN")
    page = admin.get(f"/messageview/show/{failed}").text
    assert f"{again}{failed}" in page
    assert "(E-mail)" in page and "(email)" not in page
    assert "English" in page
    with tenant_scope(clinic.id), unit_of_work():
        add_mail(outside)
        change_rules(email_cost="0.025")
    assert admin.post(f"{again}{failed}").status_code == 302
    send(clinic.id, failed)
    page = admin.get(f"/messageview/show/{failed}").text
    assert f"{again}{failed}" not in page
    assert "0.025 INR" in page


def test_the_desk_notes_a_patients_wish(clinic: Any, console_as: Any) -> None:
    with tenant_scope(clinic.id):
        patient_id = make_patient(first_name="Meera").id
    desk = console_as("RECEPTIONIST")
    wish = {"patient": patient_id, "muted": ["sms", "whatsapp"], "quiet_from": "21:00", "quiet_until": "07:00"}
    assert desk.post("/messagepreferenceview/add", data=wish).status_code == 302
    with tenant_scope(clinic.id):
        row = db.session.scalars(select(MessagePreference)).one()
        assert (row.patient_id, row.muted, f"{row.quiet_from:%H:%M}") == (patient_id, ["sms", "whatsapp"], "21:00")
        row_id = row.id
    assert "Meera" in desk.get("/messagepreferenceview/list/").text
    assert desk.post(f"/messagepreferenceview/edit/{row_id}", data={"muted": ["push"]}).status_code == 302
    with tenant_scope(clinic.id):
        assert db.session.scalars(select(MessagePreference.muted)).one() == ["push"]
