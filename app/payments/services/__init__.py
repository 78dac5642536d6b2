"""Verbs on payments and refunds.

Inside the caller's unit of work: `create_payment`, `begin_charge`, `record_tender`, `change_payment`,
`abandon_payment`, `request_refund`, `approve_refund`, `reject_refund`, `replay_webhook`, `plan_run`, `cancel_run`,
`accept_fee`, `answer_difference`, `release_hold`, `decline_hold` and the `apply_*` functions.

Outside any, because they call a gateway and commit in steps: `start_checkout`, `finish_charge`, `capture_payment`,
`void_payment`, `send_refund`, `ask_gateway`, `handle_return`, `receive_webhook`, `process_webhook`, `carry_out_run` and
`look_again`.
"""

from app.payments.services.asking import ask_gateway
from app.payments.services.captures import capture_payment
from app.payments.services.charging import begin_charge, charge_under_way, finish_charge
from app.payments.services.checkout import OpenCheckout, start_checkout
from app.payments.services.differences import accept_fee, answer_difference, look_again
from app.payments.services.disputes import apply_dispute_fact
from app.payments.services.facts import apply_fact, apply_refund_fact, apply_release
from app.payments.services.gateway import providers_for
from app.payments.services.hold_decisions import decline_hold, release_hold
from app.payments.services.links import checkout_url, read_token, return_url
from app.payments.services.payments import (
    abandon_payment,
    change_payment,
    create_payment,
    record_tender,
)
from app.payments.services.reconciling import cancel_run, carry_out_run, plan_nightly_runs, plan_run
from app.payments.services.refunds import (
    approve_refund,
    may_decide,
    needs_second_person,
    reject_refund,
    request_refund,
)
from app.payments.services.returns import ReturnResult, handle_return
from app.payments.services.saved_methods import get_method, methods_of
from app.payments.services.sending import send_refund
from app.payments.services.voids import close_page, close_page_later, void_payment
from app.payments.services.webhooks import process_webhook, receive_webhook, replay_webhook

__all__ = [
    "OpenCheckout",
    "ReturnResult",
    "abandon_payment",
    "accept_fee",
    "answer_difference",
    "apply_dispute_fact",
    "apply_fact",
    "apply_refund_fact",
    "apply_release",
    "approve_refund",
    "ask_gateway",
    "begin_charge",
    "cancel_run",
    "capture_payment",
    "carry_out_run",
    "charge_under_way",
    "change_payment",
    "checkout_url",
    "close_page",
    "close_page_later",
    "create_payment",
    "decline_hold",
    "finish_charge",
    "get_method",
    "handle_return",
    "look_again",
    "may_decide",
    "methods_of",
    "needs_second_person",
    "plan_nightly_runs",
    "plan_run",
    "providers_for",
    "process_webhook",
    "read_token",
    "receive_webhook",
    "record_tender",
    "reject_refund",
    "release_hold",
    "replay_webhook",
    "request_refund",
    "return_url",
    "send_refund",
    "start_checkout",
    "void_payment",
]
