"""People at their home pages: requests for pages and for the pieces that htmx asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextvars import copy_context
from datetime import datetime
from html import unescape
from typing import Any

import pytest

from app.core import clock
from app.core.ids import new_id
from app.core.tenant import db
from app.people.models import Doctor
from app.scheduling.models import Appointment
from app.scheduling.queries import slots
from tests.daytime import ZONE_NAME
from tests.factories.billing import make_priced_doctor
from tests.factories.scheduling import make_appointment


class Screen:
    """One person's browser. A request leaves the test's own clinic in scope alone."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.user = client.user

    def page(self, path: str) -> Any:
        return self._ask("GET", path, {"Accept": "text/html"})

    def piece(self, path: str) -> Any:
        return self._ask("GET", path, {"Accept": "*/*", "HX-Request": "true"})

    def send(self, path: str, key: str | None = None, **form: str) -> Any:
        """Send a form as htmx does; each call is a new form unless it is given the `key` of another."""
        headers = {"Accept": "*/*", "HX-Request": "true", "Idempotency-Key": key or new_id()}
        return self._ask("POST", path, headers, data=form)

    def _ask(self, method: str, path: str, headers: dict[str, str], **options: Any) -> Any:
        return copy_context().run(self._client.open, path, method=method, headers=headers, **options)


def words(answer: Any) -> str:
    """What a person reads of an answer, without its tags."""
    text = unescape(re.sub(r"<[^>]*>", " ", answer.text))
    return re.sub(r"\s+", " ", text)


def said(answer: Any) -> str:
    """The passing note that an answer brings."""
    return str(json.loads(answer.headers["HX-Trigger-After-Settle"])["desk:said"]["text"]).replace("\xa0", " ")


def stored(model: Any, row_id: str) -> Any:
    """The row as the database has it now."""
    return db.session.get_one(model, row_id, populate_existing=True)


@pytest.fixture
def screen_of(client_as: Callable[..., Any], in_clinic: Any) -> Callable[..., Screen]:
    """`screen_of("RECEPTIONIST")`."""
    return lambda role, **links: Screen(client_as(role, **links))


@pytest.fixture
def desk(screen_of: Callable[..., Screen]) -> Screen:
    return screen_of("RECEPTIONIST")


@pytest.fixture
def doctor(in_clinic: Any) -> Doctor:
    """Dr Anita Rao; a visit costs 800 rupees."""
    return make_priced_doctor("800.00", first_name="Anita", last_name="Rao")


def times_today(doctor: Doctor, type: str = "IN_PERSON") -> list[datetime]:
    """What is still free of today (tomorrow, in the last minutes of the day)."""
    return [slot.starts_at for slot in slots(doctor.id, clock.today(ZONE_NAME), 2, type)]


@pytest.fixture
def visit(doctor: Doctor) -> Appointment:
    """A visit at the next free time, unpaid."""
    return make_appointment(doctor, starts_at=times_today(doctor)[0])
