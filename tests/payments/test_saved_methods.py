"""Instruments that patients leave at the gateway: saved on its page, listed, named, removed; seen by nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import copy_context
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select

from app.core.errors import Invalid, NotFound, ProviderUnavailable
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.payments.models import GatewayCustomer
from app.payments.services import start_checkout
from app.payments.services.links import saved_url
from app.payments.services.saved_methods import (
    begin_saving,
    get_method,
    methods_of,
    remove_method,
    set_default,
    take_saved,
)
from app.tenancy.models import ProviderAccount
from tests.factories.payments import make_gateway_account, make_payment, reread
from tests.factories.people import make_patient
from tests.payments.gateway_accounts import STRIPE, GatewayClinic, connected, leave_card
from tests.sandbox_server import RunningSandbox


@pytest.fixture
def stripe(gateway_server: RunningSandbox, in_clinic: Any) -> Iterator[GatewayClinic]:
    with connected(STRIPE, gateway_server) as clinic:
        yield clinic


def account_id() -> str:
    return db.session.scalars(select(ProviderAccount.id).where(ProviderAccount.provider == "stripe")).one()


def test_a_card_is_saved_and_the_first_is_the_default(stripe: GatewayClinic) -> None:
    patient = make_patient()
    (first,) = leave_card(stripe, patient.id)
    assert (first.brand.lower(), first.last4, first.is_default) == ("visa", "4242", True)
    assert take_saved(patient.id, account_id()) == 1  # looking again finds the same
    methods = leave_card(stripe, patient.id)
    assert [method.is_default for method in methods] == [True, False]
    assert len(db.session.scalars(select(GatewayCustomer)).all()) == 1


def test_nothing_of_a_card_is_kept(stripe: GatewayClinic) -> None:
    (method,) = leave_card(stripe, make_patient().id)
    kept = " ".join(str(value) for value in vars(method).values())
    assert "4242424242424242" not in kept
    assert method.method_id.startswith("pm_")


def test_the_default_can_be_changed_and_follows_a_removal(stripe: GatewayClinic) -> None:
    patient = make_patient()
    leave_card(stripe, patient.id)
    first, second = leave_card(stripe, patient.id)
    with unit_of_work():
        set_default(get_method(second.id))
    assert [method.id for method in methods_of(patient.id)] == [second.id, first.id]
    remove_method(second.id)
    assert [(method.id, method.is_default) for method in methods_of(patient.id)] == [(first.id, True)]
    with pytest.raises(NotFound):
        remove_method(second.id)
    assert take_saved(patient.id, account_id()) == 1  # gone at the gateway, too


def test_a_checkout_offers_what_the_patient_saved(stripe: GatewayClinic) -> None:
    patient = make_patient()
    leave_card(stripe, patient.id)
    payment = make_payment(patient_id=patient.id, provider="stripe")
    start_checkout(payment.id)
    sent = stripe.sandbox.calls("stripe", "create_session")[0]["body"]
    customer = db.session.scalars(select(GatewayCustomer.customer_id)).one()
    assert parse_qs(sent)["customer"] == [customer]


def test_a_silent_gateway_loses_nothing(stripe: GatewayClinic) -> None:
    patient = make_patient()
    (method,) = leave_card(stripe, patient.id)
    stripe.sandbox.fault("stripe", "500", count=5)
    with pytest.raises(ProviderUnavailable):
        remove_method(method.id)
    assert reread(method).removed_at is None


def test_a_gateway_that_keeps_none_says_so(in_clinic: Any) -> None:
    make_gateway_account()
    with pytest.raises(Invalid):
        begin_saving(make_patient().id)


def test_patients_manage_their_own_over_the_api(stripe: GatewayClinic, caller: Any) -> None:
    patient, other = make_patient(), make_patient()
    me, somebody = caller("PATIENT", patient_id=patient.id), caller("PATIENT", patient_id=other.id)
    begun = me.post("/payment-methods", json={})
    assert begun.status_code == 201
    assert begun.json["checkoutUrl"].startswith(stripe.sandbox.base_url)
    leave_card(stripe, patient.id)
    (item,) = me.get("/payment-methods").json["items"]
    assert (item["last4"], item["isDefault"], item["expires"]) == ("4242", True, "2034-12")
    assert somebody.get("/payment-methods").json["items"] == []
    for method, path in (("put", ""), ("post", "/set-default"), ("delete", "")):
        body = {"label": "Mine"} if method == "put" else {}
        assert getattr(somebody, method)(f"/payment-methods/{item['id']}{path}", json=body).status_code == 404
    assert me.put(f"/payment-methods/{item['id']}", json={"label": "Travel card"}).json["label"] == "Travel card"
    assert me.post(f"/payment-methods/{item['id']}/set-default", json={}).json["isDefault"] is True
    assert me.delete(f"/payment-methods/{item['id']}").status_code == 204
    assert me.get("/payment-methods").json["items"] == []


def test_staff_look_and_do_not_touch(stripe: GatewayClinic, caller: Any) -> None:
    patient = make_patient()
    (method,) = leave_card(stripe, patient.id)
    finance = caller("FINANCE_BILLING")
    assert len(finance.get(f"/payment-methods?patientId={patient.id}").json["items"]) == 1
    assert finance.get("/payment-methods").status_code == 422
    assert finance.delete(f"/payment-methods/{method.id}").status_code == 403


def test_the_way_back_shows_what_was_saved(stripe: GatewayClinic, app: Any) -> None:
    patient = make_patient()
    page = begin_saving(patient.id)
    stripe.sandbox.pay(page.order_id, gateway="stripe", webhook=False)
    path = urlsplit(saved_url(patient.id, account_id())).path
    shown = copy_context().run(app.test_client().get, path)
    assert "Your payment method is saved" in shown.text
    assert copy_context().run(app.test_client().get, path[:-3] + "abc").status_code == 404
