from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.crypto import (
    BadKeyring,
    Keyring,
    LinkExpired,
    LinkInvalid,
    Signer,
    Tampered,
    UnknownKeyVersion,
    key_version,
    same,
)

OLD, NEW = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))
BEFORE = Keyring.parse(f"1:{OLD}")
AFTER = Keyring.parse(f"2:{NEW}, 1:{OLD}")
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
SIGNER = Signer(b"a secret of the installation")


@given(st.binary(max_size=300), st.text(st.characters(codec="ascii"), min_size=1))
def test_what_is_sealed_opens_again_in_its_own_context_only(plaintext, context):
    sealed = AFTER.encrypt(plaintext, context=context)
    assert AFTER.decrypt(sealed, context=context) == plaintext
    with pytest.raises(Tampered):
        AFTER.decrypt(sealed, context=context + "x")


@given(st.data())
def test_any_altered_or_cut_octet_is_noticed(data):
    sealed = BEFORE.encrypt(b"account secret", context="provider_account:1")
    place = data.draw(st.integers(0, len(sealed) - 1))
    flip = data.draw(st.integers(1, 255))
    altered = sealed[:place] + bytes([sealed[place] ^ flip]) + sealed[place + 1 :]
    with pytest.raises((Tampered, UnknownKeyVersion)):
        BEFORE.decrypt(altered, context="provider_account:1")
    with pytest.raises(Tampered):
        BEFORE.decrypt(sealed[:place], context="provider_account:1")


def test_the_same_text_never_seals_alike_and_is_not_visible():
    seals = {AFTER.encrypt_text("rzp_secret", context="c") for _ in range(50)}
    assert len(seals) == 50
    assert all(b"rzp_secret" not in base64.urlsafe_b64decode(seal) for seal in seals)


def test_rotation_keeps_old_data_readable_and_says_what_to_seal_again():
    sealed = BEFORE.encrypt_text("हिन्दी ₹", context="row:7")
    assert AFTER.needs_rotation(sealed)
    text = AFTER.decrypt_text(sealed, context="row:7")
    rotated = AFTER.encrypt_text(text, context="row:7")
    assert (text, key_version(rotated), AFTER.needs_rotation(rotated)) == ("हिन्दी ₹", 2, False)


def test_a_key_that_was_taken_away_is_named_by_its_version():
    sealed = AFTER.encrypt(b"x", context="c")
    with pytest.raises(UnknownKeyVersion, match="version 2"):
        BEFORE.decrypt(sealed, context="c")


def test_another_key_of_the_same_version_does_not_open():
    other = Keyring.parse(f"1:{NEW}")
    with pytest.raises(Tampered):
        other.decrypt(BEFORE.encrypt(b"x", context="c"), context="c")


def test_a_context_is_required():
    with pytest.raises(ValueError, match="context"):
        BEFORE.encrypt(b"x", context="")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no encryption key"),
        ("abc", "number 1 is not"),
        (f"x:{OLD}", "number 1 is not"),
        ("1:%%%%", "version 1 is not base64"),
        ("1:c2hvcnQ=", "5 bytes instead of 32"),
        (f"1:{OLD},1:{NEW}", "given twice"),
    ],
)
def test_a_malformed_keyring_says_what_is_wrong_without_showing_keys(text, says):
    with pytest.raises(BadKeyring, match=says) as caught:
        Keyring.parse(text)
    assert OLD not in str(caught.value)


def test_keys_do_not_appear_when_a_keyring_is_printed():
    assert OLD not in repr(AFTER) and repr(bytes([1]) * 32) not in repr(AFTER)


@pytest.mark.parametrize("rubbish", ["", "not base64 é", "AAAA", base64.urlsafe_b64encode(b"\x09" * 80).decode()])
def test_rubbish_is_tampered_data_not_a_crash(rubbish):
    with pytest.raises(Tampered):
        BEFORE.decrypt_text(rubbish, context="c")


def test_macs_of_different_purposes_differ():
    assert SIGNER.mac("audit", "row") != SIGNER.mac("export", "row")
    assert SIGNER.verify_mac("audit", "row", SIGNER.mac("audit", b"row"))
    assert not SIGNER.verify_mac("audit", "row", SIGNER.mac("audit", "other"))


def test_comparison_takes_text_octets_and_accents():
    assert same("clé", "clé".encode())
    assert not same("clé", "cle")


def test_a_link_names_its_subject_until_it_expires():
    token = SIGNER.sign_link("invoice-pdf", "0190-abc", NOW + timedelta(minutes=10))
    assert SIGNER.verify_link("invoice-pdf", token, now=NOW + timedelta(minutes=10)) == "0190-abc"
    with pytest.raises(LinkExpired):
        SIGNER.verify_link("invoice-pdf", token, now=NOW + timedelta(minutes=10, seconds=1))


def test_a_link_of_one_purpose_is_worth_nothing_for_another():
    token = SIGNER.sign_link("invoice-pdf", "0190-abc", NOW)
    with pytest.raises(LinkInvalid):
        SIGNER.verify_link("pay", token, now=NOW)


@given(st.text(max_size=80))
def test_a_made_up_link_is_invalid(token):
    with pytest.raises(LinkInvalid):
        SIGNER.verify_link("pay", token, now=NOW)


@given(st.data())
def test_an_altered_link_is_invalid(data):
    token = SIGNER.sign_link("pay", "0190-abc", NOW + timedelta(days=1))
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("0aZ.-").filter(lambda letter: letter != token[place]))
    with pytest.raises(LinkInvalid):
        SIGNER.verify_link("pay", token[:place] + letter + token[place + 1 :], now=NOW)


def test_links_outlive_a_change_of_the_signing_secret():
    token = SIGNER.sign_link("pay", "0190-abc", NOW)
    assert Signer(b"new secret", b"a secret of the installation").verify_link("pay", token, now=NOW) == "0190-abc"
    with pytest.raises(LinkInvalid):
        Signer(b"new secret").verify_link("pay", token, now=NOW)


def test_an_expiry_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="zone"):
        SIGNER.sign_link("pay", "1", datetime(2026, 1, 1))
