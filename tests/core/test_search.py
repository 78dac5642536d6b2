from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.core.search import (
    InvalidPhone,
    SearchQuery,
    next_prefix,
    normalise_name,
    parse_phone,
    parse_search,
    prefix_bounds,
)

storable = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))


def read(query: SearchQuery) -> list[dict[str, str]]:
    return [{term.kind.value: term.value for term in group} for group in query.groups]


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("  José  ÁLVAREZ-Pérez ", "jose alvarez perez"),
        ("D'Souza", "dsouza"),
        ("O’Brien", "obrien"),
        ("Straße", "strasse"),
        ("Łukasz Søren Æthel", "lukasz soren aethel"),
        ("İstanbul", "istanbul"),
        ("Abernathy524", "abernathy524"),
        ("Omar१२३", "omar123"),
        ("श्रीमती कृष्णा", "श्रीमती कृष्णा"),
        ("क्‍षमा", "क्षमा"),
        ("Dr. Rao, (Jr.)", "dr rao jr"),
        ("Nguyễn", "nguyen"),
        ("!!!", ""),
    ],
)
def test_names_are_compared_in_one_normal_form(written, normal):
    assert normalise_name(written) == normal


def test_both_encodings_of_a_nukta_letter_are_one_name():
    assert normalise_name("\u0958ासिम") == normalise_name("\u0915\u093cासिम") != normalise_name("कासिम")


@given(storable)
def test_the_normal_form_is_stable(text):
    once = normalise_name(text)
    assert normalise_name(once) == once
    assert once == " ".join(once.split())


@given(storable.filter(bool), storable)
def test_prefix_bounds_hold_exactly_what_starts_with_the_prefix(prefix, text):
    low, high = prefix_bounds(prefix)
    octets = text.encode()  # PostgreSQL's ~>=~ and ~<~ compare octets
    inside = low.encode() <= octets and (high is None or octets < high.encode())
    assert inside == text.startswith(prefix)
    longer = (prefix + text).encode()
    assert low.encode() <= longer and (high is None or longer < high.encode())


@pytest.mark.parametrize(
    ("prefix", "after"),
    [("ab", "ac"), ("a\U0010ffff", "b"), ("\ud7ff", "\ue000"), ("\U0010ffff", None), ("", None), ("कृ", "कॄ")],
)
def test_the_next_prefix_skips_what_no_database_can_hold(prefix, after):
    assert next_prefix(prefix) == after


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("98765 43210", "IN", "+919876543210"),
        ("098765-43210", "in", "+919876543210"),
        ("+44 20 7946 0958", "IN", "+442079460958"),
        ("९८७६५ ४३२१०", "IN", "+919876543210"),
        ("(617) 555-0100".replace("555", "253"), "US", "+16172530100"),
    ],
)
def test_telephone_numbers_become_e164(text, region, number):
    assert parse_phone(text, region) == number


@pytest.mark.parametrize(
    ("text", "region", "reason"),
    [
        ("abc", "IN", "not_a_number"),
        ("", "IN", "not_a_number"),
        ("+999 123456", "IN", "unknown_country"),
        ("12", "IN", "too_short"),
        ("98765432101234", "IN", "too_long"),
        ("555-329-9199", "US", "not_dialable"),
        ("9876543210 x12", "IN", "has_extension"),
        ("98765 43210", "ZZ", "unknown_country"),
    ],
)
def test_a_refused_telephone_number_says_why_and_does_not_repeat_it(text, region, reason):
    with pytest.raises(InvalidPhone) as caught:
        parse_phone(text, region)
    assert caught.value.reason == reason
    assert not text or text not in str(caught.value)


@given(storable, st.sampled_from(["IN", "US", "GB", "ZZ"]))
def test_any_text_is_a_number_in_e164_or_refused(text, region):
    try:
        number = parse_phone(text, region)
    except InvalidPhone:
        return
    assert number.startswith("+") and number[1:].isdigit() and len(number) <= 16
    assert parse_phone(number, "IN") == number


@pytest.mark.parametrize(
    ("typed", "groups"),
    [
        ("kavya nair", [{"name": "kavya"}, {"name": "nair"}]),
        ("Mary-Jane O'Neil", [{"name": "mary"}, {"name": "jane"}, {"name": "oneil"}]),
        ("1990-03-04", [{"born_on": "1990-03-04"}]),
        ("rao 4/3/1990", [{"born_on": "1990-03-04"}, {"name": "rao"}]),
        ("03/13/1990", [{"born_on": "1990-03-13"}]),
        ("+91 98765 43210", [{"phone": "+919876543210"}]),
        ("9876543210", [{"mrn": "9876543210", "phone": "+919876543210"}]),
        ("98765 43", [{"phone_prefix": "+919876543"}]),
        ("+4420 794", [{"phone_prefix": "+4420794"}]),
        ("98765", [{"mrn": "98765", "phone_prefix": "+9198765"}]),
        ("00000", [{"mrn": "00000"}]),
        ("mrn 000412", [{"mrn": "000412"}]),
        ("MRN:sun-12", [{"mrn": "SUN-12"}]),
        ("sc-00012", [{"mrn": "SC-00012"}]),
        ("abernathy524", [{"mrn": "ABERNATHY524", "name": "abernathy524"}]),
        ("कृष्णा शर्मा", [{"name": "कृष्णा"}, {"name": "शर्मा"}]),
        ("asha asha", [{"name": "asha"}]),
        ("   ", []),
        ("%_'--", []),
    ],
)
def test_the_search_box_is_understood(typed, groups):
    assert read(parse_search(typed, "IN")) == groups


def test_the_order_of_day_and_month_follows_the_region():
    assert read(parse_search("03/04/1990", "IN")) == [{"born_on": "1990-04-03"}]
    assert read(parse_search("03/04/1990", "US")) == [{"born_on": "1990-03-04"}]


@given(storable)
def test_any_text_can_be_typed(typed):
    query = parse_search(typed, "IN")
    assert all(term.value for group in query.groups for term in group)
    assert bool(query) == bool(query.groups)


@given(st.from_regex(r"[a-z]{2,10}", fullmatch=True))
def test_typing_more_of_a_name_narrows_the_search(name):
    assume(name != "mrn")
    (whole,) = parse_search(name, "IN").groups
    (part,) = parse_search(name[:-1], "IN").groups
    assert whole[0].value.startswith(part[0].value)
