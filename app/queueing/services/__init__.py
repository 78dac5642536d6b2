"""The verbs of the live queue. Callers commit."""

from app.queueing.services.arrival import arrive
from app.queueing.services.calling import (
    call_next,
    call_token,
    done,
    hold,
    leave,
    put_back,
    recall,
    resume,
    serve,
    skip,
)
from app.queueing.services.issuing import issue_token, issue_walk_in
from app.queueing.services.returning import may_come_back
from app.queueing.services.transferring import transfer
from app.queueing.services.triage import class_of, set_class
from app.queueing.services.undoing import undo
from app.scheduling.services.check_in_codes import CodeRefused, check_in_code

__all__ = [
    "CodeRefused",
    "arrive",
    "call_next",
    "call_token",
    "check_in_code",
    "class_of",
    "done",
    "hold",
    "issue_token",
    "issue_walk_in",
    "leave",
    "may_come_back",
    "put_back",
    "recall",
    "resume",
    "serve",
    "set_class",
    "skip",
    "transfer",
    "undo",
]
