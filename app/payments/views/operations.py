"""What was asked of gateways, above all what has an unknown outcome, with Check now."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _

from app.core.transaction import unit_of_work
from app.core.views import Chart, ReadOnlyView, row_action
from app.core.vocabulary import kind_name
from app.payments.models import OperationStatus, PaymentOperation
from app.payments.queries import get_operation
from app.payments.services import ask_gateway

UNDECIDED = (OperationStatus.STARTED, OperationStatus.UNKNOWN)


class PaymentOperationView(ReadOnlyView):
    """Calls to gateways. One that is unknown is asked about by itself; Check now does not wait for that."""

    model = PaymentOperation
    class_permission_name = "payment"
    menu = ("Payments", _("Gateway operations"))
    menu_order = 60
    list_title = _("Gateway operations")
    list_columns = ["created_at", "payment", "kind", "amount", "status", "attempts", "next_at", "error_text"]
    order_columns = ["created_at", "status", "kind"]
    show_columns = [
        "payment",
        "kind",
        "amount",
        "status",
        "key",
        "attempts",
        "next_at",
        "finished_at",
        "gateway_id",
        "error_code",
        "error_text",
    ]
    search_columns = ["status", "kind", "error_code", "created_at"]
    label_columns = {
        "key": _("Idempotency key"),
        "next_at": _("Next look"),
        "gateway_id": _("Gateway's number"),
        "error_code": _("Failure"),
        "error_text": _("Reason"),
    }
    charts = (
        Chart("status", _("Operations by status"), lambda: PaymentOperation.status, kind="doughnut"),
        Chart("kind", _("Operations by kind"), lambda: PaymentOperation.kind, words=kind_name),
    )

    @row_action("check", _("Check now"), steps=True, when=lambda operation: operation.status in UNDECIDED)
    def check(self, operation_id: str) -> Any:
        with unit_of_work():
            payment_id = get_operation(operation_id).payment_id
        ask_gateway(payment_id)
        return _("The gateway was asked; the payment is up to date.")
