"""Redis is killed and comes back empty, or hangs, in the middle of the walk: the database is the truth, nothing is
lost, and nobody waits.
"""

from __future__ import annotations

import signal
import time
from typing import Any

import pytest

from tests.waiting import wait_until
from tests.walk import patient_app
from tests.walk.installation import Installation
from tests.walk.patient_app import PatientApp

PATIENCE = 120
# A person's; each command at a hung Redis used to take twenty seconds.
PERSONS_PATIENCE = 8


def papers(installation: Installation, person: dict[str, Any]) -> list[dict[str, Any]]:
    inbox = installation.sandbox.messages(to=person["phone"]) + installation.sandbox.messages(to=person["email"])
    return [item for item in inbox if item["attachments"]]


def test_what_was_woken_in_a_lost_redis_is_done_all_the_same(
    installation: Installation, house: dict[str, Any], person: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    patient = PatientApp(installation.address, person)
    visit = patient.book(house)
    checkout = patient.begin_payment(visit)
    installation.signal_workers(signal.SIGSTOP)  # so that what the webhook wakes is still in Redis when it dies
    try:
        paid = installation.sandbox.pay(checkout["orderId"])
        wait_until(lambda: stored(installation, house) == len(paid["webhooks"]), PATIENCE)
        assert patient.get(f"/billing/payments/{checkout['paymentId']}")["status"] == "PENDING"
        installation.redis.kill()
        installation.redis.start()
    finally:
        installation.signal_workers(signal.SIGCONT)
    back_at = time.monotonic()
    wait_until(lambda: len(papers(installation, person)) >= 2, PATIENCE)
    with capsys.disabled():
        print(f"\n  from an empty Redis to both invoices: {time.monotonic() - back_at:.1f} s")

    assert all(process.poll() is None for process in installation.processes), "no process gave up"
    assert patient.get("/auth/me")["patientId"] == person["patient_id"], "nobody was logged out"
    assert patient.get(f"/appointments/{visit['id']}")["status"] == "CONFIRMED"
    facts = installation.facts(house, person)
    assert facts["entries"] == {"invoice": 1, "payment-applied": 1, "payment.captured": 1}
    assert sorted(item["channel"] for item in papers(installation, person)) == ["email", "whatsapp"]
    assert installation.clinic_facts(house)["balanced"]


def test_a_redis_that_hangs_holds_up_nobody(
    installation: Installation, house: dict[str, Any], person: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = PatientApp(installation.address, person)
    monkeypatch.setattr(patient_app, "SECONDS", PERSONS_PATIENCE)
    installation.redis.freeze()
    try:
        for _ in range(3):
            another = PatientApp(installation.address, person)  # logs in
            assert another.get("/auth/me")["patientId"] == person["patient_id"]
            assert patient.get("/appointments")["items"] == []
        visit = patient.book(house)
        checkout = patient.begin_payment(visit)
        paid = installation.sandbox.pay(checkout["orderId"])
        wait_until(lambda: stored(installation, house) >= len(paid["webhooks"]), PATIENCE)
        assert patient.get(f"/appointments/{visit['id']}")["status"] == "SCHEDULED"
    finally:
        installation.redis.thaw()
    wait_until(lambda: len(papers(installation, person)) >= 2, PATIENCE)
    assert all(process.poll() is None for process in installation.processes), "no process gave up"
    assert patient.get(f"/appointments/{visit['id']}")["status"] == "CONFIRMED"
    assert installation.clinic_facts(house)["balanced"]


def stored(installation: Installation, house: dict[str, Any]) -> int:
    return int(installation.clinic_facts(house)["webhooks"])
