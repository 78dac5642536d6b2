"""`flask demo walk` for each gateway, against the processes of `make run`."""

from __future__ import annotations

import pytest

from app.demo.walk import GATEWAYS
from tests.walk.installation import Installation

STEPS = (
    "log in as patient, receptionist and finance",
    "books a video visit",
    "an order over",
    "is COMPLETED, told by webhook",
    "is PAID, the visit CONFIRMED",
    "on the patient's telephone (WhatsApp) and in the mail",
    "asks at the desk to refund",
    "approves",
    "the refund is SETTLED, the payment PARTIALLY_REFUNDED",
    "credit note",
    "nothing is owed on either side",
    "the trial balance balances",
    "pays out to the bank",
    "without an exception",
    "All as it should be",
)


@pytest.fixture(scope="module")
def founded(installation: Installation) -> Installation:
    """With the demo clinics, beside those of the other walks."""
    connected = installation.zygote.call("tests.demo.clinics:found_clinics")
    assert connected == ["Sunrise Clinic", "Lakeside Clinic"]
    return installation


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_the_walk_through_a_gateway_ends_well(founded: Installation, gateway: str) -> None:
    code, output = founded.zygote.call("tests.demo.clinics:walk", gateway)
    assert code == 0, output
    assert [step for step in STEPS if step not in output] == []
    assert ("PayPal takes no rupees" in output and "USD" in output) == (gateway == "paypal")
    assert ("tells its payouts as a whole only" in output) == (gateway == "phonepe")


def test_a_second_walk_on_the_same_day_fits_as_well(founded: Installation) -> None:
    """PayPal lists a day, which grows while one looks at it."""
    code, output = founded.zygote.call("tests.demo.clinics:walk", "paypal")
    assert code == 0, output
    assert "is there from an earlier walk" in output
