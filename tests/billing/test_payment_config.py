"""The clinic's payment accounts over the API: masked, ordered, tested by a real call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from app.core.tenant import db
from app.tenancy.models import ProviderAccount
from tests.billing.conftest import Api
from tests.factories.payments import CREDENTIALS, KEY_SECRET, closed_port, make_gateway_account
from tests.sandbox_server import RunningSandbox

ApiAs = Callable[..., Api]
CONFIG = "/billing/config"


def account(**more: Any) -> dict[str, Any]:
    return {"provider": "razorpay", "enabled": True, "credentials": CREDENTIALS, **more}


def accounts() -> list[ProviderAccount]:
    db.session.rollback()
    return list(db.session.scalars(select(ProviderAccount).order_by(ProviderAccount.priority)))


def test_accounts_are_set_in_order_and_shown_masked(in_clinic: Any, api: ApiAs) -> None:
    admin = api("CLINIC_ADMIN")
    assert admin("GET", CONFIG) == (200, {"payment": {"primary": None, "fallback": []}})
    wanted = {"payment": {"primary": account(label="Main"), "fallback": [account(label="Spare", enabled=False)]}}
    status, shown = admin("PUT", CONFIG, wanted)
    assert status == 200, shown
    assert admin("GET", CONFIG)[1] == shown
    assert shown["payment"]["primary"]["credentials"]["key_id"] == CREDENTIALS["key_id"]
    assert KEY_SECRET not in str(shown)
    assert [(row.label, row.priority, row.enabled) for row in accounts()] == [("Main", 0, True), ("Spare", 1, False)]


def test_a_masked_secret_keeps_its_value_and_the_order_can_be_turned(sandbox: RunningSandbox, api: ApiAs) -> None:
    admin = api("CLINIC_ADMIN")
    make_gateway_account(sandbox.razorpay_url, label="Second", priority=1)
    shown = admin("GET", CONFIG)[1]["payment"]
    turned = {"primary": shown["fallback"][0], "fallback": [shown["primary"]]}
    assert admin("PUT", CONFIG, {"payment": turned})[0] == 200
    assert [row.label for row in accounts()[:2] if row.channel == "payment"][0] == "Second"
    status, report = admin("POST", f"{CONFIG}/test", {})
    assert (status, report["ok"], report["result"]) == (200, True, "connected")


def test_an_account_that_is_left_out_is_disabled(in_clinic: Any, api: ApiAs) -> None:
    account_id = make_gateway_account()
    assert api("CLINIC_ADMIN")("PUT", CONFIG, {"payment": {"primary": None}})[0] == 200
    assert [(row.id, row.enabled) for row in accounts()] == [(account_id, False)]


def test_a_test_call_reads_differently_for_each_failure(sandbox: RunningSandbox, api: ApiAs) -> None:
    admin = api("CLINIC_ADMIN")
    wrong = make_gateway_account(sandbox.razorpay_url, credentials={"key_secret": "wrong"}, priority=5)
    nobody = make_gateway_account(f"http://127.0.0.1:{closed_port()}", priority=6)
    results = {
        admin("POST", f"{CONFIG}/test", {"accountId": account_id})[1]["result"] for account_id in (wrong, nobody)
    }
    assert results == {"wrong_credentials", "unreachable"}


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"primary": {"provider": "razorpay", "credentials": {}}}, "primary.key_id"),
        ({"primary": {"provider": "bank of nowhere"}}, "primary.provider"),
        ({"primary": {"provider": "smtp"}}, "primary.provider"),
        ({"fallback": [account()]}, "primary"),
        ({"primary": account(), "fallback": [account(credentials={"key_id": "x"})]}, "fallback.0.key_secret"),
        ({"primary": account(id="01900000-0000-7000-8000-000000000000")}, "id"),
    ],
)
def test_bad_input_is_told_and_changes_nothing(in_clinic: Any, api: ApiAs, wanted: Any, field: str) -> None:
    status, answer = api("CLINIC_ADMIN")("PUT", CONFIG, {"payment": wanted})
    assert status == 422
    assert field in answer["error"]["fields"], answer
    assert accounts() == []


@pytest.mark.parametrize("role", ["RECEPTIONIST", "FINANCE_BILLING", "PATIENT", "DOCTOR"])
def test_other_roles_may_not(in_clinic: Any, api: ApiAs, role: str) -> None:
    assert api(role)("GET", CONFIG)[0] == 403
    assert api(role)("PUT", CONFIG, {"payment": {}})[0] == 403
    assert api(role)("POST", f"{CONFIG}/test", {})[0] == 403


def test_another_clinics_account_cannot_be_tested(in_clinic: Any, other_clinic: Any, api: ApiAs) -> None:
    account_id = make_gateway_account()
    admin = api("CLINIC_ADMIN", clinic_id=other_clinic.id)
    assert admin("POST", f"{CONFIG}/test", {"accountId": account_id})[0] == 404
    assert admin("POST", f"{CONFIG}/test", {})[0] == 404
