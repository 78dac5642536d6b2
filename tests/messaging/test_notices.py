"""The screen of receipts: what providers told, what nobody could use, and Process again."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from app.core import clock
from app.core.ids import new_id
from app.core.jobs import queue_named
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.messaging import receipts
from app.messaging.models import MessageAttempt, MessageStatus, NoticeStatus, ProviderNotice
from app.messaging.notice_jobs import KEPT_FOR, forget_old_notices
from app.messaging.receipts import PATIENCE
from tests.messaging.providers_at_sandbox import World

pytest_plugins = ["tests.messaging.world_fixtures"]
LIST = "/providernoticeview/list/"


def sent_through(world: World, account_id: str) -> None:
    """As if that account had been asked to send."""
    with tenant_scope(world.clinic_id), unit_of_work():
        db.session.execute(update(MessageAttempt).values(account_id=account_id))


@pytest.fixture
def let_go(world: World) -> tuple[ProviderNotice, str]:
    """A receipt that was about nothing known until nobody looked any more, and its message, which is known now."""
    account_id = world.open_account("zeptomail")
    message_id = world.send("zeptomail")
    sent_through(world, new_id())
    world.take_in(1)
    for _ in PATIENCE:
        world.process()
    sent_through(world, account_id)
    (notice,) = world.notices()
    assert notice.status == NoticeStatus.IGNORED
    return notice, message_id


def change(world: World, notice_id: str, **columns: Any) -> None:
    with tenant_scope(world.clinic_id), unit_of_work():
        db.session.execute(update(ProviderNotice).where(ProviderNotice.id == notice_id).values(**columns))


def test_a_receipt_that_was_let_go_is_processed_again_and_settles_its_message(
    world: World, let_go: tuple[ProviderNotice, str], console_as: Any
) -> None:
    notice, message_id = let_go
    admin = console_as("CLINIC_ADMIN")
    page = admin.get(LIST).text
    assert "ZeptoMail" in page and "no message of ours is known for it" in page
    shown = admin.get(f"/providernoticeview/show/{notice.id}").text
    assert "client_reference" not in shown and "producer-signature" not in shown  # neither its text nor its headers
    answer = admin.post(f"/providernoticeview/action/replay/{notice.id}", follow_redirects=True)
    assert "It is processed again." in answer.text
    jobs = [job.args for job in queue_named("notification").jobs if "process_provider_notice" in job.func_name]
    assert (world.clinic_id, notice.id) in jobs
    (after,) = world.process()
    assert (after.status, after.summary, after.error) == (NoticeStatus.PROCESSED, "delivered", "")
    assert world.message(message_id).status == MessageStatus.DELIVERED


def test_a_parked_one_shows_in_its_list_and_on_the_home_of_admins(
    world: World, let_go: tuple[ProviderNotice, str], console_as: Any
) -> None:
    notice, _message_id = let_go
    change(world, notice.id, status=NoticeStatus.PARKED, error="KeyError")
    admin = console_as("CLINIC_ADMIN")
    assert "KeyError" in admin.get(f"{LIST}?_flt_2_status=PARKED").text
    assert "KeyError" not in admin.get(f"{LIST}?_flt_2_status=PROCESSED").text
    home = admin.get("/health/").text
    assert f"{LIST}?_flt_2_status=PARKED" in home
    assert admin.get("/providernoticeview/chart/").status_code == 200


def test_what_was_done_or_is_forgotten_is_not_done_again(
    world: World, let_go: tuple[ProviderNotice, str], console_as: Any
) -> None:
    notice, _message_id = let_go
    admin, address = console_as("CLINIC_ADMIN"), f"/providernoticeview/action/replay/{notice.id}"
    change(world, notice.id, status=NoticeStatus.PROCESSED)
    assert "Only ignored and parked receipts" in admin.post(address, follow_redirects=True).text
    change(world, notice.id, status=NoticeStatus.PARKED)
    with clock.travel(KEPT_FOR + timedelta(days=1)):
        forget_old_notices()
    assert "not kept any more" in admin.post(address, follow_redirects=True).text
    assert world.notices()[0].status == NoticeStatus.PARKED


def test_others_look_only_or_not_at_all(
    world: World, let_go: tuple[ProviderNotice, str], other_clinic: Any, visitor: Any
) -> None:
    notice, _message_id = let_go
    address = f"/providernoticeview/action/replay/{notice.id}"
    auditor = visitor("SYSTEM_AUDITOR")
    assert "ZeptoMail" in auditor.get(LIST).text
    assert "Process again" not in auditor.get(LIST).text
    assert auditor.post(address).status_code == 403
    assert visitor("RECEPTIONIST").get(LIST).status_code == 403
    stranger = visitor("CLINIC_ADMIN", clinic_id=other_clinic.id)
    assert notice.id not in stranger.get(LIST).text
    assert stranger.get(f"/providernoticeview/show/{notice.id}").status_code == 404
    assert stranger.post(address).status_code == 404
    assert world.notices()[0].status == NoticeStatus.IGNORED


def test_a_database_that_is_away_parks_no_notice(
    world: World, let_go: tuple[ProviderNotice, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked at again; a fault of the notice itself waits for a person."""
    notice, _message_id = let_go
    change(world, notice.id, status=NoticeStatus.RECEIVED, error="", attempts=0)

    def fails_with(error: Exception) -> NoticeStatus:
        def process(_notice_id: str) -> None:
            raise error

        monkeypatch.setattr(receipts, "_process", process)
        with suppress(OperationalError):
            world.process()
        return NoticeStatus(world.notices()[0].status)

    assert fails_with(OperationalError("select", {}, Exception("gone"))) == NoticeStatus.RECEIVED
    assert fails_with(KeyError("x")) == NoticeStatus.PARKED
