"""Log-in, rotation, reuse, revocation, lock-out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.core import clock
from tests.factories.access import PASSWORD, make_member, make_user


@pytest.fixture
def user(clinic: Any) -> Any:
    return make_member(clinic.id, "RECEPTIONIST")


@pytest.fixture
def api(app: Any) -> Any:
    return app.test_client()


def log_in(api: Any, user: Any, password: str = PASSWORD) -> Any:
    return api.post("/api/v1/auth/login", json={"username": user.username, "password": password})


def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['accessToken']}"}


def test_log_in_and_me(api: Any, user: Any, clinic: Any) -> None:
    answer = log_in(api, user)
    assert answer.status_code == 200
    assert answer.json["expiresIn"] == 900
    me = api.get("/api/v1/auth/me", headers=bearer(answer.json)).json
    assert me["username"] == user.username
    assert me["role"] == "RECEPTIONIST"
    assert me["clinic"] == {"id": clinic.id, "name": clinic.name}


def test_the_user_name_is_case_blind(api: Any, user: Any) -> None:
    answer = api.post("/api/v1/auth/login", json={"username": f" {user.username.upper()} ", "password": PASSWORD})
    assert answer.status_code == 200


@pytest.mark.parametrize("known", [True, False])
def test_wrong_credentials_read_alike(api: Any, user: Any, known: bool) -> None:
    username = user.username if known else "nobody-here"
    answer = api.post("/api/v1/auth/login", json={"username": username, "password": "wrong-password"})
    assert answer.status_code == 401
    assert answer.json["error"]["code"] == "WRONG_CREDENTIALS"


def test_refresh_rotates_and_reuse_ends_the_family(api: Any, user: Any) -> None:
    first = log_in(api, user).json
    second = api.post("/api/v1/auth/refresh", json={"refreshToken": first["refreshToken"]}).json
    assert second["refreshToken"] != first["refreshToken"]
    reused = api.post("/api/v1/auth/refresh", json={"refreshToken": first["refreshToken"]})
    assert (reused.status_code, reused.json["error"]["code"]) == (401, "TOKEN_REUSED")
    after = api.post("/api/v1/auth/refresh", json={"refreshToken": second["refreshToken"]})
    assert after.status_code == 401
    assert api.get("/api/v1/auth/me", headers=bearer(second)).status_code == 401


def test_a_forged_refresh_token_is_refused(api: Any, user: Any) -> None:
    token = log_in(api, user).json["refreshToken"]
    forged = token[:-1] + ("0" if token[-1] != "0" else "1")
    assert api.post("/api/v1/auth/refresh", json={"refreshToken": forged}).status_code == 401
    assert api.post("/api/v1/auth/refresh", json={"refreshToken": token}).status_code == 200


def test_log_out_ends_the_session_at_once(api: Any, user: Any) -> None:
    tokens = log_in(api, user).json
    assert api.get("/api/v1/auth/me", headers=bearer(tokens)).status_code == 200
    assert api.post("/api/v1/auth/logout", headers=bearer(tokens)).status_code == 204
    assert api.get("/api/v1/auth/me", headers=bearer(tokens)).status_code == 401


def test_an_access_token_expires(api: Any, user: Any) -> None:
    tokens = log_in(api, user).json
    with clock.travel(timedelta(minutes=16)):
        answer = api.get("/api/v1/auth/me", headers=bearer(tokens))
    assert (answer.status_code, answer.json["error"]["code"]) == (401, "TOKEN_EXPIRED")


def test_too_many_wrong_passwords_lock_the_account(api: Any, user: Any, settings: Any) -> None:
    for _ in range(settings.lock_out_after):
        assert log_in(api, user, "wrong-password").status_code == 401
    locked = log_in(api, user)
    assert locked.status_code == 429
    assert int(locked.headers["Retry-After"]) > 0
    with clock.travel(timedelta(seconds=settings.lock_out_seconds + 1)):
        assert log_in(api, user).status_code == 200


def test_sessions_survive_an_emptied_redis(api: Any, user: Any) -> None:
    from app.core.jobs import redis_connection

    tokens = log_in(api, user).json
    revoked = log_in(api, user).json
    api.post("/api/v1/auth/logout", headers=bearer(revoked))
    redis_connection().flushdb()
    assert api.get("/api/v1/auth/me", headers=bearer(tokens)).status_code == 200
    assert api.get("/api/v1/auth/me", headers=bearer(revoked)).status_code == 401


def test_sessions_are_listed_and_revocable(api: Any, user: Any) -> None:
    here, there = log_in(api, user).json, log_in(api, user).json
    listed = api.get("/api/v1/auth/sessions", headers=bearer(here)).json["items"]
    other = next(item["id"] for item in listed if not item["current"])
    assert len(listed) == 2
    assert api.delete(f"/api/v1/auth/sessions/{other}", headers=bearer(here)).status_code == 204
    assert api.get("/api/v1/auth/me", headers=bearer(there)).status_code == 401


def test_another_users_session_is_not_found(api: Any, user: Any, clinic: Any) -> None:
    mine, theirs = log_in(api, user).json, log_in(api, make_member(clinic.id, "DOCTOR")).json
    session_id = api.get("/api/v1/auth/sessions", headers=bearer(theirs)).json["items"][0]["id"]
    assert api.delete(f"/api/v1/auth/sessions/{session_id}", headers=bearer(mine)).status_code == 404


def test_cookies_work_and_need_csrf_for_changes(api: Any, user: Any) -> None:
    answer = api.post("/api/v1/auth/login", json={"username": user.username, "password": PASSWORD, "cookie": True})
    cookies = answer.headers.getlist("Set-Cookie")
    assert "accessToken" not in answer.json
    assert all("HttpOnly" in cookie for cookie in cookies if cookie.startswith("clinic_"))
    assert api.get("/api/v1/auth/me").status_code == 200
    assert api.post("/api/v1/auth/logout").json["error"]["code"] == "CSRF"
    assert api.post("/api/v1/auth/logout", headers={"X-CSRFToken": answer.json["csrfToken"]}).status_code == 204


def test_a_clinic_of_no_member_is_403(api: Any, user: Any, other_clinic: Any) -> None:
    headers = {**bearer(log_in(api, user).json), "X-Clinic-Id": other_clinic.id}
    answer = api.get("/api/v1/auth/me", headers=headers)
    assert (answer.status_code, answer.json["error"]["code"]) == (403, "NOT_A_MEMBER")


def test_the_role_that_counts_is_the_active_clinics(api: Any, clinic: Any, other_clinic: Any) -> None:
    user = make_user()
    make_member(clinic.id, "DOCTOR", user)
    make_member(other_clinic.id, "ACCOUNTANT", user)
    tokens = log_in(api, user).json
    assert api.get("/api/v1/auth/me", headers=bearer(tokens)).json["role"] == "DOCTOR"
    headers = {**bearer(tokens), "X-Clinic-Id": other_clinic.id}
    assert api.get("/api/v1/auth/me", headers=headers).json["role"] == "ACCOUNTANT"


def test_malformed_bodies_have_clear_errors(api: Any) -> None:
    url = "/api/v1/auth/login"
    assert api.post(url, data="{", content_type="application/json").status_code == 400
    assert api.post(url, data="a=b", content_type="text/plain").status_code == 415
    assert api.post(url, json={"username": "x"}).json["error"]["fields"] == {"password": "This is required."}
    assert api.post(url, data=b"{" + b" " * 2_000_000, content_type="application/json").status_code == 413
    assert api.post(url, json={"username": "a\x00b", "password": "x"}).status_code == 422


def test_the_trail_says_who_logged_in_and_who_failed(api: Any, user: Any, clinic: Any) -> None:
    from sqlalchemy import select

    from app.audit.models import AuditEntry
    from app.core.tenant import db, tenant_scope

    log_in(api, user)
    log_in(api, user, "wrong-password")
    with tenant_scope(clinic.id):
        wanted = select(AuditEntry.username).where(AuditEntry.action == "auth.login")
        assert db.session.scalars(wanted).all() == [user.username] * 2
