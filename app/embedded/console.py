"""What `make run` prints. A terminal that went away must not stop anything."""

from __future__ import annotations

import os
import sys
import time
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

PREFIX_WIDTH = 8
COLOURS = {"web": "36", "worker": "33", "cron": "35", "sandbox": "32"}
OTHER_COLOUR = "34"


class Console:
    """Writes UTF-8 whatever the locale says, coloured on a terminal."""

    def __init__(self) -> None:
        self.is_terminal = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def say(self, text: str = "") -> None:
        self._write(f"{text}\n")

    def warn(self, text: str) -> None:
        self._write(f"{self._paint('!', '33;1')} {text}\n")

    def fail(self, text: str) -> None:
        self._write(f"\n{self._paint('✗', '31;1')} {text}\n")

    def line_of(self, name: str, line: str) -> None:
        """One line of a child, with its name in front."""
        prefix = self._paint(f"{name:<{PREFIX_WIDTH}}│", COLOURS.get(name, OTHER_COLOUR))
        self._write(f"{prefix} {line}\n")

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Says how long the part took once it is done; nothing if it failed."""
        started = time.monotonic()
        yield
        self.say(f"{self._paint('✓', '32;1')} {title:<52}{time.monotonic() - started:6.1f} s")

    def box(self, lines: Sequence[str]) -> None:
        width = max(map(_columns, lines)) + 4
        self.say(f"\n╭{'─' * width}╮")
        for line in lines:
            self.say(f"│  {line}{' ' * (width - 4 - _columns(line))}  │")
        self.say(f"╰{'─' * width}╯\n")

    def _paint(self, text: str, colour: str) -> str:
        return f"\033[{colour}m{text}\033[0m" if self.is_terminal else text

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            sys.stdout.buffer.write(text.encode("utf-8", errors="replace"))
            sys.stdout.buffer.flush()


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
