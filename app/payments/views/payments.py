"""Payments with their attempts; Check now, Capture and Void."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import func
from wtforms import StringField, TextAreaField
from wtforms.validators import Length

from app.core.navigation import describe_item
from app.core.views import Chart, CrudView, ReadOnlyView, monthly, row_action
from app.core.vocabulary import kind_name
from app.payments import services
from app.payments.models import Payment, PaymentAttempt, PaymentStatus
from app.payments.views.operations import PaymentOperationView
from app.payments.views.refunds import RefundView


class PaymentAttemptView(ReadOnlyView):
    """What the gateway knows of each try at a payment."""

    model = PaymentAttempt
    class_permission_name = "payment"
    list_title = _("Attempts")
    list_columns = ["created_at", "gateway_payment_id", "method", "captured", "fee", "failed", "failure_text"]
    show_columns = [
        "payment",
        "gateway_payment_id",
        "method",
        "captured",
        "fee",
        "failed",
        "failure_code",
        "failure_text",
        "attempted_at",
    ]
    search_columns = ["gateway_payment_id", "method", "failed"]
    formatters_columns = {"method": kind_name}
    label_columns = {"gateway_payment_id": _("Gateway's number"), "failure_text": _("Reason")}


describe_item("PaymentView", shortcut="g y")
UNFINISHED = (PaymentStatus.PENDING, PaymentStatus.UNKNOWN, PaymentStatus.AUTHORIZED)


class PaymentView(CrudView):
    """Every payment of the clinic. Its sums and its status follow from facts; only notes can be changed."""

    model = Payment
    class_permission_name = "payment"
    menu = ("Payments", _("Payments"))
    menu_order = 20
    list_title = _("Payments")
    base_permissions = ["can_read", "can_update"]
    exclude_route_methods = frozenset({"download", "add", "delete"})
    list_columns = ["created_at", "patient", "amount", "shown_status", "provider", "method", "paid_back", "reference"]
    order_columns = ["created_at", "status", "provider"]
    show_columns = [
        "shown_status",
        "patient",
        "invoice",
        "amount",
        "captured",
        "paid_back",
        "taken_back",
        "refundable",
        "provider",
        "method",
        "reference",
        "notes",
        "description",
        "order_id",
        "gateway_payment_id",
        "failure_code",
        "failure_text",
        "created_at",
        "completed_at",
    ]
    edit_columns = ["reference", "notes"]
    edit_form_extra_fields = {
        "reference": StringField(_("Reference"), validators=[Length(max=80)]),
        "notes": TextAreaField(_("Notes"), validators=[Length(max=2000)]),
    }
    search_columns = ["status", "provider", "method", "patient", "reference", "order_id", "created_at"]
    formatters_columns = {"provider": kind_name, "method": kind_name}
    label_columns = {
        "shown_status": _("Status"),
        "order_id": _("Gateway's order"),
        "gateway_payment_id": _("Gateway's payment"),
        "failure_code": _("Failure"),
        "failure_text": _("Reason"),
        "paid_back": _("Refunded"),
        "taken_back": _("Taken back in disputes"),
        "refundable": _("Can be refunded"),
    }
    show_template = "payments/payment_show.html"
    related_views = [PaymentAttemptView, RefundView, PaymentOperationView]
    charts = (
        Chart("status", _("Payments by status"), lambda: Payment.status, kind="doughnut"),
        monthly(
            "month",
            _("Captured by month"),
            Payment.created_at,
            value=lambda: func.sum(Payment.captured_minor),
            value_name=_("Captured"),
            minor=True,
        ),
    )

    def change_item(self, item: Payment, form: Any) -> None:
        services.change_payment(item, reference=form.reference.data or "", notes=form.notes.data or "")

    @row_action("check", _("Check now"), steps=True, when=lambda payment: not payment.at_desk)
    def check(self, payment_id: str) -> Any:
        services.ask_gateway(payment_id)
        return _("The gateway was asked; the payment is up to date.")

    @row_action(
        "capture",
        _("Capture"),
        confirm=_("Take the whole reserved amount?"),
        steps=True,
        multiple=False,
        when=lambda payment: payment.status == PaymentStatus.AUTHORIZED,
    )
    def capture(self, payment_id: str) -> Any:
        services.capture_payment(payment_id)
        return _("Captured.")

    @row_action(
        "void",
        _("Void"),
        confirm=_("Stop waiting for this payment?"),
        steps=True,
        multiple=False,
        when=lambda payment: payment.status in UNFINISHED,
    )
    def void(self, payment_id: str) -> Any:
        services.void_payment(payment_id)
        return _("Voided.")
