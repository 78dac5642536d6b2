"""Provider accounts: secrets stay secret, and Test connection tells a wrong key from a dead line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select, text

from app.core.tenant import all_tenants, db, tenant_scope
from app.tenancy.models import ProviderAccount
from tests.sandbox_server import running_sandbox

SECRET = "a-very-secret-value-9876"
HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Any]:
    with running_sandbox() as running:
        running.account(
            "razorpay",
            keyId="rzp_test_0001",
            keySecret=SECRET,
            webhookSecret="hook-secret",
            webhookUrl="http://127.0.0.1:9/nowhere",
        )
        yield running


def form(sandbox: Any, **overrides: str) -> dict[str, str]:
    return {
        "label": "Main",
        "priority": "0",
        "enabled": "on",
        "base_url": sandbox.razorpay_url,
        "credential_key_id": "rzp_test_0001",
        "credential_key_secret": SECRET,
        "credential_webhook_secret": "hook-secret",
        **overrides,
    }


@pytest.fixture
def account(client_as: Any, clinic: Any, sandbox: Any) -> tuple[Any, str]:
    """An administrator's client and the id of a stored account."""
    client = client_as("CLINIC_ADMIN")
    answer = client.post("/provider-accounts/new/razorpay", data=form(sandbox), headers=HTML)
    assert answer.status_code == 302, answer.text
    return client, answer.location.rpartition("/")[2]


def test_the_form_is_drawn_from_the_schema(client_as: Any) -> None:
    page = client_as("CLINIC_ADMIN").get("/provider-accounts/new/razorpay", headers=HTML).text
    assert 'name="credential_key_id"' in page
    assert 'name="credential_key_secret" type="password"' in page


def test_secrets_are_sealed_in_the_database_and_masked_on_the_page(account: tuple[Any, str]) -> None:
    client, account_id = account
    page = client.get(f"/provider-accounts/{account_id}", headers=HTML).text
    assert SECRET not in page
    assert "9876" in page
    with all_tenants():
        stored = db.session.scalars(select(ProviderAccount.credentials).where(ProviderAccount.id == account_id)).one()
        trail = db.session.execute(text("select string_agg(changes::text, ' ') from audit_entry")).scalar_one()
    assert SECRET.encode() not in bytes(stored)
    assert SECRET not in trail


def test_an_untouched_secret_is_kept(account: tuple[Any, str], sandbox: Any) -> None:
    client, account_id = account
    client.post(
        f"/provider-accounts/{account_id}", data=form(sandbox, credential_key_secret="", label="Renamed"), headers=HTML
    )
    client.post(f"/provider-accounts/{account_id}/test", headers=HTML)
    page = client.get(f"/provider-accounts/{account_id}", headers=HTML).text
    assert "The provider accepted these credentials" in page
    assert 'value="Renamed"' in page


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "The provider accepted these credentials"),
        ({"credential_key_secret": "wrong-secret-0000"}, "The provider refused these credentials"),
        ({"base_url": "http://127.0.0.1:9"}, "could not be reached"),
    ],
)
def test_connection_results_read_differently(
    account: tuple[Any, str], sandbox: Any, change: dict[str, str], words: str
) -> None:
    client, account_id = account
    client.post(f"/provider-accounts/{account_id}", data=form(sandbox, **change), headers=HTML)
    client.post(f"/provider-accounts/{account_id}/test", headers=HTML)
    assert words in client.get(f"/provider-accounts/{account_id}", headers=HTML).text


def test_a_new_address_wants_the_secrets_again(account: tuple[Any, str], sandbox: Any) -> None:
    """Else whoever may edit an account could send its secrets to a host of their own."""
    client, account_id = account
    elsewhere = form(sandbox, base_url="http://127.0.0.1:9", credential_key_secret="", credential_webhook_secret="")
    answer = client.post(f"/provider-accounts/{account_id}", data=elsewhere, headers=HTML)
    assert answer.status_code == 422
    assert 'id="key_secret-error"' in answer.text
    assert "type this secret again" in answer.text
    assert 'value="http://127.0.0.1:9"' in answer.text
    page = client.get(f"/provider-accounts/{account_id}", headers=HTML).text
    assert f'value="{sandbox.razorpay_url}"' in page


def test_missing_values_are_told_beside_their_fields(client_as: Any, sandbox: Any, clinic: Any) -> None:
    answer = client_as("CLINIC_ADMIN").post(
        "/provider-accounts/new/razorpay", data=form(sandbox, credential_key_id=""), headers=HTML
    )
    assert answer.status_code == 422
    assert 'id="key_id-error"' in answer.text
    with tenant_scope(clinic.id):
        assert db.session.scalars(select(ProviderAccount)).all() == []


@pytest.mark.parametrize("role", ["RECEPTIONIST", "DOCTOR", "PATIENT", "FINANCE_BILLING"])
def test_other_roles_see_nothing(client_as: Any, account: tuple[Any, str], role: str) -> None:
    client = client_as(role)
    assert client.get("/provider-accounts/", headers=HTML).status_code == 403
    assert client.post(f"/provider-accounts/{account[1]}/test", headers=HTML).status_code == 403


def test_another_clinics_account_is_not_found(client_as: Any, other_clinic: Any, account: tuple[Any, str]) -> None:
    stranger = client_as("CLINIC_ADMIN", clinic_id=other_clinic.id)
    for path in ("", "/test", "/delete"):
        assert stranger.post(f"/provider-accounts/{account[1]}{path}", headers=HTML).status_code == 404


def test_accounts_are_listed_by_their_providers_names_and_by_who_is_tried_first(
    account: tuple[Any, str], sandbox: Any, clinic: Any
) -> None:
    """One that is switched off stands in for nobody."""
    client, account_id = account
    off = {name: value for name, value in form(sandbox).items() if name != "enabled"}
    assert client.post(f"/provider-accounts/{account_id}", data=off, headers=HTML).status_code == 302
    second = form(sandbox, label="Second", priority="1")
    assert client.post("/provider-accounts/new/razorpay", data=second, headers=HTML).status_code == 302
    rows = re.findall(r"<tr data-href.*?</tr>", client.get("/provider-accounts/", headers=HTML).text, re.S)
    cells = [re.findall(r"<td>(.*?)</td>", row, re.S) for row in rows]
    assert [re.sub(r"<[^>]*>", "", row[0]) for row in cells] == ["Razorpay", "Razorpay"]
    assert [row[2] for row in cells] == ["–", "Primary"]
