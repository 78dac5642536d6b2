"""The checks by name, in the order in which they run: the memory of the processes is looked at after their work."""

from __future__ import annotations

from collections.abc import Callable

from bench.checks.booking import booking
from bench.checks.bulk import bulk
from bench.checks.console import console_pages
from bench.checks.events import events
from bench.checks.front_desk import front_desk
from bench.checks.intake import intake
from bench.checks.live_queue import live_queue
from bench.checks.loader import loader
from bench.checks.memory import memory
from bench.checks.messages import messages
from bench.checks.paper import paper
from bench.checks.plans import plans
from bench.checks.revenue import revenue
from bench.checks.search import patient_search
from bench.checks.slots import slots
from bench.checks.transition import transition
from bench.checks.visits import list_of_visits
from bench.figures import Effort, Figure
from bench.installation import Installation

Check = Callable[[Installation, Effort], list[Figure]]

CHECKS: dict[str, Check] = {
    "loader": loader,
    "plans": plans,
    "list": list_of_visits,
    "booking": booking,
    "slots": slots,
    "console": console_pages,
    "desk": front_desk,
    "search": patient_search,
    "intake": intake,
    "transition": transition,
    "events": events,
    "queue": live_queue,
    "messages": messages,
    "bulk": bulk,
    "paper": paper,
    "revenue": revenue,
    "memory": memory,
}
