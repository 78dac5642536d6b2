"""Routes whose addresses are put together by code that is made when somebody first asks for one.

Werkzeug writes and compiles two functions for each of nine hundred routes at the start, a seventh of it; few are ever
called by one process, and by a worker almost none.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from werkzeug.routing import Rule

Builder = Callable[..., tuple[str, str]]


class LateRule(Rule):
    """For `Flask.url_rule_class`."""

    def _compile_builder(self, append_unknown: bool = True) -> Builder:
        compiled = cache(lambda: super(LateRule, self)._compile_builder(append_unknown))

        def build(rule: Rule, /, **values: object) -> tuple[str, str]:
            return compiled()(rule, **values)

        return build
