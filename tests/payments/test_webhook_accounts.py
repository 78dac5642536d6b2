"""An account speaks of what was paid through it, and of nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.cache import Cache
from app.core.cache import rows as cached_rows
from app.core.cache.regions import PROVIDER_ACCOUNT_COPIES, PROVIDER_ACCOUNTS
from app.core.redis_guard import guarded_redis
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance
from app.payments.gateways import GATEWAYS
from app.payments.models import Payment
from app.tenancy.keys import keyring
from app.tenancy.models import ProviderAccount
from app.tenancy.providers import save_account
from config import get_settings
from tests.factories.payments import CREDENTIALS, make_gateway_account, make_payment, reread, rupees
from tests.payments.jobs import run_jobs
from tests.payments.razorpay_notices import body, entity, headers, post, stored

OLD_SECRET = "secret-of-the-old-account"


@pytest.fixture
def payment(razorpay_clinic: Any) -> Payment:
    return make_payment(rupees("800"), order_id="order_1")


@pytest.fixture
def client(app: Any) -> Any:
    return app.test_client()


def test_a_disabled_accounts_secret_settles_no_other_accounts_payment(
    client: Any, clinic: Any, payment: Payment
) -> None:
    """A secret that leaked was the reason to disable it."""
    old = make_gateway_account(priority=5, enabled=False, credentials={"webhook_secret": OLD_SECRET})
    raw = body("payment.captured", payment=entity("order_1"))
    assert post(client, clinic.id, raw, headers(raw, secret=OLD_SECRET)).status_code == 200
    run_jobs()
    row = stored()[0]
    assert (row.account_id, row.status, row.payment_id) == (old, "PARKED", None)
    assert "another account" in row.error
    assert (reread(payment).status, balance(AccountCode.PATIENT_CREDIT)) == ("PENDING", rupees("0"))


def test_an_enabled_accounts_secret_settles_no_other_accounts_payment(
    client: Any, clinic: Any, payment: Payment
) -> None:
    make_gateway_account(priority=5, credentials={"webhook_secret": OLD_SECRET})
    raw = body("payment.captured", payment=entity("order_1"))
    post(client, clinic.id, raw, headers(raw, secret=OLD_SECRET))
    run_jobs()
    assert (stored()[0].status, reread(payment).status) == ("PARKED", "PENDING")


def test_late_facts_of_a_disabled_account_still_arrive(client: Any, clinic: Any, payment: Payment) -> None:
    with unit_of_work():
        db.session.get_one(ProviderAccount, payment.account_id).enabled = False
    make_gateway_account(priority=5, credentials={"webhook_secret": "secret-of-the-new-account"})
    raw = body("payment.captured", payment=entity("order_1"))
    post(client, clinic.id, raw, headers(raw))
    refund = {"id": "rfnd_1", "payment_id": "pay_1", "amount": 30_000, "currency": "INR", "status": "processed"}
    late = body("refund.processed", refund=refund, payment=entity("order_1", amount_refunded=30_000))
    post(client, clinic.id, late, headers(late))
    run_jobs()
    assert [row.status for row in stored()] == ["PROCESSED", "PROCESSED"]
    assert reread(payment).status == "PARTIALLY_REFUNDED"


def test_an_account_that_was_entered_anew_speaks_of_both_ones_payments(
    client: Any, clinic: Any, payment: Payment
) -> None:
    """Same keys in two rows: the payment's own one counts, though the other one is asked first."""
    with unit_of_work():
        db.session.get_one(ProviderAccount, payment.account_id).enabled = False
    make_gateway_account()
    newer = make_payment(rupees("500"), order_id="order_2")
    for order_id, amount in (("order_1", 80_000), ("order_2", 50_000)):
        raw = body("payment.captured", payment=entity(order_id, id=f"pay_{order_id}", amount=amount))
        post(client, clinic.id, raw, headers(raw))
    run_jobs()
    assert [row.status for row in stored()] == ["PROCESSED", "PROCESSED"]
    assert (reread(payment).status, reread(newer).status) == ("COMPLETED", "COMPLETED")
    assert payment.account_id != newer.account_id


def test_a_secret_that_another_process_changed_counts_at_once(
    client: Any, clinic: Any, payment: Payment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This process still holds a copy of the account with the old secret."""
    raw = body("payment.captured", payment=entity("order_1"))
    assert post(client, clinic.id, raw, headers(raw)).status_code == 200
    monkeypatch.setattr(cached_rows, "_listening", [])
    row = db.session.get_one(ProviderAccount, payment.account_id)
    with unit_of_work():
        save_account(row, GATEWAYS, credentials={**CREDENTIALS, "webhook_secret": "changed elsewhere"})
    elsewhere = Cache(guarded_redis(get_settings().redis_url, 1), keyring=keyring())
    elsewhere.invalidate(clinic.id, PROVIDER_ACCOUNTS.name, PROVIDER_ACCOUNT_COPIES.name)
    later = body("payment.captured", payment=entity("order_1"))
    assert post(client, clinic.id, later, headers(later, secret="changed elsewhere")).status_code == 200
    assert post(client, clinic.id, later, headers(later, secret="of nobody")).status_code == 401
