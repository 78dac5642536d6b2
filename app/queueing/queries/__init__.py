"""Reading queues: who waits where, and what a waiting room may know of it."""

from app.queueing.queries.classes import BOOKED_CLASSES
from app.queueing.queries.order import waiting_order
from app.queueing.queries.queues import (
    QueueState,
    board_state,
    find_token_of,
    get_token,
    my_tokens,
    queue_state,
)
from app.queueing.queries.waits import wait_tone

__all__ = [
    "BOOKED_CLASSES",
    "QueueState",
    "board_state",
    "find_token_of",
    "get_token",
    "my_tokens",
    "queue_state",
    "wait_tone",
    "waiting_order",
]
