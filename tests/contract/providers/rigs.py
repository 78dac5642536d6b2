"""How each provider meets the sandbox. A new one fails the contract until its rig is here."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from app.core.providers import Provider, ProviderError, Timeouts
from app.messaging.channels import CHANNELS
from app.messaging.channels.base import DeliveryStatus
from app.payments.gateways import GATEWAYS
from tests.sandbox_server import RunningSandbox

PROVIDERS: tuple[type[Provider[Any]], ...] = (*GATEWAYS, *CHANNELS)
PATIENT = Timeouts(connect=30, read=30)
HASTY = Timeouts(connect=30, read=1.5)  # for calls that nobody answers
# Faults that strike after the call was carried out.
CARRIED_OUT = [("timeout", {"seconds": 20}), ("reset", {}), ("malformed", {}), ("500", {"before": False})]


@dataclass(frozen=True)
class Rig:
    """How a provider meets the sandbox: the account there, our credentials for it, and what makes them wrong."""

    simulator: str
    account: dict[str, Any]
    credentials: dict[str, Any]
    wrong: dict[str, Any]
    base_url: Callable[[RunningSandbox], str]
    probe: str = ""  # the call that Test connection makes, where a fault must name it
    reads_again: int = 1  # how often a harmless read is tried before silence is believed
    payment_names_order: bool = True  # asked for by itself, or in a notice; if not, our reference finds it
    one_attempt: bool = True  # each try of the payer is a payment of its own
    refund: str = ""  # the call that moves money back, where another one comes before it
    told: Callable[[RunningSandbox], dict[str, Any]] = lambda sandbox: {}  # credentials that the sandbox makes up
    recipient: str = ""
    bad_recipient: str = ""
    refusal_code: int = 0
    told_code: str = ""  # how a receipt names the refusal, where not by the same number
    refuses_at_once: bool = True  # a bad recipient is refused by the call, not told later
    statuses: tuple[DeliveryStatus, ...] = (DeliveryStatus.SENT, DeliveryStatus.DELIVERED)
    wrong_told: Callable[[RunningSandbox], dict[str, Any]] = lambda sandbox: {}


def _service_account(token_uri: str) -> str:
    """A key of nobody's: made here, and known nowhere."""
    key = generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    email = "console@contract-project.iam.gserviceaccount.com"
    return json.dumps(
        {"project_id": "contract-project", "client_email": email, "private_key": key, "token_uri": token_uri}
    )


TWILIO_SID = "AC" + "1" * 32
TWILIO_ACCOUNT = {"accountSid": TWILIO_SID, "authToken": "contract-auth-token", "deliverySeconds": 0}
AWS_KEY = "AKIACONTRACT00000001"
AWS_ACCOUNT = {"accessKeyId": AWS_KEY, "secretAccessKey": "contract-secret-key"}
AWS_CREDENTIALS = {"access_key_id": AWS_KEY, "secret_access_key": "contract-secret-key", "region": "us-east-1"}

RIGS = {
    "zeptomail": Rig(
        simulator="zeptomail",
        account={
            "mailAgent": "contract",
            "token": "contract-token",
            "webhookKey": "contract-hook",
            "deliverySeconds": 0,
        },
        credentials={
            "token": "contract-token",
            "from_address": "desk@sunrise.test",
            "webhook_key": "contract-hook",
        },
        wrong={"token": "another-token"},
        base_url=lambda sandbox: f"{sandbox.base_url}/zeptomail",
        recipient="asha@example.org",
        bad_recipient="nobody@example.org",
        refusal_code=550,
        told_code="550 mailbox problem",
        statuses=(DeliveryStatus.DELIVERED,),
    ),
    "ses": Rig(
        simulator="ses",
        account={**AWS_ACCOUNT, "deliverySeconds": 0},
        credentials={
            **AWS_CREDENTIALS,
            "from_address": "desk@sunrise.test",
            "configuration_set": "console",
            "topic_arn": "arn:aws:sns:us-east-1:123456789012:ses-events",
        },
        wrong={"secret_access_key": "another-secret"},
        base_url=lambda sandbox: f"{sandbox.base_url}/ses",
        told=lambda sandbox: {"certificate_hosts": f"127.0.0.1:{sandbox.port}", "certificate_root": sandbox.sns_root()},
        recipient="asha@example.org",
        bad_recipient="nobody@example.org",
        refusal_code=550,
        told_code="5.1.1",
        refuses_at_once=False,
    ),
    "twilio_sms": Rig(
        simulator="twilio",
        account=TWILIO_ACCOUNT,
        credentials={"account_sid": TWILIO_SID, "auth_token": "contract-auth-token", "sender": "+15005550006"},
        wrong={"auth_token": "another-token"},
        base_url=lambda sandbox: f"{sandbox.base_url}/twilio",
        recipient="+919876543210",
        bad_recipient="+919876500000",
        refusal_code=21614,
    ),
    "twilio_whatsapp": Rig(
        simulator="twilio",
        account=TWILIO_ACCOUNT,
        credentials={"account_sid": TWILIO_SID, "auth_token": "contract-auth-token", "sender": "+15005550006"},
        wrong={"auth_token": "another-token"},
        base_url=lambda sandbox: f"{sandbox.base_url}/twilio",
        recipient="+919876543210",
        bad_recipient="+919876500000",
        refusal_code=63024,
    ),
    "fcm": Rig(
        simulator="fcm",
        account={"projectId": "contract-project"},
        credentials={"service_account": _service_account("http://127.0.0.1:9/token")},
        wrong={},
        wrong_told=lambda sandbox: {"service_account": _service_account(f"{sandbox.base_url}/fcm/token")},
        base_url=lambda sandbox: f"{sandbox.base_url}/fcm",
        told=lambda sandbox: {"service_account": sandbox.service_account("contract-project")},
        recipient="device-token-asha",
        bad_recipient="device-token-nobody",
        refusal_code=404,
    ),
    "sns_push": Rig(
        simulator="sns",
        account=AWS_ACCOUNT,
        credentials={
            **AWS_CREDENTIALS,
            "platform_application_arn": "arn:aws:sns:us-east-1:123456789012:app/GCM/console",
        },
        wrong={"secret_access_key": "another-secret"},
        base_url=lambda sandbox: f"{sandbox.base_url}/sns",
        probe="get_platform_application_attributes",
        recipient="device-token-asha",
        bad_recipient="device-token-nobody",
        refusal_code=404,
    ),
    "razorpay": Rig(
        simulator="razorpay",
        account={"keyId": "rzp_test_contract", "keySecret": "contract-key-secret", "webhookSecret": "contract-hook"},
        credentials={
            "key_id": "rzp_test_contract",
            "key_secret": "contract-key-secret",
            "webhook_secret": "contract-hook",
        },
        wrong={"key_secret": "another-secret"},
        base_url=lambda sandbox: sandbox.razorpay_url,
    ),
    "stripe": Rig(
        simulator="stripe",
        account={"accountId": "acct_contract", "secretKey": "sk_test_contract", "webhookSecret": "whsec_contract"},
        credentials={"secret_key": "sk_test_contract", "webhook_secret": "whsec_contract"},
        wrong={"secret_key": "sk_test_another"},
        reads_again=3,
        # A session and its payment have ids of their own, and an intent that was declined goes on as the same one.
        payment_names_order=False,
        one_attempt=False,
        base_url=lambda sandbox: f"{sandbox.base_url}/stripe",
    ),
    "phonepe": Rig(
        simulator="phonepe",
        account={"clientId": "CONTRACT_1", "clientSecret": "contract-client-secret", "hmacSecret": "contract-hook"},
        credentials={
            "client_id": "CONTRACT_1",
            "client_secret": "contract-client-secret",
            "hmac_secret": "contract-hook",
        },
        wrong={"client_secret": "another-secret"},
        base_url=lambda sandbox: f"{sandbox.base_url}/phonepe",
        probe="issue_token",
        refund="create_refund",
    ),
    "paypal": Rig(
        simulator="paypal",
        account={
            "clientId": "contract-client",
            "clientSecret": "contract-client-secret",
            "webhookId": "1JE4291016473214C",
        },
        credentials={
            "client_id": "contract-client",
            "client_secret": "contract-client-secret",
            "webhook_id": "1JE4291016473214C",
        },
        wrong={"client_secret": "another-secret"},
        base_url=lambda sandbox: sandbox.paypal_url,
        probe="issue_token",
        told=lambda sandbox: {"webhook_root": sandbox.paypal_root()},
    ),
    "smtp": Rig(
        simulator="smtp",
        account={"username": "contract", "password": "contract-password"},
        credentials={
            "username": "contract",
            "password": "contract-password",
            "from_address": "desk@sunrise.test",
        },
        wrong={"password": "another-password"},
        base_url=lambda sandbox: f"smtp://{sandbox.smtp_host}:{sandbox.smtp_port}",
        probe="ehlo",
        recipient="asha@example.org",
        bad_recipient="nobody@example.org",
        refusal_code=550,
    ),
    "whatsapp_cloud": Rig(
        simulator="whatsapp",
        account={
            "phoneNumberId": "106540352242922",
            "accessToken": "contract-token",
            "appSecret": "contract-app-secret",
            "deliverySeconds": 0,
        },
        credentials={
            "phone_number_id": "106540352242922",
            "access_token": "contract-token",
            "app_secret": "contract-app-secret",
        },
        wrong={"access_token": "another-token"},
        base_url=lambda sandbox: sandbox.whatsapp_url,
        recipient="+919876543210",
        bad_recipient="+919876500000",
        refusal_code=131026,
    ),
}

every_provider = pytest.mark.parametrize("adapter", PROVIDERS, ids=lambda adapter: adapter.code)
# Where the approval is not the payment yet, the walk is another one (test_paypal_contract.py).
TAKING = [gateway for gateway in GATEWAYS if not gateway.capabilities.collects]
every_gateway = pytest.mark.parametrize("adapter", TAKING, ids=lambda adapter: adapter.code)
every_channel = pytest.mark.parametrize("adapter", CHANNELS, ids=lambda adapter: adapter.code)


def opened(adapter: type[Any], sandbox: RunningSandbox, timeouts: Timeouts = PATIENT, **changes: Any) -> Any:
    rig = RIGS[adapter.code]
    return adapter.open(
        {**rig.credentials, **rig.told(sandbox), **changes}, base_url=rig.base_url(sandbox), timeouts=timeouts
    )


def failure_of(call: Callable[[], object]) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        call()
    return caught.value
