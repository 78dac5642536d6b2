"""An e-mail as bytes: text with its HTML alternative, files, and the headers that good mail carries."""

from __future__ import annotations

import re
from datetime import datetime
from email.contentmanager import raw_data_manager
from email.header import Header
from email.message import EmailMessage
from email.policy import Compat32
from email.utils import format_datetime, formataddr
from secrets import token_hex

from app.core.providers import Outcome, ProviderError
from app.messaging.channels.base import Attachment, OutgoingMessage


class _PlainHeaders(Compat32):
    """Headers stay the text that they are given: the newer policies parse each one anew, for six times the time."""

    content_manager = raw_data_manager


# Seven-bit bodies pass every server; 8BITMIME need not be asked for. Encoded words may have 75 characters (RFC 2047).
_POLICY = _PlainHeaders(linesep="\r\n", cte_type="7bit", max_line_length=75)
_LOCAL_PART = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}")
_LONGEST_ADDRESS = 254


def ascii_address(address: str) -> str:
    """The address with its domain in IDNA form, as SMTP without SMTPUTF8 needs it. Raises ValueError."""
    local, at, domain = address.strip().rpartition("@")
    if not at or not _LOCAL_PART.fullmatch(local):
        raise ValueError("not an address that every mail server takes")
    encoded = f"{local}@{domain.encode('idna').decode('ascii')}"
    if len(encoded) > _LONGEST_ADDRESS or not re.fullmatch(r"[A-Za-z0-9.-]+", encoded.rpartition("@")[2]):
        raise ValueError("not an address that every mail server takes")
    return encoded


def recipient_address(address: str) -> str:
    """The recipient in ASCII. Raises ProviderError: no later attempt will make the address better."""
    try:
        return ascii_address(address)
    except ValueError:
        text = "The e-mail address is not well formed."
        raise ProviderError(Outcome.PERMANENT_RECIPIENT, "invalid_address", text) from None


def build_mail(message: OutgoingMessage, *, sender: str, name: str, to: str, at: datetime) -> EmailMessage:
    """The mail from and to ASCII addresses. Its Message-ID comes from the delivery id: a repeat is recognised.

    Raises ValueError or LookupError for what no mail can hold.
    """
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = formataddr((_name(name), sender))
    mail["To"] = to
    mail["Subject"] = _one_line(message.subject)
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = message_id(message.delivery_id, sender)
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no vacation replies to a machine
    if message.unsubscribe_url:
        mail["List-Unsubscribe"] = f"<{_one_line(message.unsubscribe_url)}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    _set_body(mail, message)
    if message.attachments:
        mail.make_mixed(boundary=_boundary())
    for attachment in message.attachments:
        _attach(mail, attachment)
    return mail


def message_id(delivery_id: str, sender: str) -> str:
    """RFC 5322 msg-id of a delivery, below the sender's own domain."""
    return f"<{re.sub(r'[^A-Za-z0-9.-]', '', delivery_id)}@{sender.rpartition('@')[2]}>"


def _set_body(mail: EmailMessage, message: OutgoingMessage) -> None:
    if message.text or not message.html:
        mail.set_content(message.text)
    if message.text and message.html:
        mail.make_alternative(boundary=_boundary())
        mail.add_alternative(message.html, subtype="html")
    elif message.html:
        mail.set_content(message.html, subtype="html")


def _attach(mail: EmailMessage, attachment: Attachment) -> None:
    kind, *rest = (part.strip() for part in _one_line(attachment.mime).split(";"))
    main, _, sub = kind.partition("/")
    params = dict(part.partition("=")[::2] for part in rest if "=" in part)
    name = _one_line(attachment.name)
    mail.add_attachment(attachment.content, maintype=main, subtype=sub or "octet-stream", filename=name, params=params)


def _boundary() -> str:
    """Nobody's text holds it: the library would look through all of it for one of its own."""
    return f"=_{token_hex(16)}"


def _name(text: str) -> str:
    """A name as it stands before an address: encoded words (RFC 2047) where it is not plain ASCII."""
    line = _one_line(text)
    return line if line.isascii() else _one_line(Header(line, "utf-8", _POLICY.max_line_length, "From").encode())


def _one_line(text: str) -> str:
    """A header's text: line breaks would start another header. Raises ValueError for what is no text."""
    return " ".join(text.encode().decode().split())
