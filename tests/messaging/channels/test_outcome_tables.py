"""Every code of the vendors' tables, answered over HTTP: what each means for the message that met it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from app.core.providers import Outcome, ProviderError
from app.messaging.channels.base import Channel, OutgoingMessage
from tests.messaging.channels import test_twilio as twilio
from tests.messaging.channels import test_whatsapp_cloud as whatsapp
from tests.messaging.channels import test_zeptomail as zeptomail
from tests.scripted_server import Behaviour, Server, scripted_server

TWILIO: Mapping[Outcome, str] = {
    Outcome.RETRY: "20429 30001 30003 30008 30410 63012",
    Outcome.RETRY_LATER: "21611 14107 63018 63038 63049",
    Outcome.PERMANENT_RECIPIENT: "21610 21211 21614 21635 21612 30004 30005 30006 63003 63024 63032",
    Outcome.PERMANENT_MESSAGE: "21602 21617 21620 63019 30019 63005 63013 63016 63021 63027 63028 63029 63030",
    Outcome.PERMANENT_ACCOUNT: "20003 20404 21212 21606 21603 21408 30002 30007 30034 63007",
}
WHATSAPP: Mapping[Outcome, str] = {
    Outcome.RETRY: "1 2 4 80007 130429 131056 131000 131016 131057 135000",
    Outcome.RETRY_LATER: "131048 131049 131064 130472 131053 131052",
    Outcome.PERMANENT_RECIPIENT: "131026 131021 131030 131050",
    Outcome.PERMANENT_MESSAGE: "100 131008 131009 131051 131047 132000 132001 132005 132007 132008 132012 132015 132016"
    " 132068 132069 131062 137000",
    Outcome.PERMANENT_ACCOUNT: "0 3 10 190 200 210 299 33 368 131031 130497 131005 131037 131042 131045 131063 133000"
    " 133004 133005 133006 133010 133015 133016",
}
ZEPTOMAIL: Mapping[Outcome, str] = {
    Outcome.RETRY_LATER: "TM_3601/SMI_115 /SM_151",
    Outcome.PERMANENT_MESSAGE: "TM_3201/GE_102 TM_3301/SM_101 TM_3301/SM_120 TM_3501/UE_106 TM_3501/MTR_101"
    " TM_8001/SM_127 TM_8001/SM_129",
    Outcome.PERMANENT_ACCOUNT: "TM_3501/LE_101 TM_3601/SERR_156 TM_3601/SM_133 TM_3601/AE_101 TM_4001/SM_111"
    " TM_4001/SM_128 TM_4001/SERR_157 TM_5001/LE_102",
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with scripted_server() as running:
        yield running


def outcomes(
    server: Server, channel: Channel[Any], message: OutgoingMessage, codes: str, refusal: Callable[[str], Behaviour]
) -> dict[str, Outcome]:
    """What each code comes to."""
    met = {}
    for code in codes.split():
        server.will(refusal(code))
        with pytest.raises(ProviderError) as caught:
            channel.send(message)
        met[code] = caught.value.outcome
    return met


def each(table: Mapping[Outcome, str]) -> Any:
    return pytest.mark.parametrize(("outcome", "codes"), table.items(), ids=lambda value: str(value)[:20])


@each(TWILIO)
@pytest.mark.parametrize("make", [twilio.sms, twilio.whatsapp], ids=["sms", "whatsapp"])
def test_twilio(server: Server, make: Any, outcome: Outcome, codes: str) -> None:
    def refusal(code: str) -> Behaviour:
        return twilio.refusal(400, int(code))

    met = outcomes(server, make(server.url), twilio.MESSAGE, codes, refusal)
    assert met == dict.fromkeys(codes.split(), outcome)


@each(WHATSAPP)
def test_whatsapp(server: Server, outcome: Outcome, codes: str) -> None:
    def refusal(code: str) -> Behaviour:
        return whatsapp.refusal(400, int(code))

    met = outcomes(server, whatsapp.open_channel(server.url), whatsapp.MESSAGE, codes, refusal)
    assert met == dict.fromkeys(codes.split(), outcome)


@pytest.mark.parametrize(
    ("code", "most_tries"),
    [(1, 2), (135000, 2), (131052, 2), (131053, 2), (131049, 2), (130472, 1), (2, None), (131048, None)],
)
def test_whatsapp_says_how_often_a_message_may_be_tried(server: Server, code: int, most_tries: int | None) -> None:
    server.will(whatsapp.refusal(400, code))
    with pytest.raises(ProviderError) as caught:
        whatsapp.open_channel(server.url).send(whatsapp.MESSAGE)
    assert caught.value.most_tries == most_tries


@pytest.mark.parametrize(("code", "most_tries", "wait"), [(30003, 2, 3600.0), (30008, 2, None), (30001, None, None)])
def test_twilio_says_how_often_a_message_may_be_tried(
    server: Server, code: int, most_tries: int | None, wait: float | None
) -> None:
    server.will(twilio.refusal(400, code))
    with pytest.raises(ProviderError) as caught:
        twilio.sms(server.url).send(twilio.MESSAGE)
    assert (caught.value.most_tries, caught.value.retry_after) == (most_tries, wait)


@each(ZEPTOMAIL)
def test_zeptomail(server: Server, outcome: Outcome, codes: str) -> None:
    def refusal(code: str) -> Behaviour:
        return zeptomail.refusal(400, *code.split("/"))

    met = outcomes(server, zeptomail.channel(server.url), zeptomail.MESSAGE, codes, refusal)
    assert met == dict.fromkeys(codes.split(), outcome)


@pytest.mark.parametrize(
    ("target", "outcome"),
    [
        ("to", Outcome.PERMANENT_RECIPIENT),
        ("to[0].email_address.address", Outcome.PERMANENT_RECIPIENT),
        ("cc", Outcome.PERMANENT_RECIPIENT),
        ("bcc", Outcome.PERMANENT_RECIPIENT),
        ("from", Outcome.PERMANENT_MESSAGE),
        ("reply_to", Outcome.PERMANENT_MESSAGE),
        ("", Outcome.PERMANENT_MESSAGE),
    ],
)
def test_zeptomail_says_which_address_it_does_not_take(server: Server, target: str, outcome: Outcome) -> None:
    server.will(zeptomail.refusal(400, "TM_4001", "SM_113", target))
    with pytest.raises(ProviderError) as caught:
        zeptomail.channel(server.url).send(zeptomail.MESSAGE)
    assert caught.value.outcome is outcome
