from __future__ import annotations

import json
import logging
import threading
from enum import Enum

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import IntegrityError

from app.core.logging import (
    BufferedWriter,
    Kind,
    allow_keys,
    bind,
    bound,
    clear,
    configure_logging,
    flush,
    get_logger,
    mask,
    operation,
    scrub,
)
from app.core.logging.failures import describe
from app.core.logging.masking import NET_TEXT

CLINIC = "0199a2b4-7c1e-7f00-8a11-2b3c4d5e6f70"


@pytest.fixture
def restored():
    """Other tests keep their own logging."""
    root = logging.getLogger()
    before, configured = (root.handlers, root.level), structlog.get_config()
    yield
    clear()
    root.handlers, root.level = before
    structlog.configure(**configured)


class Lines(list[bytes]):
    """A sink that remembers."""

    def records(self) -> list[dict]:
        flush()
        return [json.loads(line) for line in b"".join(self).splitlines()]


@pytest.fixture
def lines(restored):
    written = Lines()
    writer = BufferedWriter(written.append, interval=3600)
    configure_logging(service="web", production=True, level="DEBUG", writer=writer)
    yield written
    writer.close()


def test_a_record_says_who_where_and_what(lines):
    bind(request_id="req-1", trace_id="abc", user_id="u-7", clinic_id=CLINIC)
    get_logger(Kind.API).info("request finished", status=200, duration_ms=12.5, route="/api/v1/patients")
    (record,) = lines.records()
    assert record.pop("timestamp").endswith("+00:00")
    assert record == {
        "level": "INFO", "kind": "API", "event": "request finished", "service": "web", "request_id": "req-1",
        "trace_id": "abc", "user_id": "u-7", "clinic_id": CLINIC, "status": 200, "duration_ms": 12.5,
        "route": "/api/v1/patients",
    }  # fmt: skip


def test_the_context_of_one_thread_is_not_another_ones(lines):
    bind(user_id="u-1")
    thread = threading.Thread(target=lambda: get_logger().info("elsewhere"))
    thread.start()
    thread.join()
    get_logger().info("here")
    assert [record.get("user_id") for record in lines.records()] == [None, "u-1"]


def test_a_block_binds_and_gives_back(lines):
    bind(operation="outer")
    with bound(operation="inner"):
        get_logger().info("a")
    get_logger().info("b")
    assert [record["operation"] for record in lines.records()] == ["inner", "outer"]


def test_an_unknown_context_is_refused():
    with pytest.raises(ValueError, match="patient_name"):
        bind(patient_name="Kavya")


def test_an_operation_is_timed_also_when_it_fails(lines):
    with pytest.raises(LookupError), operation("invoice.render", pages=3, job_id="j-1"):
        raise LookupError
    (record,) = lines.records()
    assert (record["operation"], record["outcome"], record["job_id"]) == ("invoice.render", "failed", "j-1")
    assert record["duration_ms"] >= 0


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error", "critical"])
def test_there_are_five_levels(lines, level):
    getattr(get_logger(), level)("something")
    assert [record["level"] for record in lines.records()] == [level.upper()]


def test_below_the_level_nothing_is_written(restored):
    written = Lines()
    configure_logging(service="web", production=True, level="WARNING", writer=BufferedWriter(written.append))
    get_logger().info("quiet")
    logging.getLogger("app.people").info("quiet")
    get_logger().warning("loud")
    assert [record["event"] for record in written.records()] == ["loud"]


class Colour(Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("patient_name", "Kavya Nair", "[masked]"),
        ("diagnosis", "asthma", "[masked]"),
        ("otp", 123456, "[masked]"),
        ("age", 34, "[masked]"),
        ("password", "hunter2", "[masked]"),
        ("body", {"firstName": "Kavya", "urgent": True}, {"firstName": "[masked]", "urgent": True}),
        ("names", ["Kavya", "Meera"], ["[masked]", "[masked]"]),
        ("status", "PAID", "PAID"),
        ("status", Colour.RED, "red"),
        ("appointment_id", CLINIC, CLINIC),
        ("appointment_ids", [CLINIC, 7], [CLINIC, 7]),
        ("email_id", "kavya@example.org", "[masked]"),
        ("row_count", 12, 12),
        ("row_count", "twelve", "[masked]"),
        ("due_at", "2026-11-21T08:00:00+00:00", "2026-11-21T08:00:00+00:00"),
        ("due_at", "Kavya's birthday", "[masked]"),
        ("enabled", True, True),
        ("anything", None, None),
        ("provider", "call +91 98765 43210", "call [number]"),
        ("reason", ValueError("bad name 'Kavya'"), "bad name …"),
    ],
)
def test_only_known_keys_show_their_values(key, value, shown):
    assert mask({key: value}) == {key: shown}


def test_a_slice_may_declare_a_harmless_key():
    assert mask({"kiosk_colour_scheme": "dark"}) == {"kiosk_colour_scheme": "[masked]"}
    allow_keys("kiosk_colour_scheme")
    assert mask({"kiosk_colour_scheme": "dark"}) == {"kiosk_colour_scheme": "dark"}


def test_deep_and_long_values_end():
    deep: dict = {}
    deep["next"] = deep
    assert "[masked]" in json.dumps(mask({"status": deep}))
    assert len(mask({"row_ids": list(range(1000))})["row_ids"]) == 50


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("mail kavya.nair+x@mail.example.org bounced", "mail [email] bounced"),
        ("login of receptionist@sunrise.demo", "login of [email]"),
        ("call +91 98765-43210 now", "call [number] now"),
        ("call 9876543210", "call [number]"),
        ("(617) 253-0100", "[number]"),
        ("card 4111 1111 1111 1111 declined", "card [number] declined"),
        ("Authorization: Bearer abc.DEF-123", "Authorization: Bearer [masked]"),
        ("got eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJ back", "got [token] back"),
        ("key rzp_test_AbC123xyz", "key rzp_test_[masked]"),
        ('{"password": "hunter2", "x": 1}', '{"password": [masked], "x": 1}'),
        ("postgresql://app:s3cret@db/clinic", "postgresql://[masked]@db/clinic"),
        ('"GET /patients?q=Kavya&limit=5 HTTP/1.1" 200', '"GET /patients?q=[masked]&limit=[masked] HTTP/1.1" 200'),
        ("failed DETAIL:  Key (phone)=(+919876543210) already exists.", "failed DETAIL: [masked]"),
        ("error [parameters: {'name': 'Kavya'}]", "error [parameters: [masked]]"),
    ],
)
def test_the_net_catches_what_free_text_gives_away(text, clean):
    assert scrub(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21 08:00:00,123 worker started",
        "2026-11-21T08:00:00.123456+00:00",
        f"invoice {CLINIC} paid",
        "invoice 01990000-1234-7000-8000-123456789012 paid",
        "listening on 127.0.0.1:8000",
        "took 1234.5678 ms for 200000 rows",
        "default: app.billing.jobs.render_invoice (0199a2b4)",
    ],
)
def test_the_net_lets_technical_facts_through(text):
    assert scrub(text) == text


GIVEAWAYS = [
    "kavya@example.org", "a@demo", "+91 98765 43210", "4111-1111-1111-1111", "eyJhbGciOi.eyJzdW.SflK", "q?name=Kavya",
    "rzp_live_Abc123", "whsec_Abc123", "bearer Abc.123", "password=hunter2", "otp: 445566", "redis://:pw@host",
]  # fmt: skip


@given(st.sampled_from(GIVEAWAYS), st.text("abc ,;\n", max_size=20), st.text("abc ,;\n", max_size=20))
def test_the_net_works_anywhere_in_a_text(giveaway, before, after):
    assert giveaway not in scrub(f"{before} {giveaway} {after}")


@given(st.sampled_from(GIVEAWAYS), st.integers(0, 40))
def test_the_net_leaves_no_half_where_a_long_text_is_cut(giveaway, before_the_cut):
    start = "x " * (NET_TEXT // 2 - before_the_cut)
    assert set(scrub(f"{start} {giveaway} {start}")) == set("x …")
    shortened = "?n=" + "x" * (NET_TEXT - 20)  # so that what stands at the cut comes to stand within what is shown
    assert giveaway[:8] not in scrub(f"{shortened} {giveaway * 40}")


@pytest.mark.parametrize("text", ["a" * 3_000_000 + "?", "+" * 3_000_000 + "@", "«" * 3_000_000])
def test_a_text_without_end_is_written_as_soon_as_any(text):
    """The net and the look for quotes would take the square of three millions: hours."""
    assert len(scrub(describe(ValueError(text)).message)) <= 2001


@given(st.text(max_size=300))
def test_any_text_can_be_scrubbed(text):
    assert len(scrub(text)) <= 2 * 2000


def test_a_database_error_is_logged_without_its_values(lines):
    driver = Exception(
        'duplicate key value violates unique constraint "uq_patient"\nDETAIL:  Key (phone)=(+9198) exists'
    )
    try:
        try:
            raise driver
        except Exception as error:
            raise IntegrityError("INSERT INTO patient", {"name": "Kavya Nair"}, error) from error
    except IntegrityError:
        get_logger().exception("could not save")
    (record,) = lines.records()
    assert (record["level"], record["kind"]) == ("ERROR", "SYSTEM")
    assert record["exception"]["type"] == "sqlalchemy.exc.IntegrityError"
    assert record["exception"]["stack"][-1].startswith("tests/core/test_logging.py:")
    assert record["exception"]["cause"]["message"] == "duplicate key value violates unique constraint …"
    assert "Kavya" not in json.dumps(record) and "+9198" not in json.dumps(record)


class Form(BaseModel):
    age: int


@pytest.mark.parametrize("fault", [lambda: {}["Kavya"], lambda: int("Kavya"), lambda: Form(age="Kavya")])
def test_messages_that_repeat_their_input_do_not(lines, fault):
    try:
        fault()
    except (KeyError, ValueError, ValidationError):
        logging.getLogger("app.people").exception("import failed")
    (record,) = lines.records()
    assert record["kind"] == "ERROR" and record["logger"] == "app.people"
    assert record["exception"]["stack"]
    assert "Kavya" not in json.dumps(record)


def test_errors_about_code_keep_their_words(lines):
    try:
        None.missing  # noqa: B018
    except AttributeError as error:
        get_logger().error("bug", exc_info=error)
    assert lines.records()[0]["exception"]["message"] == "'NoneType' object has no attribute 'missing'"


def test_libraries_are_taken_in_with_their_kind(lines):
    logging.getLogger("sqlalchemy.pool").warning("connection %s reset", "c1")
    logging.getLogger("werkzeug").info('%s "%s"', "127.0.0.1", "GET /patients?q=Kavya HTTP/1.1")
    logging.getLogger("rq.queue").info("%s: done", "email-queue")
    logging.getLogger("some.library").warning("unknown patient %s in row %d: %s", "Kavya", 3, ValueError("'Kavya'"))
    logging.getLogger("app.events").warning("stopped", extra={"listener": "send_mail", "patient": "Kavya"})
    shown = [(record["kind"], record["event"]) for record in lines.records()]
    assert shown == [
        ("DATABASE", "connection [masked] reset"),
        ("API", '127.0.0.1 "GET /patients?q=[masked] HTTP/1.1"'),
        ("SYSTEM", "email-queue: done"),
        ("SYSTEM", "unknown patient [masked] in row 3: …"),
        ("SYSTEM", "stopped"),
    ]
    assert (lines.records()[-1]["listener"], lines.records()[-1]["patient"]) == ("send_mail", "[masked]")


def test_a_migration_says_what_it_runs_and_not_what_it_plugs_in(lines):
    logging.getLogger("alembic.runtime.plugins").info("setup plugin %s", "alembic.autogenerate.schemas")
    logging.getLogger("alembic.runtime.migration").info("Running upgrade %s -> %s", "a", "b")
    assert [(record["kind"], record["event"]) for record in lines.records()] == [("DATABASE", "Running upgrade a -> b")]


def test_a_logger_with_a_handler_of_its_own_is_taken_in_too(restored):
    own = Lines()
    library = logging.getLogger("library.with.handler")
    library.addHandler(logging.StreamHandler())
    library.propagate = False
    configure_logging(service="web", production=True, writer=BufferedWriter(own.append))
    library.warning("hello")
    assert [record["event"] for record in own.records()] == ["hello"]


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no")


def test_logging_never_raises(lines):
    get_logger().info("x", status=Hostile())
    unfit = {"name": "some.library", "msg": "%d of %s", "args": ("Kavya",), "levelno": logging.WARNING}
    logging.getLogger().handlers[0].handle(logging.makeLogRecord(unfit))
    first, second = lines.records()
    assert (first["event"], first["error_type"]) == ("a log record could not be written", "RuntimeError")
    assert second["event"] == "%d of %s"


def test_people_read_lines_with_the_traceback_below(restored):
    written: list[bytes] = []
    configure_logging(service="web", production=False, writer=BufferedWriter(written.append))
    try:
        raise LookupError("no patient 'Kavya'")
    except LookupError:
        get_logger().exception("search failed", attempts=2)
    flush()
    head, *rest = b"".join(written).decode().splitlines()
    assert "search failed" in head and "attempts=2" in head
    assert rest[-1] == "LookupError: no patient …"


def test_a_misspelt_level_is_refused():
    with pytest.raises(ValueError, match="DEBUG, INFO"):
        configure_logging(service="web", production=True, level="LOUD")
