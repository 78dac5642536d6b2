"""Accounts at providers: sealed to their row, resolved in order, masked on screen, tested with a real call."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

import pytest
from sqlalchemy import select, text

from app.audit.models import AuditEntry
from app.core.errors import Invalid, NotFound
from app.core.ids import new_id
from app.core.providers import ConnectionResult
from app.core.tenant import all_tenants, db, tenant_scope
from app.core.transaction import unit_of_work
from app.payments.gateways import GATEWAYS
from app.payments.services.gateway import open_account
from app.tenancy.models import GlobalProviderAccount, ProviderAccount
from app.tenancy.providers import (
    UnreadableCredentials,
    account_with_id,
    accounts_for,
    known_accounts,
    masked,
    rotate_accounts,
    save_account,
    test_account,
)
from config import get_settings
from tests.factories.payments import CREDENTIALS, KEY_SECRET, closed_port, make_gateway_account
from tests.sandbox_server import running_sandbox
from tests.scripted_server import scripted_server, silence


@pytest.fixture(autouse=True)
def _no_global_accounts(app_context: Any) -> Iterator[None]:
    yield
    with all_tenants(), unit_of_work():
        db.session.query(GlobalProviderAccount).delete()


@contextmanager
def environment(monkeypatch: pytest.MonkeyPatch, **values: str) -> Iterator[None]:
    with monkeypatch.context() as patch:
        for name, value in values.items():
            patch.setenv(name, value)
        get_settings.cache_clear()
        try:
            yield
        finally:
            patch.undo()
            get_settings.cache_clear()


def make_global(**overrides: Any) -> str:
    with all_tenants(), unit_of_work():
        row = GlobalProviderAccount(channel="payment", provider="razorpay")
        credentials = {**CREDENTIALS, "key_id": "rzp_test_Global"}
        return save_account(row, GATEWAYS, credentials=credentials, label="Global", **overrides).id


def stored(account_id: str) -> ProviderAccount:
    db.session.expire_all()
    return db.session.get_one(ProviderAccount, account_id)


# ---- order ----


def test_the_primary_comes_first_and_disabled_ones_not_at_all(in_clinic: Any) -> None:
    second = make_gateway_account(priority=1)
    first = make_gateway_account(priority=0)
    disabled = make_gateway_account(priority=2, enabled=False)
    assert [account.id for account in accounts_for("payment")] == [first, second]
    assert accounts_for("payment", "stripe") == accounts_for("email", "razorpay") == []
    assert [account.id for account in known_accounts("payment", "razorpay")] == [first, second, disabled]
    assert account_with_id(disabled).enabled is False


def test_a_clinic_without_an_account_of_its_own_uses_the_global_one(in_clinic: Any) -> None:
    shared = make_global()
    assert [account.id for account in accounts_for("payment")] == [shared]
    own = make_gateway_account()
    assert [account.id for account in accounts_for("payment")] == [own]
    assert account_with_id(shared).credentials["key_id"] == "rzp_test_Global"


def test_the_environment_can_hold_the_global_account(in_clinic: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert accounts_for("payment") == []
    with environment(monkeypatch, RAZORPAY_KEY_ID="rzp_test_Env", RAZORPAY_KEY_SECRET="secret-of-env"):
        found = accounts_for("payment")
        assert [account.credentials["key_id"] for account in found] == ["rzp_test_Env"]
        assert account_with_id(found[0].id).credentials["key_secret"] == "secret-of-env"
        assert "secret-of-env" not in repr(found)


def test_the_environment_can_hold_phonepes_account_whose_notices_are_signed(
    in_clinic: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"PHONEPE_CLIENT_ID": "ENV_1", "PHONEPE_CLIENT_SECRET": "secret-of-env", "PHONEPE_HMAC_SECRET": "hook"}
    with environment(monkeypatch, **values):
        (found,) = accounts_for("payment", "phonepe")
        assert open_account(found).signs_webhooks
        assert "secret-of-env" not in repr(found)


def test_another_clinics_account_is_not_found(in_clinic: Any, other_clinic: Any) -> None:
    with tenant_scope(other_clinic.id):
        foreign = make_gateway_account()
    with pytest.raises(NotFound):
        account_with_id(foreign)
    with pytest.raises(NotFound):
        account_with_id(new_id())


# ---- at rest ----


def test_credentials_are_sealed_to_their_row(in_clinic: Any) -> None:
    one, two = make_gateway_account(), make_gateway_account(credentials={"key_secret": "another-secret"})
    assert KEY_SECRET.encode() not in bytes(stored(one).credentials)
    with unit_of_work():
        stored(two).credentials = stored(one).credentials
    with pytest.raises(UnreadableCredentials) as refused:
        account_with_id(two)
    assert KEY_SECRET not in str(refused.value)
    assert account_with_id(one).credentials["key_secret"] == KEY_SECRET


def test_the_trail_shows_no_secret(in_clinic: Any) -> None:
    make_gateway_account()
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.entity == "provider_account")).one()
    assert entry.changes["credentials"] == ["***", "***"]


def test_rotation_seals_under_the_new_key(in_clinic: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    account_id = make_gateway_account()
    new_key = base64.b64encode(b"another key of thirty-two bytes!").decode()
    old_keys = get_settings().encryption_keys.get_secret_value()
    with environment(monkeypatch, ENCRYPTION_KEYS=f"2:{new_key},{old_keys}"):
        assert rotate_accounts().changed >= 1
        assert rotate_accounts().changed == 0
    with environment(monkeypatch, ENCRYPTION_KEYS=f"2:{new_key}"):
        db.session.rollback()
        assert stored(account_id).credentials
        assert account_with_id(account_id).credentials["key_secret"] == KEY_SECRET
    with environment(monkeypatch, ENCRYPTION_KEYS=f"{old_keys},2:{new_key}"):  # as other tests left it
        rotate_accounts()


# ---- on screen ----


def test_screens_see_dots(in_clinic: Any) -> None:
    shown = masked(stored(make_gateway_account()), GATEWAYS)
    assert shown.credentials["key_id"] == CREDENTIALS["key_id"]
    assert shown.credentials["key_secret"].startswith("••••")
    assert KEY_SECRET not in str(shown)


def test_a_masked_secret_that_comes_back_keeps_what_is_stored(in_clinic: Any) -> None:
    account_id = make_gateway_account()
    shown = masked(stored(account_id), GATEWAYS).credentials
    with unit_of_work():
        save_account(stored(account_id), GATEWAYS, credentials={**shown, "key_id": "rzp_test_Other"}, label="New")
    changed = account_with_id(account_id)
    assert (changed.label, changed.credentials["key_id"]) == ("New", "rzp_test_Other")
    assert changed.credentials["key_secret"] == KEY_SECRET


@pytest.mark.parametrize(
    "address",
    ["http://elsewhere.example", "https://elsewhere.example:8443", "https://here.example", None],
    ids=["scheme", "port", "host", "default"],
)
def test_a_kept_secret_does_not_follow_to_another_address(in_clinic: Any, address: str | None) -> None:
    account_id = make_gateway_account("https://elsewhere.example")
    shown = masked(stored(account_id), GATEWAYS).credentials
    with pytest.raises(Invalid) as refused, unit_of_work():
        save_account(stored(account_id), GATEWAYS, credentials=shown, base_url=address)
    assert set(refused.value.fields or {}) == {"key_secret", "webhook_secret"}
    assert account_with_id(account_id).base_url == "https://elsewhere.example"
    with unit_of_work():
        save_account(stored(account_id), GATEWAYS, credentials=CREDENTIALS, base_url=address)
    assert account_with_id(account_id).base_url == address


def test_another_path_of_the_same_host_keeps_the_secrets(in_clinic: Any) -> None:
    account_id = make_gateway_account("https://Elsewhere.example")
    shown = masked(stored(account_id), GATEWAYS).credentials
    with unit_of_work():
        save_account(stored(account_id), GATEWAYS, credentials=shown, base_url="https://elsewhere.example:443/v2/")
    assert account_with_id(account_id).credentials["key_secret"] == KEY_SECRET


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"provider": "paypul"}, "provider"),
        ({"channel": "email"}, "channel"),
        ({"credentials": {"key_id": ""}}, "key_id"),
        ({"credentials": {**CREDENTIALS, "surplus": "x"}}, "surplus"),
        ({"base_url": "ftp://somewhere"}, "base_url"),
        ({"base_url": "http://user:pass@host"}, "base_url"),
    ],
)
def test_what_cannot_work_is_not_saved(in_clinic: Any, change: dict[str, Any], field: str) -> None:
    row = ProviderAccount(channel=change.get("channel", "payment"), provider=change.get("provider", "razorpay"))
    credentials = change.get("credentials", CREDENTIALS)
    with pytest.raises(Invalid) as refused, unit_of_work():
        save_account(row, GATEWAYS, credentials=credentials, base_url=change.get("base_url"))
    assert field in (refused.value.fields or {})
    assert accounts_for("payment") == []


# ---- tested ----


def test_a_test_call_says_what_is_wrong(in_clinic: Any) -> None:
    def result(account_id: str) -> ConnectionResult:
        db.session.rollback()
        return test_account(account_id, GATEWAYS).result

    with running_sandbox() as sandbox:
        wrong = make_gateway_account(sandbox.razorpay_url)
        assert result(wrong) is ConnectionResult.WRONG_CREDENTIALS
        sandbox.account("razorpay", keyId=CREDENTIALS["key_id"], keySecret=KEY_SECRET)
        assert result(wrong) is ConnectionResult.CONNECTED
    nobody = make_gateway_account(f"http://127.0.0.1:{closed_port()}")
    assert result(nobody) is ConnectionResult.UNREACHABLE


def test_a_test_call_that_times_out_reads_differently(in_clinic: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.core.providers import Provider, Timeouts

    monkeypatch.setattr(Provider, "default_timeouts", Timeouts(connect=30, read=0.2))
    with scripted_server() as server:
        server.will(silence)
        account_id = make_gateway_account(server.url)
        assert test_account(account_id, GATEWAYS).result is ConnectionResult.TIMED_OUT


@pytest.mark.parametrize("address", ["http://api.example.org", "HTTP://api.example.org", " http://api.example.org"])
def test_production_wants_https(in_clinic: Any, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    from app.tenancy import providers

    production = get_settings().model_copy(update={"app_env": "production"})
    monkeypatch.setattr(providers, "get_settings", lambda: production)
    with pytest.raises(Invalid) as refused:
        make_gateway_account(address)
    assert list(refused.value.fields or {}) == ["base_url"]


def test_a_row_written_past_us_is_told_by_its_id_only(in_clinic: Any) -> None:
    account_id = make_gateway_account()
    with unit_of_work():
        db.session.execute(
            text("update provider_account set credentials = 'x'::bytea where id = cast(:id as uuid)"),
            {"id": account_id},
        )
    with pytest.raises(UnreadableCredentials) as refused:
        accounts_for("payment")
    assert account_id in str(refused.value)
    assert account_id in rotate_accounts().unreadable


def test_the_command_tells_what_it_could_not_open(app: Any, in_clinic: Any) -> None:
    account_id = make_gateway_account()
    with unit_of_work():
        stored(account_id).credentials = b"not sealed at all"
    result = copy_context().run(app.test_cli_runner().invoke, args=["accounts", "rotate"])
    assert result.exit_code == 1
    assert account_id in result.output
