"""Where a call of ours may go: in production never into our own network (OWASP SSRF), whatever a name means later.

The name is resolved once for each call, every address that it has is looked at, and the connection goes to the one
that was: a second answer of the name's server (DNS rebinding) is never asked for.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from app.core.providers import N_
from config import get_settings

Address = IPv4Address | IPv6Address

# IPv6 of which anything is given out at all; and how networks of IPv6 alone write an IPv4 address (RFC 6052).
_UNICAST = ip_network("2000::/3")
_NAT64 = ip_network("64:ff9b::/96")


class AddressRefused(Exception):
    """`str()` is a text to be translated."""


class UnknownHost(AddressRefused):
    """The name resolves to nothing."""

    def __init__(self) -> None:
        super().__init__(N_("No such host is known."))


class PrivateHost(AddressRefused):
    """The host stands in a network that must not be reached."""

    def __init__(self) -> None:
        super().__init__(N_("This host is not on the public internet."))


def address_of(host: str, port: int) -> str:
    """The IP address to connect to. Raises AddressRefused."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise UnknownHost from None
    addresses = [ip_address(str(item[4][0]).partition("%")[0]) for item in found]
    if get_settings().production and not all(is_public(address) for address in addresses):
        raise PrivateHost
    return str(addresses[0])


def providers_address(host: str, port: int) -> str:
    """The same for the host of a provider's account, which an operator may have allowed by its name; empty where the
    name may be used as it is. Raises AddressRefused.
    """
    settings = get_settings()
    if not settings.production or host.lower() in settings.own_hosts:
        return ""
    return address_of(host, port)


def check_literal(host: str) -> None:
    """For a name that a proxy will look up: at least it is no address of ours. Raises PrivateHost."""
    settings = get_settings()
    try:
        address = ip_address(host)
    except ValueError:
        return
    if settings.production and host not in settings.own_hosts and not is_public(address):
        raise PrivateHost


def is_public(address: Address) -> bool:
    """An IPv4 address in IPv6's clothes is looked at as what it is."""
    inner = _inner(address)
    if inner is not None:
        return is_public(inner)
    given_out = isinstance(address, IPv4Address) or address in _UNICAST
    return given_out and address.is_global and not address.is_multicast


def _inner(address: Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour
