"""Whose data a piece of code may touch: the scope, its session, and the first wall (the session hook).

The second wall is PostgreSQL's row-level security (app/core/row_security.py). Both answer to the same scope. DESIGN
9 says why the criterion has a deferred parameter and why every scope has a session of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from flask_appbuilder.models.sqla.base import SQLA
from flask_sqlalchemy.session import Session as FlaskSession
from sqlalchemy import CTE, Connection, Executable, IteratorResult, String, Uuid, bindparam, cast, event, func, select
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria
from sqlalchemy.sql.base import ExecutableOption

from app.core.ids import is_id
from app.core.kept import Kept

Statement = TypeVar("Statement", bound=Executable)

SYSTEM_BIND = "system"
# Where a connection keeps the scope that its present transaction was begun for.
SCOPE_AT_BEGIN = "scope_at_begin"
_CONNECTION = "connection"


class NoClinicInScope(RuntimeError):
    """Clinic data was asked for while no clinic is in scope: a bug of the caller, never of the user."""


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """One clinic, or (`system`) every clinic. Each scope object has a database session of its own.

    With `snapshot`, all statements of a transaction see the rows as they were at its first.
    """

    clinic_id: str | None = None
    system: bool = False
    snapshot: bool = False
    parent: Scope | None = field(default=None, repr=False)


_ROOT = Scope()
_scope: ContextVar[Scope] = ContextVar("scope", default=_ROOT)


def current_scope() -> Scope:
    return _scope.get()


def current_clinic_id() -> str | None:
    return _scope.get().clinic_id


def require_clinic() -> str:
    """The clinic in scope. Raises NoClinicInScope."""
    clinic_id = _scope.get().clinic_id
    if clinic_id is None:
        raise NoClinicInScope("clinic data was queried without a clinic in scope")
    return clinic_id


class ScopedSession(FlaskSession):
    """A session that connects as the role its scope calls for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scope = current_scope()
        self.info["scope"] = self.scope

    def connection(self, *args: Any, **kwargs: Any) -> Connection:
        """The present transaction's connection: the session's own search for it costs as much as a small statement."""
        present: Connection | None = self.info.get(_CONNECTION)
        if present is None or args or kwargs or not self.is_active:
            return super().connection(*args, **kwargs)
        return present

    def get_bind(self, *args: Any, **kwargs: Any) -> Any:
        if self.scope.system and kwargs.get("bind") is None:
            return self._db.engines[SYSTEM_BIND]
        return super().get_bind(*args, **kwargs)


def _whose_session() -> Any:
    """Work has a scope of its own and so a session. The outermost scope is everybody's: in it each thread or greenlet
    has its own, or the end of one request would close what another one is just asking with.
    """
    scope = _scope.get()
    return id(scope) if scope is not _ROOT else (id(scope), threading.get_ident())


db = SQLA(session_options={"scopefunc": _whose_session, "class_": ScopedSession})


def enter_scope(scope: Scope) -> None:
    """Make `scope` current until leave_scope(); edges that cannot use a `with` block call the pair."""
    _scope.set(scope)


def leave_scope() -> None:
    """Close the current scope's session and go back to the scope around it."""
    scope = _scope.get()
    db.session.remove()
    _scope.set(scope.parent or _ROOT)


@contextmanager
def tenant_scope(clinic_id: str, *, snapshot: bool = False) -> Iterator[None]:
    """Work on one clinic's data, in a session of its own."""
    enter_scope(Scope(clinic_id=str(clinic_id), snapshot=snapshot, parent=current_scope()))
    try:
        yield
    finally:
        leave_scope()


@contextmanager
def all_tenants() -> Iterator[None]:
    """The only way past the walls. Every file that uses it is listed in tests/architecture/test_rules.py."""
    enter_scope(Scope(system=True, parent=current_scope()))
    try:
        yield
    finally:
        leave_scope()


_clinic_parameter: Any = bindparam("scope_clinic_id", callable_=require_clinic, type_=Uuid(as_uuid=False))


_criteria: list[ExecutableOption] = []


def install_session_hook(tenant_model: type) -> None:
    """Add `clinic_id = <clinic in scope>` to every ORM statement over a subclass of `tenant_model`."""
    criteria = with_loader_criteria(
        tenant_model,
        lambda cls: cls.clinic_id == _clinic_parameter,
        include_aliases=True,
        track_closure_variables=False,
    )
    _criteria[:] = [criteria]

    @event.listens_for(Session, "do_orm_execute")
    def _restrict(state: ORMExecuteState) -> None:
        # A refresh brings along what the row was loaded with; adding it again makes each refresh slower than the last.
        known = any(option is criteria for option in getattr(state.statement, "_with_options", ()))
        if not known and not _session_scope(state.session).system:
            state.statement = state.statement.options(criteria)


def scoped(statement: Statement) -> Statement:
    """The statement with the hook's criterion in it, for one that is made once and executed many times.

    Which clinic it is, is asked at each execution; in all_tenants() such a statement raises NoClinicInScope.
    """
    return statement.options(*_criteria)


def read_kept(statement: Executable, values: dict[str, Any]) -> IteratorResult[Any]:
    """Rows of a statement made by scoped(), which names columns only, by app/core/kept.py.

    The session, which looks for entities in every answer, is passed by as well.
    """
    session = db.session()
    if session.autoflush:
        session.flush()
    return _kept(statement).execute(session.connection(), values)


def execute_alone(statement: Kept, values: dict[str, Any]) -> IteratorResult[Any]:
    """Execute one statement as a transaction of its own, in a single round trip; it has to name `told_clinic()`."""
    with db.engine.connect() as connection:
        return statement.execute(connection, values)


def told_clinic() -> CTE:
    """One row with the `clinic_id` in scope; whoever reads it has told the second wall of it before.

    PostgreSQL neither merges nor repeats it, as what it calls is volatile.
    """
    setting = func.set_config("app.clinic_id", cast(_clinic_parameter, String), True)
    return select(cast(setting, Uuid(as_uuid=False)).label("clinic_id")).cte("told_clinic")


@cache
def _kept(statement: Executable) -> Kept:
    """There are as many as the modules make."""
    return Kept(statement)


@event.listens_for(Session, "after_begin")
def _tell_database(session: Session, transaction: Any, connection: Any) -> None:
    """The second wall learns of the scope, unless BEGIN brought word of it (app/core/connections.py)."""
    session.info[_CONNECTION] = connection
    scope = _session_scope(session)
    if not scope.system and not transaction.nested and connection.info.get(SCOPE_AT_BEGIN) is not scope:
        connection.exec_driver_sql("select set_config('app.clinic_id', %s, true)", (clinic_setting(scope),))


@event.listens_for(Session, "after_transaction_end")
def _forget_connection(session: Session, transaction: Any) -> None:
    if transaction.parent is None:
        session.info.pop(_CONNECTION, None)


def clinic_setting(scope: Scope) -> str:
    """What row-level security is told of the scope. Raises ValueError for no id."""
    if scope.clinic_id and not is_id(scope.clinic_id):
        raise ValueError("the clinic in scope is not an id")
    return scope.clinic_id or ""


def _session_scope(session: Session) -> Scope:
    return session.info.get("scope", _ROOT)
