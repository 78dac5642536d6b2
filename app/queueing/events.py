"""What happens to a token. No names: a number, ids and times."""

from __future__ import annotations

from typing import Any, ClassVar

from app.events.base import Category, Event


class TokenEvent(Event):
    """What all events of a token tell."""

    category: ClassVar[Category] = Category.APPOINTMENT
    subject: ClassVar[str] = "token_id"

    token_id: str
    doctor_id: str
    location_id: str
    appointment_id: str | None
    patient_id: str | None = None
    number: str
    status: str

    @classmethod
    def about(cls, token: Any, **more: Any) -> Any:
        """The event of this kind for a token row."""
        return cls(
            token_id=token.id,
            doctor_id=token.doctor_id,
            location_id=token.location_id,
            appointment_id=token.appointment_id,
            patient_id=token.patient_id,
            number=token.number,
            status=token.status,
            **more,
        )


class TokenIssued(TokenEvent):
    type: ClassVar[str] = "queue.token.issued"


class TokenNext(TokenEvent):
    """Nobody who waits is before this patient any more; told once per token."""

    type: ClassVar[str] = "queue.token.next"


class TokenCalled(TokenEvent):
    type: ClassVar[str] = "queue.token.called"


class TokenRecalled(TokenEvent):
    type: ClassVar[str] = "queue.token.recalled"


class TokenSkipped(TokenEvent):
    type: ClassVar[str] = "queue.token.skipped"


class TokenHeld(TokenEvent):
    type: ClassVar[str] = "queue.token.held"


class TokenReturned(TokenEvent):
    """A held or skipped patient waits again, in the old place."""

    type: ClassVar[str] = "queue.token.returned"


class TokenServing(TokenEvent):
    type: ClassVar[str] = "queue.token.serving"


class TokenServed(TokenEvent):
    type: ClassVar[str] = "queue.token.served"


class TokenLeft(TokenEvent):
    type: ClassVar[str] = "queue.token.left"


class TokenTransferred(TokenEvent):
    """The patient waits for another doctor, or elsewhere, with a token of that queue."""

    type: ClassVar[str] = "queue.token.transferred"

    to_token_id: str
    to_doctor_id: str


class TokenReclassed(TokenEvent):
    """The patient is called earlier, or later, than before, by the class that counts now."""

    type: ClassVar[str] = "queue.token.reclassed"

    priority_class: str


class TokenUndone(TokenEvent):
    """The last move was taken back; `status` is what the token is again."""

    type: ClassVar[str] = "queue.token.undone"
