"""Public pay links: who has one can pay that invoice, in time, and learns nothing else."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from app.billing.models import Invoice, PayLink
from app.billing.services import lock_invoice, make_pay_link, void_invoice
from app.core import clock
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.payments.gateways import GATEWAYS
from app.payments.models import Payment
from app.payments.services import ask_gateway
from app.tenancy.models import ProviderAccount
from app.tenancy.providers import save_account
from tests.billing.conftest import Api, run_everything
from tests.factories.billing import collect, make_invoice, reload
from tests.factories.payments import make_gateway_account
from tests.factories.people import make_patient
from tests.sandbox_server import RunningSandbox

ApiAs = Callable[..., Api]


@pytest.fixture
def nobody(app: Any) -> Api:
    """A browser that is not logged in."""
    return Api(app.test_client())


def link_to(invoice: Invoice) -> str:
    with unit_of_work():
        _link, address = make_pay_link(invoice)
    return urlsplit(address).path


def test_a_link_is_made_by_the_desk_and_opens_a_draft(in_clinic: Any, api: ApiAs, nobody: Api) -> None:
    invoice = make_invoice("75.00", opened=False)
    status, made = api("RECEPTIONIST")("POST", f"/billing/invoices/{invoice.id}/pay-link")
    assert status == 201
    assert reload(invoice).status == "OPEN"
    token = urlsplit(made["url"]).path.removeprefix("/pay/")
    assert token not in {link.token_hash for link in db.session.scalars(select(PayLink))}
    assert nobody.raw("GET", f"/pay/{token}").status_code == 200


def test_the_page_says_what_is_due_and_nothing_about_the_patient(in_clinic: Any, nobody: Api) -> None:
    patient = make_patient(first_name="Kavya", last_name="Das", email="kavya@example.com")
    invoice = make_invoice("75.00", patient=patient)
    page = nobody.raw("GET", link_to(invoice)).text
    assert (invoice.number or "") in page and "75.00" in page and in_clinic.name in page
    for private in ("Kavya", "Das", "kavya@example.com", patient.phone, "Item 1"):
        assert private not in page


def test_paying_leads_to_the_hosted_page_and_pays_the_invoice(sandbox: RunningSandbox, nobody: Api) -> None:
    invoice = make_invoice("75.00")
    path = link_to(invoice)
    first = nobody.raw("POST", path)
    assert first.status_code == 303 and "/pay/checkout/" in first.headers["Location"]
    assert nobody.raw("POST", path).headers["Location"].split("/")[3] == "pay"
    hand_over = nobody.raw("GET", urlsplit(first.headers["Location"]).path)
    assert f'action="{sandbox.razorpay_url}/v1/checkout/embedded"' in hand_over.text
    (payment,) = db.session.scalars(select(Payment)).all()
    assert payment.order_id is not None
    sandbox.pay(payment.order_id, webhook=False)
    ask_gateway(payment.id)
    assert reload(invoice).status == "PAID"
    run_everything()
    closed = nobody.raw("GET", path)
    assert closed.status_code == 410
    assert nobody.raw("POST", path).status_code == 410


def test_a_link_ends(in_clinic: Any, nobody: Api) -> None:
    path = link_to(make_invoice("75.00"))
    with clock.travel(timedelta(days=14, seconds=1)):
        answer = nobody.raw("GET", path)
        assert (answer.status_code, answer.mimetype) == (410, "text/html")
        assert "expired" in answer.text
        assert nobody.raw("POST", path).status_code == 410


def test_what_was_paid_meanwhile_is_not_paid_again(sandbox: RunningSandbox, nobody: Api) -> None:
    invoice = make_invoice("75.00")
    path = link_to(invoice)
    collect(invoice)
    page = nobody.raw("GET", path)
    assert page.status_code == 200 and "Nothing is due" in page.text
    assert nobody.raw("POST", path).status_code == 409
    assert [payment.provider for payment in db.session.scalars(select(Payment))] == ["desk"]


def test_a_clinic_without_a_gateway_says_so_to_the_payer(in_clinic: Any, nobody: Api) -> None:
    answer = nobody.raw("POST", link_to(make_invoice("75.00")))
    assert (answer.status_code, answer.mimetype) == (422, "text/html")
    assert "No payment gateway is set up." in answer.text


@pytest.mark.parametrize("token", ["x", "a" * 54, "%00", "é", "../secret", "A" * 5000])
def test_an_unknown_token_is_a_friendly_404(in_clinic: Any, nobody: Api, token: str) -> None:
    for method in ("GET", "POST"):
        answer = nobody.raw(method, f"/pay/{token}", headers={"Accept": "text/html"})
        assert (answer.status_code, answer.mimetype) == (404, "text/html")


def test_a_token_of_another_clinic_opens_nothing(in_clinic: Any, other_clinic: Any, nobody: Api) -> None:
    """The clinic in the token only says where to look; the hash covers all of it."""
    from uuid import UUID

    path = link_to(make_invoice("75.00"))
    octets = urlsafe_b64decode(path.removeprefix("/pay/") + "==")
    forged = urlsafe_b64encode(UUID(other_clinic.id).bytes + octets[16:]).decode().rstrip("=")
    assert nobody.raw("GET", f"/pay/{forged}").status_code == 404
    with tenant_scope(other_clinic.id):
        assert db.session.scalars(select(PayLink)).all() == []


def test_somebody_who_is_logged_in_may_pay_for_somebody_else(sandbox: RunningSandbox, api: ApiAs) -> None:
    path = link_to(make_invoice("75.00"))
    relative = api("PATIENT", patient_id=make_patient().id)
    assert relative.raw("GET", path).status_code == 200
    assert relative.raw("POST", path).status_code == 303


def test_a_qr_code_on_the_document_leads_to_the_page(in_clinic: Any, api: ApiAs) -> None:
    invoice = make_invoice("75.00")
    api("RECEPTIONIST")("POST", f"/billing/invoices/{invoice.id}/generate-pdf")
    db.session.rollback()
    assert [link.printed for link in db.session.scalars(select(PayLink))] == [True]


@pytest.mark.parametrize(
    ("deed", "code", "words"),
    [
        (lambda invoice: collect(invoice), "INVOICE_PAID", "This invoice is paid"),
        (lambda invoice: void(invoice), "INVOICE_VOID", "This invoice was cancelled"),
    ],
    ids=["paid", "void"],
)
def test_a_link_that_is_over_says_why(
    in_clinic: Any, nobody: Api, deed: Callable[[Invoice], Any], code: str, words: str
) -> None:
    invoice = make_invoice("75.00")
    path = link_to(invoice)
    deed(invoice)
    run_everything()
    page = nobody.raw("GET", path)
    assert (page.status_code, f'data-refusal="{code}"' in page.text, words in page.text) == (410, True, True)


def void(invoice: Invoice) -> None:
    with unit_of_work():
        void_invoice(lock_invoice(invoice.id), "Wrong patient")


def test_a_clinic_without_a_gateway_asks_to_pay_there(in_clinic: Any, nobody: Api) -> None:
    page = nobody.raw("GET", link_to(make_invoice("75.00"))).text
    assert "Please pay at the clinic" in page and "<button" not in page


def test_the_payer_chooses_among_the_clinics_gateways(in_clinic: Any, nobody: Api) -> None:
    make_gateway_account()
    path = link_to(make_invoice("75.00"))
    assert 'name="provider"' not in nobody.raw("GET", path).text  # one is no choice
    assert nobody.raw("POST", path, data={"provider": "moneybag"}).status_code == 422
    assert nobody.raw("POST", path, data={"provider": "razorpay"}).status_code == 303


def test_the_payer_is_offered_no_gateway_that_refuses_the_amount(in_clinic: Any, nobody: Api) -> None:
    make_gateway_account()
    others = {"phonepe": ("client_id", "client_secret"), "paypal": ("client_id", "client_secret", "webhook_id")}
    for at, (provider, keys) in enumerate(others.items(), 1):  # PayPal takes no rupees
        with unit_of_work():
            row = ProviderAccount(channel="payment", provider=provider)
            columns = {"label": "More", "priority": at, "enabled": True, "base_url": None}
            save_account(row, GATEWAYS, credentials={key: f"a-{key}" for key in keys}, **columns)
    offered = re.compile(r'name="provider" value="(\w+)"')
    assert offered.findall(nobody.raw("GET", link_to(make_invoice("75.00"))).text) == ["razorpay", "phonepe"]
    assert offered.findall(nobody.raw("GET", link_to(make_invoice("0.50"))).text) == []
