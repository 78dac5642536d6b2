"""What a walk talks through: people with an app or a browser, and the control routes of the sandbox. HTTP only."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import requests

from app.core.ids import new_id
from app.core.spreadsheet import UTF8_MARK
from app.demo.cast import PASSWORD

SECONDS = 30
PATIENCE = 60.0
LOOK_AGAIN = 0.2
Json = dict[str, Any]
Found = TypeVar("Found")


class WalkFailed(RuntimeError):
    """Something is not as it should be; the text says what, in a sentence."""


class Refused(WalkFailed):
    """The console said no; `code` and `details` are the API's."""

    def __init__(self, text: str, code: str, details: Json) -> None:
        super().__init__(text)
        self.code, self.details = code, details


@dataclass
class Person:
    """Somebody of a demo clinic who is logged in: with a token, as an app does, or with cookies, as a browser does."""

    address: str
    username: str
    browser: bool = False
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        login = {"username": self.username, "password": PASSWORD, "cookie": self.browser}
        try:
            answer = self.post("/auth/login", login)
        except Refused as error:
            raise WalkFailed(f"{self.username} cannot log in ({error}). Is the demo data loaded?") from None
        token = {"X-CSRFToken": answer["csrfToken"]} if self.browser else _bearer(answer)
        self.session.headers.update(token)
        me = self.get("/auth/me")
        self.name, self.clinic, self.patient_id = str(me["name"]), str(me["clinic"]["name"]), me["patientId"]

    def get(self, path: str, **query: Any) -> Json:
        return _json(self.request("GET", f"/api/v1{path}", params=query))

    def post(self, path: str, body: Json | None = None) -> Json:
        """A change, with an idempotency key of its own. Raises Refused."""
        headers = {"Idempotency-Key": new_id()}
        return _json(self.request("POST", f"/api/v1{path}", json=body or {}, headers=headers))

    def page(self, path: str, **query: Any) -> str:
        return _text(self.request("GET", path, params=query))

    def submit(self, path: str, **fields: Any) -> str:
        """The page that a form leads to. Raises WalkFailed where the form comes back with an error."""
        return _text(self.request("POST", path, data=fields))

    def rows(self, view: str, **filters: Any) -> list[dict[str, str]]:
        """A list as the CSV that its Export button gives, the newest first."""
        text = self.page(f"/{view}/export", **filters).removeprefix(UTF8_MARK)
        return list(csv.DictReader(io.StringIO(text)))

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """The answer as it is; `path` may be a whole address."""
        url = path if path.startswith("http") else self.address + path
        try:
            return self.session.request(method, url, timeout=SECONDS, **options)
        except requests.RequestException:
            raise WalkFailed(
                f"The console does not answer at {self.address}. Start it with `make run`, and leave it running."
            ) from None


@dataclass(frozen=True)
class SandboxControl:
    """The provider sandbox, where the walk is the payer, the bank and the reader of messages."""

    address: str

    def get(self, path: str, **query: Any) -> list[Json]:
        items: list[Json] = _json(self._request("GET", path, params=query))["items"]
        return items

    def post(self, path: str, body: Json) -> Json:
        return _json(self._request("POST", path, json=body))

    def _request(self, method: str, path: str, **options: Any) -> requests.Response:
        try:
            return requests.request(method, f"{self.address}/_control{path}", timeout=SECONDS, **options)
        except requests.RequestException:
            raise WalkFailed(
                f"The provider sandbox does not answer at {self.address}. It comes with `make run`."
            ) from None


def until(what: str, look: Callable[[], Found | None], seconds: float = PATIENCE) -> Found:
    """What `look` finds, once it finds something. Raises WalkFailed: "`what` did not happen within ..."."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise WalkFailed(f"{what}: that did not happen within {seconds:.0f} seconds. Do the workers run?")
        time.sleep(LOOK_AGAIN)


def _bearer(answer: Json) -> dict[str, str]:
    return {"Authorization": f"Bearer {answer['accessToken']}"}


def _json(answer: requests.Response) -> Json:
    """Raises Refused for an error answer."""
    try:
        body: Json = answer.json() if answer.content else {}
    except ValueError:
        body = {}
    if not answer.ok:
        error = body.get("error") or {}
        said = error.get("message") or answer.reason
        raise Refused(f"{answer.status_code}: {said}", str(error.get("code", "")), error)
    return body


def _text(answer: requests.Response) -> str:
    if not answer.ok:
        raise WalkFailed(f"{answer.request.path_url} answers {answer.status_code} {answer.reason}.")
    return answer.text
