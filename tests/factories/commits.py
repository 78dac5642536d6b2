"""One commit for all that a factory makes, whichever factories it asks in turn.

Most of what a row of a test costs is its transaction: the commit, the seal of the trail, and to read again what the
commit has made old.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.core.tenant import db
from app.core.transaction import unit_of_work

_WITHIN = "within_a_factory"


@contextmanager
def one_commit() -> Iterator[None]:
    """As unit_of_work(); a factory asked by another one leaves the commit to it."""
    session = db.session()
    if session.info.get(_WITHIN):
        yield
        session.flush()
        return
    session.info[_WITHIN] = True
    try:
        with unit_of_work():
            yield
    finally:
        session.info.pop(_WITHIN)
