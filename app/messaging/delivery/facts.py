"""What is known about a batch of messages of one clinic when it is decided whether they leave now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from functools import cached_property

from app.core import clock
from app.core.tenant import require_clinic
from app.events.base import Event
from app.messaging.alerts import alert_members
from app.messaging.breaker import BreakerState, Permit, ask_breaker
from app.messaging.models import Channel, Message, MessageAttempt, MessagePreference
from app.messaging.pace import take_turn
from app.messaging.preferences import preferences_of
from app.messaging.quiet import next_time, quiet_until
from app.messaging.rules import CAP_REACHED, QUIET, TOO_FAST, Rules, rules_in_scope
from app.messaging.suppression import suppressed_among
from app.messaging.wording import WordBook
from app.tenancy.providers import ResolvedAccount, accounts_for
from app.tenancy.queries import clinic_in_scope, settings_in_scope

CRITICAL, LOW = "CRITICAL", "LOW"
DIGEST_AT = time(18)  # where the person wants one and the clinic names no time
MIDNIGHT = time(0)
SUPPRESSED = "Nothing is sent to this address ({reason})."
MUTED = "The person wants nothing on this channel."
GATHERED = "Waits for the digest."
BREAKER_OPEN = "Every provider of this channel fails at present."


@dataclass(frozen=True)
class Wait:
    """Until when a message waits, and why; `digest` when it then leaves with others."""

    until: datetime
    reason: str
    digest: bool = False


@dataclass
class Facts:
    """Asked once per batch and only if needed: rules, wishes, suppressed addresses; once per channel: accounts and what
    holds them up.
    """

    messages: Sequence[Message]
    held_up: dict[str, tuple[Wait, int]] = field(default_factory=dict)
    words: WordBook = field(default_factory=WordBook)
    # What the batch has to tell, and the calls that it is about to make: each written together.
    events: list[Event] = field(default_factory=list)
    attempts: list[MessageAttempt] = field(default_factory=list)
    _closed: set[str] = field(default_factory=set)
    _accounts: dict[str, list[ResolvedAccount]] = field(default_factory=dict)

    @cached_property
    def rules(self) -> Rules:
        return rules_in_scope()

    @cached_property
    def zone(self) -> str:
        return settings_in_scope().zone

    @cached_property
    def sender(self) -> str:
        return clinic_in_scope().name

    @cached_property
    def preferences(self) -> dict[str, MessagePreference]:
        return preferences_of(self.messages)

    @cached_property
    def suppressed(self) -> dict[tuple[str, str], str]:
        outside: dict[str, set[str]] = {}
        for message in self.messages:
            if message.channel != Channel.IN_APP:
                outside.setdefault(message.channel, set()).add(message.recipient)
        return {
            (channel, address): reason
            for channel, addresses in outside.items()
            for address, reason in suppressed_among(channel, addresses).items()
        }

    def preference(self, message: Message) -> MessagePreference | None:
        return self.preferences.get(message.patient_id or "") or self.preferences.get(message.user_id or "")

    def why_not(self, message: Message) -> str:
        """Why the message is not to be sent at all; empty when it is. Critical ones are, whatever the person wants."""
        reason = self.suppressed.get((message.channel, message.recipient))
        if reason:
            return SUPPRESSED.format(reason=reason)
        wish = self.preference(message)
        muted = wish is not None and message.channel in wish.muted and message.channel != Channel.IN_APP
        return MUTED if muted and message.priority != CRITICAL else ""

    def wait(self, message: Message) -> Wait | None:
        """What the message waits for before any provider is looked at."""
        if message.priority == CRITICAL:
            return None
        wish = self.preference(message)
        digest = self._digest_time(message, wish)
        if digest is not None:
            return Wait(next_time(clock.now(), self._zone(wish), digest), GATHERED, digest=True)
        quiet = self._quiet_until(message, wish)
        return Wait(quiet, QUIET) if quiet is not None else None

    def _digest_time(self, message: Message, wish: MessagePreference | None) -> time | None:
        """Unimportant mail without files is gathered where the clinic, or the person, wants that."""
        if message.channel != Channel.EMAIL or message.priority != LOW or message.attachment_ids:
            return None
        wanted = DIGEST_AT if wish is not None and wish.digest else None
        return self.rules.digest_at or wanted

    def _quiet_until(self, message: Message, wish: MessagePreference | None) -> datetime | None:
        if wish is not None and wish.quiet_from is not None and message.channel != Channel.IN_APP:
            return quiet_until(clock.now(), self._zone(wish), wish.quiet_from, wish.quiet_until)
        if not self.rules.keeps_quiet(message.channel):
            return None
        return quiet_until(clock.now(), self._zone(wish), self.rules.quiet_from, self.rules.quiet_until)

    def _zone(self, wish: MessagePreference | None) -> str:
        return (wish.zone if wish is not None else None) or self.zone

    # ---- accounts ----

    def accounts(self, channel: str) -> list[ResolvedAccount]:
        if channel not in self._accounts:
            self._accounts[channel] = accounts_for(channel)
        return self._accounts[channel]

    def next_account(self, message: Message, tried: Sequence[str]) -> tuple[ResolvedAccount, bool] | Wait:
        """The first account, in their order, that may be called now and was not tried; whether as the one probe.

        An account whose breaker is open is passed over; one whose turns are used up is waited for: its fallback is for
        failures, not for floods.
        """
        known = self.held_up.get(message.channel)
        if known is not None and not tried and message.urgency >= known[1]:
            return known[0]
        shortest: int | None = None
        for account in self.accounts(message.channel):
            if account.id in tried:
                continue
            permit = self._permit(account.id)
            if not permit.allowed:
                shortest = min(permit.wait_ms, shortest or permit.wait_ms)
                continue
            always = message.priority == CRITICAL or permit.probe or bool(tried)
            wait_ms = take_turn(require_clinic(), account.id, self.rules.per_minute(message.channel), always=always)
            if wait_ms == 0:
                return account, permit.probe
            return self._hold_up(message, wait_ms, TOO_FAST)
        if tried:
            return Wait(clock.now(), BREAKER_OPEN)
        return self._hold_up(message, shortest or 1000, BREAKER_OPEN)

    def _permit(self, account_id: str) -> Permit:
        """A closed breaker is asked once per batch; a probe's permit is for one message only."""
        if account_id in self._closed:
            return Permit(BreakerState.CLOSED)
        permit = ask_breaker(require_clinic(), account_id)
        if permit.state is BreakerState.CLOSED:
            self._closed.add(account_id)
        return permit

    def cap_wait(self, message: Message) -> Wait:
        """Until the next day of the clinic's zone; its admins hear of it once a day."""
        until = next_time(clock.now(), self.zone, MIDNIGHT)
        cap = f"{self.rules.daily_cap:.2f} {settings_in_scope().currency}"
        alert_members("daily_cap_reached", lambda: {"cap": cap}, f"daily-cap:{clock.today(self.zone)}")
        wait = Wait(until, CAP_REACHED)
        self.held_up[message.channel] = wait, message.urgency
        return wait

    def _hold_up(self, message: Message, wait_ms: int, reason: str) -> Wait:
        wait = Wait(clock.now() + timedelta(milliseconds=wait_ms), reason)
        self.held_up[message.channel] = wait, message.urgency
        return wait
