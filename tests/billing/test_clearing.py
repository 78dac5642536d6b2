"""Cards, UPI and cheques: what waits for the bank, and that each deed is booked once and never above what waits."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.billing.services.clearing import MoreThanTaken, clear_tender, latest_clearings, waiting_tenders
from app.billing.services.day_close import state_of_day
from app.core import clock
from app.core.errors import Invalid
from app.core.ids import new_id
from app.core.money import Money
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance, trial_balance, trial_balance_totals
from tests.billing.conftest import Api
from tests.daytime import ZONE_NAME
from tests.factories.billing import rupees
from tests.factories.payments import make_tender

Acting = Callable[..., Any]
ApiAs = Callable[..., Api]
HTML = {"Accept": "text/html"}
NOTHING = rupees("0")


def waits() -> dict[str, Money]:
    return {item.tender: item.amount for item in waiting_tenders("INR")}


@pytest.fixture
def taken(in_clinic: Any) -> None:
    make_tender("CARD_TERMINAL", rupees("1000"))
    make_tender("UPI", rupees("400"))
    make_tender("CASH", rupees("50"))


@pytest.mark.usefixtures("taken")
def test_a_terminals_payout_is_on_the_bank_less_its_fee(acting: Acting) -> None:
    assert waits() == {"CARD_TERMINAL": rupees("1000"), "UPI": rupees("400"), "CHEQUE": NOTHING}
    with acting("FINANCE_BILLING"), unit_of_work():
        clear_tender("CARD_TERMINAL", rupees("788.20"), rupees("11.80"), "batch 7", key=new_id())
    assert waits()["CARD_TERMINAL"] == rupees("200")
    assert (balance(AccountCode.BANK), balance(AccountCode.GATEWAY_FEES)) == (rupees("788.20"), rupees("11.80"))
    assert all(debits == credits for debits, credits in trial_balance_totals(trial_balance()))
    (line,) = latest_clearings("INR", 5)
    assert (line.tender, line.received, line.kept, line.reference) == (
        "CARD_TERMINAL", rupees("788.20"), rupees("11.80"), "batch 7"
    )  # fmt: skip


@pytest.mark.usefixtures("taken")
def test_the_days_two_totals_do_not_count_it_as_taken(acting: Acting) -> None:
    today = clock.today(ZONE_NAME)
    before = state_of_day(today).totals
    with acting("FINANCE_BILLING"), unit_of_work():
        clear_tender("UPI", rupees("400"), NOTHING, "", key=new_id())
    assert state_of_day(today).totals == before and all(line.agrees for line in before)


@pytest.mark.usefixtures("taken")
@pytest.mark.parametrize(
    ("tender", "received", "kept", "refusal"),
    [
        ("UPI", "400.01", "0", MoreThanTaken),
        ("UPI", "400", "0.01", MoreThanTaken),
        ("CHEQUE", "1", "0", MoreThanTaken),
        ("CASH", "10", "0", Invalid),
        ("GOLD", "10", "0", Invalid),
        ("UPI", "0", "5", Invalid),
        ("UPI", "-1", "0", Invalid),
        ("UPI", "10", "-1", Invalid),
    ],
)
def test_what_cannot_be_is_refused(acting: Acting, tender: str, received: str, kept: str, refusal: type) -> None:
    with acting("FINANCE_BILLING"), pytest.raises(refusal), unit_of_work():
        clear_tender(tender, rupees(received), rupees(kept), "", key=new_id())
    assert balance(AccountCode.BANK) == NOTHING


@pytest.mark.usefixtures("taken")
def test_twenty_at_once_clear_no_more_than_waits_and_one_deed_counts_once(
    app: Any, clinic: Any, acting: Acting
) -> None:
    db.session.rollback()
    same = new_id()

    def work(number: int) -> bool:
        with app.app_context(), tenant_scope(clinic.id), acting("FINANCE_BILLING"):
            try:
                with unit_of_work():
                    clear_tender("UPI", rupees("100"), NOTHING, "", key=same if number < 10 else new_id())
            except MoreThanTaken:
                return False
            return True

    with ThreadPoolExecutor(20) as pool:
        done = list(pool.map(work, range(20)))
    assert sum(done[10:]) + any(done[:10]) == 4
    assert (waits()["UPI"], balance(AccountCode.BANK)) == (NOTHING, rupees("400"))


@pytest.mark.usefixtures("taken")
def test_finance_enters_it_on_screen_and_two_clicks_are_one_deed(in_clinic: Any, api: ApiAs) -> None:
    finance, key = api("FINANCE_BILLING"), new_id()

    def send(**form: str) -> Any:
        values = {"currency": "INR", "key": new_id(), "tender": "UPI", "amount": "100", **form}
        return finance.raw("POST", "/bank/received", headers=HTML, data=values)

    page = finance.raw("GET", "/bank/", headers=HTML).text
    assert "₹\xa01,000.00" in page and "Nothing reached the bank yet" in page
    assert [send(key=key, reference="UTR 5").status_code for _click in range(2)] == [302, 302]
    assert "UTR 5" in finance.raw("GET", "/bank/", headers=HTML).text
    above = send(amount="300.01")
    assert above.status_code == 409 and "Only ₹\xa0300.00 waits." in above.text and 'value="300.01"' in above.text
    for wrong in ({"amount": "abc"}, {"amount": "1.001"}, {"kept": "x"}, {"key": "x"}, {"tender": "CASH"}):
        assert send(**wrong).status_code == 422, wrong
    with tenant_scope(in_clinic.id):
        assert balance(AccountCode.BANK) == rupees("100")


@pytest.mark.usefixtures("taken")
@pytest.mark.parametrize(
    ("role", "reads", "changes"),
    [("CLINIC_ADMIN", 200, 302), ("ACCOUNTANT", 200, 403), ("SYSTEM_AUDITOR", 200, 403), ("RECEPTIONIST", 403, 403)],
)
def test_who_sees_it_and_who_enters_it(api: ApiAs, role: str, reads: int, changes: int) -> None:
    caller = api(role)
    page = caller.raw("GET", "/bank/", headers=HTML)
    assert page.status_code == reads and ('name="amount"' in page.text) is (changes == 302)
    form = {"currency": "INR", "key": new_id(), "tender": "UPI", "amount": "10"}
    assert caller.raw("POST", "/bank/received", headers=HTML, data=form).status_code == changes
