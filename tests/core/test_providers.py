from __future__ import annotations

import pytest
from pydantic import SecretStr

from app.core.credentials import CredentialModel, InvalidCredentials, credential
from app.core.providers import (
    CONNECTION_TEXTS,
    MALFORMED,
    NO_ANSWER,
    TIMED_OUT,
    UNREACHABLE,
    UNTRUSTED,
    BadSignature,
    ConnectionResult,
    Outcome,
    Provider,
    ProviderError,
    UnknownProvider,
    check_hmac_sha256,
    provider_with_code,
    safe_text,
)


class Keys(CredentialModel):
    token: SecretStr = credential("Token")


class Probed(Provider[Keys]):
    """A provider whose test call ends as told."""

    code = "probed"
    label = "Probed"
    channel = "test"
    Credentials = Keys
    default_base_url = "https://probed.test/"
    ending: ProviderError | None = None

    def probe(self) -> str:
        if self.ending:
            raise self.ending
        return "Account 7"


def opened() -> Probed:
    return Probed.open({"token": "very-secret-token"})


@pytest.mark.parametrize(
    ("outcome", "code", "result"),
    [
        (Outcome.PERMANENT_ACCOUNT, "190", ConnectionResult.WRONG_CREDENTIALS),
        (Outcome.RETRY, TIMED_OUT, ConnectionResult.TIMED_OUT),
        (Outcome.RETRY, NO_ANSWER, ConnectionResult.TIMED_OUT),
        (Outcome.RETRY, UNREACHABLE, ConnectionResult.UNREACHABLE),
        (Outcome.PERMANENT_ACCOUNT, UNTRUSTED, ConnectionResult.UNTRUSTED),
        (Outcome.RETRY, "http_503", ConnectionResult.BUSY),
        (Outcome.RETRY_LATER, "quota", ConnectionResult.BUSY),
        (Outcome.RETRY, MALFORMED, ConnectionResult.UNUSABLE),
        (Outcome.PERMANENT_MESSAGE, "http_404", ConnectionResult.UNUSABLE),
        (Outcome.UNKNOWN, "odd", ConnectionResult.UNUSABLE),
    ],
)
def test_a_failed_test_call_is_told_by_its_cause(outcome: Outcome, code: str, result: ConnectionResult) -> None:
    provider = opened()
    provider.ending = ProviderError(outcome, code, "said the provider")
    report = provider.test_connection()
    assert (report.result, report.ok, report.detail) == (result, False, "said the provider")


def test_a_good_test_call_tells_about_the_account() -> None:
    report = opened().test_connection()
    assert (report.ok, report.detail, report.text) == (True, "Account 7", CONNECTION_TEXTS[ConnectionResult.CONNECTED])


def test_every_result_has_its_own_words() -> None:
    assert set(CONNECTION_TEXTS) == set(ConnectionResult)
    assert len(set(CONNECTION_TEXTS.values())) == len(ConnectionResult)


def test_a_provider_opens_from_stored_values_and_shows_none_of_them() -> None:
    provider = opened()
    assert provider.base_url == "https://probed.test"
    assert Probed.open({"token": "t"}, base_url="http://127.0.0.1:9/x/").base_url == "http://127.0.0.1:9/x"
    assert "very-secret" not in repr(provider) + str(vars(provider))
    with pytest.raises(InvalidCredentials):
        Probed.open({})


def test_providers_are_found_by_code() -> None:
    assert provider_with_code((Probed,), "probed") is Probed
    with pytest.raises(UnknownProvider):
        provider_with_code((Probed,), "other")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Malformed token very-secret-token", "Malformed token ••••"),
        ("550 5.1.1 <asha.rao@example.org>: unknown\r\nuser", "550 5.1.1 <••••>: unknown user"),
        ("call +91 98765 43210 now", "call •••• now"),
        ("call 919876543210.", "call ••••."),
        ("(#131047) Message failed, order_12345678901 kept", "(#131047) Message failed, order_12345678901 kept"),
        (None, "None"),
    ],
)
def test_a_providers_words_lose_secrets_and_contacts(said: object, shown: str) -> None:
    assert opened().safe_text(said) == shown


def test_given_values_are_hidden_too_and_long_texts_cut() -> None:
    assert safe_text("to Asha Rao", hide=["Asha Rao", ""]) == "to ••••"
    assert len(safe_text("word " * 200)) == 300


def test_two_megabytes_are_not_searched_for_hours() -> None:
    """What a provider may answer: a search that takes the square of it would stop the whole process."""
    assert safe_text("a" * 2_000_000) == ""
    assert safe_text("word " * 400_000).startswith("word word")
    cut = safe_text("x " * 1498 + "meera@example.com" + " y" * 1000)
    assert "meera" not in cut
    hidden = safe_text("a@b.example " * 249 + "meera@example.com" + " y" * 1000)
    assert "meera" not in hidden


def test_an_error_names_outcome_and_code() -> None:
    error = ProviderError(Outcome.UNKNOWN, "timed_out", "No answer in time.", retry_after=5)
    assert str(error) == "unknown: timed_out"
    assert (error.message, error.retry_after) == ("No answer in time.", 5)


def test_no_secret_means_no_signature() -> None:
    with pytest.raises(BadSignature):
        check_hmac_sha256(b"body", "anything", [])
    with pytest.raises(BadSignature):
        check_hmac_sha256(b"body", None, ["secret"])
