"""What a clinic can decide about its messages, typed and validated; stored as one row per clinic."""

from __future__ import annotations

from datetime import time
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import select, update

from app.core import clock
from app.core.errors import Invalid
from app.core.tenant import db
from app.core.value_words import fields_of
from app.messaging.models.outbox import Channel, Message, MessageStatus
from app.messaging.models.rules import CommunicationRules

N_ = str  # marks a text for extraction; the screen that shows it translates it
MICROS = 1_000_000
# Why a message waits where a rule of the clinic holds it up: with other rules it is decided anew.
QUIET = "Waits for the end of the quiet hours."
TOO_FAST = "Waits for its turn: the account's limit per minute is reached."
CAP_REACHED = "The day's cap is reached."


class Rules(BaseModel):
    """Rules of one clinic. Times of day are read in the clinic's zone, or the person's; amounts in its currency."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    quiet_from: time | None = Field(None, title=N_("Quiet hours from"))
    quiet_until: time | None = Field(None, title=N_("Quiet hours until"))
    quiet_email: bool = Field(False, title=N_("Mail keeps quiet hours, too"))
    digest_at: time | None = Field(None, title=N_("Unimportant mail is gathered until"))
    email_per_minute: int = Field(100, title=N_("E-mails per minute and account (0: no limit)"), ge=0, le=10_000)
    whatsapp_per_minute: int = Field(0, title=N_("WhatsApp messages per minute and account"), ge=0, le=10_000)
    sms_per_minute: int = Field(0, title=N_("SMS per minute and account"), ge=0, le=10_000)
    push_per_minute: int = Field(0, title=N_("Push messages per minute and account"), ge=0, le=10_000)
    email_cost: Decimal = Field(Decimal(0), title=N_("Cost of an e-mail"), ge=0, le=1000, decimal_places=6)
    whatsapp_cost: Decimal = Field(Decimal(0), title=N_("Cost of a WhatsApp message"), ge=0, le=1000, decimal_places=6)
    sms_cost: Decimal = Field(Decimal(0), title=N_("Cost of an SMS"), ge=0, le=1000, decimal_places=6)
    push_cost: Decimal = Field(Decimal(0), title=N_("Cost of a push message"), ge=0, le=1000, decimal_places=6)
    daily_cap: Decimal = Field(Decimal(0), title=N_("Most to be spent in a day (0: no cap)"), ge=0, decimal_places=2)
    # Of the routing table, as "pattern:channel".
    switched_off: tuple[str, ...] = Field((), title=N_("Switched off"))

    def per_minute(self, channel: str) -> int:
        """0 is no limit."""
        return int(getattr(self, f"{channel}_per_minute", 0))

    def cost_micros(self, channel: str) -> int:
        """Of one message, in millionths of the clinic's currency."""
        return int(getattr(self, f"{channel}_cost", 0) * MICROS)

    @property
    def cap_micros(self) -> int:
        return int(self.daily_cap * MICROS)

    def keeps_quiet(self, channel: str) -> bool:
        """In-app messages make no noise; mail only where the clinic wants it."""
        return channel != Channel.IN_APP and (channel != Channel.EMAIL or self.quiet_email)


def rules_in_scope() -> Rules:
    """The rules of the clinic in scope; the defaults where it decided nothing."""
    stored = db.session.scalar(select(CommunicationRules.values))
    return Rules.model_validate(stored or {})


def change_rules(**values: object) -> Rules:
    """Replace the rules that are named. Raises Invalid with a text per field."""
    row = db.session.scalar(select(CommunicationRules).with_for_update())
    if row is None:
        row = CommunicationRules(values={})
        db.session.add(row)
    try:
        rules = Rules.model_validate({**row.values, **values})
    except ValidationError as error:
        raise Invalid(fields=fields_of(error, row.values | values)) from None
    if (rules.quiet_from is None) != (rules.quiet_until is None):
        raise Invalid(fields={"quiet_until": N_("Quiet hours have a beginning and an end.")})
    row.values = rules.model_dump(mode="json", exclude_defaults=True)
    db.session.flush()
    _decide_anew()
    return rules


def _decide_anew() -> None:
    """What waits because of the rules is looked at again at once: the sweeper finds it."""
    held = Message.status == MessageStatus.QUEUED, Message.reason.in_([QUIET, TOO_FAST, CAP_REACHED])
    again = update(Message).where(*held).values(next_at=clock.now())
    db.session.execute(again.execution_options(synchronize_session=False))
