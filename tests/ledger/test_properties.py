"""Whatever is booked in whatever order: the books balance, and balances are the sums of what was booked."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.ids import new_id
from app.core.money import Money
from app.core.tenant import tenant_scope
from app.core.transaction import unit_of_work
from app.ledger.accounts import DEBIT_KINDS, STANDARD_CHART, AccountCode
from app.ledger.queries import balance, trial_balance, trial_balance_totals
from app.ledger.services import credit, debit, post, reverse
from tests.factories.access import make_clinic

CODES = st.sampled_from(list(AccountCode))
AMOUNTS = st.integers(1, 10**9)
CURRENCIES = st.sampled_from(["INR", "USD", "JPY", "KWD"])
# (from, to, amount, currency, what to do: book, book and reverse, book twice)
FACTS = st.tuples(CODES, CODES, AMOUNTS, CURRENCIES, st.sampled_from(["book", "reverse", "repeat"]))
KINDS = {entry.code: entry.kind for entry in STANDARD_CHART}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(facts=st.lists(FACTS, max_size=12))
def test_debits_equal_credits_and_balances_are_sums(app_context: Any, facts: list[Any]) -> None:
    expected: dict[tuple[str, str], int] = {}
    with tenant_scope(make_clinic().id):
        for taken_from, given_to, minor, currency, deed in facts:
            amount, source = Money(minor, currency), ("clinic", new_id())
            lines = [debit(given_to, amount), credit(taken_from, amount)]
            with unit_of_work():
                entry = post("test", lines, source=source)
                if deed == "repeat":
                    assert post("test", lines, source=source).id == entry.id
                if deed == "reverse":
                    reverse(entry, "wrong")
            if deed != "reverse":
                for code, sign in ((given_to, 1), (taken_from, -1)):
                    own_direction = sign if KINDS[code] in DEBIT_KINDS else -sign
                    expected[code, currency] = expected.get((code, currency), 0) + own_direction * minor
        assert all(debits == credits for debits, credits in trial_balance_totals(trial_balance()))
        for (code, currency), minor in expected.items():
            assert balance(code, currency=currency) == Money(minor, currency)
