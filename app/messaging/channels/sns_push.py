"""Push through Amazon SNS mobile push: a token becomes an endpoint, the message goes to the endpoint.

It sends no receipts over HTTP; a dead token is told when it is written to.
"""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar

from app.core import clock
from app.core.credentials import credential
from app.core.providers import MALFORMED, N_, Outcome, ProviderError, Timeouts
from app.messaging.channels.aws_client import AwsCaller, AwsCredentials, AwsRefusal
from app.messaging.channels.aws_probe import read_xml
from app.messaging.channels.base import Channel, ChannelCapabilities, OutgoingMessage, SendReceipt
from app.messaging.channels.push_content import apns_content, checked, fcm_content

READ, VERSION = "GetPlatformApplicationAttributes", "2010-03-31"
_APPLICATION = r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:app/(GCM|APNS|APNS_SANDBOX)/[\w.-]+$"
_EXISTING = re.compile(r"Endpoint (arn:aws[^\s]*:endpoint/[^\s]+) already exists")
LONGEST_REFUSAL = 2000
_DISABLED = re.compile(r"<key>Enabled</key>\s*<value>false</value>")
_CODES = {
    "EndpointDisabled": Outcome.PERMANENT_RECIPIENT,
    "EndpointDisabledException": Outcome.PERMANENT_RECIPIENT,
    "NotFound": Outcome.PERMANENT_RECIPIENT,
    "NotFoundException": Outcome.PERMANENT_RECIPIENT,
    "PlatformApplicationDisabled": Outcome.PERMANENT_ACCOUNT,
    "PlatformApplicationDisabledException": Outcome.PERMANENT_ACCOUNT,
    "InternalError": Outcome.RETRY,
    "InternalErrorException": Outcome.RETRY,
    "KMSThrottling": Outcome.RETRY,
    "KMSThrottlingException": Outcome.RETRY,
    "InvalidParameter": Outcome.PERMANENT_MESSAGE,
}


class SnsPushCredentials(AwsCredentials):
    """A key that may publish, and the platform application that holds the app's push credential."""

    platform_application_arn: str = credential(
        N_("Platform application"), pattern=_APPLICATION, help_text=N_("Its ARN; GCM for Firebase, APNS for Apple.")
    )


class SnsPush(Channel[SnsPushCredentials]):
    """One platform application."""

    code = "sns_push"
    label = "AWS SNS"
    channel = "push"
    Credentials = SnsPushCredentials
    default_base_url = "https://sns.us-east-1.amazonaws.com"
    capabilities: ClassVar[ChannelCapabilities] = ChannelCapabilities()

    def __init__(
        self, credentials: SnsPushCredentials, *, base_url: str | None = None, timeouts: Timeouts | None = None
    ) -> None:
        suffix = ".cn" if credentials.region.startswith("cn-") else ""
        own = f"https://sns.{credentials.region}.amazonaws.com{suffix}"
        super().__init__(credentials, base_url=base_url or own, timeouts=timeouts)
        self._aws = AwsCaller("sns", credentials, self.base_url, self.timeouts)
        self._application = credentials.platform_application_arn

    def probe(self) -> str:
        """Read the platform application's state."""
        action = {"Action": READ, "Version": VERSION, "PlatformApplicationArn": self._application}
        try:
            answer = read_xml(self.credentials, "sns", self.base_url, action, clock.now(), self.timeouts)
        except AwsRefusal as error:
            # What is not found here is our own application, not a person's device.
            raise self._refusal(error, Outcome.RETRY, recipient=Outcome.PERMANENT_ACCOUNT) from None
        if f"<{READ}Result>" not in answer:
            raise ProviderError(Outcome.RETRY, MALFORMED, "The answer was not understood.")
        if _DISABLED.search(answer):
            raise ProviderError(Outcome.PERMANENT_ACCOUNT, "PlatformApplicationDisabled", "It is disabled.")
        return ""

    def send(self, message: OutgoingMessage) -> SendReceipt:
        self.check_attachments(message)
        content = self._content(message)
        endpoint = self._endpoint(message.to)
        try:
            answer = self._aws.call("publish", {"TargetArn": endpoint, "MessageStructure": "json", "Message": content})
        except AwsRefusal as error:
            raise self._refusal(error, Outcome.UNKNOWN, [message.to]) from None
        message_id = answer.get("MessageId")
        if not isinstance(message_id, str) or not message_id:
            raise ProviderError(Outcome.UNKNOWN, MALFORMED, "The answer names no message.")
        return SendReceipt(message_id, "accepted")

    def _content(self, message: OutgoingMessage) -> str:
        """JSON with a text for every platform; a platform's own part is JSON in a text."""
        platform = self._application.split(":")[-1].split("/")[1]
        if platform == "GCM":
            part: dict[str, Any] = {"fcmV1Message": {"message": checked(fcm_content(message))}}
        else:
            part = checked(apns_content(message))
        return json.dumps({"default": message.text or message.subject, platform: json.dumps(part)})

    def _endpoint(self, token: str) -> str:
        """The endpoint of a token, made where there is none. Nobody is written to yet: no answer means do it again."""
        values = {"PlatformApplicationArn": self._application, "Token": token}
        try:
            answer = self._aws.call("create_platform_endpoint", values, harmless=True)
        except AwsRefusal as error:
            known = _EXISTING.search(error.text[:LONGEST_REFUSAL])
            if known is None:
                raise self._endpoint_refusal(error, token) from None
            return self._enabled(known[1], token)
        arn = answer.get("EndpointArn")
        if not isinstance(arn, str) or not arn:
            raise ProviderError(Outcome.RETRY, MALFORMED, "The answer names no endpoint.")
        return arn

    def _enabled(self, endpoint: str, token: str) -> str:
        """An endpoint of the same token with other attributes: take it over."""
        attributes = {"Token": token, "Enabled": "true"}
        try:
            self._aws.call(
                "set_endpoint_attributes", {"EndpointArn": endpoint, "Attributes": attributes}, harmless=True
            )
        except AwsRefusal as error:
            raise self._endpoint_refusal(error, token) from None
        return endpoint

    def _endpoint_refusal(self, error: AwsRefusal, token: str) -> ProviderError:
        """Here a bad parameter is the token, and what is not found is the application."""
        if error.code == "InvalidParameter":
            shown = self.safe_text(error.text, [token])
            return ProviderError(Outcome.PERMANENT_RECIPIENT, error.code, shown)
        return self._refusal(error, Outcome.RETRY, [token], recipient=Outcome.PERMANENT_ACCOUNT)

    def _refusal(
        self,
        error: AwsRefusal,
        unclear: Outcome,
        hide: list[str] | None = None,
        *,
        recipient: Outcome = Outcome.PERMANENT_RECIPIENT,
    ) -> ProviderError:
        outcome = error.outcome(_CODES, unclear)
        shown = self.safe_text(error.text or f"HTTP {error.status}", hide or [])
        wanted = recipient if outcome is Outcome.PERMANENT_RECIPIENT else outcome
        return ProviderError(wanted, error.code or f"http_{error.status}", shown, error.retry_after)
