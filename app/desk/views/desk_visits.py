"""What the front desk does with one visit: take money, check in, move, call off, ask for a refund."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import wraps
from typing import Any

from flask import Response, request
from flask_appbuilder import expose
from flask_babel import gettext as _
from pydantic import Field

from app.billing.services.checkout import AlreadyPaid, NotPayable
from app.billing.services.coverage import cover_visit
from app.billing.services.files import receipt_pdf
from app.billing.subscription_queries import get_subscription
from app.core.api import Body, validate
from app.core.errors import AppError, Invalid, NotFound
from app.core.formatting import money
from app.core.our_time import read_day, read_moment
from app.core.principal import require
from app.core.state import WrongState
from app.desk.queries.bill import bill_of_visit
from app.desk.queries.slots import doctor_day
from app.desk.services import read_amount, send_pay_link, take_split, take_tender
from app.desk.views.desk_patients import chosen_slot, read_slot
from app.desk.views.fragments import FragmentView, in_words, once
from app.desk.views.panes import visit_pane
from app.messaging.models import Channel
from app.payments.queries import get_payment
from app.payments.services import request_refund
from app.queueing.models import PriorityClass
from app.queueing.services import arrive
from app.scheduling.models import Appointment, CancelReason
from app.scheduling.queries import get_appointment, local_day, lock_appointment
from app.scheduling.services import (
    approve_appointment,
    cancel_appointment,
    check_seen,
    decline_appointment,
    no_show,
    reschedule,
)


class Tender(Body):
    """What the desk took. `tendered` is the cash that was handed over."""

    method: str
    amount: str = ""
    tendered: str = ""
    reference: str = Field("", max_length=80)


class RefundRequest(Body):
    payment_id: str = Field("", max_length=36)
    amount: str = ""
    reason: str = Field("", max_length=300)


# What the page still shows has been settled elsewhere meanwhile: paid, called off, come.
BEHIND = (AlreadyPaid, NotPayable, WrongState)


def on_the_visit(handler: Callable[..., Response]) -> Callable[..., Response]:
    """Failures in words; where the page was behind what is stored, beside the visit as it stands now."""

    @wraps(handler)
    def handle(view: DeskVisitView, visit_id: str, **others: str) -> Response:
        try:
            return handler(view, visit_id, **others)
        except BEHIND as error:
            return view.show_behind(visit_id, error)

    return in_words()(handle)


class DeskVisitView(FragmentView):
    """Middle of the front desk, once there is a visit."""

    class_permission_name = "desk"
    route_base = "/desk/visits"
    default_view = "visit"

    def show(self, visit_id: str, said: Any = "", *, changed: bool = False) -> Response:
        return self.show_pane(visit_pane(get_appointment(visit_id)), said, changed=changed)

    def show_behind(self, visit_id: str, error: AppError) -> Response:
        """The visit anew, with what could not be done."""
        pane = visit_pane(get_appointment(visit_id))
        response = self.piece(pane.template, address=pane.address, changed=True, error=error, **pane.context)
        response.status_code = error.status
        response.headers.update({"HX-Retarget": "#pane", "HX-Reswap": "innerHTML"})
        return response

    def change(self, visit_id: str, action: str, step: Callable[[Appointment], str]) -> Response:
        """One step of the visit under its lock, in one unit of work; the words it returns are said."""
        self.require()
        require("appointment", action)
        known = once(lambda: {"said": str(step(lock_appointment(visit_id)))})
        return self.show(visit_id, known["said"], changed=True)

    @expose("/<id:visit_id>")
    def visit(self, visit_id: str) -> Response:
        self.require()
        return self.show(visit_id)

    @expose("/<id:visit_id>/times")
    def times(self, visit_id: str) -> Response:
        """The grid of another date, to move the visit to."""
        self.require()
        visit = get_appointment(visit_id)
        times = doctor_day(visit.doctor, visit.type, _day(visit), visit=visit)
        return self.piece("desk/parts/visit_times.html", visit=visit, times=times)

    @expose("/<id:visit_id>/collect", methods=["POST"])
    @on_the_visit
    def collect(self, visit_id: str) -> Response:
        """Cash, UPI or the card terminal; cash says what goes back."""
        self.require()
        require("payment", "create")
        tender = validate(Tender, request.form.to_dict())
        known = once(lambda: {"said": _take(visit_id, tender)})
        return self.show(visit_id, known["said"], changed=True)

    @expose("/<id:visit_id>/split", methods=["POST"])
    @on_the_visit
    def split(self, visit_id: str) -> Response:
        """What is due by several tenders at once, on one receipt."""
        self.require()
        require("invoice", "mark-paid")
        known = once(lambda: {"said": _take_parts(visit_id)})
        return self.show(visit_id, known["said"], changed=True)

    @expose("/<id:visit_id>/cover/<id:subscription_id>", methods=["POST"])
    @on_the_visit
    def cover(self, visit_id: str, subscription_id: str) -> Response:
        """A subscription of the patient pays for the visit."""
        self.require()
        require("subscription", "book-appointment")

        def use() -> dict[str, str]:
            coverage = cover_visit(get_subscription(subscription_id).id, visit_id)
            return {"said": _("Covered by %(plan)s.", plan=get_subscription(coverage.subscription_id).plan.name)}

        known = once(use)
        return self.show(visit_id, known["said"], changed=True)

    @expose("/<id:visit_id>/check-in", methods=["POST"])
    @on_the_visit
    def check_in(self, visit_id: str) -> Response:
        def step(visit: Appointment) -> str:
            _visit, token = arrive(visit.id, _class())
            return _("Checked in as %(number)s.", number=token.number)

        return self.change(visit_id, "check-in", step)

    @expose("/<id:visit_id>/move", methods=["POST"])
    @on_the_visit
    def move(self, visit_id: str) -> Response:
        starts_at, location_id = read_slot(chosen_slot())

        def step(visit: Appointment) -> str:
            check_seen(visit, read_moment(request.form.get("from")), request.form.get("fromDoctor") or None)
            reschedule(visit, starts_at, location_id=location_id)
            return _("Moved.")

        return self.change(visit_id, "reschedule", step)

    @expose("/<id:visit_id>/approve", methods=["POST"])
    @on_the_visit
    def approve(self, visit_id: str) -> Response:
        def step(visit: Appointment) -> str:
            approve_appointment(visit)
            return _("Approved.")

        return self.change(visit_id, "approve", step)

    @expose("/<id:visit_id>/decline", methods=["POST"])
    @on_the_visit
    def decline(self, visit_id: str) -> Response:
        def step(visit: Appointment) -> str:
            decline_appointment(visit)
            return _("Declined; the time is free again.")

        return self.change(visit_id, "approve", step)

    @expose("/<id:visit_id>/cancel", methods=["POST"])
    @on_the_visit
    def cancel(self, visit_id: str) -> Response:
        reason = request.form.get("reason", "")

        def step(visit: Appointment) -> str:
            if reason not in set(CancelReason) - {CancelReason.UNPAID}:
                raise Invalid(fields={"reason": _("Choose a reason.")})
            cancel_appointment(visit, reason, request.form.get("note", "")[:250])
            return _("Cancelled; the time is free again.")

        return self.change(visit_id, "cancel", step)

    @expose("/<id:visit_id>/no-show", methods=["POST"])
    @on_the_visit
    def no_show(self, visit_id: str) -> Response:
        def step(visit: Appointment) -> str:
            no_show(visit)
            return _("Marked as a no-show.")

        return self.change(visit_id, "no-show", step)

    @expose("/<id:visit_id>/pay-link", methods=["POST"])
    @on_the_visit
    def pay_link(self, visit_id: str) -> Response:
        """A link to pay by oneself, sent to the patient."""
        self.require()
        require("invoice", "send")
        known = once(lambda: {"said": _sent(send_pay_link(get_appointment(visit_id)))})
        return self.show(visit_id, known["said"], changed=True)

    @expose("/<id:visit_id>/receipt")
    def receipt(self, visit_id: str) -> Response:
        """The receipt of the visit's last payment, or of the one in the address; the browser prints it."""
        self.require()
        require("invoice", "download")
        receipts = bill_of_visit(get_appointment(visit_id)).receipts
        wanted = receipts.get(request.args.get("payment", ""), next(reversed(receipts.values()), None))
        if wanted is None:
            raise NotFound
        name = f"{wanted.number.replace('/', '-')}.pdf"
        headers = {"Content-Disposition": f'inline; filename="{name}"', "Cache-Control": "no-store"}
        return Response(receipt_pdf(wanted), mimetype="application/pdf", headers=headers)

    @expose("/<id:visit_id>/refund", methods=["POST"])
    @on_the_visit
    def refund(self, visit_id: str) -> Response:
        """Ask for money to go back; finance decides."""
        self.require()
        require("refund", "request")
        wanted = validate(RefundRequest, request.form.to_dict())
        known = once(lambda: {"said": _ask_refund(visit_id, wanted)})
        return self.show(visit_id, known["said"], changed=True)


def _class() -> PriorityClass | None:
    """Why the patient is called earlier, where the desk says so."""
    asked = request.form.get("priority", "")
    known = {str(int(item)): item for item in PriorityClass}
    if asked and asked not in known:
        raise Invalid(fields={"priority": _("Choose one.")})
    return known.get(asked)


def _take(visit_id: str, tender: Tender) -> str:
    amount = read_amount(tender.amount, "amount")
    tendered = read_amount(tender.tendered, "tendered") if tender.tendered else None
    taken = take_tender(get_appointment(visit_id), tender.method, amount, tendered=tendered, reference=tender.reference)
    if taken.change:
        return _("Taken %(amount)s. Give %(change)s back.", amount=money(amount), change=money(taken.change))
    return _("Taken %(amount)s.", amount=money(amount))


def _take_parts(visit_id: str) -> str:
    amounts, beside = request.form.getlist("amount"), request.form.getlist("beside")
    typed = [(amount.strip(), other.strip()) for amount, other in zip(amounts, beside, strict=False)]
    taken = take_split(get_appointment(visit_id), typed)
    if taken.change:
        return _("Taken in parts. Give %(change)s back.", change=money(taken.change))
    return _("Taken in parts. Receipt %(number)s.", number=taken.receipt.number)


def _sent(channel: str) -> str:
    by_whatsapp = channel == Channel.WHATSAPP
    return _("The pay link goes out by WhatsApp.") if by_whatsapp else _("The pay link goes out by e-mail.")


def _ask_refund(visit_id: str, wanted: RefundRequest) -> str:
    payments = {payment.id for payment in bill_of_visit(get_appointment(visit_id)).payments}
    if wanted.payment_id not in payments:
        raise NotFound
    if not wanted.reason:
        raise Invalid(fields={"reason": _("Say why the money should go back.")})
    amount = read_amount(wanted.amount, "amount")
    request_refund(get_payment(wanted.payment_id), amount, wanted.reason)
    return _("Finance is asked to refund %(amount)s.", amount=money(amount))


def _day(visit: Appointment) -> date:
    return read_day(request.args.get("on")) or local_day(visit.starts_at)
