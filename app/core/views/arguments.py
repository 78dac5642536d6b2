"""What the address of a generated list may say: its page, its size, its order and its filters. The rest is overlooked.

Flask-AppBuilder's own readers raise on `page_X=abc` and on the ninth filter of a column that has two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from flask import request

FILTER_ARGUMENT = re.compile(r"_flt_(0|[1-9]\d?)_(.+)", re.ASCII)
LARGEST_PAGE_NUMBER = 10**6


def pages() -> dict[str, int]:
    """`page_<View>=<number>`: the page of each list on the screen, from 0."""
    return _numbers("page_")


def page_sizes() -> dict[str, int]:
    """`psize_<View>=<number>`."""
    return _numbers("psize_")


def asked_filters(known: dict[str, list[Any]]) -> Iterator[tuple[str, int, list[str]]]:
    """`_flt_<number>_<column>=<value>`: (column, number, values) of the filters that the list has."""
    for key, values in request.args.lists():
        match = FILTER_ARGUMENT.fullmatch(key)
        if match and int(match[1]) < len(known.get(match[2], ())):
            yield match[2], int(match[1]), values


def _numbers(prefix: str) -> dict[str, int]:
    found = {key.removeprefix(prefix): _whole(text) for key, text in request.args.items() if key.startswith(prefix)}
    return {name: number for name, number in found.items() if number is not None}


def _whole(text: str) -> int | None:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
    return number if number is not None and number <= LARGEST_PAGE_NUMBER else None
