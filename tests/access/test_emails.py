"""A user's e-mail is an address, through the API as on the pages; user names need not be one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.core.ids import new_id
from tests.factories.access import make_member

pytestmark = pytest.mark.usefixtures("in_clinic")
NO_ADDRESS = ["asha", "asha@", "@example.org", "a b@example.org", "asha@example", "<b>@example.org", "a@b@example.org"]


def new_user(**more: Any) -> dict[str, Any]:
    return {"username": f"asha-{new_id()[-12:]}", "password": "a-long-password-2026", "firstName": "A", **more}


@pytest.mark.parametrize("email", NO_ADDRESS)
def test_what_is_no_address_is_refused_beside_its_field(caller: Callable[..., Any], clinic: Any, email: str) -> None:
    admin, nurse = caller("CLINIC_ADMIN"), make_member(clinic.id, "NURSE")
    for answer in (
        admin.post("/users", json=new_user(role="NURSE", email=email)),
        admin.put(f"/users/{nurse.id}", json={"email": email}),
    ):
        assert (answer.status_code, list(answer.json["error"]["fields"])) == (422, ["email"])
    assert admin.get(f"/users/{nurse.id}").json["email"] is None


def test_an_address_is_kept_as_it_is_written_to_and_can_be_cleared(caller: Callable[..., Any]) -> None:
    admin = caller("CLINIC_ADMIN")
    made = admin.post("/users", json=new_user(role="NURSE", email="Asha.Nair@EXAMPLE.org"))
    assert (made.status_code, made.json["email"]) == (201, "Asha.Nair@example.org")
    assert admin.put(f"/users/{made.json['id']}", json={"email": ""}).json["email"] is None
    assert admin.put(f"/users/{made.json['id']}", json={"email": "a@b.example.com"}).json["email"] == "a@b.example.com"


def test_a_user_name_is_any_name(caller: Callable[..., Any]) -> None:
    assert caller("CLINIC_ADMIN").post("/users", json=new_user(role="NURSE")).status_code == 201
