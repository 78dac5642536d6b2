"""What must hold at the end of a walk, wherever a process died."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from tests.chaos.walk import Walk
from tests.walk.house import REFUND, TOTAL

# What may have happened once only. Others (a payment's status changed, an invoice was updated) may come in more steps.
ONCE = (
    "appointment.created", "appointment.confirmed", "billing.appointment.booked", "billing.invoice.drafted",
    "billing.invoice.created", "billing.invoice.paid", "billing.payment.created", "payment.intent.created",
    "payment.completed",
)  # fmt: skip
GONE_OUT = frozenset({"SENT", "DELIVERED", "READ"})


@dataclass(frozen=True)
class Verdict:
    """`parked`: (message, how many copies left the house), which a person has to look at."""

    killed: str
    parked: tuple[tuple[str, int], ...]
    tries: int

    def __str__(self) -> str:
        if not self.parked:
            return "as if nothing had died"
        return "parked: " + ", ".join(f"{what} ({'left' if copies else 'not sent'})" for what, copies in self.parked)


def judge(walk: Walk) -> Verdict:
    """Fails unless everything was done once, and what cannot be known is parked with its reason."""
    where = (
        f"killed at point {walk.kill_at} ({walk.killed or 'nowhere'}), Redis {'lost' if walk.lose_redis else 'kept'}"
    )
    facts = walk.installation.facts(walk.house, walk.person)
    _money(facts, where)
    _gateway(walk, facts, where)
    parked = _messages(walk, facts["messages"], where)
    return Verdict(walk.killed, parked, walk.tries)


def _money(facts: dict[str, Any], where: str) -> None:
    assert [_without_ids(item) for item in facts["payments"]] == [
        {
            "status": "PARTIALLY_REFUNDED",
            "captured": TOTAL * 100,
            "refunded": REFUND * 100,
            "attempts": 1,
            "in_doubt": False,
        }
    ], where
    assert facts["refunds"] == [{"status": "SETTLED", "amount": REFUND * 100}], where
    assert facts["visits"] == ["CONFIRMED"], where
    assert [(item["status"], item["is_pdf"]) for item in facts["invoices"]] == [("PAID", True)], where
    assert set(facts["entries"].values()) == {1}, (where, facts["entries"])
    assert len(facts["entries"]) == 6, (where, facts["entries"])
    assert facts["owed"] == {"credit": 0, "receivable": 0}, where
    assert {kind: facts["events"].get(kind) for kind in ONCE} == dict.fromkeys(ONCE, 1), where


def _without_ids(payment: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in payment.items() if name not in ("id", "order_id")}


def _gateway(walk: Walk, facts: dict[str, Any], where: str) -> None:
    """The vendor's own books: one order, one payment, one refund."""
    keys = walk.house["razorpay"]
    orders, payments, refunds = (
        walk.installation.sandbox.request(
            "GET", f"/razorpay/v1/{kind}", auth=(keys["key_id"], keys["key_secret"])
        ).json()["items"]
        for kind in ("orders", "payments", "refunds")
    )
    assert [item["id"] for item in orders] == [facts["payments"][0]["order_id"]], where
    assert [item["status"] for item in payments] == ["captured"], where
    assert [item["amount"] for item in refunds] == [REFUND * 100], where


def _messages(walk: Walk, rows: list[dict[str, Any]], where: str) -> tuple[tuple[str, int], ...]:
    """Every message left once, or is parked with a reason; none left twice."""
    left = Counter(_reference(item) for item in walk.installation.sandbox.messages())
    parked = []
    for row in rows:
        what, copies = f"{row['channel']} {row['template']}", left.pop(row["id"], 0)
        if row["status"] == "PARKED":
            assert copies <= 1 and row["reason"], (where, row)
            parked.append((what, copies))
        elif row["channel"] != "in_app":
            assert (row["status"] in GONE_OUT, copies) == (True, 1), (where, row, copies)
    assert not left, f"{where}: messages that no row knows of"
    kinds = Counter((row["channel"], row["template"]) for row in rows)
    assert set(kinds.values()) == {1} and len(kinds) == 6, (where, kinds)
    return tuple(sorted(parked))


def _reference(message: dict[str, Any]) -> str:
    """Our id in what the provider was given."""
    return str(message["reference"]).strip("<>").partition("@")[0]


def judge_clinic(facts: dict[str, Any], walks: int, parked: int) -> None:
    """Over all walks: numbers without a gap, balanced books, an unbroken trail, every parked message counted."""
    for series, numbers in (("invoice", facts["invoice_numbers"]), ("receipt", facts["receipt_numbers"])):
        assert [int(number.rpartition("/")[2]) for number in numbers] == list(range(1, walks + 1)), series
        assert facts["last_numbers"][series] == walks
    assert facts["balanced"]
    assert facts["audit"] == []
    assert facts["parked"] == parked
