"""No test leaves the machine: connections to anything but loopback and unix sockets fail at once."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

_connect = socket.socket.connect


class NetworkBlocked(RuntimeError):
    """A test tried to reach another machine."""


def _guarded(self: socket.socket, address: Any) -> Any:
    if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
        raise NetworkBlocked(f"a test tried to connect to {address[0]}")
    return _connect(self, address)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def block_network() -> None:
    socket.socket.connect = _guarded  # type: ignore[method-assign]
