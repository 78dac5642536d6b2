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
from app.queueing.services.check_in_codes import CodeRefused, check_in_code
from app.queueing.services.issuing import issue_token, issue_walk_in
from app.queueing.services.transferring import transfer
from app.queueing.services.undoing import undo

__all__ = [
    "CodeRefused",
    "arrive",
    "call_next",
    "call_token",
    "check_in_code",
    "done",
    "hold",
    "issue_token",
    "issue_walk_in",
    "leave",
    "put_back",
    "recall",
    "resume",
    "serve",
    "skip",
    "transfer",
    "undo",
]
