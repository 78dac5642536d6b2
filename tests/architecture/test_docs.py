"""The documents point at what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
DECISIONS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_and_picture_of_a_document_exists(document: Path) -> None:
    targets = LINK.findall(document.read_text(encoding="utf-8"))
    assert [target for target in targets if not (document.parent / target).exists()] == []


def test_every_picture_is_shown_somewhere() -> None:
    shown = {(page.parent / target).resolve() for page in DOCUMENTS for target in LINK.findall(page.read_text("utf-8"))}
    assert set((ROOT / "docs" / "images").iterdir()) - shown == set()


def test_decisions_are_numbered_without_a_gap_and_listed_by_their_titles() -> None:
    titles = [decision.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ") for decision in DECISIONS]
    assert [title.partition(".")[0] for title in titles] == [str(number) for number in range(1, len(titles) + 1)]
    wanted = [
        f"{number}. [{title}]({decision.name})"
        for decision, (number, _dot, title) in zip(DECISIONS, (each.partition(". ") for each in titles), strict=True)
    ]
    listed = (ROOT / "docs" / "adr" / "README.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in listed if re.match(r"\d+\. ", line)] == wanted


def test_the_last_storm_lost_nothing_and_sent_nothing_twice() -> None:
    """`make chaos` writes its table there (tests/chaos/test_storm.py)."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    told = text.partition("<!-- make chaos writes from here -->")[2].partition("<!-- to here -->")[0]
    rows = re.findall(r"^\| ([\d,]+) \| ([A-Z]+) \| (\d+) \| (.+) \|$", told, re.MULTILINE)
    assert re.match(r"\n5,000 events published in \d+ s:\n", told)
    assert sum(int(number.replace(",", "")) for number, *_ in rows) == 5_000
    assert {copies for _, end, copies, _ in rows if end in ("SENT", "DELIVERED", "READ")} == {"1"}
    assert all(int(copies) <= 1 and (end == "SENT" or why != "–") for _, end, copies, why in rows)
