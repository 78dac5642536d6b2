"""Where a webhook may go: never into our own network (OWASP SSRF), whatever a name resolves to later.

The name is resolved once for each call, every address that it has is looked at, and the connection goes to the one
that was: a second answer of the name's server (DNS rebinding) is never asked for.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from flask_babel import gettext as _

from app.core.credentials import InvalidCredentials
from app.core.errors import Invalid
from app.core.http import checked_base_url
from config import get_settings

Address = IPv4Address | IPv6Address


class AddressRefused(Exception):
    """The endpoint's host is not known, or stands in a network that must not be reached."""


def checked_url(url: str) -> str:
    """The URL of an endpoint. Raises Invalid."""
    schemes = ("https",) if get_settings().production else ("http", "https")
    try:
        known = checked_base_url(url, schemes)
        address_of(known)
    except InvalidCredentials as error:
        raise Invalid(fields={"url": " ".join(_(text) for text in error.fields.values())}) from None
    except AddressRefused as error:
        raise Invalid(fields={"url": str(error)}) from None
    return known


def address_of(url: str) -> str:
    """The IP address to connect to. Raises AddressRefused."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise AddressRefused(_("No such host is known.")) from None
    addresses = [ip_address(str(item[4][0]).partition("%")[0]) for item in found]
    if get_settings().production and not all(_is_public(address) for address in addresses):
        raise AddressRefused(_("This host is not on the public internet."))
    return str(addresses[0])


def _is_public(address: Address) -> bool:
    """An IPv4 address in IPv6's clothes is looked at as what it is."""
    inner = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    if inner is not None:
        return _is_public(inner)
    return address.is_global and not address.is_multicast
