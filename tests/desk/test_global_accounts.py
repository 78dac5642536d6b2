"""Global accounts: kept by a SUPER_ADMIN, used by every clinic that has none of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import select, text

from app.core.ids import new_id
from app.core.tenant import all_tenants, db, tenant_scope
from app.core.transaction import unit_of_work
from app.tenancy.models import GlobalProviderAccount
from app.tenancy.providers import accounts_for
from tests.factories.access import make_clinic, make_session, make_user
from tests.factories.payments import closed_port

SECRET = "a-global-secret-value-4321"
HTML = {"Accept": "text/html"}
FORM = {
    "label": "Group",
    "priority": "0",
    "enabled": "on",
    "credential_key_id": "rzp_test_Group",
    "credential_key_secret": SECRET,
}


@pytest.fixture(autouse=True)
def _none_left(app_context: Any) -> Iterator[None]:
    yield
    with all_tenants(), unit_of_work():
        for row in db.session.scalars(select(GlobalProviderAccount)):
            db.session.delete(row)


@pytest.fixture
def keeper(app: Any, clinic: Any) -> Any:
    """A SUPER_ADMIN in the first clinic."""
    from app.access.tokens import make_access_token

    user = make_user(super_admin=True)
    client = app.test_client()
    token = make_access_token(user.id, make_session(user, clinic.id))
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


def save(keeper: Any, **changes: str) -> str:
    answer = keeper.post("/global-accounts/new/razorpay", data={**FORM, **changes}, headers=HTML)
    assert answer.status_code == 302, answer.text
    return answer.location.rpartition("/")[2]


def test_a_clinic_without_its_own_account_uses_the_global_one(keeper: Any) -> None:
    other = make_clinic()
    with tenant_scope(other.id):
        assert accounts_for("payment") == []
    save(keeper)
    with tenant_scope(other.id):
        assert [account.credentials["key_id"] for account in accounts_for("payment")] == ["rzp_test_Group"]
    account_id = keeper.get("/global-accounts/", headers=HTML).text.partition('data-href="/global-accounts/')[2][:36]
    keeper.post(f"/global-accounts/{account_id}", data={**FORM, "credential_key_id": "rzp_test_Moved"}, headers=HTML)
    with tenant_scope(other.id):
        assert [account.credentials["key_id"] for account in accounts_for("payment")] == ["rzp_test_Moved"]
    keeper.post(f"/global-accounts/{account_id}/delete", headers=HTML)
    with tenant_scope(other.id):
        assert accounts_for("payment") == []


def test_its_secret_is_sealed_masked_and_its_change_is_in_the_trail(keeper: Any, clinic: Any) -> None:
    account_id = save(keeper)
    page = keeper.get(f"/global-accounts/{account_id}", headers=HTML).text
    assert SECRET not in page
    assert "4321" in page
    with all_tenants():
        stored = db.session.get_one(GlobalProviderAccount, account_id).credentials
        entries = db.session.execute(
            text("select action, entity from audit_entry where entity_id = :id"), {"id": account_id}
        ).all()
    assert SECRET.encode() not in bytes(stored)
    assert [tuple(entry) for entry in entries] == [("created", "global_provider_account")]


def test_a_dead_line_reads_as_such(keeper: Any) -> None:
    account_id = save(keeper, base_url=f"http://127.0.0.1:{closed_port()}")
    keeper.post(f"/global-accounts/{account_id}/test", headers=HTML)
    assert "could not be reached" in keeper.get(f"/global-accounts/{account_id}", headers=HTML).text


@pytest.mark.parametrize("role", ["CLINIC_ADMIN", "FINANCE_BILLING", "RECEPTIONIST", "PATIENT"])
def test_nobody_of_a_clinic_reaches_them(keeper: Any, client_as: Callable[..., Any], role: str) -> None:
    account_id = save(keeper)
    client = client_as(role)
    for path in ("/global-accounts/", "/global-accounts/new/razorpay", f"/global-accounts/{account_id}"):
        assert client.get(path, headers=HTML).status_code == 403
    for action in ("", "/test", "/delete"):
        assert client.post(f"/global-accounts/{account_id}{action}", data=FORM, headers=HTML).status_code == 403
    assert client.get(f"/global-accounts/{new_id()}", headers=HTML).status_code == 404
    with all_tenants():
        assert db.session.get_one(GlobalProviderAccount, account_id).label == "Group"


def test_the_auditor_reads_and_changes_nothing(keeper: Any, client_as: Callable[..., Any]) -> None:
    account_id = save(keeper)
    auditor = client_as("SYSTEM_AUDITOR")
    assert "rzp_test_Group" in auditor.get(f"/global-accounts/{account_id}", headers=HTML).text
    assert auditor.post(f"/global-accounts/{account_id}", data=FORM, headers=HTML).status_code == 403
