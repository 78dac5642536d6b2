"""A PhonePe account from the form to its connection test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox_server import RunningSandbox, running_sandbox

HTML = {"Accept": "text/html"}
SECRET = "phonepe-client-secret-4321"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox() as running:
        running.account("phonepe", clientId="FORM_1", clientSecret=SECRET)
        yield running


def form(sandbox: RunningSandbox, **overrides: str) -> dict[str, str]:
    return {
        "label": "Main",
        "priority": "0",
        "enabled": "on",
        "base_url": f"{sandbox.base_url}/phonepe",
        "credential_client_id": "FORM_1",
        "credential_client_secret": SECRET,
        "credential_client_version": "1",
        "credential_webhook_username": "clinic_hook",
        "credential_webhook_password": "Clinic2026",
        "credential_salt_index": "1",
        **overrides,
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "The provider accepted these credentials"),
        ({"credential_client_secret": "another-secret"}, "The provider refused these credentials"),
        ({"base_url": "http://127.0.0.1:9/phonepe"}, "could not be reached"),
    ],
    ids=["right", "wrong secret", "nobody there"],
)
def test_the_form_leads_to_a_tested_account(
    client_as: Any, clinic: Any, sandbox: RunningSandbox, changes: dict[str, str], words: str
) -> None:
    client = client_as("CLINIC_ADMIN")
    page = client.get("/provider-accounts/new/phonepe", headers=HTML).text
    assert 'name="credential_client_secret" type="password"' in page and "Webhook secret (HMAC)" in page
    stored = client.post("/provider-accounts/new/phonepe", data=form(sandbox, **changes), headers=HTML)
    assert stored.status_code == 302, stored.text
    path = f"/provider-accounts/{stored.location.rpartition('/')[2]}"
    client.post(f"{path}/test", headers=HTML)
    shown = client.get(path, headers=HTML).text
    assert words in shown
    assert SECRET not in shown and "Clinic2026" not in shown


@pytest.mark.parametrize(
    ("name", "value"), [("client_version", "x"), ("salt_index", "one"), ("client_id", "")], ids=lambda value: value
)
def test_a_wrong_value_is_told_beside_its_field(
    client_as: Any, clinic: Any, sandbox: RunningSandbox, name: str, value: str
) -> None:
    wrong = form(sandbox, **{f"credential_{name}": value})
    answer = client_as("CLINIC_ADMIN").post("/provider-accounts/new/phonepe", data=wrong, headers=HTML)
    assert answer.status_code == 422
    assert f'id="{name}-error"' in answer.text
