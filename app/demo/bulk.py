"""Inserting many rows of a model at once: a year of history would take minutes row by row."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import insert

from app.core.tenant import db, require_clinic

BATCH = 1000
WITH_NULLS = {"render_nulls": True}  # without them, a value more or less is another statement, too


class Rows:
    """Rows by model, written in the order in which the models were first used."""

    def __init__(self) -> None:
        self._clinic_id = require_clinic()
        self._rows: dict[Any, dict[frozenset[str], list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))

    def add(self, model: Any, **values: Any) -> None:
        self._rows[model][frozenset(values)].append({"clinic_id": self._clinic_id, **values})

    def write(self) -> int:
        """How many rows were written. Those with values for the same columns go together: each change of columns would
        begin another statement.
        """
        written = 0
        for model, alike in self._rows.items():
            for rows in alike.values():
                for start in range(0, len(rows), BATCH):
                    db.session.execute(insert(model), rows[start : start + BATCH], execution_options=WITH_NULLS)
                written += len(rows)
        self._rows.clear()
        return written
