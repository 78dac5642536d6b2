"""What a patient's app does over HTTP, as docs/api.md tells its developer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import requests

from app.core.ids import new_id

SECONDS = 30


@dataclass
class PatientApp:
    """One person's app, logged in when it is made."""

    address: str
    person: dict[str, Any]
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        login = {"username": self.person["username"], "password": self.person["password"]}
        self.session.headers["Authorization"] = f"Bearer {self.post('/auth/login', login)['accessToken']}"

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        return _json(self.session.get(f"{self.address}/api/v1{path}", params=query, timeout=SECONDS))

    def post(self, path: str, body: dict[str, Any] | None = None, key: str | None = None) -> dict[str, Any]:
        return _json(self.send("POST", path, body, key))

    def send(self, method: str, path: str, body: Any = None, key: str | None = None) -> requests.Response:
        """The answer as it is."""
        headers = {"Idempotency-Key": key} if key else {}
        url = f"{self.address}/api/v1{path}"
        return self.session.request(method, url, json=body or {}, headers=headers, timeout=SECONDS)

    def book(self, house: dict[str, Any], type: str = "VIDEO_CALL") -> dict[str, Any]:
        """The first free slot from tomorrow on."""
        date = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
        slots = self.get(f"/doctors/{house['doctor_id']}/slots", date=date, days=14, type=type)["items"]
        slot = next(item for item in slots if item["available"])
        wanted = {
            "patientId": self.person["patient_id"],
            "doctorId": house["doctor_id"],
            "type": type,
            "startsAt": slot["startsAt"],
        }
        return self.post("/appointments", wanted, key=new_id())

    def begin_payment(self, visit: dict[str, Any]) -> dict[str, Any]:
        return self.post(f"/billing/appointments/{visit['id']}/process-payment", {}, key=new_id())


def _json(answer: requests.Response) -> dict[str, Any]:
    assert answer.ok, f"{answer.status_code} {answer.text}"
    body: dict[str, Any] = answer.json()
    return body


class Form(HTMLParser):
    """The only form of a page: where it goes, what it carries, and whether it submits itself."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = self.method = ""
        self.fields: dict[str, str] = {}
        self.submits_itself = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action, self.method = values.get("action", ""), values.get("method", "")
            self.submits_itself = "data-submit-at-once" in values
        if tag == "input" and values.get("name"):
            self.fields[values["name"]] = values.get("value", "")
