"""The one failure of the launcher."""

from __future__ import annotations


class StartFailed(Exception):
    """The console cannot start; the text tells the operator why and what to do, without any secret."""
