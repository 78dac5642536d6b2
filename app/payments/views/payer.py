"""Pages of the payer, who has a signed link and no log-in."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import redirect, render_template, request
from flask_appbuilder import BaseView, expose
from werkzeug.wrappers import Response

from app.core.errors import Conflict, ProviderUnavailable
from app.core.public_links import opened_by_link
from app.core.security_headers import allow_source
from app.payments import services
from app.payments.errors import PaymentUnderReview
from app.payments.models import PaymentStatus
from app.payments.services import OpenCheckout, ReturnResult
from app.payments.services.links import read_saved_token
from app.payments.services.saved_methods import take_saved
from app.tenancy.queries import clinic_in_scope

LOOK_AGAIN_SECONDS = 5
UNDECIDED = frozenset({PaymentStatus.PENDING, PaymentStatus.UNKNOWN, PaymentStatus.AUTHORIZED})


class PayerView(BaseView):
    """The way to a gateway's hosted page and back."""

    route_base = "/pay"
    default_view = "checkout"

    @expose("/checkout/<token>")
    def checkout(self, token: str) -> Any:
        clinic_id, payment_id = services.read_token(token)
        with opened_by_link("pay", token, clinic_id):
            try:
                return _hand_over(services.start_checkout(payment_id))
            except PaymentUnderReview:
                return _page("held"), PaymentUnderReview.status
            except Conflict:
                return redirect(services.return_url(payment_id))  # paid already, or given up: the page says which
            except ProviderUnavailable:
                return _page("unavailable"), ProviderUnavailable.status

    @expose("/return/<token>", methods=["GET", "POST"])
    def come_back(self, token: str) -> Any:
        clinic_id, payment_id = services.read_token(token)
        params = (request.form if request.method == "POST" else request.args).to_dict()
        with opened_by_link("pay", token, clinic_id):
            result = services.handle_return(payment_id, params)
            if request.method == "POST":
                return redirect(request.path, 303)  # so that reloading the page posts nothing again
            return _show(result, services.checkout_url(payment_id))

    @expose("/saved/<token>")
    def saved(self, token: str) -> Any:
        """Back from the page where somebody left an instrument."""
        clinic_id, patient_id, account_id = read_saved_token(token)
        with opened_by_link("pay", token, clinic_id):
            try:
                count: int | None = take_saved(patient_id, account_id)
            except ProviderUnavailable:
                count = None
            return _page("saved", count=count)


def _hand_over(checkout: OpenCheckout) -> Response | str:
    if checkout.method == "GET":
        return redirect(checkout.url)
    parts = urlsplit(checkout.url)
    allow_source("form-action", f"{parts.scheme}://{parts.netloc}")
    return _page("checkout", checkout=checkout)


def _page(name: str, **values: Any) -> str:
    return render_template(f"payments/{name}.html", clinic=clinic_in_scope(), **values)


def _show(result: ReturnResult, pay_url: str) -> str:
    undecided = result.status in UNDECIDED
    return _page(
        "return",
        result=result,
        undecided=undecided,
        again_url=pay_url if result.status in (PaymentStatus.FAILED, PaymentStatus.PENDING) else None,
        look_again=LOOK_AGAIN_SECONDS if undecided else None,
    )
