"""A value that the API refuses is refused in words, in the language of whoever sent it, under the member's own name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from flask_babel import force_locale
from pydantic import Field

from app.core.api import Body, validate
from app.core.api_values import Day, Id, Moment
from app.core.errors import Invalid
from app.tenancy.services import check_settings

NOBODY = "01a1fd9b-3622-74de-a16a-209e529bad6f"
NO_ID = f"This is not an id. Ids look like {NOBODY}."
# Words of programmers: pydantic's, and those of its types.
FOREIGN = ("Input", "String", "Value error", "should", "pattern", "^", "UUID", "parse", "None", "dictionary", "[")


class Tone(StrEnum):
    HIGH = "HIGH"
    LOW = "LOW"


class Item(Body):
    price: Decimal = Field(ge=0, decimal_places=2)


class Form(Body):
    doctor_id: Id | None = None
    at: Moment | None = None
    on: Day | None = None
    since: Moment | Day | None = None
    opens: time | None = None
    born: date | None = None
    count: int = Field(1, ge=1, le=9)
    share: float = Field(0.5, gt=0, lt=1)
    yes: bool = True
    name: str = Field("x", min_length=1, max_length=3)
    code: str = Field("abcd", min_length=4, pattern="^[a-z]+$")
    tone: Tone = Tone.LOW
    order: Literal["asc", "desc"] = "asc"
    items: Annotated[list[Item], Field(min_length=1, max_length=2)] | None = None
    status: None = None
    tones: dict[Tone, bool] = Field(default_factory=dict)


def refused(**values: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        validate(Form, values)
    return caught.value.fields or {}


CASES: list[tuple[str, Any, str]] = [
    ("doctorId", "7", NO_ID),
    ("doctorId", f"{NOBODY}0", NO_ID),
    ("doctorId", 7, "This must be text."),
    ("at", "2026-01-31T09:30:00", "The time needs its offset, like 2026-01-31T09:30:00+05:30."),
    ("at", "tomorrow", "This must be a time, like 2026-01-31T09:30:00+05:30."),
    ("at", "0001-01-31T09:30:00Z", "The year must be 1900 to 2200."),
    ("on", "31.1.2026", "This must be a date, like 2026-01-31."),
    ("opens", "noon", "This must be a time of day, like 09:30."),
    ("born", True, "This must be a date, like 2026-01-31."),
    ("count", 0, "This must be 1 or more."),
    ("count", 10, "This must be 9 or less."),
    ("count", "many", "This must be a whole number."),
    ("count", 1.5, "This must be a whole number."),
    ("share", 0, "This must be more than 0."),
    ("share", 1, "This must be less than 1."),
    ("share", "half", "This must be a number."),
    ("yes", "maybe", "This must be true or false."),
    ("name", "", "This must not be empty."),
    ("name", "long", "This may have at most 3 characters."),
    ("code", "abc", "This must have at least 4 characters."),
    ("code", "ABCD", "This does not have the form that is asked for."),
    ("tone", "LOUD", "This must be one of: HIGH, LOW."),
    ("order", "up", "This must be one of: asc, desc."),
    ("items", {}, "This must be a list."),
    ("items", [], "At least 1 entry is needed."),
    ("items", [{"price": 1}] * 3, "At most 2 entries are possible."),
    ("status", "DONE", "This is not changed here."),
    ("name", "a\x00", "This contains characters that cannot be stored."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "words"), CASES)
def test_what_is_wrong_is_said_in_words(app: Any, name: str, value: Any, words: str) -> None:
    place = "body" if "stored" in words else name
    assert refused(**{name: value}) == {place: words}


@pytest.mark.parametrize(("name", "value", "words"), CASES)
def test_and_in_the_callers_language(app: Any, name: str, value: Any, words: str) -> None:
    with app.test_request_context(), force_locale("hi"):
        (text,) = refused(**{name: value}).values()
    assert text != words
    assert any("\u0900" <= letter <= "\u097f" for letter in text)


def test_a_member_of_an_entry_is_named_by_its_place(app: Any) -> None:
    fields = refused(items=[{"price": 1}, {"price": "1.005"}])
    assert fields == {"items.1.price": "At most 2 decimal places are possible."}
    assert refused(items=[{}]) == {"items.0.price": "This is required."}
    assert refused(items=["x"]) == {"items.0": "This must be an object."}


def test_where_two_kinds_are_possible_the_member_is_named_alone(app: Any) -> None:
    assert list(refused(since="soon")) == ["since"]


def test_a_key_that_is_wrong_is_named(app: Any) -> None:
    for value in (True, [True], {}):
        assert "tones.LOUD" in refused(tones={"LOUD": value})


def test_settings_of_a_clinic_are_refused_in_words(app: Any) -> None:
    with pytest.raises(Invalid) as caught:
        check_settings({"zone": "Mars/Base", "currency": "ZZZ", "visit_reminder_hours": "300"})
    assert caught.value.fields == {
        "zone": "No time zone is called that.",
        "currency": "No currency in use has this code.",
        "visit_reminder_hours": "At most 168 hours before.",
    }


@pytest.mark.parametrize(
    ("path", "body", "place", "words"),
    [
        ("/appointments", {"doctorId": "no", "type": "VIDEO_CALL"}, "doctorId", NO_ID),
        ("/billing/payments", {"invoiceId": "no", "method": "CASH", "amount": 1}, "invoiceId", NO_ID),
        ("/patients/merge", {"duplicateId": "no"}, "duplicateId", NO_ID),
    ],
)  # fmt: skip
def test_malformed_ids_in_bodies(
    caller: Callable[..., Any], in_clinic: Any, path: str, body: dict[str, Any], place: str, words: str
) -> None:
    path = path.replace("/patients/", f"/patients/{NOBODY}/")
    answer = caller("CLINIC_ADMIN").post(path, json=body)
    assert answer.status_code == 422
    assert answer.json["error"]["fields"][place] == words
    texts = " ".join(answer.json["error"]["fields"].values())
    assert not [word for word in FOREIGN if word in texts]
