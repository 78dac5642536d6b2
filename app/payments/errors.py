"""What can be wrong with a payment or a refund, where somebody acts on it."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

from app.core.errors import Conflict, Forbidden


class UnderWay(Conflict):
    """The same operation is being carried out by somebody else right now."""

    code = "OPERATION_UNDER_WAY"
    message = _("This is being carried out already. Please wait a moment.")


class PaymentUnderReview(Conflict):
    """A rule holds the payment until somebody of the clinic has looked at it."""

    code = "PAYMENT_HELD"
    message = _("The clinic looks at this payment first. Please ask at the desk, or try again later.")


class NothingToCapture(Conflict):
    """Nothing is reserved that could be taken."""

    code = "NOTHING_TO_CAPTURE"
    message = _("There is no reserved amount to capture.")


class RefundTooLarge(Conflict):
    """More than what was captured and is not refunded or being refunded."""

    code = "REFUND_TOO_LARGE"


class CannotVoid(Conflict):
    """Money moved, or the gateway offers no void."""

    code = "CANNOT_VOID"


class SecondPersonNeeded(Forbidden):
    """Whoever asked for this refund may not approve it."""

    code = "SECOND_PERSON_NEEDED"
    message = _("Another person must approve this refund.")


class FactRefused(Exception):
    """A gateway's fact contradicts what we know (other order, currency, amount): for a person to look at."""


class NotKnownYet(Exception):
    """A fact about something that has not reached us; it will make sense later."""
