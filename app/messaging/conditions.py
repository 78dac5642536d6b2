"""Messages that are right only while something holds: asked when one leaves, in that transaction, not when queued.

A reminder may wait for a retry or for the end of quiet hours while its visit is moved. Who knows declares the question;
it locks what it reads, so that a change under way is waited for.
"""

from __future__ import annotations

from collections.abc import Callable

from app.messaging.models import Message

Question = Callable[[Message], bool]
OVERTAKEN = "What it tells is no longer so."
# Begins the key of a message with sample data, which tells nothing that could be overtaken.
SAMPLE_KEY = "test:"
_questions: dict[str, Question] = {}


def leaves_only_if(*templates: str) -> Callable[[Question], Question]:
    """Declare (as a decorator) what is asked, with the locked message, before one of these templates leaves."""

    def declare(question: Question) -> Question:
        _questions.update(dict.fromkeys(templates, question))
        return question

    return declare


def still_right(message: Message) -> bool:
    """Whether the locked message may leave now. Locks what the answer rests on until the transaction ends."""
    question = _questions.get(message.template)
    return question is None or message.dedupe_key.startswith(SAMPLE_KEY) or question(message)
