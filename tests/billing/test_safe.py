"""The safe: its opening balance once, counts against the ledger, and cash on its way to the bank exactly once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.billing.services.cash_desk_drawers import open_drawer
from app.billing.services.day_close import close_day, state_of_day
from app.billing.services.day_papers import day_close_paper
from app.billing.services.safe import (
    NotEnoughInSafe,
    SafeOpened,
    count_safe,
    fetch_from_bank,
    open_safe,
    safe_balances,
    take_to_bank,
)
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

Acting = Callable[..., Any]
ApiAs = Callable[..., Api]
HTML = {"Accept": "text/html"}


def in_safe() -> Money:
    return safe_balances()[0]


@pytest.fixture
def opened(in_clinic: Any, acting: Acting) -> None:
    with acting("FINANCE_BILLING"), unit_of_work():
        open_safe(rupees("5000"))


def test_the_first_count_is_the_opening_balance_and_no_income(in_clinic: Any, acting: Acting) -> None:
    with acting("RECEPTIONIST"), unit_of_work():
        open_drawer({"50000": 2})
    assert in_safe() == rupees("-1000")
    with acting("FINANCE_BILLING"), unit_of_work():
        assert open_safe(rupees("4000")) == rupees("5000")
    assert (in_safe(), balance(AccountCode.OPENING_BALANCE)) == (rupees("4000"), rupees("5000"))
    assert not balance(AccountCode.CASH_OVER_SHORT)
    assert all(debits == credits for debits, credits in trial_balance_totals(trial_balance()))


@pytest.mark.usefixtures("opened")
def test_the_opening_balance_is_entered_once_in_a_currency(acting: Acting) -> None:
    with acting("FINANCE_BILLING"):
        with pytest.raises(SafeOpened), unit_of_work():
            open_safe(rupees("9000"))
        with unit_of_work():
            open_safe(Money(30000, "USD"))
    assert safe_balances() == [rupees("5000"), Money(30000, "USD")]


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize(("counted", "over_short"), [("4995", "5"), ("5010", "-10"), ("5000", "0")])
def test_a_count_that_differs_is_booked_with_its_reason(acting: Acting, counted: str, over_short: str) -> None:
    with acting("FINANCE_BILLING"):
        if counted != "5000":
            with pytest.raises(Invalid), unit_of_work():
                count_safe(rupees(counted), " ", key=new_id())
        with unit_of_work():
            count_safe(rupees(counted), "Wrong change", key=new_id())
    assert (in_safe(), balance(AccountCode.CASH_OVER_SHORT)) == (rupees(counted), rupees(over_short))


@pytest.mark.usefixtures("opened")
def test_cash_goes_to_the_bank_and_back(acting: Acting) -> None:
    with acting("FINANCE_BILLING"), unit_of_work():
        take_to_bank(rupees("3000"), "slip 7", key=new_id())
        fetch_from_bank(rupees("500"), "change", key=new_id())
    assert (in_safe(), balance(AccountCode.BANK)) == (rupees("2500"), rupees("2500"))
    with acting("FINANCE_BILLING"), pytest.raises(NotEnoughInSafe), unit_of_work():
        take_to_bank(rupees("2500.01"), "", key=new_id())
    with acting("FINANCE_BILLING"), pytest.raises(Invalid), unit_of_work():
        fetch_from_bank(rupees("0"), "", key=new_id())


@pytest.mark.usefixtures("opened")
def test_twenty_at_once_take_no_more_than_there_is_and_one_deed_counts_once(
    app: Any, clinic: Any, acting: Acting
) -> None:
    db.session.rollback()
    same = new_id()

    def work(number: int) -> bool:
        with app.app_context(), tenant_scope(clinic.id), acting("FINANCE_BILLING"):
            try:
                with unit_of_work():
                    take_to_bank(rupees("1000"), "", key=same if number < 10 else new_id())
            except NotEnoughInSafe:
                return False
            return True

    with ThreadPoolExecutor(20) as pool:
        done = list(pool.map(work, range(20)))
    took = sum(done[10:]) + any(done[:10])
    assert took == 5
    assert (in_safe(), balance(AccountCode.BANK)) == (rupees("0"), rupees("5000"))


@pytest.mark.usefixtures("opened")
def test_the_day_close_says_what_the_safe_held_and_its_paper_says_so_for_ever(acting: Acting) -> None:
    today = clock.today(ZONE_NAME)
    assert state_of_day(today).safe == [rupees("5000")]
    with acting("FINANCE_BILLING"):
        with unit_of_work():
            close = close_day(today)
        with unit_of_work():
            take_to_bank(rupees("3000"), "", key=new_id())
    assert in_safe() == rupees("2000")
    assert day_close_paper(close).safe == "₹\xa05,000.00"


def test_finance_enters_it_on_screen_and_two_clicks_are_one_deed(in_clinic: Any, api: ApiAs) -> None:
    finance = api("FINANCE_BILLING")

    def send(path: str, **form: str) -> Any:
        return finance.raw("POST", f"/safe/{path}", headers=HTML, data={"currency": "INR", "key": new_id(), **form})

    first = finance.raw("GET", "/safe/", headers=HTML).text
    assert 'name="opening" value="1" checked' in first and "₹\xa00.00" in first
    assert send("count", opening="1", count_50000="10").status_code == 302
    key = new_id()
    for _click in range(2):
        assert send("bank", direction="to", amount="2,000", reference="slip 7", key=key).status_code == 302
    page = finance.raw("GET", "/safe/", headers=HTML).text
    assert "Cash taken to the bank" in page and "slip 7" in page and 'name="opening"' not in page
    short = send("count", count_50000="5")
    assert short.status_code == 422 and "Say what the difference may come from." in short.text
    for wrong in ({"amount": "abc"}, {"amount": "-5"}, {"amount": "5", "key": "x"}, {"amount": "99999999"}):
        assert send("bank", direction="to", **wrong).status_code in (409, 422), wrong
    with tenant_scope(in_clinic.id):
        assert (in_safe(), balance(AccountCode.BANK)) == (rupees("3000"), rupees("2000"))


@pytest.mark.parametrize(
    ("role", "reads", "changes"),
    [("CLINIC_ADMIN", 200, 302), ("ACCOUNTANT", 200, 403), ("SYSTEM_AUDITOR", 200, 403), ("RECEPTIONIST", 403, 403)],
)
def test_who_sees_it_and_who_moves_it(in_clinic: Any, api: ApiAs, role: str, reads: int, changes: int) -> None:
    caller = api(role)
    assert caller.raw("GET", "/safe/", headers=HTML).status_code == reads
    form = {"currency": "INR", "key": new_id(), "direction": "from", "amount": "10"}
    assert caller.raw("POST", "/safe/bank", headers=HTML, data=form).status_code == changes
