"""Every endpoint × every role: anonymous 401, a role that may not 403, a role that may never 401 or 403."""

from __future__ import annotations

import re
from typing import Any

import pytest

from app.access.roles import Role, role_may
from app.core.api import ENDPOINTS, Endpoint
from app.core.ids import new_id
from tests.factories.access import bearer, make_clinic, make_member

ROLES = [str(role) for role in Role if role is not Role.SUPER_ADMIN]


@pytest.fixture(scope="module")
def headers(app: Any) -> dict[str, dict[str, str]]:
    """Authorization per role, in one clinic."""
    with app.app_context():
        clinic = make_clinic()
        return {role: bearer(make_member(clinic.id, role), clinic.id) for role in ROLES}


def path_of(item: Endpoint) -> str:
    return re.sub(r"<id:\w+>", new_id(), re.sub(r"<(\w+)>", "x", item.path))


def protected() -> list[Endpoint]:
    return [item for item in ENDPOINTS if not item.public]


def test_anonymous_is_401_everywhere(app: Any) -> None:
    client = app.test_client()
    wrong = [
        (item.method, item.path)
        for item in protected()
        if client.open(path_of(item), method=item.method, json={}).status_code != 401
    ]
    assert wrong == []


@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_what_the_matrix_says(app: Any, headers: Any, role: str) -> None:
    client = app.test_client()
    wrong = []
    for item in protected():
        if item.resource is None or item.action is None:
            continue
        status = client.open(path_of(item), method=item.method, json={}, headers=headers[role]).status_code
        allowed = role_may(role, item.resource, item.action)
        if (status == 403) == allowed or status in (401, 500):
            wrong.append((item.method, item.path, status, allowed))
    assert wrong == []


def test_every_protected_endpoint_names_a_permission_or_is_ones_own() -> None:
    own = {"/auth/me", "/auth/sessions", "/auth/sessions/<id:session_id>", "/billing/payments/callback"}
    bare = {item.path.removeprefix("/api/v1") for item in protected() if item.resource is None}
    assert bare <= own | {"/api/payments/callback"}


def test_the_auditor_changes_nothing() -> None:
    from app.access.roles import MATRIX

    changing = [
        (resource, action)
        for resource, actions in MATRIX.items()
        for action, letters in actions.items()
        if "U" in letters and action not in ("read", "verify", "download", "board")
    ]
    assert changing == []
    workplaces = {"desk", "my_day"}
    unread = [
        name for name, actions in MATRIX.items() if "U" not in actions.get("read", "U") and name not in workplaces
    ]
    assert unread == []


# SPEC section 21, letter by letter.
MONEY = {
    ("plan", "read"): "PDFRAS", ("plan", "create"): "AS", ("plan", "update"): "AS", ("plan", "delete"): "AS",
    ("subscription", "create"): "PAS", ("subscription", "update"): "PFAS", ("subscription", "renew"): "PFAS",
    ("subscription", "cancel"): "PAS", ("subscription", "reset-quota"): "AS",
    ("subscription", "send-confirmation"): "AS",
    ("subscription", "process-payment"): "PFAS", ("subscription", "can-book"): "PDRAS",
    ("subscription", "book-appointment"): "PRAS", ("subscription", "cancel-appointment"): "PDRAS",
    ("invoice", "read"): "PDFRAS", ("invoice", "create"): "RFAS", ("invoice", "update"): "RFAS",
    ("invoice", "mark-paid"): "RFAS", ("payment", "read"): "PDFRAS", ("payment", "create"): "PRFAS",
    ("payment", "update"): "RFAS", ("payment", "refund"): "FAS", ("analytics", "read"): "FAS",
}  # fmt: skip


@pytest.mark.parametrize(("permission", "letters"), list(MONEY.items()))
def test_money_roles_are_those_of_the_specification(permission: tuple[str, str], letters: str) -> None:
    from app.access.roles import LETTERS

    # ACCOUNTANT, SYSTEM_AUDITOR and LOCATION_HEAD read beside them (SPEC 21, first paragraph).
    readers = {"C", "U", "L"} if permission[1] == "read" else set()
    may = {letter for letter, role in LETTERS.items() if role_may(role, *permission)}
    assert may - readers == set(letters)
