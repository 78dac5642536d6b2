"""Reading queues: who waits where, and what a waiting room may know of it."""

from app.queueing.queries.order import waiting_order
from app.queueing.queries.queues import (
    QueueState,
    board_state,
    find_token_of,
    get_token,
    my_tokens,
    queue_state,
)

__all__ = [
    "QueueState",
    "board_state",
    "find_token_of",
    "get_token",
    "my_tokens",
    "queue_state",
    "waiting_order",
]
