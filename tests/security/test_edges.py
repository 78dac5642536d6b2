"""Rules of the edge: cookies need their token, wrong bearer tokens are counted, a log-in leads nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import g

from app.access.tokens import make_access_token
from app.core.ids import new_id
from config import get_settings
from tests.api_caller import scope_kept
from tests.factories.access import PASSWORD, bearer, make_member

CALLBACK = f"/api/payments/callback?paymentId={new_id()}"


def told(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json["error"]["code"]


# ---- the way back of an app that paid ----


@pytest.fixture
def payer(visitor: Any) -> Any:
    """Somebody with the console's cookie."""
    return visitor("FINANCE_BILLING")


def test_a_cookie_without_its_token_may_not_call_back(payer: Any) -> None:
    """Another site's page could send it with the visitor's cookie."""
    token = payer.client.environ_base.pop("HTTP_X_CSRFTOKEN")
    assert told(payer.post(CALLBACK)) == (400, "CSRF")
    assert told(payer.post(CALLBACK, headers={"X-CSRFToken": "forged"})) == (400, "CSRF")
    assert told(payer.post(CALLBACK, headers={"X-CSRFToken": token})) == (404, "NOT_FOUND")


def test_the_cookie_of_an_app_needs_the_token_as_well(app: Any, clinic: Any) -> None:
    user, client = make_member(clinic.id, "FINANCE_BILLING"), app.test_client()
    g.pop("csrf_token", None)
    login = {"username": user.username, "password": PASSWORD, "cookie": True}
    answer = client.post("/api/v1/auth/login", json=login)
    assert answer.status_code == 200
    assert told(client.post(CALLBACK)) == (400, "CSRF")
    assert told(client.post(CALLBACK, headers={"X-CSRFToken": answer.json["csrfToken"]})) == (404, "NOT_FOUND")


def test_a_bearer_token_calls_back_without(app: Any, clinic: Any) -> None:
    headers = bearer(make_member(clinic.id, "FINANCE_BILLING"), clinic.id)
    assert told(app.test_client().post(CALLBACK, headers=headers)) == (404, "NOT_FOUND")


def test_nobody_calls_back_without_a_log_in(app: Any) -> None:
    assert told(app.test_client().post(CALLBACK)) == (401, "UNAUTHORIZED")


# ---- wrong bearer tokens ----

LIMIT = 5


@pytest.fixture
def few_requests(app: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("REQUESTS_PER_MINUTE", str(LIMIT))
        get_settings.cache_clear()
        yield
    get_settings.cache_clear()


def ask(app: Any, header: str, address: str = "198.51.100.7") -> Any:
    client = app.test_client()
    return client.get("/api/v1/auth/me", headers={"Authorization": header}, environ_base={"REMOTE_ADDR": address})


@pytest.mark.usefixtures("few_requests")
@pytest.mark.parametrize("kind", ["garbage", "scheme", "ended", "empty"])
def test_wrong_bearer_tokens_are_counted_by_address(app: Any, clinic: Any, kind: str) -> None:
    """Else tokens could be tried, and the database asked, without end."""
    ended = make_access_token(make_member(clinic.id, "NURSE").id, new_id())
    header = {"garbage": "Bearer x.y.z", "scheme": "Basic eDp5", "ended": f"Bearer {ended}", "empty": "Bearer "}[kind]
    refused, tries = first_refusal(app, header)
    assert LIMIT < tries <= 2 * LIMIT + 1  # a minute may end in between
    assert told(refused) == (429, "TOO_MANY_REQUESTS")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    if kind != "ended":  # such a one names a user, and counts for them too
        assert ask(app, header, "198.51.100.8").status_code == 401


def first_refusal(app: Any, header: str) -> tuple[Any, int]:
    for tries in range(1, 2 * LIMIT + 2):
        answer = ask(app, header)
        if answer.status_code != 401:
            return answer, tries
    pytest.fail("nothing is counted")


@pytest.mark.usefixtures("few_requests")
def test_wrong_tokens_lock_nobody_else_out(app: Any, clinic: Any) -> None:
    good = bearer(make_member(clinic.id, "NURSE"), clinic.id)["Authorization"]
    for _ in range(LIMIT + 1):
        ask(app, "Bearer x.y.z")
    assert ask(app, good).status_code == 200


# ---- after the log-in ----

ELSEWHERE = [
    "https://evil.example/",
    "//evil.example",
    "//evil.example/patientview/list/",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "\n//evil.example",
    "http:evil.example",
    "https:/\\evil.example",
    "https://localhost@evil.example/",
    "https://localhost.evil.example/",
    "http://localhost//evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "evil.example",
    "http://[",
    "",
]


def way_after_log_in(client: Any, user: Any, target: str) -> str:
    g.pop("csrf_token", None)
    page = client.get("/login/", query_string={"next": target})
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token
    form = {"username": user.username, "password": PASSWORD, "csrf_token": token[1]}
    answer = client.post("/login/", query_string={"next": target}, data=form)
    assert answer.status_code == 302
    return str(answer.location)


@pytest.mark.parametrize("place", range(len(ELSEWHERE)))
def test_a_log_in_leads_to_no_other_site(app: Any, clinic: Any, place: int) -> None:
    user, client = make_member(clinic.id, "NURSE"), app.test_client()
    with scope_kept():
        for came_to in (
            way_after_log_in(client, user, ELSEWHERE[place]),
            client.get("/login/", query_string={"next": ELSEWHERE[place]}).location,
        ):
            assert came_to.startswith("/")
            assert came_to[1:2] not in ("/", "\\", "\t")
            assert client.get(came_to).status_code in (200, 302, 404)


def test_a_log_in_leads_back_to_where_one_was(app: Any, clinic: Any) -> None:
    user = make_member(clinic.id, "NURSE")
    for target in ("/patientview/list/?_flt_0_search_name=asha", "http://localhost/doctorview/list/"):
        with scope_kept():
            came_to = way_after_log_in(app.test_client(), user, target)
        assert came_to == target.removeprefix("http://localhost")


def test_the_language_switch_leads_to_no_other_site(payer: Any) -> None:
    for next_page, referrer in (("//evil.example", ""), ("", "https://evil.example/x")):
        answer = payer.post(
            "/session/language", data={"language": "en", "next": next_page}, headers={"Referer": referrer}
        )
        assert answer.status_code == 302
        assert answer.location.startswith("/")
        assert "evil" not in answer.location
