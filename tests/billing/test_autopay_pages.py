"""Charge automatically, on screen: an instrument of the patient's own, and only with a consent that stays on record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.audit.models import AuditEntry
from app.billing.models import PaymentPlan, Subscription
from app.billing.services import make_payment_plan
from app.billing.services.autopay import set_autopay, standing_consent
from app.billing.services.subscriptions import cancel_subscription
from app.core import clock
from app.core.state import WrongState
from app.core.tenant import tenant_scope
from app.core.transaction import unit_of_work
from app.people.models import Patient
from tests.billing.conftest import Api
from tests.factories.billing import make_invoice
from tests.factories.people import make_patient
from tests.factories.subscriptions import all_of, make_method, make_subscription, reread

ApiAs = Callable[..., Api]
Owner = Subscription | PaymentPlan
HTML = {"Accept": "text/html"}


def make_owner(kind: str, patient: Patient) -> Owner:
    if kind == "subscription":
        return make_subscription(patient_id=patient.id)
    invoice = make_invoice("900.00", patient=patient)
    with unit_of_work():
        return make_payment_plan(invoice, 3)


def path_of(owner: Owner) -> str:
    return f"/billing/{owner.__tablename__.replace('_', '-')}-autopay/{owner.id}"


def record_of(owner: Owner) -> str:
    return f"/{type(owner).__name__.lower()}view/show/{owner.id}"


def send(caller: Api, owner: Owner, **form: str) -> Any:
    return caller.raw("POST" if form else "GET", path_of(owner), headers=HTML, data=form or None)


@pytest.fixture(params=["subscription", "payment_plan"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def patient(in_clinic: Any) -> Patient:
    return make_patient()


def test_the_consent_is_asked_for_kept_and_shown(kind: str, patient: Patient, api: ApiAs) -> None:
    owner, method, finance = make_owner(kind, patient), make_method(patient), api("FINANCE_BILLING")
    assert "Visa 4242, valid until 04/2031" in send(finance, owner).text
    refused = send(finance, owner, method=method.id)
    assert refused.status_code == 422 and "Ask the patient first" in refused.text
    assert reread(owner).autopay_method_id is None

    assert send(finance, owner, method=method.id, agreed="y").status_code == 302
    assert reread(owner).autopay_method_id == method.id
    (told,) = all_of(AuditEntry, AuditEntry.action == "autopay_agreed")
    assert (told.entity, told.entity_id) == (kind, owner.id)
    assert told.reason.startswith("Visa 4242 is charged without asking again:")
    for page in (send(finance, owner).text, finance.raw("GET", record_of(owner), headers=HTML).text):
        assert told.username in page and "Visa 4242 is charged without asking again" in page


def test_it_is_stopped_without_asking_and_the_consent_is_over(kind: str, patient: Patient, api: ApiAs) -> None:
    owner, finance = make_owner(kind, patient), api("FINANCE_BILLING")
    send(finance, owner, method=make_method(patient).id, agreed="y")
    assert send(finance, owner, method="").status_code == 302
    assert reread(owner).autopay_method_id is None
    assert standing_consent(reread(owner)) is None
    assert len(all_of(AuditEntry, AuditEntry.action == "autopay_stopped")) == 1


def test_saving_it_unchanged_asks_for_nothing_and_notes_nothing(kind: str, patient: Patient, api: ApiAs) -> None:
    owner, method, finance = make_owner(kind, patient), make_method(patient), api("FINANCE_BILLING")
    send(finance, owner, method=method.id, agreed="y")
    assert send(finance, owner, method=method.id).status_code == 302
    assert len(all_of(AuditEntry, AuditEntry.action == "autopay_agreed")) == 1


def test_another_patients_instrument_is_no_choice(kind: str, patient: Patient, api: ApiAs) -> None:
    owner, foreign, finance = make_owner(kind, patient), make_method(make_patient()), api("FINANCE_BILLING")
    assert "No saved method" in send(finance, owner).text
    assert send(finance, owner, method=foreign.id, agreed="y").status_code == 422
    assert reread(owner).autopay_method_id is None


def test_a_removed_instrument_is_charged_no_more_and_says_so(kind: str, patient: Patient, api: ApiAs) -> None:
    owner, method, finance = make_owner(kind, patient), make_method(patient), api("FINANCE_BILLING")
    send(finance, owner, method=method.id, agreed="y")
    with unit_of_work():
        reread(method).removed_at = clock.now()
    shown = finance.raw("GET", record_of(owner), headers=HTML).text
    assert "Visa 4242 (removed)" in shown and "without asking again" not in shown
    assert send(finance, owner, method="").status_code == 302


def test_what_is_over_is_not_charged(patient: Patient) -> None:
    owner, method = make_subscription(patient_id=patient.id), make_method(patient)
    with unit_of_work():
        cancel_subscription(owner.id)
    with pytest.raises(WrongState), unit_of_work():
        set_autopay(reread(owner), method.id)


def test_who_may_change_the_owner_may_set_it(kind: str, patient: Patient, api: ApiAs, other_clinic: Any) -> None:
    owner, method = make_owner(kind, patient), make_method(patient)
    allowed = {"subscription": {"FINANCE_BILLING", "CLINIC_ADMIN", "PATIENT"}}.get(
        kind, {"FINANCE_BILLING", "CLINIC_ADMIN"}
    )
    for role in ("RECEPTIONIST", "ACCOUNTANT", "DOCTOR", "SYSTEM_AUDITOR", "PATIENT", "CLINIC_ADMIN"):
        options = {"patient_id": patient.id} if role == "PATIENT" else {}
        answer = send(api(role, **options), owner, method=method.id, agreed="y")
        assert answer.status_code == (302 if role in allowed else 403), role
    foreign = api("CLINIC_ADMIN", clinic_id=other_clinic.id)
    assert send(foreign, owner, method="").status_code == 404
    if kind == "subscription":
        assert send(api("PATIENT", patient_id=make_patient().id), owner, method="").status_code == 404
    with tenant_scope(patient.clinic_id):
        assert reread(owner).autopay_method_id == method.id
