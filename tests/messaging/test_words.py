"""Why a message waits or ended, in the reader's language."""

from __future__ import annotations

from typing import Any

import pytest
from flask_babel import force_locale

from app.core.providers import Outcome
from app.messaging import conditions, digest, progress, rules, services
from app.messaging.channels.base import DeliveryStatus, RecipientFact
from app.messaging.delivery import claiming, facts, recording
from app.messaging.words import OUTCOMES, TOLD, outcome_name, recipient_words, told_words, why

STORED = (
    rules.QUIET, rules.TOO_FAST, rules.CAP_REACHED, conditions.OVERTAKEN, claiming.NO_PROVIDER, claiming.NO_DEVICE,
    facts.MUTED, facts.GATHERED, facts.BREAKER_OPEN, facts.SUPPRESSED.format(reason="BOUNCED"), recording.UNCLEAR,
    recording.STOPPED, services.SWITCHED_OFF, digest.IN_DIGEST, progress.NOT_SENT.format(code="131026"),
)  # fmt: skip


@pytest.mark.parametrize("reason", STORED)
def test_every_reason_of_ours_is_told_in_hindi(app: Any, reason: str) -> None:
    with app.test_request_context():
        with force_locale("en"):
            assert why(reason).partition(" (")[0] == reason.partition(" (")[0]
        with force_locale("hi"):
            told = why(reason)
    assert told != reason
    assert any("\u0900" <= letter <= "\u097f" for letter in told)


def test_a_suppressed_address_says_why_in_words_and_a_receipt_keeps_its_code(app: Any) -> None:
    with app.test_request_context(), force_locale("en"):
        assert why(facts.SUPPRESSED.format(reason="BOUNCED")) == "Nothing is sent to this address (Mail came back)."
        assert "(131026)" in why(progress.NOT_SENT.format(code="131026"))


def test_what_a_receipt_told_is_told_in_words_with_the_providers_code(app: Any) -> None:
    with app.test_request_context(), force_locale("en"):
        assert told_words("delivered, failed 5.1.1") == "Delivered, Failed 5.1.1"
        assert told_words("opted_out") == "Asked for no messages"
        assert told_words("") == "–"
    assert set(TOLD) == {*DeliveryStatus, *RecipientFact, "inbound", "confirmed"}


def test_a_providers_own_words_stay(app: Any) -> None:
    with app.test_request_context(), force_locale("hi"):
        assert why("550: mailbox unavailable") == "550: mailbox unavailable"
        assert why("") == why(None) == "–"


def test_every_outcome_has_a_name(app: Any) -> None:
    assert set(OUTCOMES) == {*Outcome, "started", "ok"}
    with app.test_request_context(), force_locale("hi"):
        assert all(outcome_name(code) != code for code in OUTCOMES)


def test_people_and_devices_are_not_shown_by_a_long_id(app: Any) -> None:
    assert recipient_words("01a200b6-3219-7476-8ed2-7f7fed3e4ea2") == "…ed3e4ea2"
    assert recipient_words("meera@example.com") == "meera@example.com"
