"""A webhook never reaches our own network in production, however the address is dressed or the name resolves."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import requests
from pydantic import SecretStr

from app.core import addresses
from app.core.addresses import AddressRefused
from app.core.errors import Invalid
from app.core.http import HttpClient, _NamedAdapter
from app.core.providers import ConnectionResult, Outcome, ProviderError
from app.integrations import addresses as webhook_addresses
from app.integrations.addresses import address_of, checked_url
from app.messaging.channels.smtp import Smtp
from config import get_settings
from tests.certificates import make_certificate
from tests.scripted_server import answer, scripted_server


class Production:
    production = True
    own_hosts = frozenset({"relay.hospital.example"})


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch, app_context: Any) -> None:
    monkeypatch.setattr(addresses, "get_settings", Production)
    monkeypatch.setattr(webhook_addresses, "get_settings", Production)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


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
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "::7f00:1", "::ffff:0:127.0.0.1", "fec0::1",
        "ff0e::1",
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


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "64:ff9b::5db8:d822"])
def test_addresses_of_others_are_accepted(production: None, names: dict[str, list[str]], address: str) -> None:
    """The last one is an IPv4 address as a network of IPv6 alone writes it."""
    names["hooks.example.com"] = [address]
    assert address_of("https://hooks.example.com/in") == address


# ---- providers' accounts: their base URLs are chosen by a clinic, too ----


def refusal_of(call: Any) -> tuple[Outcome, str]:
    with pytest.raises(ProviderError) as refused:
        call()
    return refused.value.outcome, refused.value.code


@pytest.mark.parametrize("url", ["https://api.example.com", "https://127.0.0.1", "https://[::ffff:10.0.0.1]:8443/v1"])
def test_no_account_reaches_our_own_network(production: None, names: dict[str, list[str]], url: str) -> None:
    names["api.example.com"] = ["10.0.0.7"]
    names["::ffff:10.0.0.1"] = ["::ffff:10.0.0.1"]
    client = HttpClient(url)
    for call in (lambda: client.get("/x", attempts=3), lambda: client.post("/x", data=b"{}")):
        assert refusal_of(call) == (Outcome.PERMANENT_ACCOUNT, "private_host")


def test_no_mail_server_of_an_account_is_in_our_own_network(production: None, names: dict[str, list[str]]) -> None:
    names["mail.example.com"] = ["10.0.0.7"]
    account = Smtp.open({"from_address": "desk@example.com", "host": "mail.example.com", "security": "none"})
    report = account.test_connection()
    assert (report.result, report.detail) == (ConnectionResult.UNREACHABLE, "This host is not on the public internet.")


def test_a_host_that_the_operator_named_may_stand_anywhere(production: None, names: dict[str, list[str]]) -> None:
    """Its name is used as it is."""
    assert addresses.providers_address("Relay.Hospital.example", 25) == ""


def test_an_account_calls_the_address_that_was_looked_at(
    production: None, names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "is_public", lambda _address: True)
    names["api.invalid"] = ["127.0.0.1"]
    with scripted_server() as server:
        server.will(answer(200, {}))
        host = f"api.invalid:{server.server_address[1]}"
        assert HttpClient(f"http://{host}").get("/x").ok
        assert server.received[0].headers["host"] == host


def test_a_name_that_nobody_knows_is_safe_to_retry(production: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: Any, **__: Any) -> Any:
        raise socket.gaierror

    monkeypatch.setattr(addresses.socket, "getaddrinfo", resolve)
    assert refusal_of(lambda: HttpClient("https://api.example.com").get("/x")) == (Outcome.RETRY, "unreachable")


def test_behind_a_proxy_names_are_looked_up_there(
    production: None, names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    names["api.example.com"] = ["10.0.0.7"]
    assert refusal_of(lambda: HttpClient("https://api.example.com").get("/x"))[0] is Outcome.RETRY
    assert refusal_of(lambda: HttpClient("https://10.0.0.7").get("/x"))[1] == "private_host"


def test_the_operators_hosts_are_those_that_the_environment_names() -> None:
    mail = SecretStr("smtp+starttls://desk:pass@relay.internal:587")
    named = {
        "private_hosts": " Mail.internal, 10.0.0.9 ,",
        "smtp_url": mail,
        "zeptomail_base_url": "https://zepto.internal/v1",
    }
    settings = get_settings().model_copy(update=named)
    assert settings.own_hosts == {"mail.internal", "10.0.0.9", "relay.internal", "zepto.internal"}


def test_outside_production_any_host_may_be_called(names: dict[str, list[str]]) -> None:
    """The sandbox is one of our own."""
    assert addresses.providers_address("127.0.0.1", 8001) == ""


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
