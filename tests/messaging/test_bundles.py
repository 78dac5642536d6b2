"""Several mails over one connection: each has an end of its own."""

from __future__ import annotations

from typing import Any

from app.core.providers import Outcome, ProviderError
from app.messaging.channels.base import OutgoingMessage, SendReceipt
from app.messaging.channels.smtp import Smtp
from app.messaging.delivery import deliver
from app.messaging.models import MessageStatus
from tests.statements import recorded_statements

STATEMENTS_A_BATCH = 16  # a path may send fewer: then lower it


def mails(*addresses: str) -> list[OutgoingMessage]:
    return [
        OutgoingMessage(delivery_id=f"00000000-0000-7000-8000-{number:012}", to=to, subject="s", text="t")
        for number, to in enumerate(addresses)
    ]


def server(outside: Any, port: int | None = None) -> Smtp:
    credentials = {"from_address": "desk@sunrise.example.com"}
    return Smtp.open(credentials, base_url=f"smtp://{outside.smtp_host}:{port or outside.smtp_port}")


def test_one_bad_address_does_not_spoil_the_others(reachable: Any) -> None:
    reachable.post("/_control/recipients", {"provider": "smtp", "to": "bad@example.com", "code": 550})
    ended = server(reachable).send_all(mails("a@example.com", "bad@example.com", "not an address", "b@example.com"))
    assert [type(item) for item in ended] == [SendReceipt, ProviderError, ProviderError, SendReceipt]
    assert [item.outcome for item in ended if isinstance(item, ProviderError)] == [Outcome.PERMANENT_RECIPIENT] * 2
    assert {mail["to"] for mail in reachable.messages(channel="email")} == {"a@example.com", "b@example.com"}


def test_without_a_connection_none_was_sent(reachable: Any) -> None:
    ended = server(reachable, port=9).send_all(mails("a@example.com", "b@example.com"))
    assert [item.outcome for item in ended if isinstance(item, ProviderError)] == [Outcome.RETRY] * 2


def test_a_batch_sends_as_many_statements_as_one_mail(clinic: Any, reachable: Any, queued: Any) -> None:
    def statements_of(name: str, many: int) -> int:
        ids = [queued("email", f"{name}{number}@example.com", key=f"{name}{number}") for number in range(many)]
        with recorded_statements() as sent:
            assert deliver({clinic.id: ids}) == many
        return len(sent)

    # The fewest of some: now and then settings that were kept are read again.
    many = min(statements_of(f"many{turn}-", 12) for turn in range(3))
    one = min(statements_of(f"one{turn}-", 1) for turn in range(3))
    assert many <= one <= STATEMENTS_A_BATCH


def test_a_batch_of_mail_arrives_once_each(clinic: Any, reachable: Any, queued: Any, look: Any) -> None:
    ids = [queued("email", f"p{number}@example.com", key=f"k{number}") for number in range(12)]
    assert deliver({clinic.id: ids}) == 12
    assert {look(message_id).status for message_id in ids} == {MessageStatus.SENT}
    arrived = [mail["to"] for mail in reachable.messages(channel="email")]
    assert sorted(arrived) == sorted(f"p{number}@example.com" for number in range(12))
