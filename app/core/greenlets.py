"""Whether this process serves requests as greenlets."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any


@cache
def uses_greenlets() -> bool:
    """Whether gevent has replaced what blocks; a server does that before anything else."""
    monkey: Any = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("select"))
