"""A clinic's own wording: what it may do, versions, preview, and the way back to the default."""

from __future__ import annotations

import time
from typing import Any

import pytest
from sqlalchemy import select

from app.core.errors import Invalid, NotFound
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.messaging.delivery import send
from app.messaging.models import Channel, ClinicTemplate, Message, MessageStatus
from app.messaging.rendering import push_text
from app.messaging.strict_jinja import RefusedTemplate, check_source, fill
from app.messaging.templates import TEMPLATES
from app.messaging.wording import (
    LANGUAGES,
    find_own_wording,
    preview,
    sample_variables,
    save_wording,
    use_default,
    use_version,
)
from tests.factories.access import make_member
from tests.messaging.conftest import MAIL, PHONE

NAMES = ("patient", "amount")

REFUSED = {
    "loop": "{% for i in patient %}x{% endfor %}",
    "range": "{{ range(10) }}",
    "import": "{% import 'x' as y %}",
    "from import": "{% from 'x' import y %}",
    "include": "{% include '/etc/passwd' %}",
    "extends": "{% extends 'x' %}",
    "macro": "{% macro m() %}{% endmacro %}",
    "attribute": "{{ patient.__class__ }}",
    "plain attribute": "{{ patient.upper }}",
    "item": "{{ patient['x'] }}",
    "call": "{{ patient() }}",
    "ten megabytes": "{{ 'x' * 10000000 }}",
    "power": "{{ 9 ** 9 }}",
    "joined": "{{ patient ~ patient }}",
    "doubling": "{% set a = patient %}{{ a }}",
    "with": "{% with a = patient %}{{ a }}{% endwith %}",
    "block set": "{% set a %}x{% endset %}",
    "wide": "{{ patient|center(10000000) }}",
    "format": "{{ '%10000000s'|format(patient) }}",
    "replace": "{{ patient|replace('a', 'aa') }}",
    "attr": "{{ patient|attr('__class__') }}",
    "map": "{{ patient|map('upper')|list }}",
    "test": "{{ patient is defined }}",
    "list": "{{ [patient] }}",
    "unknown name": "{{ salary }}",
    "config": "{{ config }}",
    "self": "{{ self }}",
    "long": "x" * 10_001,
    "deep": "{{ " + "(" * 500 + "patient" + ")" * 500 + " }}",
    "nested ifs": "{% if patient %}" * 60 + "{% endif %}" * 60,
    "broken": "{{ patient",
    "autoescape": "{% autoescape false %}x{% endautoescape %}",
    "infinity": "{% if patient == 'Nobody' and 1e999 %}x{% endif %}",
    "infinity shown": "{{ 1e999 }}",
    "digits": "{{ " + "9" * 5000 + " }}",
    "hexadecimal digits": "{{ 0x" + "f" * 5000 + " }}",
    "NUL": "a\x00b",
    "NUL spelt": r"{% if patient == 'Nobody' %}{{ '\0' }}{% endif %}",
    "half a character": r"{{ patient|default('\ud800') }}",
}


@pytest.mark.parametrize("source", REFUSED.values(), ids=REFUSED)
def test_what_could_run_long_or_reach_anything_is_refused(app_context: Any, source: str) -> None:
    begin = time.process_time()
    with pytest.raises(RefusedTemplate) as refused:
        check_source(source, NAMES)
    assert str(refused.value)
    assert time.process_time() - begin < 2


def test_what_is_left_words_a_message(app_context: Any) -> None:
    source = "{% if amount == '0' %}free{% else %}{{ patient|upper|trim }} owes {{ amount|default('-') }}{% endif %}"
    check_source(source, NAMES)
    assert fill(source, {"patient": " Meera ", "amount": "800"}) == "MEERA owes 800"


def test_ten_megabytes_by_variables_are_refused_too(app_context: Any) -> None:
    source = "{{ patient }}" * 700
    check_source(source, NAMES)
    with pytest.raises(RefusedTemplate):
        fill(source, {"patient": "x" * 20_000})


def test_every_default_keeps_to_the_same_rules(in_clinic: Any) -> None:
    for name, template in TEMPLATES.items():
        for language in LANGUAGES:
            for source in (template.subject[language], template.text[language]):
                check_source(source, template.variables)
                assert fill(source, sample_variables(name)).strip()


def test_a_push_text_names_nobody(app_context: Any) -> None:
    for name in TEMPLATES:
        for language in LANGUAGES:
            assert "{{" not in push_text(name, language)
    assert "visit" in push_text("appointment_confirmed", "en")


def own(subject: str = "Paid: {{ number }}", body: str = "Thanks, {{ patient }}!", **more: Any) -> ClinicTemplate:
    with unit_of_work():
        return save_wording("invoice_paid", more.pop("channel", "email"), "en", subject=subject, body=body, **more)


def test_a_clinics_own_wording_goes_out_with_its_colour(
    clinic: Any, other_clinic: Any, reachable: Any, queued: Any
) -> None:
    with tenant_scope(clinic.id):
        own()
        assert find_own_wording("invoice_paid", "email", "en_IN") is not None
    with tenant_scope(other_clinic.id):
        assert find_own_wording("invoice_paid", "email", "en") is None
    send(clinic.id, queued())
    (mail,) = reachable.messages(channel="email", to=MAIL)
    assert mail["subject"] == "Paid: INV/1"
    assert mail["body"].strip() == "Thanks, Meera Iyer!"
    assert "style=" in mail["html"]
    assert "<style" not in mail["html"]


def test_versions_are_kept_and_come_back(in_clinic: Any) -> None:
    first = own(body="One {{ patient }}").id
    own(body="Two {{ patient }}")
    with unit_of_work():
        use_version(db.session.get_one(ClinicTemplate, first))
    current = find_own_wording("invoice_paid", "email", "en")
    assert current is not None
    assert (current.version, current.body) == (3, "One {{ patient }}")
    with unit_of_work():
        use_default("invoice_paid", "email", "en")
    assert find_own_wording("invoice_paid", "email", "en") is None
    assert sorted(db.session.scalars(select(ClinicTemplate.version))) == [1, 2, 3]


def test_a_wording_that_would_not_work_is_not_saved(in_clinic: Any) -> None:
    with pytest.raises(Invalid) as refused:
        own(subject="{{ salary }}", body="{% for i in patient %}{% endfor %}")
    assert set(refused.value.fields or {}) == {"subject", "body"}
    with pytest.raises(Invalid) as empty:
        own(body="  ", positions=["salary"], channel="whatsapp")
    assert set(empty.value.fields or {}) == {"body", "positions"}
    for place in (("no_such", "email", "en"), ("invoice_paid", "push", "en"), ("invoice_paid", "email", "fr")):
        with pytest.raises(NotFound):
            save_wording(*place, subject="", body="x")


def test_a_broken_wording_falls_back_to_the_default_and_tells_the_admins_once(
    clinic: Any, reachable: Any, queued: Any, look: Any
) -> None:
    admin = make_member(clinic.id, "CLINIC_ADMIN")
    with tenant_scope(clinic.id):
        broken = own()
        with unit_of_work():
            db.session.get_one(ClinicTemplate, broken.id).body = "{% for x in patient %}"  # from before a stricter rule
    ids = [queued(key="a"), queued(key="b")]
    for message_id in ids:
        send(clinic.id, message_id)
    assert {look(message_id).status for message_id in ids} == {MessageStatus.SENT}
    assert {mail["subject"] for mail in reachable.messages(channel="email", to=MAIL)} == {"Receipt for invoice INV/1"}
    with tenant_scope(clinic.id):
        alerts = db.session.scalars(select(Message).where(Message.template == "template_broken")).all()
        assert [alert.recipient for alert in alerts] == [admin.id]
        assert alerts[0].variables["template"] == "Receipt for invoice ‹number›"
        assert db.session.scalars(select(ClinicTemplate)).one().state == "FAILED"


def test_whatsapp_uses_the_approved_name_and_order(clinic: Any, reachable: Any, queued: Any) -> None:
    with tenant_scope(clinic.id):
        own(
            channel="whatsapp",
            approved={"whatsapp_cloud": "sunrise_paid_v2"},
            positions=["amount", "number"],
        )
    send(clinic.id, queued("whatsapp", PHONE))
    (arrived,) = reachable.messages(channel="whatsapp", to=PHONE)
    assert arrived["template"]["name"] == "sunrise_paid_v2"
    values = [item["text"] for part in arrived["template"]["components"] for item in part["parameters"]]
    assert values == ["₹ 800.00", "INV/1"]


def test_a_preview_shows_sample_data(in_clinic: Any) -> None:
    shown = preview("invoice_paid", "email", "en", "For {{ patient }}", "{{ clinic }}: {{ amount }}")
    assert shown.subject == "For Meera Iyer"
    assert shown.text == "Sunrise Clinic: ₹ 800.00"
    assert shown.html.startswith("<!DOCTYPE html>")
    assert Channel.EMAIL == "email"
