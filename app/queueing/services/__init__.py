"""The verbs of the live queue. Callers commit."""

from app.queueing.services.arrival import arrive
from app.queueing.services.calling import call_next, done, hold, leave, put_back, recall, serve, skip
from app.queueing.services.issuing import issue_token, issue_walk_in

__all__ = [
    "arrive",
    "call_next",
    "done",
    "hold",
    "issue_token",
    "issue_walk_in",
    "leave",
    "put_back",
    "recall",
    "serve",
    "skip",
]
