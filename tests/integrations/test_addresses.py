"""A webhook never reaches our own network in production, however the address is dressed or the name resolves."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import requests

from app.core.errors import Invalid
from app.core.http import HttpClient, _NamedAdapter
from app.integrations import addresses
from app.integrations.addresses import AddressRefused, address_of, checked_url
from tests.certificates import make_certificate
from tests.scripted_server import answer, scripted_server


class Production:
    production = True


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch, app_context: Any) -> None:
    monkeypatch.setattr(addresses, "get_settings", Production)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What names resolve to."""
    known: dict[str, list[str]] = {}

    def resolve(host: str, port: int, *_family: Any, **_: Any) -> list[Any]:
        found = known.get(host)
        if found is None:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(addresses.socket, "getaddrinfo", resolve)
    return known


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
        "255.255.255.255", "::1", "fe80::1", "fc00::1", "::ffff:127.0.0.1", "2002:7f00:1::", "::ffff:10.0.0.1",
    ],
)  # fmt: skip
def test_addresses_of_ours_are_refused(production: None, names: dict[str, list[str]], address: str) -> None:
    names["hooks.example.com"] = [address]
    with pytest.raises(AddressRefused):
        address_of("https://hooks.example.com/in")


def test_one_bad_address_among_good_ones_is_enough(production: None, names: dict[str, list[str]]) -> None:
    names["hooks.example.com"] = ["93.184.216.34", "10.0.0.1"]
    with pytest.raises(AddressRefused):
        address_of("https://hooks.example.com/in")


def test_a_public_host_is_accepted_over_https_only(production: None, names: dict[str, list[str]]) -> None:
    names["hooks.example.com"] = ["93.184.216.34"]
    assert address_of("https://hooks.example.com/in") == "93.184.216.34"
    assert checked_url("https://hooks.example.com/in/") == "https://hooks.example.com/in"
    with pytest.raises(Invalid):
        checked_url("http://hooks.example.com/in")


def test_the_connection_goes_to_the_address_that_was_looked_at(names: dict[str, list[str]]) -> None:
    """The name resolves to nothing any more, as after DNS rebinding: it is not asked again."""
    with scripted_server() as server:
        server.will(answer(200, {}))
        port = server.server_address[1]
        client = HttpClient(f"http://hooks.invalid:{port}/in", address="127.0.0.1")
        assert client.post("", data=b"{}").ok
        assert server.received[0].headers["host"] == f"hooks.invalid:{port}"


@pytest.mark.parametrize(("name", "accepted"), [("127.0.0.1", True), ("hooks.example.com", False)])
def test_the_certificate_must_be_that_of_the_name(tmp_path: Path, name: str, accepted: bool) -> None:
    """Whatever address the name was found at: the certificate of the server is for 127.0.0.1."""
    certificate = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    with scripted_server() as server, requests.Session() as session:
        server.will(answer(200, {}))
        server.socket = context.wrap_socket(server.socket, server_side=True)
        session.trust_env = False
        session.mount("https://", _NamedAdapter(name))
        url = f"https://127.0.0.1:{server.server_address[1]}/in"
        if accepted:
            assert session.post(url, verify=str(certificate.certificate)).ok
        else:
            with pytest.raises(requests.exceptions.SSLError):
                session.post(url, verify=str(certificate.certificate))
