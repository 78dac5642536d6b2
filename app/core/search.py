"""What people type into a search box, and the normal forms that they are compared in."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, ValidationResult

MAX_QUERY_LENGTH = 100
PHONE_PREFIX_DIGITS = 5  # fewer digits would match a tenth of all numbers
LAST_CODE_POINT = 0x10FFFF
SURROGATES = range(0xD800, 0xE000)

# Letters that Unicode does not decompose, as they are usually typed without the foreign key.
_PLAIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"})
# Typed or not, these never part a name: D'Souza, O’Brien, and the invisible joiners of Indic typing.
_DROPPED = dict.fromkeys(map(ord, "'’‘ʼʹ`´\u200b\u200c\u200d\u00ad\ufeff"))
_LATIN_MARKS = (range(0x0300, 0x0370), range(0x1AB0, 0x1B00), range(0x1DC0, 0x1E00), range(0x20D0, 0x2100))


class PhoneFault(StrEnum):
    """Why a telephone number cannot be used."""

    NOT_A_NUMBER = "not_a_number"
    UNKNOWN_COUNTRY = "unknown_country"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    NOT_DIALABLE = "not_dialable"
    HAS_EXTENSION = "has_extension"


class InvalidPhone(ValueError):
    """The text is no telephone number; `reason` says why. The number itself is never in the text."""

    def __init__(self, reason: PhoneFault) -> None:
        self.reason = reason
        super().__init__(reason.value)


class TermKind(StrEnum):
    NAME = "name"
    PHONE = "phone"
    PHONE_PREFIX = "phone_prefix"
    MRN = "mrn"
    BORN_ON = "born_on"


@dataclass(frozen=True)
class Term:
    """One thing to look for. NAME, MRN and PHONE_PREFIX are prefixes; BORN_ON is an ISO date, PHONE a whole number."""

    kind: TermKind
    value: str


@dataclass(frozen=True)
class SearchQuery:
    """A row matches when it matches every group; a group matches when any of its terms does."""

    groups: tuple[tuple[Term, ...], ...]

    def __bool__(self) -> bool:
        return bool(self.groups)


_Reader = Callable[[re.Match[str], str], tuple[Term, ...]]


def normalise_name(text: str) -> str:
    """Lower case without accents, apostrophes and punctuation; Devanagari keeps its marks, all digits become 0-9."""
    folded = unicodedata.normalize("NFKD", text.casefold()).casefold().translate(_PLAIN).translate(_DROPPED)
    kept = "".join(_letter(char) for char in folded if not _is_latin_mark(char))
    return " ".join(unicodedata.normalize("NFC", kept).split())


def next_prefix(prefix: str) -> str | None:
    """The least text above everything that starts with `prefix` in code-point order; None if there is none."""
    for place in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[place]) + 1
        if code in SURROGATES:
            code = SURROGATES.stop
        if code <= LAST_CODE_POINT:
            return prefix[:place] + chr(code)
    return None


def prefix_bounds(prefix: str) -> tuple[str, str | None]:
    """Bounds for `column ~>=~ low and column ~<~ high` over an index with text_pattern_ops; no upper one if None."""
    return prefix, next_prefix(prefix)


def parse_phone(text: str, region: str) -> str:
    """The number in E.164, read as dialled in `region` (ISO 3166, "IN"). Raises InvalidPhone with the reason."""
    try:
        number = phonenumbers.parse(_ascii_digits(text), region.upper())
    except NumberParseException as error:
        raise InvalidPhone(_PARSE_FAULTS.get(error.error_type, PhoneFault.NOT_A_NUMBER)) from None
    if number.extension:
        raise InvalidPhone(PhoneFault.HAS_EXTENSION)
    possible = phonenumbers.is_possible_number_with_reason(number)
    if possible in _LENGTH_FAULTS:
        raise InvalidPhone(_LENGTH_FAULTS[possible])
    if not phonenumbers.is_valid_number(number):
        raise InvalidPhone(PhoneFault.NOT_DIALABLE)
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def parse_search(text: str, region: str) -> SearchQuery:
    """Take a search box apart: dates, telephone numbers with their spaces, record numbers, and name prefixes."""
    rest = _ascii_digits(text[:MAX_QUERY_LENGTH])
    groups: list[tuple[Term, ...]] = []
    for pattern, read in _PATTERNS:
        rest, found = _take(pattern, read, rest, region)
        groups.extend(found)
    for word in rest.split():
        groups.extend(_word_groups(word))
    return SearchQuery(tuple(dict.fromkeys(groups)))


def _letter(char: str) -> str:
    category = unicodedata.category(char)
    if category == "Nd":
        return str(unicodedata.decimal(char))
    return char if category[0] in "LMN" else " "


def _is_latin_mark(char: str) -> bool:
    return any(ord(char) in block for block in _LATIN_MARKS)


def _ascii_digits(text: str) -> str:
    return "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in text)


def _take(pattern: re.Pattern[str], read: _Reader, text: str, region: str) -> tuple[str, list[tuple[Term, ...]]]:
    """Cut out what the pattern finds and the reader accepts; what it refuses stays for the next pattern."""
    found: list[tuple[Term, ...]] = []

    def replace(match: re.Match[str]) -> str:
        group = read(match, region)
        found.extend([group] if group else [])
        return " " if group else match.group()

    return pattern.sub(replace, text), found


def _read_iso_date(match: re.Match[str], _region: str) -> tuple[Term, ...]:
    year, month, day = (int(part) for part in match.groups())
    return _born_on(year, month, day)


def _read_local_date(match: re.Match[str], region: str) -> tuple[Term, ...]:
    first, second, year = (int(part) for part in match.groups())
    day, month = (second, first) if region.upper() in _MONTH_FIRST else (first, second)
    return _born_on(year, month, day) or _born_on(year, day, month)


def _born_on(year: int, month: int, day: int) -> tuple[Term, ...]:
    try:
        return (Term(TermKind.BORN_ON, date(year, month, day).isoformat()),)
    except ValueError:
        return ()


def _read_mrn(match: re.Match[str], _region: str) -> tuple[Term, ...]:
    return (Term(TermKind.MRN, match.group(1).upper()),)


def _read_number(match: re.Match[str], region: str) -> tuple[Term, ...]:
    """A run of digits: a record number where it could be one, a telephone number or the beginning of one."""
    text = match.group()
    record = (Term(TermKind.MRN, text),) if re.fullmatch(r"[\d-]+", text) else ()
    return (*record, *_phone(text, region))


def _phone(text: str, region: str) -> tuple[Term, ...]:
    """Numbers are stored in full: an unfinished one gets the country code of the region that it is dialled in."""
    with suppress(InvalidPhone):
        return (Term(TermKind.PHONE, parse_phone(text, region)),)
    digits = re.sub(r"\D", "", text).lstrip("0")
    if len(digits) < PHONE_PREFIX_DIGITS:
        return ()
    code = "" if text.startswith("+") else phonenumbers.country_code_for_region(region.upper())
    return (Term(TermKind.PHONE_PREFIX, f"+{code}{digits}"),)


def _word_groups(word: str) -> Iterator[tuple[Term, ...]]:
    """A word with digits may be a record number as well as a name."""
    names = tuple(Term(TermKind.NAME, name) for name in normalise_name(word).split())
    if not any(char.isdigit() for char in word):
        yield from ((name,) for name in names)
        return
    record = Term(TermKind.MRN, word.strip(_EDGES).upper())
    yield (record, *names) if len(names) == 1 else (record,)


_EDGES = ".,;:()[]#+"
_MONTH_FIRST = frozenset({"US", "PH", "PR", "GU", "FM", "MH", "PW"})
_PARSE_FAULTS = {
    NumberParseException.INVALID_COUNTRY_CODE: PhoneFault.UNKNOWN_COUNTRY,
    NumberParseException.TOO_SHORT_AFTER_IDD: PhoneFault.TOO_SHORT,
    NumberParseException.TOO_SHORT_NSN: PhoneFault.TOO_SHORT,
    NumberParseException.TOO_LONG: PhoneFault.TOO_LONG,
}
_LENGTH_FAULTS = {
    ValidationResult.TOO_SHORT: PhoneFault.TOO_SHORT,
    ValidationResult.TOO_LONG: PhoneFault.TOO_LONG,
    ValidationResult.INVALID_COUNTRY_CODE: PhoneFault.UNKNOWN_COUNTRY,
}
# Tried in this order: a date is never a telephone number, which may contain blanks.
_PATTERNS = (
    (re.compile(r"(?<!\d)(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)"), _read_iso_date),
    (re.compile(r"(?<!\d)(\d{1,2})[./-](\d{1,2})[./-](\d{4})(?!\d)"), _read_local_date),
    (re.compile(r"\bmrn[\s:#-]*([\w-]*\d[\w-]*)", re.IGNORECASE), _read_mrn),
    (re.compile(r"(?<!\S)\+?[(\d](?:[\d\s().-]*\d)?(?!\S)"), _read_number),
)
