from __future__ import annotations

import logging
import socket
import ssl
import threading
from collections.abc import Iterator

import pytest

from app.core.credentials import InvalidCredentials
from app.core.http import MAX_ANSWER_BYTES, HttpClient, basic_auth, bearer_auth, checked_base_url
from app.core.providers import Outcome, ProviderError, Timeouts
from tests.certificates import make_certificate
from tests.scripted_server import (
    PATIENCE,
    RefusingPort,
    Server,
    answer,
    deaf_port,
    dripping,
    endless,
    reset,
    scripted_server,
    silence,
    truncated,
)

SHORT = Timeouts(connect=1, read=1)  # where no answer comes
PATIENT = Timeouts(connect=30, read=30)


@pytest.fixture
def server() -> Iterator[Server]:
    with scripted_server() as running:
        yield running


@pytest.fixture
def client(server: Server) -> HttpClient:
    return HttpClient(server.url + "/base/", headers=basic_auth("user", "top-secret"), timeouts=PATIENCE)


def failure_of(call: object) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        call()  # type: ignore[operator]
    return caught.value


def test_a_call_sends_auth_query_and_ids_as_one_path_segment(server: Server, client: HttpClient) -> None:
    server.will(answer(200, {"ok": True}))
    response = client.get("/v1/orders/{id}", ids={"id": "a/b?c"}, query={"receipt": "x&y"})
    assert response.json_object() == {"ok": True}
    assert server.received[0].path == "/base/v1/orders/a%2Fb%3Fc?receipt=x%26y"
    assert server.received[0].headers["authorization"] == "Basic dXNlcjp0b3Atc2VjcmV0"


def test_a_post_sends_json_and_its_own_headers(server: Server, client: HttpClient) -> None:
    server.will(answer(201, {"id": "1"}))
    assert client.post("/things", json={"amount": 1050}, headers={"X-Key": "k"}).status == 201
    assert server.received[0].json() == {"amount": 1050}
    assert server.received[0].headers["x-key"] == "k"


@pytest.mark.parametrize("bad", ["", ".", ".."])
def test_an_id_cannot_climb_out_of_its_path(server: Server, client: HttpClient, bad: str) -> None:
    assert failure_of(lambda: client.get("/orders/{id}", ids={"id": bad})).code == "invalid_id"
    assert server.received == []


def test_refused_connection_is_safe_to_retry() -> None:
    error = failure_of(lambda: HttpClient(RefusingPort().url, timeouts=PATIENT).post("/pay", json={}))
    assert (error.outcome, error.code) == (Outcome.RETRY, "unreachable")


def test_no_connection_in_time_is_safe_to_retry() -> None:
    with deaf_port() as port:
        error = failure_of(lambda: HttpClient(f"http://127.0.0.1:{port}", timeouts=SHORT).post("/pay", json={}))
    assert (error.outcome, error.code) == (Outcome.RETRY, "unreachable")


def test_unknown_host_is_safe_to_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such_name(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
    error = failure_of(lambda: HttpClient("http://nowhere.invalid", timeouts=SHORT).post("/pay", json={}))
    assert (error.outcome, error.code) == (Outcome.RETRY, "unreachable")


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [(silence, "timed_out"), (reset, "no_answer"), (truncated(200), "no_answer"), (truncated(500), "no_answer")],
    ids=["silence", "reset", "truncated", "truncated error"],
)
def test_sent_without_an_answer_is_unknown_unless_harmless(
    server: Server, client: HttpClient, behaviour: object, code: str
) -> None:
    server.will(behaviour)  # type: ignore[arg-type]
    posted = failure_of(lambda: client.post("/pay", json={}))
    asked = failure_of(lambda: client.get("/pay"))
    repeated = failure_of(lambda: client.post("/upload", json={}, harmless=True))
    assert (posted.outcome, posted.code) == (Outcome.UNKNOWN, code)
    assert (asked.outcome, asked.code) == (Outcome.RETRY, code)
    assert repeated.outcome is Outcome.RETRY
    assert len(server.received) == 3


def test_a_refusal_stays_a_refusal_when_its_text_breaks_off(server: Server, client: HttpClient) -> None:
    server.will(truncated(400))
    assert client.post("/pay", json={}).status == 400


def test_error_statuses_are_answers(server: Server, client: HttpClient) -> None:
    server.will(answer(429, {}, Retry_After="7"), answer(500, b"oops"))
    limited, broken = client.post("/pay", json={}), client.post("/pay", json={})
    assert (limited.status, limited.retry_after()) == (429, 7)
    assert (broken.status, broken.ok, broken.retry_after()) == (500, False, None)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        ("99999999", 86400),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0),
        ("soon", None),
        ("-5", None),
        ("²", None),
    ],
)
def test_retry_after_takes_seconds_or_a_date(
    server: Server, client: HttpClient, header: str, seconds: float | None
) -> None:
    server.will(lambda handler: _dated(handler, header))
    assert client.get("/x").retry_after() == seconds


def _dated(handler: object, header: str) -> None:
    sent = "Date: Thu, 01 Jan 2026 00:00:00 GMT"
    raw = f"HTTP/1.1 429 Slow\r\n{sent}\r\nRetry-After: {header}\r\nContent-Length: 0\r\n\r\n"
    handler.wfile.write(raw.encode("latin-1"))  # type: ignore[attr-defined]


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"id":', b"[1]", b'"text"', b"\xff\xfe", b"[" * 100_000])
def test_malformed_answers_follow_what_the_call_may_have_done(server: Server, client: HttpClient, body: bytes) -> None:
    server.will(answer(200, body))
    posted = failure_of(lambda: client.post("/pay", json={}).json_object())
    asked = failure_of(lambda: client.get("/pay").json_object())
    assert (posted.outcome, posted.code) == (Outcome.UNKNOWN, "malformed_answer")
    assert (asked.outcome, asked.code) == (Outcome.RETRY, "malformed_answer")


def test_redirects_are_never_followed(server: Server, client: HttpClient) -> None:
    server.will(answer(307, {}, Location=server.url + "/elsewhere"))
    assert client.post("/pay", json={"amount": 1}).status == 307
    assert client.get("/pay").status == 307
    assert [call.path for call in server.received] == ["/base/pay", "/base/pay"]


def test_an_answer_has_a_largest_size(server: Server, client: HttpClient) -> None:
    server.will(endless)
    error = failure_of(lambda: client.post("/pay", json={}))
    assert error.outcome is Outcome.UNKNOWN
    assert str(MAX_ANSWER_BYTES) in error.message


def test_an_answer_that_drips_is_given_up(server: Server, client: HttpClient) -> None:
    server.will(dripping)
    assert failure_of(lambda: client.get("/slow")).code == "no_answer"


def test_repeats_only_when_asked_and_only_what_may_help(server: Server, client: HttpClient) -> None:
    server.will(reset, answer(503), answer(200, {}))
    assert client.get("/x", attempts=3).status == 200
    assert len(server.received) == 3
    server.received.clear()
    server.will(answer(404), answer(200))
    assert client.get("/x", attempts=3).status == 404
    assert len(server.received) == 1
    server.will(answer(503))
    assert client.get("/x", attempts=2).status == 503
    assert len(server.received) == 3


def test_credentials_that_fit_no_header_are_named_without_being_shown(server: Server) -> None:
    error = failure_of(lambda: HttpClient(server.url, headers=bearer_auth("abc\nX: y")).get("/x"))
    assert error.outcome is Outcome.PERMANENT_ACCOUNT
    assert "abc" not in error.message + str(error) + repr(error.__cause__)
    assert server.received == []


def test_logs_name_the_call_but_no_id_query_body_or_secret(
    server: Server, client: HttpClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="app")
    server.will(answer(200, {"phone": "+919876543210"}), silence)
    client.get("/v1/orders/{id}", ids={"id": "order_77"}, query={"receipt": "Asha"})
    failure_of(lambda: client.post("/v1/send", json={"to": "+919876543210"}))
    lines = [record.getMessage() for record in caplog.records if record.name == "app.core.http"]
    assert len(lines) == 2
    assert "GET" in lines[0] and "/v1/orders/{id}" in lines[0] and " 200 " in lines[0]
    assert "timed_out" in lines[1]
    text = " ".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records if record.name[:3] == "app")
    for private in ("order_77", "Asha", "9876543210", "top-secret", "dXNlcjp0b3A"):
        assert private not in text


def test_errors_hold_no_address_with_ids(server: Server, client: HttpClient) -> None:
    server.will(reset)
    error = failure_of(lambda: client.get("/v1/orders/{id}", ids={"id": "order_77"}))
    assert "order_77" not in f"{error} {error.message}"
    assert error.__cause__ is None and error.__suppress_context__


def test_threads_do_not_share_a_connection(server: Server) -> None:
    client = HttpClient(server.url, timeouts=PATIENT)
    server.will(answer(200, {"ok": 1}))
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(client.get("/x").status)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENT.read)
    assert statuses == [200] * 8


def test_a_netrc_password_never_replaces_our_own(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    netrc = tmp_path / "netrc"  # type: ignore[operator]
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setattr("app.core.http.is_loopback", lambda url: False)
    server.will(answer(200))
    HttpClient(server.url, headers=bearer_auth("token")).get("/x")
    assert server.received[0].headers["authorization"] == "Bearer token"


def test_a_proxy_of_the_environment_is_not_asked_for_our_own_machine(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", RefusingPort().url)
    monkeypatch.setenv("http_proxy", RefusingPort().url)
    server.will(answer(200))
    assert HttpClient(server.url, timeouts=PATIENT).get("/x").status == 200


def test_plain_http_behind_an_https_address_was_never_sent(server: Server) -> None:
    server.will(answer(200))
    client = HttpClient(server.url.replace("http:", "https:"), timeouts=PATIENT)
    error = failure_of(lambda: client.post("/pay", json={}))
    assert (error.outcome, error.code) == (Outcome.RETRY, "unreachable")


def test_an_untrusted_certificate_stops_the_call_before_it_is_sent(
    server: Server, untrusted_tls: ssl.SSLContext
) -> None:
    server.socket = untrusted_tls.wrap_socket(server.socket, server_side=True)
    server.will(answer(200))
    client = HttpClient(server.url.replace("http:", "https:"), timeouts=PATIENT)
    error = failure_of(lambda: client.post("/pay", json={}))
    assert (error.outcome, error.code) == (Outcome.PERMANENT_ACCOUNT, "untrusted_certificate")
    assert server.received == []


@pytest.fixture
def untrusted_tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    made = make_certificate(tmp_path_factory.mktemp("tls"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    return context


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.example.com",
        "ftp://x",
        "http://",
        "https://user:pw@host",
        "https://h/?a=1",
        "https://h/#f",
        "http://h:port",
    ],
)
def test_a_base_url_is_scheme_host_and_path(url: str) -> None:
    with pytest.raises(InvalidCredentials) as caught:
        HttpClient(url)
    assert "base_url" in caught.value.fields


def test_a_base_url_loses_its_trailing_slash() -> None:
    assert checked_base_url(" https://api.example.com/v1/ ", ("https",)) == "https://api.example.com/v1"


def test_a_client_shows_no_credentials(client: HttpClient) -> None:
    assert "top-secret" not in repr(client) and "dXNlcjp0b3A" not in repr(client)
