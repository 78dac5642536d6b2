from __future__ import annotations

from pathlib import Path

from app.access.services import DEMO_ORDER
from app.embedded.settings import read_settings
from app.embedded.welcome import DEMO_ROLES, welcome


def test_it_shows_where_to_go_and_who_may_log_in() -> None:
    text = "\n".join(welcome(read_settings({"PORT": "8123"}), Path("/data"), demo=True))
    for part in ("http://127.0.0.1:8123", "http://127.0.0.1:8001", "/data", "Demo-pass-2026", "super-admin@demo"):
        assert part in text
    for role in ("receptionist", "clinic-admin", "finance-billing", "doctor", "patient"):
        assert f"{role}@sunrise.demo" in text
    assert max(map(len, text.splitlines())) <= 76


def test_the_terminal_and_the_log_in_page_list_the_same_people_in_one_order() -> None:
    """The launcher imports nothing of the product, so the list is written twice."""
    assert DEMO_ROLES == DEMO_ORDER


def test_without_demo_data_no_log_in_is_shown() -> None:
    assert "Demo-pass" not in "\n".join(welcome(read_settings({}), Path("/data"), demo=False))


def test_production_has_no_sandbox() -> None:
    assert "Sandbox" not in "\n".join(welcome(read_settings({"APP_ENV": "production"}), Path("/data"), demo=False))


def test_an_address_for_everybody_is_shown_as_this_machine_s() -> None:
    assert read_settings({"HOST": "0.0.0.0"}).address == "http://127.0.0.1:8000"
    assert read_settings({"HOST": "::1"}).address == "http://[::1]:8000"
