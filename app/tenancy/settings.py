"""What a clinic can set, typed and validated; stored as JSON on the clinic."""

from __future__ import annotations

from decimal import Decimal

from flask_babel import gettext as _
from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.core import clock
from app.core.money import UnknownCurrency, exponent

DAY_LIST = r"^\s*(\d{1,3}(\s*,\s*\d{1,3})*)?\s*$"
MAX_TRAVEL_MINUTES = 240
LONGEST_REMINDER_HOURS = 168
N_ = str  # marks a text for extraction; the screen that shows it translates it


class ClinicSettings(BaseModel):
    """Rules of one clinic. Times of day and dates are read in `zone`; amounts are in `currency`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zone: str = Field("Asia/Kolkata", title=N_("Time zone"))
    currency: str = Field("INR", title=N_("Currency"), pattern="^[A-Z]{3}$")
    locale: str = Field("en_IN", title=N_("Locale"), pattern="^[a-z]{2}(_[A-Z]{2})?$")
    phone_region: str = Field("IN", title=N_("Telephone region"), pattern="^[A-Z]{2}$")
    fiscal_year_starts_in: int = Field(4, title=N_("First month of the fiscal year"), ge=1, le=12)
    invoice_prefix: str = Field("INV", title=N_("Invoice number prefix"), pattern="^[A-Z0-9]{1,6}$")
    credit_note_prefix: str = Field("CN", title=N_("Credit note number prefix"), pattern="^[A-Z0-9]{1,6}$")
    receipt_prefix: str = Field("RCT", title=N_("Receipt number prefix"), pattern="^[A-Z0-9]{1,6}$")
    mrn_prefix: str = Field("", title=N_("MRN prefix"), pattern="^[A-Z0-9-]{0,6}$")
    tax_number: str = Field("", title=N_("Tax registration number"), max_length=30)
    address: str = Field("", title=N_("Address on documents"), max_length=400)
    phone: str = Field("", title=N_("Telephone on documents"), max_length=30)
    email: str = Field("", title=N_("E-mail on documents"), max_length=254)
    brand_colour: str = Field("#0b6e6e", title=N_("Colour"), pattern="^#[0-9a-fA-F]{6}$")

    approval_required: bool = Field(False, title=N_("Bookings wait for approval"))
    unpaid_release_minutes: int = Field(15, title=N_("Release unpaid visits after (minutes)"), ge=5, le=1440)
    hold_minutes: int = Field(5, title=N_("Slot hold (minutes)"), ge=1, le=30)
    book_ahead_days: int = Field(180, title=N_("Bookable ahead (days)"), ge=1, le=730)
    slot_minutes: int = Field(15, title=N_("Usual slot length (minutes)"), ge=5, le=240)
    travel_minutes: int = Field(
        30, title=N_("Travel before and after a home visit (minutes)"), ge=0, le=MAX_TRAVEL_MINUTES
    )
    pay_link_days: int = Field(14, title=N_("Pay links are valid for (days)"), ge=1, le=90)
    desk_discount_percent: int = Field(10, title=N_("Discount of the desk without approval (%)"), ge=0, le=100)
    finance_discount_percent: int = Field(25, title=N_("Discount of finance without approval (%)"), ge=0, le=100)
    admin_discount_percent: int = Field(100, title=N_("Discount of clinic admins without approval (%)"), ge=0, le=100)
    payment_days: int = Field(14, title=N_("Invoices are due after (days)"), ge=0, le=365)
    overdue_reminder_days: str = Field(
        "1, 3, 5, 7, 14", title=N_("Reminders of overdue invoices after (days)"), pattern=DAY_LIST, max_length=60
    )
    instalment_notice_days: str = Field(
        "0, 1, 3, 5, 7", title=N_("Notices of late instalments after (days)"), pattern=DAY_LIST, max_length=60
    )
    instalment_default_days: int = Field(14, title=N_("A payment plan defaults after (days)"), ge=1, le=365)
    renewal_notice_days: int = Field(3, title=N_("Bill a subscription's renewal ahead by (days)"), ge=0, le=30)
    dunning_days: str = Field(
        "1, 3, 5, 7", title=N_("Reminders of unpaid subscriptions after (days)"), pattern=DAY_LIST, max_length=60
    )
    dunning_cancel_days: int = Field(14, title=N_("Unpaid subscriptions are cancelled after (days)"), ge=1, le=365)
    visit_reminder_hours: str = Field(
        "24, 2", title=N_("Remind of visits before they begin (hours)"), pattern=DAY_LIST, max_length=60
    )
    waiting_offer_minutes: int = Field(30, title=N_("A freed slot is kept for whoever waits (minutes)"), ge=5, le=1440)
    no_show_fee_percent: int = Field(
        0, title=N_("Fee for not coming (per cent of the visit's price; 0: none)"), ge=0, le=100
    )
    late_cancel_fee_percent: int = Field(
        0, title=N_("Fee for cancelling late (per cent of the visit's price; 0: none)"), ge=0, le=100
    )
    late_cancel_fee_hours: int = Field(
        24, title=N_("Cancelling is late when less than this before (hours)"), ge=1, le=168
    )
    deposit_percent: int = Field(
        0, title=N_("Deposit when patients book themselves (per cent of the visit's price; 0: none)"), ge=0, le=100
    )
    late_cancel_hours: int = Field(
        0, title=N_("Covered visits cancelled less than this before are used up (hours)"), ge=0, le=168
    )
    queue_ageing_minutes: int = Field(
        15, title=N_("Waiting this long moves a patient up one class in the queue (minutes)"), ge=5, le=120
    )
    queue_longest_minutes: int = Field(
        120, title=N_("After this wait nobody is called before a patient (minutes)"), ge=30, le=480
    )
    queue_warn_minutes: int = Field(15, title=N_("A wait is shown as long after (minutes)"), ge=1, le=240)
    queue_late_minutes: int = Field(30, title=N_("A wait is shown as too long after (minutes)"), ge=2, le=480)
    board_voices: str = Field(
        "en, hi", title=N_("Languages of the waiting room's voice, in order"), pattern="^(en|hi)( *, *(en|hi))?$"
    )
    cash_drawer_required: bool = Field(False, title=N_("Cash is only taken into an open drawer"))
    cash_difference_tolerance: Decimal = Field(
        Decimal(10), title=N_("Cash differences above this need a second person"), ge=0
    )
    day_close_prefix: str = Field("DAY", title=N_("Day close number prefix"), pattern="^[A-Z0-9]{1,6}$")
    hold_payments_above: Decimal = Field(
        Decimal(200_000), title=N_("Online payments above this are reviewed first (0: none)"), ge=0
    )
    hold_after_payments: int = Field(
        6, title=N_("Review a patient's online payments after this many within an hour (0: never)"), ge=0, le=100
    )
    hold_after_failures: int = Field(
        6, title=N_("Review a patient's online payments after this many failures within a day (0: never)"), ge=0, le=100
    )
    refund_second_person_above: Decimal = Field(
        Decimal(0), title=N_("Refunds above this need a second person (0: none does)"), ge=0
    )

    @property
    def reminder_steps(self) -> tuple[int, ...]:
        """Days after the due date, ascending; the due date itself is not overdue."""
        return tuple(day for day in _days(self.overdue_reminder_days) if day)

    @property
    def dunning_steps(self) -> tuple[int, ...]:
        """Days after a subscription fell due on which its patient is reminded, ascending."""
        return tuple(day for day in _days(self.dunning_days) if day)

    @property
    def instalment_steps(self) -> tuple[int, ...]:
        """Days after an instalment's due date, ascending; zero is that date."""
        return _days(self.instalment_notice_days)

    @property
    def visit_reminders(self) -> tuple[int, ...]:
        """Hours before a visit at which its patient is reminded, the last one first."""
        return tuple(hours for hours in _days(self.visit_reminder_hours) if hours)

    @field_validator("visit_reminder_hours")
    @classmethod
    def _within_a_week(cls, text: str) -> str:
        if any(hours > LONGEST_REMINDER_HOURS for hours in _days(text)):
            raise ValueError(_("At most %(hours)s hours before.", hours=LONGEST_REMINDER_HOURS))
        return text

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        if zone not in clock.zones():
            raise ValueError(_("No time zone is called that."))
        return zone

    @field_validator("currency")
    @classmethod
    def _known_currency(cls, currency: str) -> str:
        try:
            exponent(currency)
        except UnknownCurrency:
            raise ValueError(_("No currency in use has this code.")) from None
        return currency


def _days(text: str) -> tuple[int, ...]:
    return tuple(sorted({int(day) for day in text.split(",") if day.strip()}))
