"""`flask demo walk`: a visit from booking to reconciliation over one gateway, as clients of a running console.

Nothing here looks into the database: what people do goes over the API and the pages, what the payer, the bank and the
reader of messages do goes over the sandbox's control routes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from app.core import clock
from app.demo.cast import DemoClinic
from app.demo.walk_clients import Json, Person, Refused, SandboxControl, WalkFailed, until

GATEWAYS = ("razorpay", "phonepe", "stripe", "paypal")
NAMES = {"razorpay": "Razorpay", "phonepe": "PhonePe", "stripe": "Stripe", "paypal": "PayPal"}
VISIT = "VIDEO_CALL"
DAYS = 14
TAKEN_AT_MOST = 5  # somebody else books, too
# How the address of a list names its filters: the third one of a text is "Equal to", the first of a relation "Is".
PROVIDER, GATEWAY_ID, PATIENT, PAYMENT = "_flt_2_provider", "_flt_2_gateway_id", "_flt_0_patient", "_flt_0_payment"


@dataclass
class Walk:
    """One walk; `say` prints a line."""

    gateway: str
    house: DemoClinic
    console: str
    sandbox_address: str
    say: Callable[[str], Any]
    began: float = field(default_factory=time.monotonic)
    step_began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.sandbox = SandboxControl(self.sandbox_address)
        self.name = NAMES[self.gateway]

    def check_servers(self) -> None:
        """Raises WalkFailed where console or sandbox is away."""
        self.say(f"{self.name}, {self.house.name}, console at {self.console}")
        self.sandbox.get("/faults")

    def go(self) -> None:
        """The whole walk. Raises WalkFailed at the first thing that is not as it should be."""
        self._log_in()
        visit = self._book()
        self._begin_payment(visit)
        self._pay()
        self._see_invoice(visit)
        self._read_messages()
        self._refund()
        self._check_credit_note()
        self._check_ledger()
        self._settle()
        self._reconcile()
        self.say(f"\u2713 All as it should be, in {time.monotonic() - self.began:.1f} s.")

    def done(self, what: str) -> None:
        now = time.monotonic()
        self.say(f"{now - self.step_began:6.2f} s  {what}")
        self.step_began = now

    # ---- the patient books and pays ----

    def _log_in(self) -> None:
        self.patient = self._person("patient")
        self.desk = self._person("receptionist")
        self.finance = self._person("finance-billing", browser=True)
        me = self.patient.get(f"/patients/{self.patient.patient_id}")
        self.phone, self.email = me["phone"], me["email"]
        self.last_entry = self._last_entry()
        people = (self.patient, self.desk, self.finance)
        self.done(f"{', '.join(who.name for who in people)} log in as patient, receptionist and finance")

    def _person(self, role: str, *, browser: bool = False) -> Person:
        return Person(self.console, f"{role}@{self.house.domain}", browser)

    def _last_entry(self) -> int:
        """Of the patient, whose lines are few."""
        lines = self.finance.rows("journallineview", **{PATIENT: str(self.patient.patient_id)})
        return max((_entry_number(item) for item in lines), default=0)

    def _book(self) -> Json:
        """The first free slot from tomorrow on."""
        tomorrow = (datetime.now(ZoneInfo(self.house.zone)) + timedelta(days=1)).date().isoformat()
        tried = 0
        for doctor in self.patient.get("/doctors", limit=50)["items"]:
            if VISIT not in doctor["types"]:
                continue
            path = f"/doctors/{doctor['id']}/slots"
            slots = self.patient.get(path, date=tomorrow, days=DAYS, type=VISIT)["items"]
            for slot in (item for item in slots if item["available"]):
                visit = self._try_slot(doctor["id"], slot["startsAt"])
                if visit is not None:
                    starts = datetime.fromisoformat(slot["startsAt"]).astimezone(ZoneInfo(self.house.zone))
                    self.done(f"{self.patient.name} books a video visit with {doctor['name']}, {starts:%a %d %b %H:%M}")
                    return visit
                tried += 1
                if tried >= TAKEN_AT_MOST:
                    raise WalkFailed(f"{tried} slots in a row were taken by somebody else. Try again.")
        raise WalkFailed(f"{self.house.name} has no free slot for a video visit in the next {DAYS} days.")

    def _try_slot(self, doctor_id: str, starts_at: str) -> Json | None:
        try:
            return self.patient.post("/appointments", {"doctorId": doctor_id, "type": VISIT, "startsAt": starts_at})
        except Refused as error:
            if error.code == "SLOT_TAKEN":
                return None
            raise

    def _begin_payment(self, visit: Json) -> None:
        path = f"/billing/appointments/{visit['id']}/process-payment"
        try:
            checkout = self.patient.post(path, {"provider": self.gateway})
        except Refused as error:
            if error.code != "PAYMENT_HELD":
                raise
            self._release(error.details["paymentId"])
            checkout = self.patient.post(path, {"provider": self.gateway})
        _expect(checkout["provider"] == self.gateway, f"The order was opened at {checkout['provider']}.")
        self.checkout = checkout
        self.amount, self.currency = Decimal(str(checkout["amount"])), str(checkout["currency"])
        self.done(f"an order over {self._sum(self.amount)} is open at {self.name}: {checkout['orderId']}")
        page = self.patient.request("GET", checkout["checkoutUrl"])
        _expect(page.ok, f"The way to the hosted page answers {page.status_code}.")
        self.done(f"the checkout link leads to {self.name}'s page")

    def _release(self, payment_id: str) -> None:
        """So many walks within the hour that the rule about many payments of one patient holds this one."""
        page = self.finance.page("/paymentholdview/list/", **{PAYMENT: payment_id})
        found = re.search(r"/paymentholdview/show/([0-9a-f-]{36})", page)
        _expect(found is not None, "The payment is held for review, but finance's list does not show it.")
        self.finance.submit(f"/paymentholdview/action/release/{found.group(1) if found else ''}")
        self.done(f"a rule held the payment for review (many within an hour); {self.finance.name} releases it")

    def _pay(self) -> None:
        pressed = self.sandbox.post(f"/checkout/{self.gateway}/{self.checkout['orderId']}", {"result": "success"})
        self.done(f"the payer presses Pay on {self.name}'s page")
        path = f"/billing/payments/{self.checkout['paymentId']}"
        self._until_status(self.patient, path, "COMPLETED", "The payment completes")
        told = [item for item in self._webhooks() if item["answer"] == 200]
        _expect(bool(told), f"The payment is complete, but no webhook of {self.name} was taken.")
        self.gateway_payment_id = pressed.get("paymentId") or _captured(told)
        events = ", ".join(dict.fromkeys(item["event"] for item in reversed(told)))
        self.done(f"the payment is COMPLETED, told by webhook: {events}")

    def _webhooks(self) -> list[Json]:
        """The deliveries that are about our order, the newest first."""
        ours = (self.checkout["orderId"], self.checkout["paymentId"])
        found = self.sandbox.get("/webhooks", provider=self.gateway)
        return [item for item in found if any(id in str(item["body"]) for id in ours)]

    # ---- what the payment brings about ----

    def _see_invoice(self, visit: Json) -> None:
        path = f"/billing/invoices/{self.checkout['invoiceId']}"
        invoice = self._until_status(self.patient, path, "PAID", "The invoice is paid")
        _expect(not invoice["amountDue"], f"Invoice {invoice['number']} is PAID with something due.")
        self._until_status(self.patient, f"/appointments/{visit['id']}", "CONFIRMED", "The visit is confirmed")
        self.invoice = until("The invoice's PDF is made", lambda: _with_paper(self.patient.get(path)))
        paper = self.patient.request("GET", self.invoice["pdfUrl"]).content
        _expect(paper.startswith(b"%PDF-"), "The invoice's link does not give a PDF.")
        self.done(f"invoice {invoice['number']} is PAID, the visit CONFIRMED, the PDF has {len(paper) // 1024} kB")

    def _read_messages(self) -> None:
        file_name = f"{str(self.invoice['number']).replace('/', '-')}.pdf"
        for channel, to in (("whatsapp", self.phone), ("email", self.email)):
            look = lambda channel=channel, to=to: [  # noqa: E731
                item
                for item in self.sandbox.get("/messages", channel=channel, to=to)
                if any(paper["filename"] == file_name for paper in item["attachments"])
            ]
            until(f"The invoice reaches {to} by {channel}", look)
        self.done(f"{file_name} is on the patient's telephone (WhatsApp) and in the mail")

    def _refund(self) -> None:
        self.part = (self.amount / 4).quantize(Decimal(1))
        body = {"amount": str(self.part), "reason": "Part of the visit was not given"}
        asked = self.desk.post(f"/billing/payments/{self.checkout['paymentId']}/refund", body)
        _expect(asked["status"] == "REQUESTED", f"The desk's refund is {asked['status']} at once, nobody approved it.")
        self.done(f"{self.desk.name} asks at the desk to refund {self._sum(self.part)}")
        approved = self.finance.post(f"/billing/refunds/{asked['id']}/approve", {"note": "Agreed"})
        self.done(f"{self.finance.name} approves; it is {approved['status']} at {self.name}")
        self._until_status(self.finance, f"/billing/refunds/{asked['id']}", "SETTLED", "The refund settles")
        payment = self.patient.get(f"/billing/payments/{self.checkout['paymentId']}")
        _expect(payment["status"] == "PARTIALLY_REFUNDED", f"The payment is {payment['status']} after the refund.")
        _expect(Decimal(str(payment["refundedAmount"])) == self.part, "Another sum was refunded than was asked for.")
        self.done("the refund is SETTLED, the payment PARTIALLY_REFUNDED")

    def _check_credit_note(self) -> None:
        number = str(self.invoice["number"])
        notes = self.finance.rows("creditnoteview", **{PATIENT: str(self.patient.patient_id)})
        mine = [item for item in notes if number in item["Invoice"]]
        _expect(len(mine) == 1, f"There are {len(mine)} credit notes of invoice {number}.")
        _expect(Decimal(mine[0]["Total"].split()[0]) == self.part, f"The credit note is over {mine[0]['Total']}.")
        self.done(f"credit note {mine[0]['Number']} over {mine[0]['Total']} corrects invoice {number}")

    # ---- the books ----

    def _check_ledger(self) -> None:
        lines = [
            item
            for item in self.finance.rows("journallineview", **{PATIENT: str(self.patient.patient_id)})
            if _entry_number(item) > self.last_entry
        ]
        left: dict[str, Decimal] = {}
        for item in lines:
            moved = _amount(item["Debit"]) - _amount(item["Credit"])
            left[item["Account"]] = left.get(item["Account"], Decimal(0)) + moved
        open_accounts = {name: sum for name, sum in left.items() if sum}
        _expect(bool(lines) and not open_accounts, f"The patient's accounts are not even: {open_accounts}.")
        kinds = ", ".join(dict.fromkeys(item["Entry"].split(maxsplit=1)[1].lower() for item in reversed(lines)))
        self.done(f"the journal has {kinds}; nothing is owed on either side")
        page = self.finance.page("/trial-balance/")
        totals = re.findall(r'<td class="end">([^<]*)</td>', page.rpartition("<tfoot>")[2])
        _expect(len(totals) >= 2 and totals[0] == totals[1], f"The trial balance does not balance: {totals}.")
        self.done(f"the trial balance balances: {totals[0]} on both sides")

    def _settle(self) -> None:
        made = self.sandbox.post("/settlements", {"provider": self.gateway})["items"]
        _expect(bool(made), f"{self.name} has nothing to pay out.")
        self.done(f"{self.name} pays out to the bank")

    def _reconcile(self) -> None:
        known = self._exceptions()
        page = self.finance.page("/reconciliation/new")
        found = re.search(rf'<option [^>]*value="([^"]+)"[^>]*>{self.name}<', page)
        _expect(found is not None, f"{self.house.name} has no account of its own at {self.name}.")
        self.finance.submit("/reconciliation/new", account=found.group(1) if found else "", **self._span())
        run = until("The reconciliation ends", self._finished_run)
        _expect(run["Status"] == "DONE", f"The reconciliation is {run['Status']}.")
        new = self._exceptions() - known
        _expect(not new, f"The reconciliation found: {'; '.join(' '.join(item) for item in new)}.")
        self.done(f"the reconciliation with {self.name} is through (lines: {run['Lines']}), without an exception")
        self._check_settled()

    def _span(self) -> dict[str, str]:
        """Yesterday and today, in the clinic's zone and the gateways'."""
        days = (clock.today(self.house.zone), datetime.now(UTC).date())
        return {"first_on": str(min(days) - timedelta(days=1)), "last_on": str(max(days))}

    def _finished_run(self) -> Mapping[str, str] | None:
        newest = self.finance.rows("reconciliationrunview", **{PROVIDER: self.gateway})[0]
        return newest if newest["Status"] != "PLANNED" else None

    def _exceptions(self) -> set[tuple[str, ...]]:
        rows = self.finance.rows("reconciliationexceptionview", **{PROVIDER: self.gateway})
        return {(item["Difference"], item["Gateway's number"]) for item in rows if item["Status"] == "OPEN"}

    def _check_settled(self) -> None:
        if self.gateway == "phonepe":
            self.done("PhonePe tells its payouts as a whole only, so each order was compared by itself")
            return
        lines = self.finance.rows("settlemententryview", **{GATEWAY_ID: str(self.gateway_payment_id)})
        _expect(len(lines) == 1, f"{self.gateway_payment_id} stands {len(lines)} times in {self.name}'s settlements.")
        paid, fee, net = (lines[0][name] for name in ("Paid by patients", "Fee", "Paid out"))
        self.done(f"in the settlement: {paid} paid, {fee} fee, {net} paid out")

    # ---- small things ----

    def _until_status(self, who: Person, path: str, status: str, what: str) -> Json:
        def look() -> Json | None:
            found = who.get(path)
            return found if found["status"] == status else None

        return until(what, look)

    def _sum(self, amount: Decimal) -> str:
        return f"{self.currency} {amount:.2f}"


def _expect(met: bool, otherwise: str) -> None:
    if not met:
        raise WalkFailed(otherwise)


def _entry_number(line: Mapping[str, str]) -> int:
    return int(line["Entry"].split()[0])


def _with_paper(invoice: Json) -> Json | None:
    return invoice if invoice.get("pdfUrl") else None


def _captured(webhooks: list[Json]) -> str | None:
    """PayPal names its payment only when the approved order is captured."""
    found = (re.search(r'"resource_type":\s*"capture".*?"id":\s*"([^"]+)"', str(item["body"])) for item in webhooks)
    return next((match.group(1) for match in found if match), None)


def _amount(text: str) -> Decimal:
    return Decimal(text.split()[0]) if text else Decimal(0)
