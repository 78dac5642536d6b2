"""A clinic with accounts at a provider sandbox, a doctor with open hours and a price, and patients with a log-in."""

from __future__ import annotations

from decimal import Decimal
from itertools import count
from typing import Any

from app.core.ids import new_id
from app.core.tenant import tenant_scope
from app.core.transaction import unit_of_work
from app.messaging.channels import CHANNELS
from app.tenancy.models import ProviderAccount
from app.tenancy.providers import save_account
from tests.factories.access import PASSWORD, make_clinic, make_member, make_user
from tests.factories.catalog import make_price, make_service, make_tax
from tests.factories.payments import make_gateway_account
from tests.factories.people import make_patient
from tests.factories.scheduling import make_location, make_open_doctor

PRICE, PERCENT, TOTAL, REFUND = "800.00", 18, 944, 300
_numbers = count(1)


def make_house(sandbox: dict[str, Any]) -> dict[str, Any]:
    """`sandbox` has razorpay_url, whatsapp_url and smtp_url. Tells what the vendors have to know of the clinic."""
    name = new_id()[-12:]
    clinic = make_clinic(name="Sunrise Clinic", subdomain=f"sunrise-{name}")
    with tenant_scope(clinic.id):
        location = make_location()
        doctor = make_open_doctor(location, types=["IN_PERSON", "VIDEO_CALL"])
        service = make_service(name="Consultation", tax_rate_id=make_tax(percent=Decimal(PERCENT)).id)
        make_price(service, PRICE, doctor_id=doctor.id)
        secrets = _accounts(name, sandbox)
        return {"clinic_id": clinic.id, "doctor_id": doctor.id, **secrets}


def _accounts(name: str, sandbox: dict[str, Any]) -> dict[str, Any]:
    razorpay = {
        "key_id": f"rzp_test_{name}",
        "key_secret": f"key-secret-{name}",
        "webhook_secret": f"webhook-secret-{name}",
    }
    whatsapp = {
        "phone_number_id": str(int(name, 16)),
        "access_token": f"token-{name}",
        "app_secret": f"app-secret-{name}",
        "verify_token": f"verify-{name}",
    }
    make_gateway_account(sandbox["razorpay_url"], credentials=razorpay)
    with unit_of_work():
        row = ProviderAccount(channel="whatsapp", provider="whatsapp_cloud", label="Main")
        save_account(row, CHANNELS, credentials=whatsapp, base_url=sandbox["whatsapp_url"])
        row = ProviderAccount(channel="email", provider="smtp", label="Main")
        save_account(row, CHANNELS, credentials={"from_address": "desk@example.com"}, base_url=sandbox["smtp_url"])
    return {"razorpay": razorpay, "whatsapp": whatsapp}


def make_person(house: dict[str, Any]) -> dict[str, Any]:
    """A patient with a telephone, an address and a log-in."""
    name = new_id()[-12:]
    with tenant_scope(house["clinic_id"]):
        phone = f"+9198{int(name, 16) % 10**8:08d}"
        patient = make_patient(email=f"{name}@example.com", phone=phone)
        make_member(house["clinic_id"], "PATIENT", make_user(username=name), patient_id=patient.id)
        return {
            "username": name,
            "password": PASSWORD,
            "patient_id": patient.id,
            "phone": phone,
            "email": patient.email,
        }


def make_staff(house: dict[str, Any], role: str) -> dict[str, str]:
    user = make_member(house["clinic_id"], role)
    return {"username": user.username, "password": PASSWORD}
