"""Exceptions as they may be logged: type, where, and no more of the message than can hold no patient data."""

from __future__ import annotations

import re
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

MAX_FRAMES = 30
MAX_CAUSES = 5
_ROOT = str(Path(__file__).resolve().parents[3]) + "/"
# «…» goes to the end where nothing closes it: to look for that at each of many would take the square of the length.
_QUOTED = re.compile(r"""(["'`])(?:(?!\1).)*\1|\([^()]*\)|«[^»]*»?""")
# What these quote is code, not data.
_CODE_ERRORS = (AttributeError, NameError, ImportError, TypeError, SyntaxError, NotImplementedError)


@dataclass(frozen=True)
class Failure:
    """One exception; `cause` is the one that it was raised from or while handling."""

    type: str
    message: str
    stack: tuple[str, ...] = ()
    sqlstate: str | None = None
    constraint: str | None = None
    cause: Failure | None = None

    def to_json(self) -> dict[str, Any]:
        fields = {key: value for key, value in asdict(self).items() if value and key != "cause"}
        return {**fields, "cause": self.cause.to_json()} if self.cause else fields

    def __str__(self) -> str:
        """For people at a terminal; the cause first, as Python does."""
        before = f"{self.cause}\n\n" if self.cause else ""
        return before + "\n".join((*(f"  {frame}" for frame in self.stack), f"{self.type}: {self.message}"))


def describe(error: BaseException, depth: int = MAX_CAUSES) -> Failure:
    """What may be logged of the exception. Drivers and validators quote the offending values: those go."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    driver = getattr(error, "orig", None) or error
    return Failure(
        type=f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins."),
        message=_message(error),
        stack=_stack(error.__traceback__),
        sqlstate=getattr(driver, "sqlstate", None),
        constraint=getattr(getattr(driver, "diag", None), "constraint_name", None),
        cause=describe(cause, depth - 1) if cause is not None and depth > 0 else None,
    )


def _message(error: BaseException) -> str:
    if hasattr(error, "errors") and type(error).__module__.startswith("pydantic"):
        return _validation_message(error)
    first_line = str(error).partition("\n")[0]
    return first_line if isinstance(error, _CODE_ERRORS) else _QUOTED.sub("…", first_line)


def _validation_message(error: Any) -> str:
    """Where and what kind; pydantic's own text repeats the input."""
    faults = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['type']}" for fault in faults[:10])


def _stack(trace: TracebackType | None) -> tuple[str, ...]:
    frames = traceback.extract_tb(trace)[-MAX_FRAMES:]
    return tuple(f"{_short(frame.filename)}:{frame.lineno} in {frame.name}" for frame in frames)


def _short(file: str) -> str:
    return file.rpartition("site-packages/")[2].removeprefix(_ROOT)
