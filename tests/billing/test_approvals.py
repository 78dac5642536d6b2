"""Two persons: discounts above somebody's limit, and debts that are given up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from app.billing.models import Invoice, InvoiceApproval
from app.billing.services import DiscountUndecided, bill_completed_visit, draft_invoice, lock_invoice, open_invoice
from app.billing.services.discounts import discount_stands
from app.billing.services.lines import NewLine
from app.core.principal import Membership, Principal, acting_as
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance, trial_balance, trial_balance_totals
from app.payments.gateways.base import PaymentState
from app.payments.services import apply_fact
from tests.billing.conftest import Api, run_everything
from tests.factories.billing import collect, make_invoice, make_priced_visit, reload, rupees
from tests.factories.payments import make_fact, make_gateway_account, make_payment
from tests.factories.people import make_patient

ApiAs = Callable[..., Api]
INVOICES = "/billing/invoices"


def draft(desk: Api, discount: str = "30.00", **more: Any) -> dict[str, Any]:
    """A draft over 100 by the desk, whose limit is 10 per cent."""
    line = {"description": "Dressing", "unitPrice": "100.00"}
    body = {
        "patientId": make_patient().id,
        "lines": [line],
        "discount": discount,
        "discountReason": "Neighbour",
        **more,
    }
    status, made = desk("POST", INVOICES, body)
    assert status == 201, made
    return dict(made)


def books_balance() -> bool:
    return all(debits == credits for debits, credits in trial_balance_totals(trial_balance()))


def test_a_large_discount_waits_until_somebody_else_approves_it(in_clinic: Any, api: ApiAs) -> None:
    desk, admin = api("RECEPTIONIST"), api("CLINIC_ADMIN")
    made = draft(desk, open=True)
    assert (made["status"], made["discountApproval"]["status"]) == ("DRAFT", "REQUESTED")
    assert desk("POST", f"{INVOICES}/{made['id']}/open")[1]["error"]["code"] == "DISCOUNT_NEEDS_APPROVAL"
    assert desk("POST", f"{INVOICES}/{made['id']}/mark-paid")[1]["error"]["code"] == "DISCOUNT_NEEDS_APPROVAL"
    (waiting,) = admin("GET", "/billing/approvals?status=REQUESTED")[1]["items"]
    assert (waiting["amount"], waiting["basis"], waiting["reason"]) == (30, 100, "Neighbour")
    status, approved = admin("POST", f"/billing/approvals/{waiting['id']}/approve", {"note": "Fine"})
    assert (status, approved["status"], approved["note"]) == (200, "APPROVED", "Fine")
    assert desk("POST", f"{INVOICES}/{made['id']}/open")[1]["total"] == 70
    assert admin("POST", f"/billing/approvals/{waiting['id']}/approve")[1]["error"]["code"] == "WRONG_STATE"


def test_nobody_approves_their_own_request_nor_more_than_their_limit(in_clinic: Any, api: ApiAs) -> None:
    desk, finance = api("RECEPTIONIST"), api("FINANCE_BILLING")
    own = draft(finance, "30.00")["discountApproval"]
    status, answer = finance("POST", f"/billing/approvals/{own['id']}/approve")
    assert (status, answer["error"]["code"]) == (403, "SECOND_PERSON_NEEDED")
    assert finance("POST", f"/billing/approvals/{own['id']}/reject")[0] == 403
    assert desk("POST", f"/billing/approvals/{own['id']}/approve")[0] == 403
    large = draft(desk, "26.00")["discountApproval"]
    assert finance("POST", f"/billing/approvals/{large['id']}/approve")[1]["error"]["code"] == "ABOVE_LIMIT"
    small = draft(desk, "25.00")["discountApproval"]
    assert finance("POST", f"/billing/approvals/{small['id']}/approve")[0] == 200


def test_a_rejected_discount_must_be_lowered(in_clinic: Any, api: ApiAs) -> None:
    desk, admin = api("RECEPTIONIST"), api("CLINIC_ADMIN")
    made = draft(desk)
    assert admin("POST", f"/billing/approvals/{made['discountApproval']['id']}/reject", {"note": "Too much"})[0] == 200
    assert desk("POST", f"{INVOICES}/{made['id']}/open")[0] == 409
    status, lower = desk("PUT", f"{INVOICES}/{made['id']}", {"discount": "10.00"})
    assert (status, lower["discountApproval"]) == (200, None)
    assert desk("POST", f"{INVOICES}/{made['id']}/open")[1]["total"] == 90


def test_an_approval_covers_as_much_and_no_more(in_clinic: Any, api: ApiAs) -> None:
    desk, admin = api("RECEPTIONIST"), api("CLINIC_ADMIN")
    made = draft(desk)
    admin("POST", f"/billing/approvals/{made['discountApproval']['id']}/approve")
    assert desk("PUT", f"{INVOICES}/{made['id']}", {"discount": "29.00"})[1]["discountApproval"]["status"] == "APPROVED"
    assert (
        desk("PUT", f"{INVOICES}/{made['id']}", {"discount": "31.00"})[1]["discountApproval"]["status"] == "REQUESTED"
    )
    assert desk("POST", f"{INVOICES}/{made['id']}/open")[0] == 409


@pytest.mark.parametrize(
    ("change", "total"),
    [
        ({"discount": None, "discountPercent": "10"}, 90),
        ({"discount": None, "discountPercent": "0.125"}, 99.87),  # 12.5 paise off: half up
        ({"discount": None, "lines": [{"description": "A", "unitPrice": "33.33", "discountPercent": "7.5"}]}, 30.83),
    ],
)
def test_a_discount_can_be_given_in_per_cent(in_clinic: Any, api: ApiAs, change: dict[str, Any], total: float) -> None:
    assert draft(api("RECEPTIONIST"), **change)["total"] == total


@pytest.mark.parametrize("wrong", [{"discountPercent": "5"}, {"discount": None, "discountPercent": "100.1"}])
def test_a_discount_is_an_amount_or_per_cent_of_at_most_all(in_clinic: Any, api: ApiAs, wrong: dict[str, Any]) -> None:
    line = {"description": "Dressing", "unitPrice": "100.00"}
    body = {"patientId": make_patient().id, "lines": [line], "discount": "5.00", **wrong}
    assert api("CLINIC_ADMIN")("POST", INVOICES, body)[0] == 422


def test_money_never_opens_what_waits_and_is_not_lost(in_clinic: Any, api: ApiAs) -> None:
    """The gateway's page was open while the desk wrote a larger discount: the money is credit, the draft waits."""
    make_gateway_account()
    made = draft(api("RECEPTIONIST"))
    payment = make_payment(rupees("70"), patient_id=made["patientId"], invoice_id=made["id"], order_id="order_1")
    with unit_of_work():
        apply_fact(payment.id, make_fact(payment, PaymentState.CAPTURED))
    assert db.session.get_one(Invoice, made["id"]).status == "DRAFT"
    assert balance(AccountCode.PATIENT_CREDIT, made["patientId"]) == rupees("70")


def test_a_visit_ends_though_its_discount_waits(in_clinic: Any, api: ApiAs) -> None:
    visit = make_priced_visit()
    made = draft(api("RECEPTIONIST"), patientId=visit.patient_id, appointmentId=visit.id)
    with unit_of_work():
        invoice = bill_completed_visit(visit.id)
        assert invoice is not None and (invoice.id, invoice.status) == (made["id"], "DRAFT")
        assert not discount_stands(invoice)


def test_staff_are_told_what_waits_and_the_requester_what_was_decided(in_clinic: Any, api: ApiAs) -> None:
    from app.messaging.models import Message

    desk, admin = api("RECEPTIONIST"), api("CLINIC_ADMIN")
    made = draft(desk)
    run_everything()
    told = list(db.session.scalars(select(Message).where(Message.template == "approval_requested")))
    assert [message.variables["what"] for message in told] == ["Discount"]
    admin("POST", f"/billing/approvals/{made['discountApproval']['id']}/approve")
    run_everything()
    (message,) = db.session.scalars(select(Message).where(Message.template == "approval_decided"))
    assert message.variables["decision"] == "Approved"


def test_services_refuse_what_is_not_approved(in_clinic: Any) -> None:
    patient = make_patient()
    member = Membership(in_clinic.id, in_clinic.name, "RECEPTIONIST")
    from app.billing.services.drafts import WantedLine, draft_by_hand

    principal = Principal(patient.id, "desk", "Desk", "s", (member,), member)
    with acting_as(principal), unit_of_work():
        line = WantedLine(rupees("100"), description="A", discount=rupees("50"))
        made = draft_by_hand(patient.id, [line], discount_reason="Friend")
    with pytest.raises(DiscountUndecided), unit_of_work():
        open_invoice(lock_invoice(made.id))
    with unit_of_work():  # what no person wrote has nobody's limit
        open_invoice(draft_invoice(patient.id, [NewLine("A", rupees("100"))], discount=rupees("50")))


def test_a_debt_is_given_up_by_two_persons_and_booked(in_clinic: Any, api: ApiAs) -> None:
    finance, admin = api("FINANCE_BILLING"), api("CLINIC_ADMIN")
    invoice = make_invoice("500.00")
    collect(invoice, "200.00")
    status, asked = finance("POST", f"{INVOICES}/{invoice.id}/write-off", {"reason": "Moved away"})
    assert (status, asked["kind"], asked["amount"]) == (201, "WRITE_OFF", 300)
    assert (
        finance("POST", f"{INVOICES}/{invoice.id}/write-off", {"reason": "x"})[1]["error"]["code"]
        == "ALREADY_REQUESTED"
    )
    assert finance("POST", f"/billing/approvals/{asked['id']}/approve")[0] == 403
    assert api("RECEPTIONIST")("POST", f"{INVOICES}/{invoice.id}/write-off", {"reason": "x"})[0] == 403
    assert admin("POST", f"/billing/approvals/{asked['id']}/approve")[0] == 200
    assert (reload(invoice).status, str(reload(invoice).amount_due)) == ("WRITTEN_OFF", "0.00 INR")
    assert balance(AccountCode.WRITE_OFF) == rupees("300")
    assert not balance(AccountCode.RECEIVABLE) and books_balance()


def written_off(api: ApiAs, amount: str = "500.00") -> Invoice:
    invoice = make_invoice(amount)
    asked = api("FINANCE_BILLING")("POST", f"{INVOICES}/{invoice.id}/write-off", {"reason": "Moved away"})[1]
    assert api("CLINIC_ADMIN")("POST", f"/billing/approvals/{asked['id']}/approve")[0] == 200
    return invoice


def test_money_that_comes_later_reverses_the_write_off(in_clinic: Any, api: ApiAs) -> None:
    make_gateway_account()
    invoice = written_off(api)
    payment = make_payment(rupees("200"), patient_id=invoice.patient_id, invoice_id=invoice.id, order_id="order_1")
    for _ in range(2):
        with unit_of_work():
            apply_fact(payment.id, make_fact(payment))
    assert (reload(invoice).status, str(reload(invoice).amount_due)) == ("PARTIALLY_PAID", "300.00 INR")
    assert not balance(AccountCode.WRITE_OFF) and balance(AccountCode.RECEIVABLE) == rupees("300")
    asked = api("FINANCE_BILLING")("POST", f"{INVOICES}/{invoice.id}/write-off", {"reason": "Again"})[1]
    assert api("CLINIC_ADMIN")("POST", f"/billing/approvals/{asked['id']}/approve")[0] == 200
    assert balance(AccountCode.WRITE_OFF) == rupees("300") and books_balance()


def test_a_person_can_let_the_debt_count_again(in_clinic: Any, api: ApiAs) -> None:
    invoice, finance = written_off(api), api("FINANCE_BILLING")
    assert finance("POST", f"{INVOICES}/{invoice.id}/mark-paid")[1]["error"]["code"] == "NOT_PAYABLE"
    assert finance("POST", f"{INVOICES}/{invoice.id}/reinstate", {"reason": "Came back"})[1]["amountDue"] == 500
    assert finance("POST", f"{INVOICES}/{invoice.id}/reinstate", {"reason": "x"})[1]["error"]["code"] == "WRONG_STATE"
    collect(invoice)
    assert reload(invoice).status == "PAID" and not balance(AccountCode.WRITE_OFF) and books_balance()


def test_a_settled_or_grown_debt_is_not_written_off(in_clinic: Any, api: ApiAs) -> None:
    finance, admin, invoice = api("FINANCE_BILLING"), api("CLINIC_ADMIN"), make_invoice("500.00")
    asked = finance("POST", f"{INVOICES}/{invoice.id}/write-off", {"reason": "Moved away"})[1]
    collect(invoice)
    assert admin("POST", f"/billing/approvals/{asked['id']}/approve")[1]["error"]["code"] == "NOTHING_DUE"
    assert finance("POST", f"{INVOICES}/{invoice.id}/write-off", {"reason": "x"})[1]["error"]["code"] == "NOTHING_DUE"


def test_the_database_keeps_requester_and_approver_apart(in_clinic: Any, api: ApiAs) -> None:
    made = draft(api("RECEPTIONIST"))
    approval = db.session.get_one(InvoiceApproval, made["discountApproval"]["id"])
    with pytest.raises(DBAPIError), unit_of_work():
        approval.decided_by_id = approval.requested_by_id


def test_another_clinics_requests_are_404(in_clinic: Any, other_clinic: Any, api: ApiAs) -> None:
    made = draft(api("RECEPTIONIST"))
    stranger = api("CLINIC_ADMIN", clinic_id=other_clinic.id)
    assert stranger("POST", f"/billing/approvals/{made['discountApproval']['id']}/approve")[0] == 404
    assert stranger("GET", "/billing/approvals")[1]["items"] == []
