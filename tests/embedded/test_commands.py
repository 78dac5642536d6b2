from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.embedded.commands import LONGEST_REVISION, revision_name
from app.embedded.errors import StartFailed

DAY = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("purpose", "name"),
    [
        ("add claims", "20261121_add_claims"),
        ("  Add: claims & payers! ", "20261121_add_claims_payers"),
        ("a very long purpose that Alembic cannot hold", "20261121_a_very_long_purpose_tha"),
    ],
)
def test_a_migration_is_named_by_date_and_purpose(purpose: str, name: str) -> None:
    assert revision_name(purpose, DAY) == name
    assert len(name) <= LONGEST_REVISION


def test_a_purpose_without_letters_is_refused() -> None:
    with pytest.raises(StartFailed, match="Say what the migration is for"):
        revision_name("!!", DAY)
